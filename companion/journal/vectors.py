"""The vectors of a journal: which turns still want one, making them in the background, and what is near to a question.

The database holds them, sealed like all else, and what is due: triggers note every turn that is new or whose words were
changed, and take its old vectors away. Here is what this run has read of them. Loop's thread; models work in another.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from companion.journal import passages
from companion.journal.tables import Tables

if TYPE_CHECKING:
    from sqlite3 import Connection

    import numpy as np
    from numpy.typing import NDArray

    from companion.journal.meaning.near import Near, Nearest, Stored

_AT_ONCE = 5_000
"""Vectors that are read in one go; between two of them others may use the database."""
_TURNS_AT_ONCE = 64
_LOOKED_AT = 400
Progress = Callable[[int, int], None]
"""Turns that are done, and all that were due when it began."""


class Model(Protocol):
    """Makes vectors; blocking."""

    name: str
    width: int

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class Elsewhere(ABC):
    """The same on another computer: it may fail, and which model it is shows with its first answer."""

    name: str
    width: int

    @abstractmethod
    async def vectors(self, texts: Sequence[str], *, is_query: bool = False) -> Sequence[Sequence[float]]:
        """One for each text, of length 1. Raises `CompanionError`."""


class Vectors:
    """Those of one model in one journal."""

    def __init__(self, tables: Tables, model: Model | Elsewhere) -> None:
        self._tables, self._model = tables, model
        self._near: Near | None = None
        self._one_at_a_time = asyncio.Lock()

    def is_of(self, model: object) -> bool:
        """Whether that model makes them."""
        return self._model is model

    async def begin(self) -> None:
        """From now on every turn gets vectors of this model. Idempotent."""
        if not self._tables.is_read_only:
            await self._tables.write(self._enlist)

    def _enlist(self, connection: Connection) -> None:
        name = (self._model.name,)
        if connection.execute("INSERT OR IGNORE INTO meaning_model (name) VALUES (?)", name).rowcount:
            connection.execute("INSERT OR IGNORE INTO passage_due SELECT ?, id FROM turn", name)

    # -- making them ----------------------------------------------------------------------------------------

    async def catch_up(self, on_progress: Progress = lambda *_: None, rest_s: float = 0.0) -> None:
        """Makes what is due, newest first. `rest_s`: pause after each handful, for a model that is slow.

        Raises:
            CompanionError: as `Tables.write`.
        """
        if self._tables.is_read_only:
            return
        count = "SELECT count(*) FROM passage_due WHERE model = ?"
        whole = (await self._tables.read(lambda db: db.execute(count, (self._model.name,)).fetchone()))[0]
        done = 0
        while due := await self._tables.read(self._due):
            cut = [(turn_id, text, passages.cut(text)) for turn_id, text in due]
            texts = [text[begin:end] for _, text, spans in cut for begin, end in spans]
            made = iter(await self._made(texts))
            stored = [(turn, part, next(made)) for turn, _, spans in cut for part in range(len(spans))]
            await self._tables.write(lambda db, due=due, stored=stored: self._store(db, due, stored))  # type: ignore[misc]
            done += len(due)
            on_progress(done, max(whole, done))
            await asyncio.sleep(rest_s)

    def _due(self, connection: Connection) -> list[tuple[int, str]]:
        sql = """
            SELECT turn_id, user_text FROM passage_due JOIN turn ON turn.id = turn_id
            WHERE model = ? ORDER BY turn_id DESC LIMIT ?
        """
        return connection.execute(sql, (self._model.name, _TURNS_AT_ONCE)).fetchall()

    def _store(
        self, connection: Connection, due: list[tuple[int, str]], stored: list[tuple[int, int, bytes]]
    ) -> None:
        """Of those turns whose words are still the same."""
        for turn_id, text in due:
            sql = "SELECT user_text FROM turn WHERE id = ?"
            now = connection.execute(sql, (turn_id,)).fetchone()
            if now != (text,):
                continue
            gone = (self._model.name, turn_id)
            connection.execute("DELETE FROM passage WHERE model = ? AND turn_id = ?", gone)
            connection.executemany(
                "INSERT INTO passage (model, turn_id, part, vector) VALUES (?, ?, ?, ?)",
                [(*gone, part, vector) for turn, part, vector in stored if turn == turn_id],
            )
            connection.execute("DELETE FROM passage_due WHERE model = ? AND turn_id = ?", gone)

    async def _made(self, texts: Sequence[str]) -> list[bytes]:
        from companion.journal.meaning.near import packed

        if not texts:
            return []
        rows = await self._rows(texts)
        return await asyncio.to_thread(packed, rows)

    async def _rows(self, texts: Sequence[str], *, is_query: bool = False) -> NDArray[np.float32]:
        if isinstance(self._model, Elsewhere):
            from companion.journal.meaning.near import as_rows

            made = await self._model.vectors(texts, is_query=is_query)
            return await asyncio.to_thread(as_rows, made)
        return await asyncio.to_thread(self._model, texts)

    # -- asking them ----------------------------------------------------------------------------------------

    async def warm(self) -> None:
        """Reads what is stored, so that the first question does not wait for it."""
        async with self._one_at_a_time:
            await self._read_new()

    async def nearest(self, text: str, turns: Collection[int] | None = None) -> Nearest:
        """The turns nearest to what is asked, that are there now; `turns`: only among these."""
        async with self._one_at_a_time:
            near = await self._read_new()
            if isinstance(self._model, Elsewhere):
                (question,) = await self._rows([text], is_query=True)
                found = await asyncio.to_thread(near.nearest, question, _LOOKED_AT, turns)
            else:
                model = self._model
                found = await asyncio.to_thread(lambda: near.nearest(model([text])[0], _LOOKED_AT, turns))
            if not found.rows:
                return found
            there = await self._tables.read(lambda db: _there(db, found.rows.values()))
            gone = [turn for turn, row in found.rows.items() if row not in there]
            if gone:  # deleted or changed since they were read
                await self._forget(near)
            for turn in gone:
                del found.cosines[turn], found.parts[turn], found.rows[turn]
        return found

    async def forget_deleted(self) -> None:
        """What is not in the database any more leaves memory, too."""
        async with self._one_at_a_time:
            if self._near is not None:
                await self._forget(self._near)

    async def _forget(self, near: Near) -> None:
        sql = "SELECT id FROM passage WHERE model = ?"
        rows = await self._tables.read(lambda db: [row[0] for row in db.execute(sql, (self._model.name,))])
        near.keep_only(rows)

    async def _read_new(self) -> Near:
        from companion.journal.meaning.near import Near

        near = self._near = self._near or Near(self._model.width)
        while new := await self._tables.read(lambda db: self._after(db, near.last_row)):
            if len(new) <= _TURNS_AT_ONCE:
                near.add(new)
            else:
                await asyncio.to_thread(near.add, new)
            if len(new) < _AT_ONCE:
                break
        return near

    def _after(self, connection: Connection, row: int) -> list[Stored]:
        sql = "SELECT id, turn_id, part, vector FROM passage WHERE id > ? AND model = ? ORDER BY id LIMIT ?"
        return connection.execute(sql, (row, self._model.name, _AT_ONCE)).fetchall()


def _there(connection: Connection, rows: Collection[int]) -> set[int]:
    sql = "SELECT id FROM passage WHERE id IN (SELECT value FROM json_each(?))"
    return {row[0] for row in connection.execute(sql, (json.dumps(list(rows)),))}
