"""One reflection of several: their turns one after the other in the order they began, and their marks joined.

The others stay as hidden, empty sessions, so that an imported one is known when it comes again. Runs on the writer thread,
in the transaction of who calls.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.journal.tables import insert

if TYPE_CHECKING:
    from sqlite3 import Connection

_JOINED = ("title", "summary", "mood_before", "mood_after", "mood_word", "starred", "started_at", "offset_s")
_IDS = "IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Merged:
    """What undoing needs."""

    into: int
    others: Sequence[int]
    marks: dict[str, Any]
    """Of `into`, as they were."""
    labels: Sequence[tuple[str, str]]
    turns: Sequence[tuple[int, int, int]]
    """Id, session and place of every turn, as they were."""

    def undo(self, connection: Connection) -> None:
        """What was said in it since stays in it."""
        sql = "UPDATE turn SET session_id = ?, place = ? WHERE id = ? AND session_id = ?"
        for turn_id, session_id, place in self.turns:
            connection.execute(sql, (session_id, place, turn_id, self.into))
        connection.execute("DELETE FROM label WHERE session_id = ?", (self.into,))
        for kind, name in self.labels:
            insert(connection, "label", {"session_id": self.into, "kind": kind, "name": name})
        _mark(connection, self.into, self.marks)
        sql = f"UPDATE session SET deleted_at = NULL, merged_into = NULL WHERE id {_IDS}"
        connection.execute(sql, (json.dumps(self.others),))


def merge(connection: Connection, into: int, others: list[int]) -> Merged | None:
    """None, and nothing is done, where one of them is deleted or not there."""
    sql = f"SELECT id, {', '.join(_JOINED)} FROM session WHERE deleted_at IS NULL AND id {_IDS} ORDER BY started_at, id"
    rows = connection.execute(sql, (json.dumps([into, *others]),)).fetchall()
    if len(rows) != len(others) + 1:
        return None
    marks = {row[0]: dict(zip(_JOINED, row[1:], strict=True)) for row in rows}
    turns: list[tuple[int, int, int]] = []
    for session_id in marks:
        its_turns = "SELECT id, session_id, place FROM turn WHERE session_id = ? ORDER BY place, id"
        turns += connection.execute(its_turns, (session_id,))
    labels = connection.execute("SELECT kind, name FROM label WHERE session_id = ?", (into,)).fetchall()
    for place, (turn_id, _, _) in enumerate(turns):
        connection.execute("UPDATE turn SET session_id = ?, place = ? WHERE id = ?", (into, place, turn_id))
    sql = f"INSERT OR IGNORE INTO label SELECT ?, kind, name FROM label WHERE session_id {_IDS}"
    connection.execute(sql, (into, json.dumps(others)))
    _mark(connection, into, _joined(marks[into], list(marks.values())))
    sql = f"UPDATE session SET deleted_at = ?, merged_into = ? WHERE id {_IDS}"
    connection.execute(sql, (time.time(), into, json.dumps(others)))
    return Merged(into, others, marks[into], labels, turns)


def _joined(own: dict[str, Any], all_of_them: list[dict[str, Any]]) -> dict[str, Any]:
    """The title and word of the one they go into, else the first there is; the first mood before, the last after."""

    def first(name: str, rows: list[dict[str, Any]]) -> Any:
        return next((row[name] for row in rows if row[name] not in (None, "")), own[name])

    return {
        "title": first("title", [own, *all_of_them]),
        "summary": "\n\n".join(row["summary"] for row in all_of_them if row["summary"]),
        "mood_before": first("mood_before", all_of_them),
        "mood_after": first("mood_after", all_of_them[::-1]),
        "mood_word": first("mood_word", [own, *all_of_them]),
        "starred": max(row["starred"] for row in all_of_them),
        "started_at": all_of_them[0]["started_at"],
        "offset_s": all_of_them[0]["offset_s"],
    }


def _mark(connection: Connection, session_id: int, marks: dict[str, Any]) -> None:
    names = ", ".join(f"{name} = ?" for name in marks)
    connection.execute(f"UPDATE session SET {names} WHERE id = ?", (*marks.values(), session_id))
