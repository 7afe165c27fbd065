"""The rules of `resources/care/rules.txt`, compiled: each a pattern over plain words, with what it says. Pure, any thread.

A rule is only tried where one of its rarer words begins like a word of the text, so a long message costs little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from companion.care.words import folded
from companion.kinds import Concern, Severity
from companion.paths import resources

SAFE = "safe"
TOGETHER = "together"
"""Marks a rule whose parts stand in any order."""
_HEAD = re.compile(r"\[([a-z ]+)\]")
_NAMED = re.compile(r"<(\w+)>")
_KEY = 3
"""Letters by which rules are looked up."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMON = _words(
    "a an the i my me you he she it we they him her them his their to of in on at by for from with and or not no is am "
    "are was were be been do does did have has had will would can could so if that this all go get got us up out off "
    "when als ich das que un una de la le il en je mi nao die der sich"
)


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a rule says something in a sentence."""

    begin: int
    said: str
    gaps: tuple[str, ...] = ()
    """Words in which a "not" denies what it says."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the file."""

    concern: Concern | None
    """None: it covers what is harmless."""
    severity: Severity
    marks: frozenset[str]
    pattern: re.Pattern[str] | None
    """Its groups are the gaps of a hit; None: its parts stand in any order."""
    source: str
    needs: tuple[frozenset[str], ...]
    """How words begin of which a sentence must hold one of each set."""
    parts: tuple[tuple[str, ...], ...] = ()
    """Of each, one must stand in the sentence: words with the spaces around them."""
    bars: tuple[str, ...] = ()
    """None of these may."""

    def hits(self, sentence: str) -> Iterator[Hit]:
        """All in a plain sentence that ends with ". "."""
        if self.pattern is not None:
            for found in self.pattern.finditer(sentence):
                yield Hit(found.start(), found[0], tuple(filter(None, found.groups())))
            return
        spaced = f" {sentence}"
        if all(any(map(spaced.__contains__, part)) for part in self.parts) and not any(
            map(spaced.__contains__, self.bars)
        ):
            yield Hit(0, sentence)


@dataclass(slots=True)
class Rules:
    """All of them, by the words they need."""

    _by_key: dict[str, list[Rule]] = field(default_factory=dict)
    _always: list[Rule] = field(default_factory=list)

    def add(self, rule: Rule) -> None:
        for key in min(rule.needs, key=len, default=()):
            self._by_key.setdefault(key, []).append(rule)
        if not rule.needs:
            self._always.append(rule)

    def for_sentence(self, text: str) -> Iterator[Rule]:
        """Those that may say something of a plain sentence, each once."""
        seen: set[int] = set()
        keys = {word[:_KEY] for word in text.split()}
        for rules in (self._always, *(self._by_key[key] for key in keys if key in self._by_key)):
            for rule in rules:
                if id(rule) not in seen:
                    seen.add(id(rule))
                    if all(not keys.isdisjoint(each) for each in rule.needs):
                        yield rule


@lru_cache(maxsize=1)
def load() -> tuple[Rules, Rules]:
    """(what is harmless, what is not)."""
    return read(resources() / "care" / "rules.txt")


def read(file: Path) -> tuple[Rules, Rules]:
    """The rules of a file, as `load`.

    Raises:
        ValueError: a line is no rule; names it.
    """
    safe, danger, named = Rules(), Rules(), dict[str, str]()
    concern, severity, marks = None, Severity.CARE, frozenset[str]()
    for number, written in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        line = written.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("= "):
            name, _, words = line[2:].partition(" = ")
            named[name] = words
        elif (head := _HEAD.fullmatch(line)) is not None:
            concern, severity, marks = _heading(head[1].split())
        else:
            try:
                rule = _rule(line, named, concern, severity, marks)
            except (re.error, KeyError) as error:
                raise ValueError(f"{file.name}, line {number}: {error}") from error
            (safe if concern is None else danger).add(rule)
    return safe, danger


def _heading(parts: Sequence[str]) -> tuple[Concern | None, Severity, frozenset[str]]:
    if parts[0] == SAFE:
        return None, Severity.CARE, frozenset()
    severity = next(Severity[part.upper()] for part in parts if part.upper() in Severity.__members__)
    return Concern(parts[0]), severity, frozenset(parts[1:])


def _rule(
    line: str, named: dict[str, str], concern: Concern | None, severity: Severity, marks: frozenset[str]
) -> Rule:
    if line.startswith("& "):
        return _together(line, named, concern, severity, marks)
    pieces, needs = ["(?<![^ ])"], list[frozenset[str]]()
    for written in line.split():
        element = _NAMED.sub(lambda found: named[found[1]], written)
        if element in ("*", "**"):
            gap = rf"(?:[^ .]+ ){{0,{3 if element == '*' else 8}}}"
            # A "not" between who and what denies it; after that it may say anything.
            pieces.append(f"({gap})" if element == "*" or len(pieces) == 2 else gap)
            continue
        if element == "^":
            pieces.append(r"(?:(?<=\. )|(?<=^))")
            continue
        is_optional = element.endswith("?")
        words = element.removesuffix("?").split("|")
        pieces.append(f"(?:{'|'.join(map(_alternative, words))}){'?' if is_optional else ''}")
        if not is_optional and (keys := _keys(words)):
            needs.append(keys)
    return Rule(concern, severity, marks, re.compile("".join(pieces)), line, tuple(needs))


def _together(
    line: str, named: dict[str, str], concern: Concern | None, severity: Severity, marks: frozenset[str]
) -> Rule:
    """A rule whose parts stand anywhere in one sentence; its hit is the sentence."""
    parts, bars, needs = list[tuple[str, ...]](), list[str](), list[frozenset[str]]()
    for element in line.removeprefix("& ").split():
        words = _NAMED.sub(lambda found: named[found[1]], element.removeprefix("!")).split("|")
        if element.startswith("!"):
            bars += map(_spaced, words)
            continue
        parts.append(tuple(map(_spaced, words)))
        if keys := _keys(words):
            needs.append(keys)
    return Rule(concern, severity, marks | {TOGETHER}, None, line, tuple(needs), tuple(parts), tuple(bars))


def _spaced(word: str) -> str:
    """An alternative as it stands between other words; raises KeyError where only its end may be open."""
    if "~" in word[:-1] or "$" in word:
        raise KeyError(f"{word} in a rule without order")
    text = " ".join(map(folded, word.removesuffix("~").split("_")))
    return f" {text}" if word.endswith("~") else f" {text} "


def _alternative(word: str) -> str:
    if word == "$":
        return r"(?=\. )"
    parts = word.split("_")
    return "".join(
        f"{re.escape(folded(part.removesuffix('~')))}{'[^ .]*' if part.endswith('~') else ''} "
        for part in parts
    )


def _keys(words: Sequence[str]) -> frozenset[str]:
    """By what a text is known to hold one of `words`; empty where they say too little."""
    firsts = [folded(word.split("_")[0]) for word in words]
    if any(first in _COMMON or first == "$" for first in firsts):
        # A longer part of each may still tell.
        rarest = [max((folded(part) for part in word.split("_")), key=len) for word in words]
        if any(part in _COMMON or part == "$" for part in rarest):
            return frozenset()
        firsts = rarest
    if any(first.endswith("~") and len(first) <= _KEY for first in firsts):
        return frozenset()
    return frozenset(first.removesuffix("~")[:_KEY] for first in firsts)
