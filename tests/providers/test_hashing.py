"""Vectors without a model: near for what shares words, the same everywhere, of length 1."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from companion.calls import Embeddings, EmbedRequest
from companion.errors import AIProviderInvalidRequestError
from companion.providers.hashing import DIMENSIONS, vector
from companion.providers.here.builtin import BuiltinProvider

JOURNAL = [
    "I walked along the river this morning and felt calm.",
    "The meeting with my manager went badly and I am angry.",
    "My sister called and we laughed about our childhood.",
    "I could not sleep, my thoughts kept circling.",
    "Der Spaziergang am Fluss hat mir gutgetan.",
    "今日は川沿いを歩いて気持ちが落ち着いた。",
]


def likeness(one: str, other: str) -> float:
    return math.fsum(a * b for a, b in zip(vector(one), vector(other), strict=True))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("walking by the river", 0),
        ("angry about the meeting", 1),
        ("phone call with my sister", 2),
        ("sleepless, circling thoughts", 3),
        ("Spaziergänge am Fluß", 4),
        ("川を歩いた", 5),
    ],
)
def test_the_entry_that_shares_its_words_is_nearest(question: str, answer: int) -> None:
    likest = max(range(len(JOURNAL)), key=lambda index: likeness(question, JOURNAL[index]))
    assert likest == answer


def test_forms_of_a_word_lie_nearer_than_other_words() -> None:
    assert likeness("walking", "walked") > 2 * abs(likeness("walking", "meeting"))
    assert likeness("café", "CAFE") == pytest.approx(1.0)


def test_every_vector_has_length_one_and_the_empty_one_none() -> None:
    for text in JOURNAL:
        assert math.hypot(*vector(text)) == pytest.approx(1.0)
    assert not any(vector(" ... "))


def test_another_process_finds_the_same_vector() -> None:
    code = f"from companion.providers.hashing import vector; print(repr(vector({JOURNAL[0]!r})))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == repr(vector(JOURNAL[0]))


async def test_the_provider_of_this_computer_gives_them() -> None:
    async with BuiltinProvider() as provider:
        (found,) = [each async for each in provider.embed(EmbedRequest(texts=(JOURNAL[0], JOURNAL[1])))]
        assert isinstance(found, Embeddings)
        assert [len(each) for each in found.vectors] == [DIMENSIONS, DIMENSIONS]
        (short,) = [each async for each in provider.embed(EmbedRequest(texts=(JOURNAL[0],), dimensions=64))]
        assert len(short.vectors[0]) == 64
        with pytest.raises(AIProviderInvalidRequestError, match="no word"):
            await anext(aiter(provider.embed(EmbedRequest(texts=("fine", " ")))))
