"""Following a job at a vendor: begun, looked at ever more rarely until it is over, cancelled when nobody wants it any more.

Every wait has an end: each question, the pauses between them, and the whole job. A question that fails in passing is
asked again; the job does not know of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from companion.errors import (
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderTimeoutError,
    CompanionError,
    Kind,
)
from companion.jobs import BatchRequest, VideoRequest
from companion.providers.provider import Spec
from companion.tasks import spawn, stop

LOOK_S = 30.0
"""Longest wait for the answer to how far a job is."""
BEGIN_S = 600.0
"""The same for its beginning: what it is about is sent with it."""
WITHDRAW_S = 5.0
"""How long a caller who goes away waits for the job to be cancelled."""
SLOWER = 1.25
"""Every pause is so much longer than the one before: what takes an hour need not be known to the second."""
LONGEST = 15.0
"""The longest pause, in first pauses (`Policy.poll_s`)."""
LONGEST_PAUSE_S = 120.0
"""A vendor that asks for a longer pause is asked again after this one."""
MOST_FAILURES = 6
"""Questions in a row that may fail in passing."""
_log = logging.getLogger(__name__)


class State(Protocol):
    """A job as the vendor described it."""

    @property
    def job(self) -> str:
        """Its id."""

    @property
    def is_over(self) -> bool: ...

    @property
    def after_s(self) -> float | None:
        """When the vendor wants to be asked again; None: it does not say."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a vendor says of a job whose id it calls `id`: the base of a `State`."""

    told: Mapping[str, Any]
    after_s: float | None = None

    @property
    def job(self) -> str:
        return str(self.told["id"])


StateT = TypeVar("StateT", bound=State)
StateT_co = TypeVar("StateT_co", bound=State, covariant=True)


class Work(Protocol[StateT_co]):
    """One kind of job at one vendor. Every call is one question and raises what the vendor refuses."""

    async def begin(self) -> StateT_co: ...

    async def look(self, job: str) -> StateT_co: ...

    async def cancel(self, job: str) -> None: ...


async def follow(
    work: Work[StateT], spec: Spec, request: VideoRequest | BatchRequest, poll_s: float
) -> AsyncGenerator[StateT, None]:
    """Every state a job is found in; the last one is over.

    Raises:
        AIProviderTimeoutError: it was not over in time.
        CompanionError: what the vendor refuses; the job then goes on, if it was begun.
    """
    ends, pauses = _now() + request.wait_s, _pauses(poll_s)
    job = request.job
    try:
        state = await (_looked(work, spec, job) if job else _begun(work, spec, request))
        job = state.job
        while not state.is_over:
            yield state
            state = await _next(work, spec, state, ends, pauses)
    except (GeneratorExit, asyncio.CancelledError, _TooLong) as end:
        if job and not request.keeps_running:
            await _withdraw(work, spec, job)
        if isinstance(end, _TooLong):
            raise _too_long(spec, job, request) from None
        raise
    except CompanionError as error:
        if job and error.kind is not Kind.INVALID_REQUEST:
            error.hint = f"{error.hint} {_again(job)}".strip()
        raise
    yield state


class _TooLong(Exception):
    """The caller's patience is over."""


async def _next(
    work: Work[StateT], spec: Spec, state: StateT, ends: float, pauses: Callable[[float | None], float]
) -> StateT:
    """The state after a pause, or after several where the vendor could not be asked."""
    asked_s, failures = state.after_s, 0
    while True:
        pause_s = pauses(asked_s)
        if (left_s := ends - _now()) <= 0:
            raise _TooLong
        await asyncio.sleep(min(pause_s, left_s))
        try:
            return await _looked(work, spec, state.job)
        except CompanionError as error:
            failures += 1
            if not error.retryable or failures == MOST_FAILURES:
                raise
            _log.info("job %s: %s", state.job, error.kind)
            asked_s = getattr(error, "retry_after_s", None)


async def _looked(work: Work[StateT], spec: Spec, job: str) -> StateT:
    try:
        return await _within(LOOK_S, work.look(job), spec)
    except AIProviderModelNotFoundError as error:
        said = f"{spec.display_name} has no job with the id {job}."
        hint = "It may have been deleted, or belong to another account."
        raise AIProviderInvalidRequestError(
            said, spec.name, error, who=spec.display_name, status=error.status, hint=hint
        ) from error


def _pauses(poll_s: float) -> Callable[[float | None], float]:
    """Gives the next pause, told what the vendor asks for."""
    pause_s = poll_s

    def following(asked_s: float | None) -> float:
        nonlocal pause_s
        found = pause_s if asked_s is None else min(asked_s, LONGEST_PAUSE_S)
        pause_s = min(pause_s * SLOWER, LONGEST * poll_s)
        return found

    return following


async def _begun(work: Work[StateT], spec: Spec, request: VideoRequest | BatchRequest) -> StateT:
    """A new job. One that is given up while it is begun is waited for, so that it can be cancelled."""
    beginning = spawn(_within(BEGIN_S, work.begin(), spec), name="begin a job", is_awaited=True)
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        await asyncio.wait([beginning], timeout=WITHDRAW_S)
        await stop(beginning)
        is_there = not beginning.cancelled() and beginning.exception() is None
        if is_there and not request.keeps_running:
            await _withdraw(work, spec, beginning.result().job)
        raise


async def _withdraw(work: Work[StateT], spec: Spec, job: str) -> None:
    try:
        await _within(WITHDRAW_S, work.cancel(job), spec)
    except CompanionError as error:
        _log.warning("job %s at %s could not be cancelled: %s", job, spec.display_name, error.kind)


AnswerT = TypeVar("AnswerT")


async def _within(seconds: float, question: Awaitable[AnswerT], spec: Spec) -> AnswerT:
    try:
        async with asyncio.timeout(seconds):
            return await question
    except TimeoutError as error:
        raise AIProviderTimeoutError("", spec.name, error, who=spec.display_name) from error


def _too_long(spec: Spec, job: str, request: VideoRequest | BatchRequest) -> AIProviderTimeoutError:
    minutes = max(1, round(request.wait_s / 60))
    hint = _again(job) if request.keeps_running else "Allow it more time, or have it go on without you."
    return AIProviderTimeoutError(
        f"{spec.display_name} was not done with the job within {minutes} min.",
        spec.name,
        who=spec.display_name,
        hint=hint,
        retryable=False,
    )


def _again(job: str) -> str:
    return f"The job may go on there; take it up again by its id, {job}."


def _now() -> float:
    return asyncio.get_running_loop().time()
