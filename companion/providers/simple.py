"""The simple methods of every provider: texts and sound in, texts and sound out, without requests and chunks.

Each one is a request to `chat`, `transcribe` or `speak`, behind the provider's patience. A program's own provider may
override any of them instead of those three (`written` reads it the other way round).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from companion.calls import EmbedRequest
from companion.errors import AIProviderEmptyReplyError, AIProviderInvalidRequestError
from companion.flow import (
    CAPTURE_RATE_HZ,
    Audio,
    ChatDelta,
    ChatRequest,
    HearRequest,
    Message,
    ModelInfo,
    Speaker,
    SpeakRequest,
    Transcript,
    TurnSignal,
)
from companion.kinds import Role, VoiceInfo

if TYPE_CHECKING:
    from pathlib import Path

    from companion.calls import ChatOptions, Embeddings, VADInfo
    from companion.jobs import Video, VideoProgress, VideoRequest
    from companion.log import Secret
    from companion.ports import Call
    from companion.providers.provider import Policy, Spec
    from companion.providers.response import ChatResponse

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

SPEECH_HZ = 24_000
"""Rate of `text_to_speech`, which cannot say it."""
SHORT_REPLY = 150
"""Tokens of a reply that is spoken, unless more are asked for."""
USUAL_TEMPERATURE = 0.7
_ENCODINGS = ("linear16", "pcm_s16le")
_log = logging.getLogger(__name__)


class opened(Generic[RequestT, ChunkT]):
    """The chunks of one call, closed at the end of the block whatever happens: `async with opened(call, request)`."""

    def __init__(self, call: Call[RequestT, ChunkT], request: RequestT) -> None:
        self._chunks = call(request)

    async def __aenter__(self) -> AsyncIterator[ChunkT]:
        return self._chunks

    async def __aexit__(self, *_: object) -> None:
        close = getattr(self._chunks, "aclose", None)  # async generators have it, bare iterators need not
        if close is not None:
            await close()


def simple_request(system_prompt: str, user_prompt: str, max_tokens: int, temperature: float) -> ChatRequest:
    """The request behind `generate_completion`."""
    return ChatRequest(
        messages=(Message(Speaker.SYSTEM, system_prompt), Message(Speaker.USER, user_prompt)),
        max_tokens=max_tokens,
        temperature=temperature,
    )


class KnownVoices(list[str]):
    """Ids of the voices that are known at once. Awaited, it asks the vendor: a dictionary for each voice there is."""

    def __init__(self, ids: Sequence[str], ask: Any) -> None:
        super().__init__(ids)
        self._ask = ask

    def __await__(self) -> Generator[Any, None, list[dict[str, str]]]:
        return self._described().__await__()

    async def _described(self) -> list[dict[str, str]]:
        found: Sequence[VoiceInfo] = await self._ask()
        return [
            {"id": one.id, "name": one.name, "language": one.language, "description": one.description}
            for one in found
        ]


class SpokenBytes:
    """Sound as it is made: to loop over, or to await whole."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def __anext__(self) -> bytes:
        return await anext(self._chunks)

    def __await__(self) -> Generator[Any, None, bytes]:
        return self._whole().__await__()

    async def _whole(self) -> bytes:
        return b"".join([chunk async for chunk in self._chunks])

    async def aclose(self) -> None:
        """Ends it. Idempotent."""
        await self._chunks.aclose()


class SimpleMethods:
    """What `AIProvider` is for programs that want a text or a sound and nothing else."""

    if TYPE_CHECKING:
        spec: ClassVar[Spec]
        policy: Policy
        api_key: Secret | None
        models: Mapping[Role, str]
        tts_voice: str
        defaults: Mapping[str, Any]
        config: Any
        _voice: Any
        _is_open: bool
        _turn: Transcript | None

        def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]: ...
        def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]: ...
        def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]: ...
        def film(self, request: VideoRequest) -> AsyncGenerator[VideoProgress, None]: ...
        def stacked(self, call: Call[RequestT, ChunkT]) -> Call[RequestT, ChunkT]: ...
        def require_key(self) -> str: ...
        def _thinks(self, request: object) -> bool: ...
        async def voices(self) -> Sequence[VoiceInfo]: ...
        async def warm(self) -> None: ...
        async def aclose(self) -> None: ...

    # -- thinking -------------------------------------------------------------------------------------------

    async def generate_completion(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> str:
        """The whole answer as text."""
        from companion.providers.response import said

        request = simple_request(system_prompt, user_prompt, max_tokens, temperature)
        async with opened(self.stacked(self.chat), request) as deltas:
            came = [delta async for delta in deltas]
        return "".join(delta.text for delta in said(came))

    async def generate_completion_stream(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> AsyncGenerator[str, None]:
        """The answer as it is written."""
        request = simple_request(system_prompt, user_prompt, max_tokens, temperature)
        async with opened(self.stacked(self.chat), request) as deltas:
            async for delta in deltas:
                if delta.text:
                    yield delta.text

    async def stream_chat(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        system_prompt: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **options: Any,
    ) -> AsyncGenerator[str, None]:
        """The next words of a conversation, as they are written.

        Args:
            messages: ours, or dictionaries in OpenAI's shape.
            system_prompt: stands before them.
            temperature: None: what the provider was configured with, else 0.7.
            max_tokens: None: what the provider was configured with, else a reply short enough to be spoken; no limit for
                a model that thinks first, whose thoughts would use it up.
            options: any other field of `ChatRequest`: `model`, `stop`, `top_p`, `seed` ...
        """
        system = [Message(Speaker.SYSTEM, system_prompt)] if system_prompt else []
        usual = {"temperature": USUAL_TEMPERATURE, **self.defaults}
        request = ChatRequest(
            messages=(*system, *map(Message.of, messages)),
            temperature=usual["temperature"] if temperature is None else temperature,
            max_tokens=usual.get("max_tokens") if max_tokens is None else max_tokens,
            **{name: value for name, value in options.items() if value is not None},
        )
        if request.max_tokens is None and not self._thinks(request):
            request = replace(request, max_tokens=SHORT_REPLY)
        async with opened(self.stacked(self.chat), request) as deltas:
            async for delta in deltas:
                if delta.text:
                    yield delta.text

    async def generate(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        model: str = "",
        settings: ChatOptions | None = None,
    ) -> ChatResponse:
        """The whole answer to a conversation, with its tokens."""
        from companion.providers.request import ChatStream

        request = ChatRequest(messages=tuple(map(Message.of, messages)), model=model, options=settings)
        async with ChatStream(self, request) as answer:  # type: ignore[arg-type]
            return await answer.response()

    async def generate_stream(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        model: str = "",
        settings: ChatOptions | None = None,
    ) -> AsyncGenerator[ChatDelta, None]:
        """The answer to a conversation in pieces; the last one says how it ended."""
        request = ChatRequest(messages=tuple(map(Message.of, messages)), model=model, options=settings)
        async with opened(self.stacked(self.chat), request) as deltas:
            async for delta in deltas:
                yield delta

    def chat_stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """`chat` behind the provider's patience."""
        return self.stacked(self.chat)(request)

    async def embeddings(self, request: EmbedRequest | Sequence[str]) -> Embeddings:
        """The vectors of a request, or of texts."""
        from companion.providers.client import Client

        if isinstance(request, EmbedRequest):
            return await Client(self).embed(  # type: ignore[arg-type]
                *request.texts, model=request.model, dimensions=request.dimensions
            )
        return await Client(self).embed(*request)  # type: ignore[arg-type]

    # -- speaking -------------------------------------------------------------------------------------------

    async def generate_tts(self, text: str, voice: str = "", speed: float = 1.0) -> bytes:
        """The sound of `text` as an MP3 file; a voice there is not is replaced by the provider's default."""
        from companion.pcm import to_mp3

        async with aclosing(self._sound(SpeakRequest(text=text, voice=voice, speed=speed))) as sound:
            chunks = [chunk async for chunk in sound]
        rate_hz = chunks[0].rate_hz if chunks else SPEECH_HZ
        return to_mp3(Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=rate_hz))

    async def stream_synthesize(
        self,
        text: str,
        voice_id: str = "",
        sample_rate: int | None = None,
        *,
        speed: float = 1.0,
        model: str = "",
        encoding: str = "",
        **hints: Any,
    ) -> AsyncGenerator[Audio, None]:
        """The sound of `text` as it is made.

        Args:
            voice_id: empty: the provider's default; so is one that it does not have.
            sample_rate: in Hz, 8,000 to 48,000; None: what the provider was configured with, else 16,000.
            encoding: `pcm_s16le` or `linear16`, which is what sound is here.
            hints: what other vendors are told besides (`language`, `container`); a voice here knows it from its text.

        Raises:
            AIProviderInvalidRequestError: another rate or encoding.
        """
        del hints
        rate_hz = require_rate(sample_rate or self.defaults.get("sample_rate") or CAPTURE_RATE_HZ)
        require_encoding(encoding or _ENCODINGS[0])
        request = SpeakRequest(text=text, voice=voice_id, speed=speed, model=model)
        async with aclosing(_at_rate(self._sound(request), rate_hz)) as sound:
            async for chunk in sound:
                yield chunk

    def text_to_speech(self, text: str, stream: bool = True) -> SpokenBytes:
        """The sound of `text` as int16 mono at 24 kHz; in one piece where it is not to be streamed. Awaited: all of it."""
        return SpokenBytes(self._spoken(text, stream))

    async def _spoken(self, text: str, stream: bool) -> AsyncGenerator[bytes, None]:
        whole: list[bytes] = []
        async with aclosing(_at_rate(self._sound(SpeakRequest(text=text)), SPEECH_HZ)) as sound:
            async for chunk in sound:
                if stream:
                    yield chunk.pcm
                else:
                    whole.append(chunk.pcm)
        if not stream:
            yield b"".join(whole)

    async def synthesize(self, text: str, voice: str = "", speed: float = 1.0) -> bytes:
        """The same as `generate_tts`."""
        return await self.generate_tts(text, voice, speed)

    def synthesize_stream(self, text: str, voice: str = "", **options: Any) -> AsyncGenerator[Audio, None]:
        """The same as `stream_synthesize`."""
        return self.stream_synthesize(text, voice, **options)

    async def _sound(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        """The sound of a request; what was done otherwise than asked, such as another voice, goes to the log."""
        async with opened(self.stacked(self.speak), request) as sound:
            async for chunk in sound:
                for notice in chunk.notices:
                    _log.info("%s", notice)
                yield chunk

    # -- videos ---------------------------------------------------------------------------------------------

    async def generate_video(
        self,
        prompt: str,
        out: Path | str,
        *,
        on_progress: Callable[[VideoProgress], object] = lambda _: None,
        **wanted: Any,
    ) -> Video:
        """A video in the file `out`, when it is made; `on_progress` hears how far it is.

        Args:
            wanted: what else `VideoRequest` has: `model`, `size`, `seconds`, `image`, `job`, `keeps_running`, `wait_s`.
        """
        from pathlib import Path

        from companion.jobs import VideoRequest

        request = VideoRequest(prompt=prompt, out=Path(out), **wanted)
        video = None
        async with opened(self.stacked(self.film), request) as progress:
            async for each in progress:
                on_progress(each)
                video = each.video
        if video is None:
            raise AIProviderEmptyReplyError("", self.spec.name, who=self.spec.display_name)
        return video

    # -- hearing --------------------------------------------------------------------------------------------

    async def stream_transcribe(
        self,
        audio_stream: AsyncIterator[Audio | bytes],
        language: str | None = None,
        context: str | None = None,
    ) -> AsyncGenerator[Transcript, None]:
        """The words of sound that is still coming: all of them so far, and at the end once as final.

        Args:
            audio_stream: int16 mono; bytes are at the rate the provider was configured with, else 16 kHz.
            language: None: what the provider was configured with, else English.
            context: words that are likely.
        """
        frames, rate_hz = await _frames(audio_stream, self.defaults.get("sample_rate") or CAPTURE_RATE_HZ)
        request = HearRequest(
            frames=frames,
            rate_hz=rate_hz,
            language=language or self.defaults.get("language") or "en",
            context=context or "",
            turns=self.spec.follows_turns,
        )
        self._turn = None
        async with opened(self.stacked(self.transcribe), request) as transcripts:
            async for transcript in transcripts:
                if transcript.signal is not None or transcript.is_final:
                    self._turn = transcript
                yield transcript

    def speech_to_text(self, audio_stream: AsyncIterator[bytes]) -> AsyncGenerator[Transcript, None]:
        """The same as `stream_transcribe`."""
        return self.stream_transcribe(audio_stream)

    def transcribe_stream(
        self, audio_stream: AsyncIterator[bytes], language: str | None = None
    ) -> AsyncGenerator[Transcript, None]:
        """The same as `stream_transcribe`."""
        return self.stream_transcribe(audio_stream, language)

    def detect_turn_end(self, transcript_chunk: Transcript | None = None) -> Any:
        """Whether a transcript says that the person is done. Without one, awaited: whether the last one said so."""
        return _Known(_ends_turn(self._turn)) if transcript_chunk is None else _ends_turn(transcript_chunk)

    async def get_vad_info(self) -> VADInfo | None:
        """Whether somebody speaks, by the last word of `stream_transcribe`; None: the recogniser does not say."""
        if self._turn is None or self._turn.signal is None:
            return None
        from companion.calls import VADInfo

        is_speaking = self._turn.signal in (TurnSignal.STARTED, TurnSignal.RESUMED)
        return VADInfo(is_speaking=is_speaking, at_s=self._turn.start_s, confidence=self._turn.confidence)

    # -- who it is, and its beginning and end ---------------------------------------------------------------

    @property
    def name(self) -> str:
        """Registered name."""
        return self.spec.name

    @property
    def supports_streaming(self) -> bool:
        """Every answer comes in pieces."""
        return Role.THINKS in self.spec.roles

    @property
    def is_connected(self) -> bool:
        """Between `connect` and `disconnect`. Calls work without both."""
        return bool(vars(self).get("_connected", self._is_open))

    async def connect(self) -> None:
        """Prepares connections, so that the next call is quick.

        Raises:
            AIProviderKeyMissingError: there is no key.
        """
        if self.spec.needs_key:
            self.require_key()
        await self.warm()
        self._is_open = True

    async def disconnect(self) -> None:
        """Closes connections. Idempotent; the next call opens them again."""
        self._is_open = False
        await self.aclose()

    async def cleanup(self) -> None:
        """The same as `aclose`."""
        await self.aclose()

    async def close(self) -> None:
        """The same as `aclose`."""
        await self.aclose()

    async def initialize(self, config: Mapping[str, Any]) -> None:
        """Takes the settings of a block of a configuration file, over those it was made with.

        Raises:
            AIProviderInvalidRequestError: a setting that makes no sense; AIProviderKeyMissingError: there is no key.
        """
        from companion.providers.making import settle

        await settle(self, config)  # type: ignore[arg-type]
        if self.spec.needs_key:
            self.require_key()

    def validate_config(self) -> None:
        """Returns where it has what it needs to be asked; whether that is right, `validate` finds out.

        Raises:
            AIProviderKeyMissingError: there is no key.
        """
        if self.spec.needs_key:
            self.require_key()

    def get_model_info(self) -> ModelInfo:
        """The chat model this provider uses, with what the catalogue knows of it, else what is safe to expect."""
        from companion.providers.catalogue import Catalogue

        model = self.models[Role.THINKS]
        entry = Catalogue.load().find(model, self.spec.name)
        limits = {
            "max_tokens": entry.max_output if entry else None,
            "context_window": (entry.context_window if entry else None) or self.spec.usual_window,
        }
        return ModelInfo(
            provider=self.spec.name,
            model_name=model,
            supports_tts=Role.SPEAKS in self.spec.roles or self._voice is not None,
            **{name: value for name, value in limits.items() if value is not None},
        )

    def get_available_voices(self) -> Any:
        """Ids of the voices known without asking, as a list. Awaited: what the vendor lists, a dictionary each."""
        source = self.spec if self._voice is None else self._voice.spec
        return KnownVoices([voice.id for voice in source.voices], self.voices)


class _Known:
    """A truth that can be awaited too."""

    def __init__(self, value: bool) -> None:
        self._value = value

    def __bool__(self) -> bool:
        return self._value

    def __eq__(self, other: object) -> bool:
        return self._value == other

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return repr(self._value)

    def __await__(self) -> Generator[Any, None, bool]:
        yield from ()
        return self._value


def _ends_turn(transcript: Transcript | None) -> bool:
    if transcript is None:
        return False
    return transcript.signal is TurnSignal.ENDED or (transcript.is_final and not transcript.text)


def require_rate(value: object) -> int:
    """A sample rate in Hz.

    Raises:
        AIProviderInvalidRequestError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 8_000 <= value <= 48_000:
        raise AIProviderInvalidRequestError(f"A sample rate is 8000 to 48000 Hz, not {value!r}.")
    return value


def require_encoding(value: object) -> None:
    """Returns for the one encoding sound has here.

    Raises:
        AIProviderInvalidRequestError: it is another.
    """
    if value not in _ENCODINGS:
        raise AIProviderInvalidRequestError(
            f"Sound is int16 here ({' or '.join(_ENCODINGS)}), not {str(value)[:40]}."
        )


async def _at_rate(sound: AsyncGenerator[Audio, None], rate_hz: int) -> AsyncGenerator[Audio, None]:
    """The same sound at one rate."""
    from companion.pcm import Resampler

    change: Resampler | None = None
    async with aclosing(sound) as chunks:
        async for chunk in chunks:
            change = change or Resampler(chunk.rate_hz, rate_hz)
            if pcm := change.process(chunk.pcm):
                yield Audio(pcm=pcm, rate_hz=rate_hz)
    if change is not None and (rest := change.process(b"", last=True)):
        yield Audio(pcm=rest, rate_hz=rate_hz)


async def _frames(
    source: AsyncIterator[Audio | bytes], rate_hz: int
) -> tuple[AsyncGenerator[bytes, None], int]:
    """The frames of a microphone, and their rate: that of its first chunk, where chunks say it."""
    chunks = aiter(source)
    first = await anext(chunks, None)
    if isinstance(first, Audio):
        rate_hz = first.rate_hz

    async def frames() -> AsyncGenerator[bytes, None]:
        try:
            if first is not None:
                yield first.pcm if isinstance(first, Audio) else first
            async for chunk in chunks:
                yield chunk.pcm if isinstance(chunk, Audio) else chunk
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

    return frames(), rate_hz
