"""Changing what is kept: titles, moods, labels, words, and deleting, which can be undone for a week.

What is deleted is hidden at once and goes for good with `purge`: its rows, its recordings, and the database's own log of
them. Every method returns after COMMIT and may raise what `Tables.write` raises, and JOURNAL_UNSAVED where the reflection
or turn is not there any more.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING

from companion.errors import CompanionError, Kind
from companion.journal.copies import list_aside, list_copies
from companion.journal.merging import merge
from companion.journal.sounds import Sounds
from companion.journal.tables import Tables, insert, storable
from companion.language import tr

if TYPE_CHECKING:
    from sqlite3 import Connection

KEPT_DELETED_S = 7 * 86_400.0
"""How long a deleted reflection can be brought back."""
_IDS = "IN (SELECT value FROM json_each(?))"
_WITH_THEM = f"""
    WITH RECURSIVE going (id) AS (
        SELECT id FROM session WHERE id {_IDS}
        UNION SELECT session.id FROM session JOIN going ON going.id IN (taken_from, merged_into)
    )
    SELECT id, practice FROM session WHERE id IN (SELECT id FROM going)
"""
_AMONG_THEM = """
    UPDATE turn SET place = coalesce(
        (SELECT max(place) FROM turn AS other WHERE other.session_id = ?1 AND other.at <= turn.at), 0
    ) WHERE session_id = ?2
"""
"""The place of a turn that comes back into what its reflection was merged into: where its time puts it."""
Undo = Callable[["Connection"], None]


@dataclass(frozen=True, slots=True)
class Remains:
    """Where what is deleted still is."""

    engines: tuple[tuple[str, str], ...]
    """Who heard, read or spoke it: role value and "provider/model"; those that run here are among them."""
    copies: tuple[tuple[str, float], ...]
    """The journal's copies that hold it: file name, and when it goes."""
    began: float | None = None
    """Since when the first of them is in the journal; None: they are gone already."""
    aside: tuple[Path, ...] = ()
    """Folders of files that were put aside when a backup was restored or a new journal begun."""


class Changing:
    """One per open journal."""

    def __init__(self, tables: Tables, sounds: Sounds, copies: Path | None) -> None:
        """`copies`: the folder of the journal's copies; None: in memory there are none."""
        self._tables, self._sounds, self._copies = tables, sounds, copies
        self.before_purge: Callable[[list[str]], None] = lambda _: None
        """Told, on the thread, the uids of what is about to go for good."""
        self._undos: dict[int, Undo] = {}
        self._tokens = itertools.count(1)

    # -- what is marked -------------------------------------------------------------------------------------

    async def set_title(self, session_id: int, title: str) -> None:
        """The person's own title; empty: the first words again."""
        await self._set(session_id, title=storable(" ".join(title.split())))

    async def set_summary(self, session_id: int, summary: str) -> None:
        await self._set(session_id, summary=storable(summary.strip()))

    async def set_mood(
        self,
        session_id: int,
        *,
        before: int | EllipsisType | None = ...,
        after: int | EllipsisType | None = ...,
        word: str | EllipsisType = ...,
    ) -> None:
        """-3 very unpleasant .. 3 very pleasant, None: not marked, and a word of the person's own; left out: as it is."""
        given = {"mood_before": before, "mood_after": after, "mood_word": word}
        await self._set(session_id, **{name: value for name, value in given.items() if value is not ...})

    async def star(self, session_id: int, is_starred: bool) -> None:
        await self._set(session_id, starred=int(is_starred))

    async def set_labels(
        self, session_id: int, *, tags: Iterable[str] | None = None, people: Iterable[str] | None = None
    ) -> None:
        """These instead of those it has; None: as they are. Spelt as on other reflections, where it is on one."""
        given = {
            kind: list(names) for kind, names in (("tag", tags), ("person", people)) if names is not None
        }

        def job(connection: Connection) -> None:
            _must_be(connection, "session", session_id)
            for kind, names in given.items():
                connection.execute("DELETE FROM label WHERE session_id = ? AND kind = ?", (session_id, kind))
                for name in _spelt(connection, kind, names):
                    insert(connection, "label", {"session_id": session_id, "kind": kind, "name": name})

        await self._tables.write(job)

    async def edit_words(self, turn_id: int, text: str) -> None:
        """What the person said, as they put it right; what the recogniser wrote is kept beside it, once."""
        sql = """
            UPDATE turn SET
                said_text = CASE ?1 WHEN coalesce(said_text, user_text) THEN NULL
                    ELSE coalesce(said_text, user_text) END,
                edited_at = CASE ?1 WHEN coalesce(said_text, user_text) THEN NULL ELSE ?2 END,
                user_text = ?1
            WHERE id = ?3
        """
        values = (storable(text), time.time(), turn_id)
        await self._tables.write(lambda connection: _one(connection, sql, values))

    # -- deleting -------------------------------------------------------------------------------------------

    async def delete(self, session_ids: Iterable[int]) -> int:
        """Hides them at once; returns the token that undoes it."""
        ids = sorted(set(session_ids))

        def job(connection: Connection) -> Undo:
            sql = f"UPDATE session SET deleted_at = ? WHERE deleted_at IS NULL AND id {_IDS} RETURNING id"
            hidden = [row[0] for row in connection.execute(sql, (time.time(), json.dumps(ids)))]
            return lambda again: _restore(again, hidden)

        return await self._undoable(job)

    async def delete_turn(self, turn_id: int) -> int:
        """Hides one turn at once, and the reflection where it was its only one; returns the token that undoes it."""

        def job(connection: Connection) -> Undo:
            hidden = _hide_turn(connection, turn_id)
            return lambda again: _restore(again, [hidden])

        return await self._undoable(job)

    async def undo(self, token: int) -> None:
        """Everything is as before `delete`, `delete_turn` or `merge`. Idempotent.

        Raises:
            CompanionError: JOURNAL_UNSAVED, it has gone for good.
        """
        undo = self._undos.get(token)
        if undo is not None:
            await self._tables.write(undo)
            self._undos.pop(token, None)

    async def restore(self, session_ids: Iterable[int]) -> None:
        """Brings deleted ones back, turns into the reflection they were in."""
        ids = sorted(set(session_ids))
        await self._tables.write(lambda connection: _restore(connection, ids))

    # -- for good -------------------------------------------------------------------------------------------

    async def purge(self, deleted_before: float | None = None) -> int:
        """What was deleted before then goes for good, by default what was for `KEPT_DELETED_S`; how many reflections."""
        until = time.time() - KEPT_DELETED_S if deleted_before is None else deleted_before
        sql = "SELECT id FROM session WHERE deleted_at <= ? AND merged_into IS NULL"

        def due(connection: Connection) -> list[int]:
            return [row[0] for row in connection.execute(sql, (until,))]

        if not await self._tables.read(due):  # looking writes nothing
            return 0
        return await self._go(due)

    async def delete_for_good(self, session_ids: Iterable[int]) -> int:
        """They go at once, with the turns that were deleted from them and what was merged into them; how many."""
        ids = sorted(set(session_ids))
        return await self._go(lambda _: ids)

    async def remains(self, session_ids: Iterable[int]) -> Remains:
        """Where copies of them are that deleting does not reach."""
        ids = json.dumps(sorted(set(session_ids)))
        engines = f"SELECT DISTINCT engines FROM turn WHERE session_id {_IDS}"
        imported = "SELECT at FROM batch WHERE batch.id = session.batch_id"
        began = f"SELECT min(coalesce(({imported}), started_at)) FROM session WHERE id {_IDS}"

        def job(connection: Connection) -> Remains:
            found = {
                (role, name)
                for (text,) in connection.execute(engines, (ids,))
                for role, name in json.loads(text).items()
            }
            (first,) = connection.execute(began, (ids,)).fetchone()
            copies = list_copies(self._copies) if self._copies is not None and first is not None else []
            since = [(copy.path.name, copy.until) for copy in copies if copy.made_at >= first]
            aside = list_aside(self._copies.parent) if self._copies is not None and first is not None else []
            return Remains(
                engines=tuple(sorted(found)),
                copies=tuple(since),
                began=first,
                aside=tuple(folder for folder, at in aside if at >= first),
            )

        return await self._tables.read(job)

    # -- one of several -------------------------------------------------------------------------------------

    async def merge(self, into: int, others: Iterable[int]) -> int:
        """One reflection of several, in the order they began; returns the token that undoes it.

        Raises:
            CompanionError: JOURNAL_UNSAVED, one of them is deleted or gone.
        """
        ids = sorted(set(others) - {into})

        def job(connection: Connection) -> Undo:
            merged = merge(connection, into, ids)
            if merged is None:
                raise _gone()
            return merged.undo

        return await self._undoable(job)

    # -- inside ---------------------------------------------------------------------------------------------

    async def _set(self, session_id: int, **columns: object) -> None:
        if columns:
            names = ", ".join(f"{name} = ?" for name in columns)
            sql, values = f"UPDATE session SET {names} WHERE id = ?", (*columns.values(), session_id)
            await self._tables.write(lambda connection: _one(connection, sql, values))

    async def _go(self, which: Callable[[Connection], list[int]]) -> int:
        def job(connection: Connection) -> tuple[dict[int, str], list[int]]:
            rows = connection.execute(_WITH_THEM, (json.dumps(which(connection)),)).fetchall()
            ids = json.dumps([row[0] for row in rows])
            turns = [
                row[0] for row in connection.execute(f"SELECT id FROM turn WHERE session_id {_IDS}", (ids,))
            ]
            self._sounds.remove_of(connection, [row[0] for row in rows])
            for step in self._tables.purge_steps:
                step(connection, [row[0] for row in rows])
            connection.execute(f"DELETE FROM session WHERE id {_IDS}", (ids,))
            return dict(rows), turns

        await self._tables.read(lambda connection: self.before_purge(_uids(connection, which(connection))))
        sessions, turns = await self._tables.write(job)
        self._tables.purged_sessions.update(sessions)
        self._tables.purged_turns.update(turns)
        await self._tables.empty_log()
        return len(sessions)

    async def _undoable(self, job: Callable[[Connection], Undo]) -> int:
        undo = await self._tables.write(job)
        token = next(self._tokens)
        self._undos[token] = undo
        return token


def _uids(connection: Connection, session_ids: list[int]) -> list[str]:
    """Of what goes with these sessions."""
    ids = [row[0] for row in connection.execute(_WITH_THEM, (json.dumps(session_ids),))]
    names = f"SELECT uid FROM session WHERE id {_IDS} UNION ALL SELECT uid FROM turn WHERE session_id {_IDS}"
    return [row[0] for row in connection.execute(names, (json.dumps(ids), json.dumps(ids)))]


def _one(connection: Connection, sql: str, values: Sequence[object]) -> None:
    if not connection.execute(sql, values).rowcount:
        raise _gone()


def _must_be(connection: Connection, table: str, row_id: int) -> None:
    if not connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (row_id,)).fetchone():
        raise _gone()


def _gone() -> CompanionError:
    return CompanionError(
        Kind.JOURNAL_UNSAVED,
        tr("That is not in the journal any more."),
        hint=tr("It may have been deleted for good meanwhile."),
    )


def _spelt(connection: Connection, kind: str, names: Iterable[str]) -> list[str]:
    """Each name once, spelt as it was before, whatever its capitals."""
    known = {
        name.casefold(): name
        for (name,) in connection.execute("SELECT DISTINCT name FROM label WHERE kind = ?", (kind,))
    }
    wanted = {name.casefold(): name for name in (storable(" ".join(each.split())) for each in names) if name}
    return [known.get(folded, name) for folded, name in wanted.items()]


def _hide_turn(connection: Connection, turn_id: int) -> int:
    """The hidden session the turn is in now."""
    sql = "SELECT session_id, at, offset_s FROM turn WHERE id = ?"
    row = connection.execute(sql, (turn_id,)).fetchone()
    if row is None:
        raise _gone()
    session_id, at, offset_s = row
    practice, deleted_at, turns = connection.execute(
        "SELECT practice, deleted_at, (SELECT count(*) FROM turn WHERE session_id = session.id) FROM session WHERE id = ?",
        (session_id,),
    ).fetchone()
    if deleted_at is not None:
        return int(session_id)
    if turns == 1:
        connection.execute("UPDATE session SET deleted_at = ? WHERE id = ?", (time.time(), session_id))
        return int(session_id)
    hidden = insert(
        connection,
        "session",
        {
            "started_at": at,
            "offset_s": offset_s,
            "practice": practice,
            "deleted_at": time.time(),
            "taken_from": session_id,
        },
    )
    connection.execute("UPDATE turn SET session_id = ? WHERE id = ?", (hidden, turn_id))
    return hidden


def _where_it_went(connection: Connection, session_id: int | None) -> int | None:
    """The session it was merged into, if it was."""
    row = connection.execute("SELECT merged_into FROM session WHERE id = ?", (session_id,)).fetchone()
    return session_id if row is None or row[0] is None else _where_it_went(connection, row[0])


def _restore(connection: Connection, session_ids: list[int]) -> None:
    for session_id in session_ids:
        row = connection.execute("SELECT taken_from FROM session WHERE id = ?", (session_id,)).fetchone()
        if row is None:
            raise _gone()
        origin = _where_it_went(connection, row[0])
        if (
            origin is not None
            and connection.execute(
                "SELECT 1 FROM session WHERE id = ? AND deleted_at IS NULL", (origin,)
            ).fetchone()
        ):
            if origin != row[0]:
                connection.execute(_AMONG_THEM, (origin, session_id))
            connection.execute("UPDATE turn SET session_id = ? WHERE session_id = ?", (origin, session_id))
            connection.execute("DELETE FROM session WHERE id = ?", (session_id,))
        else:
            sql = "UPDATE session SET deleted_at = NULL, taken_from = NULL WHERE id = ?"
            connection.execute(sql, (session_id,))
