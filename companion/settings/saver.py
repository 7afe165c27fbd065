"""Changes on their way to settings.yaml: one write at a time, none lost. Belongs to the loop's thread.

What is changed while a write is under way goes with the next one; what could not be written stays wanted, and goes with
the next write too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from companion.errors import CompanionError
from companion.paths import Home
from companion.settings.field import Value
from companion.settings.layers import save
from companion.settings.tree import checked
from companion.tasks import detached

_log = logging.getLogger(__name__)


class Saver:
    """The one writer of settings.yaml in an app.

    Args:
        write: puts values by dotted name on disk; blocking.
    """

    def __init__(self, home: Home, *, write: Callable[[Home, Mapping[str, object]], None] = save) -> None:
        self._home, self._write = home, write
        self._unsaved: dict[str, Value | None] = {}
        self._turn = asyncio.Lock()

    @property
    def unsaved(self) -> Mapping[str, Value | None]:
        """What holds in this run and is not on disk."""
        return self._unsaved

    async def save(self, changes: Mapping[str, object]) -> None:
        """Returns once `changes` are on disk; the last value of a name wins.

        Raises:
            CompanionError: SETTINGS_UNSAVED; they stay wanted.
        """
        self.want(changes)
        await self.save_again()

    def want(self, changes: Mapping[str, object]) -> None:
        """`changes` go with the next write.

        Raises:
            CompanionError: SETTINGS_UNSAVED for a value no field takes; nothing is wanted then.
        """
        self._unsaved |= checked(changes)

    async def save_again(self) -> None:
        """Returns once all that was wanted is on disk.

        Raises:
            CompanionError: SETTINGS_UNSAVED.
        """
        await detached(self._save_in_turn(), name="save settings")

    async def close(self) -> None:
        """What is being written is on disk, and the rest is tried a last time. Never raises."""
        try:
            await self.save_again()
        except CompanionError as error:
            _log.info("%s", error.kind)

    async def _save_in_turn(self) -> None:
        async with self._turn:
            written = dict(self._unsaved)
            if not written:
                return
            await asyncio.to_thread(self._write, self._home, written)
            for name, value in written.items():
                if self._unsaved.get(name, written) == value:  # not changed again meanwhile
                    del self._unsaved[name]
