"""A vendor from outside: it thinks by repeating, speaks in a hum, makes vectors of letters, and draws one dot.

Each method makes one attempt; retries, deadlines and the rest come from Companion. A real vendor would ask its service
through `self.net`, with the key of `self.require_key()`.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator

from companion.calls import DrawRequest, Embeddings, EmbedRequest, Picture
from companion.flow import Audio, ChatDelta, ChatRequest, Health, SpeakRequest
from companion.kinds import Role, VoiceInfo
from companion.providers import AIProvider, Spec

_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


class EchoProvider(AIProvider):
    """Everything it is asked comes back."""

    spec = Spec(
        name="echo",
        display_name="Echo",
        aliases=("parrot",),
        roles=frozenset({Role.THINKS, Role.SPEAKS, Role.EMBEDS, Role.DRAWS}),
        needs_key=True,
        key_page="https://echo.example/keys",
        default_models={Role.THINKS: "echo-1", Role.EMBEDS: "echo-letters", Role.DRAWS: "echo-dot"},
        voices=(VoiceInfo(id="hum", name="Hum", description="one note"),),
        summary="Says what it was told. Nothing leaves this computer.",
    )

    async def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        self.require_key()
        for word in request.messages[-1].content.split():
            yield ChatDelta(text=f"{word} ")
        yield ChatDelta(finish_reason="stop", model=request.model or self.models[Role.THINKS])

    async def speak(self, request: SpeakRequest) -> AsyncIterator[Audio]:
        self.require_key()
        samples = [3000 if step // 40 % 2 else -3000 for step in range(2400 * len(request.text.split()))]
        yield Audio(pcm=struct.pack(f"<{len(samples)}h", *samples), rate_hz=24_000)

    async def embed(self, request: EmbedRequest) -> AsyncIterator[Embeddings]:
        self.require_key()
        vectors = [[float(text.lower().count(letter)) for letter in "etaoinsh"] for text in request.texts]
        yield Embeddings(vectors=tuple(map(tuple, vectors)), model=self.models[Role.EMBEDS])

    async def draw(self, request: DrawRequest) -> AsyncIterator[Picture]:
        self.require_key()
        yield Picture(data=base64.b64decode(_DOT), prompt=request.prompt)

    async def check(self) -> Health:
        self.require_key()
        return Health(ok=True, detail="Echo accepts the key.", models=("echo-1", "echo-letters", "echo-dot"))
