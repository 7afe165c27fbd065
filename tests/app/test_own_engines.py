"""A whole reflection with this computer's own engines alone, on real weights: Whisper hears, SmolLM2 thinks, Joe speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.errors import Kind
from companion.events import DataSent, EngineInUse, Event, Trouble, TurnFinished
from companion.flow import CAPTURE_RATE_HZ, Audio, HearRequest, TurnRecord
from companion.kinds import Role
from companion.paths import Home
from companion.pcm import Resampler
from companion.providers.here.builtin import BuiltinProvider
from companion.settings import changed
from tests.app.test_companion import KeepingVault
from tests.providers.test_whisper import READINGS, plain, word_error_rate
from tests.vaults import given
from tests.weights import weights

PLACES = {
    "whisper-base": "hearing/base",
    "piper-joe": "voice/en_US-joe-medium",
    "smollm2": "mind/smollm2-135m",
}
TAKES = ("austen-0890.wav", "austen-0870.wav")


class Reflection:
    """The app, and what happened in it."""

    def __init__(self, home: Home) -> None:
        for name, place in PLACES.items():
            (home.models / place).parent.mkdir(parents=True, exist_ok=True)
            (home.models / place).symlink_to(weights(name))
        self.player = CapturingPlayer(realtime=False)
        self.microphone: FileMicrophone
        self.events: list[Event] = []
        self._over = asyncio.Event()

        self.app = Companion(home, vault=given(KeepingVault()), microphone=self, player=self.player)
        wanted = {"providers.llm.active": "mind", "network.offline": True, "reply.longest_answer": 50}
        self.app.settings = changed(self.app.settings, wanted)
        self.app.events.watch(self._watch)

    async def open(self):  # type: ignore[no-untyped-def]
        return await self.microphone.open()

    def _watch(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, TurnFinished):
            self._over.set()

    async def turn(self, take: Path) -> TurnRecord:
        self._over.clear()
        self.microphone = FileMicrophone(take, realtime=False)
        self.app.press_talk()
        await asyncio.sleep(0.5)
        await self.microphone.ended.wait()
        self.app.release_talk()
        await self._over.wait()
        return next(each.record for each in reversed(self.events) if isinstance(each, TurnFinished))


async def written_down(sound: Audio, models: Path) -> str:
    pcm = Resampler(sound.rate_hz, CAPTURE_RATE_HZ).process(sound.pcm, last=True)

    async def frames() -> AsyncIterator[bytes]:
        for start in range(0, len(pcm), 6400):
            yield pcm[start : start + 6400]

    async with BuiltinProvider(models_dir=models) as ear:
        return [each async for each in ear.transcribe(HearRequest(frames=frames(), language="en"))][-1].text


@pytest.mark.long
async def test_a_whole_reflection_needs_nobody_else(home: Home) -> None:
    reflection = Reflection(home)
    await reflection.app.open()
    try:
        async with asyncio.timeout(400):
            records = [await reflection.turn(Path(__file__).parents[1] / "data" / name) for name in TAKES]
    finally:
        await reflection.app.close()
    for name, record in zip(TAKES, records, strict=True):
        assert word_error_rate(READINGS[name], record.user_text) <= 0.02
        assert record.reply_text.strip(), "so small a model may talk on until it is stopped"
        assert record.heard_text == record.reply_text
        assert record.engines["stt"].startswith("builtin/base")
        assert record.engines["llm"].startswith("mind")
    said = " ".join(record.reply_text for record in records)
    heard = await written_down(reflection.player.audio(), home.models)
    common = set(plain(said)) & set(plain(heard))
    assert len(common) >= 0.8 * len(set(plain(said))), f"said {said!r}, heard {heard!r}"
    used = {each.role: each.label for each in reflection.events if isinstance(each, EngineInUse)}
    assert used[Role.HEARS] == "This computer, Whisper base"
    assert used[Role.SPEAKS] == "This computer, Joe"
    assert used[Role.THINKS] == "This computer, smollm2-135m"
    troubles = {each.error.kind for each in reflection.events if isinstance(each, Trouble)}
    assert troubles <= {Kind.CUT_OFF}
    assert not [each for each in reflection.events if isinstance(each, DataSent)]
