"""What a button begins and nobody waits for: its faults are told, and it ends with the app. Loop's thread."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from companion import tasks
from companion.errors import Action, CompanionError
from companion.events import Event, Events, Trouble

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

_MOST_TOLD = 32


class Errands:
    """One per app."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = tasks.spawn(self._told(work), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        import asyncio

        await asyncio.sleep(0)  # what was asked for a moment ago has begun, and what it changes is saved
        await tasks.stop(*self._running)

    async def _told(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except CompanionError as error:
            self._events.emit(Trouble(error=error))


class RecentTroubles:
    """What was told lately, so that of a card's error it is known which turn it was of."""

    def __init__(self, events: Events) -> None:
        self._told: deque[Trouble] = deque(maxlen=_MOST_TOLD)
        events.watch(self._note)

    def of(self, action: Action, about: CompanionError | None) -> Trouble | None:
        """The trouble that `about` is of; without it the latest that offers `action`."""
        newest = reversed(self._told)
        if about is None:
            return next((each for each in newest if action in each.error.actions), None)
        return next((each for each in newest if each.error is about), Trouble(error=about))

    def _note(self, event: Event) -> None:
        if isinstance(event, Trouble):
            self._told.append(event)
