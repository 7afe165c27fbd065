"""Where keys live: the system's keyring, or this run's memory by explicit choice. Never a file.

Keys go in and come out as `Secret`, bound to the origin they were entered for. Only known safe backends are used; every
call runs on one daemon thread with a time limit, because a keyring may wait for an unlock dialog for ever; every write
is read back, and one that was given up and happens all the same is undone. All methods belong to one event loop.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from companion.errors import CompanionError, Kind
from companion.language import tr
from companion.log import Secret, hide

T = TypeVar("T")
SERVICE = "reflection-companion"
LIMIT_S = 5.0
"""Longest wait for the keyring."""
IDLE_S = 1.0
"""How long the thread waits for more before it ends."""
_WAITING = 8
"""Calls that may queue behind a slow one; more are refused at once."""
SAFE_BACKENDS = frozenset(
    {
        ("keyring.backends.SecretService", "Keyring"),
        ("keyring.backends.libsecret", "Keyring"),
        ("keyring.backends.kwallet", "DBusKeyring"),
        ("keyring.backends.kwallet", "DBusKeyringKWallet4"),
        ("keyring.backends.Windows", "WinVaultKeyring"),
        ("keyring.backends.macOS", "Keyring"),
    }
)
"""Module and class of every backend that encrypts; anything else is refused, whoever configured it."""
_log = logging.getLogger(__name__)


class Backend(Protocol):
    """What is used of a keyring backend; blocking."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """What may be shown of a provider's key."""

    present: bool
    ending: str = ""
    """Last four characters; empty for a short key."""
    where: str = ""
    """`keyring`, `memory` (this run only), or `environment`."""
    origin: str = ""
    """Scheme, host and port it was entered for."""
    variable: str = ""
    """The environment variable that holds it, for `environment`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentKey:
    """A key found in an environment variable: read-only, used before any other."""

    secret: Secret
    origin: str
    variable: str


class Vault:
    """The keys of all providers, and the journal's.

    Args:
        backend: a safe keyring backend; None: there is none, and keys can only be kept for this run.
        environment: provider name -> key from the environment.
        limit_s: longest wait for one keyring call.
    """

    def __init__(
        self,
        backend: Backend | None = None,
        environment: Mapping[str, EnvironmentKey] | None = None,
        *,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._environment = dict(environment or {})
        self._memory: dict[str, str] = {}
        self._backend = backend
        self._thread = _KeyringThread(limit_s)

    @classmethod
    async def open(
        cls, environment: Mapping[str, EnvironmentKey] | None = None, *, limit_s: float = LIMIT_S
    ) -> Vault:
        """A vault over the system's keyring where there is a safe one that answers in time."""
        vault = cls(None, environment, limit_s=limit_s)
        try:
            vault._backend = await vault._thread.run(lambda: (find_backend(), None))
        except CompanionError as error:
            _log.info("no keyring: %s", error.kind)
        return vault

    @property
    def where(self) -> str:
        """`keyring`, or `memory` where there is none."""
        return "keyring" if self._backend is not None else "memory"

    async def look_again(self) -> None:
        """Looks for a keyring once more where there was none: it may have come up since. What is kept stays kept."""
        if self._backend is None:
            with suppress(CompanionError):  # still none: whoever needs it is told
                self._backend = await self._thread.run(lambda: (find_backend(), None))

    def close(self) -> None:
        """Forgets what was kept for this run and lets the thread end."""
        self._memory.clear()
        self._thread.stop()

    # -- providers' keys ------------------------------------------------------------------------------------

    async def get(self, provider: str, origin: str) -> Secret | None:
        """The key of `provider` for `origin` (`net.origin` of its address); None: there is none at all.

        Raises:
            CompanionError: KEY_ELSEWHERE when there is one for another origin only; KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        given = self._environment.get(provider)
        if given is not None and given.origin == origin:
            return given.secret
        kept = _unpacked(await self._read(_account(provider)))
        if kept is not None and kept[1] == origin:
            return kept[0]
        other = kept[1] if kept is not None else given.origin if given is not None else ""
        if other:
            raise CompanionError(
                Kind.KEY_ELSEWHERE,
                tr(
                    "This key was entered for {host}, so it is not sent to {host2}.",
                    host=_host(other),
                    host2=_host(origin),
                ),
                who=provider,
            )
        return None

    async def put(self, provider: str, key: Secret, origin: str, *, this_run_only: bool = False) -> None:
        """Keeps `key` for `origin`; it replaces the one before. Returns once it was read back.

        Raises:
            CompanionError: NO_KEYRING, unless `this_run_only`; KEYRING_TIMEOUT, KEYRING_FAILED: the old key holds.
        """
        value = json.dumps({"key": key.reveal(), "origin": origin})
        await self._write(_account(provider), value, this_run_only=this_run_only)

    async def remove(self, provider: str) -> Callable[[], Awaitable[None]]:
        """Forgets the key of `provider`; one in the environment stays. Idempotent. What it returns brings the key back.

        Raises:
            CompanionError: KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        account = _account(provider)
        kept, is_of_this_run = await self._read(account), account in self._memory
        if self._backend is not None:
            await self._thread.run(lambda: _change(self._need_backend(), account, None))
        self._memory.pop(account, None)

        async def bring_back() -> None:
            if kept is not None:
                await self._write(account, kept, this_run_only=is_of_this_run)

        return bring_back

    async def describe(self, provider: str) -> KeyState:
        """What may be shown of the key that would be used first.

        Raises:
            CompanionError: KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        given = self._environment.get(provider)
        if given is not None:
            return KeyState(
                present=True,
                ending=given.secret.ending,
                where="environment",
                origin=given.origin,
                variable=given.variable,
            )
        account = _account(provider)
        kept = _unpacked(await self._read(account))
        if kept is None:
            return KeyState(present=False)
        where = "memory" if account in self._memory else "keyring"
        return KeyState(present=True, ending=kept[0].ending, where=where, origin=kept[1])

    # -- the journal's key ----------------------------------------------------------------------------------

    async def get_journal_key(self, journal_id: str) -> bytes | None:
        """The 32 bytes that open the journal's key slot; None: not kept here.

        Raises:
            CompanionError: KEYRING_TIMEOUT, KEYRING_FAILED; JOURNAL_LOCKED for a value that is no such key.
        """
        text = await self._read(_journal_account(journal_id))
        if text is None:
            return None
        hide(text)
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            raise CompanionError(
                Kind.JOURNAL_LOCKED,
                tr("The system's keyring holds something else in place of the journal's key."),
                hint=tr("The journal is left as it is. A passphrase that was set for it opens it."),
            )
        return key

    async def put_journal_key(self, journal_id: str, key: bytes, *, this_run_only: bool = False) -> None:
        """Keeps the journal's 32 bytes. Returns once they were read back.

        Raises:
            CompanionError: NO_KEYRING, unless `this_run_only`; KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        if len(key) != 32:
            raise ValueError("a journal key has 32 bytes")
        text = base64.b64encode(key).decode("ascii")
        hide(text)
        await self._write(_journal_account(journal_id), text, this_run_only=this_run_only)

    # -- the two places -------------------------------------------------------------------------------------

    async def _read(self, account: str) -> str | None:
        if account in self._memory:
            return self._memory[account]
        if self._backend is None:
            return None
        return await self._thread.run(lambda: (self._need_backend().get_password(SERVICE, account), None))

    async def _write(self, account: str, value: str, *, this_run_only: bool) -> None:
        if this_run_only:
            self._memory[account] = value
            return
        backend = self._need_backend()
        await self._thread.run(lambda: _change(backend, account, value))
        self._memory.pop(account, None)

    def _need_backend(self) -> Backend:
        if self._backend is None:
            raise CompanionError(Kind.NO_KEYRING)
        return self._backend


class MemoryVault(Vault):
    """A vault that keeps everything for this run only: for tests, incognito, and by choice where no keyring is."""

    async def look_again(self) -> None:
        """It wants none."""

    async def _write(self, account: str, value: str, *, this_run_only: bool) -> None:
        await super()._write(account, value, this_run_only=True)


def find_backend() -> Backend:
    """The safe backend the `keyring` library would use. Blocking; asks the session bus (50-100 ms).

    Raises:
        CompanionError: NO_KEYRING.
    """
    import keyring
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    candidates: list[Any] = list(chosen.backends) if type(chosen) is ChainerBackend else [chosen]
    for backend in candidates:
        if is_safe(backend):
            safe: Backend = backend
            return safe
    names = ", ".join(f"{type(each).__module__}.{type(each).__qualname__}" for each in candidates)
    _log.info("keyring backends refused: %s", names or "none")
    raise CompanionError(Kind.NO_KEYRING)


def is_safe(backend: object) -> bool:
    """Whether this is exactly one of the backends known to encrypt."""
    return (type(backend).__module__, type(backend).__qualname__) in SAFE_BACKENDS


def _account(provider: str) -> str:
    return f"key:{provider}"


def _journal_account(journal_id: str) -> str:
    return f"journal:{journal_id}"


def _host(origin: str) -> str:
    return ", ".join(urlsplit(each).hostname or each for each in origin.split())


def _unpacked(value: str | None) -> tuple[Secret, str] | None:
    """Key and origin; None for nothing or for what some other program put there."""
    if value is None:
        return None
    try:
        parsed = json.loads(value)
        key, origin = parsed["key"], parsed["origin"]
    except (ValueError, TypeError, KeyError, RecursionError):
        hide(value)  # may be a key all the same
        return None
    if not isinstance(key, str) or not key or not isinstance(origin, str):
        return None
    return Secret(key), origin


def _change(backend: Backend, account: str, value: str | None) -> tuple[None, _Undo]:
    """Keeps `value`, or forgets what is there; what undoes it again. Blocking.

    Raises:
        CompanionError: KEYRING_FAILED, when the keyring does not hold afterwards what it should; what was there is back.
    """
    before = backend.get_password(SERVICE, account)

    def undo() -> None:
        _put(backend, account, before)

    _put(backend, account, value)
    if backend.get_password(SERVICE, account) != value:
        if value is None:
            raise CompanionError(Kind.KEYRING_FAILED, tr("The system's keyring did not remove the key."))
        undo()
        raise CompanionError(Kind.KEYRING_FAILED)
    return None, undo


def _put(backend: Backend, account: str, value: str | None) -> None:
    if value is not None:
        backend.set_password(SERVICE, account, value)
    elif backend.get_password(SERVICE, account) is not None:
        backend.delete_password(SERVICE, account)


_Undo = Callable[[], None]
_Work = Callable[[], tuple[T, _Undo | None]]


class _Job:
    """One call on its way through the thread. Given up before it starts, it never runs; later, what it did is undone.

    Whether it was given up or came to its end is decided once, whichever comes first: what is told is then what happened.
    """

    def __init__(self, work: _Work[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.result: asyncio.Future[object] = loop.create_future()
        self._work = work
        self._loop = loop
        self._deciding = threading.Lock()
        self._is_given_up = self._is_done = False

    def give_up(self) -> bool:
        """Whether nothing of it will have happened; False: it came to its end, and `result` is on its way."""
        with self._deciding:
            self._is_given_up = not self._is_done
            return self._is_given_up

    def run(self) -> None:
        if self._is_given_up:
            return
        value, undo, error = None, None, None
        try:
            value, undo = self._work()
        except BaseException as raised:  # noqa: BLE001 - carried over to the loop, where it is raised or dropped
            error = raised
        with self._deciding:
            self._is_done = not self._is_given_up
        if not self._is_done:
            _undo_late(undo)
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver, value, error)
        except RuntimeError:
            _log.debug("a keyring call outlived its event loop")
            _undo_late(undo)

    def _deliver(self, value: object, error: BaseException | None) -> None:
        if self.result.done():
            return
        if error is None:
            self.result.set_result(value)
        else:
            self.result.set_exception(error)


def _undo_late(undo: _Undo | None) -> None:
    if undo is None:
        return
    try:
        undo()
        _log.info("a keyring call that was given up happened all the same, and was undone")
    except Exception as error:  # noqa: BLE001 - backends raise errors of many libraries; nobody waits for this one
        _log.info("a keyring call that was given up could not be undone: %s", type(error).__name__)


class _KeyringThread:
    """Runs blocking calls one after the other, each with a time limit. A daemon that ends when it has nothing to do."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_WAITING)
        self._starting = threading.Lock()
        self._is_running = False
        self._busy_since: float | None = None

    async def run(self, work: _Work[T]) -> T:
        """What `work` returns, beside what would undo it.

        Raises:
            CompanionError: KEYRING_TIMEOUT, at once while an earlier call still hangs; KEYRING_FAILED for any fault. Then
                nothing is changed, not later either.
        """
        busy_since = self._busy_since
        if busy_since is not None and time.monotonic() - busy_since > self._limit_s:
            raise CompanionError(Kind.KEYRING_TIMEOUT)
        job = _Job(work, asyncio.get_running_loop())
        self._queue(job)
        try:
            await asyncio.wait([job.result], timeout=self._limit_s)
            if not job.result.done() and job.give_up():
                raise CompanionError(Kind.KEYRING_TIMEOUT)
            result: Any = await job.result
            value: T = result
            return value
        except CompanionError:
            raise
        except Exception as error:  # backends raise errors of many libraries; all mean the same here
            raise CompanionError(Kind.KEYRING_FAILED, _why(error), cause=error) from error
        finally:
            job.give_up()

    def _queue(self, job: _Job) -> None:
        with self._starting:
            try:
                self._jobs.put_nowait(job)
            except queue.Full as error:
                raise CompanionError(Kind.KEYRING_TIMEOUT, cause=error) from error
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._work, name="keyring", daemon=True).start()

    def stop(self) -> None:
        """Lets the thread end after what it does now."""
        with self._starting:
            if self._is_running:
                with suppress(queue.Full):  # it hangs, and ends with the process
                    self._jobs.put_nowait(None)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._busy_since = time.monotonic()
            job.run()
            self._busy_since = None
            del job  # it may hold a key

    def _next(self) -> _Job | None:
        """What is to be done; None: the thread ends."""
        try:
            job = self._jobs.get(timeout=IDLE_S)
        except queue.Empty:
            job = None
        if job is not None:
            return job
        with self._starting:
            self._is_running = not self._jobs.empty()
            return self._jobs.get_nowait() if self._is_running else None


def _why(error: Exception) -> str:
    if type(error).__name__ in ("KeyringLocked", "InitError"):
        return tr("The system's keyring is locked.")
    return tr("The system's keyring could not be used.")
