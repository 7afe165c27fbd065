"""The far side of Deepgram's four kinds of conversation, one class each; `deepgram.py` opens and closes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from tests.servers.script import SCRIPT, SEEN, Script, Seen
from tests.servers.speech import say

if TYPE_CHECKING:
    from tests.servers.deepgram import DeepgramServer, Line

REQUEST_ID = "6f0b7e8e-1111-4a2b-9d3c-000000000001"
_MOST_FLUSHES = 20
_BLOCK_S = 0.1


class Peer:
    """One side of a conversation."""

    def __init__(self, server: DeepgramServer, line: Line, request: web.Request) -> None:
        self.server, self.line, self.query = server, line, request.query
        self.script: Script = request[SCRIPT]
        self.seen: Seen = request[SEEN]
        self.rate_hz = int(self.query["sample_rate"])

    async def greet(self) -> None: ...

    async def take(self, asked: Any) -> None:
        raise NotImplementedError

    async def stop(self) -> None: ...


# -- hearing ------------------------------------------------------------------------------------------------


class _Recogniser(Peer):
    """Words that become known as the sound arrives."""

    def __init__(self, server: DeepgramServer, line: Line, request: web.Request) -> None:
        super().__init__(server, line, request)
        text = "" if self.script.empty else self.script.transcript
        self.steps: list[str] = []
        for word in text.replace("/", " / ").replace("|", " | ").split():
            self.steps.append(word)
        self.done = 0
        self.heard_bytes = 0

    @property
    def heard_s(self) -> float:
        return self.heard_bytes / 2 / self.rate_hz

    async def decode(self, until_s: float) -> None:
        while self.done < int(until_s / self.server.word_s + 1e-6) and not self.line.ended:
            self.done += 1
            await self.step(self.steps[self.done - 1] if self.done <= len(self.steps) else "")

    async def step(self, word: str) -> None:
        raise NotImplementedError

    async def fail(self, code: str) -> None:
        raise NotImplementedError


class Flux(_Recogniser):
    sequence = turn = 0
    is_on = is_awaiting = False
    began_s = 0.0

    async def greet(self) -> None:
        self.words: list[str] = []
        self.eager = float(self.query.get("eager_eot_threshold", 0)) or None
        self.end = float(self.query.get("eot_threshold", 0.7))
        self.keyterms = self.query.getall("keyterm", [])
        await self.line.frame(self.numbered("Connected"))

    def numbered(self, kind: str, **fields: Any) -> dict[str, Any]:
        numbered = {"type": kind, "request_id": REQUEST_ID, "sequence_id": self.sequence, **fields}
        self.sequence += 1
        return numbered

    async def take(self, asked: Any) -> None:
        if isinstance(asked, bytes):
            self.heard_bytes += len(asked)
            await self.decode(self.heard_s - self.server.lag_s)
            return
        match asked.get("type") if isinstance(asked, dict) else None:
            case "ForceEndTurn":
                if self.is_on:
                    await self.end_turn("manual")
            case "CloseStream":
                await self.decode(self.heard_s)
                await (self.line.hang_up_bare() if self.server.hangs_up == "bare" else self.line.tear())
            case "Configure":
                await self.configure(asked)
            case _:
                await self.line.frame(self.error("UNPARSABLE_CLIENT_MESSAGE", self.sequence))
                await self.line.hang_up(1008, "UNPARSABLE_CLIENT_MESSAGE")

    def error(self, code: str, sequence: int) -> dict[str, Any]:
        text = self.script.message or "An error occurred."
        return {"type": "Error", "sequence_id": sequence, "code": code, "description": text}

    async def configure(self, asked: dict[str, Any]) -> None:
        thresholds = asked.get("thresholds", {})
        eager, end = (
            thresholds.get("eager_eot_threshold", self.eager),
            thresholds.get("eot_threshold", self.end),
        )
        if (eager and not 0.3 <= eager <= min(0.9, end)) or not 0.5 <= end <= 1.0:
            await self.line.frame(
                self.numbered("ConfigureFailure", code="INVALID_THRESHOLD", description="Out of range.")
            )
            return
        self.eager, self.end = eager, end
        self.keyterms = asked.get("keyterms", self.keyterms)
        applied = {"eager_eot_threshold": eager, "eot_threshold": end, "eot_timeout_ms": 5000}
        await self.line.frame(self.numbered("ConfigureSuccess", thresholds=applied, keyterms=self.keyterms))

    async def step(self, word: str) -> None:
        if word == "|" and self.is_on and self.end < 1.0:
            if self.eager and not self.is_awaiting:
                await self.tell("EagerEndOfTurn")
            await self.end_turn("model")
        elif word == "/" and self.eager and self.is_on:
            await self.tell("EagerEndOfTurn")
            self.is_awaiting = True
        elif word in ("", "/", "|"):
            if self.is_on and not self.is_awaiting:
                await self.tell("Update")
        else:
            if not self.is_on:
                self.began_s = (self.done - 1) * self.server.word_s
            self.words.append(word)
            await self.tell("TurnResumed" if self.is_awaiting else "Update" if self.is_on else "StartOfTurn")
            self.is_on, self.is_awaiting = True, False

    async def end_turn(self, trigger: str) -> None:
        await self.tell("EndOfTurn", trigger=trigger)
        self.turn += 1
        self.words = []
        self.is_on = self.is_awaiting = False

    async def tell(self, event: str, **fields: str) -> None:
        confidence = {"EagerEndOfTurn": 0.55, "EndOfTurn": 0.82}.get(event, 0.05)
        words = [{"word": word, "confidence": 0.9} for word in self.words]
        turn = self.numbered(
            "TurnInfo", event=event, turn_index=self.turn, audio_window_start=self.began_s,
            audio_window_end=max(0.0, self.heard_s - self.server.lag_s), transcript=" ".join(self.words), words=words,
            end_of_turn_confidence=confidence, **fields,
        )  # fmt: skip
        if self.query["model"].endswith("-multi"):
            turn |= {"languages": ["en"], "languages_hinted": self.query.getall("language_hint", [])}
        failure = self.error(
            self.script.code or "INTERNAL_SERVER_ERROR", turn["sequence_id"]
        )  # one or the other is sent
        await self.line.content(turn, failure)


class Nova(_Recogniser):
    began_s = 0.0

    async def greet(self) -> None:
        self.words: list[str] = []

    async def take(self, asked: Any) -> None:
        if isinstance(asked, bytes):
            self.heard_bytes += len(asked)
            await self.decode(self.heard_s - self.server.lag_s)
            return
        match asked.get("type") if isinstance(asked, dict) else None:
            case "KeepAlive":
                pass
            case "Finalize":
                await self.decode(self.heard_s)
                if self.words or self.server.answers_finalize:
                    await self.results(is_final=True, from_finalize=True)
            case "CloseStream":
                await self.decode(self.heard_s)
                if self.words:
                    await self.results(is_final=True)
                sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                told = {"request_id": REQUEST_ID, "sha256": sha, "created": "2026-11-20T10:00:00.000Z"}
                size = {"duration": self.heard_s, "channels": 1}
                await self.line.frame({"type": "Metadata", "transaction_key": "deprecated", **told, **size})
                await self.line.hang_up(1000)
            case _:
                await self.line.frame(
                    {"type": "Error", "variant": "SchemaError", "description": "Unknown message."}
                )
                await self.line.hang_up(1008, "DATA-0000")

    async def step(self, word: str) -> None:
        if word == "|":
            await self.results(is_final=True, speech_final=True)
        elif word not in ("", "/"):
            self.words.append(word)
            if self.query.get("interim_results") == "true":
                await self.results(is_final=False)

    async def results(
        self, *, is_final: bool, speech_final: bool = False, from_finalize: bool = False
    ) -> None:
        words = [
            {"word": w, "start": 0.0, "end": 0.1, "confidence": 0.98, "punctuated_word": w}
            for w in self.words
        ]
        best = {"transcript": " ".join(self.words), "confidence": 0.98 if words else 0.0, "words": words}
        info = {"name": "general-nova-3", "version": "2026-05-01.0", "arch": "nova-3"}
        told = {
            "type": "Results", "channel_index": [0, 1], "duration": self.heard_s - self.began_s, "start": self.began_s,
            "is_final": is_final, "speech_final": speech_final, "from_finalize": from_finalize,
            "channel": {"alternatives": [best]},
            "metadata": {"request_id": REQUEST_ID, "model_uuid": "m1", "model_info": info},
        }  # fmt: skip
        if is_final:
            self.words, self.began_s = [], self.heard_s
        failure = {
            "type": "Error",
            "variant": self.script.code or "InternalError",
            "description": "An error occurred.",
        }
        await self.line.content(told, failure)


# -- speaking -----------------------------------------------------------------------------------------------


class _Voice(Peer):
    """Text that is flushed is spoken, one stretch after the other, while more comes in."""

    def __init__(self, server: DeepgramServer, line: Line, request: web.Request) -> None:
        super().__init__(server, line, request)
        self.held = ""
        self.flushed: list[str] = []
        self.speaking: asyncio.Task[None] | None = None
        self.sent_ms = 0

    async def take(self, asked: Any) -> None:
        kind = asked.get("type") if isinstance(asked, dict) else None
        match kind:
            case "Speak" if isinstance(asked.get("text"), str) and len(asked["text"]) <= 2000:
                self.held += asked["text"]
            case "Flush":
                await self.flush()
            case "Close":
                if self.held.strip():
                    await _Voice.flush(self)
                if self.speaking is not None:
                    await self.speaking
                await self.farewell()
                await self.line.hang_up(1000)
            case _ if kind not in self.others:
                await self.line.frame(
                    {"type": "Error", "code": "DATA-0000", "description": "Unknown message."}
                )
                await self.line.hang_up(1008, "DATA-0000")
            case _:
                await self.others[kind](self)

    others: ClassVar[dict[Any, Callable[[Any], Awaitable[None]]]] = {}

    async def farewell(self) -> None: ...

    async def flush(self) -> None:
        self.flushed.append(self.held)
        self.held = ""
        if self.speaking is None or self.speaking.done():
            self.speaking = asyncio.ensure_future(self.speak())

    async def speak(self) -> None:
        while self.flushed and not self.line.ended:
            await self.say(self.flushed.pop(0))

    async def sound(self, text: str) -> None:
        pcm = (
            b""
            if self.script.empty or not text.strip()
            else say(text, self.rate_hz, float(self.query.get("speed", 1)))
        )
        self.server.spoken.append((text, pcm))
        step = int(self.rate_hz * _BLOCK_S) * 2 - self.script.split  # an odd step splits samples
        failure = {
            "type": "Error",
            "code": self.script.code or "NET-0001",
            "description": "An error occurred.",
        }
        for at in range(0, len(pcm), step):
            await self.line.content(pcm[at : at + step], failure)  # type: ignore[arg-type]
            self.sent_ms += int(_BLOCK_S * 1000)

    async def say(self, text: str) -> None:
        raise NotImplementedError

    async def drop(self) -> None:
        self.held = ""
        self.flushed.clear()
        await self.stop()

    async def stop(self) -> None:
        if self.speaking is not None:
            self.speaking.cancel()
            await asyncio.wait((self.speaking,))


class Aura(_Voice):
    sequence = 0

    async def greet(self) -> None:
        named = {"model_name": self.query["model"], "model_version": "2026-05-01.0", "model_uuid": "m1"}
        await self.line.frame({"type": "Metadata", "request_id": REQUEST_ID, **named})
        self.flushes: list[float] = []

    async def flush(self) -> None:
        now = time.monotonic()
        self.flushes = [at for at in self.flushes if now - at < 60] + [now]
        if len(self.flushes) > _MOST_FLUSHES:
            await self.line.frame(
                {"type": "Warning", "code": "EXCESSIVE_FLUSH", "description": "Too many flushes."}
            )
            return
        await super().flush()

    async def say(self, text: str) -> None:
        await self.sound(text)
        await self.numbered("Flushed")

    async def clear(self) -> None:
        await self.drop()
        await self.numbered("Cleared")

    async def numbered(self, kind: str) -> None:
        await self.line.frame({"type": kind, "sequence_id": self.sequence})
        self.sequence += 1

    others: ClassVar[dict[Any, Callable[[Any], Awaitable[None]]]] = {"Clear": clear}


class FluxVoice(_Voice):
    speeches = 0

    async def greet(self) -> None:
        named = {"model_name": self.query["model"], "model_version": "2026.06.01", "model_uuids": ["m1"]}
        await self.line.frame({"type": "Connected", "request_id": REQUEST_ID, **named})

    async def say(self, text: str) -> None:
        self.speeches += 1
        speech = {"speech_id": f"dg_sp_{self.speeches:012x}"}
        began_ms = self.sent_ms
        await self.line.frame({"type": "SpeechStarted", **speech})
        await self.sound(text)
        await self.line.frame({"type": "Flushed", **speech})
        await self.line.frame(
            {"type": "SpeechMetadata", **speech, **self.account(text, self.sent_ms - began_ms)}
        )

    def account(self, text: str, sent_ms: int) -> dict[str, Any]:
        controls = {"pronunciations_applied": 0, "pronunciation_warnings": 0}
        counts = {"input_character_count": len(text), "billable_character_count": len(text)}
        return {"audio_duration_ms": sent_ms, **counts, "controls_applied": controls}

    async def interrupt(self) -> None:
        if not self.sent_ms:
            await self.line.frame(
                {"type": "Warning", "code": "NO_AUDIO_GENERATED", "description": "Nothing to interrupt."}
            )
            return
        await self.drop()
        account = {"speech_id": f"dg_sp_{self.speeches:012x}", **self.account("", self.sent_ms)}
        await self.line.frame(
            {"type": "SpeechInterrupted", "audio_played_ms": self.sent_ms, "metadata": account}
        )

    async def farewell(self) -> None:
        totals = {"total_input_character_count": 0, "total_billable_character_count": 0}
        await self.line.frame({"type": "SessionMetadata", "total_audio_duration_ms": self.sent_ms, **totals})

    others: ClassVar[dict[Any, Callable[[Any], Awaitable[None]]]] = {"Interrupt": interrupt}
