"""Frames of a take or pieces of a text that come only once, kept so that they can be read again from the first.

In: an async iterator. Out: any number of readers, one after the other. A reader may be cancelled or closed at any moment
without harm to the source. Event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Generic, TypeVar, cast

from companion.flow import HearRequest, SpeakRequest
from companion.tasks import spawn, stop

T = TypeVar("T")
U = TypeVar("U")
RequestT = TypeVar("RequestT")

_AT_ONCE = 64
"""Items that are read without a pause."""


class Reading(AsyncIterator[T]):
    """One reading of a source that can be read `again`."""

    def __init__(self, begin: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._begin = begin
        self._items: AsyncGenerator[T, None] | None = None

    def __anext__(self) -> Awaitable[T]:
        if self._items is None:
            self._items = self._begin()
        return self._items.__anext__()

    def again(self) -> Reading[T]:
        """Another reading, from the first item."""
        return Reading(self._begin)

    async def aclose(self) -> None:
        """Ends this reading; the source stays as it is."""
        if self._items is not None:
            await self._items.aclose()


def through(
    source: AsyncIterator[T], wrapped: Callable[[AsyncIterator[T]], AsyncGenerator[U, None]]
) -> AsyncIterator[U]:
    """`wrapped(source)`, which can be read again if `source` can."""
    if isinstance(source, Reading):
        return Reading(lambda: wrapped(source.again()))
    return wrapped(source)


class Replay(Generic[T]):
    """The source is read on from the first moment somebody reads; items are shared, not copied. Close it at the end."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        self.items: list[T] = []
        self._source = source
        self._is_over = False
        self._fault: Exception | None = None
        """With which the source ended."""
        self._reading: asyncio.Task[None] | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def again(self, start: int = 0) -> Reading[T]:
        """All items from the one of index `start`, then those still to come.

        Raises:
            Exception: what the source raises, when its turn has come.
        """
        return Reading(lambda: self._read_from(start))

    async def _read_from(self, at: int) -> AsyncGenerator[T, None]:
        while True:
            while at < len(self.items):
                yield self.items[at]
                at += 1
            if self._fault is not None:
                raise self._fault
            if self._is_over:
                return
            if self._reading is None:  # a task of its own: a reader may be cancelled in the middle of an item
                self._reading = spawn(self._read(), name="read on")
            more = asyncio.get_running_loop().create_future()
            self._waiting.append(more)
            await more

    async def aclose(self) -> None:
        """Lets go of the source."""
        await stop(self._reading)
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()

    async def _read(self) -> None:
        try:
            async for item in self._source:
                self.items.append(item)
                self._wake()
                if len(self.items) % _AT_ONCE == 0:
                    await asyncio.sleep(0)  # a recording is there at once, and others want to work too
        except Exception as error:  # noqa: BLE001 - readers raise it when its turn has come
            self._fault = error
        finally:
            self._is_over = True
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for reader in waiting:
            if not reader.done():
                reader.set_result(None)


@asynccontextmanager
async def repeatable(request: RequestT) -> AsyncGenerator[Callable[[], RequestT], None]:
    """Makes `request` as often as it is wanted, also one whose sound or text comes only once."""
    if isinstance(request, HearRequest):
        name, source = "frames", request.frames
    elif isinstance(request, SpeakRequest) and request.pieces is not None:
        name, source = "pieces", cast(Any, request.pieces)
    else:
        yield lambda: request
        return
    made = cast(Any, request)
    if isinstance(source, Reading):
        yield lambda: replace(made, **{name: source.again()})
        return
    replay = Replay[Any](source)
    try:
        yield lambda: replace(made, **{name: replay.again()})
    finally:
        await replay.aclose()
