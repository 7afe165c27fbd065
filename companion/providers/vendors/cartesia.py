"""Cartesia over its WebSockets: Ink hears while the person speaks, Sonic speaks while the text is written.

A take is told to end (`finalize`) on the manual socket; who asks for turn signals (`HearRequest.turns`) gets the turns
socket, which can only be closed. Speech is one context per request, with a flush after every piece: the flush number says
which piece a sound belongs to. The connection serves the next context; sound of a cancelled one is dropped by its name.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

from companion.errors import AIProviderError, AIProviderModelNotFoundError, CompanionError
from companion.flow import Audio, Health, HearRequest, SpeakRequest, SpokenWord, Transcript, TurnSignal
from companion.kinds import Role, VoiceInfo
from companion.providers.provider import Spec
from companion.providers.wire.faults import CallContext, health, in_call
from companion.providers.wire.languages import for_whisper, heard_in_any_language
from companion.providers.wire.on_sockets import OnSockets
from companion.providers.wire.sockets import HearingDialect, Outgoing, address, hear, parsed
from companion.providers.wire.sound import decoded_base64
from companion.providers.wire.voice_sockets import VoiceDialect, say
from companion.providers.wire.voices import said_in_any_voice

VERSION = "2026-08-14"
"""Of the API; on a WebSocket the query counts, elsewhere the header."""
SPEECH_HZ = 24_000
_SPEEDS = (0.6, 1.5)
_VOICES = (
    ("f786b574-daa5-4673-aa0c-cbe3e8534c02", "Katie", "steady, natural"),
    ("6ccbfb76-1fc6-48f7-b71d-91ac6298247b", "Tessa", "warm, expressive"),
    ("228fca29-3a0a-435c-8728-5cb483251068", "Kiefer", "steady, deep"),
)
_NAMES = {"unauthorized": "invalid_api_key", "quota_exceeded": "insufficient_quota"}
"""Cartesia's codes in the words of `faults`; the others are known by their status."""

SPEC = Spec(
    name="cartesia",
    display_name="Cartesia",
    roles=frozenset({Role.HEARS, Role.SPEAKS}),
    needs_key=True,
    key_env=("CARTESIA_API_KEY",),
    key_page="https://play.cartesia.ai/keys",
    base_url="https://api.cartesia.ai",
    default_models={Role.HEARS: "ink-2", Role.SPEAKS: "sonic-3.5"},
    voices=tuple(VoiceInfo(id=key, name=name, description=how) for key, name, how in _VOICES),
    hears_live=True,
    follows_turns=True,
    streams_text=True,
    summary="Hears and speaks within moments. Your voice and the answers go to api.cartesia.ai.",
)


class CartesiaProvider(OnSockets):
    """Ink recognition and Sonic voices."""

    spec = SPEC
    _own_voice = ""
    """Who speaks when nobody was chosen, once that is known."""

    # -- hearing --------------------------------------------------------------------------------------------

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        return heard_in_any_language(self, request, self._hear, for_whisper)

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        with self._live() as call:
            url = self._hear_url(request)
            make_dialect = partial(_Turns if request.turns else _Take, call)
            async with aclosing(hear(lambda: self._open(url), request, make_dialect)) as words:
                async for transcript in words:
                    yield transcript

    def _hear_url(self, request: HearRequest) -> str:
        query: dict[str, object] = {
            "model": request.model or self.models[Role.HEARS],
            "encoding": "pcm_s16le",
            "sample_rate": request.rate_hz,
            "cartesia_version": VERSION,
        }
        if request.turns:
            return address(self.base_url, "/stt/turns/websocket", query)
        query["language"] = request.language or None
        return address(self.base_url, "/stt/websocket", query)

    # -- speaking -------------------------------------------------------------------------------------------

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        return said_in_any_voice(self, request, self._speak, self._default_voice)

    async def _speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        with self._live() as call:
            settings = await self._settings(request)
            sound = say(self._links, self._speak_url(), request, lambda: _Context(call, settings))
            async with aclosing(sound) as chunks:
                async for audio in chunks:
                    yield audio

    def _speak_url(self) -> str:
        return address(self.base_url, "/tts/websocket", {"cartesia_version": VERSION})

    async def _settings(self, request: SpeakRequest) -> dict[str, Any]:
        """What every message of a context repeats."""
        settings: dict[str, Any] = {
            "model_id": request.model or self.models[Role.SPEAKS],
            "voice": {"id": request.voice or self.tts_voice or await self._default_voice()},
            "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": SPEECH_HZ},
            "add_timestamps": True,
        }
        if request.speed != 1.0:
            slowest, fastest = _SPEEDS
            settings["generation_config"] = {"speed": min(fastest, max(slowest, request.speed))}
        return settings

    async def _default_voice(self) -> str:
        """The first voice we know, or, should it be gone, the first English one of the vendor's list."""
        if not self._own_voice:
            known = SPEC.voices[0].id
            try:
                await self._get(f"/voices/{known}")
                self._own_voice = known
            except AIProviderModelNotFoundError:
                listed = await self._listed_voices()
                english = [voice.id for voice in listed if voice.language.startswith("en")]
                self._own_voice = next(iter(english or [voice.id for voice in listed]), known)
        return self._own_voice

    async def _listed_voices(self) -> tuple[VoiceInfo, ...]:
        with in_call(self.spec):
            listed = (await self._get("/voices?limit=100"))["data"]
            return tuple(
                VoiceInfo(
                    id=voice["id"],
                    name=voice.get("name") or voice["id"],
                    language=voice.get("language") or "en",
                    description=voice.get("tagline") or voice.get("description") or "",
                )
                for voice in listed
            )

    # -- connections ----------------------------------------------------------------------------------------

    async def check(self) -> Health:
        async def list_models() -> Sequence[str]:
            await self._get("/voices?limit=1")
            return ()

        return await health(self, list_models)

    async def warm(self) -> None:
        if self.api_key is not None:
            with suppress(CompanionError), self._live():
                await self._links.warm(self._speak_url())
                if not self.tts_voice:
                    await self._default_voice()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.require_key()}", "Cartesia-Version": VERSION}

    def _reason(self, body: Any) -> Any:
        return _reason(body)


PROVIDER = CartesiaTTSProvider = CartesiaProvider


def _reason(body: Any) -> Any:
    """A refusal in the words of `faults`. Before 2026-03-01 it was plain text, which some edges still send."""
    if not isinstance(body, dict) or "title" not in body:
        return body
    code = str(body.get("error_code") or "")
    return {"code": _NAMES.get(code, code), "message": f"{body['title']}: {body.get('message') or ''}"}


def _fault(call: CallContext, data: dict[str, Any]) -> AIProviderError:
    """An error inside a conversation."""
    status = data.get("status_code")
    status = status if isinstance(status, int) else None
    where = {"x-request-id": data["request_id"]} if isinstance(data.get("request_id"), str) else {}
    return call.status(status, _reason(data), where)


# -- hearing ------------------------------------------------------------------------------------------------


class _Take(HearingDialect):
    """The manual socket: deltas, settled bit by bit, and all of the rest at `finalize`."""

    def __init__(self, call: CallContext) -> None:
        super().__init__(call)
        self._settled = ""

    def last(self) -> Sequence[Outgoing]:
        return ("finalize",)

    def take(self, message: dict[str, Any]) -> Transcript | None:
        match message.get("type"):
            case "transcript":
                text = self._settled + str(message.get("text") or "")  # spaces are the vendor's own
                if message.get("is_final"):
                    self._settled = text
                self.turns.put(0, text, settled=text == self._settled)
                shown = self.turns.text
                return Transcript(text=shown, committed_chars=min(len(self._settled.strip()), len(shown)))
            case "flush_done" | "done":
                self.is_over = True
            case "error":
                raise _fault(self.call, message)
        return None


_SIGNALS = {
    "turn.start": TurnSignal.STARTED,
    "turn.eager_end": TurnSignal.EAGER_END,
    "turn.resume": TurnSignal.RESUMED,
    "turn.end": TurnSignal.ENDED,
}


class _Turns(HearingDialect):
    """The turns socket: each message has the whole turn. It knows no forced end; closing it settles what was heard."""

    closes = True

    def __init__(self, call: CallContext) -> None:
        super().__init__(call)
        self._turn = 0

    def last(self) -> Sequence[Outgoing]:
        return (json.dumps({"type": "close"}),)

    def take(self, message: dict[str, Any]) -> Transcript | None:
        kind = str(message.get("type"))
        if kind == "error":
            raise _fault(self.call, message)
        if kind not in _SIGNALS and kind != "turn.update":
            return None
        if isinstance(text := message.get("transcript"), str):
            self.turns.put(self._turn, text, settled=kind == "turn.end")
        if kind == "turn.end":
            self._turn += 1
        return self.turns.transcript(signal=_SIGNALS.get(kind))


# -- speaking -----------------------------------------------------------------------------------------------


class _Context(VoiceDialect):
    """One request's context. A context that the vendor ends for want of text is followed by another for the rest."""

    clears_at_once = True

    def __init__(self, call: CallContext, settings: dict[str, Any]) -> None:
        super().__init__(call)
        self._settings = settings
        self._name = uuid.uuid4().hex
        self._names = {self._name}
        """Of this request's contexts, the ones that are over too: their last messages may still come."""
        self._is_open = self._has_ended = False
        self._flushed: list[int] = []
        """The piece of every flush, in order."""
        self._before = 0
        """Flushes of earlier contexts; each context counts its own from 1."""
        self._spoken = 0
        """Flushes of which something was heard."""
        self._began_s: dict[int, float] = {}
        self._origin_s: dict[int, float] = {}

    def text(self, index: int, piece: str) -> Sequence[Outgoing]:
        self._flushed.append(index)
        self._is_open = True
        return (self._message(piece.rstrip() + " ", more=True), self._message("", more=True, flush=True))

    def last(self) -> Sequence[Outgoing]:
        self._has_ended = True
        if not self._is_open:
            self.is_over = True
            return ()
        return (self._message("", more=False),)

    def cancel(self) -> Sequence[Outgoing]:
        return (json.dumps({"context_id": self._name, "cancel": True}),) if self._is_open else ()

    def take(self, message: Outgoing) -> Audio | None:
        data = parsed(message)
        if data is None or data.get("context_id", self._name) not in self._names:
            return None
        match data.get("type"):
            case "chunk":
                return self._sound(data)
            case "timestamps":
                self._note_words(data)
            case "flush_done":
                self._flush_of(data)
                return self.late_words()
            case "done":
                self._end_context()
                return self.late_words()
            case "error":
                raise _fault(self.call, data)
        return None

    def _message(self, transcript: str, *, more: bool, **extra: Any) -> str:
        fixed = {"context_id": self._name, **self._settings}
        return json.dumps({**fixed, "transcript": transcript, "continue": more, **extra})

    def _flush_of(self, data: dict[str, Any]) -> int:
        """Which flush a message belongs to, counted from 0 over all contexts."""
        number = data.get("flush_id")
        flush = self._before + number - 1 if isinstance(number, int) and number > 0 else self._spoken - 1
        flush = max(0, min(flush, len(self._flushed) - 1))
        self._spoken = max(self._spoken, flush + 1)
        self._began_s.setdefault(flush, self.said_s)
        return flush

    def _sound(self, data: dict[str, Any]) -> Audio:
        self.piece = max(self.piece, self._flushed[self._flush_of(data)])
        return self.audio(self.whole(decoded_base64(data["data"])))

    def _note_words(self, data: dict[str, Any]) -> None:
        times = data.get("word_timestamps") or {}
        found = list(zip(times["words"], times["start"], times["end"], strict=False))
        if not found:
            return
        flush = self._flush_of(data)
        origin = self._origin_s.setdefault(flush, self._origin(self._began_s[flush], found[0][1]))
        self.words += tuple(
            SpokenWord(text=word, start_s=origin + start, end_s=origin + end) for word, start, end in found
        )

    @staticmethod
    def _origin(began_s: float, first_s: float) -> float:
        """Where a flush's times count from: the request's beginning or the flush's own, whichever is nearer to the first.

        The vendor does not say whether a flush starts the clock anew.
        """
        return 0.0 if first_s > began_s / 2 else began_s

    def _end_context(self) -> None:
        if self._spoken >= len(self._flushed):
            self.is_over = self._has_ended
            self._is_open = False
            self._name = uuid.uuid4().hex
            self._names.add(self._name)
        self._before = self._spoken
