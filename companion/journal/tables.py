"""The open database and its thread, shared by the parts of a journal: reading, and writing in one transaction.

A job gets the connection and runs on the writer thread, after those that were given before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from companion.errors import CompanionError, Kind
from companion.journal.writer import Writer
from companion.language import tr

if TYPE_CHECKING:
    from sqlite3 import Connection

T = TypeVar("T")
SETTLED_S = 1.0
"""Without a word until what was written is moved from the log into the file."""


class Tables:
    """One per open journal."""

    def __init__(
        self,
        writer: Writer,
        connection: Connection,
        *,
        before_entries: Callable[[], None] = lambda: None,
        settle: Callable[[], None] | None = None,
        is_read_only: bool = False,
    ) -> None:
        """Both are called on the thread.

        Args:
            before_entries: before a turn is written.
            settle: when nothing was written for `SETTLED_S`; None: nothing is to be done then.
        """
        self.writer, self.connection, self.is_read_only = writer, connection, is_read_only
        self.before_entries = before_entries
        self._settle = settle
        self._settling: asyncio.TimerHandle | None = None
        self.one_reader = asyncio.Lock()
        """Held by whoever reads beside the thread, which keeps the log from being emptied."""
        self.purge_steps: list[Callable[[Connection, list[int]], None]] = []
        """Told the sessions that go for good, before they do, in the same transaction: for what no cascade reaches."""
        self.purged_turns: set[int] = set()
        """What comes late for one of them is let go."""
        self.purged_sessions: dict[int, str] = {}
        """Id -> practice, of this run."""

    async def read(self, job: Callable[[Connection], T]) -> T:
        """What `job` finds.

        Raises:
            CompanionError: JOURNAL_LOCKED; JOURNAL_UNSAVED, it cannot be read.
        """
        try:
            return await self.writer.run(lambda: job(self.connection))
        except CompanionError as error:
            if error.kind is not Kind.JOURNAL_UNSAVED:
                raise
            hint = tr("Nothing was changed; try again.")
            raise CompanionError(
                error.kind, tr("The journal could not be read."), hint=hint, cause=error
            ) from error

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Runs `job` in one transaction; returns after COMMIT. Where it raises, nothing was changed.

        Raises:
            CompanionError: JOURNAL_LOCKED, DISK_FULL, JOURNAL_UNSAVED, and what `job` raises.
        """
        try:
            return await self.writer.run(lambda: self._in_transaction(job))
        finally:
            self._settle_soon()

    def stop_settling(self) -> None:
        """Nothing is begun any more; whoever closes the journal does it."""
        self._settle = None
        if self._settling is not None:
            self._settling.cancel()

    def _settle_soon(self) -> None:
        if self._settle is not None:
            if self._settling is not None:
                self._settling.cancel()
            self._settling = asyncio.get_running_loop().call_later(SETTLED_S, self._settle_now)

    def _settle_now(self) -> None:
        if self._settle is not None:
            with suppress(CompanionError):  # it is closed, or far behind
                self.writer.submit(self._settle)

    async def empty_log(self) -> None:
        """What was deleted leaves the write-ahead log too, which holds earlier states of the pages it was on."""
        async with self.one_reader:
            await self.writer.run(
                lambda: self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            )

    def _in_transaction(self, job: Callable[[Connection], T]) -> T:
        if self.is_read_only:
            raise for_reading_only()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result = job(self.connection)
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        return result


def insert(connection: Connection, table: str, row: dict[str, Any]) -> int:
    """The id of a new row; a session or turn without a `uid` gets one."""
    names, marks = list(row), ["?"] * len(row)
    if table in ("session", "turn") and "uid" not in row:
        names.append("uid")
        marks.append("lower(hex(randomblob(16)))")
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(marks)})"
    return int(connection.execute(sql, tuple(row.values())).lastrowid or 0)


def for_reading_only() -> CompanionError:
    """What is told where a journal of a newer version would be changed."""
    return CompanionError(
        Kind.JOURNAL_UNSAVED,
        tr("A newer Companion wrote this journal, so here it can only be read."),
        hint=tr("Install the newer version to add to it. What is said until then stays in memory."),
    )


def storable(text: str) -> str:
    """Text that UTF-8 can hold: half a character pair, as broken input leaves it, would refuse the whole row."""
    return text.encode("utf-8", "replace").decode("utf-8")
