"""Room set aside for a full disk: made after the first turn, told when it was used, made again when there is room.

Event loop's thread; files in others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from companion.app.archive import Archive, Place
from companion.app.synced import synced_by
from companion.errors import CompanionError, Kind
from companion.events import Event, Events, Trouble, TroubleCleared, TurnFinished, UserSaid
from companion.language import tr
from companion.paths import Home
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from companion.journal.reserve import Reserve


class SpareRoom:
    """One per app."""

    def __init__(self, home: Home, archive: Archive, events: Events) -> None:
        self._home, self._archive, self._events = home, archive, events
        self._looking: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None
        self._is_told = False

    def open(self) -> None:
        self._unwatch = self._events.watch(self._watch)

    async def close(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
        await stop(self._looking)

    def _watch(self, event: Event) -> None:
        if isinstance(event, (UserSaid, TurnFinished)) and (self._looking is None or self._looking.done()):
            self._looking = spawn(self._look(makes=isinstance(event, TurnFinished)), name="room set aside")

    async def _look(self, *, makes: bool) -> None:
        if self._archive.place is not Place.OPEN:
            return
        async with self._archive.using() as journal:
            reserve = journal.reserve
        if reserve is None:
            return
        self._tell_use(reserve)
        if makes and await asyncio.to_thread(self._make, reserve) and self._is_told:
            self._is_told = False
            self._events.emit(TroubleCleared(kinds=frozenset({Kind.DISK_FULL})))

    def _make(self, reserve: Reserve) -> bool:
        """Not where another program would carry it to other computers."""
        return bool(reserve.bytes) or (not synced_by(self._home.data) and reserve.make())

    def _tell_use(self, reserve: Reserve) -> None:
        if not reserve.was_used:
            return
        reserve.was_used, self._is_told = False, True
        told = CompanionError(
            Kind.DISK_FULL,
            hint=tr(
                "What you said is saved, in room that was set aside for this. Make room now: it helps only once."
            ),
        )
        told.actions = ()
        self._events.emit(Trouble(error=told))
