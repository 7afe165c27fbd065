"""What happens around the app and matters to it: sleep, a locked screen, a clock that was set, another hour, a key.

In: what `awake` and `desktop` notice. Out: the engine's buttons, events. Event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from companion.app.awake import Awake, Clocks
from companion.app.desktop import Desktop, Ears, TalkKey
from companion.errors import CompanionError, Kind
from companion.events import GlobalKeyChanged, HandsFreeChanged, LocalTimeChanged, Note, Trouble
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    import asyncio

    from companion.app.companion import Companion
    from companion.days import When
    from companion.events import Event

LONG_S = 60.0
"""A shorter sleep is not worth a word when nothing was under way."""


class Surroundings:
    """One per app."""

    def __init__(self, app: Companion, clocks: Clocks | None = None) -> None:
        self._app = app
        self._awake = Awake(self._woke, self._clock_set, self._hour_changed, clocks or Clocks())
        ears = Ears(sleeps=self._sleeps, wakes=self._wakes, locks=self._locks, unlocks=self._unlocks)
        self._desktop = Desktop(ears)
        self._watching: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._was_busy = False
        self._hands_free = HandsFreeChanged(is_on=False)
        self._is_muted_by_lock = False
        self._is_key_wanted = False
        self.key: str | None = None
        """The desktop's name of the key that talks in every window; empty: it gives none; None: it was not asked."""
        self._stop_hearing: Callable[[], None] = lambda: None

    def open(self) -> None:
        self._stop_hearing = self._app.events.watch(self._hear)
        self._watching = spawn(self._awake.run(), name="watch the clocks")
        self._desktop.open()
        self.follow_settings()

    def follow_settings(self) -> None:
        """Asks the desktop for a key that talks in every window, or gives it back, as the settings say."""
        wanted = self._app.settings.talk.everywhere
        if wanted == self._is_key_wanted:
            return
        self._is_key_wanted = wanted
        self.key = None
        key = TalkKey(pressed=self._app.press_talk, released=self._app.release_talk, bound=self._bound)
        self._desktop.ask_for_key(key if wanted else None, self._app.settings.talk.everywhere_key)

    def look(self) -> None:
        """Compares the clocks now."""
        self._awake.look()

    async def close(self) -> None:
        self._stop_hearing()
        await stop(self._watching, self._renewing)
        await self._desktop.close()

    def _hear(self, event: Event) -> None:
        if isinstance(event, HandsFreeChanged):
            self._hands_free = event

    def _bound(self, words: str) -> None:
        self.key = words
        self._app.events.emit(GlobalKeyChanged(key=words))

    def _sleeps(self) -> None:
        self._was_busy = self._app.engine.slept() or self._was_busy

    def _wakes(self) -> None:
        self._awake.forget()
        self._woke(LONG_S)

    def _woke(self, seconds: float) -> None:
        was_busy, self._was_busy = self._app.engine.slept() or self._was_busy, False
        if self._renewing is None or self._renewing.done():
            self._renewing = spawn(self._app.renew_connections(), name="renew connections")
        if was_busy:
            self._app.events.emit(Trouble(error=CompanionError(Kind.SLEPT), turn=self._app.engine.state.turn))
        elif seconds >= LONG_S:
            self._app.events.emit(Note(text="Welcome back"))

    def _clock_set(self, seconds: float) -> None:
        self._app.events.emit(
            Note(text="The computer's clock was set; your words stay in the order in which you said them")
        )

    def _hour_changed(self, before: When, now: When) -> None:
        self._app.engine.tell_practice()  # its question follows the hour
        changed = LocalTimeChanged(
            is_other_day=now.day != before.day, is_other_zone=now.offset_s != before.offset_s
        )
        self._app.events.emit(changed)

    def _locks(self) -> None:
        self._app.engine.locked()
        if self._hands_free.is_on and not self._hands_free.is_muted:
            self._is_muted_by_lock = True
            self._app.mute(True)

    def _unlocks(self) -> None:
        if self._is_muted_by_lock:
            self._is_muted_by_lock = False
            self._app.mute(False)
