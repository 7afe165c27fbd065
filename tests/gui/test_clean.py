"""What is taken out of a text before it is shown, and what is left alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from companion.gui.clean import BREAK, BREAK_EVERY, breakable, clean_text, unbroken

FORBIDDEN = {*range(0x00, 0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0xE0000, 0xE0080)}
FORBIDDEN |= {*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF, 0xFEFF}


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("safe\u202eexe.txt", "safeexe.txt"),
        ("hi\U000e0041\U000e0042", "hi"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("e\u0301", "é"),
        ("z" + "\u0335" * 40, "z" + "\u0335" * 4),
        ("lone \ud83d end", "lone  end"),
    ],
)
def test_what_deceives_is_dropped(raw: str, shown: str) -> None:
    assert clean_text(raw) == shown


@pytest.mark.parametrize(
    "text", ["مرحبا بالعالم", "שלום עולם", "👩‍👩‍👧‍👦 and 🏳️‍🌈", "नमस्ते", "a\tb\nc", "ﬁne — “yes”"]
)
def test_real_writing_stays(text: str) -> None:
    assert clean_text(text) == unicodedata.normalize("NFC", text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_no_forbidden_sign_survives(text: str) -> None:
    assert not FORBIDDEN & {ord(char) for char in clean_text(text)}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="ab \n", max_size=9000), max_size=4))
def test_breaks_come_in_time_and_leave_no_trace(pieces: list[str]) -> None:
    run, shown = 0, []
    for piece in pieces:
        part, run = breakable(piece, run)
        shown.append(part)
    whole = "".join(shown)
    assert unbroken(whole) == "".join(pieces)
    longest = max((len(word) for word in whole.replace(BREAK, " ").split()), default=0)
    assert longest <= BREAK_EVERY
