"""How long an answer and its parts may be, and who counts while it goes by. Bytes in; pure."""

from __future__ import annotations

MAX_LINE = 256 * 1024
"""Longest line of an event stream, bytes."""
MAX_BODY = 8 * 2**20
"""Longest body that is neither sound nor a stream of events, bytes."""
MAX_MESSAGE = 4 * 2**20
"""Longest WebSocket message, bytes; sound comes as base64 in some."""
MAX_STREAM = 64 * 2**20
"""Longest sound or stream of events, bytes."""
MAX_EVENT = 2**20
"""Longest event of an event stream (lines up to an empty one), bytes."""
_FEW_CHARS = 64 * 1024
_MOST_PARTS = {"[": 50_000, "{": 50_000, '"': 400_000, ",": 1_200_000}
"""Of one JSON document: what takes a processor about 50 ms to read."""


def check_parts(document: str | bytes) -> None:
    """Whether a JSON document can be read in the time between two frames of a window; size alone does not tell.

    Raises:
        ValueError: it has more parts than an answer has.
    """
    if len(document) <= _FEW_CHARS:
        return
    for sign, most in _MOST_PARTS.items():
        found = document.count(sign) if isinstance(document, str) else document.count(sign.encode())
        if found > most:
            raise ValueError("an answer of too many parts")


class Bounds:
    """Watches one body go by and says when it is more than an answer can be."""

    def __init__(self, kind: str, max_line: int = 0, max_body: int = 0) -> None:
        self._max_line, self._max_event = max_line or MAX_LINE, max(MAX_EVENT, max_line)
        self._events = kind == "text/event-stream"
        self._lines = self._events or kind == "application/x-ndjson"
        sound = kind.startswith("audio/") or kind == "application/octet-stream"
        self._limit = max_body or (MAX_STREAM if self._lines or sound else MAX_BODY)
        self._total = self._line = self._event = 0
        self._parts = dict(_MOST_PARTS) if kind == "application/json" or kind.endswith("+json") else None
        self._tail = b""

    def exceeded_by(self, part: bytes) -> bool:
        self._total += len(part)
        if self._parts is not None and self._has_too_many(part):
            return True
        if part.endswith(b"\n\n"):  # as nearly every part of an event stream does
            self._line = self._event = 0
            self._tail = b"\n\n"
            return self._total > self._limit
        if self._lines:
            self._line = _since(part, max(part.rfind(b"\n"), part.rfind(b"\r")), self._line)
        if self._events:
            seam = self._tail + part
            ends = (seam.rfind(blank) + len(blank) - 1 for blank in _BLANK_LINES if blank in seam)
            end = max(ends, default=-1)
            self._event = _since(part, end - len(self._tail), self._event)
            self._tail = seam[-3:]
        return self._total > self._limit or self._line > self._max_line or self._event > self._max_event

    def _has_too_many(self, part: bytes) -> bool:
        """Whether the JSON that goes by has more parts than can be read in one go; see `check_parts`."""
        assert self._parts is not None
        for sign in self._parts:
            self._parts[sign] -= part.count(sign.encode())
        return min(self._parts.values()) < 0


_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")


def _since(part: bytes, end: int, before: int) -> int:
    """Bytes since the last mark, which is at `end` of `part` or, where that is negative, `before` its beginning."""
    return before + len(part) if end < 0 else len(part) - end - 1
