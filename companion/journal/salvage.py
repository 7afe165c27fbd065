"""What one journal file holds and another lacks, brought over by uid: of a damaged one, whatever can still be read.

A page that cannot be read hides its rows and no others: ranges of ids are halved until what is left is one row. After each
failure the file is opened anew, because the encryption gives nothing more through a connection that met a bad page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlcipher3 import dbapi2

from companion.errors import CompanionError
from companion.journal.tables import insert

if TYPE_CHECKING:
    from sqlite3 import Connection

Row = dict[str, Any]
Open = Callable[[], "Connection"]
_AT_ONCE = 256
_PROBES = 16
_POINTERS = ("batch_id", "taken_from", "merged_into")
"""Of a session to rows that have other ids here."""
_MARKS = ("title", "summary", "mood_before", "mood_after", "mood_word", "starred", "source")
_SAID = (
    *("user_text", "said_text", "edited_at", "reply_text", "heard_text", "reply_state"),
    *("reply_at", "engines", "timeline_ms", "cost_usd"),
)


@dataclass(slots=True)
class Joined:
    """What came over."""

    sessions: int = 0
    turns: int = 0
    unread: int = 0
    """Ids in ranges that could not be read; some of them may never have been given to a row."""
    recordings: int = 0
    """Kept recordings that came back from beside a backup."""


def join(open_other: Open, into: Connection, *, most_id: int, is_newer: bool) -> Joined:
    """Adds what `into` lacks, in one transaction.

    Args:
        open_other: opens the other file for reading; may be called often. What it raises of SQLite is damage.
        most_id: no row of the other has a higher id; for a file that cannot say so itself.
        is_newer: where both hold a row, the other's marks and words count. False: the one that was changed last.
    """
    other, joined = _Reader(open_other), Joined()
    into.execute("BEGIN IMMEDIATE")
    try:
        ids = _sessions(other, into, most_id, joined, is_newer=is_newer)
        turns = _turns(other, into, most_id, joined, ids, is_newer=is_newer)
        for row in other.all("SELECT * FROM label"):
            if row["session_id"] in ids:
                _add(into, "label", row | {"session_id": ids[row["session_id"]]})
        for row in other.all("SELECT * FROM kept_sound"):
            if row["turn_id"] in turns:
                _add(into, "kept_sound", row | {"turn_id": turns[row["turn_id"]]})
        into.execute("COMMIT")
    except BaseException:
        if into.in_transaction:
            into.execute("ROLLBACK")
        raise
    finally:
        other.close()
    joined.unread = other.unread
    return joined


def _sessions(
    other: _Reader, into: Connection, most_id: int, joined: Joined, *, is_newer: bool
) -> dict[int, int]:
    """Old id -> id here."""
    here = dict(into.execute("SELECT uid, id FROM session").fetchall())
    columns, ids, pointing = _columns(into, "session"), dict[int, int](), []
    for row in other.rows("session", most_id):
        known = here.get(row["uid"])
        if known is None:
            kept = {name: row[name] for name in columns if name in row and name not in ("id", *_POINTERS)}
            if kept.get("source") and _is_there(into, "source", kept["source"]):
                kept["source"] = ""
            known = here[row["uid"]] = insert(into, "session", kept)
            joined.sessions += 1
            pointing.append((known, row))
        elif is_newer:
            with suppress(dbapi2.IntegrityError):
                _set(into, "session", known, {name: row[name] for name in _MARKS if name in row})
        ids[row["id"]] = known
    for known, row in pointing:
        there = {name: row[name] for name in ("taken_from", "merged_into") if row.get(name)}
        if there:
            _set(into, "session", known, {name: ids.get(there[name]) for name in there})
    return ids


def _turns(
    other: _Reader, into: Connection, most_id: int, joined: Joined, ids: dict[int, int], *, is_newer: bool
) -> dict[int, int]:
    """Old id -> id here."""
    sql = "SELECT uid, id, coalesce(edited_at, 0), coalesce(reply_at, 0) FROM turn"
    here = {uid: (turn_id, (edited, replied)) for uid, turn_id, edited, replied in into.execute(sql)}
    columns, turns, places = _columns(into, "turn"), dict[int, int](), dict[int, int]()
    living = other.all("SELECT id FROM session WHERE deleted_at IS NULL AND merged_into IS NULL")
    seen = {row["id"] for row in living}
    for row in other.rows("turn", most_id):
        if row["uid"] in here:
            turn_id, changed = here[row["uid"]]
            if is_newer or (row["edited_at"] or 0, row["reply_at"] or 0) > changed:
                _set(into, "turn", turn_id, {name: row[name] for name in _SAID if name in row})
        else:
            kept = {name: row[name] for name in columns if name in row and name != "id"}
            if row["session_id"] not in ids:  # its reflection cannot be read: what was said in it still can
                ids[row["session_id"]] = insert(into, "session", _found(row))
            said_in = row["session_id"]
            if said_in not in places:
                is_seen = said_in in seen
                places[said_in] = _living(into, ids[said_in], row) if is_seen else ids[said_in]
            turn_id = insert(into, "turn", kept | {"session_id": places[said_in]})
            here[row["uid"]] = turn_id, (0, 0)
            joined.turns += 1
        turns[row["id"]] = turn_id
    return turns


def _living(into: Connection, session_id: int, turn: Row) -> int:
    """Where what was said elsewhere in this session can be seen: where it was merged into, or anew where it was deleted."""
    sql = "SELECT deleted_at, merged_into, practice, offset_s FROM session WHERE id = ?"
    deleted_at, merged_into, practice, offset_s = into.execute(sql, (session_id,)).fetchone()
    if merged_into is not None:
        return _living(into, merged_into, turn)
    if deleted_at is None:
        return session_id
    return insert(into, "session", {"started_at": turn["at"], "offset_s": offset_s, "practice": practice})


def _found(turn: Row) -> Row:
    return {
        "started_at": turn["at"],
        "offset_s": turn.get("offset_s"),
        "practice": "open",
        "title": "Found again",
    }


class _Reader:
    """Rows of a file that may be damaged."""

    def __init__(self, open_other: Open) -> None:
        self._open = open_other
        self._connection: Connection | None = None
        self.unread = 0

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def all(self, sql: str, *values: object) -> list[Row]:
        """Empty where it cannot be read."""
        return self._try(sql, *values) or []

    def rows(self, table: str, most_id: int) -> Iterable[Row]:
        """By id."""
        told = self._try("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        last = max((row["seq"] for row in told or []), default=0 if told is not None else most_id)
        if self._is_lost(table, last):
            self.unread += last
            return
        for first in range(1, last + 1, _AT_ONCE):
            yield from self._between(table, first, min(first + _AT_ONCE - 1, last))

    def _is_lost(self, table: str, last: int) -> bool:
        """Whether nothing of it can be found: the page that leads to all its rows is among the damaged ones."""
        step = max(1, last // _PROBES)
        sql = f"SELECT 1 FROM {table} WHERE id = ?"
        return all(self._try(sql, row_id) is None for row_id in range(1, last + 1, step))

    def _between(self, table: str, first: int, last: int) -> Iterable[Row]:
        found = self._try(f"SELECT * FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id", first, last)
        if found is not None:
            yield from found
        elif first == last:
            self.unread += 1
        else:
            middle = (first + last) // 2
            yield from self._between(table, first, middle)
            yield from self._between(table, middle + 1, last)

    def _try(self, sql: str, *values: object) -> list[Row] | None:
        try:
            if self._connection is None:
                self._connection = self._open()
            with closing(self._connection.execute(sql, values)) as cursor:
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor]
        except (CompanionError, dbapi2.Error, OverflowError, UnicodeDecodeError):
            with suppress(dbapi2.Error):
                self.close()
            self._connection = None
            return None


def _columns(connection: Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _set(connection: Connection, table: str, row_id: int, columns: Row) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE {table} SET {names} WHERE id = ?", (*columns.values(), row_id))


def _add(connection: Connection, table: str, row: Row) -> None:
    sql = f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    connection.execute(sql, tuple(row.values()))


def _is_there(connection: Connection, column: str, value: object) -> bool:
    return connection.execute(f"SELECT 1 FROM session WHERE {column} = ?", (value,)).fetchone() is not None
