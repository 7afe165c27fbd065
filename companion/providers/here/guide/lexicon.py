"""The guide's word lists, read once from `resources/guide/*.md`. Pure reading, any thread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from companion.paths import resources

_THIRD = frozenset(
    ("is", "are", "has", "was", "were", "does", "isn't", "aren't", "hasn't", "wasn't", "weren't", "doesn't")
)
HARD = "hard"
"""The feelings that weigh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A kind of thing people speak of, or of feeling."""

    name: str
    words: frozenset[str]
    felt: frozenset[str] = frozenset()
    """Words that are a feeling only after "feel"."""
    questions: tuple[str, ...] = ()
    """With {topic} or {word} for the person's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One the guide cannot speak, and can greet in."""

    name: str
    words: frozenset[str]
    alone: frozenset[str]
    script: re.Pattern[str] | None
    greeting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """The word lists."""

    topics: tuple[Subject, ...]
    feelings: tuple[Subject, ...]
    languages: tuple[Language, ...]
    bare: frozenset[str]
    """Nouns that need no "my" or "the"."""
    plurals: frozenset[str]
    singulars: frozenset[str]
    ways: frozenset[str]
    units: frozenset[str]
    verbs: frozenset[str]
    """As they stand after "I"."""
    thirds: frozenset[str]
    """As they stand after "she"."""
    plain: frozenset[str]
    endings: frozenset[str]
    known: frozenset[str]

    @property
    def nouns(self) -> frozenset[str]:
        return self.singulars | self.plurals


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    folder = resources() / "guide"
    lists = {name: frozenset(" ".join(lines).split()) for name, lines in read_sections(folder / "words.md")}
    sections = dict(read_sections(folder / "topics.md"))
    bare, irregular = (_listed(_fields(sections.pop(name))["words"]) for name in ("bare", "plural"))
    topics = tuple(_subject(name, lines) for name, lines in sections.items())
    feelings = tuple(_subject(*section) for section in read_sections(folder / "feelings.md"))
    nouns = frozenset(word for topic in topics for word in topic.words)
    felt = {part for each in feelings for word in each.words | each.felt for part in word.split()}
    plurals = frozenset(map(plural, nouns)) | irregular
    thirds = frozenset(map(third_person, lists["verbs"])) | _THIRD
    others = (
        thirds
        | lists["verbs"]
        | lists["common"]
        | lists["endings"]
        | lists["plain"]
        | lists["ways"]
        | lists["units"]
    )
    return Lexicon(
        topics=topics,
        feelings=feelings,
        languages=tuple(_language(*section) for section in read_sections(folder / "languages.md")),
        bare=bare,
        plurals=plurals,
        singulars=nouns - irregular,
        ways=lists["ways"],
        units=lists["units"],
        verbs=lists["verbs"],
        thirds=thirds,
        plain=lists["plain"],
        endings=lists["endings"],
        known=others | nouns | plurals | felt,
    )


def read_sections(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The `## ` sections of a Markdown file: title and lines that are not empty."""
    for section in path.read_text("utf-8").split("\n## ")[1:]:
        title, *lines = section.splitlines()
        yield title.strip(), [line.strip() for line in lines if line.strip()]


def plural(noun: str) -> str:
    """The regular plural."""
    if re.search(r"(?:s|x|ch|sh)$", noun):
        return noun + "es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", noun) + "s"


def third_person(verb: str) -> str:
    """`goes`, `carries`, `works`."""
    if re.search(r"(?:s|x|ch|sh|o)$", verb):
        return verb + "es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", verb) + "s"


def _fields(lines: list[str]) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in lines if ":" in line and line[0] not in ">-")
    return {key: value.strip() for key, _, value in pairs}


def _subject(name: str, lines: list[str]) -> Subject:
    fields = _fields(lines)
    questions = tuple(line[1:].strip() for line in lines if line.startswith(">"))
    felt = _listed(fields.get("felt", ""))
    return Subject(name=name, words=_listed(fields["words"]), felt=felt, questions=questions)


def _language(name: str, lines: list[str]) -> Language:
    fields = _fields(lines)
    return Language(
        name=name,
        words=_listed(fields.get("words", "")),
        alone=_listed(fields.get("alone", "")),
        script=re.compile(f"[{fields['script']}]") if "script" in fields else None,
        greeting=next(line[1:].strip() for line in lines if line.startswith("-")),
    )


def _listed(words: str) -> frozenset[str]:
    return frozenset(word.strip() for word in words.split(",") if word.strip())
