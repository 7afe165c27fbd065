"""Text from outside, made fit to be shown: nothing invisible, nothing that reorders, nothing that freezes the layout.

Raw text stays in the journal; only what is drawn passes here.
"""

from __future__ import annotations

import re
import unicodedata

BREAK_EVERY = 2_000
"""Characters without a space after which a break is allowed: one unbroken run costs quadratic layout time."""
BREAK = "\u200b"
SHOWN_CHARS = 32_000
"""Longest piece of one turn that is laid out at once."""
_MARKS_IN_A_ROW = 4

_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, save tab and line feed
    "\u200b\u2028\u2029\ufeff\ufdd0-\ufdef\ufffc"  # our own break sign, separators, noncharacters, objects
    "\u202a-\u202e\u2066-\u2069"  # bidirectional overrides and isolates
    "\U000e0000-\U000e007f"  # tags
    "\ud800-\udfff]"  # lone surrogates
    "|[\ufffe\uffff\U0001fffe\U0001ffff\U0010fffe\U0010ffff]"
)
_RUNS = re.compile(r"\s+|\S+")


def clean_text(text: str) -> str:
    """`text` without controls, direction overrides, tag characters and noncharacters, NFC, at most four marks in a row."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = unicodedata.normalize("NFC", _UNWANTED.sub("", text))
    return text if text.isascii() else _without_towers(text)


def breakable(text: str, run: int = 0) -> tuple[str, int]:
    """`text` with a break opportunity in every very long run; `unbroken` takes it out again.

    Args:
        run: how many characters without a space came just before, in a text that arrives in pieces.

    Returns:
        The text, and the run at its end.
    """
    if run + len(text) < BREAK_EVERY:
        return text, _run_at_end(text, run)
    pieces: list[str] = []
    for part in _RUNS.findall(text):
        if part[0].isspace():
            pieces.append(part)
            run = 0
            continue
        start = 0
        while run + len(part) - start > BREAK_EVERY:
            stop = start + max(0, BREAK_EVERY - run)
            pieces += (part[start:stop], BREAK)
            start, run = stop, 0
        pieces.append(part[start:])
        run += len(part) - start
    return "".join(pieces), run


def unbroken(text: str) -> str:
    return text.replace(BREAK, "")


def _run_at_end(text: str, run: int) -> int:
    for index in range(len(text) - 1, -1, -1):
        if text[index].isspace():
            return len(text) - 1 - index
    return run + len(text)


def _without_towers(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MARKS_IN_A_ROW:
            kept.append(char)
    return "".join(kept)
