"""Recordings that are kept lie beside the backups once, come back with them, and go when they are deleted."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from companion.journal.backed_sounds import folder_beside, held_in, kept_in, try_all
from companion.journal.backups import make_backup, restore_backup, slots_for
from companion.journal.copies import folder_of
from companion.journal.store import SqlJournal, open_journal
from companion.paths import Home
from tests.journal.conftest import KEYRING, Opener, bytes_on_disk, tell
from tests.journal.test_backups import keys_of

SECOND = b"\1\0" * 16_000


async def with_sound(journal: SqlJournal, text: str) -> tuple[int, str]:
    session_id, turn_id = await tell(journal, text)
    await journal.keep_answer(turn_id, SECOND, goes_on=False)
    (turn,) = await journal.turns(session_id)
    return session_id, turn.sounds[0].take_id


async def test_they_are_copied_once_and_go_when_they_are_deleted(opened: Opener, home: Home) -> None:
    journal = await opened()
    first, gone = await with_sound(journal, "To delete.")
    _, stays = await with_sound(journal, "To keep.")
    waits = await journal.sounds.seal(SECOND)  # its words are not known: it is no recording that is kept
    key, slots = await keys_of(home)
    folder, now = folder_of(home.journal), time.time()
    beside = folder_beside(folder, slots.journal_id)
    make_backup(home, folder, key, slots.journal_id, now)
    assert sorted(path.stem for path in beside.iterdir()) == sorted((gone, stays))
    assert SECOND[:2000] not in bytes_on_disk(beside)
    written = {path.name: path.stat().st_mtime_ns for path in beside.iterdir()}
    await journal.changing.delete_for_good([first])
    await journal.clear_backups(home)
    assert [path.stem for path in beside.iterdir()] == [stays]
    make_backup(home, folder, key, slots.journal_id, now + 7200)
    assert {path.name: path.stat().st_mtime_ns for path in beside.iterdir()} == {
        f"{stays}.take": written[f"{stays}.take"]
    }
    assert waits in {path.stem for path in home.takes.iterdir()}


async def test_they_come_back_with_the_journal_on_another_computer(
    opened: Opener, home: Home, tmp_path: Path
) -> None:
    journal = await opened()
    _, take_id = await with_sound(journal, "By the weir.")
    await journal.close()
    key, slots = await keys_of(home)
    made = make_backup(home, tmp_path / "drive", key, slots.journal_id, time.time())
    there = Home(config=tmp_path / "c", data=tmp_path / "d", state=tmp_path / "s")
    there.data.mkdir()
    shutil.copyfile(home.key_slots, there.key_slots)
    joined, _ = restore_backup(there, made.path, key, slots)
    assert joined.recordings == 1
    other = await open_journal(there, wrapping_key=KEYRING)
    assert await other.read_take(take_id) == SECOND
    assert await other.waiting_takes() == []
    await other.close()
    again, _ = restore_backup(there, made.path, key, slots)
    assert again.recordings == 0  # they are there already


async def test_a_backup_of_another_journal_takes_in_what_was_begun_meanwhile(
    opened: Opener, home: Home, tmp_path: Path
) -> None:
    """A new computer, on which something was said before the old journal was brought back."""
    journal = await opened()
    _, old_take = await with_sound(journal, "By the weir.")
    await journal.close()
    key, slots = await keys_of(home)
    made = make_backup(home, tmp_path / "drive", key, slots.journal_id, time.time())
    there = Home(config=tmp_path / "c", data=tmp_path / "d", state=tmp_path / "s")
    begun = await open_journal(there, wrapping_key=bytes(32))
    _, new_take = await with_sound(begun, "Said on the new one.")
    present = begun.key_and_id
    await begun.close()
    for opens in (None, present):
        found = slots_for(there, made.path)
        assert found is not None
        assert found.journal_id == slots.journal_id
        joined, aside = restore_backup(there, made.path, key, found, opens)
        assert aside is not None
        assert {"journal.db", "keyslots.json", "takes"} <= {path.name for path in aside.iterdir()}
        other = await open_journal(there, wrapping_key=KEYRING)
        texts = {session.title for session in await other.list.page()}
        assert texts == {"By the weir."} | ({"Said on the new one."} if opens else set())
        assert joined.turns == (1 if opens else 0)
        for take_id in (old_take, *([new_take] if opens else [])):
            assert await other.read_take(take_id) == SECOND
        assert await other.waiting_takes() == []
        await other.close()
        if opens is None:  # once more, from before
            shutil.rmtree(there.takes)
            for path in there.data.glob("journal.db*"):
                path.unlink()
            there.key_slots.unlink()
            for path in aside.iterdir():
                path.rename(there.data / path.name)
            aside.rmdir()


async def test_every_one_is_opened_to_its_end_where_it_is_verified(opened: Opener, home: Home) -> None:
    journal = await opened()
    ids = [(await with_sound(journal, f"{number}"))[1] for number in range(4)]
    key, slots = await keys_of(home)
    assert sorted(kept_in(home.journal, key, slots.journal_id, is_living=True)) == sorted(ids)
    (home.takes / f"{ids[0]}.take").unlink()
    torn = home.takes / f"{ids[1]}.take"
    content = bytearray(torn.read_bytes())
    content[-5] ^= 1
    torn.write_bytes(content)
    tried = try_all(home.takes, key, ids)
    assert (tried.sound, tried.missing, tried.damaged) == (2, 1, 1)
    assert held_in(home.takes).count == 3
