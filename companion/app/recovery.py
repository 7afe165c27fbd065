"""Recordings whose words are not known yet: listing them, playing one, having one heard again, and letting one go.

What is discarded can be taken back for a moment; until then its file stays. One that cannot be opened is told and left in
the list; it never stands in the way of the others. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from companion import tasks
from companion.app.played import Played
from companion.app.pool import instead
from companion.errors import CompanionError, Kind
from companion.events import Events, Note, Trouble, TroubleCleared
from companion.flow import CAPTURE_RATE_HZ, Audio
from companion.kinds import Role
from companion.language import tr
from companion.ports import Journal
from companion.records import WaitingTake

UNDO_S = 10.0
"""How long a discarded recording can be taken back."""
_UNOPENED = (Kind.TAKE_DAMAGED, Kind.BAD_FILE)
"""Faults of one recording, not of the journal."""


class Recovery:
    """One per app.

    Args:
        journal: where the recordings are.
        played: plays sounds that are no answers.
        hear: has one heard; a turn follows.
        is_busy: a take is open or being heard, so that no other can be.
        hearers: who can hear now, registered name -> label.
    """

    def __init__(
        self,
        *,
        journal: Callable[[], AbstractAsyncContextManager[Journal]],
        played: Played,
        hear: Callable[[str], Awaitable[None]],
        is_busy: Callable[[], bool],
        hearers: Callable[[], Awaitable[Mapping[str, str]]],
        events: Events,
    ) -> None:
        self._journal, self._played, self._hear, self._events = journal, played, hear, events
        self._is_busy, self._hearers = is_busy, hearers
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        """Discarded, but still there."""
        self._unremoved: set[str] = set()
        """Discarded, and the disk did not let go of them."""
        self._tried: set[str] = set()
        """Heard, or found damaged, in this run."""
        self._damaged: set[str] = set()
        """Those of which that was told."""
        self._removing: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def waiting(self) -> Sequence[WaitingTake]:
        """Oldest first, without those that were discarded.

        Raises:
            CompanionError: JOURNAL_LOCKED, JOURNAL_UNSAVED.
        """
        async with self._journal() as journal:
            takes = await journal.waiting_takes()
        return [take for take in takes if take.id not in self._leaving]

    async def hearers(self) -> Mapping[str, str]:
        """Who can hear now: registered name -> label.

        Raises:
            CompanionError: KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        return await self._hearers()

    # -- playing --------------------------------------------------------------------------------------------

    async def play(self, take_id: str) -> None:
        """Plays a recording; a new one stops the last. Returns when it is over.

        Raises:
            CompanionError: it cannot be read or played.
        """
        await self._played.play(self._sound(take_id))

    def stop_playing(self) -> None:
        """Silence, now."""
        self._played.stop()

    async def _sound(self, take_id: str) -> AsyncGenerator[Audio, None]:
        async with self._journal() as journal:
            pcm = await journal.read_take(take_id)
        second = CAPTURE_RATE_HZ * 2
        for start in range(0, len(pcm), second):
            yield Audio(pcm=pcm[start : start + second], rate_hz=CAPTURE_RATE_HZ)

    # -- hearing --------------------------------------------------------------------------------------------

    async def hear(self, take_id: str, provider: str = "") -> None:
        """Has a recording heard, by the recogniser chosen in the settings or by another.

        Raises:
            CompanionError: it cannot be read.
        """
        self.stop_playing()
        async with self._one_at_a_time:
            if self._is_busy():
                self._events.emit(Note(text=tr("One moment: your words are still being written down")))
            else:
                await self._have_heard(take_id, provider)

    async def _have_heard(self, take_id: str, provider: str) -> None:
        self._tried.add(take_id)
        async with self._journal() as journal:
            lost_s = await journal.take_damage(take_id)
        if lost_s:
            seconds = max(1, round(lost_s))
            self._events.emit(
                Note(text=tr("{seconds} s of that recording are damaged; the rest is heard", seconds=seconds))
            )
        with instead({Role.HEARS: provider} if provider else {}):
            await self._hear(take_id)

    async def hear_next(self) -> None:
        """Has the oldest recording heard that was not tried in this run; after the last it begins again.

        Raises:
            CompanionError: the journal cannot be read.
        """
        while take := await self._next():
            try:
                await self.hear(take.id)
            except CompanionError as error:
                if error.kind not in _UNOPENED:
                    raise
                self._tell_damaged(take.id, error)
            else:
                return

    async def _next(self) -> WaitingTake | None:
        takes = [take for take in await self.waiting() if take.id not in self._damaged]
        if not takes:
            self._events.emit(TroubleCleared())
            self._events.emit(Note(text=tr("No other recording is waiting to be written down")))
            return None
        if all(take.id in self._tried for take in takes):
            self._tried.clear()
        return next(take for take in takes if take.id not in self._tried)

    def _tell_damaged(self, take_id: str, error: CompanionError) -> None:
        if take_id not in self._damaged:
            self._damaged.add(take_id)
            self._events.emit(Trouble(error=error))

    # -- letting go -----------------------------------------------------------------------------------------

    def discard(self, take_id: str) -> None:
        """Takes it off the list now, and off the disk when it was not taken back for `UNDO_S`."""
        self.stop_playing()
        self.take_back(take_id)
        loop = asyncio.get_running_loop()
        self._leaving[take_id] = loop.call_later(UNDO_S, self._let_go, take_id)

    def take_back(self, take_id: str) -> bool:
        """Undoes a discard; False when it is too late."""
        timer = self._leaving.pop(take_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    async def remove_again(self) -> None:
        """Takes those off the disk that it did not let go of."""
        for take_id in tuple(self._unremoved):
            await self._remove(take_id)

    async def close(self) -> None:
        """What was discarded goes now."""
        self.stop_playing()
        if self._removing:
            await asyncio.wait(self._removing)
        for take_id in tuple(self._leaving):
            await self._remove(take_id)

    def _let_go(self, take_id: str) -> None:
        task = tasks.spawn(self._remove(take_id), name="discard recording")
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)

    async def _remove(self, take_id: str) -> None:
        self._unremoved.discard(take_id)
        try:
            async with self._journal() as journal:
                await journal.discard_take(take_id)
        except CompanionError as error:
            self._unremoved.add(take_id)
            self._events.emit(Trouble(error=error))
        self.take_back(take_id)
