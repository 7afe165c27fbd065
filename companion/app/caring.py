"""Care at the edge: the country, the person they trust, and the notices of `companion.care.notices` as events are due.

What is kept of use is one small file of two figures, and none where nothing of a run is kept. Event loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from companion.events import Event, ProgramNoted, TurnFinished, UserSaid
from companion.language import tr
from companion.paths import write_atomically
from companion.places import read_notes
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from companion.care.notices import Clockwork, Due
    from companion.events import Events
    from companion.flow import Help
    from companion.settings.declared import Care

_log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def _here() -> str:
    from companion.app.region import system_region

    return system_region()


def help_of(care: Care) -> Help:
    """Who can be reached where the person is."""
    from companion.care import help as lines

    return lines.find(care.region or _here())


class Caring:
    """One per app."""

    def __init__(
        self, events: Events, care: Callable[[], Care], folder: Path, is_kept: Callable[[], bool]
    ) -> None:
        """`folder`: where the time of use is kept; `is_kept()`: False while nothing of a run goes to disk."""
        self._events, self._care, self._is_kept = events, care, is_kept
        self._file = folder / "use.json"
        self._clockwork: Clockwork | None = None
        self._unwatch: Callable[[], None] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    def help(self) -> tuple[Help, str]:
        """(who can be reached, whom they trust)."""
        return help_of(self._care()), self._care().trusted_person.strip()

    def open(self, *, is_told: bool = False) -> None:
        """The window is there: gets ready in a thread what the first words need, and gives the first notice.

        `is_told`: the page that is shown says that this is a program.
        """
        from companion import care

        self._warming = spawn(asyncio.to_thread(care.warm), name="get care ready")
        self._clockwork = self._kept()
        self._unwatch = self._events.watch(self._follow)
        due = self._clockwork.begin()
        if not is_told:
            self._tell(due)
        if self._is_kept():  # told once, also where this run does not end well
            self._keeping = spawn(asyncio.to_thread(self._keep, self._clockwork), name="keep the time of use")

    async def close(self) -> None:
        """What was used is kept. Never raises."""
        await stop(self._warming)
        if self._keeping is not None:
            await asyncio.wait([self._keeping])
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if self._clockwork is not None and self._is_kept():
            await asyncio.to_thread(self._keep, self._clockwork)

    def _follow(self, event: Event) -> None:
        if isinstance(event, UserSaid | TurnFinished) and self._clockwork is not None:
            self._tell(self._clockwork.use(asyncio.get_running_loop().time()))

    def _tell(self, due: tuple[Due, ...]) -> None:
        for each in due:
            self._events.emit(ProgramNoted(text=tr(each.value)))

    def _kept(self) -> Clockwork:
        from companion.care.notices import EVERY_S, Clockwork

        try:
            found = read_notes(self._file)
            since_s = float(found.get("since_told_s", 0.0))
            return Clockwork(
                has_begun=found.get("has_begun") is True, since_told_s=min(max(since_s, 0.0), EVERY_S)
            )
        except (ValueError, TypeError):
            return Clockwork()  # the notice is given once more

    def _keep(self, clockwork: Clockwork) -> None:
        kept = {"has_begun": clockwork.has_begun, "since_told_s": round(clockwork.since_told_s)}
        try:
            write_atomically(self._file, json.dumps(kept).encode())
        except OSError as error:
            _log.warning("the time of use could not be kept: %s", error)
