"""Wyoming: recognisers and voices of a home, on this computer or another of the household (Home Assistant's protocol).

Frames and text go out, transcripts and sound come in, as JSON lines with bytes behind them, over one plain TCP connection
for each request. Nothing is encrypted and there is no key: it is meant for a network one trusts. It follows the package
`wyoming`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from companion.bounds import MAX_STREAM, check_parts
from companion.decoding import Bare, Decoder, NoSound
from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import Audio, Health, HearRequest, SpeakRequest, Transcript
from companion.kinds import Role, VoiceInfo
from companion.language import tr
from companion.providers.provider import AIProvider, Spec
from companion.providers.wire.faults import CallContext, in_call
from companion.providers.wire.heard import clean
from companion.providers.wire.languages import for_whisper, heard_in_any_language
from companion.providers.wire.refusals import NO_ADDRESS
from companion.providers.wire.sound import no_voice
from companion.providers.wire.voices import said_in_any_voice
from companion.tasks import spawn, stop
from companion.tcp import Connection, dial

VERSION = "1.10.2"
PORTS = {Role.HEARS: 10300, Role.SPEAKS: 10200}
"""Where faster-whisper's and Piper's servers usually listen."""
MAX_DATA = 2**20
MAX_PAYLOAD = 8 * 2**20
MOST_WORDS_CHARS = 64 * 1024
"""An hour of speech."""
_EACH_BYTES = 100
SAMPLE_BYTES = 2
_WIDTHS = {1: "u8", 2: "s16", 3: "s24", 4: "s32"}

SPEC = Spec(
    name="wyoming",
    display_name="Wyoming",
    roles=frozenset({Role.HEARS, Role.SPEAKS}),
    base_url="tcp://127.0.0.1",
    summary=(
        "Recognisers and voices of your own household, such as Home Assistant's Whisper and Piper. Your voice and the "
        "answers go to the computer you name, unencrypted."
    ),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One message of the protocol."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""
    size: int = 0
    """About how many bytes it took to say."""

    def encoded(self) -> bytes:
        data = json.dumps(self.data, ensure_ascii=False).encode("utf-8", "replace") if self.data else b""
        head: dict[str, Any] = {"type": self.kind, "version": VERSION}
        if data:
            head["data_length"] = len(data)
        if self.payload:
            head["payload_length"] = len(self.payload)
        return json.dumps(head).encode() + b"\n" + data + self.payload


class WyomingProvider(AIProvider):
    """Hears and speaks through a Wyoming server; `base_url` is `tcp://host:port`, or only the host."""

    spec = SPEC

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        """Sends the take while it is spoken; most servers say everything at its end.

        Raises:
            AIProviderError: as `AIProvider.transcribe`.
        """
        return heard_in_any_language(self, request, self._hear, for_whisper)

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        asked: dict[str, Any] = {}
        if request.language:
            asked["language"] = request.language
        if model := request.model or self.models[Role.HEARS]:
            asked["name"] = model
        async with self._connected(Role.HEARS) as (call, link):
            sending = spawn(_send_take(link, asked, request), name="wyoming: take", is_awaited=True)
            try:
                async with aclosing(_words(call, link, sending)) as transcripts:
                    async for transcript in transcripts:
                        call.said = True
                        yield transcript
            finally:
                await stop(sending)

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        """The voice's own pace: the protocol has no speed.

        Raises:
            AIProviderError: as `AIProvider.speak`; VOICE_FAILED for sound of an unknown form.
        """
        return said_in_any_voice(self, request, self._speak, self._default_voice)

    async def _default_voice(self) -> str:
        return ""

    async def _speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        asked: dict[str, Any] = {"text": request.text}
        if voice := request.voice:
            name, _, speaker = voice.partition("#")
            asked["voice"] = {"name": name, **({"speaker": speaker} if speaker else {})}
        async with self._connected(Role.SPEAKS) as (call, link):
            await link.send(Event("synthesize", asked).encoded())
            async with aclosing(_events(call, link)) as events:
                sound = _Sound(call)
                async for event in events:
                    if event.kind == "audio-stop":
                        break
                    if event.kind == "audio-chunk" and (audio := sound.take(event)) is not None:
                        call.said = True
                        yield audio
                else:
                    raise call.cut()
                if (audio := sound.rest()) is not None:
                    call.said = True
                    yield audio
            if not call.said and request.text.strip():
                raise no_voice(call, "no sound")

    async def voices(self) -> Sequence[VoiceInfo]:
        return _voices((await self._described(Role.SPEAKS)).get("tts"))

    async def check(self) -> Health:
        """Asks whichever of its servers is there what it can do."""
        started = time.perf_counter()
        models: list[str] = []
        voices: list[VoiceInfo] = []
        refusal: CompanionError | None = None
        for role in PORTS:
            try:
                info = await self._described(role)
            except CompanionError as error:
                refusal = error
                continue
            models += [name for name in _model_names(info) if name not in models]
            voices += [voice for voice in _voices(info.get("tts")) if voice not in voices]
        if refusal is not None and not models and not voices:
            return Health(ok=False, detail=refusal.message, kind=refusal.kind)
        elapsed_ms = (time.perf_counter() - started) * 1000
        who = self.spec.display_name
        detail = f"{who} answers: {_count(len(models), 'recognition model')}, {_count(len(voices), 'voice')}."
        return Health(ok=True, detail=detail, latency_ms=elapsed_ms, models=tuple(models))

    async def _described(self, role: Role) -> Mapping[str, Any]:
        async def ask() -> Mapping[str, Any]:
            async with self._connected(role) as (call, link):
                return await _describe(call, link)

        return await self.asked(ask)

    @asynccontextmanager
    async def _connected(self, role: Role) -> AsyncIterator[tuple[CallContext, Connection]]:
        with in_call(self.spec) as call:
            try:
                link = await dial(self.net, self._address(role), who=self.spec.display_name)
                try:
                    yield call, link
                finally:
                    await link.close()
            except (OSError, EOFError) as error:
                raise call.cut(error) if call.opened else _gone(call, error) from error

    def _address(self, role: Role) -> str:
        """`tcp://host:port` from what a person wrote, `http://` and bare hosts included."""
        text = self.base_url.strip()
        with suppress(ValueError):
            parts = urlsplit(text if "://" in text else f"tcp://{text}")
            if parts.hostname:
                host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
                return f"tcp://{host}:{parts.port or PORTS[role]}"
        raise CallContext(self.spec).fault(NO_ADDRESS, retryable=False)


PROVIDER = WyomingProvider


async def _send_take(link: Connection, asked: Mapping[str, Any], request: HearRequest) -> None:
    form = {"rate": request.rate_hz, "width": SAMPLE_BYTES, "channels": 1}
    await link.send(Event("transcribe", asked).encoded() + Event("audio-start", form).encoded())
    async for frame in request.frames:
        await link.send(Event("audio-chunk", form, frame).encoded())
    await link.send(Event("audio-stop").encoded())


async def _words(
    call: CallContext, link: Connection, sending: asyncio.Task[None]
) -> AsyncGenerator[Transcript, None]:
    text = ""
    async with aclosing(_events(call, link, sending)) as events:
        async for event in events:
            if event.kind == "transcript-chunk":
                text += _text(event)
                if len(text) > MOST_WORDS_CHARS:
                    raise AIProviderError(
                        tr("More words came than a recording can have, so it was stopped."),
                        call.spec.name,
                        retryable=False,
                    )
                words = clean(text)
                yield Transcript(text=words, committed_chars=len(words))
            elif event.kind == "transcript":
                yield Transcript(text=clean(_text(event)[:MOST_WORDS_CHARS]), is_final=True)
                return
    raise call.cut()


async def _events(
    call: CallContext, link: Connection, sending: asyncio.Task[None] | None = None
) -> AsyncGenerator[Event, None]:
    """What the server says until it hangs up.

    Raises:
        AIProviderError: what it calls an error; NOT_AN_API for what is no event; and what `sending` failed with.
    """
    size = 0
    while True:
        event = await _next(call, link) if sending is None else await _next_while(call, link, sending)
        if event is None:
            return
        size += event.size
        if size > MAX_STREAM:
            raise AIProviderError(
                tr("The answer was longer than it may be, so it was stopped."),
                call.spec.name,
                retryable=False,
            )
        call.opened = True
        if event.kind == "error":
            raise call.inside({"message": _text(event), "code": event.data.get("code") or "server_error"})
        yield event


async def _next_while(call: CallContext, link: Connection, sending: asyncio.Task[None]) -> Event | None:
    """The next event; a take that cannot be sent any more ends the waiting for it."""
    reading = spawn(_next(call, link), name="wyoming: read", is_awaited=True)
    try:
        if not sending.done():
            await asyncio.wait((reading, sending), return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and not reading.done():
            await sending
        return await reading
    finally:
        await stop(reading)


async def _next(call: CallContext, link: Connection) -> Event | None:
    try:
        line = await link.line()
        if not line:
            return None
        head = json.loads(line)
        kind, data = str(head["type"]), dict(head.get("data") or {})
        more, payload = _size(head, "data_length", MAX_DATA), _size(head, "payload_length", MAX_PAYLOAD)
        if more:
            written = await link.exactly(more)
            check_parts(written)
            data |= json.loads(written)
        sound = await link.exactly(payload) if payload else b""
        return Event(kind, data, sound, len(line) + more + payload + _EACH_BYTES)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        who = call.spec.display_name
        raise AIProviderError("", call.spec.name, error, kind=Kind.NOT_AN_API, who=who) from error


def _size(head: Mapping[str, Any], name: str, limit: int) -> int:
    size = int(head.get(name) or 0)
    if not 0 <= size <= limit:
        raise ValueError(f"{name} {size}")
    return size


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text(event: Event) -> str:
    text = event.data.get("text")
    return text if isinstance(text, str) else ""


class _Sound:
    """Samples of the form that every chunk names, or a file in their place."""

    def __init__(self, call: CallContext) -> None:
        self._call = call
        self._form: Bare | None = None
        self._decoder = Decoder(None)

    def take(self, event: Event) -> Audio | None:
        rate_hz, width, channels = (event.data.get(name) for name in ("rate", "width", "channels"))
        if not (isinstance(rate_hz, int) and width in _WIDTHS and isinstance(channels, int)):
            raise no_voice(self._call, "sound of a form that is not understood")
        form = Bare(rate_hz, _WIDTHS[width], channels)
        if form != self._form:
            self._form, self._decoder = form, Decoder(form, at_once=True)
        return self._audio(event.payload, last=False)

    def rest(self) -> Audio | None:
        """What a file still held."""
        return self._audio(b"", last=True)

    def _audio(self, data: bytes, *, last: bool) -> Audio | None:
        try:
            pcm = self._decoder.end(data) if last else self._decoder.take(data)
        except NoSound as error:
            raise no_voice(self._call, str(error)) from error
        return Audio(pcm=pcm, rate_hz=self._decoder.rate_hz) if pcm else None


def _gone(call: CallContext, error: BaseException) -> AIProviderError:
    who = call.spec.display_name
    return AIProviderError("", call.spec.name, error, kind=Kind.UNREACHABLE, who=who)


async def _describe(call: CallContext, link: Connection) -> Mapping[str, Any]:
    await link.send(Event("describe").encoded())
    async with aclosing(_events(call, link)) as events:
        async for event in events:
            if event.kind == "info":
                return event.data
    raise call.cut()


def _artifacts(found: object, inside: str) -> list[Mapping[str, Any]]:
    """What the programs of one kind offer; entries of another shape are left out."""
    programs = [program for program in found if isinstance(program, dict)] if isinstance(found, list) else []
    offers = [offer for program in programs for offer in program.get(inside) or ()]
    return [offer for offer in offers if isinstance(offer, dict) and isinstance(offer.get("name"), str)]


def _model_names(info: Mapping[str, Any]) -> list[str]:
    return [offer["name"] for offer in _artifacts(info.get("asr"), "models")]


def _voices(found: object) -> tuple[VoiceInfo, ...]:
    """One for each voice, and one for each speaker of those that have several: `name#speaker`."""
    voices = []
    for offer in _artifacts(found, "voices"):
        language = str((offer.get("languages") or ["en"])[0])
        told_as = str(offer.get("description") or "")
        names = [
            each["name"] for each in offer.get("speakers") or () if isinstance(each, dict) and "name" in each
        ]
        ids = [f"{offer['name']}#{name}" for name in names] or [offer["name"]]
        voices += [VoiceInfo(id=id_, name=id_, language=language, description=told_as) for id_ in ids]
    return tuple(voices)
