"""Frames of a take or pieces of a text that come only once, kept so that another reader can begin with the first of them.

In: an async iterator. Out: any number of readers, one after the other. A reader may be cancelled or closed at any moment
without harm to the source. Event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Generic, TypeVar

from companion.tasks import spawn, stop

T = TypeVar("T")


class Replay(Generic[T]):
    """The source is read when the newest reader asks for more; items are shared, not copied. Close it at the end."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        self.items: list[T] = []
        self._source = source
        self._is_over = False
        self._next: asyncio.Task[None] | None = None

    async def again(self, start: int = 0) -> AsyncGenerator[T, None]:
        """All items from the one of index `start`, then those still to come.

        Raises:
            Exception: what the source raises, when its turn has come.
        """
        at = start
        while True:
            while at < len(self.items):
                yield self.items[at]
                at += 1
            if self._is_over:
                return
            if self._next is None:
                self._next = spawn(self._read(), name="read on", is_awaited=True)
            task = self._next
            await asyncio.wait([task])  # it goes on when this reader is cancelled
            self._next = None
            task.result()

    async def aclose(self) -> None:
        """Lets go of the source."""
        await stop(self._next)
        if self._next is not None and not self._next.cancelled():
            self._next.exception()  # nobody waits for it any more
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()

    async def _read(self) -> None:
        try:
            self.items.append(await anext(self._source))
        except StopAsyncIteration:
            self._is_over = True
