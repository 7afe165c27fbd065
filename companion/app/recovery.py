"""Recordings whose words are not known yet: listing them, playing one, having one heard again, and letting one go.

What is discarded can be taken back for a moment; until then its file stays. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from companion import tasks
from companion.app.pool import instead
from companion.errors import CompanionError
from companion.events import Events, Trouble
from companion.flow import CAPTURE_RATE_HZ, Audio, Role, WaitingTake
from companion.ports import Journal, Player

UNDO_S = 10.0
"""How long a discarded recording can be taken back."""
PLAYED_TURN = -2
"""The recording's own turn number in the player."""


class Recovery:
    """One per app.

    Args:
        journal: where the recordings are.
        player: the speaker chosen now.
        hear: has one heard; a turn follows.
        hush: silences whatever sounds.
        hearers: who can hear now, registered name -> label.
    """

    def __init__(
        self,
        *,
        journal: Callable[[], Awaitable[Journal]],
        player: Callable[[], Player],
        hear: Callable[[str], Awaitable[None]],
        hush: Callable[[], None],
        hearers: Callable[[], Awaitable[Mapping[str, str]]],
        events: Events,
    ) -> None:
        self._journal, self._player, self._hear, self._events = journal, player, hear, events
        self._hush, self._hearers = hush, hearers
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        """Discarded, but still there."""
        self._playing: asyncio.Task[None] | None = None

    async def waiting(self) -> Sequence[WaitingTake]:
        """Oldest first, without those that were discarded.

        Raises:
            CompanionError: JOURNAL_LOCKED, JOURNAL_UNSAVED.
        """
        takes = await (await self._journal()).waiting_takes()
        return [take for take in takes if take.id not in self._leaving]

    async def hearers(self) -> Mapping[str, str]:
        """Who can hear now: registered name -> label.

        Raises:
            CompanionError: KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        return await self._hearers()

    async def play(self, take_id: str) -> None:
        """Plays a recording; a new one stops the last. Returns when it is over.

        Raises:
            CompanionError: it cannot be read or played.
        """
        self.stop_playing()
        self._hush()
        task = self._playing = tasks.spawn(self._play(take_id), name="play recording", is_awaited=True)
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    def stop_playing(self) -> None:
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()

    async def hear(self, take_id: str, provider: str = "") -> None:
        """Has a recording heard, by the recogniser chosen in the settings or by another.

        Raises:
            CompanionError: it cannot be read.
        """
        self.stop_playing()
        with instead({Role.HEARS: provider} if provider else {}):
            await self._hear(take_id)

    def discard(self, take_id: str) -> None:
        """Takes it off the list now, and off the disk when it was not taken back for `UNDO_S`."""
        self.stop_playing()
        loop = asyncio.get_running_loop()
        self._leaving[take_id] = loop.call_later(UNDO_S, self._let_go, take_id)

    def take_back(self, take_id: str) -> bool:
        """Undoes a discard; False when it is too late."""
        timer = self._leaving.pop(take_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    async def close(self) -> None:
        """What was discarded goes now."""
        self.stop_playing()
        for take_id in tuple(self._leaving):
            await self._remove(take_id)

    def _let_go(self, take_id: str) -> None:
        tasks.spawn(self._remove(take_id), name="discard recording")

    async def _remove(self, take_id: str) -> None:
        try:
            await (await self._journal()).discard_take(take_id)
        except CompanionError as error:
            self._events.emit(Trouble(error=error))
        self.take_back(take_id)

    async def _play(self, take_id: str) -> None:
        pcm = await (await self._journal()).read_take(take_id)
        player = self._player()
        try:
            player.begin(PLAYED_TURN)
            second = CAPTURE_RATE_HZ * 2
            for start in range(0, len(pcm), second):
                await player.write(
                    PLAYED_TURN, Audio(pcm=pcm[start : start + second], rate_hz=CAPTURE_RATE_HZ)
                )
            await player.drain(PLAYED_TURN)
        except asyncio.CancelledError:
            player.flush()
            raise
