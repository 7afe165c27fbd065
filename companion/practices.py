"""The guided practices: Markdown files in, `Practice` values out. Pure reading, any thread, about a millisecond.

Shipped ones live in `resources/practices`, a person's own in `practices` beside the settings; an own file of the same
name takes the place of a shipped one. A file is a front matter of `key: value` lines, then one `## ` section per step:
quoted lines (`> `) are questions the offline guide may ask there ({topic} in one stands for what the person spoke of), a
line `Purpose: ...` says what the step is for, and the other lines are what a model is told.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from companion import days
from companion.events import PracticeChanged
from companion.paths import find_home, resources
from companion.places import read_regular

_log = logging.getLogger(__name__)
_PARTS = ((5, "morning"), (12, "afternoon"), (17, "evening"), (22, "night"))
_LARGEST_FILE_BYTES = 64_000
_LARGEST_NUMBER = 100_000
_OPENINGS = ("any", *(part for _, part in _PARTS))
_FIELDS = ("name", "title", "summary", "icon", "minutes", "order", "pace", "closing")
_PACES = ("slow", "easy", "brisk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stretch of a practice."""

    title: str
    questions: tuple[str, ...] = ()
    """What the offline guide may ask here, each one question; empty: it asks by what was said."""
    purpose: str = ""
    """What it is for, as the window shows it."""
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
    pace: str = "easy"
    """`slow`, `easy` or `brisk`."""
    closing: str = ""
    """What is said when the last step is done; empty: a general sentence."""

    def opening(self, hour: int) -> str:
        """The question that opens the practice at `hour` (0..23, local time)."""
        return self.openings.get(part_of_day(hour)) or self.openings["any"]

    def step_index(self, turns_before: int) -> int:
        """Which of `steps` the next answer belongs to, after `turns_before` turns."""
        return max(0, min(turns_before, len(self.steps) - 1))

    def is_over(self, turns_before: int) -> bool:
        """Whether the last step has been answered, so that the next answer is the closing or comes after it."""
        return turns_before >= len(self.steps)


class Wish(StrEnum):
    """What somebody asks of the practice instead of answering."""

    NONE = ""
    ANOTHER = "another"
    """Another question in the same place."""
    SKIP = "skip"
    STAY = "stay"
    """Stay in this step until they say to go on."""


_POLITE = (
    r"(?:(?:please|can you|could you|can we|could we|let's|let us|i want to|i'd like to|"
    r"i would like to|ok|okay|no|well|just|and|a moment) )*"
)
_WISHES = (
    (
        rf"{_POLITE}(?:(?:give|ask) me|have|get|i'd like|i want|try|do you have)? ?(?:a |an)?(?:another|"
        rf"different|other|new|next) question"
        rf"|{_POLITE}ask (?:me )?(?:something|anything) else|{_POLITE}ask (?:me )?(?:differently|another way)",
        Wish.ANOTHER,
    ),
    (
        rf"{_POLITE}(?:skip|pass|move on|go on|continue|next|next step|next one)(?: (?:this|that|it|"
        rf"the question|this (?:one|question|step)"
        r"|that (?:one|question)|to the next(?: (?:step|one|question))?|now))*",
        Wish.SKIP,
    ),
    (
        rf"{_POLITE}(?:stay|wait|remain|stop)(?: a (?:little|bit|moment|while))?(?: longer)? (?:here|there|"
        rf"with (?:this|that|it))"
        rf"(?: (?:a (?:little|bit|moment|while)|longer|for (?:a|now)|while|moment|bit))*|"
        rf"{_POLITE}not (?:so fast|yet)|{_POLITE}don't go on(?: yet)?",
        Wish.STAY,
    ),
)


def wish_in(text: str) -> Wish:
    """What `text`, as a whole, asks of the practice; `NONE` where it answers."""
    plain = " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text[:200].lower().replace("’", "'")))
    plain = plain.removesuffix(" please")
    return next((wish for pattern, wish in _WISHES if re.fullmatch(pattern, plain)), Wish.NONE)


def steps_done(said: Sequence[str]) -> int:
    """How far the person's messages have come: how many steps are answered or skipped, the opening counting as one.

    "Another question" stays where it is, and after "stay here" nothing moves until "go on".
    """
    done, stays = 0, False
    for text in said:
        wish = wish_in(text)
        if wish is Wish.STAY or wish is Wish.SKIP:
            stays = wish is Wish.STAY
        done += wish is Wish.SKIP or (wish is Wish.NONE and not stays)
    return done


def title_in(answer: str) -> str:
    """The title an answer offers at the end of a practice, as the guide writes it and models are told to; else empty."""
    found = re.search(r'If you want a title for it: [“"]([^”"]{1,80})[”"]', answer)
    return found[1].strip() if found else ""


def part_of_day(hour: int) -> str:
    """`morning` from 5, `afternoon` from 12, `evening` from 17, `night` from 22."""
    part = "night"
    for start, name in _PARTS:
        if hour >= start:
            part = name
    return part


def standing(practice: Practice, said: Sequence[str]) -> PracticeChanged:
    """Where a session of `practice` stands after the person said `said`, as the window is told."""
    done = steps_done(said)
    step = practice.steps[practice.step_index(done)]
    return PracticeChanged(
        name=practice.name,
        title=practice.title,
        step=practice.step_index(done) + 1,
        steps=len(practice.steps),
        opening=practice.opening(days.now().hour),
        purpose=step.purpose,
        is_over=done > len(practice.steps),
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
    for path in [*_files(shipped), *_files(own)]:
        try:
            practice = _read(path)
        except (OSError, ValueError) as error:
            _log.warning("practice %s left out: %s", path.name, error)
        else:
            found[practice.name] = practice
    return tuple(sorted(found.values(), key=lambda practice: (practice.order, practice.title)))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.md"))
    except OSError as error:  # a name that is too long, a loop of links
        _log.warning("no practices of your own: %s", error.strerror)
        return []


def _read(path: Path) -> Practice:
    content = read_regular(path, most_bytes=_LARGEST_FILE_BYTES) or b""
    return parse_practice(content.decode("utf-8-sig"), path.stem)


def parse_practice(text: str, name: str) -> Practice:
    """The practice a file describes; `name` is the file's, without ending.

    Raises:
        ValueError: what is wrong with it, in sentences a person can act on.
    """
    faults = tuple(practice_faults(text))
    if faults:
        raise ValueError(" ".join(faults))
    fields, body = _split_front_matter(text)
    openings = {part: fields[part] for part in _OPENINGS if fields.get(part)}
    openings.setdefault("any", next(iter(openings.values())))
    return Practice(
        name=fields.get("name", name).lower().replace("_", "-").replace(" ", "-"),
        title=fields.get("title") or name.replace("-", " ").capitalize(),
        summary=fields.get("summary", ""),
        icon=fields.get("icon", "leaf"),
        minutes=int(fields.get("minutes", "5")),
        order=int(fields.get("order", "1000")),
        openings=openings,
        steps=tuple(map(_read_step, _sections(body))),
        pace=fields.get("pace", "easy"),
        closing=fields.get("closing", ""),
    )


def practice_faults(text: str) -> Iterator[str]:
    """What keeps `text` from being a practice, a sentence each; nothing where it is one."""
    try:
        fields, body = _split_front_matter(text)
    except ValueError as error:
        yield str(error)
        return
    for key in fields.keys() - {*_OPENINGS, *_FIELDS}:
        near = ", ".join((*_FIELDS, *_OPENINGS))
        yield f"The line '{key}:' means nothing here; known are {near}."
    openings = {part: fields[part] for part in _OPENINGS if fields.get(part)}
    if not openings:
        yield "The opening question is missing: write a line 'any: What is on your mind?'."
    for part, question in openings.items():
        if not question.endswith("?") or "?" in question[:-1]:
            yield f"The opening '{part}: {question}' has to be one question, with a question mark at its end."
    for key in ("minutes", "order"):
        value = fields.get(key, "1")
        if not (value.isascii() and value.isdigit() and int(value) <= _LARGEST_NUMBER):
            yield f"'{key}: {value}' has to be a whole number, such as 5."
    if fields.get("pace", "easy") not in _PACES:
        yield f"'pace: {fields['pace']}' has to be slow, easy or brisk."
    if "?" in fields.get("closing", ""):
        yield "The closing lets the person go, so it cannot be a question."
    sections = _sections(body)
    if not sections:
        yield "There is no step: begin each step with a line such as '## Look back'."
    for n, section in enumerate(sections, 1):
        yield from _step_faults(n, _read_step(section))


def _step_faults(n: int, step: Step) -> Iterator[str]:
    if not step.title:
        yield f"Step {n} has no title after '##'."
    for question in step.questions:
        if not question.endswith("?"):
            yield f"In step {n}, the line '> {question}' has to end with a question mark."
        if set(re.findall(r"\{(\w*)\}", question)) - {"topic"}:
            yield f"In step {n}, only {{topic}} may stand in braces: '> {question}'."


def _split_front_matter(text: str) -> tuple[dict[str, str], str]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in (line.strip() for line in lines[1:]):
        raise ValueError(
            "The file has to begin with its front matter: lines like 'title: A walk' between two lines of '---'."
        )
    end = next(n for n, line in enumerate(lines[1:], 1) if line.strip() == "---")
    fields: dict[str, str] = {}
    for line in lines[1:end]:
        key, colon, value = line.partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        if not colon:
            raise ValueError(
                f"The line '{line.strip()}' in the front matter needs a colon, as in 'title: A walk'."
            )
        fields[key.strip().lower()] = value.strip().strip("\"'")
    return fields, "\n".join(lines[end + 1 :])


def _sections(body: str) -> list[str]:
    return ("\n" + body).split("\n## ")[1:]


def _read_step(section: str) -> Step:
    title, *lines = section.splitlines() or [""]
    questions, purpose, guidance = [], "", []
    for line in filter(None, map(str.strip, lines)):
        if line.startswith(">"):
            questions += [line[1:].strip()] if line[1:].strip() else []
        elif line.lower().startswith("purpose:"):
            purpose = line.partition(":")[2].strip()
        else:
            guidance.append(line)
    return Step(title=title.strip(), questions=tuple(questions), purpose=purpose, guidance=" ".join(guidance))
