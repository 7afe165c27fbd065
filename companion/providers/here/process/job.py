"""One piece of work in the engine process: what it is to do, what flows in and out, and the two ways it ends early."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from companion.providers.here.process.pipe import WINDOW, Frame


class Cancelled(Exception):
    """The app does not want the rest of this job."""


class Refused(Exception):
    """A job that cannot be done, with the kind of fault and words for a person (empty: the card's)."""

    def __init__(self, kind: str, message: str = "", hint: str = "") -> None:
        super().__init__(message or kind)
        self.kind, self.message, self.hint = kind, message, hint


class Job:
    """One piece of work and the data that flows in and out of it. Its methods are called from its own thread."""

    def __init__(
        self, number: int, order: Mapping[str, Any], write: Callable[[int, Frame, bytes], None]
    ) -> None:
        self.number, self.order = number, order
        self.cancelled = False
        self.has_ended = False
        """No more data will come; what came may still wait to be taken."""
        self._write = write
        self._inbox: queue.Queue[bytes | None] = queue.Queue(WINDOW + 2)
        self._room = threading.Semaphore(WINDOW)

    def send(self, data: bytes) -> None:
        """Hands `data` to the app; waits while it has enough to do."""
        self._room.acquire()
        self.stop_if_cancelled()
        self._write(self.number, Frame.DATA, data)

    def offer(self, data: bytes) -> bool:
        """Hands `data` to the app if it takes it now."""
        if self.cancelled or not self._room.acquire(blocking=False):
            return False
        self._write(self.number, Frame.DATA, data)
        return True

    def received(self, lull_s: float | None = None) -> Iterator[bytes]:
        """What the app sends, until its end; nothing (b"") whenever no more came for `lull_s`, once until more comes."""
        wait_s = lull_s
        while True:
            try:
                data = self._inbox.get(timeout=wait_s)
            except queue.Empty:
                wait_s = None
                yield b""
                continue
            self.stop_if_cancelled()
            if data is None:
                return
            wait_s = lull_s
            self._write(self.number, Frame.CREDIT, b"")
            yield data

    def stop_if_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled

    def deliver(self, frame: Frame, payload: bytes) -> None:
        """What the reader has for this job; on the reader's thread, never waits."""
        if frame is Frame.CREDIT:
            self._room.release()
            return
        if frame is Frame.CANCEL:
            self.cancelled = True
            self._room.release()
        self.has_ended = self.has_ended or frame is Frame.END
        with suppress(queue.Full):  # only a cancelled job can be full, and it needs no second wake-up
            self._inbox.put_nowait(payload if frame is Frame.DATA else None)


def as_json(value: Mapping[str, Any]) -> bytes:
    """A piece of data that says something."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
