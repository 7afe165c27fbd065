"""Hands-free in the app: one microphone at most, whatever settings, dialogs, the lock and the talk key do at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer, FileMicrophone, FileTake
from companion.errors import Action
from companion.events import HandsFreeChanged, Phase, Trouble
from companion.flow import Audio
from companion.paths import Home
from companion.settings import changed
from tests.app.test_companion import KeepingVault, Watched
from tests.vaults import given


class CountedMicrophone(FileMicrophone):
    """Silence, from a device that needs a moment to open."""

    def __init__(self) -> None:
        super().__init__(Audio(pcm=bytes(3_200_000), rate_hz=16_000))
        self.takes: list[FileTake] = []
        self.fault: Exception | None = None

    @property
    def open_takes(self) -> int:
        return sum(take.is_open for take in self.takes)

    async def open(self) -> FileTake:
        await asyncio.sleep(0.02)
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        self.takes.append(await super().open())
        assert self.open_takes == 1, "two microphones at once"
        return self.takes[-1]


class FreeApp(Watched):
    def __init__(self, home: Home) -> None:
        self.microphone = CountedMicrophone()
        app = Companion(
            home,
            vault=given(KeepingVault()),
            microphone=self.microphone,
            player=CapturingPlayer(realtime=False),
            in_memory=True,
        )
        app.settings = changed(app.settings, {"talk.mode": "free", "talk.headphones": True})
        super().__init__(app)

    @property
    def shown(self) -> HandsFreeChanged:
        last: HandsFreeChanged = (self.of(HandsFreeChanged) or [HandsFreeChanged(is_on=False)])[-1]
        return last

    @property
    def listens(self) -> bool:
        return self.shown.is_on and not self.shown.is_muted and not self.shown.is_paused


@pytest.fixture
async def free(home: Home) -> AsyncIterator[FreeApp]:
    made = FreeApp(home)
    await made.app.open()
    await made.until(lambda: made.listens)
    assert made.microphone.open_takes == 1
    try:
        yield made
    finally:
        await made.app.close()
        assert made.microphone.open_takes == 0
        assert not made.shown.is_on


async def test_settings_that_change_at_once_leave_one_microphone_open_and_off_leaves_none(
    free: FreeApp,
) -> None:
    app = free.app
    await asyncio.gather(
        app.change({"sound.microphone": "One"}),
        app.change({"talk.headphones": False}),
        app.change({"sound.microphone": "Two"}),
    )
    await free.until(lambda: free.listens)
    assert free.microphone.open_takes == 1
    await asyncio.gather(app.change({"talk.mode": "hold"}), app.change({"sound.microphone": "Three"}))
    await free.until(lambda: not free.shown.is_on)
    assert free.microphone.open_takes == 0


async def test_a_dialog_and_a_locked_screen_hold_it_closed(free: FreeApp) -> None:
    free.app.pause_hands_free("settings")
    free.app.surroundings._locks()
    await free.until(lambda: free.shown.is_paused)
    assert free.microphone.open_takes == 0
    free.app.resume_hands_free("settings")
    await asyncio.sleep(0.05)
    assert free.microphone.open_takes == 0
    free.app.surroundings._unlocks()
    free.app.surroundings._locks()
    free.app.surroundings._unlocks()
    await free.until(lambda: free.listens)


async def test_after_a_take_with_the_talk_key_it_listens_again(free: FreeApp) -> None:
    free.app.press_talk()
    await free.until(lambda: free.app.engine.state.phase is Phase.LISTENING)
    assert free.shown.is_paused
    assert free.microphone.open_takes == 1
    free.app.cancel()
    await free.until(lambda: free.listens)
    assert free.microphone.open_takes == 1


async def test_the_microphone_test_of_the_settings_has_the_microphone_to_itself(
    free: FreeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.audio.capture.DeviceMicrophone", lambda _: free.microphone)
    levels = free.app.settings_backend.meter("")
    await anext(levels)
    assert free.shown.is_paused
    assert free.microphone.open_takes == 1
    await levels.aclose()
    await free.until(lambda: free.listens)


@pytest.mark.parametrize("press", ["mute", "try again"])
async def test_an_error_nobody_foresaw_is_told_and_one_press_brings_it_back(
    free: FreeApp, press: str, expected_warnings: pytest.LogCaptureFixture
) -> None:
    free.microphone.fault = ValueError("an odd device")
    await free.app.change({"sound.microphone": "Odd"})
    await free.until(lambda: free.of(Trouble))
    await free.until(lambda: not free.shown.is_on)
    assert "ValueError" in expected_warnings.text
    assert "an odd device" not in expected_warnings.text, "who knows what a library's words hold"
    if press == "mute":
        free.app.mute(True)
    else:
        assert Action.RETRY in free.of(Trouble)[-1].error.actions
        free.app.act(Action.RETRY)
    await free.until(lambda: free.listens)
