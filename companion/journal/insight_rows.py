"""Reflections as they are counted: times, marks and labels, with or without the words. On the writer thread.

Only the days that are asked for are read; what was deleted is not among them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from companion.days import When
from companion.insights import Row
from companion.journal.rows import where
from companion.journal.tables import Tables
from companion.records import Selection

if TYPE_CHECKING:
    from sqlite3 import Connection

_ITS_TURNS = "FROM turn WHERE session_id = session.id"
_THESE = "session.id IN (SELECT value FROM json_each(?))"
_ROWS = f"""
    SELECT session.id, started_at, offset_s, practice, mood_before, mood_after, title,
        (SELECT max(max(at, coalesce(reply_at, at))) - min(at) {_ITS_TURNS}), %s
    FROM session WHERE {_THESE} ORDER BY started_at, session.id
"""
_WORDS = f"(SELECT group_concat(user_text, char(10)) {_ITS_TURNS})"
_LABELS = "SELECT session_id, kind, name FROM label WHERE session_id IN (SELECT value FROM json_each(?)) ORDER BY name"
_AT_ONCE = 2_000
"""Reflections that are read before others of the journal's thread have their turn."""


class InsightRows:
    """One per open journal. Every method may raise what `Tables.read` raises."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def changes(self) -> int:
        """A number that is another one after every change of the journal since it was opened."""
        return await self._tables.read(lambda connection: connection.total_changes)

    async def first_day(self) -> date | None:
        """The earliest day with a reflection."""
        sql = "SELECT started_at, offset_s FROM session WHERE deleted_at IS NULL ORDER BY started_at LIMIT 1"
        first = await self._tables.read(lambda connection: connection.execute(sql).fetchone())
        return When.of(*first).day if first else None

    async def read(
        self,
        selection: Selection,
        *,
        with_words: bool = False,
        every: int = 1,
        told: Callable[[float], None] = lambda _: None,
    ) -> list[Row]:
        """In the order they began; of `every` so many one, spread over all. `told`: the share that is read."""
        condition, values = where(selection)
        if every > 1:
            condition += f" AND session.id % {int(every)} = 0"
        sql = f"SELECT id FROM session WHERE {condition} ORDER BY started_at, id"
        ids = await self._tables.read(lambda connection: [row[0] for row in connection.execute(sql, values)])
        words, rows = _WORDS if with_words else "''", list[Row]()
        for start in range(0, len(ids), _AT_ONCE):
            these = json.dumps(ids[start : start + _AT_ONCE])
            rows += await self._tables.read(partial(_read, words=words, these=these))
            told(min(1.0, (start + _AT_ONCE) / len(ids)))
        return rows

    async def of_days(self, days: Iterable[date]) -> list[Row]:
        """Those of single days, with their words."""
        found: list[Row] = []
        for day in days:
            found += await self.read(Selection(first_day=day, last_day=day), with_words=True)
        return found


def _read(connection: Connection, *, words: str, these: str) -> list[Row]:
    labels: dict[tuple[int, str], list[str]] = defaultdict(list)
    for session_id, kind, name in connection.execute(_LABELS, (these,)):
        labels[session_id, kind].append(name)
    return [
        Row(
            session_id=session_id,
            began=When.of(at, offset_s).local,
            practice=practice,
            mood_before=before,
            mood_after=after,
            title=title,
            seconds=max(0.0, seconds or 0.0),  # a clock that was set back
            words=said or "",
            tags=tuple(labels.get((session_id, "tag"), ())),
            people=tuple(labels.get((session_id, "person"), ())),
        )
        for session_id, at, offset_s, practice, before, after, title, seconds, said in connection.execute(
            _ROWS % words, (these,)
        )
    ]
