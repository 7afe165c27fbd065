"""A speculative answer: asked for when a turn is probably over, kept unheard, used only if the words did not change.

The words so far leave before they are committed; the recording they come from is sealed on disk by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from companion.errors import CompanionError
from companion.flow import ChatDelta
from companion.tasks import spawn, stop


class SpeculativeAnswer:
    """The deltas of an answer that nobody has asked for yet."""

    def __init__(self, words: str, deltas: AsyncGenerator[ChatDelta, None]) -> None:
        self.words = words
        self._deltas: asyncio.Queue[ChatDelta | CompanionError | None] = (
            asyncio.Queue()
        )  # one reply: 32,000 characters
        self._task = spawn(self._collect(deltas), name="prepare an answer")

    async def _collect(self, deltas: AsyncGenerator[ChatDelta, None]) -> None:
        try:
            async with aclosing(deltas) as chunks:
                async for delta in chunks:
                    self._deltas.put_nowait(delta)
            self._deltas.put_nowait(None)
        except CompanionError as error:
            self._deltas.put_nowait(error)

    async def take(self) -> AsyncGenerator[ChatDelta, None]:
        """The answer from its beginning, now that it is wanted. Closing it ends the request.

        Raises:
            CompanionError: what went wrong meanwhile.
        """
        try:
            while (delta := await self._deltas.get()) is not None:
                if isinstance(delta, CompanionError):
                    raise delta
                yield delta
        finally:
            await stop(self._task)

    def cancel(self) -> None:
        """Ends the request unheard. Idempotent."""
        self._task.cancel()
