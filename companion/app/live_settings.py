"""The settings of this run: another value holds at once, whoever depends on it follows, and one writer saves it.

Belongs to the loop's thread; made without asyncio, because the first frame waits for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from companion import tasks
from companion.events import Events, SettingsChanged
from companion.settings import Settings, changed, load_settings

if TYPE_CHECKING:
    from companion.paths import Home
    from companion.settings.saver import Saver

Followers = Callable[[Settings], Iterator[Callable[[], object]]]
"""Told the settings before; what is to be done one after the other, some of it awaited."""


class LiveSettings:
    """One per app."""

    def __init__(self, home: Home, events: Events, followers: Followers) -> None:
        self.loaded = load_settings(home)
        self.now: Settings = self.loaded.settings
        self._home, self._events, self._followers = home, events, followers

    @cached_property
    def saver(self) -> Saver:
        from companion.settings.saver import Saver

        return Saver(self._home)

    async def change(self, changes: Mapping[str, object]) -> None:
        """Switches live and returns once all is on disk.

        Raises:
            CompanionError: SETTINGS_UNSAVED; a valid value then holds for this run, and goes with the next write.
        """
        before, self.now = self.now, changed(self.now, changes)
        self.saver.want(changes)
        saving = tasks.spawn(self.saver.save_again(), name="save settings", is_awaited=True)
        try:
            self._events.emit(SettingsChanged(names=tuple(changes)))
            for follow in self._followers(before):
                await _safely(follow)
        finally:
            await saving

    async def close(self) -> None:
        """What is wanted is on disk, where the disk takes it. Never raises."""
        await self.saver.close()


async def _safely(follow: Callable[[], object]) -> None:
    """A fault of one is reported and stops none of the others."""
    try:
        waiting = follow()
        if inspect.isawaitable(waiting):
            await waiting
    except Exception as error:  # noqa: BLE001 - reported
        tasks.report(error)
