"""Text cut into BERT's word pieces, without case and accents: the longest known beginning is taken off first. Pure.

No piece joins words over a space, so each word is cut once and remembered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_REMEMBERED = 60_000
_LONGEST_WORD = 100
"""Characters; what is longer has no meaning of its own (BERT's own limit)."""
_WORDS_AND_SIGNS = re.compile(r"\w+|[^\w\s]", re.UNICODE)
_IDEOGRAPHS = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")


class WordPieces:
    """The pieces of one vocabulary."""

    def __init__(self, ids: Mapping[str, int], *, longest: int = 128) -> None:
        """`ids`: the number of each piece; `longest`: most pieces of a text, the two around it included."""
        self._ids = ids
        self._begin, self._end, self._unknown = (ids[each] for each in ("[CLS]", "[SEP]", "[UNK]"))
        self._longest = longest
        self._known: dict[str, tuple[int, ...]] = {}

    def __call__(self, text: str) -> list[int]:
        """The numbers of the pieces, with those that stand for beginning and end."""
        found: list[int] = []
        plain = _IDEOGRAPHS.sub(r" \1 ", _without_accents(text.lower()))
        for word in _WORDS_AND_SIGNS.findall(plain.replace("_", " _ ")):
            ids = self._known.get(word)
            if ids is None:
                ids = self._cut(word)
                if len(self._known) < _REMEMBERED:
                    self._known[word] = ids
            found += ids
            if len(found) >= self._longest - 2:
                break
        return [self._begin, *found[: self._longest - 2], self._end]

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._unknown,)
        ids: list[int] = []
        at = 0
        while at < len(word):
            mark = "##" if at else ""
            for end in range(len(word), at, -1):
                known = self._ids.get(mark + word[at:end])
                if known is not None:
                    ids.append(known)
                    at = end
                    break
            else:
                return (self._unknown,)
        return tuple(ids)


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in apart if unicodedata.category(sign) != "Mn")
