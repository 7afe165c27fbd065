"""The journal of a home for commands: read beside an app that is open, or taken for as long as something is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from companion.app.archive import Place
from companion.errors import CompanionError, Kind
from companion.events import Event, Trouble

if TYPE_CHECKING:
    from companion.app.companion import Companion
    from companion.journal.store import JournalState, SqlJournal

Ask = Callable[[str], str]
"""Asks the person for a passphrase, with these words."""
ASKS = {"enter": "Passphrase of the journal: ", "choose": "A passphrase for the new journal: "}


@asynccontextmanager
async def reading(app: Companion, ask: Ask) -> AsyncGenerator[SqlJournal, None]:
    """The journal, for reading alone; nothing of it is written, made or migrated.

    Raises:
        CompanionError: JOURNAL_MISSING where there is none yet; all that opening can raise.
    """
    from companion.journal.store import look_at, open_journal

    state = await asyncio.to_thread(look_at, app.home)
    if state.is_new:
        error = CompanionError(
            Kind.JOURNAL_MISSING,
            "There is no journal here yet.",
            hint="It begins with the first reflection, or with `companion journal import`.",
        )
        error.actions = ()
        raise error
    key, passphrase = await _secrets(app, state, ask)
    journal = await open_journal(app.home, wrapping_key=key, passphrase=passphrase, for_reading=True)
    try:
        yield journal
    finally:
        await journal.close()


async def _secrets(app: Companion, state: JournalState, ask: Ask) -> tuple[bytes | None, str | None]:
    from companion.journal.keys import SlotKind

    trouble: CompanionError | None = None
    if SlotKind.KEYRING in state.opens_with:
        try:
            key = await (await app.vault()).get_journal_key(state.journal_id)
        except CompanionError as error:
            key, trouble = None, error
        if key is not None:
            return key, None
    if SlotKind.PASSPHRASE in state.opens_with:
        return None, await asyncio.to_thread(ask, ASKS["enter"])
    raise trouble or CompanionError(Kind.JOURNAL_LOCKED, hint="The system's keyring does not have its key.")


async def open_for_writing(app: Companion, ask: Ask, claim: Callable[[], None]) -> None:
    """Opens the app's journal on disk, or makes it; `claim` makes sure that no window keeps it.

    Raises:
        CompanionError: ALREADY_RUNNING; all that opening can raise.
    """
    claim()
    troubles: list[CompanionError] = []

    def hear(event: Event) -> None:
        if isinstance(event, Trouble):
            troubles.append(event.error)

    stop = app.events.watch(hear)
    try:
        await app.archive.open()
        if purpose := await app.archive.needs():
            await app.archive.use_passphrase(await asyncio.to_thread(ask, ASKS[purpose]))
    finally:
        stop()
    if app.archive.place is not Place.OPEN:
        nothing_kept = CompanionError(
            Kind.JOURNAL_LOCKED, "Nothing is kept here.", hint="`journal.keep` is off in the settings."
        )
        raise troubles[-1] if troubles else nothing_kept
