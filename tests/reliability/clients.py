"""The product's own providers pointed at the chaos server, and what one call of theirs came to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from companion.chaos import Way
from companion.errors import CompanionError, Kind
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    HearRequest,
    Message,
    Speaker,
    SpeakRequest,
    Transcript,
)
from companion.net import Net
from companion.providers import registry
from companion.providers.provider import AIProvider, Policy

KEY = "sk-chaos-0123456789"
CHATS = ("openai", "anthropic", "ollama")
PLAIN = Policy(first_s=5.0, idle_s=5.0, total_s=20.0, attempts=1, breaker=False, backoff_s=0.001)
"""One attempt: what is looked at is one answer."""
HASTY = replace(PLAIN, first_s=0.25, idle_s=0.25, total_s=2.0)
"""Short clocks, for servers that keep silent."""
VENDORS = {
    Way.CHAT: CHATS,
    Way.HEAR: ("openai",),
    Way.SPEAK: ("openai",),
    Way.LIVE_HEAR: ("deepgram",),
    Way.LIVE_SPEAK: ("deepgram",),
}
SOUND = b"\x10\x00" * 320
"""20 ms of a take."""


@dataclass(slots=True)
class Ended:
    """What a person would have of a call."""

    text: str = ""
    sound_s: float = 0.0
    finish: str = ""
    error: CompanionError | None = None
    chunks: list[Any] = field(default_factory=list)

    @property
    def card(self) -> Kind | None:
        return self.error.kind if self.error is not None else None


@asynccontextmanager
async def provider_at(
    vendor: str, url: str, *, policy: Policy = PLAIN, net: Net | None = None, model: str = "chaos"
) -> AsyncIterator[AIProvider]:
    """A provider whose address is the chaos server."""
    base = f"{url}/v1" if vendor == "openai" else url
    models = {"model": model} if vendor != "deepgram" else {}
    made = registry.provider_class(vendor)(api_key=KEY, base_url=base, net=net, **models)
    made.policy = policy
    try:
        yield made
    finally:
        await made.aclose()


async def microphone(frames: int = 60) -> AsyncIterator[bytes]:
    for _ in range(frames):
        yield SOUND
        await asyncio.sleep(0)


def request_for(way: Way) -> tuple[str, Any]:
    """Which of a provider's calls, and what it is given."""
    match way:
        case Way.CHAT:
            return "chat", ChatRequest(messages=(Message(Speaker.USER, "How was my day?"),))
        case Way.HEAR | Way.LIVE_HEAR:
            return "transcribe", HearRequest(frames=microphone())
        case _:
            return "speak", SpeakRequest(text="Good evening to you.")


async def ask(provider: AIProvider, way: Way) -> Ended:
    """One call through the whole stack."""
    name, request = request_for(way)
    ended = Ended()
    try:
        async for chunk in provider.stacked(getattr(provider, name))(request):
            ended.chunks.append(chunk)
            if isinstance(chunk, ChatDelta):
                ended.text += chunk.text
                ended.finish = chunk.finish_reason or ended.finish
            elif isinstance(chunk, Transcript):
                ended.text = chunk.text
                ended.finish = "stop" if chunk.is_final else ended.finish
            elif isinstance(chunk, Audio):
                ended.sound_s += chunk.seconds
    except CompanionError as error:
        ended.error = error
    return ended
