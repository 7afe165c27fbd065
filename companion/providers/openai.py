"""OpenAI through its own SDK: chat, recognition and speech. Also every server that speaks the same three calls.

Requests go out through the gate's HTTP client with the SDK's retries off; the SDK is imported at the first call, on a
thread, because that takes a third of a second. Chat ends only with a finish reason, recognition only with its `done`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderEmptyReplyError, AIProviderError, CompanionError, Kind
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    Health,
    HearRequest,
    Role,
    SpeakRequest,
    Transcript,
    Usage,
    VoiceInfo,
)
from companion.pcm import to_wav
from companion.providers.faults import Told, health, told, until_over
from companion.providers.provider import AIProvider, Spec

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

    from companion.calls import RealtimeChoice
    from companion.ports import SpeechToSpeech

SPEECH_HZ = 24_000
"""Rate of the `pcm` format: headerless int16 mono (developers.openai.com, text to speech)."""
_VOICES = (
    ("alloy", "balanced"),
    ("ash", "clear, warm"),
    ("ballad", "melodic"),
    ("coral", "bright, friendly"),
    ("echo", "even"),
    ("fable", "expressive, British"),
    ("onyx", "deep"),
    ("nova", "lively"),
    ("sage", "calm"),
    ("shimmer", "light"),
    ("verse", "versatile"),
    ("marin", "natural"),
    ("cedar", "natural, low"),
)
_LIVE_HEARING = frozenset({"gpt-live-transcribe", "gpt-realtime-whisper"})
"""Recognisers that are reached over the realtime socket and hear while the person speaks."""
_FINISH = {"length": "length", "content_filter": "content_filter"}
_CONTAINERS = (b"RIFF", b"ID3", b"OggS", b"fLaC", b"\xff\xfb", b"\xff\xf3")
"""How files begin that are not bare samples."""

SPEC = Spec(
    name="openai",
    display_name="OpenAI",
    roles=frozenset({Role.THINKS, Role.HEARS, Role.SPEAKS}),
    needs_key=True,
    key_env=("OPENAI_API_KEY",),
    key_prefixes=("sk-",),
    key_page="https://platform.openai.com/api-keys",
    base_url="https://api.openai.com/v1",
    live_models=_LIVE_HEARING,
    realtime=("gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2"),
    realtime_voices=(
        "marin",
        "cedar",
        "alloy",
        "ash",
        "ballad",
        "coral",
        "echo",
        "sage",
        "shimmer",
        "verse",
    ),
    default_models={
        Role.THINKS: "gpt-6-luna",
        Role.HEARS: "gpt-transcribe",
        Role.SPEAKS: "gpt-4o-mini-tts",
    },
    voices=tuple(VoiceInfo(id=name, name=name.capitalize(), description=how) for name, how in _VOICES),
    summary="Thinks, hears and speaks well. Your words and your voice go to api.openai.com.",
)


class OpenAIProvider(AIProvider):
    """Chat completions, transcription and speech of OpenAI or a compatible server at `base_url`."""

    spec = SPEC
    _client: AsyncOpenAI | None = None

    async def _sdk(self) -> AsyncOpenAI:
        if self._client is None:
            key = self.require_key()
            await asyncio.to_thread(_load_sdk)
            from openai import AsyncOpenAI

            http = self.net.client()
            client = AsyncOpenAI(
                api_key=key, base_url=self.base_url, http_client=http, timeout=http.timeout, max_retries=0
            )
            # The SDK reads these from the environment; a key works with the account it was made for.
            client.organization = client.project = client.admin_api_key = None
            self._client = client
        return self._client

    async def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        with told(self.spec) as call:
            client = await self._sdk()
            stream = await client.chat.completions.create(**self._chat_body(request))
            call.opened = True
            reply = _Reply(call)
            try:
                async with aclosing(until_over(aiter(stream), reply.is_over)) as chunks:
                    async for chunk in chunks:
                        if text := reply.take(chunk):
                            yield ChatDelta(text=text)
            finally:
                await stream.close()
            yield reply.last()

    def _chat_body(self, request: ChatRequest) -> dict[str, Any]:
        history = [{"role": message.role.value, "content": message.content} for message in request.messages]
        body: dict[str, Any] = {
            "model": request.model or self.models[Role.THINKS],
            "messages": [],
            # The SDK walks typed arguments message by message; what goes through extra_body it leaves alone.
            "extra_body": {"messages": history},
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.max_tokens is not None:
            body["max_completion_tokens"] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.stop:
            body["stop"] = list(request.stop)
        return body

    async def transcribe(self, request: HearRequest) -> AsyncIterator[Transcript]:
        model = request.model or self.models[Role.HEARS]
        if model in _LIVE_HEARING:
            from companion.providers.openai_realtime import hear

            async with aclosing(hear(self, request, model)) as live:
                async for transcript in live:
                    yield transcript
            return
        pcm = b"".join([frame async for frame in request.frames])
        if not pcm:
            raise AIProviderError("", self.spec.name, kind=Kind.HEARD_NOTHING, who=self.spec.display_name)
        with told(self.spec) as call:
            client = await self._sdk()
            body = self._hear_body(request, Audio(pcm=pcm, rate_hz=request.rate_hz))
            if "transcribe" not in body["model"]:  # whisper-1 and its kind answer once, and ignore `stream`
                heard = await client.audio.transcriptions.create(**body)
                yield Transcript(text=heard.text.strip(), is_final=True)
                return
            stream: AsyncStream[Any] = await client.audio.transcriptions.create(**body, stream=True)
            call.opened = True
            try:
                async with aclosing(_follow_words(call, stream)) as transcripts:
                    async for transcript in transcripts:
                        call.said = True
                        yield transcript
            finally:
                await stream.close()

    def _hear_body(self, request: HearRequest, take: Audio) -> dict[str, Any]:
        body: dict[str, Any] = {
            "file": ("take.wav", to_wav(take), "audio/wav"),
            "model": request.model or self.models[Role.HEARS],
            "response_format": "json",
        }
        if request.language:
            body["language"] = request.language.split("-")[0].lower()
        if request.context:
            body["prompt"] = request.context
        return body

    async def speak(self, request: SpeakRequest) -> AsyncIterator[Audio]:
        with told(self.spec) as call:
            client = await self._sdk()
            wanted = client.audio.speech.with_streaming_response.create(**self._speak_body(request))
            async with wanted as response:
                call.opened = True
                self._require_sound(response.headers.get("content-type", ""))
                rest = b""
                async for block in response.iter_bytes():
                    rest += block
                    whole = len(rest) & ~1
                    if not whole:
                        continue
                    if not call.said and rest.startswith(_CONTAINERS):
                        raise self._no_voice("a sound file instead of bare sound")
                    call.said = True
                    yield Audio(pcm=rest[:whole], rate_hz=SPEECH_HZ)
                    rest = rest[whole:]
            if not call.said:
                raise self._no_voice("no sound")

    def _speak_body(self, request: SpeakRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": request.model or self.models[Role.SPEAKS],
            "input": request.text,
            "voice": request.voice or self.tts_voice or SPEC.voices[0].id,
            "response_format": "pcm",
        }
        if request.speed != 1.0:
            body["speed"] = request.speed
        return body

    def _require_sound(self, content_type: str) -> None:
        if content_type.lower().startswith(("text/", "application/json", "application/problem")):
            raise self._no_voice("text instead of sound")

    def _no_voice(self, what: str) -> AIProviderError:
        who = self.spec.display_name
        return AIProviderError(f"{who} sent {what}.", self.spec.name, kind=Kind.VOICE_FAILED, who=who)

    def realtime(self, choice: RealtimeChoice) -> SpeechToSpeech:
        from companion.providers.openai_realtime import OpenAIRealtime

        return OpenAIRealtime(self, choice)

    async def check(self) -> Health:
        async def list_models() -> Sequence[str]:
            return [model.id for model in (await (await self._sdk()).models.list()).data]

        return await health(self.spec, list_models)

    async def warm(self) -> None:
        if self.api_key is not None:
            with suppress(CompanionError), told(self.spec):
                await self._sdk()
                await self.net.warm(self.base_url)

    async def aclose(self) -> None:
        from companion.providers.live import gone

        self._client = None
        await gone()
        await super().aclose()


PROVIDER = OpenAIProvider


class _Reply:
    """What a chat stream has told so far."""

    def __init__(self, call: Told) -> None:
        self._call = call
        self._finish = ""
        self._usage: Usage | None = None
        self._model = ""

    def is_over(self) -> bool:
        return bool(self._finish)

    def take(self, chunk: ChatCompletionChunk) -> str:
        """The text of one chunk; notes finish, usage and model. Chunks without choices are usual."""
        if (
            getattr(chunk, "object", "") == "error"
        ):  # flat error object: the SDK lets it pass as an empty chunk
            raise self._call.inside(chunk.to_dict())
        self._model = chunk.model or self._model
        if chunk.usage:
            details = chunk.usage.prompt_tokens_details
            self._usage = Usage(
                input_tokens=chunk.usage.prompt_tokens or 0,
                output_tokens=chunk.usage.completion_tokens or 0,
                cached_tokens=(details.cached_tokens if details else 0) or 0,
            )
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._finish = choice.finish_reason or self._finish
        text = _text_of(choice.delta.content or choice.delta.refusal) if choice.delta else ""
        self._call.said = self._call.said or bool(text.strip())
        return text

    def last(self) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: the stream did not finish, failed by its finish reason, refused, or said nothing.
        """
        call = self._call
        if not self._finish:
            raise call.cut()
        if self._finish == "error":
            raise call.inside({"code": "server_error"})
        if not call.said and self._finish == "content_filter":
            raise call.inside({"code": "content_filter"})
        if not call.said:
            raise AIProviderEmptyReplyError("", call.spec.name, who=call.spec.display_name)
        finish = _FINISH.get(self._finish, "stop")
        return ChatDelta(finish_reason=finish, usage=self._usage, model=self._model)


def _text_of(content: object) -> str:
    """Most servers send a string; Mistral's shape is a list of parts, of which only text is said."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


async def _follow_words(call: Told, stream: AsyncStream[Any]) -> AsyncGenerator[Transcript, None]:
    text = ""
    final: Transcript | None = None
    is_over: Callable[[], bool] = lambda: final is not None  # noqa: E731 - reads the variable as it is then
    async with aclosing(until_over(aiter(stream), is_over)) as events:
        async for event in events:
            if event.type == "transcript.text.delta":
                text += event.delta
                words = text.strip()
                yield Transcript(text=words, committed_chars=len(words))
            elif event.type == "transcript.text.done":
                final = Transcript(text=event.text.strip(), is_final=True)
            elif event.type == "error":
                raise call.inside(event.to_dict())
    if final is None:
        raise call.cut()
    yield final


def _load_sdk() -> None:
    """What the SDK would otherwise import at first use, on the loop."""
    import openai.resources.audio.speech
    import openai.resources.audio.transcriptions
    import openai.resources.chat.completions.completions
    import openai.resources.models  # noqa: F401
