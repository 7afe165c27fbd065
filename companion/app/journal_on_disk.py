"""The journal of a home for commands: read beside an app that is open, or taken for as long as something is changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from companion.app.archive import Place
from companion.errors import CompanionError, Kind
from companion.events import Event, Trouble

if TYPE_CHECKING:
    from companion.app.companion import Companion
    from companion.journal.backups import Backup, Present
    from companion.journal.keys import KeySlots
    from companion.journal.salvage import Joined
    from companion.journal.store import JournalState, SqlJournal
    from companion.log import Secret
    from companion.paths import Home

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


@dataclass(frozen=True, slots=True)
class Verified:
    """A file that was read to its last page."""

    path: Path
    is_sound: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok' if self.is_sound else 'DAMAGED'}  {self.path}  {self.detail}"

    def row(self) -> dict[str, object]:
        return {"path": str(self.path), "ok": self.is_sound, "detail": self.detail}


async def key_of(app: Companion, ask: Ask, backup: Path | None = None) -> tuple[Secret, KeySlots]:
    """Of the journal and its backups, whether the journal opens or not. Raises `CompanionError`.

    Args:
        backup: of the journal that this is of.
    """
    try:
        return await app.archive.key("", backup)
    except CompanionError as error:
        if error.kind not in (
            Kind.JOURNAL_LOCKED,
            Kind.NO_KEYRING,
            Kind.KEYRING_FAILED,
            Kind.KEYRING_TIMEOUT,
        ):
            raise
        return await app.archive.key(await asyncio.to_thread(ask, ASKS["enter"]), backup)


async def verify(app: Companion, ask: Ask) -> list[Verified]:
    """The journal and each of its backups. Raises what `key_of` raises."""
    from companion.journal.backups import verify_file

    key, slots = await key_of(app, ask)
    made = await app.backing_up.list()
    files = [app.home.journal, *(backup.path for backup in made if not backup.is_other)]
    found = []
    for path in files:
        fault = await asyncio.to_thread(verify_file, path, key, slots.journal_id, path == app.home.journal)
        found.append(Verified(path, not fault, fault or "every page is sound"))
    if found[0].is_sound:
        found += await asyncio.to_thread(
            _verify_sounds, app.home, app.backing_up.folder, key, slots.journal_id
        )
    return found


def _verify_sounds(home: Home, folder: Path, key: Secret, journal_id: str) -> list[Verified]:
    """The recordings that the journal keeps, and those beside its backups."""
    from companion.journal.backed_sounds import folder_beside, kept_in, try_all

    kept = kept_in(home.journal, key, journal_id, is_living=True)
    beside, found = folder_beside(folder, journal_id), []
    for path in (home.takes, beside):
        if not kept or (path == beside and not path.is_dir()):
            continue
        tried = try_all(path, key, kept)
        detail = f"{tried.sound:,} of {len(kept):,} recordings are sound"
        if tried.missing:
            detail += f", {tried.missing:,} are not there"
        if tried.damaged:
            detail += f", {tried.damaged:,} are damaged"
        is_whole = not tried.damaged and (path == beside or not tried.missing)
        found.append(Verified(path, is_whole, detail))
    return found


async def back_up(app: Companion, ask: Ask, folder: Path | None) -> Backup:
    """One more backup, in `folder` or where they usually lie. Raises `CompanionError`."""
    from companion.journal.backups import make_backup

    key, slots = await key_of(app, ask)
    target = folder or app.backing_up.folder
    return await asyncio.to_thread(make_backup, app.home, target, key, slots.journal_id, time.time())


async def restore(app: Companion, ask: Ask, wanted: Path | None) -> tuple[Path, Joined]:
    """Makes a backup the journal: the newest, or by its file name or path. No window may keep the journal.

    Raises:
        CompanionError: BAD_FILE, there is none; all that restoring can raise.
    """
    from companion.journal.backups import restore_backup

    made = [backup.path for backup in await app.backing_up.list()]
    if not made and wanted is None:
        hint = "They make themselves while Companion is used; `companion journal backup` makes one now."
        raise CompanionError(Kind.BAD_FILE, "There is no backup yet.", hint=hint)
    path = next((path for path in made if wanted is None or path.name == str(wanted)), wanted)
    if path is None or not await asyncio.to_thread(path.is_file):
        where = f"They lie in {app.backing_up.folder}."
        raise CompanionError(Kind.BAD_FILE, "There is no such backup.", hint=where)
    key, slots = await key_of(app, ask, path)
    present: Present | None = None
    with suppress(CompanionError):  # where nothing opens it, it is put aside
        here, its = await app.archive.key()
        present = here, its.journal_id
    joined, _ = await asyncio.to_thread(restore_backup, app.home, path, key, slots, present)
    return path, joined


async def merge(app: Companion, other: Path) -> Joined:
    """Adds to the open journal what another copy of it holds. Raises `CompanionError`; nothing was added then."""
    async with app.archive.using() as journal:
        return await journal.join(other)


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
