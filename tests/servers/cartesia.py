"""Cartesia: /tts/websocket with contexts, /stt/websocket, /stt/turns/websocket and /voices, as of version 2026-08-14."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from aiohttp import web

from tests.servers.script import SCRIPT, Script, Seen
from tests.servers.server import VendorServer
from tests.servers.talk import Talk, b64, blocks, sound

VERSION = "2026-08-14"
KATIE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
AMELIE = "0c1d2e3f-1111-4222-8333-944455556666"
WORD_BYTES = 3200
"""A word becomes known with every tenth of a second at 16 kHz."""
_TITLES = {
    400: ("invalid_request", "Invalid request"),
    401: ("unauthorized", "Unauthorized"),
    402: ("quota_exceeded", "Insufficient credits"),
    403: ("forbidden", "Forbidden"),
    404: ("not_found", "Not found"),
    429: ("concurrency_limited", "Too many concurrent requests"),
    500: ("internal_error", "Internal server error"),
}


class CartesiaServer(VendorServer):
    name = "cartesia"
    default_models: ClassVar[tuple[str, ...]] = (
        "sonic-3.5", "sonic-3", "sonic-latest", "ink-2", "ink-whisper",
    )  # fmt: skip
    close_with: tuple[int, str] = (1000, "")
    """How a conversation ends that the script ends early."""
    error_status = 500
    """Of the error inside a conversation."""
    times_restart = False
    """Word times count from the last flush instead of from the beginning of the context."""
    times_last = False
    """Word times come after the sound of their flush instead of soon after it began."""
    voice_ids: tuple[str, ...] = (AMELIE, KATIE)
    eager_end_at: int = 0
    """After so many words the turns socket believes the person is done, and one word later that they are not."""
    context_life_s: float | None = None
    """A context that has said all it was given ends after so long without more."""
    contexts_expired = 0
    turn_words: int = 0
    """The turns socket ends a turn after so many words by itself; 0: only at `close`."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/voices", self._voices)
        router.add_get("/voices/{id}", self._voice)
        router.add_get("/tts/websocket", self._speak)
        router.add_get("/stt/websocket", self._hear)
        router.add_get("/stt/turns/websocket", self._hear_turns)

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        scheme, _, key = seen.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key or (script.keys and key not in script.keys):
            return self.error(401, "", f"Invalid API key {key}")
        if seen.headers.get("cartesia-version") != VERSION:
            return self.error(400, "invalid_version", "Cartesia-Version is missing or unknown.")
        return None

    def error_body(self, status: int, code: str, message: str) -> dict[str, Any]:
        usual, title = _TITLES.get(status, ("error", "Error"))
        found = {"error_code": code or usual, "title": title, "message": message or title}
        return {**found, "request_id": "req_test_1", "doc_url": "https://docs.cartesia.ai"}

    def frame_error(self, status: int, code: str = "", message: str = "", **more: Any) -> dict[str, Any]:
        body = self.error_body(status, code, message)
        return {"type": "error", "done": True, "status_code": status, **body, **more}

    def scripted_error(self, script: Script) -> dict[str, Any]:
        return self.frame_error(self.error_status, script.code, script.message)

    async def _voices(self, request: web.Request) -> web.Response:
        listed = [_described(voice) for voice in self.voice_ids[: int(request.query.get("limit", "10"))]]
        return web.json_response({"data": listed, "has_more": False})

    async def _voice(self, request: web.Request) -> web.Response:
        voice = request.match_info["id"]
        if voice not in self.voice_ids:
            return self.error(404, "voice_not_found", "The voice does not exist")
        return web.json_response(_described(voice))

    # -- speaking -------------------------------------------------------------------------------------------

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        talk = Talk(request, self.close_with)
        socket = await talk.open()
        contexts: dict[str, _Context] = {}
        async with contextlib.AsyncExitStack() as stack:
            async for asked in talk.received():
                self.note()
                name = asked["context_id"]
                context = contexts.get(name)
                if asked.get("cancel"):
                    if context is not None:
                        await contexts.pop(name).cancel()
                    continue
                if context is None or context.is_over:
                    context = contexts[name] = _Context(self, talk, name)
                    stack.push_async_callback(context.aclose)
                await context.take(asked)
        return socket

    # -- hearing --------------------------------------------------------------------------------------------

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        if bad := self._bad_stt(request):
            return bad
        talk = Talk(request, self.close_with)
        socket = await talk.open()
        words = _Words(talk)
        base: dict[str, Any] = {"type": "transcript", "request_id": "req_test_1", "language": "en"}
        error = self.scripted_error(talk.script)
        async for asked in talk.received():
            if isinstance(asked, bytes):
                while words.known_by(len(talk.audio)):
                    final = len(words.open) == 4  # the fifth word settles what came before it
                    await talk.content({**base, "text": words.next(), "is_final": final}, error)
                    if final:
                        words.settle()
            elif asked in ("finalize", "close"):
                if rest := words.rest():
                    await talk.content({**base, "text": rest, "is_final": True}, error)
                done = "flush_done" if asked == "finalize" else "done"
                if not talk.script.hang_at_end:
                    await talk.frame({"type": done, "request_id": "req_test_1"})
                if asked == "close":
                    await talk.end(1000)
            else:
                await talk.frame(self.frame_error(400, "", "Unknown command"))
            self.note()
            if talk.ended:
                break
        return socket

    async def _hear_turns(self, request: web.Request) -> web.StreamResponse:
        if bad := self._bad_stt(request):
            return bad
        talk = Talk(request, self.close_with)
        socket = await talk.open()
        turns = _Turns(self, talk)
        await turns.tell("connected")
        await turns.tell("something.new")
        async for asked in talk.received():
            if isinstance(asked, bytes):
                await turns.listen()
            elif asked == {"type": "close"}:
                await turns.close()
            elif asked.get("type") != "config":
                await talk.frame(self.frame_error(400, "", "Unknown command"))
            self.note()
            if talk.ended:
                break
        return socket

    def _bad_stt(self, request: web.Request) -> web.Response | None:
        query, script = request.query, request[SCRIPT]
        if query.get("encoding") != "pcm_s16le" or query.get("sample_rate") != "16000":
            return self.error(400, "", "encoding and sample_rate are required")
        if not self.knows_model(query.get("model"), script):
            return self.error(404, "model_not_found", "The model does not exist")
        return None


def _described(voice: str) -> dict[str, Any]:
    name, language = {KATIE: ("Katie", "en"), AMELIE: ("Amélie", "fr")}.get(voice, ("Other", "en"))
    found = {"id": voice, "name": name, "language": language, "description": f"{name} speaks."}
    rights = {
        "access": "public",
        "visibility": "all",
        "is_owner": False,
        "created_at": "2026-01-12T00:00:00Z",
    }
    return {**found, **rights, "tagline": "", "locales": []}


class _Context:
    """One context of the speaking socket: text comes in, is held until a flush or the end, and goes out as sound."""

    def __init__(self, server: CartesiaServer, talk: Talk, name: str) -> None:
        self._server, self._talk, self._name = server, talk, name
        self._asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._text = ""
        self._flushes = 1
        self._said_s = 0.0
        self._task = asyncio.create_task(self._work())

    @property
    def is_over(self) -> bool:
        return self._task.done()

    async def take(self, asked: dict[str, Any]) -> None:
        await self._asked.put(asked)

    async def cancel(self) -> None:
        """Stops the voice; a block that was on its way still arrives."""
        if not self._task.done():
            await self._talk.frame(self._block(b"\x01\x00" * 2400))
        await self.aclose()

    async def aclose(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await self._task

    async def _work(self) -> None:
        async for asked in self._until_over():
            if bad := self._bad(asked):
                await self._talk.frame(bad)
                return
            self._text += asked["transcript"]
            if asked.get("flush"):
                await self._say(asked)
                await self._frame(
                    "flush_done", flush_done=True, flush_id=self._flushes, done=False, status_code=206
                )
                self._flushes += 1
            elif not asked.get("continue"):
                await self._say(asked)
                await self._frame("done", done=True, status_code=200)

    async def _until_over(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            life_s = self._server.context_life_s if self._said_s and not self._text else None
            try:
                async with asyncio.timeout(life_s):
                    asked = await self._asked.get()
            except TimeoutError:
                self._server.contexts_expired += 1
                await self._frame("done", done=True, status_code=200)
                return
            yield asked
            if not asked.get("continue"):
                return

    def _bad(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        server, name = self._server, self._name
        if not server.knows_model(asked.get("model_id"), self._talk.script):
            return server.frame_error(404, "model_not_found", "The model does not exist", context_id=name)
        voice = asked.get("voice")
        if (voice.get("id") if isinstance(voice, dict) else voice) not in server.voice_ids:
            return server.frame_error(404, "voice_not_found", "The voice does not exist", context_id=name)
        shape = asked.get("output_format", {})
        if (shape.get("container"), shape.get("encoding")) != ("raw", "pcm_s16le"):
            return server.frame_error(400, "", "Unsupported output_format", context_id=name)
        if not 0.6 <= asked.get("generation_config", {}).get("speed", 1.0) <= 1.5:
            return server.frame_error(400, "", "speed must be between 0.6 and 1.5", context_id=name)
        return None

    async def _say(self, asked: dict[str, Any]) -> None:
        text, self._text = self._text, ""
        if not text.strip() or self._talk.script.empty:
            return
        rate_hz = asked["output_format"]["sample_rate"]
        speed = asked.get("generation_config", {}).get("speed", 1.0)
        pcm = sound(len(text), rate_hz, speed=speed)
        seconds = len(pcm) / 2 / rate_hz
        error = {**self._server.scripted_error(self._talk.script), "context_id": self._name}
        parts = blocks(pcm, rate_hz, split=self._talk.script.split)
        told_at = len(parts) - 1 if self._server.times_last else 0
        for index, block in enumerate(parts):
            await self._talk.content(self._block(block), error)
            if index == told_at and asked.get("add_timestamps"):
                await self._tell_words(text, seconds)
        self._said_s += seconds

    async def _tell_words(self, text: str, seconds: float) -> None:
        base = 0.0 if self._server.times_restart else self._said_s
        words, starts, ends, at = text.split(), [], [], 0
        for word in words:
            at = text.index(word, at)
            starts.append(base + seconds * at / len(text))
            at += len(word)
            ends.append(base + seconds * at / len(text))
        times = {"words": words, "start": starts, "end": ends}
        await self._frame(
            "timestamps", word_timestamps=times, done=False, status_code=206, flush_id=self._flushes
        )

    def _block(self, pcm: bytes) -> dict[str, Any]:
        head = {"type": "chunk", "context_id": self._name, "done": False, "status_code": 206}
        return {**head, "data": b64(pcm), "step_time": 12.5, "flush_id": self._flushes}

    async def _frame(self, kind: str, **fields: Any) -> None:
        await self._talk.frame({"type": kind, "context_id": self._name, **fields})


class _Words:
    """The script's transcript, growing with the sound that came. Spaces belong to the word they precede."""

    def __init__(self, talk: Talk) -> None:
        words = [] if talk.script.empty else talk.script.transcript.split()
        self._words = [word if at == 0 else f" {word}" for at, word in enumerate(words)]
        self._known = 0
        self.open: list[str] = []
        """Known and not yet settled."""

    def known_by(self, audio_bytes: int) -> bool:
        return self._known < min(len(self._words), audio_bytes // WORD_BYTES)

    def next(self) -> str:
        self.open.append(self._words[self._known])
        self._known += 1
        return "".join(self.open)

    def settle(self) -> None:
        self.open.clear()

    def rest(self) -> str:
        """All that is not settled yet, heard or not: the end of a take tells everything."""
        rest = "".join([*self.open, *self._words[self._known :]])
        self._known = len(self._words)
        self.open.clear()
        return rest


class _Turns:
    """The turns socket's view of a take."""

    def __init__(self, server: CartesiaServer, talk: Talk) -> None:
        self._server, self._talk = server, talk
        self._words = _Words(talk)
        self._count = 0
        self._error = server.scripted_error(talk.script)

    async def tell(self, kind: str, text: str | None = None) -> None:
        data = {"type": kind, "request_id": "req_test_1"}
        await self._talk.frame(data if text is None else {**data, "transcript": text.strip()})

    async def listen(self) -> None:
        while self._words.known_by(len(self._talk.audio)) and not self._talk.ended:
            if not self._words.open:
                await self.tell("turn.start")
            text = self._words.next()
            self._count += 1
            if self._count == self._server.eager_end_at + 1 > 1:
                await self.tell("turn.resume")
            update = {"type": "turn.update", "request_id": "req_test_1", "transcript": text.strip()}
            await self._talk.content(update, self._error)
            if self._count == self._server.eager_end_at:
                await self.tell("turn.eager_end", text)
            if self._server.turn_words and self._count % self._server.turn_words == 0:
                await self.tell("turn.end", text)
                self._words.settle()

    async def close(self) -> None:
        """Everything that came is still turned into events."""
        if rest := self._words.rest():
            await self.tell("turn.end", rest)
        if not self._talk.script.hang_at_end:
            await self._talk.end(1000)
