"""Gemini Live: /ws/….GenerativeService.BidiGenerateContent, JSON in binary frames, with the turns of a push-to-talk client.

A conversation begins with `setup`; with history in its content nothing real happens before that content. With its own
detection of activity switched off it answers at `activityEnd` and is cut off by `activityStart`. Failures are those of
`Script`; a wrong key, an unknown model and a spent quota close the socket with a reason, as the service does.
"""

from __future__ import annotations

import array
import asyncio
import base64
import json
import math
from typing import Any, ClassVar

from aiohttp import WSMsgType, web

from tests.servers.google import GoogleServer, _camel, _words
from tests.servers.script import SCRIPT, SEEN, Script, Seen, pieces
from tests.servers.speech import say

RATE_HZ = 24_000
IN_HZ = 16_000
_BLOCK = RATE_HZ * 2 // 10
_WORD_S = 0.2
"""One more word of the script is known after so much sound."""
_LOUD = 500
_SILENCE_S = 0.5
_SETUP_FIELDS = frozenset(
    {
        "model", "generationConfig", "systemInstruction", "tools", "realtimeInputConfig", "sessionResumption",
        "contextWindowCompression", "inputAudioTranscription", "outputAudioTranscription", "proactivity",
        "historyConfig", "safetySettings",
    }
)  # fmt: skip


class GeminiLiveServer(GoogleServer):
    name = "google-live"
    default_models: ClassVar[tuple[str, ...]] = (
        *GoogleServer.default_models, "gemini-3.8-live", "gemini-3.1-flash-live-preview", "gemini-3.5-transcribe-live",
    )  # fmt: skip

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        super().__init__(script, port=port)
        self.events: list[dict[str, Any]] = []
        """What clients sent, oldest first; sound as its number of bytes."""
        self.sent: list[dict[str, Any]] = []
        """What clients were sent."""
        self.close_code = 1011
        """For `Script.end_after`."""
        self.close_reason = ""
        """Closes the socket at the setup, with this."""
        self.answers: list[str] = []
        """Replies in turn, before `Script.reply`."""
        self.end_reason = ""
        """`turnCompleteReason`."""
        self.is_mute = False
        self.tells_finished = True
        """The end of what was said is told; the service does not always."""
        self.sessions: list[Session] = []

    def add_routes(self, router: web.UrlDispatcher) -> None:
        super().add_routes(router)
        for version in self.versions:
            path = f"/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
            router.add_get(path, self._live)

    def of(self, *path: str) -> list[Any]:
        """What lies under `path` in the client's messages that have it."""
        found: list[Any] = list(self.events)
        for name in path:
            found = [each[name] for each in found if isinstance(each, dict) and name in each]
        return found

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        """A socket is opened for anybody, and closed over a wrong key."""
        return None if seen.path.startswith("/ws/") else super().refuse_key(seen, script)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(max_msg_size=16 * 2**20)
        await ws.prepare(request)
        session = Session(self, ws, request)
        self.sessions.append(session)
        try:
            await session.run()
        finally:
            request[SEEN].ended_at = asyncio.get_running_loop().time()
        return ws


class Session:
    """One socket."""

    def __init__(self, server: GeminiLiveServer, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.server, self.ws, self.request = server, ws, request
        self.script: Script = request[SCRIPT]
        self.seen: Seen = request[SEEN]
        self.setup: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self._waits_for_history = False
        self._is_active = False
        self._heard = bytearray()
        """Of the activity under way."""
        self._typed: list[str] = []
        self._told_words = 0
        self._loud_s = self._quiet_s = 0.0
        self._answering: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            async for message in self.ws:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await self._take(_camel(json.loads(message.data)))
        except ConnectionError:
            pass  # scripted, or the client is gone
        finally:
            for task in self._tasks:
                task.cancel()
            self.seen.disconnected = self.ws.close_code != 1000

    async def say(self, **message: Any) -> None:
        if not self.ws.closed:
            self.server.sent.append(message)
            await self.ws.send_bytes(json.dumps(message, ensure_ascii=False).encode())

    async def content(self, **content: Any) -> None:
        """Words or sound, or what the script has in their place."""
        script, sent = self.script, self.seen.chunks
        if script.stall_after == sent:
            await asyncio.Event().wait()
        if script.error_after == sent:
            script.error_after = None
            await self.say(**self.server.error_body(500, script.code, script.message))
            return
        if script.end_after == sent:
            await self.ws.close(code=self.server.close_code, message=b"Internal error encountered.")
            raise ConnectionResetError
        if script.cut_after == sent:
            if self.request.transport is not None:
                self.request.transport.abort()
            raise ConnectionResetError
        await asyncio.sleep(script.token_delay_s)
        await self.say(serverContent=content)
        self.seen.chunks += 1
        self.server.note()

    async def refuse(self, code: int, reason: str) -> None:
        await self.ws.close(code=code, message=reason.encode()[:120])
        raise ConnectionResetError

    async def go_away(self, time_left: str = "10s") -> None:
        await self.say(goAway={"timeLeft": time_left})

    async def hang_up(self, code: int = 1000) -> None:
        await self.ws.close(code=code)

    # -- what comes -----------------------------------------------------------------------------------------

    async def _take(self, given: dict[str, Any]) -> None:
        noted = json.loads(json.dumps(given))
        if audio := (noted.get("realtimeInput") or {}).get("audio"):
            audio["data"] = len(base64.b64decode(audio["data"]))
        self.server.events.append(noted)
        self.server.note()
        if not self.setup:
            await self._set_up(given)
        elif "clientContent" in given:
            await self._add(given["clientContent"])
        elif "realtimeInput" in given:
            await self._listen(given["realtimeInput"])
        else:
            await self.refuse(1007, "Request contains an invalid argument.")

    async def _set_up(self, given: dict[str, Any]) -> None:
        server, setup = self.server, given.get("setup")
        key = self.seen.headers.get("x-goog-api-key", "")
        if not isinstance(setup, dict) or set(setup) - _SETUP_FIELDS:
            await self.refuse(1007, "Invalid JSON payload received. Unknown name in setup.")
        if not key or (self.script.keys and key not in self.script.keys):
            await self.refuse(1008, "API key not valid. Please pass a valid API key.")
        if server.close_reason:
            await self.refuse(server.close_code, server.close_reason)
        model = setup["model"].removeprefix("models/")
        if not server.knows_model(model, self.script):
            await self.refuse(1008, f"models/{model} is not found for API version v1beta, or is not supported "
                                    "for bidiGenerateContent.")  # fmt: skip
        self.setup = setup
        self._waits_for_history = bool(
            (setup.get("historyConfig") or {}).get("initialHistoryInClientContent")
        )
        if not server.is_mute:
            await self.say(setupComplete={})

    @property
    def _detects(self) -> bool:
        config = self.setup.get("realtimeInputConfig") or {}
        return not (config.get("automaticActivityDetection") or {}).get("disabled")

    async def _add(self, given: dict[str, Any]) -> None:
        self.history += given.get("turns") or []
        if not self._waits_for_history:
            await self.refuse(1007, "Request contains an invalid argument.")
        self._waits_for_history = not given.get("turnComplete")

    async def _listen(self, given: dict[str, Any]) -> None:
        if self._waits_for_history or (
            self._detects and ("activityStart" in given or "activityEnd" in given)
        ):
            await self.refuse(1007, "Request contains an invalid argument.")
        if "activityStart" in given:
            await self._begin()
        elif "activityEnd" in given:
            await self._finish()
        elif text := given.get("text"):
            self._typed.append(text)
            if self._detects:
                await self._finish()
        elif audio := given.get("audio"):
            if audio["mimeType"] != f"audio/pcm;rate={IN_HZ}":
                await self.refuse(1007, "Unsupported audio format.")
            await self._hear(base64.b64decode(audio["data"]))

    async def _begin(self) -> None:
        self._is_active = True
        self._heard.clear()
        self._told_words = 0
        if self._answering is not None:
            self._answering.cancel()
            self._answering = None
            await self.say(serverContent={"interrupted": True})
            await self.say(serverContent={"turnComplete": True})

    async def _hear(self, pcm: bytes) -> None:
        if self._detects:
            await self._detect(pcm)
        if self._is_active:
            self._heard += pcm
            while (self._told_words + 1) * _WORD_S <= len(
                self._heard
            ) / 2 / IN_HZ and await self._tell_word():
                pass

    async def _tell_word(self) -> bool:
        """One more word of what was said; False when there is none."""
        words = [] if self.script.empty else pieces(self.script.transcript)
        if self._told_words >= len(words) or "inputAudioTranscription" not in self.setup:
            return False
        self._told_words += 1
        if self._transcribes:
            flux = "".join(words[: self._told_words]).strip()
            await self.content(interimInputTranscription={"text": flux})
        else:
            await self.content(inputTranscription={"text": words[self._told_words - 1]})
        return True

    @property
    def _transcribes(self) -> bool:
        """It writes down what it hears and answers nothing."""
        return "transcribe" in self.setup["model"]

    async def _detect(self, pcm: bytes) -> None:
        """Turns by loudness."""
        seconds = len(pcm) / 2 / IN_HZ
        is_loud = _is_loud(pcm)
        self._loud_s, self._quiet_s = (
            (self._loud_s + seconds, 0.0) if is_loud else (0.0, self._quiet_s + seconds)
        )
        if not self._is_active and self._loud_s >= 0.06:
            await self._begin()
        elif self._is_active and self._quiet_s >= _SILENCE_S:
            await self._finish()

    async def _finish(self) -> None:
        has_sound, self._is_active = bool(self._heard), False
        if self._transcribes:
            self._start(asyncio.create_task(self._write_down()))
            return
        if not has_sound and not self._typed:
            return
        said = [{"text": text} for text in self._typed]
        self.history.append({"role": "user", "parts": said or [{"text": "(sound)"}]})
        self._typed = []
        self._heard.clear()
        reply = self.server.answers.pop(0) if self.server.answers else self.script.reply
        task = asyncio.create_task(self._answer("" if self.script.empty else reply, has_sound=has_sound))
        self._answering = task
        self._start(task)

    # -- what goes ------------------------------------------------------------------------------------------

    async def _write_down(self) -> None:
        """The rest of the words, then all of them settled; of silence only that it is over."""
        await self.say(serverContent={}, voiceActivity={"type": "ACTIVITY_END", "audioOffset": "4.1s"})
        if self.script.empty:
            return
        while await self._tell_word():
            pass
        await self.content(inputTranscription={"text": self.script.transcript})
        await self.say(serverContent={"generationComplete": True})

    async def _answer(self, reply: str, *, has_sound: bool) -> None:
        await asyncio.sleep(self.script.header_delay_s)
        if has_sound:
            while await self._tell_word():
                pass
            if self.server.tells_finished and "inputAudioTranscription" in self.setup:
                await self.say(serverContent={"inputTranscription": {"finished": True}})
        await self._stream(reply)
        usage = {"promptTokenCount": _words({"contents": self.history}), "responseTokenCount": 20}
        await self.say(serverContent={"generationComplete": True})
        end = {"turnCompleteReason": self.server.end_reason} if self.server.end_reason else {}
        self.history.append({"role": "model", "parts": [{"text": reply}]})
        self._answering = None
        await self.say(serverContent={"turnComplete": True, **end}, usageMetadata=usage)

    async def _stream(self, reply: str) -> None:
        """Sound, and the words a little after it."""
        words = pieces(reply)
        pcm = await asyncio.to_thread(say, reply, RATE_HZ) if reply else b""
        blocks = [pcm[start : start + _BLOCK] for start in range(0, len(pcm), _BLOCK)]
        per_word, sent = len(blocks) / max(1, len(words)), 0
        for index, word in enumerate(words, 1):
            for block in blocks[sent : math.ceil(index * per_word)]:
                blob = {"mimeType": f"audio/pcm;rate={RATE_HZ}", "data": base64.b64encode(block).decode()}
                await self.content(modelTurn={"role": "model", "parts": [{"inlineData": blob}]})
                sent += 1
            if "outputAudioTranscription" in self.setup:
                await self.content(outputTranscription={"text": word})

    def _start(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, ConnectionError):
            raise error


def _is_loud(pcm: bytes) -> bool:
    samples = array.array("h", pcm)
    return bool(samples) and math.sqrt(sum(s * s for s in samples) / len(samples)) > _LOUD
