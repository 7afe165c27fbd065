"""What is typed, as a question to the index of words. Pure: whatever the signs, it never fails and never means syntax.

Any of the words may match; text in quotes stands exactly as written; the last word may still be growing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_QUOTED = re.compile(
    r"[\"\u201c\u201d\u201e\u00ab\u00bb]([^\"\u201c\u201d\u201e\u00ab\u00bb]{1,200})[\"\u201c\u201d\u201e\u00ab\u00bb]"
)
_SIGNS = r"\u0300-\u036f\u0900-\u0963\u0971-\u0dff"
"""Vowel signs and accents that stand on letters; the scripts of India write half of a word with them."""
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_SIGNS}])*")
_UNSPACED = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
)
"""Scripts that are written without spaces: the index holds their sentences as one word."""
_SHORTEST_BEGINNING = 3
"""Letters of a growing word; fewer begin too many words."""
MOST_WORDS = 24
_LONGEST = 2_000
_PLAIN = """
a about am an and are as at be been but by can could d did do does doing don for from had has have having he her
    him his how i if in into is it its just ll m me my no nor not now of on or our re s say said she should so t tell than
    that the their them then there these they this those to ve was we were what when where which while who whom whose why
    will with would write wrote written you your
"""
PLAIN = frozenset(_PLAIN.split())
"""English words that say nothing about what is looked for; no question consists of them alone."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for."""

    text: str
    """As typed, cut to a sane length."""
    words: tuple[str, ...] = ()
    """Each once, in lower case, without those in quotes."""
    exact: tuple[str, ...] = ()
    """Must stand in what is found, word for word."""
    beginning: str = ""
    """The last word, where it may still be growing; it is among `words` too."""

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.exact)

    @property
    def telling(self) -> tuple[str, ...]:
        """The words that say what is looked for; all of them where none does."""
        return tuple(word for word in self.words if word not in PLAIN) or self.words

    @property
    def literal(self) -> str:
        """Text that is looked for letter by letter, because its script has no spaces; empty: none."""
        return self.text.strip('"\u201c\u201d ') if _UNSPACED.search(self.text) else ""

    def match(self, words: Iterable[str], *, is_every: bool = False) -> str:
        """The question in FTS5's language, of these of the words; `is_every`: all of them. Empty: nothing to ask."""
        found = [f'"{word}"' for word in words]
        if self.beginning:
            found.append(f'"{self.beginning}"*')
        parts = [f'"{" ".join(_WORD.findall(text))}"' for text in self.exact]
        if found:
            parts.append(f"({(' AND ' if is_every else ' OR ').join(found)})")
        return " AND ".join(parts)


def parse(typed: str, *, is_growing: bool = False) -> Query:
    """`is_growing`: the person is still typing; a word that ends with a space or a sign is over."""
    text = unicodedata.normalize("NFC", typed.replace("\0", " ")[:_LONGEST])
    exact = tuple(each for each in _QUOTED.findall(text) if _WORD.search(each))
    rest = _QUOTED.sub(" ", text).lower()  # not casefold: the index keeps a German ss as it is written
    words = list(dict.fromkeys(_WORD.findall(rest)))[:MOST_WORDS]
    last = re.search(rf"{_WORD.pattern}$", rest[-100:])
    beginning = last[0] if is_growing and last is not None else ""
    if len(beginning) < _SHORTEST_BEGINNING or (beginning in PLAIN and len(words) > 1):
        beginning = ""
    return Query(text, tuple(words), exact, beginning)


def shorter(query: Query, by: int) -> Query:
    """The same with less of the growing word: an ending that is still being typed hides the word's stem."""
    beginning = query.beginning[:-by] if len(query.beginning) - by >= _SHORTEST_BEGINNING else ""
    return Query(query.text, query.words, query.exact, beginning)


def without(words: Iterable[str], frequent: Collection[str]) -> tuple[str, ...]:
    """The words that help; where every one of them is frequent, the same as before."""
    words = tuple(words)
    return tuple(word for word in words if word not in frequent) or words
