"""Server-sent events out of the bytes of an answer: what all vendors with event streams have in common.

Blocks as they come from the network go in, whole events come out at the block that completes them. Lines may end with
LF, CR or CRLF, blocks may end anywhere, also inside a character (WHATWG HTML, "Interpreting an event stream").
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, NamedTuple

from companion.bounds import MAX_BODY, MAX_EVENT, MAX_LINE, check_parts

_decode = json.JSONDecoder().raw_decode


def parsed(data: str) -> Any:
    """`json.loads`, three times as fast for what has no space around it: its search for spaces costs more than the rest.

    Raises:
        ValueError: it is no JSON, or of more parts than an answer has.
    """
    check_parts(data)
    try:
        value, end = _decode(data)
    except ValueError:
        end = -1
    return value if end == len(data) else json.loads(data)


def says_nothing(data: str) -> bool:
    """Whether the data of an event is only a sign of life, or the word with which OpenAI's dialect ends."""
    return bool(_NOTHING_SAID.fullmatch(data))


_NOTHING_SAID = re.compile(r"[\s\[(\"':]*(?:ping|heartbeat|keep-?alive|null|done)[\s\])\"'.]*", re.IGNORECASE)


class ServerSentEvent(NamedTuple):
    """One event; comments and times to wait are left out."""

    event: str
    """`message` where the stream names none."""
    data: str
    id: str
    """The last one named, possibly by an earlier event."""


async def events(blocks: AsyncIterator[bytes]) -> AsyncGenerator[ServerSentEvent, None]:
    """The events of a stream, the last one also without its empty line; whoever gave `blocks` closes them.

    Raises:
        ValueError: a line or an event is longer than an answer can be.
    """
    splitter = Splitter()
    async for block in blocks:
        for event in splitter.feed(block):
            yield event
    for event in splitter.rest():
        yield event


class Splitter:
    """The same without waiting: `feed` gives the events that a block completes, `rest` what the end of the stream does.

    An event without data, or with nothing but space in it, is a sign of life and left out.
    """

    def __init__(self, max_line: int = 0, *, escapes: bool = False) -> None:
        """`max_line`: as the client was asked for (`Net.client`).

        Args:
            escapes: bytes that are no UTF-8 come out as Python's surrogate escapes, so that the halves of a character
                can find each other (`words.Characters`); otherwise as the replacement character.
        """
        self._max_line, self._max_event = max_line or MAX_LINE, max(MAX_EVENT, max_line)
        self._errors = "surrogateescape" if escapes else "replace"
        self._rest = bytearray()
        """The line under way; grows in place, however small the pieces are."""
        self._is_first = True
        self._is_between = False
        """No line and no event is under way."""
        self._after_cr = False
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        self._id = ""

    def feed(self, block: bytes) -> list[ServerSentEvent]:
        if self._is_between and block[-2:] == b"\n\n" and (event := self._only_event(block)) is not None:
            return [event]
        if self._after_cr and block.startswith(b"\n"):  # CR ended the line at once; this belongs to it
            block = block[1:]
        if not block:
            return []
        lines: list[bytes] = []
        self._after_cr = block.endswith(b"\r")
        self._is_between = False
        if b"\n" in block or b"\r" in block:
            lines = (bytes(self._rest) + block).splitlines(keepends=False)
            self._rest = bytearray(b"" if block.endswith((b"\n", b"\r")) else lines.pop())
        else:
            self._rest += block
        if len(self._rest) > self._max_line:
            raise ValueError("a line of the event stream is too long")
        if self._is_first and lines:
            lines[0] = lines[0].removeprefix(_BOM)
            self._is_first = False
        found: list[ServerSentEvent] = []
        for line in lines:
            if not line:
                self._finish(found)
            elif line.startswith(b"data: "):
                self._add(line[6:])
            elif line.startswith(b"event: "):
                self._event = line[7:].decode("utf-8", "replace")
            else:
                self._field(line)
        self._is_between = not (self._rest or self._data or self._event)
        return found

    def _only_event(self, block: bytes) -> ServerSentEvent | None:
        """The event of a block that is exactly one, with one line of data: nearly all of them, and in half the time."""
        size, name, at = len(block), "message", 0
        if block[:7] == b"event: ":
            at = block.find(b"\n") + 1
            name = block[7 : at - 1].decode("utf-8", "replace")
        if block[at : at + 6] != b"data: " or block.find(b"\n", at) != size - 2:
            return None
        if size > self._max_line or b"\r" in block:
            return None
        data = block[at + 6 : -2]
        if not data or not name or data.isspace():
            return None
        self._after_cr = False
        return ServerSentEvent(name, data.decode("utf-8", self._errors), self._id)

    def rest(self) -> list[ServerSentEvent]:
        """What the stream ended in the middle of. The standard drops it; servers that forget the empty line are many."""
        found = self.feed(b"\n") if self._rest else []
        self._finish(found)
        return found

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_event:
            raise ValueError("an event of the stream is too long")
        self._data.append(data)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._add(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")

    def _finish(self, found: list[ServerSentEvent]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            if data and not data.isspace():
                text = data.decode("utf-8", self._errors)
                found.append(ServerSentEvent(self._event or "message", text, self._id))
            self._data = []
            self._size = 0
        self._event = ""


class AnswerSplitter(Splitter):
    """A splitter for answers that may be no event stream, whatever their label says: one JSON value, or one a line.

    What begins like JSON is kept until the end; `rest` then gives it as one event, or as one for each line. `is_events`
    tells whether it was an event stream: what such a stream ends in the middle of is half an event and as good as none.
    """

    def __init__(self, max_line: int = 0) -> None:
        super().__init__(max_line, escapes=True)
        self._bare = bytearray()
        """What came while it was no event stream, or might be none."""
        self.is_events = self._is_bare = False

    def feed(self, block: bytes) -> list[ServerSentEvent]:
        if self.is_events:
            return Splitter.feed(self, block)
        self._bare += block
        if len(self._bare) > MAX_BODY:
            raise ValueError("an answer in one piece is too long")
        if self._is_bare or _BOM.startswith(self._bare):
            return []
        if self._bare.startswith(_BOM):
            del self._bare[: len(_BOM)]
        if self._bare[:1].isspace():  # empty lines say nothing, in either kind of answer
            self._bare = self._bare.lstrip()
        if not self._bare or self._bare[0] in b"{[":
            self._is_bare = bool(self._bare)
            return []
        self.is_events = True
        return Splitter.feed(self, bytes(self._bare))

    def rest(self) -> list[ServerSentEvent]:
        if self.is_events:
            return super().rest()
        text = self._bare.removeprefix(_BOM).decode("utf-8", self._errors).strip()
        try:
            parsed(text)
        except ValueError:
            return [ServerSentEvent("message", line, "") for line in text.split("\n") if line.strip()]
        return [ServerSentEvent("message", text, "")]


_BOM = b"\xef\xbb\xbf"
