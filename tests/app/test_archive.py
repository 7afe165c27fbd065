"""The journal's one owner: what is said before it opens moves into it whole, wishes at once end in the last one."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from companion import tasks
from companion.app.archive import Archive, Place
from companion.errors import Action, CompanionError, Kind
from companion.events import Event, Events, JournalOpened, Note, Trouble, TroubleCleared
from companion.flow import FRAME_BYTES
from companion.journal import migrations, moving, spool
from companion.journal.store import SqlJournal, open_journal
from companion.kinds import ReplyState
from companion.paths import Home
from companion.ports import Journal
from companion.vault import MemoryVault
from tests.journal.conftest import CHEAP, bytes_on_disk
from tests.vaults import given
from tests.waiting import until

PASSPHRASE = "four unrelated words here"
SOUND = b"\x01\x02" * FRAME_BYTES


class Keyring(MemoryVault):
    """A keyring that outlives the run; it can be gone, slow or silent."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Kind | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0

    async def get_journal_key(self, journal_id: str) -> bytes | None:
        await self._answer()
        return await super().get_journal_key(journal_id)

    async def put_journal_key(self, journal_id: str, key: bytes, *, this_run_only: bool = False) -> None:
        await self._answer()
        await super().put_journal_key(journal_id, key)

    async def _answer(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.fault is not None:
            raise CompanionError(self.fault)


@dataclass
class Run:
    """One run of the archive, and what it told."""

    archive: Archive
    keyring: Keyring
    told: list[Event] = field(default_factory=list)
    moves: list[tuple[Journal, Journal, Any]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    async def say(self, text: str) -> None:
        async with self.archive.using() as journal:
            session_id = await journal.begin_session("open")
            turn_id = await journal.save_user(session_id, text, 1_000.0)
            await journal.finish_reply(
                turn_id,
                reply_text=f"about {text}",
                heard_text="about",
                state=ReplyState.INTERRUPTED,
                reply_at=1_001.0,
                engines={"llm": "guide/guide"},
                timeline_ms={"asked": 1.0},
                cost_usd=0.5,
            )

    async def record(self) -> str:
        async with self.archive.using() as journal:
            take = journal.spool()
        take.write(SOUND)
        await take.finish()
        return take.id

    async def texts(self) -> list[str]:
        async with self.archive.using() as journal:
            sessions = reversed(await journal.sessions())
            return [turn.user_text for each in sessions for turn in await journal.turns(each.id)]


@asynccontextmanager
async def running(home: Home, keyring: Keyring | None = None, **options: Any) -> AsyncIterator[Run]:
    run = begun(home, keyring, **options)
    try:
        await run.archive.open()
        yield run
    finally:
        await run.archive.close()


def begun(home: Home, keyring: Keyring | None = None, **options: Any) -> Run:
    ring = keyring or Keyring()
    events = Events(tasks.report)

    run: Run
    archive = Archive(
        home,
        vault=given(ring),
        events=events,
        moved=lambda *given: run.moves.append(given),
        left=lambda: run.left.append(run.archive.storage),
        **options,
    )
    run = Run(archive, ring)
    events.watch(run.told.append)
    return run


def without_keyring() -> Keyring:
    ring = Keyring()
    ring.fault = Kind.NO_KEYRING
    return ring


def journal_threads() -> int:
    return sum(thread.name == "journal" for thread in threading.enumerate())


async def keep_by_passphrase(home: Home, *texts: str) -> None:
    async with running(home, without_keyring()) as run:
        await run.archive.use_passphrase(PASSPHRASE)
        for text in texts:
            await run.say(text)


async def test_a_journal_that_no_keyring_locks_says_what_it_needs_and_what_happens_without(
    home: Home,
) -> None:
    async with running(home, without_keyring()) as run:
        (told,) = run.of(Trouble)
        assert "Your journal needs a passphrase" in told.error.message
        assert "for this run only" in told.error.hint
        assert Action.USE_PASSPHRASE in told.error.actions


async def test_where_no_journal_can_lie_nobody_is_asked_for_a_passphrase(home: Home) -> None:
    home.data.parent.mkdir(parents=True, exist_ok=True)
    home.data.write_text("a file, no folder")
    async with running(home) as run:
        assert await run.archive.needs() == ""
        (told,) = run.of(Trouble)
        assert told.error.kind is Kind.FOLDER_UNUSABLE


# -- moving -------------------------------------------------------------------------------------------------


async def test_everything_said_meanwhile_moves_with_its_recordings(home: Home) -> None:
    await keep_by_passphrase(home, "old")
    async with running(home, without_keyring()) as run:
        assert run.archive.place is Place.MEMORY
        await run.say("one")
        await run.say("two")
        take_id = await run.record()
        async with run.archive.using() as before:
            kept = [await before.turns(session.id) for session in reversed(await before.sessions())]
        await run.archive.use_passphrase(PASSPHRASE)
        assert run.archive.place is Place.OPEN
        assert await run.texts() == ["old", "one", "two"]
        async with run.archive.using() as after:
            now = [await after.turns(session.id) for session in reversed(await after.sessions())][1:]
            (take,) = await after.waiting_takes()
            assert (take.id, await after.read_take(take_id)) == (take_id, SOUND)
        ((told_before, told_after, moved),) = run.moves
        assert (told_before, told_after) == (before, after)
        for (was,), (turn,) in zip(kept, now, strict=True):
            ids = {"id": moved.turns[was.id], "session_id": moved.sessions[was.session_id]}
            assert turn == type(was)(**{**{n: getattr(was, n) for n in was.__slots__}, **ids})
        assert set(moved.takes) == {take_id}
        assert run.of(JournalOpened)[-1].waiting_takes == 1
        await until(lambda: journal_threads() == 1)
    await until(lambda: journal_threads() == 0)


def fail_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    real, rows = moving.insert, 0

    def insert(connection: Any, table: str, row: dict[str, Any]) -> int:
        nonlocal rows
        rows += 1
        if rows == 3:
            raise OSError(28, "No space left on device")
        return real(connection, table, row)

    monkeypatch.setattr(moving, "insert", insert)


def fail_at_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool.os, "fsync", refuse)


@pytest.mark.parametrize("fails", [fail_in_the_middle, fail_at_the_recording])
@pytest.mark.parametrize("is_new", [True, False])
async def test_a_move_that_fails_leaves_everything_as_it_was_and_the_next_does_not_double(
    home: Home, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., Any], is_new: bool
) -> None:
    if not is_new:
        await keep_by_passphrase(home, "old")
    async with running(home, without_keyring()) as run:
        for text in ("one", "two", "three"):
            await run.say(text)
        take_id = await run.record()
        needed = await run.archive.needs()
        with monkeypatch.context() as broken:
            fails(broken)
            with pytest.raises(CompanionError) as caught:
                await run.archive.use_passphrase(PASSPHRASE)
            assert caught.value.kind is Kind.DISK_FULL
        assert (run.archive.place, await run.archive.needs()) == (Place.MEMORY, needed)
        await until(lambda: journal_threads() == 1)
        assert not list(home.takes.glob("*"))
        assert await run.texts() == ["one", "two", "three"]
        assert run.moves == []
        await run.archive.use_passphrase(PASSPHRASE)
        assert await run.texts() == [*([] if is_new else ["old"]), "one", "two", "three"]
        async with run.archive.using() as journal:
            assert [take.id for take in await journal.waiting_takes()] == [take_id]
        assert len(run.moves) == 1


async def test_a_move_waits_for_who_is_inside_and_the_engine_is_told_while_nobody_is(home: Home) -> None:
    async with running(home, without_keyring()) as run:
        await run.say("one")
        async with run.archive.using() as before:
            moving = tasks.spawn(run.archive.use_passphrase(PASSPHRASE), name="move")
            await until(lambda: journal_threads() == 2)
            await asyncio.sleep(0.02)
            async with run.archive.using() as still:  # who is inside may ask again
                assert still is before
            assert run.moves == []
            await before.begin_session("said while it waits")
        await moving
        assert len(run.moves) == 1
        assert len(run.moves[0][2].sessions) == 2


async def test_a_recording_discarded_while_it_is_moved_is_gone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(home, without_keyring()) as run:
        async with run.archive.using() as before:
            take = before.spool()
        take.write(SOUND)
        await take.finish()
        real = SqlJournal.take_in

        async def slowly(self: SqlJournal, other: SqlJournal) -> Any:
            moved = await real(self, other)
            await take.discard()
            return moved

        monkeypatch.setattr(SqlJournal, "take_in", slowly)
        await run.archive.use_passphrase(PASSPHRASE)
        async with run.archive.using() as after:
            assert await after.waiting_takes() == []


async def test_a_caller_that_goes_away_leaves_the_move_to_its_end(home: Home) -> None:
    async with running(home, without_keyring()) as run:
        await run.say("one")
        async with run.archive.using():
            caller = tasks.spawn(run.archive.use_passphrase(PASSPHRASE), name="dialog")
            await until(lambda: journal_threads() == 2)
            await tasks.stop(caller)
        await until(lambda: run.archive.place is Place.OPEN)
        assert await run.texts() == ["one"]


# -- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.KEYRING_TIMEOUT, Kind.KEYRING_FAILED])
async def test_a_keyring_that_wakes_late_is_asked_again(home: Home, kind: Kind) -> None:
    ring = Keyring()
    async with running(home, ring) as run:
        await run.say("old")
    ring.fault = kind
    async with running(home, ring) as run:
        (trouble,) = run.of(Trouble)
        assert trouble.error.actions == (Action.RETRY,), "there is no passphrase to ask for"
        assert await run.archive.needs() == ""
        await run.say("new")
        await run.archive.try_again()
        assert len(run.of(Trouble)) == 2, "it says so again"
        ring.fault = None
        await run.archive.try_again()
        assert run.of(TroubleCleared)[-1].is_all
        assert run.of(JournalOpened)[-1].storage == "keyring"
        assert await run.texts() == ["old", "new"]
        await run.archive.try_again()  # a second press of the same button
        assert await run.texts() == ["old", "new"]


async def test_a_journal_without_a_passphrase_says_so(home: Home) -> None:
    ring = Keyring()
    async with running(home, ring) as run:
        await run.say("old")
        with pytest.raises(CompanionError, match="has no passphrase"):
            await run.archive.use_passphrase(PASSPHRASE)
    async with running(home, Keyring()) as run:  # the keyring was emptied
        (trouble,) = run.of(Trouble)
        assert trouble.error.kind is Kind.JOURNAL_LOCKED
        assert Action.USE_PASSPHRASE not in trouble.error.actions
        with pytest.raises(CompanionError, match="has no passphrase") as caught:
            await run.archive.use_passphrase(PASSPHRASE)
        assert Action.USE_PASSPHRASE not in caught.value.actions


async def test_of_two_passphrases_chosen_at_once_the_last_one_opens(home: Home) -> None:
    async with running(home, without_keyring()) as run:
        await run.say("one")
        await asyncio.gather(
            run.archive.use_passphrase("the first of two wishes"), run.archive.use_passphrase(PASSPHRASE)
        )
        assert await run.texts() == ["one"]
    async with running(home, without_keyring()) as run:
        with pytest.raises(CompanionError) as caught:
            await run.archive.use_passphrase("the first of two wishes")
        assert caught.value.kind is Kind.WRONG_PASSPHRASE
        await run.archive.use_passphrase(PASSPHRASE)
        assert await run.texts() == ["one"]


async def test_of_two_passphrases_entered_at_once_a_wrong_one_changes_nothing(home: Home) -> None:
    await keep_by_passphrase(home, "old")
    for order in ((PASSPHRASE, "something else"), ("something else", PASSPHRASE)):
        async with running(home, without_keyring()) as run:
            found = await asyncio.gather(
                *(run.archive.use_passphrase(words) for words in order), return_exceptions=True
            )
            (wrong,) = [error for error in found if error is not None]
            assert isinstance(wrong, CompanionError)
            assert wrong.kind is Kind.WRONG_PASSPHRASE
            assert await run.texts() == ["old"]
            await until(lambda: journal_threads() == 1)


async def test_a_passphrase_while_the_keyring_is_still_asked(home: Home) -> None:
    await keep_by_passphrase(home, "old")
    run = begun(home, without_keyring())
    await asyncio.gather(run.archive.open(), run.archive.use_passphrase(PASSPHRASE))
    assert run.archive.place is Place.OPEN
    assert run.of(JournalOpened)[-1].storage == "passphrase"
    assert await run.texts() == ["old"]
    await run.archive.close()


async def test_a_new_journal_asked_for_twice_sets_one_aside(home: Home) -> None:
    async with running(home) as run:
        await run.say("gone")
    home.journal.unlink()
    async with running(home) as run:
        await run.say("kept")
        await asyncio.gather(run.archive.start_anew(), run.archive.start_anew())
        assert await run.texts() == ["kept"]
    assert len(list(home.data.glob("set-aside-*"))) == 1


# -- keeping nothing ----------------------------------------------------------------------------------------


async def test_switched_off_nothing_is_written_and_switched_on_what_was_kept_is_there(home: Home) -> None:
    ring = Keyring()
    async with running(home, ring) as run:
        await run.say("kept")
        async with run.archive.using() as under_way:
            run.archive.keep(False)
            await under_way.begin_session("a turn goes to the journal it began in")
        assert run.left == [""], "the session is left at once"
        assert run.of(Note)[-1].text == "Nothing is kept from now on"
        await run.say("private")
        take_id = await run.record()
        assert await run.texts() == ["private"]
        await until(lambda: run.of(JournalOpened)[-1].is_by_choice)
        run.archive.keep(True)
        assert await run.texts() == ["kept"]
        await run.say("kept again")
        run.archive.keep(False)
        assert await run.texts() == ["private"], "it is there until the end of the run"
        assert take_id.encode() not in bytes_on_disk(home.data)
    assert not list(home.takes.glob("*"))
    async with running(home, ring) as run:
        assert await run.texts() == ["kept", "kept again"]


async def test_what_is_private_does_not_move_when_the_journal_opens(home: Home) -> None:
    async with running(home, without_keyring()) as run:
        await run.say("to be kept")
        run.archive.keep(False)
        await run.say("private")
        await run.archive.use_passphrase(PASSPHRASE)
        assert await run.texts() == ["private"]
        run.archive.keep(True)
        assert await run.texts() == ["to be kept"]


async def test_who_begins_with_nothing_kept_and_changes_their_mind(home: Home) -> None:
    ring = Keyring()
    async with running(home, ring, keeps=False) as run:
        assert run.of(JournalOpened)[-1].is_by_choice
        assert await run.archive.needs() == ""
        await run.archive.try_again()
        with pytest.raises(CompanionError, match="Nothing is kept"):
            await run.archive.use_passphrase(PASSPHRASE)
        await run.say("private")
        assert (ring.asked, home.data.exists()) == (0, False)
        run.archive.keep(True)
        await run.say("kept")
        assert run.of(JournalOpened)[-1].storage == "keyring"
        assert await run.texts() == ["kept"]


async def test_switched_off_while_the_keyring_is_silent_holds_at_once(home: Home) -> None:
    ring = Keyring()
    ring.answers.clear()
    run = begun(home, ring)
    opening = tasks.spawn(run.archive.open(), name="open")
    await until(lambda: ring.asked)
    run.archive.keep(False)
    await run.say("private")
    run.archive.keep(True)
    run.archive.keep(False)
    ring.answers.set()
    await opening
    assert await run.texts() == ["private"]
    run.archive.keep(True)
    assert await run.texts() == []
    await run.archive.close()


async def test_a_run_in_memory_stays_there_whatever_is_wished(home: Home) -> None:
    async with running(home, in_memory=True) as run:
        run.archive.keep(True)
        run.archive.keep(False)
        await run.say("private")
        await run.archive.try_again()
        await run.archive.start_anew()
        assert (await run.texts(), await run.archive.needs()) == (["private"], "")
    assert not home.data.exists()


# -- the end ------------------------------------------------------------------------------------------------


async def nothing(run: Run) -> None:
    """Never opened."""


async def keyring_is_silent(run: Run) -> None:
    run.keyring.answers.clear()
    tasks.spawn(quietly(run.archive.open()), name="open")
    await until(lambda: run.keyring.asked)


async def passphrase_is_checked(run: Run) -> None:
    run.keyring.fault = Kind.NO_KEYRING
    await run.archive.open()
    tasks.spawn(quietly(run.archive.use_passphrase(PASSPHRASE)), name="passphrase")
    await until(lambda: journal_threads() == 2)


async def a_move_waits(run: Run) -> None:
    run.keyring.fault = Kind.NO_KEYRING
    await run.archive.open()
    await run.say("one")
    reading = run.archive.using()
    await reading.__aenter__()
    tasks.spawn(quietly(run.archive.use_passphrase(PASSPHRASE)), name="passphrase")
    await until(lambda: journal_threads() == 2)
    await asyncio.sleep(0.05)


async def just_switched_off(run: Run) -> None:
    await run.archive.open()
    run.archive.keep(False)


async def just_switched_on(run: Run) -> None:
    run.archive.keep(False)
    run.archive.keep(True)
    run.archive.keep(False)


async def quietly(work: Any) -> None:
    with suppress(CompanionError):
        await work


@pytest.mark.parametrize(
    "moment",
    [
        nothing,
        keyring_is_silent,
        passphrase_is_checked,
        a_move_waits,
        just_switched_off,
        just_switched_on,
    ],
)
async def test_the_end_in_any_moment_leaves_no_thread_and_no_task(home: Home, moment: Any) -> None:
    run = begun(home)
    await moment(run)
    await run.archive.close()
    await run.archive.close()
    await until(lambda: not tasks.alive() and journal_threads() == 0)
    with pytest.raises(CompanionError):
        await run.archive.use_passphrase(PASSPHRASE)


async def test_a_journal_in_the_making_at_the_end_is_whole_or_new_at_the_next_start(home: Home) -> None:
    run = begun(home)
    await a_move_waits(run)
    await run.archive.close()
    async with running(home, without_keyring()) as second:
        assert await second.archive.needs() == "choose"


async def test_an_existing_journal_is_never_taken_for_a_new_one(home: Home) -> None:
    journal = await open_journal(home, passphrase=PASSPHRASE, cost=CHEAP)
    await journal.close()
    async with running(home, without_keyring()) as run:
        with pytest.raises(CompanionError):
            await run.archive.use_passphrase("wrong")
        assert home.key_slots.exists()


async def test_a_journal_of_a_newer_version_is_read_and_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_by_passphrase(home, "Kept.")
    with monkeypatch.context() as older:
        older.setattr("companion.journal.database.MIGRATIONS", migrations.MIGRATIONS[:-1])
        async with running(home, without_keyring()) as run:
            await run.archive.use_passphrase(PASSPHRASE)
            assert await run.texts() == ["Kept."]
            with pytest.raises(CompanionError):
                await run.say("Not kept.")
            note = run.of(Trouble)[-1].error
            assert (note.kind, note.actions) == (Kind.JOURNAL_FOREIGN, ())
            assert "only be read" in note.message
            assert run.told.index(run.of(Trouble)[-1]) > run.told.index(run.of(TroubleCleared)[-1])
    async with running(home, without_keyring()) as run:
        await run.archive.use_passphrase(PASSPHRASE)
        assert await run.texts() == ["Kept."]


# -- what may not be seen -----------------------------------------------------------------------------------


async def test_a_copy_without_its_newest_pages_is_told_and_never_looks_empty(
    home: Home, tmp_path: Path
) -> None:
    copied = Home(config=tmp_path / "c", data=tmp_path / "copied", state=tmp_path / "c")
    copied.data.mkdir()
    ring = Keyring()
    async with running(home, ring) as run:
        await run.say("one")
        for name in (home.journal, home.key_slots):
            shutil.copy(name, copied.data)
    async with running(copied, ring) as run:
        (trouble,) = run.of(Trouble)
        assert "newest pages" in trouble.error.message
        assert "journal.db-wal" in trouble.error.hint
        assert run.archive.why_empty is not None
    async with running(home, ring) as run:
        assert run.archive.why_empty is None


async def test_a_journal_that_does_not_open_never_looks_empty(home: Home) -> None:
    async with running(home, without_keyring()) as run:
        assert run.archive.why_empty is None  # there is none
    ring = Keyring()
    async with running(home, ring) as run:
        await run.say("one")
    home.journal.write_bytes(b"")
    async with running(home, ring) as run:
        assert run.archive.why_empty is run.of(Trouble)[-1].error
