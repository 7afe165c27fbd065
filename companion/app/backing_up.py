"""Backups made by themselves, and what is told of them: at the start when the newest is a day old, every half hour of use.

One that fails is told once, on a quiet card, until one is made again. Event loop's thread; files in others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from companion.app.archive import Archive, Place
from companion.errors import CompanionError, Kind
from companion.events import BackupsLooked, Event, Events, JournalOpened, Note, Trouble, TurnFinished
from companion.language import mark, tr, trn
from companion.log import describe
from companion.paths import Home
from companion.places import shown
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from companion.journal.backed_sounds import Held
    from companion.journal.backups import About, Backup
    from companion.journal.salvage import Joined

_log = logging.getLogger(__name__)
DAY_S = 86_400.0
IN_USE_S = 1_800.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How backups stand."""

    last_good: float | None = None
    failed: CompanionError | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A folder with backups in which no new ones are made now."""

    path: Path
    newest_at: float
    is_there: bool
    owes: bool
    """They still hold something that was deleted for good."""


class BackingUp:
    """One per app."""

    def __init__(self, home: Home, archive: Archive, events: Events, chosen: Callable[[], str]) -> None:
        """`chosen()`: the folder for backups; empty: beside the journal."""
        self._home, self._archive, self._events, self._chosen = home, archive, events, chosen
        self.standing = Standing()
        self._making: asyncio.Task[None] | None = None
        self._clearing: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None
        self._tried: float | None = None

    def open(self) -> None:
        """Makes one where it is due, now and after what is said."""
        self._unwatch = self._events.watch(self._watch)
        self._look_soon(DAY_S)

    async def close(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
        await stop(self._making, self._clearing)

    @property
    def folder(self) -> Path:
        """Where they lie."""
        from companion.journal.copies import folder_of

        chosen = self._chosen()
        return Path(chosen).expanduser() if chosen else folder_of(self._home.journal)

    async def elsewhere(self) -> Sequence[Elsewhere]:
        """Folders other than that with backups of before, and that itself where its drive is not connected."""
        return await asyncio.to_thread(_elsewhere, self._home, self.folder.absolute())

    async def recordings(self) -> tuple[Held, Held]:
        """The kept ones here, and their copies beside the backups. Raises as `list`."""
        return await asyncio.to_thread(_recordings, self._home, self.folder)

    async def make(self) -> Backup:
        """One more, now.

        Raises:
            CompanionError: FOLDER_UNUSABLE, DISK_FULL, JOURNAL_DAMAGED, JOURNAL_UNSAVED; JOURNAL_LOCKED, none is open.
        """
        if self._archive.place is not Place.OPEN:
            raise _not_open()
        async with self._archive.using() as journal:
            if journal.storage == "memory":
                raise _not_open()
            self._tried = time.time()
            try:
                _must_be_there(self.folder, is_chosen=bool(self._chosen()))
                made = await journal.back_up(self._home, self.folder)
            except CompanionError as error:
                self._stand(Standing(self.standing.last_good, error))
                raise
        self._stand(Standing(made.made_at))
        return made

    async def list(self) -> Sequence[Backup]:
        """Newest first, and after them those of other journals.

        Raises:
            CompanionError: FOLDER_UNUSABLE; JOURNAL_DAMAGED, there are no keys that can be read.
        """
        return await asyncio.to_thread(_list, self._home, self.folder)

    async def look(self, path: Path, passphrase: str = "") -> About:
        """Reads every page of one. Raises `CompanionError`."""
        from companion.journal.backups import look_into

        key, slots = await self._archive.key(passphrase, path)
        return await asyncio.to_thread(look_into, path, key, slots.journal_id)

    async def restore(self, path: Path, passphrase: str = "") -> Joined:
        """As `Archive.restore`."""
        joined = await self._archive.restore(path, passphrase)
        text = trn(
            "The backup is your journal now, with {n:,} turn that came after it",
            "The backup is your journal now, with {n:,} turns that came after it",
            joined.turns,
        )
        self._events.emit(Note(text=text if joined.turns else tr("The backup is your journal now")))
        return joined

    async def synced(self) -> tuple[str, Sequence[Path]]:
        """The program that copies the journal's folder to other computers, empty: none; and its copies that went apart."""
        return await asyncio.to_thread(_synced, self._home)

    async def join(self, copy: Path) -> Joined:
        """Adds what a copy holds that went apart, and puts the copy aside. Raises `CompanionError`."""
        async with self._archive.using() as journal:
            if self._archive.place is not Place.OPEN or journal.storage == "memory":
                raise _not_open()
            joined = await journal.join(copy)
        await asyncio.to_thread(_put_aside, self._home, copy)
        self._events.emit(
            Note(
                text=trn(
                    "The copy is joined: {n:,} turn came",
                    "The copy is joined: {n:,} turns came",
                    joined.turns,
                )
            )
        )
        return joined

    def clear_soon(self) -> None:
        """What was deleted for good leaves the backups."""
        self._clearing = spawn(self._clear(), name="clear the backups")

    # -- inside ---------------------------------------------------------------------------------------------

    def _watch(self, event: Event) -> None:
        if isinstance(event, JournalOpened):
            self._look_soon(DAY_S)
        elif isinstance(event, TurnFinished):
            self._look_soon(IN_USE_S)

    def _stand(self, standing: Standing) -> None:
        self.standing = standing
        self._events.emit(BackupsLooked(last_good=standing.last_good, has_failed=standing.failed is not None))

    async def _clear(self) -> None:
        if self._archive.place is not Place.OPEN:
            return
        try:
            async with self._archive.using() as journal:
                if journal.storage != "memory" and not journal.is_read_only:
                    await journal.clear_backups(self._home)
        except (
            CompanionError
        ) as error:  # a disk that cannot be written; it is tried again with the next backup
            _log.info("the backups still hold what was deleted: %s", describe(error))

    def _look_soon(self, most_age_s: float) -> None:
        if self._making is None or self._making.done():
            self._making = spawn(self._make_if_due(most_age_s), name="back up the journal")

    async def _make_if_due(self, most_age_s: float) -> None:
        if self._archive.place is not Place.OPEN or not await self._is_due(most_age_s):
            return
        await self._clear()
        was_failing = self.standing.failed is not None
        try:
            await self.make()
        except CompanionError as error:
            if not was_failing and error.kind is not Kind.JOURNAL_LOCKED:
                told = CompanionError(
                    error.kind, f"{tr('No backup was made.')} {error.message}", hint=tr(_HINT), cause=error
                )
                told.actions = ()
                self._events.emit(Trouble(error=told))

    async def _is_due(self, most_age_s: float) -> bool:
        async with self._archive.using() as journal:
            is_whole = not journal.is_read_only and not journal.lacks_newest
            if journal.storage == "memory" or not await journal.list.count():
                return False
        now = time.time()
        if self._tried is not None and 0 <= now - self._tried < IN_USE_S:
            return False
        if self.standing.last_good is None:
            try:
                made = [each for each in await self.list() if not each.is_other]
            except CompanionError:
                made = []
            if made:
                self._stand(Standing(made[0].made_at, self.standing.failed))
                await asyncio.to_thread(_know, self._home, self.folder, made[0].made_at)
        last = self.standing.last_good
        return is_whole and (last is None or not 0 <= now - last < most_age_s)


def _not_open() -> CompanionError:
    return CompanionError(
        Kind.JOURNAL_LOCKED, tr("The journal is not open."), hint=tr("Nothing was backed up.")
    )


_HINT = mark(
    "Those of before stay. Settings, Journal shows the last good one and lets you choose another folder."
)


def _must_be_there(folder: Path, *, is_chosen: bool) -> None:
    """A folder that was chosen and is gone is a drive that is not plugged in: nothing is made in its place."""
    if is_chosen and not folder.is_dir():
        hint = tr("Plug its drive in, or choose another folder: Settings, Journal. Backups of before stay.")
        raise CompanionError(
            Kind.FOLDER_UNUSABLE, tr("{shown} is not there.", shown=shown(folder)), hint=hint
        )


def _list(home: Home, folder: Path) -> Sequence[Backup]:
    from companion.journal.backups import list_backups, slots_of
    from companion.places import unusable

    try:
        slots = slots_of(home, folder)
        return list_backups(folder, slots.journal_id if slots is not None else "", and_others=True)
    except OSError as error:
        raise unusable(folder, error) from error


def _know(home: Home, folder: Path, newest_at: float) -> None:
    """Backups that were made before this computer knew the folder lose what is deleted, too."""
    from companion.journal.backup_folders import known_folders, remember

    try:
        if not any(each.path == folder.absolute() and each.newest_at for each in known_folders(home)):
            remember(home, folder, newest_at)
    except OSError as error:
        _log.info("a folder of backups is not noted: %s", error.strerror)


def _elsewhere(home: Home, present: Path) -> Sequence[Elsewhere]:
    from companion.journal.backup_folders import known_folders

    found = [
        Elsewhere(each.path, each.newest_at, each.is_there, bool(each.owes))
        for each in known_folders(home)
        if each.newest_at
    ]
    return [each for each in found if each.path != present or not each.is_there]


def _recordings(home: Home, folder: Path) -> tuple[Held, Held]:
    from companion.journal.backed_sounds import Held, folder_beside, held_in
    from companion.journal.backups import slots_of
    from companion.places import unusable

    try:
        slots = slots_of(home, folder)
        if slots is None:
            return Held(), Held()
        return held_in(home.takes), held_in(folder_beside(folder, slots.journal_id))
    except OSError as error:
        raise unusable(folder, error) from error


def _synced(home: Home) -> tuple[str, Sequence[Path]]:
    from companion.app.synced import conflicted_copies, synced_by

    return synced_by(home.data), conflicted_copies(home.journal)


def _put_aside(home: Home, copy: Path) -> None:
    from companion.journal.copies import new_aside
    from companion.places import unusable

    try:
        folder = new_aside(home.data)
        folder.mkdir(mode=0o700, exist_ok=True)
        copy.rename(folder / copy.name)
    except OSError as error:
        raise unusable(home.data, error) from error
