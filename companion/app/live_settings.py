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
from companion.settings import Settings, changed, load_settings, value_of

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
        self._stamp = _stamp(home)

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
            await self._tell(before, tuple(changes))
        finally:
            await saving

    async def take_up(self) -> None:
        """What another hand changed in the file holds from now on; a file with a fault waits until it is mended.

        The rest stays as it is: what holds for this run only, and what was chosen here though a variable says otherwise.
        """
        stamp, before = _stamp(self._home), self.now
        if stamp == self._stamp or self.saver.unsaved:
            return
        from asyncio import to_thread

        loaded = await to_thread(load_settings, self._home, may_move=False)
        if self.now is not before:  # changed here meanwhile: next time
            return
        self._stamp = stamp
        if loaded.problems:
            return
        last, self.loaded = self.loaded, loaded
        read = {name: value_of(loaded.settings, name) for name in (*last.sources, *loaded.sources)}
        changes = {
            name: value
            for name, value in read.items()
            if value not in (value_of(last.settings, name), value_of(before, name))
        }
        if changes:
            self.now = changed(before, changes)
            await self._tell(before, tuple(changes))

    async def _tell(self, before: Settings, names: tuple[str, ...]) -> None:
        self._events.emit(SettingsChanged(names=names))
        for follow in self._followers(before):
            await _safely(follow)

    async def close(self, *, is_kept: bool) -> None:
        """What is wanted is on disk, where the disk takes it; with what it means, where traces are kept. Never raises."""
        await self.saver.close()
        if is_kept:
            import asyncio

            await asyncio.to_thread(_keep, self._home)


def _keep(home: Home) -> None:
    from companion.settings.read_before import READ_BEFORE, keep

    if not load_settings(home, may_move=False).problems:  # a key that was put there is not written down twice
        keep(home.settings, home.state / READ_BEFORE)


def _stamp(home: Home) -> tuple[int, int] | None:
    """What changes with the file; None: there is none that can be read."""
    try:
        known = home.settings.stat()
    except OSError:
        return None
    return known.st_mtime_ns, known.st_size


async def _safely(follow: Callable[[], object]) -> None:
    """A fault of one is reported and stops none of the others."""
    try:
        waiting = follow()
        if inspect.isawaitable(waiting):
            await waiting
    except Exception as error:  # noqa: BLE001 - reported
        tasks.report(error)
