"""A vendor that follows a script, for tests on the clock that jumps (`jumping_clock`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

import pytest

from companion.errors import AIProviderRateLimitError, AIProviderUnavailableError, CompanionError, Kind
from companion.flow import ChatDelta, ChatRequest, HearRequest, Message, Speaker, Transcript
from companion.ports import Call

REQUEST = ChatRequest(messages=(Message(Speaker.USER, "hello"),))
END = ChatDelta(finish_reason="stop")


def now() -> float:
    return asyncio.get_running_loop().time()


class Vendor:
    """A call that follows a script: each attempt is a list of chunks, seconds to wait, and errors to raise."""

    def __init__(self, *attempts: Sequence[object]) -> None:
        self.attempts = list(attempts)
        self.begun_at: list[float] = []
        self.closed = 0

    async def __call__(self, request: object) -> AsyncIterator[Any]:
        script = self.attempts[min(len(self.begun_at), len(self.attempts) - 1)]
        self.begun_at.append(now())
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, int | float):
                    await asyncio.sleep(step)
                else:
                    yield ChatDelta(text=step) if isinstance(step, str) else step
        finally:
            self.closed += 1


async def collect(call: Call[Any, Any], request: object = REQUEST) -> list[Any]:
    return [chunk async for chunk in call(request)]


async def text_of(call: Call[Any, Any]) -> str:
    return "".join([chunk.text for chunk in await collect(call)])


async def raised_by(work: Awaitable[object]) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await work
    return caught.value


async def heard_until_error(call: Call[Any, Any]) -> tuple[str, Kind | None]:
    heard = ""
    try:
        async for delta in call(REQUEST):
            heard += delta.text
    except CompanionError as error:
        return heard, error.kind
    return heard, None


def busy(**details: Any) -> AIProviderRateLimitError:
    return AIProviderRateLimitError("", "vendor", **details)


DOWN = AIProviderUnavailableError("", "vendor")


def hear_request(frames: int = 3, each_s: float = 0.02, ended: list[bool] | None = None) -> HearRequest:
    async def microphone() -> AsyncIterator[bytes]:
        try:
            for _ in range(frames):
                await asyncio.sleep(each_s)
                yield bytes(640)
        finally:
            if ended is not None:
                ended.append(True)

    return HearRequest(frames=microphone())


def recogniser(think_s: float, per_frame_s: float = 0.0) -> Call[HearRequest, Transcript]:
    async def run(request: HearRequest) -> AsyncIterator[Transcript]:
        count = 0
        async for _ in request.frames:
            count += 1
            await asyncio.sleep(per_frame_s)
        await asyncio.sleep(think_s)
        yield Transcript(text=f"{count} frames", is_final=True)

    return run
