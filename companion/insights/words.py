"""A text as the content words and short phrases in it, each by its stem, so that "walks" and "walking" are one. Pure.

`plain_words.md` says which words are no theme; which of its languages count follows from what was said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from companion.paths import resources

Term = tuple[str, ...]
"""Stems: one, two beside each other, or two around "and"."""
_LETTERS = r"[^\W\d_](?:[^\W\d_]|[\u0900-\u0963\u0971-\u0dff])*"
"""With the vowel signs that the scripts of India write on their letters."""
_TOKEN = re.compile(rf"{_LETTERS}(?:['’-]{_LETTERS})*|[^\s\w]|[\d_]+")
_HEAVY = "heavy"
_MOST_LETTERS, _LEAST_LETTERS = 24, 3
_NEEDED_SHARE = 0.1
_AND = frozenset(("and", "und", "et", "y", "e", "en", "और"))
OWN = frozenset(
    (
        *("my", "our", "mein", "meine", "meinem", "meinen", "meiner"),
        *("mon", "ma", "mes", "mi", "mis", "मेरा", "मेरी", "मेरे", "अपना", "अपनी", "अपने"),
    )
)
THE = frozenset(("the",))
_WORDLESS_SCRIPTS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese: written without spaces, so what stands between two is no word."""
_VOWEL = re.compile(r"[aeiouyäöüéèêàáíóúãõ]")


@lru_cache(maxsize=1)
def plain_words() -> Mapping[str, frozenset[str]]:
    """Language -> the words that are no theme in it; `heavy` is of every language."""
    text = (resources() / "insights" / "plain_words.md").read_text("utf-8")
    sections = (section.partition("\n") for section in text.split("\n## ")[1:])
    return {title.strip(): frozenset(words.split()) for title, _, words in sections}


def languages_in(texts: Iterable[str]) -> frozenset[str]:
    """The languages of `plain_words` these are written in; empty: another one."""
    lists = {name: words for name, words in plain_words().items() if name != _HEAVY}
    said = Counter(
        token for text in texts for token in set(_TOKEN.findall(text.lower().replace("’", "'")))
    )  # each once a text: one that repeats a word is of no other language for it
    total = sum(n for token, n in said.items() if token[0].isalpha())
    shares = {name: sum(said[word] for word in words) for name, words in lists.items()}
    most = max(shares.values(), default=0)
    if most < 2 * _NEEDED_SHARE * total or not most:
        return frozenset()
    own = {name: _own_share(name, said, lists) for name in shares}
    return frozenset(
        name
        for name, n in shares.items()
        if n == most or (n >= _NEEDED_SHARE * total and own[name] >= _NEEDED_SHARE * total)
    )


def _own_share(name: str, said: Counter[str], lists: Mapping[str, frozenset[str]]) -> int:
    """How many words are of this list and of no other: "in" is German, Italian and English."""
    others = frozenset().union(*(words for other, words in lists.items() if other != name))
    return sum(said[word] for word in lists[name] - others)


class Reader:
    """Reads texts of some languages; keeps what it has found out about each word."""

    def __init__(self, languages: frozenset[str]) -> None:
        lists = plain_words()
        self._plain = frozenset().union(*(lists[name] for name in languages), lists.get(_HEAVY, frozenset()))
        self._known: dict[str, tuple[str, str]] = {}
        self._said: dict[str, Term] = {}

    def terms(self, text: str) -> Iterator[Term]:
        """What may be a theme, in the order it was said; a word inside a phrase comes alone too."""
        last = joined = ""  # the content word just before, or before an "and"
        known = self._known
        for token in _TOKEN.findall(text):
            word, stem = known.get(token) or self._look_up(token)
            if not stem:
                joined, last = (last if word in _AND else ""), ""
                continue
            yield (stem,)
            if last and last != stem:
                yield (last, stem)
            elif joined and joined != stem:
                yield (joined, "&", stem)
            last, joined = stem, ""

    def is_said(self, term: Term, match: re.Match[str]) -> bool:
        """Whether what a `Finder` found is the term."""
        said = self._said.get(match[0])
        if said is None:
            stems = [
                "&" if word in _AND else stem for word, stem in map(self._look_up, _TOKEN.findall(match[0]))
            ]
            said = self._said[match[0]] = tuple(stems)
        return said == term

    def _look_up(self, token: str) -> tuple[str, str]:
        """A token in lower case, empty where it is no word, and its stem, empty where it is no theme."""
        word = token.lower().replace("’", "'") if token[0].isalpha() else ""
        bare = word.removesuffix("'s")
        is_plain = word in self._plain or bare in self._plain
        is_word = _LEAST_LETTERS <= len(bare) <= _MOST_LETTERS and not _WORDLESS_SCRIPTS.search(word)
        known = self._known[token] = (word, stem_of(bare) if is_word and not is_plain else "")
        return known


def stem_of(word: str) -> str:
    """What the forms of a word have in common: walks, walked and walking give walk.

    A key, not a word: it is never shown. Endings of English are taken off, and the plural's s that other languages share.
    """
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and word[-2] not in "sui'":
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and _VOWEL.search(rest):
            is_doubled = rest[-1] == rest[-2] and rest[-1] not in "aeiouls"
            return rest[:-1] if is_doubled else rest.removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


class Finder:
    """Finds where a term may be said, by how its first word begins."""

    def __init__(self, term: Term) -> None:
        self.term = term
        self._begins = _beginning(term[0]).lower()
        parts = [r"\w+" if part == "&" else rf"{re.escape(_beginning(part))}[\w'’-]*" for part in term]
        self._whole = re.compile(r"\s+".join(parts), re.IGNORECASE)

    def matches(self, text: str, lower: str) -> Iterator[re.Match[str]]:
        """`lower`: the text in lower case, which is much faster to look through."""
        if len(lower) != len(text):  # a few letters become two
            text = lower
        at = lower.find(self._begins)
        while at >= 0:
            is_begun = at == 0 or not (lower[at - 1].isalnum() or lower[at - 1] in "'’-_")
            if is_begun and (match := self._whole.match(text, at)) is not None:
                yield match
            at = lower.find(self._begins, at + 1)


def _beginning(stem: str) -> str:
    """What all forms begin with: story, stories."""
    return stem.removesuffix("y") or stem


def word_before(match: re.Match[str]) -> str:
    """In lower case; empty at the beginning of a sentence."""
    before = match.string[max(0, match.start() - _MOST_LETTERS) : match.start()].split()
    return before[-1].lower() if before and before[-1][-1].isalpha() else ""
