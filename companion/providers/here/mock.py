"""A provider that is told what to say: for tests, demonstrations and programs under development.

The same request always gives the same answer, word by word; nothing leaves the process, and nothing is random. Every
call is written down in `call_history`.
"""

from __future__ import annotations

import array
import math
import re
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from companion.errors import AIProviderError, AIProviderInvalidRequestError
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    HearRequest,
    Speaker,
    SpeakRequest,
    Transcript,
    Usage,
)
from companion.kinds import Role, VoiceInfo
from companion.providers.provider import AIProvider, Policy, Spec, opened, simple_request

if TYPE_CHECKING:
    from companion.calls import DrawRequest, Embeddings, EmbedRequest, Picture, ToolCall
    from companion.jobs import BatchProgress, BatchRequest, VideoProgress, VideoRequest

SPEC = Spec(
    name="mock",
    display_name="Mock",
    roles=frozenset(Role),
    default_models={
        Role.THINKS: "mock-1",
        Role.HEARS: "mock-ear",
        Role.SPEAKS: "mock-voice",
        Role.EMBEDS: "mock-vectors",
        Role.DRAWS: "mock-pencil",
        Role.FILMS: "mock-camera",
    },
    batches=True,
    voices=(VoiceInfo(id="hum", name="Hum"), VoiceInfo(id="hum-low", name="Low hum")),
    summary="Says what it was told to say. For tests; nothing leaves this computer.",
)

COMPLETION = "I hear you. What matters most to you in this?"
TRANSCRIPT = "this is what I said"
RATE_HZ = 24_000
SECONDS_PER_WORD = 0.3
_TONES_HZ: Mapping[str, float] = {"": 220.0, "hum": 220.0, "hum-low": 110.0}
_TONE_LEVEL = 0.05 * 32767
_CHUNK_S = 0.1
DIMENSIONS = 64
PICTURE_SIZE = "64x64"
_LARGEST_SIDE = 1024
MP4 = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2\0\0\0\x08mdat"
"""The smallest that is known as a video by its bytes; nothing can be seen in it."""
MOST_REQUESTS = 1000
"""Of one batch."""


class MockAIProvider(AIProvider):
    """Scripted thinking, hearing, speaking, and the rest. Vectors of texts with words in common are near each other.

    Args:
        responses: `completion` (text; several in a list are given in turn; or a function, as `chat_func`),
            `tool_calls` (pairs of a tool's name and its arguments, asked for whenever tools are offered and not yet
            answered), `transcript` (text), `tts` (bytes that `generate_tts` returns as they are), `picture` (bytes of a
            PNG) and `video` (bytes of an MP4). What is missing has a fixed default. A completion that is an error fails
            its request of a batch.
        failure: raised by every call; after `fail_after` chunks, 0 before the first.
        fail_times: how many calls fail before the rest succeed; None: all.
        delay_s: pause before each chunk.
        chat_func: gives the answer to a request instead: a text, a message, a `ChatResponse` or an iterator of pieces,
            plain or to be awaited.
        chat_stream_func: the same, where the answer is streamed; None: `chat_func`.
        name_func: what `name` says.
    """

    spec: ClassVar[Spec] = SPEC
    policy = Policy(attempts=1, breaker=False)

    def __init__(
        self,
        responses: Mapping[str, Any] | None = None,
        *,
        failure: AIProviderError | None = None,
        fail_after: int = 0,
        fail_times: int | None = None,
        delay_s: float = 0.0,
        chat_func: Callable[[ChatRequest], Any] | None = None,
        chat_stream_func: Callable[[ChatRequest], Any] | None = None,
        name_func: Callable[[], str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.responses = dict(responses or {})
        scripted = self.responses.get("completion")
        self.chat_func = chat_stream_func or chat_func or (scripted if callable(scripted) else None)
        self._name_func = name_func
        self.failure = failure
        self.fail_after = fail_after
        self.fail_times = fail_times
        self.delay_s = delay_s
        self.call_history: list[dict[str, Any]] = []
        """One entry per call in order: `method` and its arguments by name."""
        self._answers = self._count = self._jobs = 0

    def reset_history(self) -> None:
        """Forgets the calls; a list of completions starts again from its first."""
        self.call_history.clear()
        self._answers = self._count = 0

    @property
    def name(self) -> str:
        return self._name_func() if self._name_func else super().name

    # -- the calls ------------------------------------------------------------------------------------------

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        self._record("chat", request=request)
        return self._answer(request)

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        self._record("transcribe", request=request)
        return self._hear(request)

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        self._record("speak", request=request)
        return self._hum(request)

    def embed(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        self._record("embed", request=request)
        return self._measure(request)

    def draw(self, request: DrawRequest) -> AsyncGenerator[Picture, None]:
        self._record("draw", request=request)
        return self._paint(request)

    def film(self, request: VideoRequest) -> AsyncGenerator[VideoProgress, None]:
        self._record("film", request=request)
        return self._shoot(request)

    def batch(self, request: BatchRequest) -> AsyncGenerator[BatchProgress, None]:
        self._record("batch", request=request)
        return self._answer_all(request)

    async def _answer(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        fails = self._fails()
        if self.chat_func is not None:
            async for delta in self._told(request, fails):
                yield delta
            return
        calls = self._next_calls(request)
        words = _words(self._next_completion()) if not calls else []
        for index, word in enumerate(words):
            await self._before_chunk(index, fails)
            yield ChatDelta(text=word)
        await self._before_chunk(len(words), fails)
        asked = sum(len(message.content.split()) for message in request.messages)
        usage = Usage(input_tokens=asked, output_tokens=len(words))
        model = request.model or self.models[Role.THINKS]
        self._count += 1
        yield ChatDelta(
            finish_reason="tool_calls" if calls else "stop",
            usage=usage,
            model=model,
            id=f"mock-{self._count}",
            tool_calls=calls,
        )

    async def _told(self, request: ChatRequest, fails: bool) -> AsyncGenerator[ChatDelta, None]:
        """What the program's own function says."""
        from companion.providers.written import deltas_of, pieces_of

        assert self.chat_func is not None
        given = self.chat_func(request)
        is_whole = not hasattr(given, "__aiter__") and not isinstance(given, list | Iterator)
        last, index = ChatDelta(finish_reason="stop", model=request.model or self.models[Role.THINKS]), 0
        async for piece in pieces_of(given):
            for delta in deltas_of(piece, ends=is_whole):
                await self._before_chunk(index, fails)
                index += 1
                if delta.finish_reason:
                    last = delta
                else:
                    yield delta
        await self._before_chunk(index, fails)
        yield last

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        fails = self._fails()
        async for _ in request.frames:
            pass
        text = str(self.responses.get("transcript", TRANSCRIPT))
        words = _words(text)
        for index in range(len(words) - 1):
            await self._before_chunk(index, fails)
            yield Transcript(text="".join(words[: index + 1]).rstrip())
        await self._before_chunk(max(0, len(words) - 1), fails)
        yield Transcript(text=text, is_final=True, confidence=1.0)

    async def _hum(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        fails = self._fails()
        total_s = max(1, len(request.text.split())) * SECONDS_PER_WORD / request.speed
        step = 2 * math.pi * _TONES_HZ.get(request.voice or self.tts_voice, 220.0) / RATE_HZ
        samples, chunk = int(total_s * RATE_HZ), int(_CHUNK_S * RATE_HZ)
        for index, start in enumerate(range(0, samples, chunk)):
            await self._before_chunk(index, fails)
            wave = (int(_TONE_LEVEL * math.sin(step * n)) for n in range(start, min(samples, start + chunk)))
            yield Audio(pcm=_little_endian(array.array("h", wave)), rate_hz=RATE_HZ)

    async def _measure(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        from companion.calls import Embeddings

        await self._before_chunk(0, self._fails())
        size = request.dimensions or DIMENSIONS
        vectors = tuple(_vector(text, size) for text in request.texts)
        model = request.model or self.models[Role.EMBEDS]
        words = sum(len(text.split()) for text in request.texts)
        yield Embeddings(vectors=vectors, model=model, input_tokens=words)

    async def _paint(self, request: DrawRequest) -> AsyncGenerator[Picture, None]:
        from companion.calls import Picture

        await self._before_chunk(0, self._fails())
        scripted = self.responses.get("picture")
        data = _png(request.prompt, request.size or PICTURE_SIZE) if scripted is None else bytes(scripted)
        yield Picture(data=data, prompt=request.prompt)

    async def _shoot(self, request: VideoRequest) -> AsyncGenerator[VideoProgress, None]:
        from companion.jobs import Video, VideoProgress
        from companion.paths import write_atomically

        fails, job = self._fails(), request.job or self._new_job()
        for index in range(3):
            await self._before_chunk(index, fails)
            yield VideoProgress(job=job, share=index / 2)
        data = bytes(self.responses.get("video", MP4))
        write_atomically(request.out, data)
        video = Video(
            path=request.out, media_type="video/mp4", size_bytes=len(data), seconds=request.seconds or 4
        )
        yield VideoProgress(job=job, share=1.0, received_bytes=len(data), video=video)

    async def _answer_all(self, request: BatchRequest) -> AsyncGenerator[BatchProgress, None]:
        from companion.jobs import BatchAnswer, BatchProgress
        from companion.providers.wire.batches import requests_of, whole

        asked = requests_of(request, self.models[Role.THINKS], self.spec, MOST_REQUESTS)
        fails, job, failed = self._fails(), request.job or self._new_job(), 0
        found: list[BatchAnswer] = []
        for index, each in enumerate(asked):
            await self._before_chunk(index, fails)
            yield BatchProgress(job=job, total=len(asked), done=index, failed=failed)
            try:
                *deltas, last = [delta async for delta in self._answer(each)]
                found.append(BatchAnswer(index=index, answer=whole(deltas, last)))
            except AIProviderError as error:
                failed += 1
                found.append(BatchAnswer(index=index, error=error))
        yield BatchProgress(job=job, total=len(asked), done=len(asked), failed=failed, answers=tuple(found))

    def _new_job(self) -> str:
        self._jobs += 1
        return f"mock-job-{self._jobs}"

    # -- the simple face, written down under its own names --------------------------------------------------

    async def generate_completion(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> str:
        request = simple_request(system_prompt, user_prompt, max_tokens, temperature)
        self._record_prompt("generate_completion", request)
        return "".join([delta.text async for delta in self.stacked(self._answer)(request)])

    async def generate_completion_stream(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> AsyncGenerator[str, None]:
        request = simple_request(system_prompt, user_prompt, max_tokens, temperature)
        self._record_prompt("generate_completion_stream", request)
        async with opened(self.stacked(self._answer), request) as deltas:
            async for delta in deltas:
                if delta.text:
                    yield delta.text

    async def generate_tts(self, text: str, voice: str = "", speed: float = 1.0) -> bytes:
        self._record("generate_tts", text=text, voice=voice, speed=speed)
        request = SpeakRequest(text=text, voice=voice, speed=speed)
        chunks = [chunk async for chunk in self.stacked(self._hum)(request)]
        if "tts" in self.responses:
            return bytes(self.responses["tts"])
        from companion.pcm import to_mp3

        return to_mp3(Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=RATE_HZ))

    # -- script ---------------------------------------------------------------------------------------------

    def _record(self, method: str, **arguments: Any) -> None:
        self.call_history.append({"method": method, **arguments})

    def _record_prompt(self, method: str, request: ChatRequest) -> None:
        system, user = request.messages
        self._record(
            method,
            system_prompt=system.content,
            user_prompt=user.content,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
        )

    def _next_completion(self) -> str:
        scripted = self.responses.get("completion", COMPLETION)
        if not isinstance(scripted, str):
            self._answers += 1
            scripted = scripted[(self._answers - 1) % len(scripted)]
        if isinstance(scripted, AIProviderError):
            raise scripted
        return str(scripted)

    def _next_calls(self, request: ChatRequest) -> tuple[ToolCall, ...]:
        wanted = self.responses.get("tool_calls", ())
        if not request.tools or request.tool_choice == "none" or request.messages[-1].role is Speaker.TOOL:
            return ()
        import json

        from companion.calls import ToolCall

        return tuple(
            ToolCall(id=f"call_{len(request.messages)}_{n}", name=name, arguments=json.dumps(dict(arguments)))
            for n, (name, arguments) in enumerate(wanted, 1)
        )

    def _fails(self) -> bool:
        """Whether the call that begins now is one that fails."""
        if self.failure is None or self.fail_times == 0:
            return False
        if self.fail_times is not None:
            self.fail_times -= 1
        return True

    async def _before_chunk(self, index: int, fails: bool) -> None:
        import asyncio

        await asyncio.sleep(self.delay_s)
        if fails and self.failure is not None and index >= self.fail_after:
            raise self.failure


def _words(text: str) -> list[str]:
    """Words with the white space after them; joined they are the text again."""
    return re.findall(r"\s*\S+\s*", text) or [text]


def _digest(text: str) -> bytes:
    from hashlib import blake2b

    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _vector(text: str, size: int) -> tuple[float, ...]:
    """Of length 1; each word points in a direction of its own."""
    sums = [0.0] * size
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = _digest(word)
        sums[int.from_bytes(digest[:4], "big") % size] += 1.0 if digest[4] & 1 else -1.0
    length = math.hypot(*sums)
    return tuple(each / length for each in sums) if length else (1.0, *sums[1:])


def _png(prompt: str, size: str) -> bytes:
    """A plain picture in the colour of its prompt (PNG, RFC 2083)."""
    import struct
    import zlib

    sides = [int(side) if side.isdecimal() else 0 for side in size.lower().split("x")]
    if len(sides) != 2 or not all(0 < side <= _LARGEST_SIDE for side in sides):
        raise AIProviderInvalidRequestError(
            f"{size} is no size of a picture, such as {PICTURE_SIZE}.", SPEC.name
        )
    width, height = sides

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows = (b"\0" + _digest(prompt)[:3] * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _little_endian(samples: array.array[int]) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


PROVIDER = MockProvider = MockAIProvider
