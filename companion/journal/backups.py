"""Backups of the journal: made beside whoever writes, verified, thinned, looked into, restored. Blocking; for a thread.

`journal-<id>-<UTC>.db` and, for another computer, the keys beside it: `keyslots-<id>.json`. As encrypted as the journal.
Recordings that are kept lie beside them once: `recordings-<id>/`.
Kept: every hour of a day, every day of a month, every month after. One goes only once a newer one was opened and checked.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlcipher3 import dbapi2

from companion.errors import CompanionError, Kind
from companion.journal.backed_sounds import (
    copy_sounds,
    folder_beside,
    kept_in,
    put_back,
    remove_others,
    reseal_all,
)
from companion.journal.backup_folders import KnownFolder, forget, known_folders, lost, remember
from companion.journal.copies import new_aside
from companion.journal.database import (
    PAGE_BYTES,
    back_up,
    bad_pages,
    clear_copy,
    open_database,
    open_for_look,
    verdict,
)
from companion.journal.keys import KeySlots, read_slots, write_slots
from companion.journal.salvage import Joined, join
from companion.journal.writer import unsaved
from companion.language import tr
from companion.log import Secret
from companion.paths import Home, sync_folder, write_atomically
from companion.places import unusable

if TYPE_CHECKING:
    from sqlite3 import Connection

_NAME = re.compile(r"journal-([0-9a-f]{8})-(\d{8}-\d{6})\.db")
_STAMP = "%Y%m%d-%H%M%S"
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_MONTH_DAYS = 31
_LINES = 5
_MENDED, _TAKES = "mended.db", "restoring-takes"
Present = tuple["Secret", str]
"""What opens the journal of this home: its key, and which it is."""
_UNKNOWN_IDS = 2_000
"""How far above a backup's last id a damaged file is searched that does not say how far it goes."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One file in the folder of backups."""

    path: Path
    made_at: float
    bytes: int
    is_other: bool = False
    """It is of another journal than that of this home."""


@dataclass(frozen=True, slots=True)
class About:
    """What is in one."""

    reflections: int
    turns: int
    lines: Sequence[tuple[float, str]]
    """When the newest reflections began, and their first words."""


def list_backups(folder: Path, journal_id: str, *, and_others: bool = False) -> list[Backup]:
    """Those of this journal, newest first; none where there is no such folder. Raises OSError.

    Args:
        and_others: after them those of other journals: one began anew on this computer, and the drive has the old one's.
    """
    found = []
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            named = _NAME.fullmatch(path.name)
            is_other = named is not None and named[1] != journal_id[:8]
            if named and (and_others or not is_other):
                made = datetime.strptime(named[2], _STAMP).replace(tzinfo=UTC)
                found.append(Backup(path, made.timestamp(), path.stat().st_size, is_other))
    return sorted(found, key=lambda backup: (backup.is_other, -backup.made_at))


def make_backup(home: Home, folder: Path, key: Secret, journal_id: str, now: float) -> Backup:
    """A new one, opened and checked; those that are too many now go.

    Raises:
        CompanionError: FOLDER_UNUSABLE, DISK_FULL, JOURNAL_DAMAGED, JOURNAL_UNSAVED; those of before stay.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime(_STAMP)
    target = folder / f"journal-{journal_id[:8]}-{stamp}.db"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        remember(home, folder, now)
        back_up(home.journal, target, key, journal_id)
        write_atomically(folder / f"keyslots-{journal_id[:8]}.json", home.key_slots.read_bytes())
        made = list_backups(folder, journal_id)
        for each in too_many(made, now):
            each.path.unlink(missing_ok=True)
        sync_folder(folder)
        kept = kept_in(target, key, journal_id)
        copy_sounds(home.takes, folder_beside(folder, journal_id), kept)
    except OSError as error:
        raise unusable(folder, error) from error
    except dbapi2.Error as error:
        raise _failed(error) from error
    return next(each for each in made if each.path == target)


def _failed(error: dbapi2.Error) -> CompanionError:
    told = unsaved(error)
    if told.kind is Kind.DISK_FULL:
        return CompanionError(
            told.kind, hint=tr("Backups of before stay. Make room, then try again."), cause=error
        )
    hint = tr("Backups of before stay. It is tried again in half an hour.")
    return CompanionError(told.kind, tr("The journal could not be backed up."), hint=hint, cause=error)


def too_many(backups: Iterable[Backup], now: float) -> list[Backup]:
    """Those that may go: all but the newest of each hour of a day, each day of a month, each month."""
    kept, gone = set[str](), []
    for each in sorted(backups, key=lambda backup: backup.made_at, reverse=True):
        age = now - each.made_at
        made = datetime.fromtimestamp(each.made_at, UTC)
        if age < _DAY_S:
            bucket = f"{made:%Y-%m-%d %H}"
        else:
            bucket = f"{made:%Y-%m-%d}" if age < _MONTH_DAYS * _DAY_S else f"{made:%Y-%m}"
        if kept and bucket in kept:
            gone.append(each)
        kept.add(bucket)
    return gone


def look_into(path: Path, key: Secret, journal_id: str) -> About:
    """Opens one and reads every page of it.

    Raises:
        CompanionError: JOURNAL_DAMAGED, JOURNAL_FOREIGN, JOURNAL_MISSING.
    """
    try:
        with closing(open_for_look(path, key, journal_id, is_whole=True)) as look:
            reflections, lines = _reflections(look)
            (turns,) = look.execute("SELECT count(*) FROM turn").fetchone()
            return About(reflections, turns, lines)
    except dbapi2.Error as error:
        raise verdict(path, key, error) from error
    except OSError as error:
        raise CompanionError(
            Kind.JOURNAL_MISSING, tr("The backup is not there any more."), cause=error
        ) from error


def verify_file(path: Path, key: Secret, journal_id: str, is_living: bool) -> str:
    """What is wrong with a file, in a sentence; empty: every page was read and is sound.

    Args:
        is_living: it may be open, and have a log.
    """
    try:
        with closing(open_for_look(path, key, journal_id, is_whole=True, is_living=is_living)):
            return ""
    except dbapi2.Error as error:
        return verdict(path, key, error).message
    except CompanionError as error:
        return error.message
    except OSError as error:
        return tr("It could not be read ({strerror}).", strerror=error.strerror)


def _reflections(look: Connection) -> tuple[int, list[tuple[float, str]]]:
    has_deleted = any(row[1] == "deleted_at" for row in look.execute("PRAGMA table_info(session)"))
    living = "deleted_at IS NULL" if has_deleted else "TRUE"
    (count,) = look.execute(f"SELECT count(*) FROM session WHERE {living}").fetchone()
    words = (
        "(SELECT user_text FROM turn WHERE session_id = session.id AND user_text <> '' ORDER BY id LIMIT 1)"
    )
    rows = look.execute(
        f"SELECT started_at, coalesce({words}, '') FROM session WHERE {living} ORDER BY started_at DESC LIMIT {_LINES}"
    )
    return count, [(at, " ".join(text.split())[:120]) for at, text in rows]


def restore_backup(
    home: Home, backup: Path, key: Secret, slots: KeySlots, present: Present | None = None
) -> tuple[Joined, Path | None]:
    """Makes the backup the journal, with what only the present file holds as far as that can be read.

    Args:
        key: of the journal that the backup is of; `slots` likewise.
        present: what opens the present file, where that is another journal; None: nothing does, and it is only put aside.

    The present file stays, in a folder beside. Killed at any moment, either of them is the journal, or it is told as
    missing with its backups. Nobody may have it open.

    Returns:
        What the present file added, and the folder it lies in now; None: there was none.

    Raises:
        CompanionError: JOURNAL_DAMAGED, JOURNAL_FOREIGN of the backup; DISK_FULL, JOURNAL_UNSAVED; all is as before then.
    """
    growing = home.journal.with_name("restoring.db")
    try:
        look_into(backup, key, slots.journal_id)
        _remove_with_log(growing)
        shutil.copyfile(backup, growing)
        os.chmod(growing, 0o600)
        if is_other := _is_other(home, slots):
            joined = _with_other(home, growing, key, slots, present)
        else:
            joined = _with_newer(_readable(home, backup, key, slots.journal_id), growing, key, slots)
        _remove_with_log(home.journal.with_name(_MENDED))
        look_into(growing, key, slots.journal_id)
        kept = kept_in(growing, key, slots.journal_id)
        takes = home.data / _TAKES if is_other else home.takes
        joined.recordings = len(put_back(folder_beside(backup.parent, slots.journal_id), takes, kept))
        aside = _put_in_place(home, growing, slots, is_other=is_other)
    except OSError as error:
        _remove_with_log(growing)
        raise unsaved(error) from error
    except dbapi2.Error as error:
        _remove_with_log(growing)
        raise _failed(error) from error
    except BaseException:
        _remove_with_log(growing)
        raise
    return joined, aside


def _readable(home: Home, backup: Path, key: Secret, journal_id: str) -> Path:
    """The present file, or where it does not even say which tables it has, a copy that has those pages of the backup."""
    try:
        open_for_look(home.journal, key, journal_id, is_living=True).close()
    except (CompanionError, dbapi2.Error):
        mended = home.journal.with_name(_MENDED)
        _remove_with_log(mended)
        with suppress(FileNotFoundError, dbapi2.Error):
            bad = bad_pages(home.journal, key)
            for end in ("", "-wal"):
                source = home.journal.with_name(home.journal.name + end)
                if source.exists():
                    shutil.copyfile(source, mended.with_name(mended.name + end))
            with mended.open("rb+") as file, backup.open("rb") as sound:
                for number in bad:
                    place = (number - 1) * PAGE_BYTES
                    sound.seek(place)
                    file.seek(place)
                    file.write(sound.read(PAGE_BYTES))
            return mended
    return home.journal


def _is_other(home: Home, slots: KeySlots) -> bool:
    """Whether the journal of this home is another one than that of these keys."""
    with suppress(CompanionError):
        here = read_slots(home.key_slots)
        return here is not None and here.journal_id != slots.journal_id
    return False


def _with_other(home: Home, growing: Path, key: Secret, slots: KeySlots, present: Present | None) -> Joined:
    """With all that the journal of this home holds; its recordings are sealed anew, beside, to be put in place with it."""
    shutil.rmtree(home.data / _TAKES, ignore_errors=True)
    opened = open_database(growing, key=key, journal_id=slots.journal_id, has_entries=False)
    with closing(opened.connection) as into:
        if opened.is_read_only:
            raise CompanionError(Kind.JOURNAL_FOREIGN, tr("A newer Companion made this backup."))
        joined = Joined()
        if present is not None and home.journal.exists():
            joined = merge_file(into, home.journal, *present)
            reseal_all(home.takes, home.data / _TAKES, present[0], key)
        into.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return joined


def _with_newer(present: Path, growing: Path, key: Secret, slots: KeySlots) -> Joined:
    opened = open_database(growing, key=key, journal_id=slots.journal_id, has_entries=False)
    with closing(opened.connection) as into:
        if opened.is_read_only:
            raise CompanionError(Kind.JOURNAL_FOREIGN, tr("A newer Companion made this backup."))
        (highest,) = into.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
        joined = Joined()
        if present.exists() and present.stat().st_size:
            joined = join(
                lambda: open_for_look(present, key, slots.journal_id, is_living=True),
                into,
                most_id=max(slots.last_turn or 0, highest + _UNKNOWN_IDS),
                is_newer=True,
            )
        into.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return joined


def _put_in_place(home: Home, growing: Path, slots: KeySlots, *, is_other: bool) -> Path | None:
    aside = None
    present = [home.journal.with_name(home.journal.name + end) for end in ("-wal", "-shm", "")]
    if any(path.exists() for path in present):
        aside = new_aside(home.data)
        aside.mkdir(parents=True, mode=0o700, exist_ok=True)
        if home.key_slots.exists():
            shutil.copyfile(home.key_slots, aside / home.key_slots.name)
        for path in present:
            with suppress(FileNotFoundError):
                path.rename(aside / path.name)
    # It holds what it holds: what the file before had beyond is told now, not at each start.
    keys = slots.told_of(has_entries=True, last_turn=0)
    if is_other:
        _change_takes(home, aside)
        write_slots(home.key_slots, keys)  # killed here, it is told as missing, and can be restored again
    os.replace(growing, home.journal)
    sync_folder(home.data)
    write_slots(home.key_slots, keys)
    return aside


def _change_takes(home: Home, aside: Path | None) -> None:
    """The recordings of the journal before go with it; those that were sealed anew are there."""
    with suppress(FileNotFoundError):
        home.takes.rename((aside or new_aside(home.data)) / home.takes.name)
    with suppress(FileNotFoundError):
        (home.data / _TAKES).rename(home.takes)


def _remove_with_log(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + end).unlink(missing_ok=True)


def merge_file(into: Connection, other: Path, key: Secret, journal_id: str) -> Joined:
    """Adds what another copy of this journal holds beyond it: "conflicted copies" of synced folders, files put aside.

    Raises:
        CompanionError: JOURNAL_DAMAGED, JOURNAL_FOREIGN.
    """
    try:
        look = open_for_look(other, key, journal_id, is_living=True)
        (highest,) = look.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
        look.close()
    except dbapi2.Error as error:
        raise verdict(other, key, error) from error
    return join(
        lambda: open_for_look(other, key, journal_id, is_living=True), into, most_id=highest, is_newer=False
    )


# -- what was deleted for good ------------------------------------------------------------------------------


def clear_backups(
    home: Home, key: Secret, journal_id: str, gone: Collection[str], kept: Collection[str]
) -> None:
    """Takes rows out of every backup in every folder that is there, so that no page of one holds their words any more.

    Args:
        kept: the recordings that stay; no others do.

    Raises:
        CompanionError: FOLDER_UNUSABLE, DISK_FULL, JOURNAL_UNSAVED; it is to be tried again then.
    """
    failed: CompanionError | None = None
    for folder in known_folders(home):
        try:
            if not folder.is_there:
                continue
            made = list_backups(folder.path, journal_id)
            if not made and folder.newest_at:
                forget(home, folder.path)
            with suppress(FileNotFoundError):
                remove_others(folder_beside(folder.path, journal_id), kept)
            _clear_rows(home, folder, key, made, set(gone).intersection(folder.owes))
        except OSError as error:
            failed = failed or unusable(folder.path, error)
        except dbapi2.Error as error:
            failed = failed or _failed(error)
    if failed is not None:
        raise failed


def _clear_rows(
    home: Home, folder: KnownFolder, key: Secret, made: Sequence[Backup], gone: Collection[str]
) -> None:
    failed: dbapi2.Error | None = None
    for backup in made if gone else ():
        try:
            clear_copy(backup.path, key, sorted(gone))
        except dbapi2.Error as error:  # one that is damaged does not stand before the others
            failed = error
    if failed is not None:
        raise failed
    lost(home, folder.path, gone)


def slots_for(home: Home, backup: Path) -> KeySlots | None:
    """The key slots of the journal that a backup is of: this home's, or those beside it; None: there are none.

    Raises:
        CompanionError: JOURNAL_DAMAGED.
    """
    named = _NAME.fullmatch(backup.name)
    if named is None:
        return slots_of(home, backup.parent)
    with suppress(CompanionError):
        here = read_slots(home.key_slots)
        if here is not None and here.journal_id[:8] == named[1]:
            return here
    return read_slots(backup.parent / f"keyslots-{named[1]}.json") or slots_of(home, backup.parent)


def slots_of(home: Home, folder: Path) -> KeySlots | None:
    """The key slots of this home, else the newest ones beside its backups; None: there are none.

    Raises:
        CompanionError: JOURNAL_DAMAGED where those of this home are, and there are no others.
    """
    try:
        return read_slots(home.key_slots)
    except CompanionError:
        for path in sorted(
            folder.glob("keyslots-*.json"), key=lambda path: path.stat().st_mtime, reverse=True
        ):
            with suppress(CompanionError, OSError):
                return read_slots(path)
        raise
