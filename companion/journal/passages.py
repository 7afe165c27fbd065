"""Long words of a turn cut into passages, and the piece of a text that shows what was found in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

Span = tuple[int, int]
"""Where something stands in a text: first character, and the one after the last."""
LONGEST = 600
"""Characters of a passage: about as much as one vector can hold the sense of."""
MOST = 60
"""Passages of a turn; what follows is found by its words only."""
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*\s+|\n+|[\u3002\uff01\uff1f]")
EXCERPT = 200
_OPEN, _CLOSE = "\ue0fe", "\ue0ff"
MARKS = (_OPEN, _CLOSE)
"""What the index puts around a word that it found."""


def cut(text: str) -> list[Span]:
    """The passages of a text, in order, together all of its words; sentences stay whole where they are not longer."""
    if len(text) <= LONGEST:
        return [_trimmed(text, (0, len(text)))] if text.strip() else []
    ends = [match.end() for match in _SENTENCE_END.finditer(text)] + [len(text)]
    spans: list[Span] = []
    begin = last = 0
    for end in ends:
        if end - begin > LONGEST and last > begin:
            spans.append((begin, last))
            begin = last
        while end - begin > LONGEST:  # one sentence without an end
            space = text.rfind(" ", begin, begin + LONGEST)
            middle = space + 1 if space > begin else begin + LONGEST
            spans.append((begin, middle))
            begin = middle
        last = end
    spans.append((begin, len(text)))
    return [_trimmed(text, span) for span in spans if text[span[0] : span[1]].strip()][:MOST]


def found_in(marked: str, text: str) -> list[Span]:
    """The spans that the index marked in a copy of `text`; none where the text holds the marks itself."""
    spans: list[Span] = []
    at, begin = 0, -1
    for piece in re.split(f"([{_OPEN}{_CLOSE}])", marked):
        if piece == _OPEN:
            begin = at
        elif piece == _CLOSE and begin >= 0:
            spans.append((begin, at))
            begin = -1
        else:
            at += len(piece)
    return spans if at == len(text) else []


def excerpt(text: str, spans: Sequence[Span]) -> tuple[str, list[Span], int]:
    """The piece of a text that shows most of `spans`: its words in one line, where they stand in it, where it begins."""
    begin, end = _window(text, spans)
    while begin > 0 and not text[begin - 1].isspace() and begin > end - EXCERPT - 30:
        begin -= 1
    if end < len(text) and not text[end].isspace():
        space = text.rfind(" ", begin, end)
        end = space if space > begin + EXCERPT // 2 else end
    before, after = ("\u2026" if begin > 0 else ""), ("\u2026" if end < len(text) else "")
    line = re.sub(r"\s", " ", text[begin:end])
    moved = [
        (first - begin + len(before), last - begin + len(before))
        for first, last in spans
        if begin <= first and last <= end
    ]
    return f"{before}{line}{after}", moved, begin


def _window(text: str, spans: Sequence[Span]) -> Span:
    if len(text) <= EXCERPT or not spans:
        return 0, min(len(text), EXCERPT)
    best = max(
        spans, key=lambda span: sum(span[0] <= other[0] < span[0] + EXCERPT * 3 // 4 for other in spans)
    )
    begin = max(0, min(best[0] - EXCERPT // 5, len(text) - EXCERPT))
    return begin, min(len(text), begin + EXCERPT)


def _trimmed(text: str, span: Span) -> Span:
    begin, end = span
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    return begin, end
