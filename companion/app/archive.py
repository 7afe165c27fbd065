"""The journal of a run and its one owner: on disk, or in memory until a key is there, or in memory by choice.

    OPENING -keyring answers-> OPEN                  what is said meanwhile waits for the journal
        |
        +-no key-> MEMORY -keyring, passphrase, a new journal-> OPEN          what memory holds moves into it

Wishes are carried out one at a time, so that overlapping ones end in the last; slow work (the keyring, checking a
passphrase) happens before anything is touched, and the person goes on meanwhile. Only the move itself keeps everybody out
of `using()`. Where the person wants nothing kept, another journal in memory is the current one; it never goes to disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from companion.app.opening import JournalOnDisk, no_passphrase
from companion.errors import Action, CompanionError, Kind
from companion.events import Events, JournalOpened, Note, Trouble, TroubleCleared
from companion.language import tr
from companion.paths import Home
from companion.ports import Journal
from companion.tasks import report, spawn, stop, unbroken

if TYPE_CHECKING:
    from pathlib import Path

    from companion.journal.salvage import Joined
    from companion.journal.store import Moved, SqlJournal
    from companion.vault import Vault

_log = logging.getLogger(__name__)
LEAVE_S = 3.0
"""Longest wait for who works with the journal when it is locked."""
CLOSE_S = 5.0
"""Longest wait for a disk that does not answer, at the end."""


class Place(StrEnum):
    """Where what is to be kept goes now."""

    LOCKED = "locked"
    OPENING = "opening"
    MEMORY = "memory"
    OPEN = "open"


class Archive:
    """One per app.

    Args:
        vault: the keys.
        in_memory: nothing of this run ever goes to disk.
        keeps: what the person wants at first; see `keep`.
        moved: told, while nobody is inside `using()`, that one journal was moved into another and where everything went.
        backups: the folder they lie in.
        left: told that another journal is the current one from now on.
    """

    def __init__(
        self,
        home: Home,
        *,
        vault: Callable[[], Awaitable[Vault]],
        events: Events,
        in_memory: bool = False,
        keeps: bool = True,
        moved: Callable[[Journal, Journal, Moved], None] = lambda *_: None,
        left: Callable[[], None] = lambda: None,
        backups: Callable[[], Path] | None = None,
    ) -> None:
        self._disk, self._vault, self._events = JournalOnDisk(home, vault, backups), vault, events
        self._tell_moved, self._tell_left = moved, left
        self.key = self._disk.data_key
        self.claim: Callable[[], None] = lambda: None
        """Raises where another window keeps the journal of this home."""
        self._may_keep = not in_memory
        self._keeps = keeps and not in_memory
        self._kept: SqlJournal | None = None
        """The one on disk."""
        self._meanwhile: SqlJournal | None = None
        """What is said until that opens; it moves into it."""
        self._private: asyncio.Task[SqlJournal] | None = None
        """What is said while nothing is to be kept; it goes nowhere."""
        self._one_at_a_time = asyncio.Lock()
        self._wishing = asyncio.Lock()
        self._steps: set[asyncio.Task[None]] = set()
        self._inside = 0
        self._is_moving = self._is_closed = False
        self._locks = 0
        """How often it was locked."""
        self.is_locked = False
        """It was locked, and nobody has opened it again."""
        self._was_kept = False
        """One on disk was open when it was locked."""
        self._news = asyncio.Event()
        self._why_shut: CompanionError | None = None
        """Why a journal that is there is not open."""

    # -- what there is --------------------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        if self.is_locked:
            return Place.LOCKED
        if self._kept is not None:
            return Place.OPEN
        return Place.OPENING if self._current is None else Place.MEMORY

    @property
    def storage(self) -> str:
        """ "keyring", "passphrase" or "memory", of the current journal; empty while there is none."""
        return self._current.storage if self._current is not None else ""

    @property
    def why_empty(self) -> CompanionError | None:
        """Why reflections of this home may not be seen now; None: what is not there was never said."""
        if self._kept is not None and self._kept.lacks_newest and self._keeps:
            return _not_whole()
        return self._why_shut if self._keeps and self._kept is None else None

    @asynccontextmanager
    async def using(self) -> AsyncGenerator[SqlJournal, None]:
        """The current journal, as soon as there is one. Nothing is moved while anybody is inside.

        Raises:
            CompanionError: JOURNAL_LOCKED while it is locked, and when the app is closed before there is one.
        """
        await self._until(
            lambda: self._is_closed or self.is_locked or (self._current is not None and not self._is_moving)
        )
        journal = self._current
        if journal is None:
            raise _locked() if self.is_locked and not self._is_closed else _closed()
        self._inside += 1
        try:
            yield journal
        finally:
            self._inside -= 1
            self._news.set()

    async def needs(self) -> str:
        """What a passphrase would do: "choose" one for a new journal, "enter" that of a locked one, "" nothing."""
        await self._until(lambda: self._is_closed or self.is_locked or self._current is not None)
        if self.is_locked:
            return ""
        return await self._disk.purpose() if self._kept is None and self._wants_disk else ""

    async def keep_draft(self, text: str) -> None:
        """Unsent words, for the next start; nothing where nothing is kept. Raises `CompanionError`."""
        if self.storage:
            async with self.using() as journal:
                await journal.keep_draft(text if self._keeps else "")

    async def draft(self) -> str:
        """What `keep_draft` kept; empty: nothing. Raises `CompanionError`."""
        if not self.storage:
            return ""
        async with self.using() as journal:
            return await journal.draft()

    # -- what is wished -------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Opens the journal with what this computer offers; tells what is missing. Ends with a journal."""
        await self._do(self._open_first)

    async def try_again(self) -> None:
        """Asks the keyring again; tells what is still missing."""
        await self._do(self._ask_again)

    async def use_passphrase(self, passphrase: str) -> None:
        """Opens the journal with a passphrase, or makes one; what this run has kept in memory moves into it.

        Raises:
            CompanionError: WRONG_PASSPHRASE; JOURNAL_LOCKED where the journal has no passphrase; all that opening and
                moving can raise. Everything is as before then.
        """
        if not self._wants_disk:
            raise CompanionError(
                Kind.JOURNAL_LOCKED, tr("Nothing is kept in this run."), hint=tr("You chose that.")
            )
        async with self._wishing:  # the file is looked at beside the loop, and wishes keep their order
            purpose = await self._disk.purpose()
            task = self._start(partial(self._open_with_passphrase, passphrase, purpose))
        await _ended(task)

    async def start_anew(self) -> None:
        """Moves a journal that does not open beside and makes a new one; nothing where it is open.

        Raises:
            CompanionError: NO_KEYRING where a passphrase must be chosen first; all that opening and moving can raise.
        """
        await self._do(self._make_anew)

    async def restore(self, backup: Path, passphrase: str = "") -> Joined:
        """Makes a backup the journal and opens it; the present file stays beside, and what only it holds comes along.

        Raises:
            CompanionError: what the backup, its key and opening can raise; the journal is then as before.
        """
        found: list[Joined] = []
        await self._do(partial(self._put_back, backup, passphrase, found))
        return found[0]

    async def lock(self) -> None:
        """Closes the journal on disk until `unlock`; what is in memory stays there, and nobody gets at it.

        From the first moment on `using()` is refused. Who is inside has `LEAVE_S` to end.
        """
        self._locks += 1
        self.is_locked = True
        self._news.set()
        await self._do(self._shut)

    async def unlock(self, passphrase: str = "") -> None:
        """Opens it again: with a passphrase, or with the keyring where none is given.

        Raises:
            CompanionError: WRONG_PASSPHRASE and all that opening can raise; it is locked as before then.
        """
        if self.is_locked:
            await self._do(partial(self._open_again, passphrase, self._locks))

    def keep(self, is_kept: bool, *, anew: bool = False) -> None:
        """What is said from now on is kept on disk, or is not. What is under way stays where it began.

        `anew`: what was said before while nothing was kept is gone.
        """
        if self._is_closed or not self._may_keep or is_kept == self._keeps:
            return
        self._keeps = is_kept
        if not is_kept:
            before = _result(self._private)
            if anew and before is not None:
                self._private = None
                self._begin(before.close, is_awaited=False)
            self._make_private()
        self._tell_left()
        self._news.set()
        text = tr("Your reflections are kept from now on") if is_kept else tr("Nothing is kept from now on")
        self._events.emit(Note(text=text))
        self._begin(self._open_first, is_awaited=False)

    async def close(self) -> None:
        """Ends what is under way and closes every journal. Idempotent."""
        self._is_closed = True
        self._news.set()
        await asyncio.wait([spawn(stop(*self._steps), name="stop journal steps")], timeout=CLOSE_S)
        if self._private is not None:
            await asyncio.wait([self._private], timeout=CLOSE_S)
        for journal in (self._kept, self._meanwhile, _result(self._private)):
            if journal is not None:
                await journal.close()

    # -- the steps ------------------------------------------------------------------------------------------

    async def _open_first(self) -> None:
        """Brings about what is wanted now, which may be something else again than when this was asked for."""
        if self.is_locked:
            return
        if not self._keeps:
            await asyncio.wait([self._make_private()])
        elif self._kept is None and self._meanwhile is None:
            await self._open_or_tell()
        await self._announce()

    async def _shut(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._until(lambda: not self._inside)
        kept, self._kept = self._kept, None
        self._was_kept = self._was_kept or kept is not None
        if kept is not None:
            await unbroken(kept.close(), name="close journal")

    async def _open_again(self, passphrase: str, locks: int) -> None:
        """`locks`: as it was when this was wished; where it was locked again meanwhile, it stays so."""
        if self._was_kept and self._kept is None and locks == self._locks:
            by_passphrase = partial(self._disk.with_passphrase, passphrase)
            await self._open(by_passphrase if passphrase else self._disk.with_keyring)
        if locks == self._locks:
            self.is_locked = self._was_kept = False
        await self._announce()

    async def _ask_again(self) -> None:
        if self.is_locked:
            return
        if self._kept is None and self._wants_disk:
            await (await self._vault()).look_again()
            if not await self._open_or_tell():
                return
        await self._is_open_now()

    async def _open_with_passphrase(self, passphrase: str, purpose: str) -> None:
        """`purpose`: what a passphrase was good for when this was wished."""
        from companion.journal.keys import SlotKind

        if self.is_locked:
            await self._open_again(passphrase, self._locks)
            return
        if self._kept is not None:  # opened meanwhile, by another wish
            if purpose == "choose":  # the last one chosen is the one
                await self._kept.set_passphrase(passphrase)
            elif SlotKind.PASSPHRASE in self._kept.opens_with:
                await self._kept.check_passphrase(passphrase)
            else:
                raise no_passphrase(is_open=True)
            return
        await self._open(partial(self._disk.with_passphrase, passphrase))
        await self._give_keyring_back()
        await self._is_open_now()

    async def _give_keyring_back(self) -> None:
        """Where the keyring had a key of the journal and has none that fits: it gets a new one, if it can."""
        if self._kept is not None and await self._disk.give_keyring_back(self._kept):
            self._events.emit(Note(text=tr("This computer's keyring opens your journal again")))

    async def _put_back(self, backup: Path, passphrase: str, found: list[Joined]) -> None:
        if self.is_locked:
            raise _locked()
        self.claim()
        key, slots = await self._disk.data_key(passphrase, backup)
        present = self._kept.key_and_id if self._kept is not None else None
        self._is_moving = True
        try:
            await self._shut()
            found.append(
                await unbroken(self._disk.restore(backup, key, slots, present), name="restore a backup")
            )
        finally:
            self._is_moving, self._was_kept, self._why_shut = False, False, None
            by_passphrase = partial(self._disk.with_passphrase, passphrase)
            await (self._open(by_passphrase) if passphrase else self._open_or_tell())
            if passphrase:
                await self._give_keyring_back()
            self._tell_left()
        await self._is_open_now()

    async def _make_anew(self) -> None:
        if self.is_locked:
            return
        if self._kept is None and self._wants_disk:
            if await self._disk.purpose() != "choose":
                await self._disk.set_aside()
            await self._open(self._disk.with_keyring)
        await self._is_open_now()

    # -- opening and moving ---------------------------------------------------------------------------------

    async def _open_or_tell(self) -> bool:
        """Opens the journal on disk. False: that failed and was told; there is one in memory."""
        try:
            await self._open(self._disk.with_keyring)
        except CompanionError as failed:
            if self._meanwhile is None:
                self._meanwhile = await _in_memory()
            error = await self._disk.said_exactly(failed)
            error.actions = await self._disk.helpful(error)
            self._why_shut = error if await self._disk.is_there() else None
            self._events.emit(Trouble(error=error))
            return False
        return True

    async def _open(self, opening: Callable[[], Awaitable[SqlJournal]]) -> None:
        """Opens the journal on disk and moves into it what memory holds: whole, or all is as it was."""
        self.claim()
        was_new, journal = (await self._disk.look()).is_new, None
        try:
            journal = await opening()
            await self._move_into(journal)
        except BaseException:
            if self._kept is None:  # else it is moved already, and that stays
                if journal is not None:
                    await unbroken(journal.close(), name="close journal")
                if was_new:
                    await unbroken(self._disk.forget_new(), name="forget new journal")
            raise

    async def _move_into(self, journal: SqlJournal) -> None:
        before = self._meanwhile
        if before is None:
            self._kept = journal
            return
        await self._until(lambda: not self._inside)
        self._is_moving = True
        try:
            await unbroken(self._carry(before, journal), name="move journal")
        finally:
            self._is_moving = False
            self._news.set()

    async def _carry(self, before: SqlJournal, after: SqlJournal) -> None:
        moved = await after.take_in(before)
        self._kept, self._meanwhile = after, None
        try:
            self._tell_moved(before, after, moved)
            for take_id in before.discarded_of(moved.takes):  # while they were being sealed
                await after.discard_take(take_id)
        except CompanionError as error:
            self._events.emit(Trouble(error=error))
        finally:
            await before.close()

    # -- in memory ------------------------------------------------------------------------------------------

    @property
    def _current(self) -> SqlJournal | None:
        if self.is_locked:
            return None
        return (self._kept or self._meanwhile) if self._keeps else _result(self._private)

    @property
    def _wants_disk(self) -> bool:
        """Something of this run is to be kept."""
        return self._may_keep and (self._keeps or self._meanwhile is not None)

    def _make_private(self) -> asyncio.Task[SqlJournal]:
        if self._private is None:
            self._private = spawn(_in_memory(), name="journal in memory")
            self._private.add_done_callback(lambda _: self._news.set())
        return self._private

    # -- telling and waiting --------------------------------------------------------------------------------

    async def _is_open_now(self) -> None:
        self._events.emit(TroubleCleared(is_all=True))
        await self._announce()

    async def _announce(self) -> None:
        """Tells which journal is the current one, unless that is another one before it can be told."""
        journal = self._current
        self._news.set()
        if journal is None:
            return
        waiting = len(await journal.waiting_takes())
        if journal is self._current:
            self._events.emit(_opened(journal, waiting, is_by_choice=not self._keeps))
            for error in _what_is_odd(journal, waiting):
                self._events.emit(Trouble(error=error))

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._news.clear()
            await self._news.wait()

    def _begin(self, step: Callable[[], Awaitable[None]], *, is_awaited: bool) -> asyncio.Task[None]:
        task = spawn(self._in_turn(step), name="journal step", is_awaited=is_awaited)
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
        return task

    async def _in_turn(self, step: Callable[[], Awaitable[None]]) -> None:
        async with self._one_at_a_time:
            await step()

    async def _do(self, step: Callable[[], Awaitable[None]]) -> None:
        await _ended(self._start(step))

    def _start(self, step: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        if self._is_closed:
            raise _closed()
        return self._begin(step, is_awaited=True)


async def _ended(task: asyncio.Task[None]) -> None:
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:  # the step goes on without its caller
        task.add_done_callback(_report)
        raise
    if task.cancelled():
        raise _closed()
    await task


async def _in_memory() -> SqlJournal:
    from companion.journal.store import open_in_memory

    return await open_in_memory()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        report(error)


def _result(task: asyncio.Task[SqlJournal] | None) -> SqlJournal | None:
    return task.result() if task is not None and task.done() and not task.cancelled() else None


def _only_to_read() -> CompanionError:
    error = CompanionError(
        Kind.JOURNAL_FOREIGN,
        tr("A newer Companion wrote this journal, so here it can only be read."),
        hint=tr(
            "Install the newer version to add to it. What you say until then is kept only while the app is open."
        ),
    )
    error.actions = ()
    return error


def _opened(journal: SqlJournal, waiting: int, *, is_by_choice: bool) -> JournalOpened:
    return JournalOpened(storage=journal.storage, waiting_takes=waiting, is_by_choice=is_by_choice)


def _what_is_odd(journal: SqlJournal, waiting: int) -> Iterator[CompanionError]:
    if waiting:
        yield CompanionError(Kind.TAKES_WAITING)
    if journal.is_read_only:
        yield _only_to_read()
    if journal.lacks_newest:
        yield _not_whole()


def _not_whole() -> CompanionError:
    error = CompanionError(
        Kind.JOURNAL_DAMAGED,
        tr("This journal lacks its newest pages."),
        hint=tr(
            "It was copied while Companion was open, without journal.db-wal beside it. Copy both again while it is "
            "closed, or restore a backup: Settings, Journal."
        ),
    )
    error.actions = (Action.SHOW_FILE,)
    return error


def _locked() -> CompanionError:
    return CompanionError(Kind.JOURNAL_LOCKED, tr("Companion is locked."), hint=tr("Unlock it to go on."))


def _closed() -> CompanionError:
    error = CompanionError(
        Kind.JOURNAL_LOCKED, tr("The journal is closed."), hint=tr("Companion was closed.")
    )
    error.actions = ()
    return error
