"""WebSockets of the library `websockets`, made calm: no server can hold the loop, or fill memory, with many small frames.

Only `net` opens them. What arrives is read in slices, with the loop's turn between them; a server that sends signs of life
or empty messages in a flood is hung up on.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from websockets.asyncio.client import connect

SLICE_BYTES = 2_048
"""A thousand frames without content, which take a processor some 10 ms."""
MOST_HOLLOW = 2_000
"""Frames without content that a connection may send between two that have some: signs of life come every few seconds."""


@cache
def connector() -> type[connect]:
    """How a connection is opened: no redirect is followed, and the connection is calm."""
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.frames import DATA_OPCODES, Frame

    class Calm(ClientConnection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._slices: deque[bytes] = deque()
            self._hollow = 0

        def data_received(self, data: bytes) -> None:
            if len(data) <= SLICE_BYTES and not self._slices:
                super().data_received(data)
                return
            view = memoryview(data)
            self._slices.extend(bytes(view[at : at + SLICE_BYTES]) for at in range(0, len(view), SLICE_BYTES))
            self._feed()

        def _feed(self) -> None:
            """Reads on for a moment, then lets others have the loop."""
            until = self.loop.time() + 0.005
            while self._slices and self.loop.time() < until:
                super().data_received(self._slices.popleft())
            if self._slices:
                self.transport.pause_reading()
                self.loop.call_soon(self._feed)
            elif not self.recv_messages.paused:
                self.transport.resume_reading()

        def eof_received(self) -> None:
            while self._slices:  # nothing that came before the end is lost
                super().data_received(self._slices.popleft())
            super().eof_received()

        def connection_lost(self, exc: Exception | None) -> None:
            self._slices.clear()
            super().connection_lost(exc)

        def process_event(self, event: Any) -> None:
            if isinstance(event, Frame):
                self._hollow = 0 if event.opcode in DATA_OPCODES and event.data else self._hollow + 1
                if self._hollow > MOST_HOLLOW:
                    self._slices.clear()
                    self.transport.abort()
                    return
            super().process_event(event)

    class Direct(connect):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, create_connection=Calm, **options)

        def process_redirect(self, exc: Exception) -> Exception:
            return exc  # the library would go there, with every key that is not in an Authorization header

    return Direct


@cache
def discreet() -> logging.Logger:
    """For a library that writes every header into its log where that is read closely: keys are among them."""
    logger = logging.getLogger("companion.net.websocket")
    logger.setLevel(logging.INFO)
    return logger
