"""The journal itself: turns in, COMMIT, turns out. Every method runs on the journal's writer thread, in order.

`look_at` tells what opening needs, `open_journal` opens or makes the journal of a home, `open_in_memory` makes one that
leaves nothing on disk. Nothing here removes or overwrites a journal that does not open.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlcipher3 import dbapi2

from companion.errors import CompanionError, Kind
from companion.flow import ReplyState, SessionRecord, TurnRecord, WaitingTake
from companion.journal.database import check_present, open_database
from companion.journal.draft import SealedDraft
from companion.journal.keys import (
    Argon2Cost,
    KeySlots,
    SlotKind,
    SlotsFile,
    derive,
    new_slots,
    read_slots,
    write_slots,
)
from companion.journal.spool import MemoryTakes, SealedTakes, Takes
from companion.journal.writer import Writer, unsaved
from companion.log import Secret
from companion.paths import Home, sync_folder
from companion.ports import Spool

if TYPE_CHECKING:
    from sqlite3 import Connection

_Rows = list[dict[str, Any]]
_TITLE_CHARS = 60
_SESSIONS = """
    SELECT session.id, started_at, session.offset_s, practice, count(*),
        (SELECT substr(user_text, 1, 400) FROM turn WHERE session_id = session.id ORDER BY id LIMIT 1),
        max(max(at, coalesce(reply_at, at))) - min(at)
    FROM session JOIN turn ON turn.session_id = session.id
    GROUP BY session.id ORDER BY session.id DESC LIMIT ?
"""
_TURN_COLUMNS = (
    *(
        "id",
        "session_id",
        "at",
        "offset_s",
        "user_text",
        "reply_text",
        "heard_text",
        "reply_state",
        "reply_at",
    ),
    *("engines", "timeline_ms", "cost_usd"),
)
_TURNS = f"SELECT {', '.join(_TURN_COLUMNS)} FROM turn WHERE session_id = ? ORDER BY id"
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
        slots = _read(home)
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
) -> SqlJournal:
    """Opens the journal, or makes it with a slot for each secret that is given.

    Args:
        home: where `journal.db`, `keyslots.json` and `takes/` lie.
        wrapping_key: the random secret (32 bytes) the system's keyring holds for this journal. Where it does not fit, the
            passphrase is tried.
        passphrase: as typed.
        journal_id: of a new journal, a UUID; None draws one.
        cost: of the passphrase slot of a new journal.

    Raises:
        CompanionError: NO_KEYRING (new, and no secret given), JOURNAL_LOCKED (a secret is needed), WRONG_PASSPHRASE,
            JOURNAL_MISSING, JOURNAL_DAMAGED, JOURNAL_FOREIGN, DISK_FULL, JOURNAL_UNSAVED.
    """
    writer = Writer()
    opened: list[Connection] = []

    def opening(slots: KeySlots, key: Secret) -> Connection:
        opened.append(
            open_database(home.journal, key=key, journal_id=slots.journal_id, has_entries=slots.has_entries)
        )
        return opened[0]

    try:
        slots = await writer.run(lambda: _read(home))
        if slots is None:
            slots, key, kind = await _new(journal_id, wrapping_key, passphrase, cost or Argon2Cost())
            await writer.run(partial(write_slots, home.key_slots, slots))
        else:
            key, kind = await slots.unlock(wrapping_key=wrapping_key, passphrase=passphrase)
        connection = await writer.run(partial(opening, slots, key))
    except BaseException:  # also cancelled in the middle: what was queued is done first, then closed
        await writer.close(lambda: _close(opened))
        raise
    takes = SealedTakes(home.takes, derive(key, "takes"), writer)
    return SqlJournal(
        writer,
        connection,
        takes,
        storage=kind,
        slots_file=SlotsFile(home.key_slots, slots, key),
        draft=SealedDraft(home.takes / "draft", derive(key, "draft")),
    )


async def open_in_memory() -> SqlJournal:
    """A journal that works like any other and is gone when it is closed."""
    writer = Writer()
    opened: list[Connection] = []
    slots, key = new_slots()

    def opening() -> Connection:
        opened.append(open_database(None, key=key, journal_id=slots.journal_id, has_entries=False))
        return opened[0]

    try:
        return SqlJournal(writer, await writer.run(opening), MemoryTakes(), storage="memory")
    except BaseException:
        await writer.close(lambda: _close(opened))
        raise


def forget_new(home: Home) -> None:
    """Removes a journal that was made a moment ago and never held a word, so that the next one is new again.

    Only for who has just made it and closed it again. Raises OSError.
    """
    for path in (home.key_slots, *_database_files(home)):
        path.unlink(missing_ok=True)


def set_aside(home: Home) -> Path:
    """Moves a journal that does not open, with its keys and recordings, into a folder beside it; returns the folder.

    The next `open_journal` then makes a new one. Only ever on the person's own word. Raises OSError.
    """
    folder = home.data / time.strftime("set-aside-%Y%m%d-%H%M%S", time.gmtime())
    folder.mkdir(parents=True, mode=0o700)
    for path in (home.key_slots, home.takes, *_database_files(home)):
        with suppress(FileNotFoundError):
            path.rename(folder / path.name)
    sync_folder(home.data)
    return folder


def _database_files(home: Home) -> list[Path]:
    return [home.journal.with_name(home.journal.name + end) for end in ("", "-wal", "-shm")]


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
        writer: Writer,
        connection: Connection,
        takes: Takes,
        *,
        storage: str,
        slots_file: SlotsFile | None = None,
        draft: SealedDraft | None = None,
    ) -> None:
        self._writer = writer
        self._connection = connection
        self._takes = takes
        self._slots_file = slots_file
        self._draft = draft
        self.storage = storage
        """What opened it: "keyring", "passphrase" or "memory"."""

    @property
    def opens_with(self) -> frozenset[SlotKind]:
        """The secrets any one of which opens it."""
        return self._slots_file.slots.kinds if self._slots_file else frozenset()

    # -- turns ----------------------------------------------------------------------------------------------

    async def begin_session(self, practice: str, at: float | None = None, offset_s: int | None = None) -> int:
        sql = "INSERT INTO session (started_at, offset_s, practice) VALUES (?, ?, ?)"
        started_at = time.time() if at is None else at
        return await self._writer.run(lambda: self._insert(sql, started_at, offset_s, practice))

    async def save_user(self, session_id: int, text: str, at: float, offset_s: int | None = None) -> int:
        return await self._writer.run(lambda: self._insert_turn(session_id, _storable(text), at, offset_s))

    async def save_sentence(self, turn_id: int, text: str) -> None:
        """A sentence that comes after `finish_reply` is already in the finished reply and changes nothing."""
        await self._writer.run(lambda: self._append(turn_id, _storable(text)))

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
            _storable(reply_text),
            _storable(heard_text),
            state.value,
            reply_at,
            json.dumps(dict(engines)),
            json.dumps(dict(timeline_ms)),
            cost_usd,
            turn_id,
        )
        await self._writer.run(lambda: self._change(_FINISH, *values))

    async def sessions(self, limit: int = 500) -> Sequence[SessionRecord]:
        return [_session(row) for row in await self._rows(_SESSIONS, limit)]

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        return [_turn(row) for row in await self._rows(_TURNS, session_id)]

    # -- recordings -----------------------------------------------------------------------------------------

    def spool(self) -> Spool:
        return self._takes.new()

    async def waiting_takes(self) -> Sequence[WaitingTake]:
        """A take whose words are being recognised right now is among them; one still being recorded is not."""
        return await self._takes.waiting()

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
            tables = await other._writer.run(other._dump)
            sessions, turns = await self._writer.run(lambda: self._insert_all(*tables))
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
        await self._writer.close(self._end)

    async def check_passphrase(self, passphrase: str) -> None:
        """Returns when `passphrase` opens it.

        Raises:
            CompanionError: WRONG_PASSPHRASE.
        """
        await self._keys().slots.unlock_with_passphrase(passphrase)

    # -- on the writer thread -------------------------------------------------------------------------------

    def _dump(self) -> tuple[_Rows, _Rows]:
        return self._all("session"), self._all("turn")

    def _all(self, table: str) -> _Rows:
        cursor = self._connection.execute(f"SELECT * FROM {table} ORDER BY id")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _insert_all(self, sessions: _Rows, turns: _Rows) -> tuple[dict[int, int], dict[int, int]]:
        """In one transaction; old id -> new id of both."""
        if self._slots_file and turns:
            self._slots_file.mark_entries()
        new_sessions, new_turns = dict[int, int](), dict[int, int]()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for row in sessions:
                new_sessions[row["id"]] = self._insert_row("session", row)
            for row in turns:
                moved = row | {"session_id": new_sessions[row["session_id"]]}
                new_turns[row["id"]] = self._insert_row("turn", moved)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return new_sessions, new_turns

    def _insert_row(self, table: str, row: dict[str, Any]) -> int:
        names = [name for name in row if name != "id"]
        marks = ", ".join("?" * len(names))
        values = (row[name] for name in names)
        return self._insert(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", *values)

    def _insert_turn(self, session_id: int, text: str, at: float, offset_s: int | None) -> int:
        if self._slots_file:
            self._slots_file.mark_entries()
        sql = "INSERT INTO turn (session_id, at, offset_s, user_text) VALUES (?, ?, ?, ?)"
        return self._insert(sql, session_id, at, offset_s, text)

    def _append(self, turn_id: int, text: str) -> None:
        self._change(
            "UPDATE turn SET reply_text = CASE reply_state WHEN 'partial' THEN reply_text || ? ELSE reply_text END"
            " WHERE id = ?",
            text,
            turn_id,
        )

    def _insert(self, sql: str, *values: object) -> int:
        return int(self._connection.execute(sql, values).lastrowid or 0)

    def _change(self, sql: str, *values: object) -> None:
        if not self._connection.execute(sql, values).rowcount:
            raise CompanionError(Kind.JOURNAL_UNSAVED, "The turn is not in the journal any more.")

    def _end(self) -> None:
        self._takes.close()
        with suppress(dbapi2.Error):  # all is committed already; the next start does it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._connection.close()

    # -- on the loop ----------------------------------------------------------------------------------------

    async def _rows(self, sql: str, value: int) -> list[tuple[Any, ...]]:
        try:
            return await self._writer.run(lambda: self._connection.execute(sql, (value,)).fetchall())
        except CompanionError as error:
            if error.kind is not Kind.JOURNAL_UNSAVED:
                raise
            raise CompanionError(
                error.kind,
                "The journal could not be read.",
                hint="Nothing was changed; try again.",
                cause=error,
            ) from error

    def _keys(self) -> SlotsFile:
        if self._slots_file is None:
            raise RuntimeError("a journal in memory has no keys to change")
        return self._slots_file


def _close(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.close()


def _read(home: Home) -> KeySlots | None:
    slots = read_slots(home.key_slots)
    present = check_present(home.journal, has_entries=slots is not None and slots.has_entries)
    if slots is None and present:
        raise CompanionError(
            Kind.JOURNAL_DAMAGED,
            "The journal's key file is missing.",
            hint=f"Put {home.key_slots.name} back beside it. The journal is left as it is.",
        )
    return slots


async def _new(
    journal_id: str | None, wrapping_key: bytes | None, passphrase: str | None, cost: Argon2Cost
) -> tuple[KeySlots, Secret, SlotKind]:
    slots, key = new_slots(journal_id)
    if passphrase:
        slots = slots.with_slot(await slots.passphrase_slot(key, passphrase, cost))
    if wrapping_key:
        slots = slots.with_slot(slots.keyring_slot(key, wrapping_key))
    if not slots.slots:
        raise CompanionError(Kind.NO_KEYRING)
    return slots, key, slots.slots[0].kind


def _session(row: tuple[Any, ...]) -> SessionRecord:
    session_id, started_at, offset_s, practice, turns, first_words, seconds = row
    return SessionRecord(
        id=session_id,
        started_at=started_at,
        offset_s=offset_s,
        practice=practice,
        title=_title(first_words),
        turns=turns,
        seconds=max(0.0, seconds),  # a clock that was set back
    )


def _turn(row: tuple[Any, ...]) -> TurnRecord:
    kept = dict(zip(_TURN_COLUMNS, row, strict=True))
    kept["reply_state"] = ReplyState(kept["reply_state"])
    kept["engines"], kept["timeline_ms"] = json.loads(kept["engines"]), json.loads(kept["timeline_ms"])
    return TurnRecord(**kept)


def _title(text: str) -> str:
    words = " ".join(text.split())
    if len(words) <= _TITLE_CHARS:
        return words
    whole = words[: _TITLE_CHARS + 1].rpartition(" ")[0] or words[:_TITLE_CHARS]
    return whole.rstrip(" ,;:–—-") + "…"


def _storable(text: str) -> str:
    """Text that UTF-8 can hold: half a character pair, as broken input leaves it, would refuse the whole row."""
    return text.encode("utf-8", "replace").decode("utf-8")
