"""Reading the journal: reflections a page at a time however many there are, one with its turns, the days, the labels.

Pages go by key, so that the thousandth costs what the first does and none jumps when one is added or deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from companion.flow import TurnRecord
from companion.journal.rows import LOCAL_DAY, read_sessions, read_turns, where
from companion.journal.tables import Tables
from companion.records import Selection, SessionRecord

ALL = Selection()
Key = tuple[float, int]
"""Where a reflection stands in time: when it began, and its id."""


def key_of(session: SessionRecord) -> Key:
    return session.started_at, session.id


class Listing:
    """One per open journal. Every method may raise what `Tables.read` raises."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def page(
        self, before: Key | None = None, limit: int = 100, selection: Selection = ALL
    ) -> Sequence[SessionRecord]:
        """Newest first, those that began before `before`; None: from the newest."""
        return await self._page("<", "DESC", before, limit, selection)

    async def page_after(
        self, after: Key | None = None, limit: int = 100, selection: Selection = ALL
    ) -> Sequence[SessionRecord]:
        """Oldest first, those that began after `after`; None: from the oldest."""
        return await self._page(">", "ASC", after, limit, selection)

    async def count(self, selection: Selection = ALL) -> int:
        """How many there are."""
        condition, values = where(selection)
        sql = f"SELECT count(*) FROM session WHERE {condition}"
        return int(await self._tables.read(lambda connection: connection.execute(sql, values).fetchone()[0]))

    async def days(self, selection: Selection = ALL) -> Sequence[tuple[date, int]]:
        """Each of the person's days with a reflection and how many, oldest first."""
        condition, values = where(selection)
        sql = f"SELECT {LOCAL_DAY} AS day, count(*) FROM session WHERE {condition} GROUP BY day ORDER BY day"
        rows = await self._tables.read(lambda connection: connection.execute(sql, values).fetchall())
        last = date.max.toordinal()
        return [(date.fromordinal(min(max(day, 1), last)), count) for day, count in rows]

    async def session(self, session_id: int) -> SessionRecord | None:
        """One of them, also one that was deleted a while ago; None: it is not there any more."""
        found = await self._tables.read(
            lambda connection: read_sessions(connection, "session.id = ?", (session_id,))
        )
        return found[0] if found else None

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        """In the order they were said."""
        rest = "session_id = ? ORDER BY place, id"
        return await self._tables.read(lambda connection: read_turns(connection, rest, (session_id,)))

    async def labels(self, kind: str) -> Sequence[tuple[str, int]]:
        """Every "tag" or "person" that is in use and on how many reflections, most used first."""
        sql = """
            SELECT name, count(*) AS uses FROM label JOIN session ON session.id = session_id
            WHERE kind = ? AND deleted_at IS NULL GROUP BY name ORDER BY uses DESC, name
        """
        return await self._tables.read(lambda connection: connection.execute(sql, (kind,)).fetchall())

    async def _page(
        self, side: str, order: str, key: Key | None, limit: int, selection: Selection
    ) -> list[SessionRecord]:
        condition, values = where(selection)
        if key is not None:
            condition += f" AND (started_at, session.id) {side} (?, ?)"
            values.extend(key)
        rest = f"{condition} ORDER BY started_at {order}, session.id {order} LIMIT ?"
        return await self._tables.read(lambda connection: read_sessions(connection, rest, [*values, limit]))
