"""One answer of a voice model: words and sound arrive together, unaligned.

In: the vendor's deltas and sound. Out: events, sound in the player, and what was heard of it all. Runs on the loop's
thread; cancelling `run` is barge-in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from companion.conversation.answer import Answer
from companion.conversation.heard import GuessedTrack
from companion.errors import CompanionError, Kind
from companion.events import Mark, ReplyEnded, Trouble
from companion.flow import Audio, ChatDelta, ReplyState, Role, Sentence
from companion.tasks import spawn, stop

FIRST_S = 15.0
"""Longest wait for the first word or sound of an answer."""
IDLE_S = 10.0
"""Longest wait between two."""


class SpokenAnswer(Answer):
    """An answer that arrives as words and sound at once."""

    def __init__(self, *, kept: str = "", **shared: Any) -> None:
        """`kept` and `shared`: as `Answer`."""
        track = GuessedTrack(len(kept))
        super().__init__(track, kept=kept, **shared)
        self._sound = track
        self.is_over = asyncio.Event()
        """Nothing more of it will come; what came may still sound."""
        self._queue: asyncio.Queue[Audio | ChatDelta | None] = (
            asyncio.Queue()
        )  # bounded by the longest answer
        self._has_answered = False

    def take(self, what: ChatDelta | Audio) -> None:
        """More of it. What comes after its end is left out."""
        if self.is_over.is_set():
            return
        self._has_answered = True
        self._queue.put_nowait(what)
        if isinstance(what, Audio):
            self._mark(Mark.FIRST_AUDIO)
            self._sound.add(what)
            return
        self.usage = what.usage or self.usage
        self._take(what.text)
        if what.finish_reason is not None:
            self._take_rest()
            self.end(None if self._has_come else CompanionError(Kind.EMPTY_REPLY))

    def end(self, error: CompanionError | None = None) -> None:
        """It is complete, or as complete as it will be."""
        if self.is_over.is_set():
            return
        self._take_rest()
        self._finish_sentences()
        self.state = (
            ReplyState.WHOLE if error is None else ReplyState.CUT_OFF if self.text else ReplyState.PARTIAL
        )
        self.error = error
        if error is None:
            self._sound.end()
        else:
            if self.text and error.kind in (Kind.UNAVAILABLE, Kind.UNREACHABLE):
                error = CompanionError(Kind.CUT_OFF, who=error.who, cause=error)
            self._events.emit(Trouble(error=error, turn=self._turn, role=Role.THINKS))
        self._mark(Mark.REPLY_DONE)
        self.is_over.set()
        self._queue.put_nowait(None)
        self._events.emit(ReplyEnded(turn=self._turn, text=self.text, state=self.state))

    def interrupt(self) -> None:
        """The person went on; whatever comes now is of no interest."""
        if not self.is_over.is_set():
            self._finish_sentences()
        self.state = ReplyState.INTERRUPTED
        self.is_over.set()

    async def run(self) -> None:
        """Returns when the last sound was heard. Failures end in `error` and a `Trouble` event, never raise."""
        self._begin()
        follow = spawn(self._following.run(), name="follow playback")
        try:
            while (what := await self._next()) is not None:
                if isinstance(what, Audio) and self.is_aloud:
                    await self._play(self._player.write(self._turn, what))
                    self._following.made()
            await self._play(self._player.drain(self._turn))
            self._look_once_more()
        except asyncio.CancelledError:
            self.interrupt()
            raise
        finally:
            await stop(follow)

    async def _next(self) -> Audio | ChatDelta | None:
        try:
            async with asyncio.timeout(IDLE_S if self._has_answered else FIRST_S):
                return await self._queue.get()
        except TimeoutError:
            self.end(CompanionError(Kind.TIMEOUT))
            return None

    async def _play(self, playing: Coroutine[Any, Any, None]) -> None:
        try:
            await playing
        except CompanionError as error:
            self._fall_silent(error)

    def _written(self, text: str, sentences: list[Sentence]) -> None:
        self._sound.write(text, sentences)
