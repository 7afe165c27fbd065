"""The app's end of the engine process: starts it when it is needed, runs jobs in it, replaces it when it dies.

One process per event loop, shared by every provider that joined and closed with the last that leaves. All methods belong
to the loop's thread. A process that ends or falls silent fails its jobs with ENGINE_CRASHED; the next job starts another.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import companion
from companion.errors import (
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderNotSupportedError,
    AIProviderUnavailableError,
    Kind,
)
from companion.providers.here.process.pipe import HEADER, WINDOW, BrokenPipeline, Frame, encode, parse_header
from companion.providers.provider import Spec
from companion.tasks import spawn, stop

START_S = 20.0
"""Longest wait for the process' first word."""
SILENCE_S = 20.0
"""A process that answers nothing for so long is ended; so is one that does not give up a cancelled job."""
CLOSE_S = 2.0
"""How long it may take to end by itself."""
MOST_DEADLY = 1000
"""So many texts that ended a process are remembered."""
_OWN_FAULT = {signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV} | {
    getattr(signal, name) for name in ("SIGBUS", "SIGSYS", "SIGTRAP", "SIGXCPU") if hasattr(signal, name)
}
"""What ends a process that did something wrong itself; who kills it from outside uses another."""
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL")
_ERRORS: Mapping[Kind, type[AIProviderError]] = {
    Kind.NOT_SUPPORTED: AIProviderNotSupportedError,
    Kind.INVALID_REQUEST: AIProviderInvalidRequestError,
}
_log = logging.getLogger(__name__)


class EngineJob:
    """One job: iterate over it for what the process sends; `result` holds its last word. Always `cancel` at the end."""

    def __init__(self, number: int, child: _Child, spec: Spec) -> None:
        self.number = number
        self.result: Mapping[str, Any] = {}
        self.cancelled_at: float | None = None
        self._child, self._spec = child, spec
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue(WINDOW + 1)
        self._room = asyncio.Semaphore(WINDOW)
        self._over = False
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
        else:
            self._child.write(self.number, Frame.DATA, data)

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

    def __init__(self, process: asyncio.subprocess.Process, silence_s: float) -> None:
        self.process = process
        self.is_lost = False
        self._jobs: dict[int, EngineJob] = {}
        self._texts: dict[int, str] = {}
        """What those jobs say, where they say something."""
        self._silence_s = silence_s
        self._heard = True
        self._last = 0
        self._reading = spawn(self._read(), name="engines: read")
        self._watching = spawn(self._watch(), name="engines: watch")

    def start_job(self, spec: Spec, work: str, order: Mapping[str, Any]) -> EngineJob:
        payload = json.dumps({"work": work, **order}).encode()
        self._last += 1
        job = self._jobs[self._last] = EngineJob(self._last, self, spec)
        self._texts[self._last] = str(order.get("text", ""))
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
                    if frame in (Frame.DONE, Frame.FAILED):
                        del self._jobs[number]
                        self._texts.pop(number, None)
        except (asyncio.IncompleteReadError, ConnectionError, BrokenPipeline, asyncio.QueueFull) as error:
            _log.debug("the engine process is gone: %r", error)
        finally:
            self._lose()

    async def _watch(self) -> None:
        """Ends a process that hangs. Counts looks, not seconds: a loop that was blocked must not blame the process."""
        missed = 0
        while True:
            await asyncio.sleep(self._silence_s / 4)
            missed = 0 if self._heard or not self._jobs else missed + 1
            self._heard = False
            if missed >= 4 or self._has_stuck_job():
                _log.debug("the engine process does not answer")
                kill(self.process)
                return
            if self._jobs:
                self.write(0, Frame.PING)

    def _has_stuck_job(self) -> bool:
        latest = asyncio.get_running_loop().time() - self._silence_s
        return any(job.cancelled_at is not None and job.cancelled_at < latest for job in self._jobs.values())

    def _lose(self) -> None:
        self.is_lost = True
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            job.fail(_crashed(job._spec))
        kill(self.process)

    @property
    def deadly(self) -> frozenset[str]:
        """Once it is closed: what it was saying when it ended by a fault of its own."""
        code = self.process.returncode or 0
        is_own_fault = -code in _OWN_FAULT or code > 0xC0000000  # the latter on Windows
        return frozenset(filter(None, self._texts.values())) if is_own_fault else frozenset()

    async def aclose(self) -> None:
        """Ends the process: its stdin ends, and if that is not enough it is killed."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.process.wait()
        except TimeoutError:
            pass
        finally:  # also for who does not wait any longer: nothing is left behind
            kill(self.process)
            await self.process.wait()
            await stop(self._reading, self._watching)


class Engines:
    """The engine process of this loop, whether it runs or not."""

    def __init__(self, *, start_s: float = START_S, silence_s: float = SILENCE_S) -> None:
        self._start_s, self._silence_s = start_s, silence_s
        self._child: _Child | None = None
        self._starting = asyncio.Lock()
        self._deadly: dict[str, None] = {}
        """Texts that ended a process, the latest last: none is sent twice."""
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
        await self._running(None)

    async def job(self, spec: Spec, work: str, **order: Any) -> EngineJob:
        """Begins `work` for the provider `spec`; starts the process if none runs.

        Raises:
            AIProviderUnavailableError: ENGINE_CRASHED; VOICE_FAILED for a text that ended the process before.
        """
        child = await self._running(spec)
        if order.get("text") in self._deadly:
            message = "This sentence cannot be spoken here: the voice broke down over it."
            raise AIProviderUnavailableError(
                message, spec.name, kind=Kind.VOICE_FAILED, who=spec.display_name
            )
        return child.start_job(spec, work, order)

    async def _running(self, spec: Spec | None) -> _Child:
        async with self._starting:
            if self._child is not None and self._child.is_lost:
                lost, self._child = self._child, None
                await lost.aclose()
                self._deadly.update(dict.fromkeys(lost.deadly))
                while len(self._deadly) > MOST_DEADLY:
                    del self._deadly[next(iter(self._deadly))]
            if self._child is None:
                self._child = _Child(await _launch(self._start_s, spec), self._silence_s)
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


_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Engines] = weakref.WeakKeyDictionary()


def shared_engines() -> Engines:
    """The one of the running loop."""
    return _shared.setdefault(asyncio.get_running_loop(), Engines())


async def _launch(start_s: float, spec: Spec | None) -> asyncio.subprocess.Process:
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing from the working directory is imported
            "-m",
            "companion.providers.here.process.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=child_environment(),
        )
    except OSError as error:
        raise _crashed(spec, error) from error
    try:
        assert process.stdout is not None
        async with asyncio.timeout(start_s):
            await process.stdout.readexactly(HEADER.size)  # its first word: PONG, without payload
    except BaseException as error:
        kill(process)
        await process.communicate()
        if isinstance(error, (TimeoutError, asyncio.IncompleteReadError)):
            raise _crashed(spec, error) from error
        raise
    return process


def kill(process: asyncio.subprocess.Process) -> None:
    """Ends a process at once. Idempotent."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:  # `Process.kill` polls, and so takes the exit status away from the loop, which then warns
            os.kill(process.pid, signal.SIGKILL)


def child_environment() -> dict[str, str]:
    """This process' environment without keys and proxies, so that the child finds the same package and no secret."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in _SECRET) and not name.upper().endswith("_PROXY")
    }
    root = Path(companion.__file__).parent.parent
    if root.name not in (
        "site-packages",
        "dist-packages",
    ):  # a checkout; an installed package is found anyway
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), kept.get("PYTHONPATH", ""))))
    # Threads that wait for each other sleep: spinning, they starve whatever else runs and a busy computer all the more.
    kept["OMP_WAIT_POLICY"], kept["KMP_BLOCKTIME"] = "PASSIVE", "0"
    return kept


def _crashed(spec: Spec | None, cause: BaseException | None = None) -> AIProviderUnavailableError:
    name, who = (spec.name, spec.display_name) if spec else ("", "")
    return AIProviderUnavailableError("", name, cause, kind=Kind.ENGINE_CRASHED, who=who)


def _error(spec: Spec, told: Mapping[str, Any]) -> AIProviderError:
    kind = Kind(told["kind"])
    _log.debug("%s: %s", spec.name, kind)
    error = _ERRORS.get(kind, AIProviderUnavailableError)
    return error(told["message"], spec.name, kind=kind, hint=told["hint"], who=spec.display_name)
