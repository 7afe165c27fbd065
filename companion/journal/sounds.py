"""Recordings that are kept with their turn: sealed like every take, listed with the turn, and removed with it.

A take is kept or waits for its words, never both: the row says which. Files go before their rows, so that nothing that was
removed can come back as a recording without words. Every method may raise what `Tables.write` raises.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from companion.errors import CompanionError
from companion.flow import CAPTURE_RATE_HZ
from companion.journal.spool import Takes
from companion.journal.tables import Tables, insert
from companion.records import SoundSide

if TYPE_CHECKING:
    from sqlite3 import Connection

_THOSE = "take_id IN (SELECT value FROM json_each(?))"


class Sounds:
    """One per open journal."""

    def __init__(self, tables: Tables, takes: Takes) -> None:
        self._tables, self._takes = tables, takes

    async def keep(self, turn_id: int, take_ids: Iterable[str], side: SoundSide = SoundSide.SAID) -> None:
        """These finished takes stay with the turn; those without sound go."""
        ids = list(take_ids)

        def job(connection: Connection) -> None:
            if turn_id in self._tables.purged_turns:
                self._takes.remove(ids)  # they would wait for words that were deleted
                return
            for take_id in ids:
                seconds = self._takes.seconds_of(take_id)
                if connection.execute("SELECT 1 FROM kept_sound WHERE take_id = ?", (take_id,)).fetchone():
                    continue  # a turn that is tried again
                if seconds <= 0:
                    self._takes.remove([take_id])
                    continue
                row = {"take_id": take_id, "turn_id": turn_id, "side": side.value}
                insert(connection, "kept_sound", row | {"seconds": seconds, "kept_at": time.time()})

        await self._tables.write(job)

    async def keep_answer(self, turn_id: int, pcm: bytes, *, goes_on: bool) -> None:
        """The sound of its answer stays with the turn; `goes_on`: beside that of its beginning, else instead of it."""
        take = self._takes.new()

        def job(connection: Connection) -> bool:
            if turn_id in self._tables.purged_turns:
                return False
            if not goes_on:
                self._remove(connection, "turn_id = ? AND side = 'answer'", turn_id)
            row = {"take_id": take.id, "turn_id": turn_id, "side": SoundSide.ANSWER.value}
            seconds = len(pcm) / 2 / CAPTURE_RATE_HZ
            insert(connection, "kept_sound", row | {"seconds": seconds, "kept_at": time.time()})
            return True

        # The row is first: a file without one would be a recording that waits to be written down.
        try:
            if await self._tables.write(job):
                take.write(pcm)
                await take.finish()
                return
        except BaseException:
            with suppress(CompanionError):  # the first failure is told
                await take.discard()
                await self.remove([take.id])
            raise
        await take.discard()

    async def seal(self, pcm: bytes) -> str:
        """A new take of this sound (int16 mono at 16 kHz), to be kept; until then it is one that waits."""
        take = self._takes.new()
        take.write(pcm)
        await take.finish()
        return take.id

    async def remove(self, take_ids: Iterable[str]) -> None:
        """For good; the words stay."""
        ids = list(take_ids)
        await self._tables.write(lambda connection: self._remove(connection, _THOSE, json.dumps(ids)))

    async def remove_older(self, kept_before: float) -> int:
        """Those that are kept since before this moment go for good; how many."""
        return await self._tables.write(
            lambda connection: self._remove(connection, "kept_at < ?", kept_before)
        )

    async def kept(self) -> frozenset[str]:
        """The takes that stay."""
        sql = "SELECT take_id FROM kept_sound"
        rows = await self._tables.read(lambda connection: connection.execute(sql).fetchall())
        return frozenset(row[0] for row in rows)

    async def total_s(self) -> tuple[int, float]:
        """How many are kept, and their seconds."""
        sql = "SELECT count(*), coalesce(sum(seconds), 0.0) FROM kept_sound"
        count, seconds = await self._tables.read(lambda connection: connection.execute(sql).fetchone())
        return int(count), float(seconds)

    def remove_of(self, connection: Connection, session_ids: list[int]) -> None:
        """Those of sessions that go for good, in the transaction of who calls."""
        turns = "SELECT id FROM turn WHERE session_id IN (SELECT value FROM json_each(?))"
        self._remove(connection, f"turn_id IN ({turns})", json.dumps(session_ids))

    def _remove(self, connection: Connection, condition: str, value: object) -> int:
        sql = f"SELECT take_id FROM kept_sound WHERE {condition}"
        ids = [row[0] for row in connection.execute(sql, (value,))]
        self._takes.remove(ids)
        connection.execute(f"DELETE FROM kept_sound WHERE {condition}", (value,))
        return len(ids)
