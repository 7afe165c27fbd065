"""Hands-free mode: the open microphone's turns become the engine's, until it is switched off.

Belongs to the loop's thread. The talk key keeps working; while it is in use, what begins by itself is given up.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

from companion.conversation.engine import Engine
from companion.errors import CompanionError
from companion.events import Events, HandsFreeChanged, Trouble, TroubleCleared
from companion.flow import Role, TurnSignal
from companion.ports import Ear
from companion.tasks import spawn, stop

AGAIN_S = 2.0
"""How often a microphone that went away is looked for."""


class HandsFree:
    """One open microphone at work."""

    def __init__(self, ear: Ear, engine: Engine, events: Events) -> None:
        self._ear, self._engine, self._events = ear, engine, events
        self._task: asyncio.Task[None] | None = None
        self._is_away = False

    async def start(self) -> None:
        """Returns once it hears; a microphone that cannot be opened is told, and waited for."""
        try:
            await self._ear.open()
        except CompanionError as error:
            self._lose(error)
        else:
            self._tell(is_on=True)
        self._task = spawn(self._follow(), name="hands-free")

    async def mute(self, *, is_muted: bool) -> None:
        """Silences the input and nothing else, or opens it again."""
        if is_muted:
            await self._ear.mute()
            if self._is_away:
                await stop(self._task)
            self._tell(is_on=True)
        else:
            await self.stop(is_silent=True)
            await self.start()

    async def stop(self, *, is_silent: bool = False) -> None:
        """Closes the microphone. Idempotent."""
        await stop(self._task)
        self._task, self._is_away = None, False
        if not is_silent:
            await self._ear.close()
            self._tell(is_on=False)

    def _tell(self, *, is_on: bool) -> None:
        muted, cancels = self._ear.is_muted, self._ear.cancels_echo
        self._events.emit(HandsFreeChanged(is_on=is_on, is_muted=is_on and muted, cancels_echo=cancels))

    def _lose(self, error: CompanionError) -> None:
        self._is_away = True
        self._events.emit(Trouble(error=error, role=Role.HEARS))
        self._tell(is_on=False)

    async def _follow(self) -> None:
        while True:
            if self._is_away:
                await self._come_back()
            try:
                await self._listen()
            except CompanionError as error:
                self._lose(error)
            else:
                return

    async def _listen(self) -> None:
        async with aclosing(self._ear.signals()) as signals:
            async for told in signals:
                if told.signal is not TurnSignal.STARTED:
                    self._engine.speech_changed(told.utterance, told.signal, told.at_s)
                elif not self._engine.speech_began(told.utterance):
                    await told.utterance.close()

    async def _come_back(self) -> None:
        """Returns once the microphone, or another, could be opened."""
        while self._is_away:
            await asyncio.sleep(AGAIN_S)
            with suppress(CompanionError):
                await self._ear.open()
                self._is_away = False
        self._events.emit(TroubleCleared())
        self._tell(is_on=True)
