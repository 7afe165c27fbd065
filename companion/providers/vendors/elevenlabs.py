"""ElevenLabs: realtime Scribe hears while the person speaks, `stream-input` speaks while the text is written.

One socket per take, one per request for speech; `warm` opens the next of the latter ahead. Models that take no streamed
text (v3 and later) are asked over HTTP, piece by piece, and models of batch Scribe get the whole take as a file. Which
piece a sound belongs to is counted from the characters that come with it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from companion.errors import (
    AIProviderAuthError,
    AIProviderError,
    CompanionError,
    Kind,
)
from companion.flow import Audio, Health, HearRequest, SpeakRequest, SpokenWord, Transcript
from companion.kinds import Role, VoiceInfo
from companion.pcm import to_wav
from companion.providers.provider import Spec
from companion.providers.wire.faults import CallContext, health, in_call
from companion.providers.wire.heard import words_in
from companion.providers.wire.languages import Language, heard_in_any_language
from companion.providers.wire.on_sockets import OnSockets
from companion.providers.wire.sockets import (
    HearingDialect,
    Outgoing,
    address,
    close_source,
    hear,
    parsed,
)
from companion.providers.wire.sound import decoded_base64, form_of, no_voice, sound_of
from companion.providers.wire.voice_sockets import VoiceDialect, say
from companion.providers.wire.voices import said_in_any_voice

SPEECH_HZ = 24_000
_SPEEDS = (0.7, 1.2)
_TAKE_STREAMED_TEXT = ("eleven_flash", "eleven_turbo", "eleven_multilingual")
_LIVE = ("realtime", "live")
_VOICES = (
    ("JBFqnCBsd6RMkjVDRZzb", "George", "warm, British"),
    ("EXAVITQu4vr4xnSDxMaL", "Sarah", "soft, American"),
    ("Xb7hH8MSUJpSbSDYk0k2", "Alice", "clear, British"),
    ("onwK4e9ZLuTAKqWW03F9", "Daniel", "steady, British"),
    ("XrExE9yKIg1WjnnlVkGX", "Matilda", "friendly, American"),
)
_NAMES = {
    "auth_error": "invalid_api_key",
    "needs_authorization": "invalid_api_key",
    "missing_permissions": "permission_error",
    "unaccepted_terms": "permission_error",
    "detected_unusual_activity": "permission_error",
    "quota_exceeded": "insufficient_quota",
    "rate_limited": "rate_limit_exceeded",
    "too_many_concurrent_requests": "rate_limit_exceeded",
    "system_busy": "overloaded_error",
    "invalid_model_id": "model_not_found",
    **dict.fromkeys(
        ("input_error", "invalid_request", "chunk_size_exceeded", "input_timeout_exceeded"),
        "invalid_request_error",
    ),
}
"""ElevenLabs' codes in the words of `faults`; the others are known by their status, or count as not working."""
_TELLS = frozenset({"session_started", "warning", "partial_transcript", "committed_transcript"})

SPEC = Spec(
    name="elevenlabs",
    display_name="ElevenLabs",
    roles=frozenset({Role.HEARS, Role.SPEAKS}),
    needs_key=True,
    key_env=("ELEVENLABS_API_KEY", "ELEVEN_API_KEY"),
    key_page="https://elevenlabs.io/app/settings/api-keys",
    base_url="https://api.elevenlabs.io",
    default_models={Role.HEARS: "scribe_v2_realtime", Role.SPEAKS: "eleven_flash_v2_5"},
    voices=tuple(VoiceInfo(id=key, name=name, description=how) for key, name, how in _VOICES),
    hears_live=True,
    streams_text=True,
    summary="Hears well and speaks in many voices. Your voice and the answers go to api.elevenlabs.io.",
)


class ElevenLabsProvider(OnSockets):
    """Scribe recognition and ElevenLabs voices."""

    spec = SPEC

    # -- hearing --------------------------------------------------------------------------------------------

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        form = lambda tag: Language.of(tag).base  # noqa: E731 - ISO 639, of two letters or three
        return heard_in_any_language(self, request, self._hear, form)

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        model = request.model or self.models[Role.HEARS]
        with self._live() as call:
            if not any(word in model for word in _LIVE):
                yield await self._hear_file(call, model, request)
                return
            query = {
                "model_id": model,
                "audio_format": f"pcm_{request.rate_hz}",
                "commit_strategy": "manual",
                "language_code": request.language or None,
            }
            url = address(self.base_url, "/v1/speech-to-text/realtime", query)
            make_dialect = partial(_Scribe, call, rate_hz=request.rate_hz, context=request.context)
            async with aclosing(hear(lambda: self._open(url), request, make_dialect)) as words:
                async for transcript in words:
                    yield transcript

    async def _hear_file(self, call: CallContext, model: str, request: HearRequest) -> Transcript:
        pcm = b"".join([frame async for frame in request.frames])
        if not pcm:
            raise AIProviderError("", self.spec.name, kind=Kind.HEARD_NOTHING, who=self.spec.display_name)
        take = to_wav(Audio(pcm=pcm, rate_hz=request.rate_hz))
        form = {"model_id": model, "tag_audio_events": "false", "timestamps_granularity": "none"}
        if request.language:
            form["language_code"] = request.language
        files = {"file": ("take.wav", take, "audio/wav")}
        http = self.net.client(self.base_url, self._headers())
        response = await http.post("/v1/speech-to-text", data=form, files=files)
        if response.status_code >= 400:
            raise call.status(response.status_code, self._body(response.content), response.headers)
        return Transcript(text=words_in(call, response.content), is_final=True)

    # -- speaking -------------------------------------------------------------------------------------------

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        return said_in_any_voice(self, request, self._speak, self._default_voice)

    async def _default_voice(self) -> str:
        known = [voice.id for voice in await self.voices()]
        usual = SPEC.voices[0].id
        return usual if usual in known or not known else known[0]

    async def _speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        model = request.model or self.models[Role.SPEAKS]
        with self._live() as call:
            if model.startswith(_TAKE_STREAMED_TEXT):
                url = self._speak_url(model, request.voice)
                sound = say(self._links, url, request, lambda: _Speech(call, request.speed))
            else:
                sound = self._say_each(call, model, request)
            async with aclosing(sound) as chunks:
                async for audio in chunks:
                    yield audio

    async def _say_each(
        self, call: CallContext, model: str, request: SpeakRequest
    ) -> AsyncGenerator[Audio, None]:
        """One request per piece, for models that want a whole text."""
        pieces = request.pieces or _one(request.text)
        index = -1
        try:
            async for piece in pieces:
                index += 1
                if piece.strip():
                    body = {"text": piece.strip(), "model_id": model, **_settings(request.speed)}
                    async with aclosing(self._say_one(call, body, request.voice)) as blocks:
                        async for audio in blocks:
                            yield replace(audio, piece=index)
        finally:
            await close_source(pieces)

    async def _say_one(
        self, call: CallContext, body: dict[str, Any], voice: str
    ) -> AsyncGenerator[Audio, None]:
        """The sound of one text.

        Raises:
            AIProviderError: VOICE_FAILED when what came is no sound.
        """
        voice = voice or self.tts_voice or SPEC.voices[0].id
        path = f"/v1/text-to-speech/{voice}/stream?output_format=pcm_{SPEECH_HZ}"
        has_said = False
        http = self.net.client(self.base_url, self._headers())
        async with http.stream("POST", path, json=body) as response:
            if response.status_code >= 400:
                raise call.status(response.status_code, self._body(await response.aread()), response.headers)
            call.opened = True
            form = form_of(response.headers, SPEECH_HZ)
            async with aclosing(sound_of(call, response.aiter_bytes(), form)) as sound:
                async for audio in sound:
                    has_said = call.said = True
                    yield audio
        if not has_said:
            raise no_voice(call, "no sound")

    def _speak_url(self, model: str, voice: str = "") -> str:
        query = {
            "model_id": model,
            "output_format": f"pcm_{SPEECH_HZ}",
            "sync_alignment": True,
            "inactivity_timeout": 180,
        }
        voice = voice or self.tts_voice or SPEC.voices[0].id
        return address(self.base_url, f"/v1/text-to-speech/{voice}/stream-input", query)

    async def _listed_voices(self) -> Sequence[VoiceInfo]:
        with in_call(self.spec):
            listed = (await self._get("/v2/voices?page_size=100"))["voices"]
            return tuple(_voice(voice) for voice in listed)

    # -- connections ----------------------------------------------------------------------------------------

    async def check(self) -> Health:
        async def list_models() -> Sequence[str]:
            try:
                await self._get("/v1/user")
            except AIProviderAuthError as error:
                if error.kind is not Kind.FORBIDDEN or error.status != 401:
                    raise  # otherwise a good key that may speak and hear but not look at the account
            return ()

        return await health(self, list_models)

    async def warm(self) -> None:
        model = self.models[Role.SPEAKS]
        if self.api_key is not None and model.startswith(_TAKE_STREAMED_TEXT):
            with suppress(CompanionError), self._live():
                await self._links.warm(self._speak_url(model))

    def _headers(self) -> dict[str, str]:
        return {"xi-api-key": self.require_key()}

    def _reason(self, body: Any) -> Any:
        return _reason(body)


PROVIDER = ElevenLabsProvider


async def _one(text: str) -> AsyncGenerator[str, None]:
    yield text


def _settings(speed: float) -> dict[str, Any]:
    """Nothing where nothing is asked for, so that the voice's own settings hold."""
    slowest, fastest = _SPEEDS
    return {} if speed == 1.0 else {"voice_settings": {"speed": min(fastest, max(slowest, speed))}}


def _voice(voice: dict[str, Any]) -> VoiceInfo:
    labels = voice.get("labels") or {}
    traits = (labels.get("descriptive") or labels.get("description"), labels.get("accent"))
    return VoiceInfo(
        id=voice["voice_id"],
        name=voice.get("name") or voice["voice_id"],
        language=labels.get("language") or "en",
        description=", ".join(trait for trait in traits if trait) or voice.get("description") or "",
    )


# -- failures -----------------------------------------------------------------------------------------------


def _reason(body: Any) -> Any:
    """A refusal in the words of `faults`: `{"detail": {"status", "message"}}`, or a list of wrong fields."""
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return {"code": "invalid_request_error", "message": str(detail[0].get("msg") or "")}
    if isinstance(detail, dict):
        return _named(str(detail.get("status") or ""), detail.get("message"))
    return {"message": detail} if isinstance(detail, str) else body


def _named(code: str, message: object) -> dict[str, str]:
    known = _NAMES.get(code, code)
    return {"code": known, "type": known, "message": str(message or "")}


def _fault(call: CallContext, code: object, message: object) -> AIProviderError:
    """An error inside a conversation."""
    return call.inside(_named(str(code or ""), message))


# -- hearing ------------------------------------------------------------------------------------------------


class _Scribe(HearingDialect):
    """Partial text until a commit settles it. Scribe may commit by itself in a long take; the segments are joined."""

    block_ms = 100

    def __init__(self, call: CallContext, *, rate_hz: int, context: str = "") -> None:
        super().__init__(call, rate_hz=rate_hz)
        self._context = context
        self._segment = 0
        self._is_committing = False

    def sound(self, pcm: bytes) -> Outgoing:
        message = self._chunk(base64.b64encode(pcm).decode(), commit=False)
        if self._context:
            message["previous_text"] = self._context  # only the first chunk may carry it
            self._context = ""
        return json.dumps(message)

    def last(self) -> Sequence[Outgoing]:
        self._is_committing = True
        return (json.dumps(self._chunk("", commit=True)),)

    def _chunk(self, audio: str, *, commit: bool) -> dict[str, Any]:
        return {
            "message_type": "input_audio_chunk",
            "audio_base_64": audio,
            "commit": commit,
            "sample_rate": self.rate_hz,
        }

    def take(self, message: dict[str, Any]) -> Transcript | None:
        kind = str(message.get("message_type"))
        if kind == "partial_transcript":
            self.turns.put(self._segment, str(message.get("text") or ""))
            return self.turns.transcript()
        if kind == "committed_transcript":
            self.turns.put(self._segment, str(message.get("text") or ""), settled=True)
            self._segment += 1
            self.is_over = self._is_committing
            return self.turns.transcript()
        if kind in ("commit_throttled", "insufficient_audio_activity") and self._is_committing:
            self.is_over = True  # too little was left to commit: what is known is all there is
        elif kind not in _TELLS and "error" in message:
            raise _fault(self.call, kind, message["error"])
        return None


# -- speaking -----------------------------------------------------------------------------------------------


class _Speech(VoiceDialect):
    """One stream-input conversation. A flush after every piece has its sound made at once."""

    is_reusable = False

    def __init__(self, call: CallContext, speed: float) -> None:
        super().__init__(call)
        self._speed = speed
        self._ends: list[tuple[int, int]] = []
        """Piece, and how many characters other than spaces all pieces up to its end have."""
        self._heard_chars = 0
        self._letters: list[tuple[str, float, float]] = []
        """Of the word that is not complete yet."""

    def first(self) -> Sequence[Outgoing]:
        start = {"text": " ", **_settings(self._speed)}
        return (json.dumps({**start, "generation_config": {"chunk_length_schedule": [50, 120, 160, 250]}}),)

    def text(self, index: int, piece: str) -> Sequence[Outgoing]:
        before = self._ends[-1][1] if self._ends else 0
        self._ends.append((index, before + len("".join(piece.split()))))
        return (json.dumps({"text": piece.strip() + " ", "flush": True}),)

    def last(self) -> Sequence[Outgoing]:
        return (json.dumps({"text": ""}),)

    def take(self, message: Outgoing) -> Audio | None:
        data = parsed(message)
        if data is None:
            return None
        if "error" in data or ("message" in data and not data.get("audio")):
            raise _fault(self.call, data.get("error"), data.get("message"))
        if data.get("audio"):
            return self._sound(data)
        if data.get("isFinal") or data.get("is_final"):
            self.is_over = True
            self._close_word()
            return self.late_words()
        return None

    def _sound(self, data: dict[str, Any]) -> Audio:
        if times := data.get("alignment") or data.get("normalizedAlignment"):
            self._follow(times)
        return self.audio(self.whole(decoded_base64(data["audio"])))

    def _follow(self, times: dict[str, Any]) -> None:
        """Counts the characters of a message, finds its piece and the words that end in it."""
        durations = times.get("charDurationsMs") or times.get("charsDurationsMs") or ()
        found = list(zip(times["chars"], times["charStartTimesMs"], durations, strict=False))
        if (
            any(char.strip() for char, *_ in found)
            and (piece := self._piece_at(self._heard_chars)) > self.piece
        ):
            self.piece = piece
            self._close_word()
        # Documented as counted from the message's own sound, but seen as counted from the beginning.
        origin = 0.0 if found and found[0][1] / 1000 > self.said_s / 2 else self.said_s
        for char, start_ms, length_ms in found:
            if not char.strip():
                self._close_word()
                continue
            start_s = origin + start_ms / 1000
            self._letters.append((char, start_s, start_s + length_ms / 1000))
            self._heard_chars += len(char.strip())

    def _piece_at(self, char: int) -> int:
        return next(
            (piece for piece, end in self._ends if end > char), self._ends[-1][0] if self._ends else 0
        )

    def _close_word(self) -> None:
        letters, self._letters = self._letters, []
        if letters:
            text = "".join(char for char, *_ in letters)
            self.words += (SpokenWord(text=text, start_s=letters[0][1], end_s=letters[-1][2]),)
