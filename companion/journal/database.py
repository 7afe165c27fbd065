"""Opening the journal's encrypted file: the key and the path in, a connection out. Runs on the writer thread.

Wrong key, damaged first page and a stranger's file are one and the same SQLite error, and an empty file opens as an empty
journal. What tells them apart is known beforehand: the key is right (checked against the key slots), the file's first 16
bytes are a salt that follows from the key, and an identity row names the journal. The look happens read-only, because an
ordinary close would already write (it moves the log into the file).
"""

from __future__ import annotations

import hmac
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlcipher3 import dbapi2

from companion.days import When
from companion.errors import CompanionError, Kind
from companion.journal.copies import folder_of
from companion.journal.migrations import MIGRATIONS, migrate, schema_version
from companion.language import tr
from companion.log import Secret
from companion.paths import sync_folder

if TYPE_CHECKING:
    from sqlite3 import Connection

PAGE_BYTES = 4096
_SALT_BYTES = 16
_PLAIN_HEADER = b"SQLite format 3\0"
CHECKED_AT_ONCE = 8_000_000
"""Bytes; a larger file is opened first, in the time a person waits, and checked after."""
_MEMORY = ":memory:"
_TUNING = (
    "PRAGMA synchronous = FULL",  # with WAL: every COMMIT reaches the disk before it returns
    "PRAGMA fullfsync = ON",  # macOS only: through the drive's own cache
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = 2",  # memory: no clear text in temporary files
    "PRAGMA busy_timeout = 2000",
    "PRAGMA journal_size_limit = 8388608",
)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open journal file."""

    connection: Connection
    is_read_only: bool = False
    """A newer version wrote it: what is known of it can be read, and nothing is written."""
    is_checked: bool = True
    """False: it is so large that `check_whole` is left to whoever has the time."""


def open_database(
    path: Path | None, *, key: Secret, journal_id: str, has_entries: bool, for_reading: bool = False
) -> Opened:
    """The journal's connection, schema up to date; None: in memory.

    An older file is copied into `backups/` beside it before anything of it is changed; one of a newer version is opened
    for reading only.

    Args:
        path: the file; made when it is not there and nothing was ever kept.
        key: the data key, 64 hexadecimal digits, already checked.
        journal_id: what the file's identity row must say.
        has_entries: something was kept, so a file that is not there is missing, not new.
        for_reading: it is only read, whoever writes to it meanwhile.

    Raises:
        CompanionError: JOURNAL_MISSING, JOURNAL_DAMAGED, JOURNAL_FOREIGN; the file is then untouched.
        OSError: the folder or file cannot be made.
    """
    if path is None:
        return Opened(_set_up(_connect(_MEMORY, key), journal_id))
    version, is_checked = 0, True
    if check_present(path, has_entries=has_entries):
        try:
            with closing(_connect(_address(path, _mode_to_look(path)), key)) as look:
                version = _inspect(look, journal_id, has_entries=has_entries)
                is_checked = path.stat().st_size <= CHECKED_AT_ONCE
                if is_checked:
                    _check(look)
        except dbapi2.Error as error:
            raise verdict(path, key, error) from error
    elif for_reading:
        raise CompanionError(Kind.JOURNAL_MISSING)
    else:
        _make_private(path)
    if for_reading and version < len(MIGRATIONS):
        raise CompanionError(
            Kind.JOURNAL_UNSAVED,
            tr("An older Companion wrote this journal, and it was not opened since."),
            hint=tr("Open Companion once; that brings it up to date."),
        )
    if for_reading or version > len(MIGRATIONS):
        return Opened(
            _for_reading(_connect(_address(path, "mode=ro"), key)), is_read_only=True, is_checked=is_checked
        )
    connection = _connect(_address(path, "mode=rw"), key)
    try:
        if 0 < version < len(MIGRATIONS):
            keep_copy(connection, copy_before_version(path, len(MIGRATIONS)), key, journal_id)
    except BaseException:
        connection.close()
        raise
    return Opened(_set_up(connection, journal_id), is_checked=is_checked)


def check_whole(path: Path, key: Secret, begun: Callable[[Callable[[], None]], bool]) -> None:
    """Reads every page beside whoever writes. Blocking, seconds for a large journal; for a thread of its own.

    Args:
        begun: given what ends it early, from any thread; says whether it is still wanted.

    Raises:
        CompanionError: JOURNAL_DAMAGED.
    """
    with closing(_connect(_address(path, "mode=ro"), key)) as look:
        if not begun(look.interrupt):
            return
        try:
            _check(look)
        except dbapi2.Error as error:
            if getattr(error, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
                raise verdict(path, key, error) from error


def _check(connection: Connection) -> None:
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise CompanionError(Kind.JOURNAL_DAMAGED)


def _check_rows(connection: Connection) -> None:
    """As `_check`, in half the time: what the index of words says of the words is not held against them."""
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND sql <> ''"
    )
    for (name,) in connection.execute(sql).fetchall():
        if connection.execute(f"PRAGMA quick_check('{name}')").fetchone()[0] != "ok":
            raise CompanionError(Kind.JOURNAL_DAMAGED)


def copy_before_version(path: Path, version: int) -> Path:
    """Where the journal stays as it was before it became one of `version`."""
    return folder_of(path) / f"before-version-{version}.db"


def keep_copy(connection: Connection, target: Path, key: Secret, journal_id: str) -> None:
    """A whole copy of the journal, as encrypted as itself, that has its name only once it was opened and checked.

    Raises:
        CompanionError: JOURNAL_DAMAGED, what was written is not what was read.
        OSError, sqlcipher3.Error: there is no room, or the folder cannot be written; nothing was changed.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    growing = target.with_suffix(".part")
    growing.unlink(missing_ok=True)  # of a run that ended here
    try:
        _make_private(growing)
        with closing(_connect(_address(growing, "mode=rw"), key)) as copy:
            connection.backup(copy)
        with growing.open("rb+") as file:
            os.fsync(file.fileno())
        with closing(_connect(_address(growing, "mode=ro&immutable=1"), key)) as copy:
            _inspect(copy, journal_id, has_entries=False)
            _check_rows(copy)
            if (
                _counts(copy) != _counts(connection)
                or copy.execute("PRAGMA cipher_integrity_check").fetchone()
            ):
                raise CompanionError(
                    Kind.JOURNAL_DAMAGED, tr("The copy of the journal is not like the journal.")
                )
        os.replace(growing, target)
    except BaseException:
        growing.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def back_up(path: Path, target: Path, key: Secret, journal_id: str) -> None:
    """`keep_copy` of the journal as it is now, beside whoever writes to it. Blocking, seconds for a large one."""
    with closing(_connect(_address(path, "mode=ro"), key)) as source:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it sees nothing newer
        keep_copy(source, target, key, journal_id)


def open_for_look(
    path: Path, key: Secret, journal_id: str, *, is_whole: bool = False, is_living: bool = False
) -> Connection:
    """A copy of the journal, for reading.

    Args:
        is_whole: every page of it is read first.
        is_living: it may have a log beside it, and is not required to be sound.

    Raises:
        CompanionError: JOURNAL_MISSING, JOURNAL_FOREIGN, JOURNAL_DAMAGED.
        sqlcipher3.Error: it cannot be read.
    """
    if not is_living and not check_present(path, has_entries=True):
        raise CompanionError(Kind.JOURNAL_MISSING)
    look = _for_reading(_connect(_address(path, "mode=ro" if is_living else "mode=ro&immutable=1"), key))
    try:
        _inspect(look, journal_id, has_entries=not is_living)
        if is_whole:
            _check(look)
            if look.execute("PRAGMA cipher_integrity_check").fetchone():
                raise CompanionError(Kind.JOURNAL_DAMAGED)
    except BaseException:
        look.close()
        raise
    return look


def bad_pages(path: Path, key: Secret) -> list[int]:
    """The numbers of those pages, from 1, that are not as they were written. Raises sqlcipher3.Error."""
    with closing(_connect(_address(path, "mode=ro"), key)) as look:
        told = look.execute("PRAGMA cipher_integrity_check").fetchall()
    return [int(number) for row in told for number in re.findall(r"page (\d+)", str(row[0]))]


def clear_copy(path: Path, key: Secret, uids: Sequence[str]) -> None:
    """Deletes rows of a copy for good. Raises sqlcipher3.Error."""
    with closing(_connect(_address(path, "mode=rw"), key)) as copy:
        for statement in _TUNING:
            copy.execute(statement)
        gone = (json.dumps(list(uids)),)
        copy.execute("BEGIN IMMEDIATE")
        for table in ("turn", "session"):
            copy.execute(f"DELETE FROM {table} WHERE uid IN (SELECT value FROM json_each(?))", gone)
        copy.execute("COMMIT")
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _counts(connection: Connection) -> tuple[int, ...]:
    """How many rows every table has, but for those that an index of words keeps for itself."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*_index*' ORDER BY name"
    names = connection.execute(sql).fetchall()
    return tuple(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names)


def _for_reading(connection: Connection) -> Connection:
    connection.execute("PRAGMA query_only = ON")
    return connection


def check_present(path: Path, *, has_entries: bool) -> bool:
    """Whether there is a file to look into; what can be told without the key.

    Raises:
        CompanionError: JOURNAL_MISSING when it is gone or empty although something was kept; JOURNAL_FOREIGN for an
            unencrypted database; JOURNAL_DAMAGED for less than a page, or a piece of one that no log completes.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        size = 0
    if not size:
        if has_entries:
            raise CompanionError(Kind.JOURNAL_MISSING)
        return False
    if _first_bytes(path) == _PLAIN_HEADER:
        raise CompanionError(Kind.JOURNAL_FOREIGN)
    if size < PAGE_BYTES or (size % PAGE_BYTES and not has_log(path)):
        raise CompanionError(Kind.JOURNAL_DAMAGED)
    return True


def has_log(path: Path) -> bool:
    """Whether a write-ahead log stands beside it, which may hold what the file still lacks."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def last_turn(connection: Connection) -> int:
    """The highest id a turn of it ever had; what was deleted for good counts."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'turn'").fetchone()
    return int(row[0]) if row else 0


def move_log(connection: Connection) -> bool:
    """Moves what the log holds into the file, without waiting for anybody; whether all of it is there now."""
    is_busy, frames, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return not is_busy and frames == moved


def _mode_to_look(path: Path) -> str:
    """Read-only, but where the app ended while the file was made: then its first bytes are taken back."""
    began = path.with_name(f"{path.name}-journal")
    return "mode=rw" if began.exists() and began.stat().st_size else "mode=ro"


def _connect(address: str, key: Secret) -> Connection:
    connection: Connection = dbapi2.connect(address, uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")  # or it writes to stderr
        connection.execute(f"PRAGMA key = \"x'{key.reveal()}{_salt(key).hex()}'\"")
        connection.create_function("offset_here", 1, lambda at: When.of(at).offset_s)
        if not connection.execute("PRAGMA cipher_version").fetchone():
            raise CompanionError(
                Kind.INTERNAL, tr("The journal's encryption is not available, so nothing was opened.")
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _salt(key: Secret) -> bytes:
    """The file's first bytes. Derived, not drawn: damage to it is harmless, and it tells a file of another key."""
    return hmac.digest(bytes.fromhex(key.reveal()), b"companion journal salt", "sha256")[:_SALT_BYTES]


def _address(path: Path, how: str) -> str:
    return f"{path.absolute().as_uri()}?{how}"


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    sync_folder(path.parent)


def _inspect(connection: Connection, journal_id: str, *, has_entries: bool) -> int:
    """The version of its schema, once it is known to be the right one."""
    identity = _identity(connection)
    if identity is None and has_entries:
        raise CompanionError(Kind.JOURNAL_DAMAGED)
    if identity not in (None, journal_id):
        raise CompanionError(Kind.JOURNAL_FOREIGN)
    return schema_version(connection)


def _identity(connection: Connection) -> str | None:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'identity'").fetchone():
        return None
    row = connection.execute("SELECT journal_id FROM identity").fetchone()
    return str(row[0]) if row else None


def verdict(path: Path, key: Secret, error: dbapi2.Error) -> CompanionError:
    """What is wrong with a file that could not be read."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_NOTADB":
        return CompanionError(_kind_by_salt(path, key), cause=error)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_IOERR")) or not name:
        return CompanionError(Kind.JOURNAL_DAMAGED, cause=error)
    return CompanionError(
        Kind.JOURNAL_UNSAVED,
        tr("The journal could not be opened."),
        hint=tr("Another program may hold it, or its folder cannot be written. Nothing was changed."),
        cause=error,
    )


def _kind_by_salt(path: Path, key: Secret) -> Kind:
    head = _first_bytes(path)
    ours = sum(a == b for a, b in zip(head, _salt(key), strict=False))
    zeroed = not any(head)  # what file systems leave of a page after a power cut
    return Kind.JOURNAL_DAMAGED if zeroed or ours > _SALT_BYTES // 2 else Kind.JOURNAL_FOREIGN


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_SALT_BYTES)


def _set_up(connection: Connection, journal_id: str) -> Connection:
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        for statement in _TUNING:
            connection.execute(statement)
        migrate(connection)
        if _identity(connection) is None:
            connection.execute("INSERT INTO identity VALUES (?, ?)", (journal_id, time.time()))
            # Into the file itself, so that losing the log cannot make the journal look like a stranger.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
