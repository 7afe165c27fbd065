"""The app's end of the process a language model runs in: starts it, gives its address and key, replaces it.

One process per event loop and one model in memory at a time; shared by every provider that joined, and closed with the
last that leaves. All methods belong to the loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import weakref
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from companion.children import CLOSE_S, end_child, start_child
from companion.errors import AIProviderModelNotFoundError, AIProviderUnavailableError, Kind
from companion.language import tr
from companion.log import Secret
from companion.providers.here.mind.library import BATCH
from companion.providers.provider import Spec
from companion.tasks import spawn, stop

START_S = 150.0
"""Longest wait for its address: gigabytes are read from the disk first."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """Which model is run, and how."""

    name: str
    file: Path
    context: int
    memory: int
    """Bytes it takes."""


class MindServer:
    """One process with one model."""

    def __init__(self, process: asyncio.subprocess.Process, order: Order, key: Secret) -> None:
        self.process, self.order, self.key = process, order, key
        self.address = ""
        self.is_lost = False
        self.uses = 0
        self._said: deque[str] = deque(maxlen=20)
        self._listening = spawn(self._listen(), name="mind: faults")
        self._watching = spawn(self._watch(), name="mind: watch")

    async def started(self) -> None:
        """Returns once it answers.

        Raises:
            EOFError: it ended instead.
            TimeoutError: it took longer than `START_S`.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {
            "file": str(self.order.file),
            "name": self.order.name,
            "key": self.key.reveal(),
            "context": self.order.context,
            "batch": BATCH,
            "threads": max(
                1, _cores() - 1
            ),  # one is for the voice; with all of them a busy neighbour halts every word
            "batch_threads": _cores(),
        }
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(START_S):
            line = await self.process.stdout.readline()
        try:
            self.address = str(json.loads(line)["address"])
        except ValueError:
            await asyncio.wait([self._listening], timeout=CLOSE_S)  # why, it said on its other channel
            raise EOFError from None

    @property
    def reason(self) -> str:
        """Why a file could not be loaded, in llama.cpp's words; empty: it did not say."""
        lines = [line.partition("error loading model:")[2].strip() for line in self._said]
        return next(filter(None, lines), "")

    async def has_ended(self, within_s: float) -> bool:
        """Whether the process is gone, or goes within a moment: a broken connection is noticed before its reason."""
        if not self.is_lost:
            await asyncio.wait([self._watching], timeout=within_s)
        return self.is_lost

    async def aclose(self) -> None:
        """Ends the process."""
        await end_child(self.process)
        await stop(self._listening, self._watching)

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self._said.append(line.decode("utf-8", "replace").strip())

    async def _watch(self) -> None:
        await self.process.wait()
        self.is_lost = True


class Minds:
    """The process of this loop, whether it runs or not."""

    def __init__(self) -> None:
        self._server: MindServer | None = None
        self._switching = asyncio.Lock()
        self._unused = asyncio.Event()
        self._unused.set()
        self._users: set[int] = set()

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._server.process.pid if self._server is not None and not self._server.is_lost else None

    @property
    def held(self) -> int:
        """Bytes that come free when another model is wanted."""
        return self._server.order.memory if self._server is not None and self.pid is not None else 0

    def runs(self, order: Order) -> bool:
        return self.pid is not None and self._server is not None and self._server.order == order

    @asynccontextmanager
    async def serving(self, order: Order, spec: Spec) -> AsyncGenerator[MindServer, None]:
        """The server with this model, for the time of the block; another model is put away first, once nobody asks it.

        Raises:
            AIProviderModelNotFoundError: the file cannot be loaded.
            AIProviderUnavailableError: ENGINE_CRASHED, the process cannot be started.
        """
        async with self._switching:
            if self._server is not None and not self.runs(order):
                if not self._server.is_lost:
                    await self._unused.wait()
                await self._end()
            if self._server is None:
                self._server = await _launch(order, spec)
            server = self._server
            server.uses += 1
            self._unused.clear()
        try:
            yield server
        finally:
            server.uses -= 1
            if server is self._server and not server.uses:
                self._unused.set()

    def join(self, user: object) -> None:
        """`user` wants the process until it leaves."""
        self._users.add(id(user))

    async def leave(self, user: object) -> None:
        """Closes the process with the last user. Idempotent."""
        self._users.discard(id(user))
        if not self._users:
            async with self._switching:
                await self._end()

    async def _end(self) -> None:
        server, self._server = self._server, None
        self._unused.set()
        if server is not None:
            await server.aclose()


_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Minds] = weakref.WeakKeyDictionary()


def shared_minds() -> Minds:
    """The one of the running loop."""
    return _shared.setdefault(asyncio.get_running_loop(), Minds())


async def _launch(order: Order, spec: Spec) -> MindServer:
    try:
        process = await start_child("providers.here.process.mind_child", tells_faults=True)
    except OSError as error:
        raise crashed(spec, error) from error
    server = MindServer(process, order, Secret(secrets.token_urlsafe(32)))
    try:
        await server.started()
    except BaseException as error:
        await server.aclose()
        if isinstance(error, (TimeoutError, EOFError, ConnectionError)):
            raise _not_started(spec, server, error) from error
        raise
    return server


def _not_started(spec: Spec, server: MindServer, error: BaseException) -> Exception:
    name = server.order.name
    if reason := server.reason:
        return AIProviderModelNotFoundError(
            tr("The model {name} cannot be loaded: {reason}.", name=name, reason=reason),
            spec.name,
            who=spec.display_name,
            hint=tr("Choose another model, or fetch it again. What you said is kept."),
        )
    return crashed(spec, error, tr("The model {name} could not be started.", name=name))


def crashed(spec: Spec, error: BaseException | None, message: str = "") -> AIProviderUnavailableError:
    return AIProviderUnavailableError(
        message, spec.name, error, kind=Kind.ENGINE_CRASHED, who=spec.display_name
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
