"""Text from outside, made fit to be shown: cleaned as everywhere, and nothing in it that freezes the layout.

Raw text stays in the journal; only what is drawn passes here.
"""

from __future__ import annotations

import re

BREAK_EVERY = 2_000
"""Characters without a space after which a break is allowed: one unbroken run costs quadratic layout time."""
BREAK = "\u200b"
SHOWN_CHARS = 32_000
"""Longest piece of one turn that is laid out at once."""
SHOWN_SIGNS = 1_200
"""Most lines and marks in it: each is a paragraph, an emphasis or a cell that is laid out by itself."""
__all__ = [
    "BREAK",
    "SHOWN_CHARS",
    "SHOWN_SIGNS",
    "breakable",
    "clean_text",
    "shown_end",
    "signs_in",
    "unbroken",
]
_SIGNS = re.compile(r"[\n*_`\[\]~|<>\\&!#@]|://|^[ \t>]*(?:[-+]|\d{1,9}[.)])(?=\s)", re.MULTILINE)
_RUNS = re.compile(r"\s+|\S+")


def clean_text(text: str) -> str:
    """`text` without what no script should contain, as everywhere in the house."""
    from companion.conversation import speech_text  # its patterns are not needed for an empty page

    return speech_text.clean_text(text)


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


def shown_end(text: str, chars: int = SHOWN_CHARS, signs: int = SHOWN_SIGNS) -> int:
    """How much of `text` may be laid out, with room for so many characters, lines and marks."""
    end = max(0, min(len(text), chars))
    if end <= signs:
        return end
    for count, found in enumerate(_SIGNS.finditer(text, 0, end)):
        if count >= signs:
            return found.start()
    return end


def signs_in(text: str) -> int:
    """Lines and marks in `text`."""
    return len(_SIGNS.findall(text))


def unbroken(text: str) -> str:
    return text.replace(BREAK, "")


def _run_at_end(text: str, run: int) -> int:
    for index in range(len(text) - 1, -1, -1):
        if text[index].isspace():
            return len(text) - 1 - index
    return run + len(text)
