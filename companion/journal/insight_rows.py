"""Reflections as they are counted: times, marks and labels, with or without the words. On the writer thread.

Only the days that are asked for are read; what was deleted is not among them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from companion.days import When
from companion.insights import Row
from companion.journal.rows import where
from companion.journal.tables import Tables
from companion.records import Selection

if TYPE_CHECKING:
    from sqlite3 import Connection

_ITS_TURNS = "FROM turn WHERE session_id = session.id"
_ROWS = f"""
    SELECT session.id, started_at, offset_s, practice, mood_before, mood_after, title,
        (SELECT max(max(at, coalesce(reply_at, at))) - min(at) {_ITS_TURNS}), %s
    FROM session WHERE %s ORDER BY started_at, session.id
"""
_WORDS = f"(SELECT group_concat(user_text, char(10)) {_ITS_TURNS})"
_LABELS = """
    SELECT session_id, kind, name FROM label JOIN session ON session.id = session_id
    WHERE deleted_at IS NULL AND %s ORDER BY name
"""


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

    async def read(self, selection: Selection, *, with_words: bool = False, every: int = 1) -> list[Row]:
        """In the order they began; of `every` so many one, spread over all."""
        condition, values = where(selection)
        if every > 1:
            condition += f" AND session.id % {int(every)} = 0"
        words = _WORDS if with_words else "''"
        return await self._tables.read(
            lambda connection: _read(connection, words, condition, values, is_all=selection == Selection())
        )

    async def of_days(self, days: Iterable[date]) -> list[Row]:
        """Those of single days, with their words."""
        found: list[Row] = []
        for day in days:
            found += await self.read(Selection(first_day=day, last_day=day), with_words=True)
        return found


def _read(
    connection: Connection, words: str, condition: str, values: list[object], *, is_all: bool
) -> list[Row]:
    rows = [
        Row(
            session_id=session_id,
            began=When.of(at, offset_s).local,
            practice=practice,
            mood_before=before,
            mood_after=after,
            title=title,
            seconds=max(0.0, seconds or 0.0),  # a clock that was set back
            words=said or "",
        )
        for session_id, at, offset_s, practice, before, after, title, seconds, said in connection.execute(
            _ROWS % (words, condition), values
        )
    ]
    labels: dict[tuple[int, str], list[str]] = defaultdict(list)
    wanted, limits = ("1", ()) if is_all or not rows else ("session_id BETWEEN ? AND ?", _ends(rows))
    for session_id, kind, name in connection.execute(_LABELS % wanted, limits):
        labels[session_id, kind].append(name)
    if not labels:
        return rows
    return [
        replace(
            row,
            tags=tuple(labels.get((row.session_id, "tag"), ())),
            people=tuple(labels.get((row.session_id, "person"), ())),
        )
        for row in rows
    ]


def _ends(rows: list[Row]) -> tuple[int, int]:
    ids = [row.session_id for row in rows]
    return min(ids), max(ids)
