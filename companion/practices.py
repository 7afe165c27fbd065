"""The guided practices: Markdown files in, `Practice` values out. Pure reading, any thread, about a millisecond.

Shipped ones live in `resources/practices`, a person's own in `practices` beside the settings; an own file of the same
name takes the place of a shipped one. A file is a front matter of `key: value` lines, then one `## ` section per step:
quoted lines (`> `) are questions the offline guide may ask there, the other lines are what a model is told.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from companion import days
from companion.events import PracticeChanged
from companion.paths import find_home, resources

_log = logging.getLogger(__name__)
_PARTS = ((5, "morning"), (12, "afternoon"), (17, "evening"), (22, "night"))
_LARGEST_FILE_BYTES = 64_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stretch of a practice."""

    title: str
    questions: tuple[str, ...] = ()
    """What the offline guide may ask here, each one question; empty: it asks by what was said."""
    guidance: str = ""
    """What a model is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A guided way to reflect. The answer to the person's n-th message belongs to step n, later ones to the last."""

    name: str
    """Stable id, as in the file's name: `evening-review`."""
    title: str
    summary: str
    """One sentence for the card."""
    icon: str
    """Name of an icon in `resources/icons`, without ending."""
    minutes: int
    """How long it usually takes."""
    order: int
    openings: Mapping[str, str]
    """Part of day -> the first question; the key `any` stands in for a missing part."""
    steps: tuple[Step, ...]

    def opening(self, hour: int) -> str:
        """The question that opens the practice at `hour` (0..23, local time)."""
        return self.openings.get(part_of_day(hour)) or self.openings["any"]

    def step_index(self, turns_before: int) -> int:
        """Which of `steps` the next answer belongs to, after `turns_before` turns."""
        return max(0, min(turns_before, len(self.steps) - 1))


def part_of_day(hour: int) -> str:
    """`morning` from 5, `afternoon` from 12, `evening` from 17, `night` from 22."""
    part = "night"
    for start, name in _PARTS:
        if hour >= start:
            part = name
    return part


def standing(practice: Practice, turns: int) -> PracticeChanged:
    """Where a session of `practice` stands after `turns` exchanges, as the window is told."""
    return PracticeChanged(
        name=practice.name,
        title=practice.title,
        step=min(turns + 1, len(practice.steps)),
        steps=len(practice.steps),
        opening=practice.opening(days.now().hour),
    )


def load_practices(own: Path | None = None) -> tuple[Practice, ...]:
    """All practices in the order they are offered. Unreadable files are named in the log and left out.

    Args:
        own: folder of the person's own practices; by default `practices` beside the settings.
    """
    return _load(resources() / "practices", own or find_home().config / "practices")


def find_practice(name: str, own: Path | None = None) -> Practice:
    """The practice called `name`, or the first one (open reflection) where there is none of that name."""
    practices = load_practices(own)
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    return next((practice for practice in practices if practice.name == wanted), practices[0])


@lru_cache(maxsize=8)
def _load(shipped: Path, own: Path) -> tuple[Practice, ...]:
    found: dict[str, Practice] = {}
    for path in [*sorted(shipped.glob("*.md")), *sorted(own.glob("*.md"))]:
        try:
            practice = _read(path)
        except (OSError, ValueError) as error:
            _log.warning("practice %s left out: %s", path.name, error)
        else:
            found[practice.name] = practice
    return tuple(sorted(found.values(), key=lambda practice: (practice.order, practice.title)))


def _read(path: Path) -> Practice:
    with path.open("rb") as file:
        content = file.read(_LARGEST_FILE_BYTES + 1)
    if len(content) > _LARGEST_FILE_BYTES:
        raise ValueError("longer than 64 kB")
    return parse_practice(content.decode("utf-8-sig"), path.stem)


def parse_practice(text: str, name: str) -> Practice:
    """The practice a file describes; `name` is the file's, without ending.

    Raises:
        ValueError: what is missing, in a few words.
    """
    fields, body = _split_front_matter(text)
    openings = {part: fields[part] for part in ("any", *(part for _, part in _PARTS)) if fields.get(part)}
    if not openings:
        raise ValueError("no opening question (any, morning, afternoon, evening or night)")
    openings.setdefault("any", next(iter(openings.values())))
    steps = tuple(_read_step(section) for section in ("\n" + body).split("\n## ")[1:])
    if not steps:
        raise ValueError("no step (a line that begins with '## ')")
    return Practice(
        name=fields.get("name", name).lower().replace("_", "-").replace(" ", "-"),
        title=fields.get("title") or name.replace("-", " ").capitalize(),
        summary=fields.get("summary", ""),
        icon=fields.get("icon", "leaf"),
        minutes=int(fields.get("minutes", "5")),
        order=int(fields.get("order", "1000")),
        openings=openings,
        steps=steps,
    )


def _split_front_matter(text: str) -> tuple[dict[str, str], str]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in (line.strip() for line in lines[1:]):
        raise ValueError("no front matter between two lines of '---'")
    end = next(n for n, line in enumerate(lines[1:], 1) if line.strip() == "---")
    pairs = (line.partition(":") for line in lines[1:end] if line.strip() and not line.startswith("#"))
    fields = {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}
    return fields, "\n".join(lines[end + 1 :])


def _read_step(section: str) -> Step:
    title, *lines = section.splitlines()
    questions = tuple(line[1:].strip() for line in lines if line.startswith(">") and line[1:].strip())
    guidance = " ".join(line.strip() for line in lines if line.strip() and not line.startswith(">"))
    return Step(title=title.strip(), questions=questions, guidance=guidance)
