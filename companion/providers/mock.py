"""A provider that is told what to say: for tests, demonstrations and programs under development.

The same request always gives the same answer, word by word; nothing leaves the process, and nothing is random. Every
call is written down in `call_history`.
"""

from __future__ import annotations

import array
import math
import re
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from companion.errors import AIProviderError
from companion.flow import (
    TURN_ROLES,
    Audio,
    ChatDelta,
    ChatRequest,
    HearRequest,
    Role,
    SpeakRequest,
    Transcript,
    Usage,
    VoiceInfo,
)
from companion.providers.provider import AIProvider, Policy, Spec, opened, simple_request

SPEC = Spec(
    name="mock",
    display_name="Mock",
    roles=frozenset(TURN_ROLES),
    default_models={Role.THINKS: "mock-1", Role.HEARS: "mock-ear", Role.SPEAKS: "mock-voice"},
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


class MockAIProvider(AIProvider):
    """Scripted thinking, hearing and speaking.

    Args:
        responses: `completion` (text; several in a list are given in turn), `transcript` (text) and `tts` (bytes that
            `generate_tts` returns as they are). What is missing has a fixed default.
        failure: raised by every call; after `fail_after` chunks, 0 before the first.
        fail_times: how many calls fail before the rest succeed; None: all.
        delay_s: pause before each chunk.
    """

    spec: ClassVar[Spec] = SPEC
    policy = Policy(attempts=1, breaker=False)

    def __init__(
        self,
        *,
        responses: Mapping[str, Any] | None = None,
        failure: AIProviderError | None = None,
        fail_after: int = 0,
        fail_times: int | None = None,
        delay_s: float = 0.0,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.responses = dict(responses or {})
        self.failure = failure
        self.fail_after = fail_after
        self.fail_times = fail_times
        self.delay_s = delay_s
        self.call_history: list[dict[str, Any]] = []
        """One entry per call in order: `method` and its arguments by name."""
        self._answers = 0

    def reset_history(self) -> None:
        """Forgets the calls; a list of completions starts again from its first."""
        self.call_history.clear()
        self._answers = 0

    # -- the three calls ------------------------------------------------------------------------------------

    def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        self._record("chat", request=request)
        return self._answer(request)

    def transcribe(self, request: HearRequest) -> AsyncIterator[Transcript]:
        self._record("transcribe", request=request)
        return self._hear(request)

    def speak(self, request: SpeakRequest) -> AsyncIterator[Audio]:
        self._record("speak", request=request)
        return self._hum(request)

    async def _answer(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        fails = self._fails()
        words = _words(self._next_completion())
        for index, word in enumerate(words):
            await self._before_chunk(index, fails)
            yield ChatDelta(text=word)
        await self._before_chunk(len(words), fails)
        asked = sum(len(message.content.split()) for message in request.messages)
        usage = Usage(input_tokens=asked, output_tokens=len(words))
        model = request.model or self.models[Role.THINKS]
        yield ChatDelta(finish_reason="stop", usage=usage, model=model)

    async def _hear(self, request: HearRequest) -> AsyncIterator[Transcript]:
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

    async def _hum(self, request: SpeakRequest) -> AsyncIterator[Audio]:
        fails = self._fails()
        total_s = max(1, len(request.text.split())) * SECONDS_PER_WORD / request.speed
        step = 2 * math.pi * _TONES_HZ.get(request.voice or self.tts_voice, 220.0) / RATE_HZ
        samples, chunk = int(total_s * RATE_HZ), int(_CHUNK_S * RATE_HZ)
        for index, start in enumerate(range(0, samples, chunk)):
            await self._before_chunk(index, fails)
            wave = (int(_TONE_LEVEL * math.sin(step * n)) for n in range(start, min(samples, start + chunk)))
            yield Audio(pcm=_little_endian(array.array("h", wave)), rate_hz=RATE_HZ)

    # -- the simple face, written down under its own names --------------------------------------------------

    async def generate_completion(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> str:
        request = simple_request(system_prompt, user_prompt, max_tokens, temperature)
        self._record_prompt("generate_completion", request)
        return "".join([delta.text async for delta in self.stacked(self._answer)(request)])

    async def generate_completion_stream(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> AsyncIterator[str]:
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
        if isinstance(scripted, str):
            return scripted
        self._answers += 1
        return str(scripted[(self._answers - 1) % len(scripted)])

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


def _little_endian(samples: array.array[int]) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


PROVIDER = MockAIProvider
