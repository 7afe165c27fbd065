"""Reflections out of the journal as entries, and entries into it: `journal.exchange`.

Out a page at a time, so that nothing waits behind an export. In at once: one transaction that keeps all of them or none,
under a batch by which they can be taken out again.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from companion.entries import Entry, EntrySound, EntryTurn
from companion.flow import TurnRecord
from companion.journal.changing import Changing
from companion.journal.listing import ALL, Key, Listing, key_of
from companion.journal.rows import read_turns, where
from companion.journal.sounds import Sounds
from companion.journal.staging import LIVING, Stage
from companion.journal.tables import Tables, for_reading_only, insert, storable
from companion.records import Selection, SessionRecord, SoundSide
from companion.tasks import unbroken

if TYPE_CHECKING:
    from sqlite3 import Connection

PAGE = 40
"""Reflections that are read at once: some milliseconds."""
_AT_ONCE = 500
STAGED_AT_ONCE = 100
_IN = "IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Batch:
    """One import."""

    id: int
    kept: int
    """How many reflections came in."""


class Exchanging:
    """One per open journal."""

    def __init__(self, tables: Tables, listing: Listing, changing: Changing, sounds: Sounds) -> None:
        self._tables, self._listing, self._changing, self._sounds = tables, listing, changing, sounds
        self._stages = itertools.count(1)

    # -- out ------------------------------------------------------------------------------------------------

    async def entries(self, selection: Selection = ALL) -> AsyncGenerator[Entry, None]:
        """Oldest first. What is changed meanwhile is given as it was or as it is.

        Raises:
            CompanionError: as `Tables.read`.
        """
        key: Key | None = None
        while sessions := await self._listing.page_after(key, PAGE, selection):
            key = key_of(sessions[-1])
            turns = await self._turns_of([session.id for session in sessions])
            for session in sessions:
                yield _entry(session, turns[session.id])

    async def _turns_of(self, session_ids: list[int]) -> dict[int, list[TurnRecord]]:
        rest = f"session_id {_IN} ORDER BY session_id, place, id"
        found: dict[int, list[TurnRecord]] = defaultdict(list)
        for turn in await self._tables.read(
            lambda connection: read_turns(connection, rest, (json.dumps(session_ids),))
        ):
            found[turn.session_id].append(turn)
        return found

    async def named(self, start: str) -> list[int]:
        """The reflections whose uid begins so, at most two.

        Raises:
            CompanionError: as `Tables.read`.
        """
        sql = "SELECT id FROM session WHERE deleted_at IS NULL AND substr(uid, 1, ?) = ? LIMIT 2"
        values = (len(start), start.lower())
        return await self._tables.read(lambda connection: [row[0] for row in connection.execute(sql, values)])

    async def totals(self, selection: Selection = ALL) -> tuple[int, int]:
        """How many turns there are, and about how many words the person said in them.

        Raises:
            CompanionError: as `Tables.read`.
        """
        condition, values = where(selection)
        spaces = "length(user_text) - length(replace(user_text, ' ', ''))"
        sql = f"""
            SELECT count(*), coalesce(sum(iif(trim(user_text) = '', 0, {spaces} + 1)), 0)
            FROM turn JOIN session ON session.id = session_id WHERE {condition}
        """
        turns, words = await self._tables.read(lambda connection: connection.execute(sql, values).fetchone())
        return int(turns), int(words)

    # -- in -------------------------------------------------------------------------------------------------

    async def here(self, names: Iterable[str]) -> set[str]:
        """Those uids and sources among `names` that are in the journal; what was deleted is not.

        Raises:
            CompanionError: as `Tables.read`.
        """
        found: set[str] = set()
        rest = iter(names)
        while some := list(islice(rest, _AT_ONCE)):
            found |= await self._tables.read(partial(_here, names=some))
        return found

    async def uids_here(self, uids: Iterable[str]) -> set[str]:
        """Those of reflections and turns that are still here, deleted or not.

        Raises:
            CompanionError: as `Tables.read`.
        """
        sql = f"SELECT uid FROM session WHERE uid {_IN} UNION SELECT uid FROM turn WHERE uid {_IN}"
        wanted = json.dumps(list(uids))
        return await self._tables.read(
            lambda connection: {row[0] for row in connection.execute(sql, (wanted, wanted))}
        )

    async def take(self, format_name: str, name: str, entries: Iterable[Entry]) -> Batch:
        """Keeps all of them, or none; those that are here already are left as they are.

        They are laid out beside the journal first, in memory and a few at a time, so that what is said meanwhile is kept
        as fast as always; the one transaction then only copies.

        Args:
            format_name: what they were read as.
            name: of the file.

        Raises:
            CompanionError: as `Tables.write`.
        """
        if self._tables.is_read_only:
            raise for_reading_only()
        stage = Stage(f"stage_{next(self._stages)}")
        row = {"at": time.time(), "format": format_name, "name": storable(name)}
        rest = iter(entries)
        try:
            await self._tables.read(stage.begin)
            while some := await asyncio.to_thread(lambda: list(islice(rest, STAGED_AT_ONCE))):
                await self._tables.read(partial(stage.add, entries=some))
            return await self._tables.write(partial(self._keep, stage=stage, row=row))
        finally:
            await unbroken(self._tables.read(stage.end), name="clear the stage of an import")

    def _keep(self, connection: Connection, stage: Stage, row: dict[str, Any]) -> Batch:
        self._tables.before_entries()
        batch_id = insert(connection, "batch", row)
        return Batch(batch_id, stage.keep(connection, batch_id))

    async def without_sound(self, turn_uids: Iterable[str]) -> dict[str, int]:
        """Those of the turns that are here and have no recording: their uids and ids.

        Raises:
            CompanionError: as `Tables.read`.
        """
        wanted = json.dumps(list(turn_uids))
        sql = f"SELECT uid, id FROM turn WHERE uid {_IN} AND id NOT IN (SELECT turn_id FROM kept_sound)"
        return await self._tables.read(lambda connection: dict(connection.execute(sql, (wanted,)).fetchall()))

    async def add_sound(self, turn_id: int, side: SoundSide, pcm: bytes, kept_at: float) -> None:
        """Seals a recording (int16 mono at 16 kHz) and keeps it with its turn, as it was kept elsewhere.

        Raises:
            CompanionError: as `Tables.write`; DISK_FULL.
        """
        take_id = await self._sounds.seal(pcm)
        await self._sounds.keep(turn_id, [take_id], side)
        sql = "UPDATE kept_sound SET kept_at = ? WHERE take_id = ?"
        await self._tables.write(lambda connection: connection.execute(sql, (kept_at, take_id)).rowcount)

    async def undo(self, batch_id: int) -> list[int]:
        """Takes what came with it out again, at once; it can be brought back for a while, like all that is deleted.

        Returns:
            The reflections that were taken out.

        Raises:
            CompanionError: as `Tables.write`.
        """
        sql = "SELECT id FROM session WHERE batch_id = ? AND deleted_at IS NULL"
        ids = await self._tables.read(
            lambda connection: [row[0] for row in connection.execute(sql, (batch_id,))]
        )
        await self._changing.delete(ids)
        told = "UPDATE batch SET undone_at = ? WHERE id = ?"
        await self._tables.write(
            lambda connection: connection.execute(told, (time.time(), batch_id)).rowcount
        )
        return ids


# -- rows as entries ----------------------------------------------------------------------------------------


def _entry(session: SessionRecord, turns: Iterable[TurnRecord]) -> Entry:
    return Entry(
        uid=session.uid,
        began=session.started_at,
        offset_s=session.offset_s,
        title=session.title if session.has_own_title else "",
        summary=session.summary,
        practice=session.practice,
        mood_before=session.mood_before,
        mood_after=session.mood_after,
        mood_word=session.mood_word,
        is_starred=session.is_starred,
        tags=session.tags,
        people=session.people,
        source=session.source,
        turns=tuple(_turn(turn) for turn in turns),
    )


def _turn(turn: TurnRecord) -> EntryTurn:
    return EntryTurn(
        uid=turn.uid,
        at=turn.at,
        offset_s=turn.offset_s,
        words=turn.user_text,
        said=turn.said_text,
        edited_at=turn.edited_at,
        answer=turn.reply_text,
        heard=turn.heard_text,
        state=turn.reply_state,
        answered_at=turn.reply_at,
        engines=turn.engines,
        timeline_ms=turn.timeline_ms,
        cost_usd=turn.cost_usd,
        sounds=tuple(
            EntrySound(side=sound.side, seconds=sound.seconds, take_id=sound.take_id, kept_at=sound.kept_at)
            for sound in turn.sounds
        ),
    )


def _here(connection: Connection, names: list[str]) -> set[str]:
    sql = f"SELECT {{0}} FROM session WHERE {{0}} <> '' AND {{0}} {_IN} AND {LIVING}"
    wanted = (json.dumps(names),)
    return {row[0] for column in ("uid", "source") for row in connection.execute(sql.format(column), wanted)}
