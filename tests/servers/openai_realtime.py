"""OpenAI's realtime socket: /v1/realtime for speech to speech and, with `intent=transcription`, for live transcription.

The ways of failing are those of `Script`: a refused handshake (`status`), and by count of content messages (partial words,
reply words, blocks of sound) an error event, silence, a broken connection, or a close frame with `close_code`.
"""

from __future__ import annotations

import array
import asyncio
import base64
import itertools
import json
import math
from collections.abc import Coroutine, Iterator
from typing import Any, ClassVar

from aiohttp import WSMsgType, web

from tests.servers.openai import OpenAIServer
from tests.servers.script import SCRIPT, SEEN, Script, Seen, pieces
from tests.servers.speech import say

RATE_HZ = 24_000
_BLOCK = RATE_HZ * 2 // 10
"""Bytes of one block of sound: a tenth of a second."""
_WORD_S = 0.2
"""A live recogniser knows one more word of the script after so much sound."""
_SHORTEST_S = 0.1
_VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
_LIVE_HEARING = ("gpt-live-transcribe", "gpt-realtime-whisper")
_LOUD = 500
"""Root mean square that counts as speech."""


class RealtimeServer(OpenAIServer):
    name = "openai-realtime"
    default_models: ClassVar[tuple[str, ...]] = (
        *OpenAIServer.default_models, *_LIVE_HEARING, "gpt-realtime-2.1", "gpt-realtime-2.1-mini",
        "gpt-realtime-2",
    )  # fmt: skip

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        super().__init__(script, port=port)
        self.events: list[dict[str, Any]] = []
        """What clients sent, oldest first; sound as its number of bytes."""
        self.close_code = 1011
        """For `Script.end_after`."""
        self.words_delay_s = 0.0
        """How much later than the end of the take its words are known in a conversation."""
        self.answers: list[str] = []
        """Replies in turn, before `Script.reply`."""
        self.fail_words = False
        """Transcription fails, nothing else."""
        self.is_mute = False
        """The handshake succeeds and nothing ever comes."""
        self.splits_takes = False
        """A take is heard as two items, the second one first."""
        self.sessions: list[Conversation] = []

    def add_routes(self, router: web.UrlDispatcher) -> None:
        super().add_routes(router)
        router.add_get("/v1/realtime", self._realtime)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Client events of one type."""
        return [event for event in self.events if event["type"] == kind]

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        script, query = request[SCRIPT], request.query
        if "openai-beta" in request.headers:
            return self.error(400, "beta_api_shape_disabled", "The beta API shape is no longer supported.")
        is_transcription = query.get("intent") == "transcription"
        if not is_transcription and not self.knows_model(query.get("model"), script):
            return self.error(404, "model_not_found", f"The model `{query.get('model')}` does not exist.")
        ws = web.WebSocketResponse(max_msg_size=16 * 2**20)
        await ws.prepare(request)
        conversation = Conversation(self, ws, request, is_transcription=is_transcription)
        self.sessions.append(conversation)
        try:
            await conversation.run()
        finally:
            request[SEEN].ended_at = asyncio.get_running_loop().time()
        return ws


class Conversation:
    """One socket."""

    def __init__(
        self,
        server: RealtimeServer,
        ws: web.WebSocketResponse,
        request: web.Request,
        *,
        is_transcription: bool,
    ) -> None:
        self.server, self.ws, self.request = server, ws, request
        self.script: Script = request[SCRIPT]
        self.seen: Seen = request[SEEN]
        self.is_transcription = is_transcription
        self.session: dict[str, Any] = _session(is_transcription, request.query.get("model", ""))
        self.items: dict[str, dict[str, Any]] = {}
        self.audio_ms: dict[str, int] = {}
        """Assistant item -> how much sound was made of it."""
        self._buffer = bytearray()
        self._heard_s = 0.0
        self._item = ""
        self._words: Iterator[str] = iter(())
        self._loud_s = self._quiet_s = 0.0
        self._is_speech = False
        self._ids = itertools.count(1)
        self._responding: asyncio.Task[None] | None = None
        self._response: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            if self.server.is_mute:
                async for _ in self.ws:
                    pass
                return
            await self.say("session.created", session=self.session)
            async for message in self.ws:
                if message.type is WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        except ConnectionError:
            pass  # scripted, or the client is gone
        finally:
            for task in self._tasks:
                task.cancel()
            self.seen.disconnected = self.ws.close_code != 1000

    async def say(self, kind: str, **fields: Any) -> None:
        if not self.ws.closed:
            await self.ws.send_json({"type": kind, "event_id": f"event_{next(self._ids)}", **fields})

    async def content(self, kind: str, **fields: Any) -> None:
        """A message with words or sound in it, or what the script has in its place."""
        script, sent = self.script, self.seen.chunks
        if script.stall_after == sent:
            await asyncio.Event().wait()
        if script.error_after == sent:
            script.error_after = None
            await self.error(
                script.code or "server_error", script.message or "Server error.", kind="server_error"
            )
            return
        if script.end_after == sent:
            await self.ws.close(code=self.server.close_code, message=b"internal server error")
            raise ConnectionResetError
        if script.cut_after == sent:
            if self.request.transport is not None:
                self.request.transport.abort()
            raise ConnectionResetError
        await asyncio.sleep(script.token_delay_s)
        await self.say(kind, **fields)
        self.seen.chunks += 1
        self.server.note()

    async def error(
        self,
        code: str,
        message: str,
        given: dict[str, Any] | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        event_id = (given or {}).get("event_id")
        error = {"type": kind, "code": code, "message": message, "param": None, "event_id": event_id}
        await self.say("error", error=error)

    # -- client events --------------------------------------------------------------------------------------

    async def _take(self, given: dict[str, Any]) -> None:
        kind = given.get("type", "")
        noted = dict(given)
        if kind == "input_audio_buffer.append":
            noted["audio"] = len(base64.b64decode(given["audio"]))
        self.server.events.append(noted)
        self.server.note()
        match kind:
            case "session.update":
                await self._update(given)
            case "input_audio_buffer.append":
                await self._append(base64.b64decode(given["audio"]))
            case "input_audio_buffer.commit":
                await self._commit(given)
            case "input_audio_buffer.clear":
                self._begin_take()
                await self.say("input_audio_buffer.cleared")
            case "conversation.item.create":
                await self._create(given)
            case "conversation.item.truncate":
                await self._truncate(given)
            case "response.create":
                await self._respond(given)
            case "response.cancel":
                await self._cancel(given, "client_cancelled")
            case _:
                await self.error("invalid_value", f"Invalid value: '{kind}'.", given)

    async def _update(self, given: dict[str, Any]) -> None:
        wanted = given["session"]
        if wanted.get("type") != self.session["type"]:
            return await self.error("invalid_value", "session.type cannot be changed.", given)
        sound = wanted.get("audio", {})
        for side in ("input", "output"):
            form = sound.get(side, {}).get("format", {"type": "audio/pcm", "rate": RATE_HZ})
            if form != {"type": "audio/pcm", "rate": RATE_HZ}:
                return await self.error("invalid_value", "Unsupported format.", given)
            self.session["audio"].setdefault(side, {}).update(sound.get(side, {}))
        hearing = self.session["audio"]["input"].get("transcription")
        if hearing and not self.server.knows_model(hearing["model"], self.script):
            return await self.error(
                "model_not_found", f"The model `{hearing['model']}` does not exist.", given
            )
        if self.session["audio"].get("output", {}).get("voice", "alloy") not in _VOICES:
            return await self.error("invalid_value", "Invalid value for voice.", given)
        self.session.update({name: value for name, value in wanted.items() if name not in ("audio", "type")})
        return await self.say("session.updated", session=self.session)

    async def _append(self, pcm: bytes) -> None:
        if not self._item:
            self._begin_take()
        self._buffer += pcm
        hearing = self.session["audio"]["input"]
        if (hearing["transcription"] or {}).get("model") in _LIVE_HEARING:
            await self._hear_more()
        if hearing.get("turn_detection"):
            await self._follow_turns(pcm, hearing["turn_detection"])

    def _begin_take(self) -> None:
        self._buffer.clear()
        self._heard_s, self._item = 0.0, f"item_{next(self._ids)}"
        self._words = iter(() if self.script.empty else pieces(self.script.transcript))

    @property
    def _buffered_s(self) -> float:
        return len(self._buffer) / 2 / RATE_HZ

    async def _hear_more(self) -> None:
        while self._heard_s + _WORD_S <= self._buffered_s:
            self._heard_s += _WORD_S
            if (word := next(self._words, None)) is None:
                return
            await self._heard(self._item, word)

    async def _heard(self, item: str, word: str) -> None:
        kind = "conversation.item.input_audio_transcription.delta"
        await self.content(kind, item_id=item, content_index=0, delta=word)

    async def _commit(self, given: dict[str, Any]) -> None:
        if self._buffered_s < _SHORTEST_S:
            have = f"{self._buffered_s * 1000:.2f}ms"
            message = (
                f"Error committing input audio buffer: expected at least 100ms of audio, but got {have}."
            )
            return await self.error("input_audio_buffer_commit_empty", message, given)
        item, words, seconds = self._item, self._words, self._buffered_s
        self._item = ""
        self._buffer.clear()
        before = next(reversed(self.items), None)
        await self.say("input_audio_buffer.committed", item_id=item, previous_item_id=before)
        await self._add_item(_user_item(item, {"type": "input_audio", "transcript": None}))
        if self.session["audio"]["input"].get("transcription"):
            self._start(self._finish_words(item, list(words), seconds))
        return None

    async def _finish_words(self, item: str, rest: list[str], seconds: float) -> None:
        await asyncio.sleep(self.server.words_delay_s)
        kind = "conversation.item.input_audio_transcription"
        if self.server.fail_words:
            error = {"type": "server_error", "code": "audio_unintelligible", "message": "Bad.", "param": None}
            await self.say(f"{kind}.failed", item_id=item, content_index=0, error=error)
            return
        for word in rest:
            await self._heard(item, word)
        whole = "" if self.script.empty else self.script.transcript
        usage = {"type": "duration", "seconds": round(seconds, 2)}
        parts = {item: whole}
        if self.server.splits_takes:
            second = f"item_{next(self._ids)}"
            await self._add_item(_user_item(second, {"type": "input_audio", "transcript": None}))
            parts = {second: "And then some.", item: whole}
        for each, text in parts.items():
            await self.content(
                f"{kind}.completed", item_id=each, content_index=0, transcript=text, usage=usage
            )

    async def _add_item(self, item: dict[str, Any]) -> None:
        before = next(reversed(self.items), None)
        self.items[item["id"]] = item
        await self.say("conversation.item.added", item=item, previous_item_id=before)
        if item["status"] == "completed":
            await self.say("conversation.item.done", item=item, previous_item_id=before)

    async def _create(self, given: dict[str, Any]) -> None:
        item = dict(given["item"])
        kinds = {
            "user": ("input_text", "input_audio"),
            "assistant": ("output_text", "output_audio"),
            "system": ("input_text",),
        }
        if any(part["type"] not in kinds[item["role"]] for part in item["content"]):
            return await self.error("invalid_value", f"Invalid content type for {item['role']}.", given)
        item |= {
            "id": item.get("id") or f"item_{next(self._ids)}",
            "object": "realtime.item",
            "status": "completed",
        }
        return await self._add_item(item)

    async def _truncate(self, given: dict[str, Any]) -> None:
        item, end_ms = given["item_id"], given["audio_end_ms"]
        if item not in self.audio_ms:
            return await self.error("item_truncate_invalid_item_id", "No such assistant item.", given)
        if end_ms > self.audio_ms[item]:
            message = f"Audio content of {self.audio_ms[item]}ms is already shorter than {end_ms}ms"
            return await self.error("invalid_value", message, given)
        self.items[item]["content"] = [{"type": "output_audio", "transcript": ""}]
        index = given["content_index"]
        return await self.say(
            "conversation.item.truncated", item_id=item, content_index=index, audio_end_ms=end_ms
        )

    # -- turns of its own -----------------------------------------------------------------------------------

    async def _follow_turns(self, pcm: bytes, rules: dict[str, Any]) -> None:
        seconds = len(pcm) / 2 / RATE_HZ
        self._loud_s, self._quiet_s = (
            (self._loud_s + seconds, 0.0) if _is_loud(pcm) else (0.0, self._quiet_s + seconds)
        )
        if not self._is_speech and self._loud_s >= 0.06:
            self._is_speech = True
            start_ms = round((self._buffered_s - self._loud_s) * 1000)
            await self.say("input_audio_buffer.speech_started", item_id=self._item, audio_start_ms=start_ms)
            if self._responding is not None and rules.get("interrupt_response", True):
                await self._cancel({}, "turn_detected")
        elif self._is_speech and self._quiet_s * 1000 >= rules.get("silence_duration_ms", 500):
            self._is_speech = False
            end_ms = round(self._buffered_s * 1000)
            await self.say("input_audio_buffer.speech_stopped", item_id=self._item, audio_end_ms=end_ms)
            await self._commit({})
            if rules.get("create_response", True):
                await self._respond({})

    # -- responses ------------------------------------------------------------------------------------------

    async def _respond(self, given: dict[str, Any]) -> None:
        if self._responding is not None:
            code = "conversation_already_has_active_response"
            return await self.error(code, "Conversation already has an active response in progress.", given)
        asked = given.get("response") or {}
        self._response = {
            "id": f"resp_{next(self._ids)}",
            "object": "realtime.response",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "output_modalities": asked.get("output_modalities") or self.session["output_modalities"],
            "metadata": asked.get("metadata"),
            "usage": None,
        }
        reply = self.server.answers.pop(0) if self.server.answers else self.script.reply
        if asked.get("conversation") == "none":  # a model that does as it is told reads its input out
            reply = "".join(part["text"] for item in asked.get("input", ()) for part in item["content"])
        self._responding = self._start(self._answer("" if self.script.empty else reply))
        return None

    async def _answer(self, reply: str) -> None:
        await asyncio.sleep(self.script.header_delay_s)
        response, item = self._response, f"item_{next(self._ids)}"
        is_spoken = response["output_modalities"] == ["audio"]
        await self.say("response.created", response=response)
        message: dict[str, Any] = {"id": item, "object": "realtime.item", "type": "message", "status": "in_progress",
                   "role": "assistant", "content": []}  # fmt: skip
        await self.say("response.output_item.added", response_id=response["id"], output_index=0, item=message)
        await self._add_item(message)
        at = {"response_id": response["id"], "item_id": item, "output_index": 0, "content_index": 0}
        part: dict[str, Any] = (
            {"type": "audio", "transcript": ""} if is_spoken else {"type": "text", "text": ""}
        )
        await self.say("response.content_part.added", **at, part=part)
        await self._stream(reply, at, is_spoken=is_spoken)
        if is_spoken:
            await self.say("response.output_audio.done", **at)
            await self.say("response.output_audio_transcript.done", **at, transcript=reply)
            part = {"type": "audio", "transcript": reply}
            message["content"] = [{"type": "output_audio", "transcript": reply}]
        else:
            await self.say("response.output_text.done", **at, text=reply)
            part = {"type": "text", "text": reply}
            message["content"] = [{"type": "output_text", "text": reply}]
        await self.say("response.content_part.done", **at, part=part)
        message["status"] = "completed"
        await self.say("response.output_item.done", response_id=response["id"], output_index=0, item=message)
        await self.say("conversation.item.done", item=message, previous_item_id=None)
        await self._end(*_ending(self.script), message)

    async def _stream(self, reply: str, at: dict[str, Any], *, is_spoken: bool) -> None:
        """Words a little ahead of the sound that says them."""
        words = pieces(reply)
        pcm = await asyncio.to_thread(say, reply, RATE_HZ) if is_spoken and reply else b""
        blocks = [pcm[start : start + _BLOCK] for start in range(0, len(pcm), _BLOCK)]
        self.audio_ms[at["item_id"]] = 0
        per_word = len(blocks) / max(1, len(words))
        kind = "response.output_audio_transcript.delta" if is_spoken else "response.output_text.delta"
        sent = 0
        for index, word in enumerate(words, 1):
            await self.content(kind, **at, delta=word)
            for block in blocks[sent : math.ceil(index * per_word)]:
                self.audio_ms[at["item_id"]] += len(block) * 1000 // 2 // RATE_HZ
                await self.content(
                    "response.output_audio.delta", **at, delta=base64.b64encode(block).decode()
                )
                sent += 1

    async def _end(self, status: str, details: dict[str, Any] | None, message: dict[str, Any] | None) -> None:
        response, self._responding = self._response, None
        words = sum(len(str(item).split()) for item in self.items.values())
        usage = {
            "input_tokens": words, "output_tokens": 20, "total_tokens": words + 20,
            "input_token_details": {"cached_tokens": 0, "text_tokens": words, "audio_tokens": 0},
            "output_token_details": {"text_tokens": 5, "audio_tokens": 15},
        }  # fmt: skip
        output = [message] if message else []
        response.update(status=status, status_details=details, usage=usage, output=output)
        await self.say("response.done", response=response)
        limits = [{"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 1.5}]
        await self.say("rate_limits.updated", rate_limits=limits)

    async def _cancel(self, given: dict[str, Any], reason: str) -> None:
        if self._responding is None:
            return await self.error(
                "response_cancel_not_active", "Cancellation failed: no active response found", given
            )
        self._responding.cancel()
        return await self._end("cancelled", {"type": "cancelled", "reason": reason}, None)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, ConnectionError):
            raise error


def _session(is_transcription: bool, model: str) -> dict[str, Any]:
    hearing: dict[str, Any] = {"format": {"type": "audio/pcm", "rate": RATE_HZ}, "noise_reduction": None,
                               "transcription": None, "turn_detection": {"type": "server_vad"}}  # fmt: skip
    common: dict[str, Any] = {"id": "sess_1", "object": "realtime.session", "expires_at": 1_800_000_000}
    if is_transcription:
        return {
            **common,
            "object": "realtime.transcription_session",
            "type": "transcription",
            "audio": {"input": hearing},
        }
    voice = {"format": {"type": "audio/pcm", "rate": RATE_HZ}, "voice": "marin", "speed": 1.0}
    return {**common, "type": "realtime", "model": model, "instructions": "", "output_modalities": ["audio"],
            "audio": {"input": hearing, "output": voice}, "tools": [], "tool_choice": "auto"}  # fmt: skip


def _user_item(item: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"id": item, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": [content]}  # fmt: skip


def _ending(script: Script) -> tuple[str, dict[str, Any] | None]:
    """Status of a response that came to its end."""
    if script.finish == "failed":
        error = {
            "type": "server_error",
            "code": script.code or "server_error",
            "message": script.message or "Sorry.",
        }
        return "failed", {"type": "failed", "error": error}
    if script.finish:
        return "incomplete", {"type": "incomplete", "reason": script.finish}
    return "completed", None


def _is_loud(pcm: bytes) -> bool:
    samples = array.array("h", pcm)
    return bool(samples) and math.sqrt(sum(s * s for s in samples) / len(samples)) > _LOUD
