"""Hands-free mode: the open microphone's turns become the engine's, until it is switched off.

Belongs to the loop's thread. The talk key keeps working; while it is in use, what begins by itself is given up.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from companion.conversation.engine import Engine
from companion.errors import CompanionError
from companion.events import Events, HandsFreeChanged, Trouble
from companion.flow import Role, TurnSignal
from companion.ports import Ear
from companion.tasks import spawn, stop


class HandsFree:
    """One open microphone at work."""

    def __init__(self, ear: Ear, engine: Engine, events: Events) -> None:
        self._ear, self._engine, self._events = ear, engine, events
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once it hears; tells it where the microphone cannot be opened."""
        try:
            await self._ear.open()
        except CompanionError as error:
            self._events.emit(Trouble(error=error, role=Role.HEARS))
            self._tell(is_on=False)
            return
        self._task = spawn(self._follow(), name="hands-free")
        self._tell(is_on=True)

    async def mute(self, *, is_muted: bool) -> None:
        """Silences the input and nothing else, or opens it again."""
        if is_muted:
            await self._ear.mute()
            self._tell(is_on=True)
        else:
            await self.stop(is_silent=True)
            await self.start()

    async def stop(self, *, is_silent: bool = False) -> None:
        """Closes the microphone. Idempotent."""
        await stop(self._task)
        self._task = None
        if not is_silent:
            await self._ear.close()
            self._tell(is_on=False)

    def _tell(self, *, is_on: bool) -> None:
        muted, cancels = self._ear.is_muted, self._ear.cancels_echo
        self._events.emit(HandsFreeChanged(is_on=is_on, is_muted=is_on and muted, cancels_echo=cancels))

    async def _follow(self) -> None:
        try:
            async with aclosing(self._ear.signals()) as signals:
                async for told in signals:
                    if told.signal is not TurnSignal.STARTED:
                        self._engine.speech_changed(told.utterance, told.signal, told.at_s)
                    elif not self._engine.speech_began(told.utterance):
                        await told.utterance.close()
        except CompanionError as error:
            self._events.emit(Trouble(error=error, role=Role.HEARS))
            self._tell(is_on=False)
