"""Entries of an import beside the journal, in tables of the connection's own memory, until all of them are kept at once.

On the writer thread. Whatever happens before `keep`, the journal's file knows nothing of it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from companion.entries import Entry, EntryTurn
from companion.journal.tables import storable

if TYPE_CHECKING:
    from sqlite3 import Connection

LIVING = "(deleted_at IS NULL OR merged_into IS NOT NULL)"
"""In SQL: a session that is in the journal; one that was merged into another is, in that one."""
_SESSION = (
    *(
        "uid",
        "started_at",
        "offset_s",
        "practice",
        "title",
        "summary",
        "mood_before",
        "mood_after",
        "mood_word",
    ),
    *("starred", "source"),
)
_TURN = (
    *(
        "uid",
        "at",
        "offset_s",
        "user_text",
        "said_text",
        "edited_at",
        "reply_text",
        "heard_text",
        "reply_state",
    ),
    *("reply_at", "engines", "timeline_ms", "cost_usd"),
)


class Stage:
    """One import. `name` begins the names of its tables."""

    def __init__(self, name: str) -> None:
        self._session, self._turn, self._label = (
            f"temp.{name}_{table}" for table in ("session", "turn", "label")
        )
        self._numbers = 0
        self._spelling: dict[tuple[str, str], str] = {}

    def begin(self, connection: Connection) -> None:
        connection.execute(
            f"CREATE TABLE {self._session} (number INTEGER PRIMARY KEY, {', '.join(_SESSION)})"
        )
        connection.execute(f"CREATE TABLE {self._turn} (number INTEGER, {', '.join(_TURN)})")
        connection.execute(f"CREATE TABLE {self._label} (number INTEGER, kind, name)")
        for kind, name in connection.execute("SELECT DISTINCT kind, name FROM label"):
            self._spelling[kind, name.casefold()] = name

    def add(self, connection: Connection, entries: Iterable[Entry]) -> None:
        sessions, turns, labels = [], [], []
        for entry in entries:
            self._numbers += 1
            sessions.append((self._numbers, *_session_row(entry)))
            turns += [(self._numbers, *_turn_row(turn)) for turn in entry.turns]
            for kind, names in (("tag", entry.tags), ("person", entry.people)):
                labels += [(self._numbers, kind, name) for name in self._spelt(kind, names)]
        for table, rows in ((self._session, sessions), (self._turn, turns), (self._label, labels)):
            if rows:
                connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)

    def end(self, connection: Connection) -> None:
        """Idempotent."""
        for table in (self._session, self._turn, self._label):
            connection.execute(f"DROP TABLE IF EXISTS {table}")

    def keep(self, connection: Connection, batch_id: int) -> int:
        """Everything that is not in the journal yet, within the transaction of who calls; how many reflections."""
        self._leave_out_known(connection)
        self._free_names(connection)
        columns = ", ".join(_SESSION)
        kept = connection.execute(
            f"INSERT INTO main.session ({columns}, batch_id) SELECT {columns}, ? FROM {self._session} ORDER BY number",
            (batch_id,),
        ).rowcount
        columns = ", ".join(_TURN)
        theirs = ", ".join(f"theirs.{name}" for name in _TURN)
        joined = f"JOIN {self._session} AS its USING (number) JOIN main.session ON session.uid = its.uid"
        connection.execute(
            f"INSERT INTO main.turn (session_id, {columns}) SELECT session.id, {theirs} FROM {self._turn} AS theirs "
            f"{joined} ORDER BY theirs.rowid"
        )
        connection.execute(
            f"INSERT OR IGNORE INTO main.label SELECT session.id, theirs.kind, theirs.name FROM {self._label} AS theirs "
            f"{joined}"
        )
        return int(kept)

    def _leave_out_known(self, connection: Connection) -> None:
        """What is in the journal stays as it is there; a name that is there twice in the import counts once."""
        for column in ("uid", "source"):
            connection.execute(
                f"DELETE FROM {self._session} WHERE {column} <> '' AND ("
                f"{column} IN (SELECT {column} FROM main.session WHERE {LIVING}) OR number NOT IN "
                f"(SELECT min(number) FROM {self._session} GROUP BY {column}))"
            )

    def _free_names(self, connection: Connection) -> None:
        """What was deleted a while ago and comes again gives its names away; deleted it stays, under others."""
        new = "lower(hex(randomblob(16)))"
        gone = (
            f"NOT {LIVING} AND (uid IN (SELECT uid FROM {self._session}) OR source <> '' AND source IN "
            f"(SELECT source FROM {self._session}))"
        )
        connection.execute(
            f"UPDATE main.turn SET uid = {new} WHERE session_id IN (SELECT id FROM main.session WHERE {gone})"
        )
        connection.execute(f"UPDATE main.session SET uid = {new}, source = '' WHERE {gone}")
        connection.execute(
            f"UPDATE {self._turn} SET uid = {new} WHERE uid IN (SELECT uid FROM main.turn) OR rowid NOT IN "
            f"(SELECT min(rowid) FROM {self._turn} GROUP BY uid)"
        )

    def _spelt(self, kind: str, names: Iterable[str]) -> dict[str, None]:
        """Each once, spelt as it is already, whatever its capitals."""
        bare = (storable(" ".join(name.split())) for name in names)
        return dict.fromkeys(
            self._spelling.setdefault((kind, name.casefold()), name) for name in bare if name
        )


def _session_row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.uid or uuid.uuid4().hex,
        entry.began,
        entry.offset_s,
        storable(entry.practice),
        storable(entry.title),
        storable(entry.summary),
        entry.mood_before,
        entry.mood_after,
        storable(entry.mood_word),
        int(entry.is_starred),
        storable(entry.source),
    )


def _turn_row(turn: EntryTurn) -> tuple[object, ...]:
    return (
        turn.uid or uuid.uuid4().hex,
        turn.at,
        turn.offset_s,
        storable(turn.words),
        None if turn.said is None else storable(turn.said),
        turn.edited_at,
        storable(turn.answer),
        storable(turn.heard),
        turn.state.value,
        turn.answered_at,
        json.dumps(dict(turn.engines)),
        json.dumps(dict(turn.timeline_ms)),
        turn.cost_usd,
    )
