"""A passphrase opens the journal however it was typed, and eight words can be drawn to be written down."""

from __future__ import annotations

import secrets
import unicodedata

import pytest

from companion.errors import CompanionError, Kind
from companion.journal.keys import Slot, SlotKind, _seal, _stretch, new_slots
from companion.journal.passphrases import draw_words, spare_words, spellings
from tests.journal.conftest import CHEAP

PASSPHRASE = "Grüße aus Zürich um ½ 9"
WORDS = "acorn bagel canoe daisy eagle fern gazebo harbor".replace("harbor", "harp")


@pytest.mark.parametrize(
    "typed",
    [
        f"  {PASSPHRASE}\n",
        f"{PASSPHRASE}\r\n",
        "\t" + PASSPHRASE.replace(" ", "   "),
        PASSPHRASE.replace(" ", "\u00a0"),
        unicodedata.normalize("NFD", PASSPHRASE),
        unicodedata.normalize("NFKC", PASSPHRASE),
        unicodedata.normalize("NFKD", PASSPHRASE),
    ],
)
async def test_spaces_line_ends_and_ways_to_send_a_letter_mean_nothing(typed: str) -> None:
    for made_with, opened_with in ((PASSPHRASE, typed), (typed, PASSPHRASE)):
        slots, key = new_slots()
        slots = slots.with_slot(await slots.passphrase_slot(key, made_with, CHEAP))
        assert await slots.unlock_with_passphrase(opened_with) == key


@pytest.mark.parametrize(
    "typed", [PASSPHRASE.lower(), PASSPHRASE.replace(" ", ""), PASSPHRASE + "!", "", "½"]
)
async def test_another_passphrase_opens_nothing(typed: str) -> None:
    slots, key = new_slots()
    slots = slots.with_slot(await slots.passphrase_slot(key, PASSPHRASE, CHEAP))
    with pytest.raises(CompanionError) as refused:
        await slots.unlock_with_passphrase(typed)
    assert refused.value.kind is Kind.WRONG_PASSPHRASE


@pytest.mark.parametrize("kept", ["ends with a space ", "two  spaces", "ﬁne ligatures"])
async def test_what_was_kept_as_it_was_typed_still_opens(kept: str) -> None:
    """By a version that knew no spellings."""
    slots, key = new_slots()
    salt, kind = secrets.token_bytes(16), SlotKind.PASSPHRASE
    wrapped = _seal(_stretch(unicodedata.normalize("NFC", kept), salt, CHEAP), key, slots._bound_to(kind))
    slots = slots.with_slot(Slot(kind=kind, wrapped=wrapped, salt=salt, cost=CHEAP))
    assert await slots.unlock_with_passphrase(kept) == key


@pytest.mark.parametrize(
    "typed",
    [
        WORDS.title(),
        WORDS.upper(),
        WORDS.replace(" ", ", "),
        WORDS.replace(" ", "\n"),
        " ".join(f"{n}. {word}" for n, word in enumerate(WORDS.split(), 1)),
    ],
)
def test_eight_words_are_meant_however_they_are_written(typed: str) -> None:
    assert spellings(typed)[0] == spellings(WORDS)[0] == WORDS


def test_words_of_ones_own_keep_their_case() -> None:
    assert spellings("Eight Words Of My Own Are No Draw")[0] == "Eight Words Of My Own Are No Draw"


def test_the_words_are_short_plain_and_many() -> None:
    words = spare_words()
    assert len(words) >= 2_048
    assert words == tuple(sorted(set(words)))
    assert all(word.isascii() and word.islower() and 3 <= len(word) <= 8 for word in words)
    assert set(WORDS.split()) <= set(words)


def test_a_draw_is_eight_of_them_by_chance() -> None:
    draws = {draw_words() for _ in range(50)}
    assert len(draws) == 50
    assert all(len(draw.split()) == 8 and set(draw.split()) <= set(spare_words()) for draw in draws)
