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
    """One the guide cannot speak, and can greet in; without a name: one it does not know."""

    name: str = ""
    code: str = ""
    """Of an interface in this language."""
    words: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()
    script: re.Pattern[str] | None = None
    leave: re.Pattern[str] | None = None
    """A whole message that takes leave or thanks."""
    hello: str = ""
    heard: str = ""
    """What answers anything but a greeting, before the lines."""
    lines: tuple[str, ...] = ()
    """What it says of itself, each once; {thinking} in it is a page of the settings."""
    farewell: str = ""

    def takes_leave(self, whole: str) -> bool:
        """Of a message in lower case, without marks."""
        return self.leave is not None and self.leave.fullmatch(whole) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """The word lists."""

    topics: tuple[Subject, ...]
    feelings: tuple[Subject, ...]
    languages: tuple[Language, ...]
    kin: frozenset[str]
    """People of whom "mum" alone is enough."""
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
    kin, bare, irregular = (
        _listed(fields_of(sections.pop(name))["words"]) for name in ("kin", "bare", "plural")
    )
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
        languages=load_languages(),
        kin=kin,
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


@lru_cache(maxsize=1)
def load_languages() -> tuple[Language, ...]:
    """Those that are recognised."""
    return tuple(_language(*section) for section in read_sections(resources() / "guide" / "languages.md"))


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


def fields_of(lines: list[str]) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in lines if ":" in line and line[0] not in ">-")
    return {key: value.strip() for key, _, value in pairs}


def _subject(name: str, lines: list[str]) -> Subject:
    fields = fields_of(lines)
    questions = tuple(line[1:].strip() for line in lines if line.startswith(">"))
    felt = _listed(fields.get("felt", ""))
    return Subject(name=name, words=_listed(fields["words"]), felt=felt, questions=questions)


def _language(name: str, lines: list[str]) -> Language:
    fields = fields_of(lines)
    leave, around = (_any_of(_listed(fields.get(key, ""))) for key in ("leave", "around"))
    return Language(
        name=name,
        code=fields.get("code", ""),
        words=_listed(fields.get("words", "")),
        alone=_listed(fields.get("alone", "")),
        script=re.compile(f"[{fields['script']}]") if "script" in fields else None,
        leave=re.compile(rf"(?:{around} )*+{leave}(?: {around}| {leave})*+") if "leave" in fields else None,
        hello=fields["hello"],
        heard=fields.get("heard", ""),
        lines=tuple(line[1:].strip() for line in lines if line.startswith("-")),
        farewell=next((line[1:].strip() for line in lines if line.startswith(">")), ""),
    )


def _any_of(words: frozenset[str]) -> str:
    """A pattern of one of them, the longest first."""
    return rf"(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True))) or '(?!)'})(?= |$)"


def _listed(words: str) -> frozenset[str]:
    return frozenset(word.strip() for word in words.split(",") if word.strip())
