"""Which voice of this computer speaks, as the window is told, from the next sentence on."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.app.checkup import examine
from companion.app.pool import ProviderPool
from companion.events import EngineInUse, Event, Events
from companion.kinds import Role
from companion.net import Net
from companion.paths import Home
from companion.settings import Settings, changed
from companion.vault import MemoryVault
from tests import tiny_voice


class Speaking:
    """A pool and what it tells."""

    def __init__(self, models: Path) -> None:
        self.settings, self.told = Settings(), list[Event]()
        self.recorded = ""
        """Who spoke, as the turn is kept."""
        events = Events(lambda error: pytest.fail(str(error)))
        events.watch(self.told.append)
        self.staff = ProviderPool(
            settings=lambda: self.settings, vault=self._vault, net=Net(), events=events, models=models
        )

    async def _vault(self) -> MemoryVault:
        return MemoryVault()

    async def speak(self) -> int:
        """The rate of what is heard."""
        engines = self.staff.engines(frozenset())
        assert engines.speak is not None
        heard = [audio.rate_hz async for audio in engines.speak("It was a long day.")][-1]
        self.recorded = engines.names[Role.SPEAKS.value]
        return heard

    @property
    def pills(self) -> list[str]:
        return [
            each.label for each in self.told if isinstance(each, EngineInUse) and each.role is Role.SPEAKS
        ]


async def test_a_voice_that_arrives_speaks_from_the_next_sentence_and_the_pill_says_so(
    tmp_path: Path,
) -> None:
    app = Speaking(tmp_path)
    assert await app.speak() == 22_050
    assert app.pills == []
    assert app.recorded == "builtin"
    tiny_voice.write(tmp_path / "voice" / "en_US-tiny-low", "en_US-tiny-low")
    assert await app.speak() == tiny_voice.RATE_HZ
    assert app.pills == ["This computer, Tiny"]
    assert app.recorded == "builtin/Tiny"
    await app.staff.aclose()


async def test_a_voice_that_is_here_is_named_before_the_first_turn(tmp_path: Path) -> None:
    tiny_voice.write(tmp_path / "voice" / "en_US-tiny-low", "en_US-tiny-low")
    app = Speaking(tmp_path)
    await app.staff.warm(Role.SPEAKS)
    assert app.pills == ["This computer, Tiny"]
    await app.staff.aclose()


async def test_a_plain_voice_that_was_chosen_is_neither_replaced_nor_renamed(tmp_path: Path) -> None:
    tiny_voice.write(tmp_path / "voice" / "en_US-tiny-low", "en_US-tiny-low")
    app = Speaking(tmp_path)
    app.settings = changed(app.settings, {"providers.tts.builtin.voice": "en-gb"})
    await app.staff.warm(Role.SPEAKS)
    assert await app.speak() == 22_050
    assert app.pills == []
    app.settings = changed(app.settings, {"providers.tts.builtin.voice": None})
    assert await app.speak() == tiny_voice.RATE_HZ
    assert app.pills == ["This computer, Tiny"]
    await app.staff.aclose()


async def test_the_doctor_names_the_voice_that_is_here(home: Home) -> None:
    tiny_voice.write(home.models / "voice" / "en_US-tiny-low", "en_US-tiny-low")
    (found,) = [each for each in await examine(home) if each.subject == "Offline voice and recogniser"]
    assert "The voice Tiny" in found.detail
