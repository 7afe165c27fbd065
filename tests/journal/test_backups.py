"""Backups are whole, thinned, and bring a damaged journal back with what was said since."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.journal import backups
from companion.journal.backups import Backup, list_backups, look_into, make_backup, restore_backup, too_many
from companion.journal.copies import folder_of
from companion.journal.store import open_journal
from companion.paths import Home
from tests.journal.conftest import KEYRING, Opener, tell
from tests.reliability.proof import prove

PAGE = 4096
BEFORE, SINCE = 40, 20


async def keys_of(home: Home) -> tuple:
    slots = backups.slots_of(home, folder_of(home.journal))
    assert slots is not None
    key, _ = await slots.unlock(wrapping_key=KEYRING, passphrase=None)
    return key, slots


async def texts(home: Home) -> set[str]:
    journal = await open_journal(home, wrapping_key=KEYRING)
    sql = "SELECT user_text FROM turn"
    found = await journal.tables.read(lambda connection: connection.execute(sql).fetchall())
    await journal.close()
    return {row[0] for row in found}


async def with_backup(opened: Opener, home: Home, times: int = 1) -> Backup:
    """A journal with `BEFORE` turns in a backup and `SINCE` more, or so many times that."""
    journal = await opened()
    for number in range(times * BEFORE):
        await tell(journal, f"Before {number}. " + "So much more to say. " * 40)
    key, slots = await keys_of(home)
    made = make_backup(home, folder_of(home.journal), key, slots.journal_id, time.time())
    for number in range(times * SINCE):
        await tell(journal, f"Since {number}. " + "So much more to say. " * 40)
    await journal.close()
    return made


async def test_a_backup_made_while_the_journal_is_written_is_whole_and_can_be_looked_into(
    opened: Opener, home: Home
) -> None:
    made = await with_backup(opened, home)
    key, slots = await keys_of(home)
    about = look_into(made.path, key, slots.journal_id)
    assert (about.reflections, about.turns) == (BEFORE, BEFORE)
    assert about.lines[0][1].startswith("Before")
    assert list_backups(folder_of(home.journal), slots.journal_id) == [made]
    with pytest.raises(CompanionError) as caught:
        look_into(made.path, key, "somebody else's")
    assert caught.value.kind is Kind.JOURNAL_FOREIGN


def test_backups_are_thinned_and_the_last_one_never_goes() -> None:
    now = time.time()
    ages_h = [0, 0.2, 0.4, *range(1, 24), *range(24, 24 * 200, 5)]
    made = [Backup(Path(f"{age}"), now - age * 3600, 1) for age in ages_h]
    gone = too_many(made, now)
    stay = [each for each in made if each not in gone]
    assert made[0] in stay
    assert 24 <= sum(now - each.made_at < 86_400 for each in stay) <= 25
    assert 29 <= sum(86_400 <= now - each.made_at < 31 * 86_400 for each in stay) <= 32
    assert 5 <= sum(now - each.made_at >= 31 * 86_400 for each in stay) <= 8
    old = Backup(Path("old"), now - 900 * 86_400, 1)
    assert too_many([old], now) == []


@pytest.mark.parametrize("fault", ["a file in the way", "full"])
async def test_a_backup_that_fails_is_told_and_the_old_ones_stay(
    opened: Opener, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    made = await with_backup(opened, home)
    key, slots = await keys_of(home)
    folder, kind = made.path.parent, Kind.DISK_FULL
    if fault == "full":

        def refuse(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("companion.journal.database.os.fsync", refuse)
    else:
        folder, kind = tmp_path / "drive", Kind.FOLDER_UNUSABLE
        folder.write_text("")
    with pytest.raises(CompanionError) as caught:
        make_backup(home, folder, key, slots.journal_id, time.time() + 7200)
    assert caught.value.kind is kind
    assert [path.suffix for path in made.path.parent.iterdir() if path.suffix != ".json"] == [".db"]


async def damages_restored(opened: Opener, home: Home, times: int, size: int = 1) -> None:
    """Each another page: told at the next start, restored, and what was said since is there as far as it can be read."""
    made = await with_backup(opened, home, size)
    key, slots = await keys_of(home)
    sound, keys = home.journal.read_bytes(), home.key_slots.read_bytes()
    draw = random.Random(13)
    detected = restored = salvaged = 0
    for number in range(times):
        home.key_slots.write_bytes(keys)
        page = number % (len(sound) // PAGE) if times > 100 else draw.randrange(len(sound) // PAGE)
        damaged = bytearray(sound)
        damaged[page * PAGE + draw.randrange(16, PAGE)] ^= 1 << draw.randrange(8)
        home.journal.write_bytes(damaged)
        try:
            await (await open_journal(home, wrapping_key=KEYRING)).close()
        except CompanionError as error:
            detected += error.kind is Kind.JOURNAL_DAMAGED
        _, aside = restore_backup(home, made.path, key, slots)
        assert aside is not None
        assert (aside / "journal.db").read_bytes() == bytes(damaged)
        now = await texts(home)
        restored += sum(text.startswith("Before") for text in now) == size * BEFORE
        salvaged += sum(text.startswith("Since") for text in now)
        for path in aside.iterdir():
            path.unlink()
        aside.rmdir()
    prove(
        11, "single-page damages not told at the next start", times - detected, 0, cases=times, unit="damages"
    )
    prove(11, "damages after which a backup did not come back", times - restored, 0, cases=times)
    share = 100 * salvaged / (times * size * SINCE)
    prove(
        11,
        "newer turns read out of a damaged file",
        share,
        95 if times > 100 else 80,
        cases=times,
        unit="%",
        at_least=True,
    )


async def test_a_damaged_page_is_told_and_restored_with_what_was_said_since(
    opened: Opener, home: Home
) -> None:
    await damages_restored(opened, home, 12)


@pytest.mark.long
async def test_500_damaged_pages(opened: Opener, home: Home) -> None:
    await damages_restored(opened, home, 500, size=3)


async def test_a_backup_replaces_a_journal_that_is_gone_or_belongs_to_nobody(
    opened: Opener, home: Home
) -> None:
    made = await with_backup(opened, home)
    key, slots = await keys_of(home)
    home.journal.unlink()
    _, aside = restore_backup(home, made.path, key, slots)
    assert aside is None
    assert len(await texts(home)) == BEFORE
    home.journal.write_bytes(b"no journal at all" * 1000)
    _, aside = restore_backup(home, made.path, key, slots)
    assert aside is not None
    assert len(await texts(home)) == BEFORE


async def test_two_copies_that_went_apart_are_joined_without_losing_a_turn(
    opened: Opener, home: Home, tmp_path: Path
) -> None:
    journal = await opened()
    for number in range(3):
        await tell(journal, f"Together {number}.")
    await journal.close()
    other = Home(config=tmp_path / "o", data=tmp_path / "other", state=tmp_path / "o")
    other.data.mkdir()
    for name in (home.journal, home.key_slots):
        (other.data / name.name).write_bytes(name.read_bytes())
    for place, word in ((home, "Here"), (other, "There")):
        at = await open_journal(place, wrapping_key=KEYRING)
        for number in range(4):
            await tell(at, f"{word} {number}.")
        await at.close()
    key, slots = await keys_of(home)
    journal = await opened()

    def merge(connection: object) -> backups.Joined:
        return backups.merge_file(connection, other.journal, key, slots.journal_id)

    for expected in (4, 0):
        joined = await journal.tables.read(merge)
        assert (joined.sessions, joined.turns, joined.unread) == (expected, expected, 0)
    await journal.close()
    assert len(await texts(home)) == 11
