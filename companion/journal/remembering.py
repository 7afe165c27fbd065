"""What may be brought up again, as the person has it: what was brought up so far, what is pinned, put right or forbidden.

One row a turn, or one of the person's own writing. A turn that is deleted takes its row with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from companion.errors import CompanionError, Kind
from companion.journal.tables import Tables, storable
from companion.language import tr
from companion.records import Earlier, Memory

if TYPE_CHECKING:
    from sqlite3 import Connection

LONGEST = 600
"""Characters of one memory."""
_MEMORIES = """
    SELECT memory.id, memory.turn_id, turn.session_id, coalesce(memory.text, turn.user_text),
        coalesce(turn.at, memory.at), CASE WHEN turn.id IS NULL THEN memory.offset_s ELSE turn.offset_s END,
        told_at, pinned, memory.text IS NOT NULL AND turn.id IS NOT NULL, forgotten
    FROM memory LEFT JOIN turn ON turn.id = memory.turn_id LEFT JOIN session ON session.id = turn.session_id
    WHERE session.deleted_at IS NULL
"""


class Remembering:
    """One per open journal. Every method may raise what `Tables.read` and `Tables.write` raise."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def all(self) -> Sequence[Memory]:
        """Pinned ones first, then what was brought up last, then what is forbidden."""
        sql = _MEMORIES + "ORDER BY forgotten, pinned DESC, coalesce(told_at, memory.at) DESC, memory.id DESC"
        return await self._tables.read(lambda db: _memories(db, sql))

    async def pinned(self) -> list[Earlier]:
        """What is always brought up, the newest first."""
        sql = (
            _MEMORIES + "AND pinned = 1 AND forgotten = 0 ORDER BY coalesce(turn.at, memory.at) DESC LIMIT 5"
        )
        return [_earlier(each) for each in await self._tables.read(lambda db: _memories(db, sql))]

    async def put_right(self, found: Iterable[Earlier]) -> list[Earlier]:
        """The same without what is forbidden or pinned, and as the person has put it right."""
        found = list(found)
        sql = _MEMORIES + "AND memory.turn_id IN (SELECT value FROM json_each(?))"
        ids = json.dumps([each.turn_id for each in found])
        known = {each.turn_id: each for each in await self._tables.read(lambda db: _memories(db, sql, ids))}
        right = []
        for each in found:
            memory = known.get(each.turn_id)
            if memory is None:
                right.append(each)
            elif not memory.is_forgotten and not memory.is_pinned:
                right.append(_earlier(memory, each.strength) if memory.is_corrected else each)
        return right

    async def told(self, turn_ids: Collection[int]) -> None:
        """They were brought up just now."""
        now = time.time()
        sql = """
            INSERT INTO memory (turn_id, at, told_at) SELECT id, at, ? FROM turn WHERE id = ?
            ON CONFLICT (turn_id) DO UPDATE SET told_at = excluded.told_at
        """
        rows = [(now, turn_id) for turn_id in turn_ids]
        await self._tables.write(lambda db: db.executemany(sql, rows))

    async def add(self, text: str, at: float, offset_s: int | None) -> int:
        """Something of the person's own writing that is always brought up; returns its id."""
        sql = "INSERT INTO memory (text, at, offset_s, pinned) VALUES (?, ?, ?, 1) RETURNING id"
        values = (_short(text), at, offset_s)
        return await self._tables.write(lambda db: int(db.execute(sql, values).fetchone()[0]))

    async def pin(self, memory_id: int, is_pinned: bool) -> None:
        await self._one(
            "UPDATE memory SET pinned = ?, forgotten = 0 WHERE id = ? RETURNING id", int(is_pinned), memory_id
        )

    async def correct(self, memory_id: int, text: str) -> None:
        """It is told so from now on; empty: as it was said then, and one of the person's own writing goes."""
        if text.strip():
            await self._one("UPDATE memory SET text = ? WHERE id = ? RETURNING id", _short(text), memory_id)
            return
        await self._one(
            "UPDATE memory SET text = NULL WHERE id = ? AND turn_id IS NOT NULL RETURNING id", memory_id
        )

    async def forget(self, memory_id: int) -> None:
        """Never brought up again; one of the person's own writing goes for good."""
        await self._tables.write(lambda db: _forget(db, memory_id))

    async def forget_turn(self, turn_id: int) -> None:
        """What was said in this turn is never brought up again."""
        sql = """
            INSERT INTO memory (turn_id, at, forgotten) SELECT id, at, 1 FROM turn WHERE id = ?
            ON CONFLICT (turn_id) DO UPDATE SET forgotten = 1, pinned = 0 RETURNING id
        """
        await self._one(sql, turn_id)

    async def allow(self, memory_id: int) -> None:
        """It may be brought up again."""
        await self._one("UPDATE memory SET forgotten = 0 WHERE id = ? RETURNING id", memory_id)

    async def _one(self, sql: str, *values: object) -> int:
        def job(connection: Connection) -> int:
            row = connection.execute(sql, values).fetchone()
            if row is None:
                raise CompanionError(
                    Kind.JOURNAL_UNSAVED,
                    tr("That is not in the journal any more."),
                    hint=tr("It may have been deleted meanwhile."),
                )
            return int(row[0])

        return await self._tables.write(job)


def _forget(connection: Connection, memory_id: int) -> None:
    connection.execute("DELETE FROM memory WHERE id = ? AND turn_id IS NULL", (memory_id,))
    connection.execute("UPDATE memory SET forgotten = 1, pinned = 0, text = NULL WHERE id = ?", (memory_id,))


def _short(text: str) -> str:
    return storable(" ".join(text.split()))[:LONGEST]


def _memories(connection: Connection, sql: str, *values: object) -> list[Memory]:
    return [
        Memory(
            id=row[0],
            turn_id=row[1],
            session_id=row[2],
            text=" ".join(row[3].split())[:LONGEST],
            at=row[4],
            offset_s=row[5],
            told_at=row[6],
            is_pinned=bool(row[7]),
            is_corrected=bool(row[8]),
            is_forgotten=bool(row[9]),
        )
        for row in connection.execute(sql, values)
    ]


def _earlier(memory: Memory, strength: float = 1.0) -> Earlier:
    return Earlier(
        turn_id=memory.turn_id,
        session_id=memory.session_id,
        text=memory.text,
        at=memory.at,
        offset_s=memory.offset_s,
        strength=strength,
        is_pinned=memory.is_pinned,
    )
