"""Sound that is no answer: a voice's preview, a recording. One at a time, and silent as soon as a turn begins.

Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from companion.events import Event, Events, Phase, PhaseChanged
from companion.flow import Audio
from companion.ports import Player
from companion.tasks import spawn

TURN = -1
"""Its turn number in the player; turns of a conversation count from 1."""


class Played:
    """One per app.

    Args:
        player: the speaker chosen now.
        hush: silences the answer; no word is lost.
    """

    def __init__(self, events: Events, player: Callable[[], Player], *, hush: Callable[[], None]) -> None:
        self._player, self._hush = player, hush
        self._task: asyncio.Task[None] | None = None
        self._sounding: Player | None = None
        self._unwatch = events.watch(self._watch)

    async def play(self, sound: AsyncGenerator[Audio, None]) -> None:
        """Plays `sound` instead of whatever sounds. Returns when it was heard or stopped.

        Raises:
            CompanionError: what `sound` raises; NO_AUDIO_SYSTEM, NO_SPEAKER, SPEAKER_LOST.
        """
        self.stop()
        self._hush()
        task = self._task = spawn(self._run(sound), name="play a sound", is_awaited=True)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    def stop(self) -> None:
        """Silence, now."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._sounding is not None:
            self._sounding.flush()
            self._sounding = None

    async def close(self) -> None:
        self._unwatch()
        task = self._task
        self.stop()
        if task is not None:
            await asyncio.wait([task])

    async def _run(self, sound: AsyncGenerator[Audio, None]) -> None:
        player = self._player()
        try:
            async with aclosing(sound):
                async for audio in sound:
                    if self._sounding is None:
                        self._sounding = player
                        player.begin(TURN)
                    await player.write(TURN, audio)
            await player.drain(TURN)
        finally:
            if self._task is asyncio.current_task():  # it was not stopped
                self._task = self._sounding = None

    def _watch(self, event: Event) -> None:
        if isinstance(event, PhaseChanged) and event.phase not in (Phase.READY, Phase.TRANSCRIBING):
            self.stop()  # a turn has the speaker now
