"""The journal itself: turns in, COMMIT, turns out. Every method runs on the journal's writer thread, in order.

`look_at` tells what opening needs, `open_journal` opens or makes the journal of a home, `open_in_memory` makes one that
leaves nothing on disk. Nothing here removes or overwrites a journal that does not open.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlcipher3 import dbapi2

from companion.errors import Action, CompanionError, Kind
from companion.flow import TurnRecord
from companion.journal.backup_folders import known_folders, note_purged
from companion.journal.backups import clear_backups, make_backup, merge_file
from companion.journal.beginning import new_keys, read_alone, read_keys
from companion.journal.changing import Changing
from companion.journal.copies import folder_of, remove_due
from companion.journal.database import (
    Opened,
    check_whole,
    has_log,
    last_turn,
    move_log,
    open_database,
)
from companion.journal.draft import SealedDraft
from companion.journal.exchanging import Exchanging
from companion.journal.finding import Finding
from companion.journal.insight_rows import InsightRows
from companion.journal.keys import (
    Argon2Cost,
    KeySlots,
    SlotKind,
    SlotsFile,
    derive,
    new_slots,
    write_slots,
)
from companion.journal.listing import Listing
from companion.journal.moving import dump, put_all
from companion.journal.remembering import Remembering
from companion.journal.reserve import Reserve
from companion.journal.sounds import Sounds
from companion.journal.spool import MemoryTakes, SealedTakes, Takes
from companion.journal.tables import Tables, insert, storable
from companion.journal.writer import Writer, unsaved
from companion.kinds import ReplyState
from companion.language import tr
from companion.log import Secret
from companion.paths import Home
from companion.ports import Spool
from companion.records import SessionRecord, WaitingTake
from companion.tasks import spawn, unbroken

if TYPE_CHECKING:
    from sqlite3 import Connection

    from companion.journal.backups import Backup
    from companion.journal.salvage import Joined

Check = Callable[[Callable[[Callable[[], None]], bool]], None]
"""`check_whole` of a journal."""
_log = logging.getLogger(__name__)
_FINISH = """
    UPDATE turn SET reply_text = ?, heard_text = ?, reply_state = ?, reply_at = ?, engines = ?, timeline_ms = ?,
        cost_usd = ?
    WHERE id = ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """What opening the journal of a home needs."""

    is_new: bool
    """There is none yet: `open_journal` makes it with the secrets it is given."""
    journal_id: str = ""
    """What the keyring knows the journal's key by; empty where there is none yet."""
    opens_with: frozenset[SlotKind] = frozenset()


def look_at(home: Home) -> JournalState:
    """What is there, without any secret.

    Raises:
        CompanionError: JOURNAL_MISSING, JOURNAL_DAMAGED (also: key file damaged, or gone while the journal is there),
            JOURNAL_FOREIGN, JOURNAL_UNSAVED (it cannot be read).
    """
    try:
        slots = read_keys(home)
    except OSError as error:
        raise unsaved(error) from error
    if slots is None:
        return JournalState(is_new=True)
    return JournalState(is_new=False, journal_id=slots.journal_id, opens_with=slots.kinds)


async def open_journal(
    home: Home,
    *,
    wrapping_key: bytes | None = None,
    passphrase: str | None = None,
    journal_id: str | None = None,
    cost: Argon2Cost | None = None,
    for_reading: bool = False,
) -> SqlJournal:
    """Opens the journal, or makes it with a slot for each secret that is given.

    Args:
        home: where `journal.db`, `keyslots.json` and `takes/` lie.
        wrapping_key: the keyring's 32 bytes for this journal; where they do not fit, the passphrase is tried.
        passphrase: as typed.
        journal_id: of a new journal, a UUID; None draws one.
        cost: of the passphrase slot of a new journal.
        for_reading: nothing is written or migrated, so that it can be done beside an open app; there must be one.

    Raises:
        CompanionError: NO_KEYRING (new, and no secret given), JOURNAL_LOCKED (a secret is needed), WRONG_PASSPHRASE,
            JOURNAL_MISSING, JOURNAL_DAMAGED, JOURNAL_FOREIGN, DISK_FULL, JOURNAL_UNSAVED.
    """
    writer = Writer()
    reserve = None if for_reading else Reserve(home.reserve)
    if reserve is not None:
        writer.make_room = reserve.give
    opened: list[Opened] = []
    had_log = False

    def opening(slots: KeySlots, key: Secret) -> None:
        nonlocal had_log
        had_log = has_log(home.journal)
        opened.append(
            open_database(
                home.journal,
                key=key,
                journal_id=slots.journal_id,
                has_entries=slots.has_entries,
                for_reading=for_reading,
            )
        )

    making = ExitStack()  # held while a journal is made, so that of two first starts one makes it
    try:
        may_make = bool(wrapping_key or passphrase) and not for_reading
        slots = await writer.run(partial(read_alone, home, making) if may_make else partial(read_keys, home))
        if slots is None:
            slots, key, kind = await new_keys(journal_id, wrapping_key, passphrase, cost or Argon2Cost())
            await writer.run(partial(write_slots, home.key_slots, slots))
        else:
            key, kind = await slots.unlock(wrapping_key=wrapping_key, passphrase=passphrase)
        await writer.run(partial(opening, slots, key))
        making.close()
    except BaseException:  # also cancelled in the middle: what was queued is done first, then closed
        await writer.close(lambda: _close(opened))
        making.close()
        raise
    slots_file, connection = SlotsFile(home.key_slots, slots, key), opened[0].connection
    found = await writer.run(lambda: last_turn(connection))
    lacks = not had_log and slots.has_entries and found < (1 if slots.last_turn is None else slots.last_turn)
    tables = _tables(writer, opened[0], slots_file)
    journal = SqlJournal(
        tables,
        SealedTakes(home.takes, derive(key, "takes"), writer),
        storage=kind,
        slots_file=slots_file,
        draft=SealedDraft(home.takes / "draft", derive(key, "draft")),
        copies=folder_of(home.journal),
        check=None if opened[0].is_checked else partial(check_whole, home.journal, key),
        lacks_newest=lacks,
        reserve=reserve,
    )
    journal.changing.before_purge = partial(note_purged, home)
    return journal


def _tables(writer: Writer, database: Opened, slots_file: SlotsFile) -> Tables:
    connection = database.connection
    return Tables(
        writer,
        connection,
        before_entries=lambda: slots_file.expect(last_turn(connection) + 1),
        settle=None if database.is_read_only else partial(_settle, connection, slots_file),
        is_read_only=database.is_read_only,
    )


def _settle(connection: Connection, slots_file: SlotsFile) -> None:
    """From here on a copy of the file and its keys is whole, also without the log."""
    if move_log(connection):
        slots_file.settle(last_turn(connection))


async def open_in_memory() -> SqlJournal:
    """A journal that works like any other and is gone when it is closed."""
    writer = Writer()
    opened: list[Opened] = []
    slots, key = new_slots()

    def opening() -> Opened:
        opened.append(open_database(None, key=key, journal_id=slots.journal_id, has_entries=False))
        return opened[0]

    try:
        tables = Tables(writer, (await writer.run(opening)).connection)
        return SqlJournal(tables, MemoryTakes(), storage="memory")
    except BaseException:
        await writer.close(lambda: _close(opened))
        raise


@dataclass(frozen=True, slots=True)
class Moved:
    """Where everything of one journal went in another."""

    sessions: Mapping[int, int]
    """Old id -> new id."""
    turns: Mapping[int, int]
    """Old id -> new id."""
    takes: Mapping[str, Spool]
    """Recordings that were over: id -> the sealed one."""


class SqlJournal:
    """The `Journal` of `companion.ports` over SQLCipher. Made by `open_journal` or `open_in_memory`."""

    def __init__(
        self,
        tables: Tables,
        takes: Takes,
        *,
        storage: str,
        slots_file: SlotsFile | None = None,
        draft: SealedDraft | None = None,
        copies: Path | None = None,
        check: Check | None = None,
        lacks_newest: bool = False,
        reserve: Reserve | None = None,
    ) -> None:
        """`check`: what is still to be done to know that every page of it is sound."""
        self.lacks_newest = lacks_newest
        """It was copied while it was written to, or lost its log: turns are missing that its keys know of."""
        self.reserve = reserve
        """Room set aside for a full disk; None: it is not on one, or only read."""
        self.tables = tables
        self._writer = tables.writer
        self._takes = takes
        self._slots_file = slots_file
        self._draft = draft
        self.storage = storage
        """What opened it: "keyring", "passphrase" or "memory"."""
        self.list = Listing(tables)
        self.sounds = Sounds(tables, takes)
        self.changing = Changing(tables, self.sounds, copies)
        self._copies, self._check = copies, check
        self._end_check: Callable[[], None] = lambda: None
        self._is_closing = False
        self.finding = Finding(tables)
        self.remembering = Remembering(tables)
        self.exchange = Exchanging(tables, self.list, self.changing, self.sounds)
        self.insights = InsightRows(tables)
        self._successors: dict[int, int] = {}
        """Deleted session -> the one in which what is still said in it goes on."""

    @property
    def is_read_only(self) -> bool:
        """A newer version wrote it: it can be read; whatever would change it raises JOURNAL_UNSAVED and says so."""
        return self.tables.is_read_only

    @property
    def opens_with(self) -> frozenset[SlotKind]:
        """The secrets any one of which opens it."""
        return self._slots_file.slots.kinds if self._slots_file else frozenset()

    @property
    def key_and_id(self) -> tuple[Secret, str]:
        """For other files of the same journal."""
        file = self._keys()
        return file.data_key, file.slots.journal_id

    # -- turns ----------------------------------------------------------------------------------------------

    async def begin_session(self, practice: str, at: float | None = None, offset_s: int | None = None) -> int:
        row = {"started_at": time.time() if at is None else at, "offset_s": offset_s, "practice": practice}
        return await self.tables.write(lambda connection: insert(connection, "session", row))

    async def save_user(self, session_id: int, text: str, at: float, offset_s: int | None = None) -> int:
        """Where the reflection was deleted meanwhile, the words begin another one; where it was merged, they are there."""
        row = {"at": at, "offset_s": offset_s, "user_text": storable(text)}
        return await self.tables.write(lambda connection: self._add_turn(connection, session_id, row))

    async def save_sentence(self, turn_id: int, text: str) -> None:
        """A sentence that comes after `finish_reply` is already in the finished reply and changes nothing."""
        await self.tables.write(lambda connection: self._append(connection, turn_id, storable(text)))

    async def finish_reply(
        self,
        turn_id: int,
        *,
        reply_text: str,
        heard_text: str,
        state: ReplyState,
        reply_at: float,
        engines: Mapping[str, str],
        timeline_ms: Mapping[str, float],
        cost_usd: float | None,
    ) -> None:
        values = (
            storable(reply_text),
            storable(heard_text),
            state.value,
            reply_at,
            json.dumps(dict(engines)),
            json.dumps(dict(timeline_ms)),
            cost_usd,
            turn_id,
        )
        await self.tables.write(lambda connection: self._change(connection, turn_id, _FINISH, *values))

    async def sessions(self, limit: int = 500) -> Sequence[SessionRecord]:
        return await self.list.page(limit=limit)

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        return await self.list.turns(session_id)

    # -- recordings -----------------------------------------------------------------------------------------

    def spool(self) -> Spool:
        return self._takes.new()

    async def waiting_takes(self) -> Sequence[WaitingTake]:
        """A take whose words are being recognised right now is among them; one still being recorded is not."""
        return await self._takes.waiting(await self.sounds.kept())

    async def keep_sound(self, turn_id: int, take_ids: Iterable[str]) -> None:
        await self.sounds.keep(turn_id, take_ids)

    async def keep_answer(self, turn_id: int, pcm: bytes, *, goes_on: bool) -> None:
        await self.sounds.keep_answer(turn_id, pcm, goes_on=goes_on)

    async def read_take(self, take_id: str) -> bytes:
        return await self._takes.read(take_id)

    async def take_damage(self, take_id: str) -> float:
        return await self._takes.damage(take_id)

    async def discard_take(self, take_id: str) -> None:
        await self._takes.discard(take_id)

    # -- words that were not sent ---------------------------------------------------------------------------

    async def keep_draft(self, text: str) -> None:
        """For the next start; a journal in memory keeps none. Empty: there is none any more."""
        if (draft := self._draft) is not None:
            await self._writer.run(lambda: draft.write(text))

    async def draft(self) -> str:
        """Empty: there is none."""
        return await self._writer.run(self._draft.read) if self._draft is not None else ""

    # -- moving ---------------------------------------------------------------------------------------------

    async def take_in(self, other: SqlJournal) -> Moved:
        """Keeps everything of a journal in memory here too, at once or not at all; `other` stays as it is.

        Nobody may write to `other` meanwhile. A recording that goes on there is left to whoever records it.

        Raises:
            CompanionError: DISK_FULL, JOURNAL_UNSAVED; nothing was kept here then.
        """
        assert isinstance(self._takes, SealedTakes), "a journal in memory takes nothing in"
        assert isinstance(other._takes, MemoryTakes), "only what is in memory is moved"
        sealed: dict[str, Spool] = {}
        try:
            for take_id, pcm in other._takes.finished().items():
                sealed[take_id] = copy = self._takes.new(take_id)
                copy.write(pcm)
                await copy.finish()
            everything = await other.tables.read(dump)
            sessions, turns = dict[int, int](), dict[int, int]()
            if any(everything.values()):
                sessions, turns = await self.tables.write(lambda _: put_all(self.tables, everything))
        except BaseException:
            for spool in sealed.values():
                with suppress(CompanionError):  # the disk that failed; the first failure is told
                    await spool.discard()
            raise
        return Moved(sessions, turns, sealed)

    def discarded_of(self, take_ids: Iterable[str]) -> list[str]:
        """Those of them that do not wait in this journal in memory any more."""
        assert isinstance(self._takes, MemoryTakes), "on disk nothing is moved"
        waiting = self._takes.finished()
        return [take_id for take_id in take_ids if take_id not in waiting]

    # -- what is due ----------------------------------------------------------------------------------------

    async def tidy(self, *, sound_days: int | None = None) -> None:
        """What is due goes for good: what was deleted a week ago, recordings kept for `sound_days`, old copies.

        Args:
            sound_days: None: recordings stay.
        """
        if self.is_read_only:
            return
        now = time.time()
        await self.changing.purge()
        if sound_days is not None:
            await self.sounds.remove_older(now - sound_days * 86_400)
        if (copies := self._copies) is not None:
            await self._writer.run(lambda: remove_due(copies, now))

    async def check(self) -> None:
        """Reads every page of a large journal, beside what goes on; of a small one that was done when it was opened.

        Raises:
            CompanionError: JOURNAL_DAMAGED; what can be read still can.
        """
        check, self._check = self._check, None
        if check is None or self._is_closing:
            return
        async with self.tables.one_reader:
            task = spawn(
                asyncio.to_thread(check, self._check_begun), name="check the journal", is_awaited=True
            )
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                self._end_check()
                await asyncio.wait([task])
                task.exception()  # seen; who wanted to know is gone
                raise
            finally:
                self._end_check = lambda: None
        try:
            task.result()
        except CompanionError as error:
            hint = tr("It stays open: what can be read is there, and nothing was removed.")
            told = CompanionError(error.kind, tr("A part of the journal is damaged."), hint=hint, cause=error)
            told.actions = (Action.SHOW_FILE,)
            raise told from error

    async def back_up(self, home: Home, folder: Path) -> Backup:
        """One more backup of it in `folder`, checked, beside what goes on.

        Raises:
            CompanionError: as `make_backup`.
        """
        file = self._keys()
        async with self.tables.one_reader:
            making = asyncio.to_thread(
                make_backup, home, folder, file.data_key, file.slots.journal_id, time.time()
            )
            return await unbroken(making, name="back up the journal")

    async def clear_backups(self, home: Home) -> None:
        """What was deleted for good leaves the backups too. Raises as `companion.journal.backups.clear_backups`."""
        file, folders = self._keys(), await asyncio.to_thread(known_folders, home)
        noted = {uid for folder in folders for uid in folder.owes}
        here = await self.exchange.uids_here(noted)
        gone, kept = [uid for uid in noted if uid not in here], await self.sounds.kept()
        clearing = asyncio.to_thread(clear_backups, home, file.data_key, file.slots.journal_id, gone, kept)
        await unbroken(clearing, name="clear the backups")

    async def join(self, other: Path) -> Joined:
        """Adds what another copy of it holds. Raises `CompanionError`; nothing was added then."""
        key, journal_id = self.key_and_id

        def job(connection: Connection) -> Joined:
            self.tables.before_entries()
            return merge_file(connection, other, key, journal_id)

        return await self.tables.read(job)

    def _check_begun(self, end: Callable[[], None]) -> bool:
        self._end_check = end
        return not self._is_closing

    # -- keys -----------------------------------------------------------------------------------------------

    async def set_passphrase(self, passphrase: str, *, cost: Argon2Cost | None = None) -> None:
        """Adds or replaces the passphrase. Killed at any moment, the journal opens with the old one or the new one.

        Raises:
            CompanionError: DISK_FULL, JOURNAL_UNSAVED; the old passphrase then still holds.
        """
        file = self._keys()
        slot = await file.slots.passphrase_slot(file.data_key, passphrase, cost or Argon2Cost())
        await self._writer.run(lambda: file.put(slot))
        await file.verify_passphrase(passphrase)
        await self._writer.run(file.drop_older)

    async def set_wrapping_key(self, wrapping_key: bytes) -> None:
        """Adds or replaces the keyring's slot, once the keyring is known to hold `wrapping_key`.

        Raises:
            CompanionError: DISK_FULL, JOURNAL_UNSAVED.
        """
        file = self._keys()
        slot = file.slots.keyring_slot(file.data_key, wrapping_key)
        await self._writer.run(lambda: file.put(slot))

    async def close(self) -> None:
        """Saves what is queued or being recorded, then closes the file. Idempotent; waits five seconds at most."""
        self.tables.stop_settling()
        self._is_closing = True
        self._end_check()
        async with self.tables.one_reader:
            await self._writer.close(self._end)

    async def check_passphrase(self, passphrase: str) -> None:
        """Returns when `passphrase` opens it.

        Raises:
            CompanionError: WRONG_PASSPHRASE.
        """
        await self._keys().slots.unlock_with_passphrase(passphrase)

    # -- on the writer thread -------------------------------------------------------------------------------

    def _add_turn(self, connection: Connection, session_id: int, row: dict[str, Any]) -> int:
        self.tables.before_entries()
        session_id = self._living(connection, session_id, row)
        sql = "SELECT coalesce(max(place), 0) FROM turn WHERE session_id = ?"
        (place,) = connection.execute(sql, (session_id,)).fetchone()
        return insert(connection, "turn", row | {"session_id": session_id, "place": place})

    def _living(self, connection: Connection, session_id: int, row: dict[str, Any]) -> int:
        """The session words of `session_id` go to now: the one it was merged into, a new one where it was deleted."""
        sql = "SELECT practice, deleted_at, merged_into FROM session WHERE id = ?"
        found = connection.execute(sql, (session_id,)).fetchone()
        if found is None:
            practice = self.tables.purged_sessions.get(session_id)
            if practice is None:
                return session_id  # there never was one: writing fails, and is told
        else:
            practice, deleted_at, merged_into = found
            if merged_into is not None:
                return self._living(connection, merged_into, row)
            if deleted_at is None:
                return session_id
        successor = self._successors.get(session_id)
        if successor is not None and connection.execute(sql, (successor,)).fetchone():
            return self._living(connection, successor, row)
        began = {"started_at": row["at"], "offset_s": row["offset_s"], "practice": practice}
        self._successors[session_id] = insert(connection, "session", began)
        return self._successors[session_id]

    def _append(self, connection: Connection, turn_id: int, text: str) -> None:
        self._change(
            connection,
            turn_id,
            "UPDATE turn SET reply_text = CASE reply_state WHEN 'partial' THEN reply_text || ? ELSE reply_text END"
            " WHERE id = ?",
            text,
            turn_id,
        )

    def _change(self, connection: Connection, turn_id: int, sql: str, *values: object) -> None:
        if not connection.execute(sql, values).rowcount and turn_id not in self.tables.purged_turns:
            raise CompanionError(Kind.JOURNAL_UNSAVED, tr("The turn is not in the journal any more."))

    def _end(self) -> None:
        self._takes.close()
        connection, slots_file = self.tables.connection, self._slots_file
        with suppress(dbapi2.Error, OSError):  # all is committed already; the next start does it
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not (busy or self.is_read_only or self.lacks_newest or slots_file is None):
                slots_file.settle(last_turn(connection))
        connection.close()

    # -- on the loop ----------------------------------------------------------------------------------------

    def _keys(self) -> SlotsFile:
        if self._slots_file is None:
            raise RuntimeError("a journal in memory has no keys to change")
        return self._slots_file


def _close(opened: Sequence[Opened]) -> None:
    for each in opened:
        each.connection.close()
