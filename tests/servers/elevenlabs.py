"""ElevenLabs: stream-input and realtime Scribe sockets, streamed speech, batch Scribe, voices and the account."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import Any, ClassVar

from aiohttp import web

from tests.servers.script import SCRIPT, SEEN, Script, Seen
from tests.servers.server import VendorServer
from tests.servers.stream import Body
from tests.servers.talk import Talk, b64, blocks, sound

WORD_BYTES = 3200
"""A word becomes known with every tenth of a second at 16 kHz."""
GEORGE = "JBFqnCBsd6RMkjVDRZzb"
_PCM = ("pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_32000", "pcm_44100", "pcm_48000")
_STREAMS_TEXT = ("eleven_flash_v2_5", "eleven_flash_v2", "eleven_turbo_v2_5", "eleven_multilingual_v2")
_STATUSES = {
    400: ("invalid_request", "The request is invalid."),
    401: ("invalid_api_key", "Invalid API key"),
    403: ("forbidden", "Forbidden"),
    404: ("voice_not_found", "A voice with that id was not found."),
    429: ("too_many_concurrent_requests", "Too many concurrent requests."),
    500: ("internal_server_error", "Something went wrong."),
}


class ElevenLabsServer(VendorServer):
    name = "elevenlabs"
    default_models: ClassVar[tuple[str, ...]] = (
        *_STREAMS_TEXT, "eleven_v3", "scribe_v3", "scribe_v2", "scribe_v2_realtime", "scribe_v3_live",
    )  # fmt: skip
    close_with: tuple[int, str] = (1000, "")
    """How a conversation ends that the script ends early."""
    other_spelling = False
    """Fields as the examples of the documentation spell them: `charsDurationsMs`, `is_final`."""
    aligns = True
    """Messages carry the times of their characters."""
    absolute_times = False
    """Times count from the beginning of the speech instead of from the message's own sound."""
    commits_itself_after: int = 0
    """Realtime Scribe commits by itself after so many words; 0: only when told."""

    tells_last_space = True
    """The times of a generation include the space at its end."""
    commit_answer = ""
    """Instead of the committed text, this kind of error."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/user", self._user)
        router.add_get("/v2/voices", self._voices)
        router.add_get("/v1/text-to-speech/{voice}/stream-input", self._speak)
        router.add_post("/v1/text-to-speech/{voice}/stream", self._stream)
        router.add_get("/v1/speech-to-text/realtime", self._hear)
        router.add_post("/v1/speech-to-text", self._transcribe)

    request_id_header = "request-id"

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        key = seen.headers.get("xi-api-key", "")
        if key and (not script.keys or key in script.keys):
            return None
        return self.error(401, "", f"Invalid API key {key}")

    def error_body(self, status: int, code: str, message: str) -> dict[str, Any]:
        usual, text = _STATUSES.get(status, ("error", "Error."))
        if status == 422:
            return {
                "detail": [
                    {"loc": ["body", "text"], "msg": message or "field required", "type": "value_error"}
                ]
            }
        return {"detail": {"status": code or usual, "message": message or text}}

    async def _user(self, _: web.Request) -> web.Response:
        return web.json_response({"user_id": "u1", "subscription": {"tier": "free"}, "is_new_user": False})

    async def _voices(self, request: web.Request) -> web.Response:
        voice = {"voice_id": GEORGE, "name": "George", "category": "premade", "description": None}
        labels = {"language": "en", "accent": "british", "description": "warm", "gender": "male"}
        bare: dict[str, Any] = {"voice_id": "bare0000000000000000", "name": None, "labels": {}}
        listed = {"voices": [{**voice, "labels": labels}, bare], "has_more": False, "total_count": 2}
        return web.json_response({**listed, "next_page_token": None})

    def _bad_speech(self, request: web.Request, model: str | None) -> web.Response | None:
        if request.match_info["voice"] == "nobody":
            return self.error(404, "voice_not_found", "A voice with that id was not found.")
        if not self.knows_model(model, request[SCRIPT]):
            return self.error(400, "model_not_found", "A model with that id does not exist.")
        if request.query.get("output_format") not in _PCM:
            return self.error(400, "invalid_output_format", "Unsupported output_format.")
        return None

    # -- speaking -------------------------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        asked = request[SEEN].body
        if not isinstance(asked, dict) or not asked.get("text"):
            return self.error(422, "", "")
        if bad := self._bad_speech(request, asked.get("model_id")):
            return bad
        rate_hz = int(request.query["output_format"].removeprefix("pcm_"))
        body = Body(request, "audio/pcm")
        await body.open()
        pcm = b"" if request[SCRIPT].empty else sound(len(asked["text"]), rate_hz)
        await body.contents(blocks(pcm, rate_hz))
        return await body.close()

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        model = request.query.get("model_id")
        if bad := self._bad_speech(request, model):
            return bad
        if model not in _STREAMS_TEXT and not request[SCRIPT].models:
            return self.error(403, "model_can_not_stream", f"{model} does not take streamed text.")
        talk = Talk(request, self.close_with)
        socket = await talk.open()
        voice = _Voice(self, talk, int(request.query["output_format"].removeprefix("pcm_")))
        speaking = asyncio.create_task(voice.work())  # it goes on speaking while more text comes in
        try:
            async for asked in talk.received():
                self.note()
                voice.asked.put_nowait(asked)
        finally:
            speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await speaking
        return socket

    # -- hearing --------------------------------------------------------------------------------------------

    async def _transcribe(self, request: web.Request) -> web.Response:
        form, script, files = request[SEEN].body, request[SCRIPT], request[SEEN].files
        if not isinstance(form, dict) or "file" not in files:
            return self.error(422, "", "field required")
        if not self.knows_model(form.get("model_id"), script):
            return self.error(400, "invalid_model_id", "That is not a valid model.")
        text = "" if script.empty else script.transcript
        words = [
            {"text": word, "start": 0.0, "end": 0.1, "type": "word", "logprob": -0.1} for word in text.split()
        ]
        found = {"language_code": "eng", "language_probability": 0.98, "text": text, "words": words}
        return web.json_response({**found, "transcription_id": "t1"})

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        query, script = request.query, request[SCRIPT]
        if not self.knows_model(query.get("model_id"), script):
            return self.error(400, "invalid_model_id", "That is not a valid model.")
        if query.get("audio_format") != "pcm_16000" or query.get("commit_strategy", "manual") != "manual":
            return self.error(400, "invalid_request", "Unsupported audio_format or commit_strategy.")
        talk = Talk(request, self.close_with)
        socket = await talk.open()
        config = {"model_id": query["model_id"], "sample_rate": 16000, "commit_strategy": "manual"}
        await talk.frame({"message_type": "session_started", "session_id": "s1", "config": config})
        await talk.frame({"message_type": "something_new", "session_id": "s1"})
        scribe = _Scribe(self, talk, timed=query.get("include_timestamps") == "true")
        async for asked in talk.received():
            await scribe.take(asked)
            self.note()
            if talk.ended:
                break
        return socket


class _Voice:
    """stream-input: text is held until the chunk length of the schedule, a flush, or the end."""

    def __init__(self, server: ElevenLabsServer, talk: Talk, rate_hz: int) -> None:
        self._server, self._talk, self._rate_hz = server, talk, rate_hz
        self._held = ""
        self._schedule: list[int] = []
        self._generations = 0
        self._speed = 1.0
        self._said_s = 0.0
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def work(self) -> None:
        while not self._talk.ended:
            await self._take(await self.asked.get())

    async def _take(self, asked: dict[str, Any]) -> None:
        if not self._schedule:
            await self._begin(asked)
            return
        text = asked.get("text", "")
        if text and not text.endswith(" "):
            await self._fail("invalid_text", "The text must end with a space.")
            return
        self._held += text
        limit = self._schedule[min(self._generations, len(self._schedule) - 1)]
        if text == "" or asked.get("flush") or len(self._held) >= limit:
            await self._generate()
        if text == "":
            await self._talk.frame({"audio": None, self._final: True})
            await self._talk.end(1000)

    @property
    def _final(self) -> str:
        return "is_final" if self._server.other_spelling else "isFinal"

    async def _begin(self, asked: dict[str, Any]) -> None:
        self._speed = (asked.get("voice_settings") or {}).get("speed", 1.0)
        config = asked.get("generation_config") or {}
        self._schedule = config.get("chunk_length_schedule", [120, 160, 250, 290])
        if asked.get("text") != " ":
            await self._fail("invalid_first_message", "The first message must have the text ' '.")
        elif not 0.7 <= self._speed <= 1.2:
            await self._fail("invalid_voice_settings", "speed must be between 0.7 and 1.2")

    async def _fail(self, error: str, message: str) -> None:
        await self._talk.frame({"message": message, "error": error, "code": 1008})
        await self._talk.end(1008)

    async def _generate(self) -> None:
        text, self._held = self._held, ""
        if not self._server.tells_last_space:
            text = text.rstrip()
        if not text.strip() or self._talk.script.empty:
            return
        self._generations += 1
        script = self._talk.script
        error = {
            "message": script.message or "Failed.",
            "error": script.code or "internal_error",
            "code": 1008,
        }
        rest = b""
        for at in range(0, len(text), 8):
            part = text[at : at + 8]
            pcm = rest + sound(len(part), self._rate_hz, speed=self._speed)
            is_last = at + 8 >= len(text)
            end = len(pcm) - (script.split and not is_last and len(pcm) % 2 == 0)
            pcm, rest = pcm[:end], pcm[end:]
            await self._talk.content(self._message(part, pcm), error)
            self._said_s += len(pcm) / 2 / self._rate_hz

    def _message(self, part: str, pcm: bytes) -> dict[str, Any]:
        message: dict[str, Any] = {"audio": b64(pcm), self._final: None}
        if self._server.aligns:
            step = 60 / self._speed
            base = self._said_s * 1000 if self._server.absolute_times else 0
            durations = "charsDurationsMs" if self._server.other_spelling else "charDurationsMs"
            starts = [int(base + at * step) for at in range(len(part))]
            times = {"chars": list(part), "charStartTimesMs": starts, durations: [int(step)] * len(part)}
            message |= {"alignment": times, "normalizedAlignment": times}
        return message


class _Scribe:
    """Realtime Scribe: partial text grows with the sound that came; a commit settles all of it."""

    def __init__(self, server: ElevenLabsServer, talk: Talk, *, timed: bool) -> None:
        self._server, self._talk, self._timed = server, talk, timed
        self._words = [] if talk.script.empty else talk.script.transcript.split()
        self._known = self._settled = 0
        self._chunks = 0
        script = talk.script
        self._error = {"message_type": script.code or "error", "error": script.message or "It failed."}

    async def take(self, asked: dict[str, Any]) -> None:
        self._chunks += 1
        bad = asked.get("message_type") != "input_audio_chunk" or asked.get("sample_rate") != 16000
        if bad or (asked.get("previous_text") and self._chunks > 1):
            await self._talk.frame({"message_type": "input_error", "error": "Unexpected message."})
            await self._talk.end(1008)
            return
        self._talk.audio += base64.b64decode(asked["audio_base_64"], validate=True)
        self._talk.seen.files["audio"] = bytes(self._talk.audio)
        while (
            self._known < min(len(self._words), len(self._talk.audio) // WORD_BYTES) and not self._talk.ended
        ):
            self._known += 1
            text = " ".join(self._words[self._settled : self._known])
            await self._talk.content({"message_type": "partial_transcript", "text": text}, self._error)
            own = self._server.commits_itself_after
            if own and self._known - self._settled >= own:
                await self._commit()
        if asked["commit"] and self._server.commit_answer:
            await self._talk.frame({"message_type": self._server.commit_answer, "error": "Too little sound."})
        elif asked["commit"]:
            self._known = len(self._words)
            await self._commit()

    async def _commit(self) -> None:
        if self._talk.script.hang_at_end:
            return
        words = self._words[self._settled : self._known]
        self._settled = self._known
        text = {"text": " ".join(words)}
        await self._talk.frame({"message_type": "committed_transcript", **text})
        if self._timed:
            times = [{"text": word, "start": 0.0, "end": 0.1, "type": "word"} for word in words]
            kind = "committed_transcript_with_timestamps"
            await self._talk.frame({"message_type": kind, **text, "language_code": "en", "words": times})
