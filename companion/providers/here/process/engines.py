"""The app's end of the engine process: starts it when it is needed, runs jobs in it, replaces it when it dies.

One process per event loop, shared by every provider that joined and closed with the last that leaves. All methods belong
to the loop's thread. A process that ends or falls silent fails its jobs with ENGINE_CRASHED; the next job starts another.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import weakref
from collections.abc import Mapping
from typing import Any

from companion.children import end_child, kill, look_at, start_child
from companion.errors import (
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderNotSupportedError,
    AIProviderUnavailableError,
    Kind,
)
from companion.language import mark, tr
from companion.providers.here.process.pipe import HEADER, WINDOW, BrokenPipeline, Frame, encode, parse_header
from companion.providers.here.process.suspects import Given, Suspects, Thing, given, of_sound
from companion.providers.provider import Spec
from companion.tasks import spawn, stop

START_S = 20.0
"""Longest wait for the process' first word."""
SILENCE_S = 3.6
"""A process that answers nothing for so long is ended."""
PATIENCE = 5
"""So many times longer where it is seen to compute, or cannot be seen; and to give up a job that was cancelled."""
LOOKS = 4
"""How often it is looked at in `SILENCE_S`."""
_OWN_FAULT = {signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV} | {
    getattr(signal, name) for name in ("SIGBUS", "SIGSYS", "SIGTRAP", "SIGXCPU") if hasattr(signal, name)
}
"""What ends a process that did something wrong itself; who kills it from outside uses another."""
_OWN_ENDS = (1, 255)
"""Exit codes of a process that a library in it ended; with the end of stdin it is 0."""
_ENGINES: Mapping[str, str] = {
    "hear": mark("The built-in recogniser"),
    "hear_with_whisper": "Whisper",
    "load_whisper": "Whisper",
    "speak": mark("The built-in voice"),
    "list_voices": mark("The built-in voice"),
    "speak_naturally": mark("The natural voice"),
    "load_voice": mark("The natural voice"),
}
"""Who does a kind of work, as a card names it."""
_REFUSALS: Mapping[Thing, tuple[Kind, str, str]] = {
    Thing.TEXT: (
        Kind.VOICE_FAILED,
        mark("This sentence could not be spoken: the voice failed on it."),
        mark("It is shown as text."),
    ),
    Thing.SOUND: (
        Kind.HEARING_FAILED,
        mark("{who} failed on this recording, so it will not be tried again."),
        mark("It is kept. Choose another recogniser and try again."),
    ),
    Thing.MODEL: (
        Kind.ENGINE_MISSING,
        mark("{who} failed while loading its model, so it will not be loaded again."),
        mark("Remove the model and fetch it again in the settings, or choose another."),
    ),
}
"""What is said of something that ended the process before."""
_ERRORS: Mapping[Kind, type[AIProviderError]] = {
    Kind.NOT_SUPPORTED: AIProviderNotSupportedError,
    Kind.INVALID_REQUEST: AIProviderInvalidRequestError,
}
_log = logging.getLogger(__name__)


class EngineJob:
    """One job: iterate over it for what the process sends; `result` holds its last word. Always `cancel` at the end."""

    def __init__(self, number: int, child: _Child, spec: Spec, work: str, things: tuple[Given, ...]) -> None:
        self.number, self.work = number, work
        self.things = list(things)
        """What it was given from outside."""
        self.result: Mapping[str, Any] = {}
        self.cancelled_at: float | None = None
        self._child, self._spec = child, spec
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue(WINDOW + 1)
        self._room = asyncio.Semaphore(WINDOW)
        self._over = self._knows_sound = False
        self._failure: BaseException | None = None

    def __aiter__(self) -> EngineJob:
        return self

    async def __anext__(self) -> bytes:
        if self._over and self._inbox.empty():
            raise StopAsyncIteration
        data = await self._inbox.get()
        if data is not None:
            self._child.write(self.number, Frame.CREDIT)
            return data
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    async def send(self, data: bytes) -> None:
        """Waits while the process has enough to do. After the job's end: does nothing."""
        await self._room.acquire()
        if self._over:
            self._room.release()
        elif self._knows_sound or self._may_hear(data):
            self._child.write(self.number, Frame.DATA, data)

    def _may_hear(self, data: bytes) -> bool:
        """Whether this is no recording that ended a process before."""
        sound = of_sound(self.work, data)
        if sound is None:
            return True
        self._knows_sound = True
        self.things.append(sound)
        if sound in self._child.suspects:
            self.fail(_refused(self._spec, self.work, Thing.SOUND))
        return not self._over

    def end(self) -> None:
        """No more data will come."""
        if not self._over:
            self._child.write(self.number, Frame.END)

    def cancel(self) -> None:
        """Stops the work in the process, unless it is over. Idempotent."""
        if not self._over and self.cancelled_at is None:
            self.cancelled_at = asyncio.get_running_loop().time()
            self._child.write(self.number, Frame.CANCEL)

    def fail(self, error: BaseException) -> None:
        """Ends the job with `error`, which the reader of the job receives."""
        if not self._over:
            self.cancel()
            self._close(error)

    def deliver(self, frame: Frame, payload: bytes) -> None:
        """What the process says of this job."""
        if frame is Frame.CREDIT:
            self._room.release()
        elif frame is Frame.DATA and not self._over and self.cancelled_at is None:
            self._inbox.put_nowait(payload)
        elif frame is Frame.DONE:
            self.result = json.loads(payload)
            self._close(None)
        elif frame is Frame.FAILED:
            self._close(_error(self._spec, json.loads(payload)))

    def _close(self, error: BaseException | None) -> None:
        if not self._over:
            self._over, self._failure = True, error
            self._inbox.put_nowait(None)
            self._room.release()


class _Child:
    """One process, from its first word to its last."""

    def __init__(self, process: asyncio.subprocess.Process, silence_s: float, suspects: Suspects) -> None:
        self.process, self.suspects = process, suspects
        self.is_lost = self._has_hung = False
        self._jobs: dict[int, EngineJob] = {}
        self._lost_things: list[Given] = []
        """What it was given and had not done with at its end."""
        self._silence_s = silence_s
        self._heard = True
        self._last = 0
        self._reading = spawn(self._read(), name="engines: read")
        self._watching = spawn(self._watch(), name="engines: watch")

    def start_job(
        self, spec: Spec, work: str, order: Mapping[str, Any], things: tuple[Given, ...]
    ) -> EngineJob:
        payload = json.dumps({"work": work, **order}).encode()
        self._last += 1
        job = self._jobs[self._last] = EngineJob(self._last, self, spec, work, things)
        self.write(job.number, Frame.START, payload)
        return job

    def write(self, job: int, frame: Frame, payload: bytes = b"") -> None:
        """Never waits: what is under way is bounded by the jobs' windows."""
        sink = self.process.stdin
        if sink is not None and not self.is_lost and not sink.is_closing():
            sink.write(encode(job, frame, payload))

    async def _read(self) -> None:
        source = self.process.stdout
        assert source is not None
        try:
            while True:
                size, number, frame = parse_header(await source.readexactly(HEADER.size))
                payload = await source.readexactly(size)
                self._heard = True
                job = self._jobs.get(number)
                if job is not None:
                    job.deliver(frame, payload)
                    if frame is Frame.DONE:
                        self.suspects.used_well(job.things)
                    if frame in (Frame.DONE, Frame.FAILED):
                        del self._jobs[number]
        except (asyncio.IncompleteReadError, ConnectionError, BrokenPipeline, asyncio.QueueFull) as error:
            _log.debug("the engine process is gone: %r", error)
        finally:
            self._lose()

    async def _watch(self) -> None:
        """Ends a process that hangs. Counts looks, not seconds: a loop that was blocked must not blame the process."""
        missed, seen = 0, look_at(self.process.pid)
        while True:
            await asyncio.sleep(self._silence_s / LOOKS)
            before, seen = seen, look_at(self.process.pid)
            missed = 0 if self._heard or not self._jobs else missed + 1
            self._heard = False
            is_busy = seen is None or seen.state == "D" or seen != before
            if missed >= LOOKS * (PATIENCE if is_busy else 1) or self._has_stuck_job():
                _log.debug("the engine process does not answer: %s", seen)
                self._has_hung = seen is None or seen.state != "T"
                kill(self.process)
                return
            if self._jobs:
                self.write(0, Frame.PING)

    def _has_stuck_job(self) -> bool:
        latest = asyncio.get_running_loop().time() - self._silence_s * PATIENCE
        return any(job.cancelled_at is not None and job.cancelled_at < latest for job in self._jobs.values())

    def _lose(self) -> None:
        self.is_lost = True
        jobs, self._jobs = self._jobs, {}
        self._lost_things += [thing for job in jobs.values() for thing in job.things]
        for job in jobs.values():
            job.fail(_crashed(job._spec, job.work))
        kill(self.process)

    async def aclose(self) -> None:
        """Ends the process. Where it ended by a fault of its own, what it was given is not given again."""
        await end_child(self.process)
        await stop(self._reading, self._watching)
        code = self.process.returncode or 0
        if -code in _OWN_FAULT or code in _OWN_ENDS or code > 0xC0000000:  # the latter on Windows
            self.suspects.add(self._lost_things)
        elif self._has_hung:  # a model may be large and the computer slow
            self.suspects.add(thing for thing in self._lost_things if thing[0] is not Thing.MODEL)


class EngineProcess:
    """The engine process of this loop, whether it runs or not."""

    def __init__(self, *, start_s: float = START_S, silence_s: float = SILENCE_S) -> None:
        self._start_s, self._silence_s = start_s, silence_s
        self._child: _Child | None = None
        self._starting = asyncio.Lock()
        self._suspects = Suspects()
        self._users: set[int] = set()

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._child.process.pid if self._child is not None and not self._child.is_lost else None

    async def start(self) -> None:
        """Returns once the process runs.

        Raises:
            AIProviderUnavailableError: ENGINE_CRASHED when it cannot be started within the time allowed.
        """
        await self._running(None, "")

    async def job(self, spec: Spec, work: str, **order: Any) -> EngineJob:
        """Begins `work` for the provider `spec`; starts the process if none runs.

        Raises:
            AIProviderUnavailableError: ENGINE_CRASHED; for what ended the process before: VOICE_FAILED for a text,
                HEARING_FAILED for a recording (once its sound comes), ENGINE_MISSING for a model.
        """
        child = await self._running(spec, work)
        things = given(order)
        for thing in things:
            if thing in self._suspects:
                raise _refused(spec, work, thing[0])
        return child.start_job(spec, work, order, things)

    async def _running(self, spec: Spec | None, work: str) -> _Child:
        async with self._starting:
            if self._child is not None and self._child.is_lost:
                lost, self._child = self._child, None
                await lost.aclose()
            if self._child is None:
                process = await _launch(self._start_s, spec, work)
                self._child = _Child(process, self._silence_s, self._suspects)
            return self._child

    def join(self, user: object) -> None:
        """`user` wants the process until it leaves."""
        self._users.add(id(user))

    async def leave(self, user: object) -> None:
        """Closes the process with the last user. Idempotent."""
        self._users.discard(id(user))
        if not self._users:
            await self.aclose()

    async def aclose(self) -> None:
        """Ends the process; its jobs fail. The next job starts another."""
        async with self._starting:
            child, self._child = self._child, None
            if child is not None:
                await child.aclose()


_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, EngineProcess] = weakref.WeakKeyDictionary()


def shared_engines() -> EngineProcess:
    """The one of the running loop."""
    return _shared.setdefault(asyncio.get_running_loop(), EngineProcess())


async def _launch(start_s: float, spec: Spec | None, work: str) -> asyncio.subprocess.Process:
    try:
        process = await start_child("providers.here.process.worker")
    except OSError as error:
        raise _crashed(spec, work, error) from error
    try:
        assert process.stdout is not None
        async with asyncio.timeout(start_s):
            await process.stdout.readexactly(HEADER.size)  # its first word: PONG, without payload
    except BaseException as error:
        kill(process)
        await process.communicate()
        if isinstance(error, (TimeoutError, asyncio.IncompleteReadError)):
            raise _crashed(spec, work, error) from error
        raise
    return process


def _crashed(spec: Spec | None, work: str, cause: BaseException | None = None) -> AIProviderUnavailableError:
    name, who = (
        spec.name if spec else "",
        tr(_ENGINES.get(work, mark("The engine for voices and recognisers"))),
    )
    return AIProviderUnavailableError("", name, cause, kind=Kind.ENGINE_CRASHED, who=who)


def _refused(spec: Spec, work: str, thing: Thing) -> AIProviderUnavailableError:
    """What ended the process before would do it again."""
    kind, message, hint = _REFUSALS[thing]
    who = tr(_ENGINES.get(work, spec.display_name))
    return AIProviderUnavailableError(
        tr(message, who=who), spec.name, kind=kind, who=who, hint=tr(hint), retryable=False
    )


def _error(spec: Spec, told: Mapping[str, Any]) -> AIProviderError:
    kind = Kind(told["kind"])
    _log.debug("%s: %s", spec.name, kind)
    error = _ERRORS.get(kind, AIProviderUnavailableError)
    return error(told["message"], spec.name, kind=kind, hint=told["hint"], who=spec.display_name)
