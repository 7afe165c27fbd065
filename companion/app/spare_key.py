"""Eight words that open the journal where the keyring cannot: offered when there is something to lose, and made.

Offered after the third reflection and again after ninety days, until there are such words. Event loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path

from companion import days
from companion.app.archive import Archive, Place
from companion.errors import CompanionError
from companion.events import Event, Events, JournalOpened, Note, SpareKeyOffered, TurnFinished
from companion.language import tr
from companion.log import describe
from companion.paths import write_atomically
from companion.places import read_notes
from companion.tasks import spawn, stop

_log = logging.getLogger(__name__)
LEAST_REFLECTIONS = 3
EVERY_DAYS = 90


class SpareKey:
    """One per app."""

    def __init__(self, events: Events, archive: Archive, folder: Path, is_kept: Callable[[], bool]) -> None:
        """`folder`: where the day of the last offer is kept; `is_kept()`: False while nothing of a run goes to disk."""
        self._events, self._archive, self._is_kept = events, archive, is_kept
        self._file = folder / "spare-key.json"
        self._is_offered = False
        self._looking: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None

    def open(self) -> None:
        """Offers them as soon as they are due, and whenever they become so."""
        self._unwatch = self._events.watch(self._watch)
        self._look_soon()

    async def close(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
        await stop(self._looking)

    def draw(self) -> str:
        """Eight words that nobody had before."""
        from companion.journal.passphrases import draw_words

        return draw_words()

    def is_same(self, words: str, typed: str) -> bool:
        """Whether `typed` will open what `words` open."""
        from companion.journal.passphrases import spellings

        return spellings(words)[0] in spellings(typed)

    async def keep(self, words: str) -> None:
        """From now on these words open the journal too, and no words of before.

        Raises:
            CompanionError: JOURNAL_LOCKED, DISK_FULL, JOURNAL_UNSAVED; the words of before then still open it.
        """
        async with self._archive.using() as journal:
            await journal.set_passphrase(words)
        self._is_offered = True
        self._events.emit(Note(text=tr("Your eight words open the journal from now on, beside the keyring")))

    # -- inside ---------------------------------------------------------------------------------------------

    def _watch(self, event: Event) -> None:
        if isinstance(event, JournalOpened | TurnFinished):
            self._look_soon()

    def _look_soon(self) -> None:
        is_looking = self._looking is not None and not self._looking.done()
        if not self._is_offered and not is_looking and self._is_kept():
            self._looking = spawn(self._look(), name="look whether a spare key is due")

    async def _look(self) -> None:
        try:
            if not await self._is_due():
                return
        except CompanionError as error:  # whoever needs the journal tells that
            _log.info("no spare key is offered: %s", describe(error))
            return
        if not self._is_offered:
            self._is_offered = True
            await asyncio.to_thread(self._remember)
            self._events.emit(SpareKeyOffered())

    async def _is_due(self) -> bool:
        from companion.journal.keys import SlotKind

        if self._archive.place is not Place.OPEN or self._archive.storage != SlotKind.KEYRING:
            return False
        async with self._archive.using() as journal:
            if SlotKind.PASSPHRASE in journal.opens_with or journal.is_read_only:
                return False
            if await journal.list.count() < LEAST_REFLECTIONS:
                return False
        last = await asyncio.to_thread(self._last)
        return last is None or not 0 <= (days.now().day - last).days < EVERY_DAYS

    def _last(self) -> date | None:
        """The day it was offered last; None: never, or nobody knows."""
        try:
            return date.fromisoformat(str(read_notes(self._file).get("offered_on")))
        except ValueError:
            return None

    def _remember(self) -> None:
        try:
            write_atomically(self._file, json.dumps({"offered_on": days.now().day.isoformat()}).encode())
        except OSError as error:
            _log.warning("that a spare key was offered could not be kept: %s", error)
