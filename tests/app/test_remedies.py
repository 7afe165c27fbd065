"""Every card's button does what it says: none is dead, whatever is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.decoding import read_file
from companion.errors import CARDS, Action, CompanionError, Kind
from companion.events import (
    Event,
    JournalOpened,
    LevelMeasured,
    Note,
    Phase,
    PhaseChanged,
    SettingsChanged,
    TimelineMarked,
    TranscriptHeard,
    Trouble,
    TroubleCleared,
)
from companion.paths import Home
from companion.settings import load_settings
from tests.app.test_companion import KeepingVault, NoKeyring, Watched, running
from tests.vaults import given

TAKE = Path(__file__).parent.parent / "data" / "austen-0890.wav"
WINDOW = {
    Action.OPEN_KEYS,
    Action.CHOOSE_MODEL,
    Action.CHOOSE_MICROPHONE,
    Action.CHOOSE_SPEAKER,
    Action.CHOOSE_HEARING,
    Action.CHOOSE_VOICE,
    Action.USE_PASSPHRASE,
    Action.SHOW_FILE,
    Action.SHOW_WAITING,
}
"""Lead somewhere in the window."""
PAIRS = sorted(
    {(kind, action) for kind, card in CARDS.items() for action in card.actions if action not in WINDOW}
)
_ALWAYS = (LevelMeasured, TranscriptHeard, TimelineMarked)
MICROPHONE = (
    Kind.NO_MICROPHONE,
    Kind.MICROPHONE_BUSY,
    Kind.MICROPHONE_DENIED,
    Kind.MICROPHONE_SILENT,
    Kind.MICROPHONE_LOST,
)


class Microphone(FileMicrophone):
    """Refuses a number of times."""

    def __init__(self, *faults: Kind) -> None:
        super().__init__(read_file(TAKE), realtime=False)
        self.faults, self.opened = list(faults), 0

    async def open(self) -> Any:
        self.opened += 1
        if self.faults:
            raise CompanionError(self.faults.pop(0))
        return await super().open()


@asynccontextmanager
async def talking(home: Home, microphone: Microphone | None = None) -> AsyncIterator[Watched]:
    player = CapturingPlayer(realtime=False)
    app = Companion(
        home,
        vault=given(KeepingVault()),
        player=player,
        microphone=microphone or Microphone(),
        in_memory=True,
    )
    watched = Watched(app)
    try:
        await app.open()
        yield watched
    finally:
        await app.close()


async def answered(watched: Watched, act: Callable[[], None]) -> list[Event]:
    """What is told after a press, besides what an open microphone tells all the time."""
    before = len(watched.events)

    def told() -> list[Event]:
        return [event for event in watched.events[before:] if not isinstance(event, _ALWAYS)]

    act()
    await watched.until(told)
    return told()


async def test_no_button_is_dead(home: Home) -> None:
    """In a quiet moment, and while a take is open; known to be of a turn, of none, or not known at all."""
    async with talking(home) as watched:
        app = watched.app
        for is_open in (False, True):
            for kind, action in PAIRS:
                for turn in (None, 1):
                    if (app.engine.state.phase is Phase.LISTENING) != is_open:
                        app.cancel()
                    if is_open and app.engine.state.phase is Phase.READY:
                        app.toggle_talk()
                        await watched.until(lambda: app.engine.state.phase is Phase.LISTENING)
                    error = CompanionError(kind, who="Somebody")
                    app.events.emit(Trouble(error=error, turn=turn))
                    told = await answered(watched, lambda: app.act(action, error))  # noqa: B023 - called at once
                    assert told, f"{action} of {kind}"
        app.cancel()
        for _, action in PAIRS:
            assert await answered(watched, lambda: app.act(action)), action  # noqa: B023 - called at once


@pytest.mark.parametrize("kind", MICROPHONE)
async def test_try_again_opens_the_microphone_again(home: Home, kind: Kind) -> None:
    microphone = Microphone(kind)
    async with talking(home, microphone) as watched:
        app = watched.app
        app.press_talk()
        await watched.until(lambda: watched.of(Trouble))
        app.release_talk()
        await watched.until(lambda: app.engine.state.phase is Phase.READY)
        app.act(Action.RETRY, watched.of(Trouble)[-1].error)
        await watched.until(lambda: app.engine.state.phase is Phase.LISTENING)
        assert app.engine.state.latched, "it goes on until the next press"
        assert microphone.opened == 2
        app.act(Action.RETRY, watched.of(Trouble)[-1].error)
        assert app.engine.state.phase is Phase.LISTENING, "a second press does not end the take"
        app.cancel()


async def test_try_again_asks_the_keyring_that_was_slow(home: Home) -> None:
    class Slow(KeepingVault):
        is_slow = False

        async def get_journal_key(self, journal_id: str) -> bytes | None:
            if self.is_slow:
                raise CompanionError(Kind.KEYRING_TIMEOUT)
            return await super().get_journal_key(journal_id)

    vault = Slow()
    async with running(home, vault) as first:
        await first.turn("Yesterday.")
    vault.is_slow = True
    async with running(home, vault) as second:
        await second.turn("Said before it woke.")
        vault.is_slow = False
        second.app.act(Action.RETRY, second.of(Trouble)[0].error)
        await second.until(lambda: len(second.of(JournalOpened)) == 2)
        assert second.of(JournalOpened)[-1].storage == "keyring"
        await second.turn("Said after it.")
        assert len(second.of(Trouble)) == 1
    async with running(home, vault) as third:
        said = [
            turn.user_text for each in await third.app.sessions() for turn in await third.app.turns(each.id)
        ]
        assert said == ["Said before it woke.", "Said after it.", "Yesterday."]


async def test_try_again_saves_the_settings(home: Home) -> None:
    async with talking(home) as watched:
        app = watched.app
        home.config.parent.mkdir(parents=True, exist_ok=True)
        home.config.write_text("a file is in the way of the folder")
        app.choose_practice("gratitude")
        await watched.until(lambda: watched.of(Trouble))
        error = watched.of(Trouble)[-1].error
        assert error.kind is Kind.SETTINGS_UNSAVED
        app.act(Action.RETRY, error)
        await watched.until(lambda: len(watched.of(Trouble)) == 2)
        home.config.unlink()
        app.act(Action.RETRY)
        await watched.until(lambda: watched.of(Note))
        assert (
            load_settings(home, {}).settings.practice.current == app.settings.practice.current == "gratitude"
        )
        assert watched.of(TroubleCleared)[-1].is_all


async def test_a_voice_that_failed_is_replaced_by_the_one_here(home: Home) -> None:
    async with talking(home) as watched:
        await watched.app.change({"providers.tts.active": "openai"})
        error = CompanionError(Kind.VOICE_FAILED)
        watched.app.events.emit(Trouble(error=error))
        seen = len(watched.of(SettingsChanged))
        watched.app.act(Action.SPEAK_OFFLINE, error)
        await watched.until(lambda: len(watched.of(SettingsChanged)) > seen)
        assert watched.app.settings.providers.tts.active == "builtin"


async def test_a_new_journal_without_a_keyring_asks_for_a_passphrase(home: Home) -> None:
    vault = KeepingVault()
    async with running(home, vault) as first:
        await first.turn("Gone with the file.")
    home.journal.unlink()
    async with running(home, NoKeyring()) as second:
        second.app.act(Action.NEW_JOURNAL)
        await second.until(lambda: len(second.of(Trouble)) == 2)
        assert second.of(Trouble)[-1].error.kind is Kind.NO_KEYRING
        assert await second.app.journal_needs() == "choose"


async def test_without_a_card_the_latest_trouble_counts_that_offers_the_button(home: Home) -> None:
    microphone = Microphone(Kind.MICROPHONE_BUSY)
    async with talking(home, microphone) as watched:
        watched.app.press_talk()
        await watched.until(lambda: watched.of(Trouble))
        watched.app.release_talk()
        watched.app.events.emit(Trouble(error=CompanionError(Kind.NO_SPEAKER)))
        watched.app.act(Action.RETRY)
        await watched.until(lambda: watched.of(PhaseChanged)[-1].phase is Phase.LISTENING)
        assert microphone.opened == 2


async def test_buttons_pressed_at_the_end_leave_nothing_behind(home: Home) -> None:
    async with talking(home) as watched:
        for kind, action in PAIRS:
            watched.app.act(action, CompanionError(kind))
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
