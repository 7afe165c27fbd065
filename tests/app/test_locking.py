"""Locking: the journal closed and opened again, a hundred times; by hand, by idleness, with the screen, for sleep."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.app import Companion
from companion.app.archive import Archive, Place
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.events import Events, LockChanged, Phase
from companion.flow import Audio
from companion.journal.store import open_journal
from companion.paths import Home
from companion.tasks import report
from companion.vault import MemoryVault, Vault
from tests.journal.conftest import CHEAP
from tests.reliability.proof import prove
from tests.vaults import given
from tests.waiting import until

PASSPHRASE = "correct horse battery staple"
SAID = "I keep thinking about the garden by the railway."


def open_files(home: Home) -> list[str]:
    """What this process has open in the journal's folder."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(link))
        except OSError:
            continue
    return [path for path in found if path.startswith(str(home.data))]


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@pytest.fixture
async def app(home: Home, vault: MemoryVault) -> AsyncIterator[Companion]:
    home.config.mkdir(parents=True)
    home.settings.write_text("providers:\n  tts: {active: mock}\n")
    silence = FileMicrophone(Audio(pcm=b"", rate_hz=16_000))
    made = Companion(home, vault=given(vault), microphone=silence, player=CapturingPlayer())
    await made.open()
    await until(lambda: made.archive.storage == "keyring")
    yield made
    await made.close()


async def say(app: Companion, text: str) -> None:
    app.submit(text)
    await until(lambda: app.engine.state.phase is Phase.READY and bool(app.engine.history))


async def locked(app: Companion) -> None:
    assert app.lock.lock()
    assert app.lock.is_locked
    await until(lambda: app.archive.place is Place.LOCKED and not open_files(app.home))


async def test_a_locked_journal_is_closed_and_nobody_gets_at_it(app: Companion, home: Home) -> None:
    await say(app, SAID)
    assert open_files(home)
    await locked(app)
    assert not app.engine.history
    assert not app.submit("And another thing")
    app.press_talk()
    app.toggle_talk()
    assert app.engine.state.phase is Phase.READY
    assert await app.archive.draft() == ""
    for asked in (app.sessions, lambda: app.journal_desk.delete([1])):
        with pytest.raises(CompanionError) as refused:
            await asked()  # type: ignore[operator]
        assert refused.value.kind is Kind.JOURNAL_LOCKED
    await app.lock.unlock()
    assert [turn.user_text for turn in app.engine.history] == [SAID], "the reflection goes on where it was"
    assert len(await app.sessions()) == 1


async def test_an_answer_under_way_is_kept_as_far_as_it_came(app: Companion) -> None:
    app.submit(SAID)
    await until(lambda: app.engine.state.phase is not Phase.READY)
    await locked(app)
    await app.lock.unlock()
    (session,) = await app.sessions()
    (turn,) = await app.turns(session.id)
    assert turn.user_text == SAID


async def test_a_take_under_way_is_heard_and_kept_before_the_journal_closes(
    home: Home, vault: MemoryVault
) -> None:
    home.config.mkdir(parents=True)
    home.settings.write_text("providers:\n  stt: {active: mock}\n  tts: {active: mock}\n")
    speech = read_file(Path(__file__).parent.parent / "data" / "austen-0890.wav")
    app = Companion(home, vault=given(vault), microphone=FileMicrophone(speech), player=CapturingPlayer())
    await app.open()
    await until(lambda: app.archive.storage == "keyring")
    app.press_talk()
    await until(lambda: app.engine.state.phase is Phase.LISTENING)
    await asyncio.sleep(0.3)
    assert app.lock.lock()
    await until(lambda: app.archive.is_locked)
    await app.lock.unlock()
    async with app.archive.using() as journal:
        assert await journal.waiting_takes() == []
        (session,) = await journal.sessions()
        (turn,) = await journal.turns(session.id)
    assert turn.user_text
    await app.close()


async def test_a_hundred_times_and_no_file_stays_open(home: Home, vault: MemoryVault) -> None:
    archive = Archive(home, vault=given(vault), events=Events(report))
    await archive.open()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        await archive.lock()
        assert not open_files(home)
        await archive.unlock()
    assert archive.place is Place.OPEN
    left = len(os.listdir("/proc/self/fd")) - before
    prove(4, "files that stay open after locking and unlocking", left, 0, cases=100)
    await archive.close()


async def test_a_wrong_passphrase_leaves_it_locked_and_the_right_one_opens(home: Home) -> None:
    made = await open_journal(home, passphrase=PASSPHRASE, cost=CHEAP)
    await made.close()
    archive = Archive(home, vault=given(MemoryVault()), events=Events(report))
    await archive.open()
    await archive.use_passphrase(PASSPHRASE)
    await archive.lock()
    for wrong in ("", "not this one"):
        with pytest.raises(CompanionError):
            await archive.unlock(wrong)
        assert archive.place is Place.LOCKED
        assert not open_files(home)
    await archive.unlock(PASSPHRASE)
    assert archive.place is Place.OPEN
    await archive.close()


async def test_two_wishes_at_once_end_in_the_last(home: Home, vault: MemoryVault) -> None:
    archive = Archive(home, vault=given(vault), events=Events(report))
    await archive.open()
    await archive.lock()
    await asyncio.gather(archive.unlock(), archive.lock())
    assert archive.place is Place.LOCKED
    assert not open_files(home)
    await asyncio.gather(archive.lock(), archive.unlock())
    assert archive.place is Place.OPEN
    await archive.close()


async def test_who_is_inside_may_end_and_who_comes_is_refused(home: Home, vault: MemoryVault) -> None:
    archive = Archive(home, vault=given(vault), events=Events(report))
    await archive.open()
    async with archive.using() as journal:
        locking = asyncio.ensure_future(archive.lock())
        await asyncio.sleep(0)
        with pytest.raises(CompanionError, match="Companion is locked"):
            async with archive.using():
                pass
        await journal.begin_session("gratitude")
    await locking
    await archive.unlock()
    await archive.close()


async def test_what_is_only_in_memory_is_there_again(home: Home) -> None:
    archive = Archive(home, vault=nobody, events=Events(report), in_memory=True)
    await archive.open()
    async with archive.using() as journal:
        await journal.begin_session("gratitude")
    await archive.lock()
    with pytest.raises(CompanionError):
        async with archive.using():
            pass
    await archive.unlock()
    async with archive.using() as again:
        assert again is journal
    await archive.close()


async def nobody() -> Vault:
    raise AssertionError("nobody asks the keyring for what is in memory")


async def test_the_screen_and_sleep_lock_unless_that_is_turned_off(app: Companion) -> None:
    seen: list[bool] = []
    app.events.watch(lambda event: seen.append(event.is_locked) if isinstance(event, LockChanged) else None)
    await app.change({"journal.lock_with_screen": False})
    app.surroundings._locks()
    app.surroundings._sleeps()
    assert not app.lock.is_locked
    app.surroundings._wakes()
    app.surroundings._unlocks()
    await app.change({"journal.lock_with_screen": True})
    for goes, comes in (
        (app.surroundings._locks, app.surroundings._unlocks),
        (app.surroundings._sleeps, app.surroundings._wakes),
    ):
        goes()
        assert app.lock.is_locked
        comes()
        assert app.lock.is_locked, "only the person unlocks it"
        await app.lock.unlock()
    assert seen == [True, False] * 2


async def test_it_locks_when_nobody_is_there_and_not_while_somebody_speaks(app: Companion) -> None:
    lock, loop = app.lock, asyncio.get_running_loop()

    async def look(idle_s: float) -> bool:
        """What a look says so long after the last key."""
        lock._used_at = loop.time() - idle_s
        looking = asyncio.ensure_future(lock._look())
        await asyncio.sleep(0)
        looking.cancel()
        return lock.is_locked

    assert not await look(9 * 60)
    app.press_talk()
    await until(lambda: app.engine.state.phase is not Phase.READY)
    assert not await look(11 * 60)
    app.cancel()
    await until(lambda: app.engine.state.phase is Phase.READY)
    await app.change({"journal.lock_after_min": 0})
    assert not await look(3600)
    await app.change({"journal.lock_after_min": 10})
    lock.touched()
    assert not lock.is_locked
    assert await look(601)
