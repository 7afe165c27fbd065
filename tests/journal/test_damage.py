"""Absent, damaged and foreign journals are told apart, and every file stays as it was."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from companion.errors import Action, CompanionError, Kind
from companion.journal import database, migrations, tables
from companion.journal.keys import read_slots
from companion.journal.leaving import set_aside
from companion.journal.store import look_at, open_journal
from companion.paths import Home
from companion.tasks import spawn
from tests.journal.conftest import CHEAP, KEYRING, PASSPHRASE, Opener, tell

PAGE = 4096


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def put_plain_sqlite(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")


def write_garbage(path: Path) -> None:
    path.write_bytes(bytes(n * 37 % 251 for n in range(3 * PAGE)))


def change_slots(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def spoil_slot(path: Path) -> None:
    fields = json.loads(path.read_text())
    sealed = fields["slots"][0]["wrapped"]
    fields["slots"][0]["wrapped"] = ("B" if sealed[20] == "A" else "A").join((sealed[:20], sealed[21:]))
    path.write_text(json.dumps(fields))


Damage = Callable[[Home], object]
DAMAGES: dict[str, tuple[Damage, Kind]] = {
    "database gone": (lambda home: home.journal.unlink(), Kind.JOURNAL_MISSING),
    "database empty": (lambda home: cut(home.journal, 0), Kind.JOURNAL_MISSING),
    "one byte": (lambda home: cut(home.journal, 1), Kind.JOURNAL_DAMAGED),
    "half a page": (lambda home: cut(home.journal, PAGE // 2), Kind.JOURNAL_DAMAGED),
    "one page": (lambda home: cut(home.journal, PAGE), Kind.JOURNAL_DAMAGED),
    "last page gone": (
        lambda home: cut(home.journal, home.journal.stat().st_size - PAGE),
        Kind.JOURNAL_DAMAGED,
    ),
    "last byte gone": (lambda home: cut(home.journal, home.journal.stat().st_size - 1), Kind.JOURNAL_DAMAGED),
    "bit in page 1": (lambda home: flip(home.journal, 100), Kind.JOURNAL_DAMAGED),
    "bit in the seal of page 1": (lambda home: flip(home.journal, PAGE - 6), Kind.JOURNAL_DAMAGED),
    "bit in the middle": (lambda home: flip(home.journal, 5 * PAGE + 99), Kind.JOURNAL_DAMAGED),
    "first page zeroed": (
        lambda home: home.journal.write_bytes(bytes(PAGE) + home.journal.read_bytes()[PAGE:]),
        Kind.JOURNAL_DAMAGED,
    ),
    "plain SQLite": (lambda home: put_plain_sqlite(home.journal), Kind.JOURNAL_FOREIGN),
    "garbage": (lambda home: write_garbage(home.journal), Kind.JOURNAL_FOREIGN),
    "key file gone": (lambda home: home.key_slots.unlink(), Kind.JOURNAL_DAMAGED),
    "key file empty": (lambda home: cut(home.key_slots, 0), Kind.JOURNAL_DAMAGED),
    "key file cut": (lambda home: cut(home.key_slots, 100), Kind.JOURNAL_DAMAGED),
    "key file a list": (lambda home: home.key_slots.write_text("[]"), Kind.JOURNAL_DAMAGED),
    "key file deep": (lambda home: home.key_slots.write_text("[" * 50_000), Kind.JOURNAL_DAMAGED),
    "key file huge": (lambda home: home.key_slots.write_bytes(b" " * 10_000_000), Kind.JOURNAL_DAMAGED),
    "key file binary": (lambda home: home.key_slots.write_bytes(b"\xff\x00" * 50), Kind.JOURNAL_DAMAGED),
    "key file of a later format": (
        lambda home: change_slots(home.key_slots, format=2),
        Kind.JOURNAL_FOREIGN,
    ),
    "key check changed": (lambda home: change_slots(home.key_slots, check="AAAA"), Kind.JOURNAL_DAMAGED),
    "keyring slot changed": (lambda home: spoil_slot(home.key_slots), Kind.JOURNAL_DAMAGED),
}


def contents(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.data.iterdir() if path.is_file()}


async def write_some(opened: Opener, **secrets: object) -> None:
    journal = await opened(**secrets)
    for number in range(20):
        await tell(journal, f"Thought {number}. " * 50)
    await journal.close()


@pytest.mark.parametrize("name", DAMAGES)
async def test_each_damage_has_its_name_and_nothing_is_touched(opened: Opener, home: Home, name: str) -> None:
    damage, kind = DAMAGES[name]
    await write_some(opened)
    damage(home)
    before = contents(home)
    for _ in range(2):
        with pytest.raises(CompanionError) as caught:
            await open_journal(home, wrapping_key=KEYRING)
        assert caught.value.kind is kind
    assert contents(home).items() >= before.items()
    assert set(contents(home)) - set(before) <= {"journal.db-shm", "journal.db-wal"}


@pytest.mark.parametrize("name", ["database gone", "plain SQLite", "key file gone", "key file cut"])
async def test_what_needs_no_key_is_told_before_a_passphrase_is_asked(
    opened: Opener, home: Home, name: str
) -> None:
    damage, kind = DAMAGES[name]
    await write_some(opened, passphrase=PASSPHRASE)
    damage(home)
    with pytest.raises(CompanionError) as caught:
        look_at(home)
    assert caught.value.kind is kind


async def test_a_damaged_passphrase_slot_is_not_called_a_wrong_passphrase(opened: Opener, home: Home) -> None:
    await write_some(opened, passphrase=PASSPHRASE)
    spoil_slot(home.key_slots)
    with pytest.raises(CompanionError) as caught:
        await open_journal(home, passphrase=PASSPHRASE)
    assert caught.value.kind is Kind.JOURNAL_DAMAGED


async def test_a_large_journal_is_open_before_it_is_checked(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CHECKED_AT_ONCE", 0)
    first = await opened()
    await tell(first, "One long thought. " * 20_000)
    await first.close()
    middle = home.journal.stat().st_size // 2
    await write_some(opened)
    sound = await opened()
    await sound.check()
    await sound.check()
    await sound.close()
    await sound.check()
    flip(home.journal, middle)
    journal = await opened()
    assert await journal.list.count() == 21
    with pytest.raises(CompanionError) as caught:
        await journal.check()
    assert (caught.value.kind, caught.value.actions) == (Kind.JOURNAL_DAMAGED, (Action.SHOW_FILE,))
    await tell(journal, "Still writing.")


@pytest.mark.parametrize("way", ["closed", "cancelled"])
async def test_the_end_does_not_wait_for_a_check(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The check goes on for as long as nobody ends it."""
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    begun = threading.Event()

    def check(connection: Any) -> None:
        begun.set()
        connection.execute(endless)

    await write_some(opened)
    monkeypatch.setattr(database, "CHECKED_AT_ONCE", 0)
    journal = await opened()
    monkeypatch.setattr(database, "_check", check)
    checking = spawn(journal.check(), name="check", is_awaited=True)
    await asyncio.to_thread(begun.wait)
    await asyncio.sleep(0.05)
    await tell(journal, "Meanwhile.")
    if way == "closed":
        await journal.close()
        await checking
    else:
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking


async def test_a_damaged_salt_does_no_harm(opened: Opener, home: Home) -> None:
    await write_some(opened)
    flip(home.journal, 3)
    assert len(await (await opened()).sessions()) == 20


async def _other_journal(home: Home, tmp_path: Path) -> Home:
    other = Home(config=tmp_path / "o", data=tmp_path / "other", state=tmp_path / "o")
    journal = await open_journal(other, wrapping_key=KEYRING)
    await tell(journal, "Somebody else's.")
    await journal.close()
    return other


async def test_the_database_of_another_journal_is_foreign(opened: Opener, home: Home, tmp_path: Path) -> None:
    await write_some(opened)
    other = await _other_journal(home, tmp_path)
    shutil.copy(other.journal, home.journal)
    before = contents(home)
    with pytest.raises(CompanionError) as caught:
        await open_journal(home, wrapping_key=KEYRING)
    assert caught.value.kind is Kind.JOURNAL_FOREIGN
    assert contents(home).items() >= before.items()


async def test_the_same_key_with_another_identity_is_foreign(opened: Opener, home: Home) -> None:
    journal = await opened()
    await journal._writer.run(
        lambda: journal.tables.connection.execute("UPDATE identity SET journal_id = 'somebody else'")
    )
    await tell(journal, "Hello.")
    await journal.close()
    with pytest.raises(CompanionError) as caught:
        await open_journal(home, wrapping_key=KEYRING)
    assert caught.value.kind is Kind.JOURNAL_FOREIGN


async def test_a_database_without_its_identity_is_damaged_once_it_held_entries(
    opened: Opener, home: Home
) -> None:
    journal = await opened()
    await tell(journal, "Hello.")
    await journal._writer.run(lambda: journal.tables.connection.execute("DELETE FROM identity"))
    await journal.close()
    with pytest.raises(CompanionError) as caught:
        await open_journal(home, wrapping_key=KEYRING)
    assert caught.value.kind is Kind.JOURNAL_DAMAGED


async def test_the_log_of_another_journal_does_no_harm(opened: Opener, home: Home, tmp_path: Path) -> None:
    await write_some(opened)
    other = Home(config=tmp_path / "o", data=tmp_path / "other", state=tmp_path / "o")
    theirs = await open_journal(other, wrapping_key=KEYRING)
    await tell(theirs, "Somebody else's.")
    shutil.copy(other.journal.with_name("journal.db-wal"), home.journal.with_name("journal.db-wal"))
    await theirs.close()
    with pytest.raises(CompanionError) as caught:
        await open_journal(home, wrapping_key=KEYRING)
    assert caught.value.kind is Kind.JOURNAL_DAMAGED


async def test_a_journal_that_was_never_used_is_simply_made_again(opened: Opener, home: Home) -> None:
    await (await opened()).close()
    home.journal.unlink()
    session_id, _ = await tell(await opened(), "First words.")
    assert session_id == 1


async def test_a_start_cut_off_between_key_file_and_database_goes_on(opened: Opener, home: Home) -> None:
    await (await opened()).close()
    cut(home.journal, 0)
    await tell(await opened(), "First words.")


async def test_an_older_journal_is_brought_up_to_date_with_all_its_turns(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_some(opened)
    newer = (
        *migrations.MIGRATIONS,
        ("ALTER TABLE turn ADD COLUMN mood REAL", "CREATE TABLE theme (name TEXT)"),
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", newer)
    monkeypatch.setattr("companion.journal.database.MIGRATIONS", newer)
    journal = await opened()
    assert len(await journal.sessions()) == 20
    await tell(journal, "Still writing.")


async def test_a_migration_that_fails_leaves_the_old_version(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_some(opened)
    broken = (*migrations.MIGRATIONS, ("CREATE TABLE theme (name TEXT)", "ALTER TABLE nothing ADD COLUMN x"))
    with monkeypatch.context() as later:
        later.setattr(migrations, "MIGRATIONS", broken)
        later.setattr("companion.journal.database.MIGRATIONS", broken)
        with pytest.raises(CompanionError) as caught:
            await open_journal(home, wrapping_key=KEYRING)
    assert caught.value.kind is Kind.JOURNAL_UNSAVED
    assert len(await (await opened()).sessions()) == 20


async def test_a_folder_in_the_way_is_told(home: Home) -> None:
    home.data.parent.mkdir(parents=True)
    home.data.write_text("a file where the folder should be")
    with pytest.raises(CompanionError) as caught:
        await open_journal(home, passphrase=PASSPHRASE, cost=CHEAP)
    assert caught.value.kind is Kind.JOURNAL_UNSAVED


async def test_a_journal_set_aside_can_be_put_back(opened: Opener, home: Home) -> None:
    await write_some(opened)
    take = (await opened()).spool()
    take.write(b"\0" * 32_000)
    await take.finish()
    aside = set_aside(home)
    assert look_at(home).is_new
    assert {path.name for path in aside.iterdir()} >= {"journal.db", "keyslots.json", "takes"}
    for path in aside.iterdir():
        path.rename(home.data / path.name)
    assert len(await (await opened()).sessions()) == 20


async def test_entries_are_marked_before_the_first_words_are_kept(opened: Opener, home: Home) -> None:
    journal = await opened()
    await journal.begin_session("open")
    slots = read_slots(home.key_slots)
    assert slots is not None
    assert not slots.has_entries
    await tell(journal, "First words.")
    slots = read_slots(home.key_slots)
    assert slots is not None
    assert slots.has_entries


async def _copy(home: Home, tmp_path: Path, *names: str) -> Home:
    copied = Home(config=tmp_path / "c", data=tmp_path / "copied", state=tmp_path / "c")
    copied.data.mkdir()
    for name in names:
        shutil.copy(home.data / name, copied.data / name)
    return copied


async def test_a_copy_made_a_moment_after_the_last_word_is_whole(
    opened: Opener, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SETTLED_S", 0.0)
    journal = await opened()
    for words in ("One.", "Two.", "Three."):
        await tell(journal, words)
        await asyncio.sleep(0.01)
    await journal.draft()  # what was queued before is done
    copied = await _copy(home, tmp_path, "journal.db", "keyslots.json")
    copy = await open_journal(copied, wrapping_key=KEYRING)
    assert (await copy.list.count(), copy.lacks_newest) == (3, False)
    await copy.close()


@pytest.mark.parametrize("told_before", [0, 2])
async def test_a_copy_that_lacks_its_newest_turns_says_so(
    opened: Opener, home: Home, tmp_path: Path, told_before: int
) -> None:
    """Made in the moment before the log is moved into the file; `told_before`: turns of an earlier run."""
    earlier = await opened()
    for _ in range(told_before):
        await tell(earlier, "Before.")
    await earlier.close()
    journal = await opened()
    await tell(journal, "Newest.")
    copied = await _copy(home, tmp_path, "journal.db", "keyslots.json")
    for _ in range(2):  # until something is written
        copy = await open_journal(copied, wrapping_key=KEYRING)
        assert (await copy.list.count(), copy.lacks_newest) == (told_before, True)
        await copy.close()
    copy = await open_journal(copied, wrapping_key=KEYRING)
    await tell(copy, "Going on.")
    await tell(copy, "And on.")
    await copy.close()
    copy = await open_journal(copied, wrapping_key=KEYRING)
    assert not copy.lacks_newest
    await copy.close()


async def test_a_journal_whose_turns_were_deleted_for_good_or_never_came_is_whole(
    opened: Opener, home: Home
) -> None:
    journal = await opened()
    session_id, _ = await tell(journal, "Let it go.")
    await journal.changing.delete_for_good([session_id])
    await journal.close()
    journal = await opened()
    assert not journal.lacks_newest
    await journal._writer.run(lambda: journal._keys().expect(7))  # killed before that turn came
    await journal.close()
    assert not (await opened()).lacks_newest


async def test_a_log_that_is_gone_is_noticed_also_where_an_older_version_wrote(
    opened: Opener, home: Home, tmp_path: Path
) -> None:
    journal = await opened()
    await tell(journal, "Newest.")
    copied = await _copy(home, tmp_path, "journal.db", "keyslots.json")
    fields = json.loads(copied.key_slots.read_text())
    del fields["last_turn"]
    copied.key_slots.write_text(json.dumps(fields))
    copy = await open_journal(copied, wrapping_key=KEYRING)
    assert copy.lacks_newest
    await copy.close()
