"""What a whole message means in a language of which only phrases are known: "weiter", "danke dir". Pure, any thread.

A file of phrases has a line `meaning: phrase, phrase` for each meaning. Words of its line `around` may stand before and
after them; a line that begins with # says something to whoever translates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

AROUND = "around"
MOST_WORDS = 16
"""A longer message tells something."""
_WORD = r"[\w'\u0900-\u0963\u0966-\u097f]+(?:-\w+)*"
_SAME = str.maketrans({"’": "'", "\u093c": None, "\u0901": "\u0902", "\u200c": None, "\u200d": None})
"""Marks that people and recognisers write or leave out alike."""


def folded(text: str) -> str:
    """`text` as phrases are compared: lower-case words with single spaces, without marks."""
    plain = unicodedata.normalize("NFC", text.casefold()).translate(_SAME)
    return " ".join(re.findall(_WORD, plain))


def listed(text: str) -> tuple[str, ...]:
    """The folded phrases of a line, between commas."""
    return tuple(filter(None, map(folded, text.split(","))))


def pairs(text: str) -> Mapping[str, str]:
    """Of a line `this=that, other`: what stands for each folded phrase, as it is written; without "=" the phrase itself."""
    parts = (each.strip().partition("=") for each in text.split(","))
    return {folded(key): value or key for key, _, value in parts if key}


def one_of(phrases: Iterable[str]) -> str:
    """A pattern of one of them, whole, the longest first; of none, what matches nothing."""
    longest_first = sorted(set(phrases), key=len, reverse=True)
    return rf"(?:{'|'.join(map(re.escape, longest_first))})(?= |$)" if longest_first else "(?!)"


def anywhere(phrases: Iterable[str]) -> re.Pattern[str]:
    """What finds one of them among the words of a folded text."""
    return re.compile(rf"(?<![^ ]){one_of(phrases)}")


def read_lines(text: str) -> Mapping[str, str]:
    """The lines of a file of phrases, by their meaning."""
    pairs = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {key.strip(): value for key, colon, value in pairs if colon}


def patterns(lines: Mapping[str, str]) -> Mapping[str, re.Pattern[str]]:
    """For each meaning, what a folded message of at most `MOST_WORDS` has to match as a whole."""
    around = one_of(listed(lines.get(AROUND, "")))
    found = {}
    for meaning, phrases in lines.items():
        if meaning != AROUND:
            meant = one_of(listed(phrases))
            found[meaning] = re.compile(rf"(?:{around} )*{meant}(?: (?:{around}|{meant}))*")
    return found
