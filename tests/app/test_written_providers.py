"""A program's own classes, written with simple methods and constructors of their own, think, hear and speak in the app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from companion.app.pool import ProviderPool
from companion.events import Events
from companion.flow import Message, Speaker
from companion.net import Net
from companion.providers import AIProvider, BaseVoiceProvider, TranscriptionResult, registry
from companion.settings import Settings, changed
from companion.vault import MemoryVault
from tests.vaults import given


class Mind(AIProvider):
    def __init__(self, model: str = "own-1") -> None:
        self.model = model

    async def generate_completion(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> str:
        return f"{self.model}: {user_prompt}"


class Mouth(BaseVoiceProvider):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)

    async def connect(self) -> None:
        self._connected = True

    async def text_to_speech(self, text: str, stream: bool = True) -> AsyncIterator[bytes]:  # type: ignore[override]
        assert self.is_connected
        for _ in text.split():
            yield bytes(480)

    async def speech_to_text(self, audio_stream: AsyncIterator[bytes]) -> AsyncIterator[TranscriptionResult]:
        async for _ in audio_stream:
            pass
        yield TranscriptionResult(text="it rained", is_final=True)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    registry.register("musing", Mind)
    registry.register("mouth", Mouth)
    yield
    registry.unregister("musing")
    registry.unregister("mouth")


async def frames() -> AsyncIterator[bytes]:
    yield b"\x05\x01" * 320


async def test_they_think_hear_and_speak_in_the_app(tmp_path: Path) -> None:
    chosen = changed(
        Settings(),
        {"providers.llm.active": "musing", "providers.stt.active": "mouth", "providers.tts.active": "mouth"},
    )

    def report(error: BaseException) -> None:
        raise error

    net = Net()
    pool = ProviderPool(
        settings=lambda: chosen, vault=given(MemoryVault()), net=net, events=Events(report), models=tmp_path
    )
    engines = pool.engines(frozenset())
    asked = (Message(Speaker.USER, "Hello"),)
    assert "".join([delta.text async for delta in engines.think(asked, "open-reflection")]) == "own-1: Hello"
    assert [each async for each in engines.hear(frames())][-1].text == "it rained"
    assert engines.speak is not None
    assert sum([len(audio.pcm) async for audio in engines.speak("one two three")]) == 3 * 480
    await pool.aclose()
    await net.aclose()
