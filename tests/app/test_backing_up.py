"""Backups come by themselves, their state is told, and one is brought back while the app is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.app.backing_up import BackingUp
from companion.errors import Action, CompanionError, Kind
from companion.events import BackupsLooked, Note, Trouble
from companion.gui.locked import PASSPHRASE_MAY_OPEN
from companion.paths import Home
from tests.app.test_archive import PASSPHRASE, Keyring, Run, running
from tests.waiting import until


def backing(run: Run, home: Home, chosen: str = "") -> BackingUp:
    return BackingUp(home, run.archive, run.archive._events, lambda: chosen)


async def settle(made: BackingUp) -> None:
    await until(lambda: made._making is not None and made._making.done())


async def test_one_is_made_when_the_newest_is_a_day_old_and_after_half_an_hour_of_use(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(home) as run:
        made, now = backing(run, home), 1_800_000_000.0
        monkeypatch.setattr("companion.app.backing_up.time.time", lambda: now)
        monkeypatch.setattr("companion.journal.store.time.time", lambda: now)
        made.open()
        await settle(made)
        assert await made.list() == []  # nothing was said yet
        for later, event, expected in (
            (0, "turn", 0),
            (1_000, "turn", 0),
            (1_900, "opened", 0),
            (1_900, "turn", 1_900),
            (90_000, "opened", 90_000),
        ):
            now = 1_800_000_000.0 + later
            await run.say(f"at {later}")
            made._look_soon(86_400.0 if event == "opened" else 1_800.0)
            await settle(made)
            newest = (await made.list())[0].made_at
            assert newest - 1_800_000_000.0 == expected, later
            assert made.standing.last_good == newest
        await made.close()
    assert run.of(Trouble) == []


async def test_a_folder_that_is_not_there_is_told_once_and_nothing_is_made_in_its_place(
    home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "drive"
    async with running(home) as run:
        await run.say("one")
        made = backing(run, home, str(folder))
        for _ in range(2):
            made._tried = None
            await made._make_if_due(0.0)
        (trouble,) = run.of(Trouble)
        assert "No backup was made" in trouble.error.message
        assert str(folder) in trouble.error.message
        assert made.standing.failed is not None
        assert not folder.exists()
        folder.mkdir()
        await made.make()
        assert made.standing.failed is None
        assert [each.has_failed for each in run.of(BackupsLooked)] == [True, True, False]
        assert len(list(folder.glob("*.db"))) == 1


async def test_a_backup_is_brought_back_while_the_app_is_open(home: Home) -> None:
    async with running(home) as run:
        await run.say("one")
        made = backing(run, home)
        backup = await made.make()
        await run.say("two")
        async with run.archive.using() as journal:
            gone = (await journal.list.page(limit=2))[1]
            await journal.changing.delete_for_good([gone.id])
        assert await run.texts() == ["two"]
        assert (await made.look(backup.path)).lines[0][1] == "one"
        joined = await made.restore(backup.path)
        assert joined.turns == 1
        assert sorted(await run.texts()) == ["one", "two"]
        assert run.of(Note)[-1].text.startswith("The backup is your journal now")
        await run.say("three")
        backup.path.write_bytes(b"spoilt" * 4096)
        with pytest.raises(CompanionError) as caught:
            await made.restore(backup.path)
        assert caught.value.kind in (Kind.JOURNAL_DAMAGED, Kind.JOURNAL_FOREIGN)
        assert sorted(await run.texts()) == ["one", "three", "two"]
        await made.close()


async def test_a_damaged_journal_comes_back_from_its_backup(home: Home) -> None:
    ring = Keyring()
    async with running(home, ring) as run:
        await run.say("one")
        backup = await backing(run, home).make()
    content = bytearray(home.journal.read_bytes())
    content[5_000] ^= 1
    home.journal.write_bytes(content)
    async with running(home, ring) as run:
        error = run.of(Trouble)[-1].error
        assert (error.kind, error.actions[0]) == (Kind.JOURNAL_DAMAGED, Action.RESTORE_BACKUP)
        await run.say("meanwhile")
        await backing(run, home).restore(backup.path)
        assert sorted(await run.texts()) == ["meanwhile", "one"]
        assert run.archive.why_empty is None


async def test_what_is_deleted_for_good_leaves_the_backups_too(home: Home, tmp_path: Path) -> None:
    drive, away = tmp_path / "drive", tmp_path / "away"
    drive.mkdir()
    async with running(home) as run:
        await run.say("the heron by the weir")
        await run.say("to keep")
        made = backing(run, home, str(drive))
        backup = await made.make()
        assert "heron" in await words_in(made, backup.path)
        drive.rename(away)  # unplugged
        async with run.archive.using() as journal:
            (old,) = [each for each in await journal.list.page(limit=9) if "heron" in each.title]
            await journal.changing.delete_for_good([old.id])
        made.clear_soon()
        await until(lambda: made._clearing is not None and made._clearing.done())
        away.rename(drive)
        made.clear_soon()
        await until(lambda: made._clearing is not None and made._clearing.done())
        assert await words_in(made, backup.path) == "to keep"
        assert (await made.look(backup.path)).reflections == 1
        joined = await made.restore(backup.path)
        assert joined.turns == 0
        assert await run.texts() == ["to keep"]
        await made.close()


async def words_in(made: BackingUp, path: Path) -> str:
    """The first words of its reflections."""
    return " ".join(text for _, text in (await made.look(path)).lines)


async def test_where_only_a_passphrase_opens_the_journal_its_backup_asks_for_it(home: Home) -> None:
    ring = Keyring()
    ring.fault = Kind.NO_KEYRING
    async with running(home, ring) as run:
        await run.archive.use_passphrase(PASSPHRASE)
        await run.say("one")
        made = backing(run, home)
        backup = await made.make()
        await run.say("two")
        for step in (made.look, made.restore):
            with pytest.raises(CompanionError) as caught:
                await step(backup.path)
            assert caught.value.kind in PASSPHRASE_MAY_OPEN
        assert (await made.look(backup.path, PASSPHRASE)).reflections == 1
        await made.restore(backup.path, PASSPHRASE)
        assert sorted(await run.texts()) == ["one", "two"]
        await made.close()


async def test_a_copy_that_went_apart_is_joined_and_put_aside(home: Home) -> None:
    ring = Keyring()
    async with running(home, ring) as run:
        await run.say("on both")
        made = backing(run, home)
        backup = await made.make()
        copy = home.data / "journal (conflicted copy).db"
        async with run.archive.using() as journal:
            await journal.changing.delete_for_good([each.id for each in await journal.list.page()])
        copy.write_bytes(backup.path.read_bytes())
        await run.say("here")
        assert await made.synced() == ("", [copy])
        assert (await made.join(copy)).turns == 1
        assert sorted(await run.texts()) == ["here", "on both"]
        assert await made.synced() == ("", [])
        assert len(list(home.data.glob("set-aside-*/*.db"))) == 1
        await made.close()


async def test_on_a_new_computer_the_old_journal_comes_back_with_what_was_said_meanwhile(
    home: Home, tmp_path: Path
) -> None:
    ring, drive = Keyring(), tmp_path / "drive"
    ring.fault = Kind.NO_KEYRING
    drive.mkdir()
    async with running(home, ring) as run:
        await run.archive.use_passphrase(PASSPHRASE)
        await run.say("on the old one")
        await backing(run, home, str(drive)).make()
    new = Home(config=tmp_path / "c", data=tmp_path / "d", state=tmp_path / "s")
    async with running(new) as run:
        await run.say("on the new one")
        made = backing(run, new, str(drive))
        (backup,) = await made.list()
        assert backup.is_other
        for words in ("", "a guess"):
            with pytest.raises(CompanionError) as caught:
                await made.restore(backup.path, words)
            assert caught.value.kind in PASSPHRASE_MAY_OPEN
            assert await run.texts() == ["on the new one"]
        joined = await made.restore(backup.path, PASSPHRASE)
        assert joined.turns == 1
        assert sorted(await run.texts()) == ["on the new one", "on the old one"]
        assert [each.is_other for each in await made.list()] == [False]
        await made.close()
