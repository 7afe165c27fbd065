"""The journal as the app opens it: with the keyring, with a passphrase, or in memory until one of them is there.

The person can talk before it is open and when it cannot be opened; what was said meanwhile is carried over into the
journal on disk as soon as that opens.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, Kind
from companion.events import Events, JournalOpened, Trouble
from companion.paths import Home
from companion.ports import Journal, Spool

if TYPE_CHECKING:
    from companion.journal.store import SqlJournal
    from companion.vault import Vault


@dataclass(frozen=True, slots=True)
class Moved:
    """Old id -> new id of what was carried from one journal to another."""

    sessions: dict[int, int]
    turns: dict[int, int]
    takes: dict[str, Spool] = field(default_factory=dict)


class Archive:
    """The one journal of a run."""

    def __init__(
        self, home: Home, *, vault: Callable[[], Any], events: Events, in_memory: bool = False
    ) -> None:
        """`in_memory`: nothing of this run is kept on disk, by choice."""
        self.is_open = asyncio.Event()
        self.storage = ""
        """"keyring", "passphrase" or "memory", once open."""
        self._home = home
        self._vault = vault
        self._events = events
        self._in_memory = in_memory
        self._journal: SqlJournal | None = None

    @property
    def needs(self) -> str:
        """ "choose" a passphrase for a journal still to be made, "enter" that of one that is locked, "" nothing."""
        from companion.journal.store import look_at

        if self.storage != "memory" or self._in_memory:
            return ""
        try:
            return "choose" if look_at(self._home).is_new else "enter"
        except CompanionError:  # damaged or missing: no passphrase helps
            return ""

    async def journal(self) -> Journal:
        """The journal, as soon as there is one."""
        await self.is_open.wait()
        assert self._journal is not None
        return self._journal

    @asynccontextmanager
    async def using(self) -> AsyncGenerator[Journal, None]:
        """The journal now; nothing is moved while inside."""
        yield await self.journal()

    async def open(self) -> None:
        """Opens the journal with what this computer offers; tells what is missing. Always ends with a journal."""
        try:
            if self._in_memory:
                return
            self._journal = await self._with_keyring()
        except CompanionError as error:
            self._events.emit(Trouble(error=error))
        except OSError as error:
            fault = CompanionError(Kind.JOURNAL_UNSAVED, "The journal's folder cannot be used.", cause=error)
            self._events.emit(Trouble(error=fault))
        finally:
            if self._journal is None:
                await self._begin_in_memory()
            await self._opened()

    async def use_passphrase(self, passphrase: str) -> Moved:
        """Opens the journal with a passphrase, or makes one; what this run has kept in memory moves into it.

        Returns where everything went, for who holds ids of it.

        Raises:
            CompanionError: WRONG_PASSPHRASE, and all that opening can raise; nothing is lost then.
        """
        from companion.journal.store import open_journal

        await self.is_open.wait()
        assert self._journal is not None
        if self.storage != "memory":
            await self._journal.set_passphrase(passphrase)
            return Moved({}, {})
        return await self._move_into(await open_journal(self._home, passphrase=passphrase))

    async def start_anew(self) -> Moved:
        """Moves a journal that does not open beside and makes a new one.

        Raises:
            CompanionError: NO_KEYRING where a passphrase must be chosen first; all that opening can raise.
        """
        from companion.journal.store import set_aside

        await asyncio.to_thread(set_aside, self._home)
        return await self._move_into(await self._with_keyring())

    async def _move_into(self, journal: SqlJournal) -> Moved:
        before = self._journal
        assert before is not None
        moved = await _carry_over(before, journal)
        self._journal = journal
        await before.close()
        await self._opened()
        return moved

    async def close(self) -> None:
        if self._journal is not None:
            await self._journal.close()

    async def _with_keyring(self) -> SqlJournal:
        from companion.journal.keys import SlotKind
        from companion.journal.store import look_at, open_journal

        state = await asyncio.to_thread(look_at, self._home)
        vault: Vault = await self._vault()
        if state.is_new:
            journal_id, key = str(uuid.uuid4()), secrets.token_bytes(32)
            await vault.put_journal_key(
                journal_id, key
            )  # first, so that no journal is made that cannot be opened
            return await open_journal(self._home, wrapping_key=key, journal_id=journal_id)
        if SlotKind.KEYRING not in state.opens_with:
            raise CompanionError(Kind.JOURNAL_LOCKED)
        return await open_journal(self._home, wrapping_key=await vault.get_journal_key(state.journal_id))

    async def _begin_in_memory(self) -> None:
        from companion.journal.store import open_in_memory

        self._journal = await open_in_memory()

    async def _opened(self) -> None:
        assert self._journal is not None
        self.storage = self._journal.storage
        self.is_open.set()
        waiting = len(await self._journal.waiting_takes())
        self._events.emit(JournalOpened(storage=self.storage, waiting_takes=waiting))


async def _carry_over(before: Journal, after: Journal) -> Moved:
    """Copies every turn, oldest session first."""
    moved = Moved({}, {})
    for session in reversed(await before.sessions()):
        session_id = moved.sessions[session.id] = await after.begin_session(
            session.practice, session.started_at, session.offset_s
        )
        for turn in await before.turns(session.id):
            turn_id = moved.turns[turn.id] = await after.save_user(
                session_id, turn.user_text, turn.at, turn.offset_s
            )
            await after.finish_reply(
                turn_id,
                reply_text=turn.reply_text,
                heard_text=turn.heard_text,
                state=turn.reply_state,
                reply_at=turn.reply_at or turn.at,
                engines=turn.engines,
                timeline_ms=turn.timeline_ms,
                cost_usd=turn.cost_usd,
            )
    return moved
