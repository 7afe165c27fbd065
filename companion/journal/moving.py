"""Everything of one journal into another: all rows out, and in again under new ids. Runs on the writer thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from companion.journal.tables import Tables, insert

if TYPE_CHECKING:
    from sqlite3 import Connection

Rows = list[dict[str, Any]]
_TABLES = ("batch", "session", "turn", "label", "kept_sound", "memory")
DERIVED = frozenset({"identity", "meaning_model", "passage", "passage_due"})
"""What is not moved: it is made from the rest, or says which journal it is. An index of words fills itself."""
_POINTERS = ("taken_from", "merged_into")
"""Of a session to another, which may come later."""


def dump(connection: Connection) -> dict[str, Rows]:
    """All rows of all tables, oldest first."""
    return {table: _all(connection, table) for table in _TABLES}


def put_all(tables: Tables, everything: dict[str, Rows]) -> tuple[dict[int, int], dict[int, int]]:
    """Adds what `dump` gave; old id -> new id of sessions and turns. In the transaction of who calls."""
    connection = tables.connection
    if everything["turn"]:
        tables.before_entries()
    batches = {row["id"]: insert(connection, "batch", _without_id(row)) for row in everything["batch"]}
    sessions = dict[int, int]()
    for row in everything["session"]:
        moved = _without_id(row) | dict.fromkeys(_POINTERS)
        moved["batch_id"] = batches.get(row["batch_id"])
        if _is_imported(connection, row["source"]):
            moved["source"] = ""  # both stay: either may have been changed since
        sessions[row["id"]] = insert(connection, "session", moved)
    for row in everything["session"]:
        for name in _POINTERS:
            if row[name] is not None:
                sql = f"UPDATE session SET {name} = ? WHERE id = ?"
                connection.execute(sql, (sessions.get(row[name]), sessions[row["id"]]))
    turns = dict[int, int]()
    for row in everything["turn"]:
        turns[row["id"]] = insert(
            connection, "turn", _without_id(row) | {"session_id": sessions[row["session_id"]]}
        )
    for row in everything["label"]:
        insert(connection, "label", row | {"session_id": sessions[row["session_id"]]})
    for row in everything["kept_sound"]:
        insert(connection, "kept_sound", row | {"turn_id": turns[row["turn_id"]]})
    for row in everything["memory"]:
        insert(connection, "memory", _without_id(row) | {"turn_id": turns.get(row["turn_id"])})
    return sessions, turns


def _all(connection: Connection, table: str) -> Rows:
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _without_id(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def _is_imported(connection: Connection, source: str) -> bool:
    sql = "SELECT 1 FROM session WHERE source = ? AND source <> ''"
    return connection.execute(sql, (source,)).fetchone() is not None
