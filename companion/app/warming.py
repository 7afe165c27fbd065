"""What the next turn needs is made ready while the person still speaks: connections, engines, the look at the devices.

Whatever is wrong is said when it is really used. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from companion import tasks
from companion.app.pool import ProviderPool
from companion.errors import CompanionError
from companion.kinds import Role
from companion.providers.provider import BeginsWith

_log = logging.getLogger(__name__)
AGAIN_S = 30.0
"""Connections may have closed themselves after this long."""


class Warming:
    """One per app."""

    def __init__(self, pool: ProviderPool, begins_with: BeginsWith) -> None:
        """`begins_with()`: what the next question to the model begins with."""
        self._pool, self._begins_with = pool, begins_with
        self._warmed_s = float("-inf")
        self._running: list[asyncio.Task[None]] = []
        self._sound: asyncio.Task[None] | None = None

    def warm(self) -> None:
        now_s = time.monotonic()
        if now_s - self._warmed_s > AGAIN_S:
            self._warmed_s = now_s
            self._running = [task for task in self._running if not task.done()]
            for role in (Role.HEARS, Role.SPEAKS, Role.THINKS):
                begins_with = self._begins_with if role is Role.THINKS else None
                self._running.append(tasks.spawn(self._pool.warm(role, begins_with), name=f"warm {role}"))

    def warm_sound(self, look: Callable[[], Awaitable[object]]) -> None:
        """The first look at the devices costs a fifth of a second; better now than at the first press."""
        self._sound = tasks.spawn(self._look(look), name="warm sound")

    async def renew(self) -> None:
        """Those that were open while the computer slept are gone, whatever they seem; new ones are made at once."""
        await tasks.stop(*self._running)
        await self._pool.renew()
        self._warmed_s = float("-inf")
        self.warm()

    async def stop(self) -> None:
        """What is made ready now would outlive the end; but PortAudio is not left in the middle of its start."""
        await tasks.stop(*self._running)
        if self._sound is not None:
            await asyncio.wait([self._sound])

    async def _look(self, look: Callable[[], Awaitable[object]]) -> None:
        try:
            await look()
        except (CompanionError, TimeoutError) as error:
            _log.info("no sound yet: %s", error)
