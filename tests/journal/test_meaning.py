"""Pieces of texts as the models' own tokenizers cut them, vectors in bytes, and what is near."""

from __future__ import annotations

import numpy as np
import pytest

from companion.care.pieces import WordPieces
from companion.journal.meaning.near import Near, packed, unit
from companion.journal.meaning.pieces import BytePairs, vocabulary
from companion.journal.meaning.reader import Reader
from companion.journal.meaning.still import TOKENIZER, StillVectors
from tests.weights import weights


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Don't you think so? 42.5 %", [2123, 1005, 1056, 2017, 2228, 2061, 1029, 4413, 1012, 1019, 1003]),
        ("na\u00efve caf\u00e9 \u2014 it", [15743, 7668, 1517, 2009]),
        ("ok_fine \U0001f600 \u65e5\u672c", [7929, 1035, 2986, 100, 1864, 1876]),
        ("\u00dcn\u00efc\u00f6d\u00e9 WORDS\nnew line", [27260, 2616, 2047, 2240]),
        ("antidisestablishmentarianism's", [3424, 10521, 4355, 7875, 13602, 3672, 12199, 2964, 1005, 1055]),
        ("", []),
    ],
)
def test_word_pieces_are_those_of_bert(text: str, pieces: list[int]) -> None:
    assert WordPieces(vocabulary(weights("minilm") / "tokenizer.json"))(text) == [101, *pieces, 102]


@pytest.mark.parametrize("text", ["x" * 5000, "word " * 500, "\ud83d \0 \u200b", "\u4e00" * 400])
def test_no_text_is_too_odd_for_pieces(text: str) -> None:
    cut = WordPieces(vocabulary(weights("minilm") / "tokenizer.json"))(text)
    assert len(cut) <= 128
    assert all(0 <= each < 32_000 for each in BytePairs(weights("wordllama") / TOKENIZER)(text))


def test_what_means_the_same_is_nearer() -> None:
    said = ["I lost my job last week.", "They dismissed me from work on Monday.", "The soup was good."]
    for model in (StillVectors(weights("wordllama")), Reader(weights("minilm"))):
        lost, dismissed, soup = model(said)
        assert lost @ dismissed > lost @ soup + 0.1, model.name
        assert not np.any(model([""])) or model.name == Reader.name
        assert np.allclose(np.linalg.norm(model(said), axis=1), 1, atol=1e-5)


def test_the_nearest_of_many_in_bytes_are_the_nearest() -> None:
    chance = np.random.default_rng(7)
    rows = unit(chance.standard_normal((3000, 64)).astype(np.float32))
    near = Near(64)
    stored = [(row + 1, row // 2, row % 2, vector) for row, vector in enumerate(packed(rows))]
    for begin in range(0, 3000, 700):
        near.add(stored[begin : begin + 700])
    assert len(near) == near.last_row == 3000
    question = unit(rows[[1234]] + 0.02)[0]
    found = near.nearest(question, 50)
    exact = rows @ question
    assert next(iter(found.cosines)) == 617
    assert (found.parts[617], found.rows[617]) == (0, 1235)
    assert all(
        abs(cosine - exact[[2 * turn, 2 * turn + 1]].max()) < 0.01 for turn, cosine in found.cosines.items()
    )
    assert set(near.nearest(question, 50, turns=[3, 4]).cosines) == {3, 4}
    near.keep_only(row for row, *_ in stored if row != 1235)
    assert len(near) == 2999
    assert near.nearest(question, 3000).rows[617] == 1236
    assert not near._vectors[2999].any(), "what was deleted is gone from memory"


def test_an_empty_journal_and_a_vector_of_another_width() -> None:
    near = Near(8)
    assert near.nearest(np.ones(8, np.float32), 5).cosines == {}
    near.add([(1, 1, 0, b"\x01" * 16)])
    assert len(near) == 0
