"""Patience and caution around a provider call: each middleware takes a `Call` and gives one of the same shape.

Every one works alone and for any chunk type; `stack` composes them as a policy says, outside in: cap, breaker, limit,
retry, timeouts; `fallback` goes around whole stacks. All clocks are the event loop's. Nothing is sent again once a
piece of the answer was delivered, and closing the outer iterator, or cancelling its reader, always closes the inner one.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from companion.errors import (
    AIProviderCircuitOpenError,
    AIProviderRateLimitError,
    AIProviderTimeoutError,
    CompanionError,
    Kind,
)
from companion.flow import Audio, ChatDelta, HearRequest, SpeakRequest
from companion.ports import Call
from companion.providers.provider import Policy, Spec, opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")
T = TypeVar("T")

LONGEST_BACKOFF_S = 8.0
LONGEST_QUEUE_S = 10.0
"""How long `limit` holds a request back before it says so instead."""
WINDOW_CHARS = 40
MAX_REPEATS = 20
AVAILABILITY = frozenset(
    {Kind.UNREACHABLE, Kind.UNAVAILABLE, Kind.TIMEOUT, Kind.CUT_OFF, Kind.ENGINE_CRASHED}
)
"""Faults that say "not working at the moment", which is what the breaker counts."""


def stack(call: Call[RequestT, ChunkT], policy: Policy, spec: Spec | None = None) -> Call[RequestT, ChunkT]:
    """`call` of one provider behind everything its policy asks for. `spec` names it in the errors."""
    call = timeouts(call, policy.first_s, policy.idle_s, policy.total_s, spec=spec)
    if policy.attempts > 1:
        call = retry(call, policy.attempts, backoff_s=policy.backoff_s, patience_s=policy.patience_s)
    if policy.requests_per_minute:
        call = limit(call, policy.requests_per_minute, spec=spec)
    if policy.breaker:
        call = breaker(call, policy.breaker_threshold, rest_s=policy.breaker_rest_s, spec=spec)
    return capped(call, max_chars=policy.max_chars, max_audio_s=policy.max_audio_s)


# -- retry --------------------------------------------------------------------------------------------------


def retry(
    call: Call[RequestT, ChunkT],
    attempts: int = 3,
    *,
    backoff_s: float = 0.5,
    patience_s: float = 120.0,
    dice: Callable[[], float] = random.random,
) -> Call[RequestT, ChunkT]:
    """Sends a request again when the fault may pass and nothing of the answer was delivered yet.

    A live take and text that is still written cannot be replayed, so they are never tried again here. A vendor's
    Retry-After is honoured up to `patience_s`; a longer one ends the attempts, a nonsensical one is ignored. `dice` gives
    the jitter, 0..1.
    """

    async def run(request: RequestT) -> AsyncIterator[ChunkT]:
        for attempt in range(1, attempts + 1):
            delivered = False
            try:
                async with opened(call, request) as chunks:
                    async for chunk in chunks:
                        delivered = delivered or is_meaningful(chunk)
                        yield chunk
                return
            except CompanionError as error:
                again = not delivered and attempt < attempts and _may_pass(request, error)
                pause_s = _pause_s(error, attempt, backoff_s, dice()) if again else math.inf
                if not again or pause_s > patience_s:
                    raise
            await asyncio.sleep(pause_s)

    return run


def _may_pass(request: object, error: CompanionError) -> bool:
    return error.retryable and error.kind is not Kind.NO_CREDIT and not _is_live(request)


def _is_live(request: object) -> bool:
    """Whether what it carries comes only once: frames of a microphone, or text while it is written."""
    return isinstance(request, HearRequest) or (
        isinstance(request, SpeakRequest) and request.pieces is not None
    )


def _pause_s(error: CompanionError, attempt: int, backoff_s: float, dice: float) -> float:
    backoff = min(LONGEST_BACKOFF_S, backoff_s * 2.0 ** (attempt - 1)) * (0.5 + dice / 2)
    asked: float | None = getattr(error, "retry_after_s", None)
    return max(backoff, asked) if asked is not None and asked >= 0 else backoff  # NaN is not >= 0


# -- timeouts -----------------------------------------------------------------------------------------------


def timeouts(
    call: Call[RequestT, ChunkT],
    first_s: float = 15.0,
    idle_s: float = 10.0,
    total_s: float = 120.0,
    *,
    spec: Spec | None = None,
) -> Call[RequestT, ChunkT]:
    """Ends a call that makes us wait too long: for the first piece, between pieces, or altogether.

    A delta without text and finish reason is no piece. Time in which the caller is busy with a chunk does not count.
    For a live take the clocks stand still while the recogniser waits for the microphone and begin anew with each frame,
    so they run from the end of the take, or from where the recogniser stopped listening; likewise for a voice that is
    given its text while it is written.
    """

    async def run(request: RequestT) -> AsyncIterator[ChunkT]:
        clock = _Clock(first_s, idle_s, total_s)
        if isinstance(request, HearRequest):
            request = cast(RequestT, replace(request, frames=_unclocked(request.frames, clock)))
        elif isinstance(request, SpeakRequest) and request.pieces is not None:
            request = cast(RequestT, replace(request, pieces=_unclocked(request.pieces, clock)))
        async with opened(call, request) as chunks:
            while True:
                try:
                    async with clock:
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                except TimeoutError as error:
                    if not clock.expired:
                        raise
                    name, who = _names(spec)
                    raise AIProviderTimeoutError("", name, error, who=who) from error
                if is_meaningful(chunk):
                    clock.next_piece()
                yield chunk

    return run


class _Clock:
    """The two budgets of one call, spent only inside `async with clock` and outside `pause`..`restart`."""

    def __init__(self, first_s: float, idle_s: float, total_s: float) -> None:
        self._first_s, self._idle_s, self._whole_s = first_s, idle_s, total_s
        self._piece_left_s, self._total_left_s = first_s, total_s
        self._began = 0.0
        self._paused = False
        self._timeout: asyncio.Timeout | None = None
        self.expired = False

    def next_piece(self) -> None:
        self._piece_left_s = self._idle_s

    def pause(self) -> None:
        self._paused = True
        self._reschedule(None)

    def restart(self) -> None:
        self._paused = False
        self._piece_left_s, self._total_left_s = self._first_s, self._whole_s
        self._began = asyncio.get_running_loop().time()
        self._reschedule(self._began + self._left())

    async def __aenter__(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self._timeout = asyncio.timeout(None if self._paused else self._left())
        await self._timeout.__aenter__()

    async def __aexit__(self, *exception: Any) -> None:
        timeout, self._timeout = self._timeout, None
        if not self._paused:
            spent = asyncio.get_running_loop().time() - self._began
            self._piece_left_s -= spent
            self._total_left_s -= spent
        if timeout is not None:
            self.expired = timeout.expired()
            await timeout.__aexit__(*exception)

    def _left(self) -> float:
        return max(0.0, min(self._piece_left_s, self._total_left_s))

    def _reschedule(self, when: float | None) -> None:
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(when)


async def _unclocked(frames: AsyncIterator[T], clock: _Clock) -> AsyncIterator[T]:
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


# -- breaker and limit --------------------------------------------------------------------------------------


def breaker(
    call: Call[RequestT, ChunkT], threshold: int = 5, *, rest_s: float = 30.0, spec: Spec | None = None
) -> Call[RequestT, ChunkT]:
    """Leaves a provider alone for `rest_s` after `threshold` failures in a row, then lets one request try again.

    Only faults of availability count; a refused key or request shows that somebody is there.

    Raises:
        AIProviderCircuitOpenError: at once, while the provider is left alone; `retry_after_s` says how long.
    """
    failures = 0
    closed_until = -math.inf
    is_probing = False

    async def run(request: RequestT) -> AsyncIterator[ChunkT]:
        nonlocal failures, closed_until, is_probing
        now = asyncio.get_running_loop().time()
        probe = failures >= threshold
        if probe and (is_probing or now < closed_until):
            name, who = _names(spec)
            rest = rest_s if is_probing else closed_until - now
            raise AIProviderCircuitOpenError("", name, who=who, retry_after_s=rest)
        is_probing = is_probing or probe
        delivered = False
        try:
            async with opened(call, request) as chunks:
                async for chunk in chunks:
                    delivered = delivered or is_meaningful(chunk)
                    yield chunk
            failures = 0
        except (
            GeneratorExit,
            asyncio.CancelledError,
        ):  # nobody wants the rest; what came shows that it works
            failures = 0 if delivered else failures
            raise
        except CompanionError as error:
            failures = failures + 1 if error.kind in AVAILABILITY else 0
            if failures >= threshold:
                closed_until = asyncio.get_running_loop().time() + rest_s
            raise
        finally:
            if probe:
                is_probing = False

    return run


def limit(
    call: Call[RequestT, ChunkT],
    per_minute: int,
    *,
    longest_queue_s: float = LONGEST_QUEUE_S,
    spec: Spec | None = None,
) -> Call[RequestT, ChunkT]:
    """Starts at most `per_minute` requests in any 60 seconds; the others wait their turn.

    Raises:
        AIProviderRateLimitError: when the turn is further off than `longest_queue_s`.
    """
    starts: deque[float] = deque(maxlen=per_minute)

    async def run(request: RequestT) -> AsyncIterator[ChunkT]:
        now = asyncio.get_running_loop().time()
        start = max(now, starts[0] + 60) if len(starts) == per_minute else now
        if start - now > longest_queue_s:
            name, who = _names(spec)
            raise AIProviderRateLimitError(
                f"The limit of {per_minute} requests a minute that was set for {who or 'this provider'} is reached.",
                name,
                who=who,
                retry_after_s=start - now,
            )
        starts.append(start)
        if start > now:
            await asyncio.sleep(start - now)
        async with opened(call, request) as chunks:
            async for chunk in chunks:
                yield chunk

    return run


# -- fallback and caps --------------------------------------------------------------------------------------


def fallback(
    calls: Sequence[Call[RequestT, ChunkT]], *, on_switch: Callable[[int, CompanionError], None] | None = None
) -> Call[RequestT, ChunkT]:
    """Asks the next call when one fails before it delivered anything. The caller decides who may be on the list.

    A refusal to answer is an answer and is not taken elsewhere. A live take is only passed on by a call that never
    began. `on_switch` hears the index of the next call and why.
    """

    async def run(request: RequestT) -> AsyncIterator[ChunkT]:
        for index, call in enumerate(calls):
            delivered = False
            try:
                async with opened(call, request) as chunks:
                    async for chunk in chunks:
                        delivered = delivered or is_meaningful(chunk)
                        yield chunk
                return
            except CompanionError as error:
                if delivered or index == len(calls) - 1 or not _may_be_taken_elsewhere(request, error):
                    raise
                if on_switch is not None:
                    on_switch(index + 1, error)

    return run


def _may_be_taken_elsewhere(request: object, error: CompanionError) -> bool:
    if _is_live(request):
        return error.kind in (Kind.CIRCUIT_OPEN, Kind.KEY_MISSING, Kind.NOT_SUPPORTED, Kind.ENGINE_MISSING)
    return error.kind is not Kind.CONTENT_REFUSED


def capped(
    call: Call[RequestT, ChunkT], *, max_chars: int = 32_000, max_audio_s: float = 600.0
) -> Call[RequestT, ChunkT]:
    """Ends an answer that does not end by itself: too long, going round in circles, or endless sound.

    A cut text ends with the finish reason `length`; cut sound just ends.
    """

    async def run(request: RequestT) -> AsyncIterator[ChunkT]:
        text = _Circles()
        chars = 0
        seconds = 0.0
        async with opened(call, request) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, ChatDelta):
                    chars += len(chunk.text)
                    if chars > max_chars or text.adds_too_many_repeats(chunk.text):
                        kept = chunk.text[: len(chunk.text) - max(0, chars - max_chars)]
                        yield replace(chunk, text=kept, finish_reason="length")
                        return
                elif isinstance(chunk, Audio):
                    seconds += chunk.seconds
                    if seconds > max_audio_s:
                        return
                yield chunk

    return run


class _Circles:
    """Notices that the same stretch of text comes again and again, without overlap, whatever the period."""

    def __init__(self) -> None:
        self._tail = ""
        self._position = 0
        self._seen: dict[str, tuple[int, int]] = {}
        """Stretch -> how often, and where its last occurrence ended. Bounded by the cap on characters."""

    def adds_too_many_repeats(self, text: str) -> bool:
        joined = self._tail + text
        for end in range(WINDOW_CHARS, len(joined) + 1):
            start = self._position + end - WINDOW_CHARS
            window = joined[end - WINDOW_CHARS : end]
            times, last_end = self._seen.get(window, (0, 0))
            if start >= last_end:
                self._seen[window] = (times + 1, start + WINDOW_CHARS)
                if times >= MAX_REPEATS:
                    return True
        kept = min(len(joined), WINDOW_CHARS - 1)
        self._position += len(joined) - kept
        self._tail = joined[len(joined) - kept :]
        return False


# -- shared -------------------------------------------------------------------------------------------------


def is_meaningful(chunk: object) -> bool:
    """Whether a chunk carries something: an empty delta without finish reason is only a sign of life."""
    return not isinstance(chunk, ChatDelta) or bool(chunk.text or chunk.finish_reason)


def _names(spec: Spec | None) -> tuple[str, str]:
    return (spec.name, spec.display_name) if spec else ("", "")
