"""What happens around the app and matters to it: sleep, a locked screen, a clock that was set, another hour, a key.

In: what `awake` and `desktop` notice. Out: the engine's buttons, events. Event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from companion.app.awake import Awake, Clocks
from companion.app.desktop import Desktop, Ears, TalkKey
from companion.errors import CompanionError, Kind
from companion.events import GlobalKeyChanged, LocalTimeChanged, Note, Trouble
from companion.language import tr
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    import asyncio

    from companion.conversation.engine import Engine
    from companion.days import When
    from companion.events import Events
    from companion.settings.declared import Talk

LONG_S = 60.0
"""A shorter sleep is not worth a word when nothing was under way."""


class Surroundings:
    """One per app.

    Args:
        engine: the one of now.
        talk: the settings of talking.
        press: the key of the desktop went down.
        release: it came up.
        pause: hands-free hears nothing, for this reason.
        resume: that reason is over.
        renew: connections that were open before the computer slept are gone.
        lock: the screen was locked, or the computer sleeps.
    """

    def __init__(
        self,
        events: Events,
        *,
        engine: Callable[[], Engine],
        talk: Callable[[], Talk],
        press: Callable[[], None],
        release: Callable[[], None],
        pause: Callable[[str], None],
        resume: Callable[[str], None],
        renew: Callable[[], Coroutine[Any, Any, None]],
        lock: Callable[[], None],
        clocks: Clocks | None = None,
    ) -> None:
        self._events, self._engine, self._talk = events, engine, talk
        self._press, self._release, self._renew = press, release, renew
        self._pause, self._resume, self._lock = pause, resume, lock
        self._awake = Awake(self._woke, self._clock_set, self._hour_changed, clocks or Clocks())
        ears = Ears(sleeps=self._sleeps, wakes=self._wakes, locks=self._locks, unlocks=self._unlocks)
        self._desktop = Desktop(ears)
        self._watching: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._was_busy = False
        self._is_key_wanted = False
        self.key: str | None = None
        """The desktop's name of the key that talks in every window; empty: it gives none; None: it was not asked."""

    def open(self) -> None:
        self._watching = spawn(self._awake.run(), name="watch the clocks")
        self._desktop.open()
        self.follow_settings()

    def follow_settings(self) -> None:
        """Asks the desktop for a key that talks in every window, or gives it back, as the settings say."""
        wanted = self._talk().everywhere
        if wanted == self._is_key_wanted:
            return
        self._is_key_wanted = wanted
        self.key = None
        key = TalkKey(pressed=self._press, released=self._release, bound=self._bound)
        self._desktop.ask_for_key(key if wanted else None, self._talk().everywhere_key)

    def look(self) -> None:
        """Compares the clocks now."""
        self._awake.look()

    async def notify(self, text: str, pressed: Callable[[], None]) -> bool:
        """Shows a notification of the desktop; False: it shows none."""
        return await self._desktop.notify(text, pressed)

    async def close(self) -> None:
        await stop(self._watching, self._renewing)
        await self._desktop.close()

    def _bound(self, words: str) -> None:
        self.key = words
        self._events.emit(GlobalKeyChanged(key=words))

    def _sleeps(self) -> None:
        self._was_busy = self._engine().slept() or self._was_busy
        self._pause("asleep")
        self._lock()

    def _wakes(self) -> None:
        self._awake.forget()
        self._woke(LONG_S)

    def _woke(self, seconds: float) -> None:
        was_busy, self._was_busy = self._engine().slept() or self._was_busy, False
        if seconds >= LONG_S:  # where nobody tells that the computer goes to sleep
            self._lock()
        self._resume("asleep")
        if self._renewing is None or self._renewing.done():
            self._renewing = spawn(self._renew(), name="renew connections")
        if was_busy:
            self._events.emit(Trouble(error=CompanionError(Kind.SLEPT), turn=self._engine().state.turn))
        elif seconds >= LONG_S:
            self._events.emit(Note(text=tr("Welcome back")))

    def _clock_set(self, seconds: float) -> None:
        self._events.emit(
            Note(text=tr("The computer's clock changed; your words stay in the order you said them"))
        )

    def _hour_changed(self, before: When, now: When) -> None:
        self._engine().tell_practice()  # its question follows the hour
        changed = LocalTimeChanged(
            is_other_day=now.day != before.day, is_other_zone=now.offset_s != before.offset_s
        )
        self._events.emit(changed)

    def _locks(self) -> None:
        self._engine().locked()
        self._pause("the screen is locked")
        self._lock()

    def _unlocks(self) -> None:
        self._resume("the screen is locked")
