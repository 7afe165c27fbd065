"""Vectors from the words themselves: text in, a point on the unit sphere out, with no model and no download.

Signed feature hashing (Weinberger et al., 2009, arXiv:0902.2206) of words and of the letter groups inside them, so that
"walked" lies near "walking". It knows nothing of meaning beyond that. Pure; the same text gives the same vector everywhere.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator

DIMENSIONS = 512
GRAM = 4
"""Letters of a group inside a word."""
GRAM_WEIGHT = 0.4
FULL_WEIGHT_LETTERS = 6
"""Shorter words weigh less: in most languages they are the ones that say little."""
_WORD = re.compile(r"[^\W_]+")
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
"""Scripts that are written without spaces, or nearly so: every pair of letters counts as a word."""


def vector(text: str, dimensions: int = DIMENSIONS) -> tuple[float, ...]:
    """The vector of `text`, of length 1; all zeros where there is no word in it."""
    found = [0.0] * dimensions
    for feature, weight in _weights(text).items():
        code = zlib.crc32(feature.encode())
        found[(code >> 1) % dimensions] += weight if code & 1 else -weight
    length = math.sqrt(math.fsum(value * value for value in found))
    return tuple(value / length for value in found) if length else tuple(found)


def _weights(text: str) -> dict[str, float]:
    counts = Counter(_features(text))
    return {feature: weight * (1 + math.log(count)) for (feature, weight), count in counts.items()}


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in _WORD.findall(_folded(text)):
        if _WITHOUT_SPACES.search(word):
            yield from ((word[at : at + 2], 1.0) for at in range(max(1, len(word) - 1)))
            continue
        weight = min(1.0, len(word) / FULL_WEIGHT_LETTERS)
        yield word, weight
        framed = f"^{word}$"
        if len(word) >= GRAM:
            yield from (
                (framed[at : at + GRAM], weight * GRAM_WEIGHT) for at in range(len(framed) - GRAM + 1)
            )


def _folded(text: str) -> str:
    """Without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))
