"""Which of what was found comes first, and whether it is worth mentioning. Pure.

Measured on 5,882 turns of everyday talk with 1,535 questions: half words (BM25) and half meaning finds more than either.
Scores of both are scaled by the best of the question, so neither drowns the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

WORDS_SHARE = 0.5
BY_BOTH, BY_READER = 3, 2
"""Where a model has read the sentences: so many by words and still vectors, then so many by it alone."""
FREQUENT_SHARE = 10
"""A word in more than one of so many entries does not help to tell them apart."""
COVERED_SHARE, STRONG = 0.7, 0.65
"""How much the telling words count beside the cosine of still vectors, and from what sum on a passage may be brought up by
itself. These figures are set with tests/data/recall: nine of ten questions without an answer find nothing."""
READ_COVERED_SHARE, READ_STRONG = 0.4, 0.55
"""The same for a model that has read the sentences."""
STRONG_IN_WORDS = 0.45
"""The same where there are only words."""
AS_GOOD, NEWER_AS_GOOD = 0.75, 0.45
"""What is brought up beside the strongest has so much of its strength; a newer one needs less: it may have changed it."""


def fused(words: Mapping[int, float], meaning: Mapping[int, float], middle: float) -> dict[int, float]:
    """0..1 for everything that was found by one or the other.

    Args:
        words: BM25, the more the better.
        meaning: cosines.
        middle: the cosine of what has nothing to do with the question.
    """
    if not meaning:
        return _scaled(words)
    best = max(meaning.values())
    width = max(best - middle, 1e-6)
    near = {key: max(0.0, (cosine - middle) / width) for key, cosine in meaning.items()}
    told = _scaled(words)
    return {
        key: WORDS_SHARE * told.get(key, 0.0) + (1 - WORDS_SHARE) * near.get(key, 0.0)
        for key in told.keys() | near.keys()
    }


def in_order(scores: Mapping[int, float], limit: int) -> list[int]:
    """The best first; of equals the newer, which has the higher number."""
    return sorted(scores, key=lambda key: (-scores[key], -key))[:limit]


def with_reader(both: Sequence[int], read: Sequence[int]) -> list[int]:
    """Three by words and still vectors, two that the reader alone would give, then the rest of both lists in turn."""
    first = list(both[:BY_BOTH])
    first += [key for key in read if key not in first][:BY_READER]
    rest = chain.from_iterable(zip(both[BY_BOTH:], read[BY_READER:], strict=False))
    return list(dict.fromkeys([*first, *rest, *both, *read]))


def rarity(entries: int, with_word: int) -> float:
    """How much a word tells; in a journal that has hardly begun about the same for all."""
    return math.log((max(entries, 500) + 1) / (with_word + 0.5))


def strength(covered: float, cosine: float | None) -> float:
    """How strongly a passage answers: what it covers of the question's telling words, by rarity, and how near it is."""
    if cosine is None:
        return covered * STRONG / STRONG_IN_WORDS
    return max(0.0, cosine) + COVERED_SHARE * covered


def strength_read(covered: float, cosine: float) -> float:
    """The same where the cosine is that of a model that has read the sentence."""
    return (max(0.0, cosine) + READ_COVERED_SHARE * covered) * STRONG / READ_STRONG


def worth_telling(strengths: Mapping[int, float], when: Mapping[int, float], limit: int) -> list[int]:
    """What may be brought up, the newest first; nothing rather than something weak.

    Newest first, because of two things that were said about one matter the later one holds.
    """
    strongest = max(strengths, key=lambda key: (strengths[key], when[key]), default=None)
    if strongest is None or strengths[strongest] < STRONG:
        return []
    best = strengths[strongest]
    kept = {
        key: value
        for key, value in strengths.items()
        if value >= max(STRONG, best * AS_GOOD)
        or (when[key] > when[strongest] and value >= best * NEWER_AS_GOOD)
    }
    return sorted(in_order(kept, limit), key=lambda key: (-when[key], -key))


def _scaled(scores: Mapping[int, float]) -> dict[int, float]:
    best = max(scores.values(), default=0.0)
    return {key: value / best for key, value in scores.items()} if best > 0 else dict(scores)


def shares(found: Iterable[str], rarities: Mapping[str, float]) -> float:
    """How much of all that the words tell is told by those that were found, 0..1."""
    whole = sum(rarities.values())
    return sum(rarities.get(word, 0.0) for word in set(found)) / whole if whole else 0.0
