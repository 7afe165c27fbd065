"""`Chaos`: one address on this computer that answers as a provider would, and spoils answers by a schedule.

Requests that ask for nothing (lists of models, connection warmers) are answered well and do not count. All chance comes
from the seed and the number of the request.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from types import TracebackType

from companion.chaos.answers import REPLY, TRANSCRIPT, healthy
from companion.chaos.faults import FAULTS, Fault, Scene
from companion.chaos.talk import Over, Talk, aura, flux, nova
from companion.chaos.wire import Asked, Line, Way

WELL = "well"
SLOW_S = 9.0
_ROUTES = {
    "/v1/chat/completions": ("openai", Way.CHAT),
    "/v1/messages": ("anthropic", Way.CHAT),
    "/api/chat": ("ollama", Way.CHAT),
    "/v1/audio/transcriptions": ("openai", Way.HEAR),
    "/v1/audio/speech": ("openai", Way.SPEAK),
    "/v2/listen": ("deepgram", Way.LIVE_HEAR),
    "/v1/listen": ("deepgram", Way.LIVE_HEAR),
    "/v1/speak": ("deepgram", Way.LIVE_SPEAK),
}
_CONVERSATIONS = {"/v2/listen": flux, "/v1/listen": nova, "/v1/speak": aura}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request that counted."""

    number: int
    way: Way
    vendor: str
    fault: str
    """Its name, or `well`."""
    at_s: float
    """On the loop's clock."""


class Chaos:
    """The server. `async with Chaos(["status_503", "stall"]) as chaos: chaos.url`.

    Args:
        schedule: faults, by name or made for the purpose; `well` for none. Each waits for the first request it applies to;
            requests in between go well.
        then: what all later requests get.
        seed: of all that is left to chance.
        tick_s: how slow the slow ones are.
        reply: what is answered.
        transcript: what is heard.
        token_s: pause before each piece of a good chat answer.
    """

    def __init__(
        self,
        schedule: Iterable[str | Fault] = (),
        *,
        then: str | Fault = WELL,
        seed: int = 0,
        tick_s: float = SLOW_S,
        reply: str = REPLY,
        transcript: str = TRANSCRIPT,
        token_s: float = 0.0,
    ) -> None:
        self.schedule = deque(schedule)
        """What is still to come; more may be added at any time."""
        self.then = then
        self.tick_s = tick_s
        self.reply, self.transcript = reply, transcript
        self.token_s = token_s
        self.answered: list[Answered] = []
        self._seed = seed
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Base address, without a path; OpenAI's shape wants `/v1` behind it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Ends all connections. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in tuple(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await server.wait_closed()

    async def __aenter__(self) -> Chaos:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- one connection -------------------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        line = Line(reader, writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, Over):
                while line.is_open and (asked := await line.request()) is not None:
                    await self._answer(line, asked)
        except asyncio.CancelledError:
            pass  # `stop` ends the connections, and the server's own task has nobody else to tell
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, line: Line, asked: Asked) -> None:
        route = _ROUTES.get(asked.path)
        if asked.method in ("HEAD", "OPTIONS"):
            await line.raw(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif route is None:
            await self._small_talk(line, asked)
        else:
            vendor, way = route
            fault = self._next_fault(way)
            number = len(self.answered)
            now = asyncio.get_running_loop().time()
            name = fault.name if fault is not None else WELL
            self.answered.append(Answered(number=number, way=way, vendor=vendor, fault=name, at_s=now))
            dice = Random(f"{self._seed} {number} {name}")
            if asked.wants_websocket and (fault is None or fault.act is None):
                await self._converse(line, asked, fault, dice)
                return
            answer = healthy(vendor, way, asked, self.reply, self.transcript)
            scene = Scene(line, asked, answer, dice, self.tick_s)
            await (self._well(scene) if fault is None or fault.act is None else fault.act(scene))

    def _next_fault(self, way: Way) -> Fault | None:
        for entry in self.schedule:
            fault = _fault(entry)
            if fault is None or way in fault.ways:
                self.schedule.remove(entry)
                return fault
        last = _fault(self.then)
        return last if last is not None and way in last.ways else None

    async def _well(self, scene: Scene) -> None:
        await scene.line.head(200, scene.answer.media_type)
        for part in scene.answer.parts:
            if self.token_s and scene.answer.way is Way.CHAT:
                await asyncio.sleep(self.token_s)
            await scene.line.part(part)
        await scene.line.end()

    async def _converse(self, line: Line, asked: Asked, fault: Fault | None, dice: Random) -> None:
        talk = Talk(line, asked, dice, self.transcript)
        talk.slip = fault.slip if fault is not None else None
        await talk.open()
        await _CONVERSATIONS[asked.path](talk)

    async def _small_talk(self, line: Line, asked: Asked) -> None:
        """Lists of models and checks of keys."""
        model = {"id": "chaos", "type": "model", "object": "model", "created": 1, "owned_by": "chaos"}
        known = {
            "/v1/models": {"object": "list", "data": [model], "has_more": False},
            "/api/tags": {"models": [{"name": "chaos", "model": "chaos", "details": {"family": "llama"}}]},
            "/v1/auth/token": {"api_key_id": "chaos"},
        }.get(asked.path)
        body = json.dumps(known if known is not None else {"error": {"message": "no such path"}}).encode()
        await line.whole(404 if known is None else 200, body)


def _fault(entry: str | Fault) -> Fault | None:
    if isinstance(entry, Fault):
        return entry
    return None if entry == WELL else FAULTS[entry]


def drawn(seed: int, count: int, *, rate: float = 0.3, names: Sequence[str] = ()) -> list[str]:
    """A schedule by chance: `count` entries, of which about `rate` are faults (of `names`; empty: of all)."""
    dice = Random(seed)
    choice = list(names or FAULTS)
    return [dice.choice(choice) if dice.random() < rate else WELL for _ in range(count)]
