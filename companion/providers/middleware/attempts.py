"""`retry`: a fault that may pass, met before anything of the answer came, is answered by asking once more."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from companion.errors import CompanionError, Kind
from companion.kinds import Role
from companion.ports import Call
from companion.providers.middleware.reactions import (
    Middleware,
    is_job,
    is_live,
    is_meaningful,
    reaction,
    role_of,
)
from companion.providers.provider import opened
from companion.providers.replay import repeatable

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

LONGEST_BACKOFF_S = 8.0
_NOTHING_MADE = frozenset({Kind.RATE_LIMITED, Kind.UNAVAILABLE, Kind.UNREACHABLE})
"""Faults after which nothing was made that would be charged for."""


def retry(
    call: Call[RequestT, ChunkT],
    attempts: int = 3,
    *,
    backoff_s: float = 0.5,
    patience_s: float = 120.0,
    within_s: float = math.inf,
    dice: Callable[[], float] = random.random,
    on_wait: Callable[[float, CompanionError], None] | None = None,
) -> Call[RequestT, ChunkT]:
    """Sends a request again when the fault may pass and nothing of the answer was delivered yet.

    Sound and text that come only once are kept meanwhile and begin again; the picture that a vendor may have drawn, or
    the job it may have begun, is not paid for twice. A vendor's Retry-After is honoured up to `patience_s`; a longer one
    ends the attempts, a nonsensical one is ignored. What is told is the last fault of the vendor itself, not that a
    breaker inside has opened because of it.

    Args:
        within_s: no attempt of our own choosing begins later than this after the first, or later than half of it after
            the first fault, where the request was still being spoken or written: a person waits once for a first word,
            not once per attempt.
        dice: the jitter, 0..1.
        on_wait: hears how long each pause will be and why, for a countdown.
    """

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        async with repeatable(request) as make:
            clock = asyncio.get_running_loop()
            began: float | None = None if is_live(request) else clock.time()
            latest_s = within_s / 2 if began is None else within_s
            fault: CompanionError | None = None
            for attempt in range(1, attempts + 1):
                delivered = False
                try:
                    async with opened(call, make()) as chunks:
                        async for chunk in chunks:
                            delivered = delivered or is_meaningful(chunk)
                            yield chunk
                    return
                except CompanionError as error:
                    if fault is not None and error.kind is Kind.CIRCUIT_OPEN:
                        raise fault from fault.__cause__
                    fault = error
                    again = not delivered and attempt < attempts and _may_pass(request, error)
                    pause_s, is_asked = _pause(error, attempt, backoff_s, dice())
                    began = clock.time() if began is None else began
                    begins_s = clock.time() - began + pause_s
                    if not again or pause_s > patience_s or (begins_s > latest_s and not is_asked):
                        raise
                if on_wait is not None:
                    on_wait(pause_s, fault)
                await asyncio.sleep(pause_s)

    return run


def RetryMiddleware(max_retries: int = 2, backoff: float = 0.5) -> Middleware:
    """`retry` for `Client.use`, with so many further attempts after pauses from `backoff` seconds on."""
    return Middleware(
        lambda call, _: retry(call, max_retries + 1, backoff_s=backoff), {"attempts": 1, "backoff_s": backoff}
    )


def _may_pass(request: object, error: CompanionError) -> bool:
    is_paid_at_once = role_of(request) is Role.DRAWS or is_job(request)
    if is_paid_at_once and error.kind not in _NOTHING_MADE:
        return False
    return error.retryable and reaction(error).again


def _pause(error: CompanionError, attempt: int, backoff_s: float, dice: float) -> tuple[float, bool]:
    """Seconds until the next attempt, and whether it is the vendor who asks for so many."""
    backoff = min(LONGEST_BACKOFF_S, backoff_s * 2.0 ** (attempt - 1)) * (0.5 + dice / 2)
    asked: float | None = getattr(error, "retry_after_s", None)
    if asked is None or not asked > backoff:  # NaN is not greater than anything
        return backoff, False
    return asked, True
