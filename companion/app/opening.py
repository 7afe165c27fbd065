"""The journal on disk before it is open: what it needs, and the ways to open it. Event loop's thread; files in others."""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from companion.errors import Action, CompanionError, Kind
from companion.language import tr
from companion.log import describe
from companion.paths import Home
from companion.places import try_to_write

if TYPE_CHECKING:
    from pathlib import Path

    from companion.journal.backups import Present
    from companion.journal.keys import KeySlots
    from companion.journal.salvage import Joined
    from companion.journal.store import JournalState, SqlJournal
    from companion.log import Secret
    from companion.vault import Vault

_log = logging.getLogger(__name__)
_KEYRING_KINDS = (Kind.NO_KEYRING, Kind.KEYRING_TIMEOUT, Kind.KEYRING_FAILED, Kind.JOURNAL_LOCKED)


class JournalOnDisk:
    """One per app: looked at and opened, never held open."""

    def __init__(
        self, home: Home, vault: Callable[[], Awaitable[Vault]], backups: Callable[[], Path] | None = None
    ) -> None:
        """`backups()`: the folder they lie in."""
        self._home, self._vault = home, vault
        self._backups = backups or (lambda: home.data / "backups")
        self._made = ""
        """The journal that was made here last."""

    async def look(self) -> JournalState:
        """Without any secret. Raises what `look_at` raises."""
        from companion.journal.store import look_at

        return await asyncio.to_thread(look_at, self._home)

    async def purpose(self) -> str:
        """What a passphrase would do: "choose" one for a new journal, "enter" that of this one, "" nothing."""
        from companion.journal.keys import SlotKind

        try:
            state = await self.look()
            if state.is_new:
                await asyncio.to_thread(try_to_write, self._home.data)
                return "choose"
        except CompanionError:  # damaged, missing, or no place for one: no passphrase helps
            return ""
        return "enter" if SlotKind.PASSPHRASE in state.opens_with else ""

    async def is_there(self) -> bool:
        """Whether there is one, however damaged."""
        try:
            return not (await self.look()).is_new
        except CompanionError:
            return True

    async def with_keyring(self) -> SqlJournal:
        """Opened, or made, with what the system's keyring holds.

        Raises:
            CompanionError: JOURNAL_LOCKED where the keyring has no key of it; all that keyring and opening can raise.
        """
        from companion.journal.beginning import needs_passphrase
        from companion.journal.keys import SlotKind
        from companion.journal.store import open_journal

        state = await self.look()
        vault = await self._vault()
        if state.is_new:
            await asyncio.to_thread(try_to_write, self._home.data)
            key, self._made = secrets.token_bytes(32), str(uuid.uuid4())
            # First, so that no journal is made that cannot be opened.
            try:
                await vault.put_journal_key(self._made, key)
            except CompanionError as error:
                raise needs_passphrase() if error.kind is Kind.NO_KEYRING else error from error
            try:
                return await open_journal(self._home, wrapping_key=key, journal_id=self._made)
            except CompanionError as error:
                state = await self.look()
                if error.kind is not Kind.JOURNAL_LOCKED or state.journal_id in ("", self._made):
                    raise  # else another program was first, and it is that one's
        if SlotKind.KEYRING not in state.opens_with:
            raise CompanionError(Kind.JOURNAL_LOCKED)
        return await open_journal(self._home, wrapping_key=await vault.get_journal_key(state.journal_id))

    async def with_passphrase(self, passphrase: str) -> SqlJournal:
        """Opened, or made, with a passphrase.

        Raises:
            CompanionError: WRONG_PASSPHRASE; JOURNAL_LOCKED where it has none; all that opening can raise.
        """
        from companion.journal.keys import SlotKind
        from companion.journal.store import open_journal

        state = await self.look()
        if not state.is_new and SlotKind.PASSPHRASE not in state.opens_with:
            raise no_passphrase(is_open=False)
        self._made = str(uuid.uuid4()) if state.is_new else ""
        return await open_journal(self._home, passphrase=passphrase, journal_id=self._made or None)

    async def data_key(self, passphrase: str = "", backup: Path | None = None) -> tuple[Secret, KeySlots]:
        """The key of the journal and of its backups, also where the journal itself does not open.

        Args:
            backup: the key of the journal that this is of, which may be another one.

        Raises:
            CompanionError: JOURNAL_LOCKED, WRONG_PASSPHRASE, JOURNAL_MISSING (there are no keys), JOURNAL_DAMAGED.
        """
        from companion.journal.backups import slots_for, slots_of
        from companion.journal.keys import SlotKind

        if backup is not None:
            slots = await asyncio.to_thread(slots_for, self._home, backup)
        else:
            slots = await asyncio.to_thread(slots_of, self._home, self._backups())
        if slots is None:
            raise CompanionError(Kind.JOURNAL_MISSING, tr("There is no journal here yet."))
        wrapping_key = None
        if SlotKind.KEYRING in slots.kinds and not passphrase:
            wrapping_key = await (await self._vault()).get_journal_key(slots.journal_id)
        key, _ = await slots.unlock(wrapping_key=wrapping_key, passphrase=passphrase or None)
        return key, slots

    async def restore(
        self, backup: Path, key: Secret, slots: KeySlots, present: Present | None = None
    ) -> Joined:
        """As `restore_backup`."""
        from companion.journal.backups import restore_backup

        joined, _ = await asyncio.to_thread(restore_backup, self._home, backup, key, slots, present)
        return joined

    async def give_keyring(self, journal: SqlJournal) -> None:
        """The keyring opens this open journal from now on. Raises what keyring and key file raise."""
        vault, key = await self._vault(), secrets.token_bytes(32)
        await vault.put_journal_key((await self.look()).journal_id, key)
        await journal.set_wrapping_key(key)

    async def give_keyring_back(self, journal: SqlJournal) -> bool:
        """The same where the keyring had a key of it once; whether it has one now."""
        from companion.journal.keys import SlotKind

        if SlotKind.KEYRING not in journal.opens_with:
            return False
        try:
            await self.give_keyring(journal)
        except CompanionError as error:
            _log.info("the keyring gets no key of the journal: %s", describe(error))
            return False
        return True

    async def helpful(self, error: CompanionError) -> tuple[Action, ...]:
        """The buttons that help: a passphrase is only asked for where there is one, or one can be chosen.

        Who has lost the keyring's key, and the passphrase too, can begin anew; what does not open stays beside.
        """
        if error.kind in (Kind.JOURNAL_DAMAGED, Kind.JOURNAL_MISSING) and await asyncio.to_thread(
            _has_files, self._backups()
        ):
            return (Action.RESTORE_BACKUP, Action.NEW_JOURNAL)
        if error.kind not in _KEYRING_KINDS:
            return error.actions
        purpose = await self.purpose()
        if purpose == "enter" and error.kind is Kind.JOURNAL_LOCKED:
            return (*error.actions, Action.RETRY, Action.NEW_JOURNAL)
        if purpose:
            return error.actions
        if error.kind is Kind.JOURNAL_LOCKED:
            return (Action.RETRY, Action.NEW_JOURNAL)
        return (Action.RETRY,)

    async def said_exactly(self, error: CompanionError) -> CompanionError:
        """Where nothing can be written into the folder, that is what is to be told."""
        if error.kind in (Kind.JOURNAL_UNSAVED, Kind.DISK_FULL):
            try:
                await asyncio.to_thread(try_to_write, self._home.data)
            except CompanionError as exact:
                return exact
        return error

    async def forget_new(self) -> None:
        """Removes one that was made a moment ago and holds nothing."""
        await asyncio.to_thread(_forget_new, self._home, self._made)

    async def set_aside(self) -> None:
        """Moves one that does not open beside. Raises `CompanionError`."""
        from companion.journal.leaving import set_aside

        try:
            await asyncio.to_thread(set_aside, self._home)
        except OSError as error:
            raise CompanionError(
                Kind.JOURNAL_UNSAVED, tr("The journal's folder cannot be used."), cause=error
            ) from error


def _has_files(folder: Path) -> bool:
    try:
        return any(folder.glob("journal-*.db"))
    except OSError:
        return False


def _forget_new(home: Home, journal_id: str) -> None:
    from companion.journal.leaving import forget_new

    try:
        forget_new(home, journal_id)
    except (OSError, CompanionError) as error:  # it is empty, and opens with what it was made with
        _log.info("an empty journal stays: %s", describe(error))


def no_passphrase(*, is_open: bool) -> CompanionError:
    """What is told where a passphrase opens nothing."""
    hint = (
        tr("It opens with the system's keyring, and is open.")
        if is_open
        else tr("It opens with the system's keyring. Unlock that, and try again.")
    )
    error = CompanionError(
        Kind.JOURNAL_LOCKED,
        tr("This journal has no passphrase."),
        hint=hint,
    )
    error.actions = (Action.RETRY,)
    return error
