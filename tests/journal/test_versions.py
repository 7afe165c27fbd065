"""A journal of an older version becomes one of now, with a copy of it first; one of a newer version can be read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from companion.errors import CompanionError, Kind
from companion.journal import database, migrations
from companion.journal.database import copy_before_version
from companion.journal.store import SqlJournal, open_journal
from companion.journal.tables import insert
from companion.kinds import ReplyState
from companion.paths import Home, find_home
from tests.journal import child
from tests.journal.conftest import Opener, bytes_on_disk, tell
from tests.reliability.proof import prove

NOW = migrations.MIGRATIONS
SAID = [f"Thought {number}." for number in range(5)]


async def make_old(opened: Opener, patch: pytest.MonkeyPatch, version: int) -> None:
    """A journal as that version left it: five reflections of one turn, the last one without an answer."""
    with patch.context() as before:
        before.setattr(migrations, "MIGRATIONS", NOW[:version])
        journal = await opened(wrapping_key=child.KEY)
        connection = journal.tables.connection

        def put(table: str, **row: object) -> None:
            if version >= 3:
                insert(connection, table, row)
            else:
                sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
                connection.execute(sql, tuple(row.values()))

        def write() -> None:
            for number, text in enumerate(SAID):
                put("session", started_at=number, practice="open")
                state = "partial" if text == SAID[-1] else "whole"
                put("turn", session_id=number + 1, at=number, user_text=text, reply_state=state)

        await journal._writer.run(write)
        await journal._writer.run(lambda: journal._keys().expect(1))
        await journal.close()


async def words_of(journal: SqlJournal) -> list[str]:
    listed = await journal.sessions()
    return [turn.user_text for session in reversed(listed) for turn in await journal.turns(session.id)]


@pytest.mark.parametrize("version", range(1, len(NOW)))
async def test_an_older_journal_keeps_all_and_gets_names(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    await make_old(opened, monkeypatch, version)
    journal = await opened(wrapping_key=child.KEY)
    assert await words_of(journal) == SAID
    listed = await journal.sessions()
    turns = [turn for session in listed for turn in await journal.turns(session.id)]
    names = [each.uid for each in (*listed, *turns)]
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)
    assert len(set(names)) == 2 * len(SAID)
    assert [turn.reply_state for turn in turns].count(ReplyState.PARTIAL) == 1
    assert {(each.mood_before, each.is_starred, each.tags, each.deleted_at) for each in listed} == {
        (None, False, (), None)
    }
    await journal.changing.set_title(listed[0].id, "Named now")
    await tell(journal, "Still writing.")


async def test_the_older_one_stays_beside_it_whole_and_sealed(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_old(opened, monkeypatch, 2)
    await (await opened(wrapping_key=child.KEY)).close()
    copy = copy_before_version(home.journal, len(NOW))
    assert copy.stat().st_mode & 0o077 == 0
    assert b"Thought" not in bytes_on_disk(home.data)
    shutil.copy(copy, home.journal)
    with monkeypatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", NOW[:2])
        before.setattr(database, "MIGRATIONS", NOW[:2])
        journal = await opened(wrapping_key=child.KEY)

        def words(connection: Any) -> list[str]:
            rows = connection.execute("SELECT user_text FROM turn ORDER BY id")
            return [row[0] for row in rows]

        assert await journal.tables.read(words) == SAID
        await journal.close()


async def test_a_new_journal_and_one_of_now_are_not_copied(opened: Opener, home: Home) -> None:
    await (await opened()).close()
    await (await opened()).close()
    assert not (home.data / "backups").exists()


@pytest.mark.parametrize("way", ["no room", "no folder", "not like it"])
async def test_without_a_good_copy_nothing_is_changed(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    await make_old(opened, monkeypatch, 2)
    before = home.journal.read_bytes()
    with monkeypatch.context() as now:
        if way == "no room":

            def refuse(*_: object) -> None:
                raise OSError(28, "No space left on device")

            now.setattr("os.fsync", refuse)
        elif way == "no folder":
            (home.data / "backups").write_text("a file is in the way")
        else:
            counts = iter([(1,), (2,)])
            now.setattr(database, "_counts", lambda _: next(counts))
        with pytest.raises(CompanionError) as caught:
            await open_journal(home, wrapping_key=child.KEY)
    kinds = {
        "no room": Kind.DISK_FULL,
        "no folder": Kind.JOURNAL_UNSAVED,
        "not like it": Kind.JOURNAL_DAMAGED,
    }
    assert caught.value.kind is kinds[way]
    assert home.journal.read_bytes() == before
    if way == "no folder":
        (home.data / "backups").unlink()
    else:
        assert list((home.data / "backups").iterdir()) == []
    assert await words_of(await opened(wrapping_key=child.KEY)) == SAID


def open_dying(root: Path, every: int) -> dict[str, str]:
    """Opens copies of a journal, each in a process that is killed at another moment; how often, of what."""
    command = [sys.executable, child.__file__, "migrate", str(root), str(every)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(line.split(" ", 1) for line in run.stdout.splitlines())


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
async def test_killed_at_any_statement_and_step_nothing_is_lost(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    await make_old(opened, monkeypatch, 1)
    root = home.data.parent
    ends = open_dying(root, every)
    statements = 1 + sum(len(version) + 3 for version in NOW[1:])
    assert int(ends["statement"].removesuffix(" 0")) > statements  # it came through, after the last one
    assert int(ends["step"].removesuffix(" 0")) > 5
    killed = sorted(root.parent.glob(f"{root.name}.st*-*"))
    assert len(killed) > statements // every + 5
    for copy in killed:
        await _is_whole(copy)
    prove(14, "rows lost to kills while a journal changes its version", 0, 0, cases=len(killed))


async def _is_whole(root: Path) -> None:
    journal = await open_journal(find_home(root), wrapping_key=child.KEY)
    try:
        assert await words_of(journal) == SAID, root.name
        turn_id = await journal.save_user(1, "And now.", 1.0, 0)
        assert [turn.id for turn in await journal.turns(1)] == [1, turn_id]
        assert [path.suffix for path in (root / "data/backups").iterdir()] == [".db"]
    finally:
        await journal.close()


# -- a newer version ----------------------------------------------------------------------------------------


@pytest.fixture
async def newer(opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch) -> SqlJournal:
    """A journal of a version to come, opened by this one."""
    to_come = (*NOW, ("ALTER TABLE turn ADD COLUMN colour TEXT", "CREATE TABLE dream (words TEXT)"))
    with monkeypatch.context() as later:
        later.setattr(migrations, "MIGRATIONS", to_come)
        later.setattr(database, "MIGRATIONS", to_come)
        journal = await opened(wrapping_key=child.KEY)
        session_id, _ = await tell(journal, "Said to a later one.")
        await journal.changing.set_labels(session_id, tags=["sea"])
        await journal.close()
    return await opened(wrapping_key=child.KEY)


async def test_a_newer_journal_can_be_read(newer: SqlJournal, home: Home) -> None:
    before = home.journal.read_bytes()
    (session,) = await newer.sessions()
    assert (session.title, session.tags) == ("Said to a later one.", ("sea",))
    assert await words_of(newer) == ["Said to a later one."]
    assert newer.is_read_only
    await newer.close()
    assert home.journal.read_bytes() == before
    assert not (home.data / "backups").exists()


WRITES: dict[str, Callable[[SqlJournal], Awaitable[object]]] = {
    "begin": lambda journal: journal.begin_session("open"),
    "say": lambda journal: journal.save_user(1, "More.", 1.0),
    "answer": lambda journal: journal.save_sentence(1, "More."),
    "finish": lambda journal: child.finish(journal, 1, "More."),
    "title": lambda journal: journal.changing.set_title(1, "Mine"),
    "edit": lambda journal: journal.changing.edit_words(1, "Mine"),
    "delete": lambda journal: journal.changing.delete([1]),
    "delete a turn": lambda journal: journal.changing.delete_turn(1),
    "merge": lambda journal: journal.changing.merge(1, []),
}


@pytest.mark.parametrize("name", WRITES)
async def test_whatever_would_change_a_newer_one_says_why_it_does_not(
    newer: SqlJournal, home: Home, name: str
) -> None:
    before = home.journal.read_bytes()
    with pytest.raises(CompanionError) as caught:
        await WRITES[name](newer)
    assert caught.value.kind is Kind.JOURNAL_UNSAVED
    assert "newer" in caught.value.message
    assert "newer version" in caught.value.hint
    assert home.journal.read_bytes() == before


async def test_even_a_write_that_forgot_to_ask_is_refused(newer: SqlJournal) -> None:
    with pytest.raises(CompanionError):
        await newer._writer.run(lambda: newer.tables.connection.execute("DELETE FROM turn"))
