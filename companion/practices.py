"""The guided practices: Markdown files in, `Practice` values out, and back. Pure reading, any thread, about a millisecond.

Shipped ones live in `resources/practices`, a person's own in `practices` beside the settings; an own file of the same
name takes the place of a shipped one. A file is a front matter of `key: value` lines, then one `## ` section per step:
quoted lines (`> `) are questions the offline guide may ask there ({topic} in one stands for what the person spoke of), a
line `Purpose: ...` says what the step is for, and the other lines are what a model is told. A backslash before a line
keeps it from being any of these.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from companion import days
from companion.events import PracticeChanged
from companion.frozen import Frozen
from companion.language import language, mark, tr
from companion.paths import find_home, resources
from companion.phrases import MOST_WORDS, folded, patterns, read_lines
from companion.places import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)
_PARTS = ((5, "morning"), (12, "afternoon"), (17, "evening"), (22, "night"))
_LARGEST_FILE_BYTES = 64_000
_LARGEST_NUMBER = 100_000
OPENINGS = ("any", *(part for _, part in _PARTS))
_FIELDS = ("name", "title", "summary", "icon", "minutes", "order", "pace", "closing")
PACES = ("slow", "easy", "brisk")
_TOO_LONG = mark("It is longer than 64 kB.")


class Step(Frozen):
    """One stretch of a practice."""

    title: str
    questions: tuple[str, ...] = ()
    """What the offline guide may ask here, each one question; empty: it asks by what was said."""
    purpose: str = ""
    """What it is for, as the window shows it."""
    guidance: str = ""
    """What a model is told."""


class Practice(Frozen):
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
    """What `text`, as a whole, asks of the practice, in any language we have words for; `NONE` where it answers."""
    plain = " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text[:200].lower().replace("’", "'")))
    plain = plain.removesuffix(" please")
    found = next((wish for pattern, wish in _WISHES if re.fullmatch(pattern, plain)), Wish.NONE)
    return found or _wish_elsewhere(folded(text[:200]))


def _wish_elsewhere(plain: str) -> Wish:
    if not plain or plain.count(" ") >= MOST_WORDS:
        return Wish.NONE
    meant = (Wish(meaning) for meaning, pattern in _translated_wishes() if pattern.fullmatch(plain))
    return next(meant, Wish.NONE)


@lru_cache(maxsize=1)
def _translated_wishes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """(meaning, what a folded message has to match) of every language that says its own: `practices/<code>/wishes.txt`."""
    files = sorted((resources() / "practices").glob("*/wishes.txt"))
    return tuple(each for path in files for each in patterns(read_lines(path.read_text("utf-8"))).items())


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


_TITLE = (
    r"(?:if you (?:want|would like|'d like|wish for) a title(?: for (?:it|this))?|(?:a|the|one) (?:possible )?title"
    r"(?: for (?:it|this))?(?: could be| might be| would be| is)?)\W{0,4}\s*[“\"„«*_]{1,4}([^”\"“»*_\n]{1,80})[”\"“»*_]"
)
"""As the guide writes it and models are told to, and as models write it when they do not listen."""
_TITLE_ELSEWHERE = (
    r"(?<=[.!?。।\n])[^\S\n]*[^.!?。।:：\n“\"„«「]{4,80}[:：]"
    r"\s*[*_]{0,2}[“\"„«「]\s?([^.!?。।”\"“»」\n]{1,80})[”\"“»」]\W*$"
)
"""The same in any language: the last sentence ends in a few quoted words."""


def title_in(answer: str) -> str:
    """The title an answer offers at the end of a practice; empty: none."""
    found = _title(answer)
    return " ".join(found[1].split()).rstrip(".,;") if found else ""


def summary_in(answer: str) -> str:
    """What an answer that offers a title says before it: the practice gathered up in a sentence or two."""
    found = _title(answer)
    return " ".join(answer[: found.start()].split()) if found else ""


def _title(answer: str) -> re.Match[str] | None:
    plain = answer.replace("’", "'")
    return re.search(_TITLE, plain, re.IGNORECASE) or re.search(_TITLE_ELSEWHERE, plain)


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
        icon=practice.icon,
        purpose=step.purpose,
        is_over=done > len(practice.steps),
    )


def load_practices(own: Path | None = None, code: str = "") -> tuple[Practice, ...]:
    """All practices in the order they are offered. Unreadable files are named in the log and left out.

    Ours are in the language of the interface where somebody translated them: `resources/practices/<code>/NAME.md`.

    Args:
        own: folder of the person's own practices; by default `practices` beside the settings.
        code: of another language than the interface's.
    """
    folder = own or find_home().config / "practices"
    return _load(resources() / "practices", code or language(), folder, _stamp(folder))


def find_practice(name: str, own: Path | None = None, code: str = "") -> Practice:
    """The practice called `name`, or the first one (open reflection) where there is none of that name."""
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    folder = own or find_home().config / "practices"
    if re.fullmatch(r"[a-z-]{1,40}", wanted) and not practice_files(folder):
        for place in (resources() / "practices" / (code or language()), resources() / "practices"):
            with suppress(OSError, ValueError):  # one of ours, which need not wait for the others
                return parse_practice(read_text(place / f"{wanted}.md"), wanted)
    practices = load_practices(own, code)
    return next((practice for practice in practices if practice.name == wanted), practices[0])


def practice_files(folder: Path) -> list[Path]:
    """The files of practices in `folder`, in the order of their names; none where there is no such folder."""
    try:
        return sorted(path for path in folder.glob("*.md") if not path.name.startswith("."))
    except OSError as error:  # a name that is too long, a loop of links
        _log.warning("no practices of your own: %s", error.strerror)
        return []


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Other than before when a file of the folder was written, came or went."""
    found = []
    for path in practice_files(folder):
        with suppress(OSError):  # it went meanwhile
            facts = path.stat()
            found.append((path.name, facts.st_mtime_ns, facts.st_size))
    return tuple(found)


@lru_cache(maxsize=8)
def _load(shipped: Path, code: str, own: Path, _: tuple[tuple[str, int, int], ...]) -> tuple[Practice, ...]:
    found: dict[str, Practice] = {}
    translated = {path.name: path for path in practice_files(shipped / code)}
    ours = [translated.get(path.name, path) for path in practice_files(shipped)]
    for path in [*ours, *practice_files(own)]:
        try:
            practice = parse_practice(read_text(path), path.stem)
        except (OSError, ValueError) as error:
            _log.warning("practice %s left out: %s", path.name, error)
        else:
            found[practice.name] = practice
    return tuple(sorted(found.values(), key=lambda practice: (practice.order, practice.title)))


def read_text(path: Path) -> str:
    """What stands in a practice's file.

    Raises:
        ValueError: it cannot be read, is no text, or longer than a practice may be.
    """
    content = read_regular(path, most_bytes=_LARGEST_FILE_BYTES) or b""
    return content.decode("utf-8-sig")


def parse_practice(text: str, name: str) -> Practice:
    """The practice a file describes; `name` is the file's, without ending.

    Raises:
        ValueError: what is wrong with it, in sentences a person can act on.
    """
    faults = tuple(practice_faults(text))
    if faults:
        raise ValueError(" ".join(faults))
    return read_draft(text, name)


def read_draft(text: str, name: str) -> Practice:
    """As much of a practice as there is in `text`, which may have faults: what is missing is empty.

    Raises:
        ValueError: there is no front matter.
    """
    fields, body = _split_front_matter(text)
    openings = {part: fields[part] for part in OPENINGS if fields.get(part)}
    if openings:
        openings.setdefault("any", next(iter(openings.values())))
    return Practice(
        name=fields.get("name", name).lower().replace("_", "-").replace(" ", "-"),
        title=fields.get("title") or name.replace("-", " ").capitalize(),
        summary=fields.get("summary", ""),
        icon=_icon(fields.get("icon", "")),
        minutes=_number(fields, "minutes", 5),
        order=_number(fields, "order", 1000),
        openings=openings,
        steps=tuple(map(_read_step, _sections(body))),
        pace=fields.get("pace", "easy"),
        closing=fields.get("closing", ""),
    )


def write_practice(practice: Practice) -> str:
    """The file that describes `practice`, whether it has faults or not."""
    fields = {
        "title": practice.title,
        "summary": practice.summary,
        "icon": practice.icon,
        "minutes": str(practice.minutes),
        "order": str(practice.order),
        "pace": practice.pace,
        "closing": practice.closing,
        **{part: practice.openings.get(part, "") for part in OPENINGS},
    }
    lines = [f"{key}: {_quoted(_one_line(value))}" for key, value in fields.items() if value.strip()]
    if not practice.title.strip():
        lines.insert(0, "title:")
    return "\n".join(["---", *lines, "---", *map(_write_step, practice.steps)]) + "\n"


def _write_step(step: Step) -> str:
    parts = [f"\n## {_one_line(step.title)}"]
    parts += [f"Purpose: {_one_line(step.purpose)}"] if step.purpose.strip() else []
    parts += ["\n".join(f"> {_one_line(question)}" for question in step.questions)] if step.questions else []
    guidance = _one_line(step.guidance)
    if guidance:
        parts.append(f"\\{guidance}" if _is_marked(guidance) else guidance)
    return "\n\n".join(parts)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_marked(line: str) -> bool:
    """Whether the line would be read as something else than what a model is told."""
    return line.startswith((">", "## ", "\\")) or line.lower().startswith("purpose:")


def _quoted(value: str) -> str:
    """`value` so that reading takes no quotation marks of its own away."""
    return f'"{value}"' if _unquoted(value) != value else value


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1].strip() if is_quoted else value


class Fault(NamedTuple):
    """What keeps a file from being a practice."""

    where: str
    """A key of the front matter, `steps`, `step 1` and so on, or `file`."""
    sentence: str


def practice_faults(text: str) -> Iterator[str]:
    """What keeps `text` from being a practice, a sentence each; nothing where it is one."""
    return (fault.sentence for fault in find_faults(text))


def find_faults(text: str) -> Iterator[Fault]:
    """The same, each with the place it belongs to."""
    if len(text.encode("utf-8", "replace")) > _LARGEST_FILE_BYTES:
        yield Fault("file", _TOO_LONG)
    try:
        fields, body = _split_front_matter(text)
    except ValueError as error:
        yield Fault("file", str(error))
        return
    yield from _field_faults(fields)
    sections = _sections(body)
    if not sections:
        yield Fault(
            "steps", tr("There is no step yet. In a file, each begins with a line such as '## Look back'.")
        )
    for n, section in enumerate(sections, 1):
        for sentence in _step_faults(n, _read_step(section)):
            yield Fault(f"step {n}", sentence)


def _field_faults(fields: Mapping[str, str]) -> Iterator[Fault]:
    for key in sorted(fields.keys() - {*OPENINGS, *_FIELDS}):
        near = ", ".join((*_FIELDS, *OPENINGS))
        yield Fault("file", tr("The line '{key}:' means nothing here; known are {near}.", key=key, near=near))
    if fields.get("title") == "":
        yield Fault("title", tr("The title is missing: two or three words that you will know it by."))
    openings = {part: fields[part] for part in OPENINGS if fields.get(part)}
    if not openings:
        yield Fault("any", tr("The opening question is missing, such as: What is on your mind?"))
    for part, question in openings.items():
        if not question.endswith("?") or "?" in question[:-1]:
            yield Fault(
                part,
                tr(
                    "The opening '{question}' has to be one question, with a question mark at its end.",
                    question=question,
                ),
            )
    for key in ("minutes", "order"):
        value = fields.get(key, "1")
        if not _is_number(value):
            yield Fault(
                key, tr("'{key}: {value}' has to be a whole number, such as 5.", key=key, value=value)
            )
    if fields.get("pace", "easy") not in PACES:
        yield Fault("pace", tr("'pace: {pace}' has to be slow, easy or brisk.", pace=fields["pace"]))
    if "?" in fields.get("closing", ""):
        yield Fault("closing", tr("The closing lets the person go, so it cannot be a question."))


def _icon(name: str) -> str:
    """`name` where there is such a picture, else the leaf."""
    is_name = re.fullmatch(r"[a-z-]{1,40}", name) is not None
    return name if is_name and (resources() / "icons" / f"{name}.svg").is_file() else "leaf"


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and int(value) <= _LARGEST_NUMBER


def _number(fields: Mapping[str, str], key: str, default: int) -> int:
    value = fields.get(key, "")
    return int(value) if _is_number(value) else default


def _step_faults(n: int, step: Step) -> Iterator[str]:
    if not step.title:
        yield tr("Step {n} has no title.", n=n)
    for question in step.questions:
        if not question.endswith("?"):
            yield tr("In step {n}, '{question}' has to end with a question mark.", n=n, question=question)
        if set(re.findall(r"\{(\w*)\}", question)) - {"topic"}:
            yield tr("In step {n}, only {{topic}} may stand in braces: '{question}'.", n=n, question=question)


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
        fields[key.strip().lower()] = _unquoted(value.strip())
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
            guidance.append(line.removeprefix("\\"))
    return Step(title=title.strip(), questions=tuple(questions), purpose=purpose, guidance=" ".join(guidance))
