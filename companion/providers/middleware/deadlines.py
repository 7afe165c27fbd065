"""`timeouts`: the clocks of a call. The clock of connecting is the gate's own (`net.CONNECT_S`); all others are here."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from typing import TypeVar, cast

from companion.errors import AIProviderTimeoutError
from companion.flow import Audio, ChatDelta, HearRequest, SpeakRequest
from companion.ports import Call
from companion.providers.middleware.reactions import is_meaningful, names_of
from companion.providers.provider import Spec, opened
from companion.tasks import Fairness, Wait

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")
T = TypeVar("T")

LEAST_CHARS = 20
LEAST_SOUND_S = 0.5
"""An answer that brings less than this in `crawl_s` of waiting only pretends to be one."""


def timeouts(
    call: Call[RequestT, ChunkT],
    first_s: float | Callable[[RequestT], float] = 15.0,
    idle_s: float = 10.0,
    total_s: float = 1800.0,
    *,
    crawl_s: float = 30.0,
    spec: Spec | None = None,
) -> Call[RequestT, ChunkT]:
    """Ends a call that makes us wait too long: for the first piece, between pieces, or altogether.

    A delta without text and finish reason is no piece; between thoughts the clock of the first piece goes on. Pieces
    that keep coming and together are next to nothing in `crawl_s` of waiting end it too. Time in which the caller is
    busy with a chunk does not count. For a live take the clocks stand still while the recogniser waits for the
    microphone and begin anew with each frame, so they run from the end of the take, or from where the recogniser stopped
    listening; likewise for a voice that is given its text while it is written.

    Args:
        first_s: may depend on the request, where it goes to a model that thinks before it answers.

    Raises:
        AIProviderTimeoutError: what arrived before was delivered.
    """

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        longest_s = first_s(request) if callable(first_s) else first_s
        clock = _Clock(longest_s, idle_s, total_s)
        pace = _Pace(crawl_s, max(crawl_s, longest_s))
        fairness = Fairness()
        if isinstance(request, HearRequest):
            request = cast(RequestT, replace(request, frames=_unclocked(request.frames, clock)))
        elif isinstance(request, SpeakRequest) and request.pieces is not None:
            request = cast(RequestT, replace(request, pieces=_unclocked(request.pieces, clock)))
        try:
            async with opened(call, request) as chunks:
                while True:
                    clock.start()
                    try:
                        if fairness.is_due():
                            await asyncio.sleep(0)
                        chunk = await anext(chunks)
                    except StopAsyncIteration:
                        clock.stop()
                        return
                    except BaseException as error:
                        if clock.stop() and isinstance(error, asyncio.CancelledError):
                            raise _too_late(spec, TimeoutError(*error.args)) from error
                        raise
                    clock.stop()
                    if not isinstance(chunk, ChatDelta) or chunk.text:  # nearly all of them
                        clock.next_piece(is_thought=False)
                    elif is_meaningful(chunk):
                        clock.next_piece(is_thought=_is_thought(chunk))
                    yield chunk
                    if pace.is_a_crawl(chunk, clock.waited_s):
                        raise _too_late(spec)
        finally:
            clock.close()

    return run


def _is_thought(chunk: object) -> bool:
    return isinstance(chunk, ChatDelta) and not (chunk.text or chunk.finish_reason or chunk.tool_calls)


def _too_late(spec: Spec | None, error: BaseException | None = None) -> AIProviderTimeoutError:
    name, who = names_of(spec)
    return AIProviderTimeoutError("", name, error, who=who)


class _Clock:
    """The two budgets of one call, spent only between `start` and `stop`, and outside `pause`..`restart`.

    One timer looks after all waits of the call: pieces only move the moment at which it is too late, and a timer that
    comes before that moment is set again. A timer for each piece would cost as much as reading it.
    """

    def __init__(self, first_s: float, idle_s: float, total_s: float) -> None:
        self._first_s, self._idle_s, self._whole_s = first_s, idle_s, total_s
        self._piece_left_s, self._total_left_s = first_s, total_s
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._began_s = 0.0
        self._paused = False
        self._wait = Wait()
        self._late_at_s = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_s = math.inf
        self.waited_s = 0.0

    def next_piece(self, *, is_thought: bool) -> None:
        self._piece_left_s = self._first_s if is_thought else self._idle_s

    def start(self) -> None:
        """The task that calls it waits from now on."""
        self._began_s = self._time()
        self._wait.begin()
        if not self._paused:
            self._wake_when_late()

    def stop(self) -> bool:
        """It waits no longer; whether it was cancelled because it was too late, and for nothing else. Idempotent."""
        if not self._paused and self._wait.is_on:
            spent = self._time() - self._began_s
            self._piece_left_s -= spent
            self._total_left_s -= spent
            self.waited_s += spent
        return self._wait.end()

    def pause(self) -> None:
        self._paused = True
        self._late_at_s = math.inf

    def restart(self) -> None:
        self._paused = False
        self._piece_left_s, self._total_left_s = self._first_s, self._whole_s
        self._began_s = self._time()
        if self._wait.is_on:
            self._wake_when_late()

    def close(self) -> None:
        """Nothing is waited for any more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake_when_late(self) -> None:
        left_s = self._piece_left_s if self._piece_left_s < self._total_left_s else self._total_left_s
        self._late_at_s = late_at_s = self._began_s + (left_s if left_s > 0.0 else 0.0)
        if self._timer is None or late_at_s < self._timer_at_s:
            self.close()
            self._timer, self._timer_at_s = self._loop.call_at(late_at_s, self._look), late_at_s

    def _look(self) -> None:
        self._timer = None
        if not self._wait.is_on or self._late_at_s == math.inf:
            return  # the next to wait sets it again
        if self._time() < self._late_at_s:
            self._timer = self._loop.call_at(self._late_at_s, self._look)
            self._timer_at_s = self._late_at_s
        else:
            self._wait.break_off()


class _Pace:
    """How long we have waited for a bit that is worth the name. Transcripts have no pace: a person may be silent."""

    def __init__(self, crawl_s: float, thinking_s: float) -> None:
        """`thinking_s`: the same while there are only thoughts."""
        self._crawl_s, self._limit_s = crawl_s, thinking_s
        self._since_s: float | None = None
        """On the clock of waiting."""
        self._share = 0.0
        """How much of a bit has come since then."""

    def is_a_crawl(self, chunk: object, waited_s: float) -> bool:
        if isinstance(chunk, ChatDelta):
            share = 1.0 if chunk.finish_reason else (len(chunk.text) + len(chunk.reasoning)) / LEAST_CHARS
        elif isinstance(chunk, Audio):
            share = chunk.seconds / LEAST_SOUND_S
        else:
            return False
        if self._limit_s != self._crawl_s and not _is_thought(chunk):
            self._limit_s, self._since_s = self._crawl_s, None  # what counts begins here
        self._share += share
        if self._share >= 1.0 or self._since_s is None:
            self._since_s, self._share = waited_s, 0.0
        return waited_s - self._since_s >= self._limit_s


async def _unclocked(frames: AsyncIterator[T], clock: _Clock) -> AsyncGenerator[T, None]:
    """The frames of a take or the pieces of a text, with the clock stopped while they are waited for."""
    try:
        while True:
            clock.pause()
            try:
                frame = await anext(frames)
            except StopAsyncIteration:
                return
            finally:
                clock.restart()
            yield frame
    finally:
        close = getattr(frames, "aclose", None)
        if close is not None:
            await close()
