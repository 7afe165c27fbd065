"""Locks the app: the journal closed, the microphone off, no word of it left on screen; and opens it again.

By hand, after some minutes without use, with the screen, and when the computer sleeps. What is under way is kept as far as
it came, as for sleep; the reflection is gone on with afterwards. Event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from companion.app.archive import Place
from companion.errors import CompanionError
from companion.events import Event, Events, LockChanged, Phase, PhaseChanged, Trouble
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from companion.app.archive import Archive
    from companion.conversation.engine import Engine
    from companion.conversation.handsfree import HandsFree
    from companion.settings.declared import Journal

SETTLE_S = 3.0
"""Longest wait for what was under way to be kept."""
_REASON = "locked"
_SHORTEST_LOOK_S = 1.0
_TAKE = (Phase.ARMING, Phase.LISTENING, Phase.TRANSCRIBING)


class Lock:
    """One per app.

    Args:
        engine: the one of now; it is asked only while the app is in use.
        settings: of the journal.
        hush: silences everything that sounds.
        hands_free: which hears nothing meanwhile.
        forget: drops what was worked out from the journal.
        go_on: takes a reflection up again, by its id.
    """

    def __init__(
        self,
        events: Events,
        *,
        archive: Archive,
        engine: Callable[[], Engine],
        settings: Callable[[], Journal],
        hush: Callable[[], None],
        hands_free: Callable[[], HandsFree],
        forget: Callable[[], None],
        go_on: Callable[[int], Awaitable[bool]],
    ) -> None:
        self._events, self._archive, self._engine, self._settings = events, archive, engine, settings
        self._hush, self._hands_free = hush, hands_free
        self._forget, self._go_on = forget, go_on
        self.put_away: Callable[[], Awaitable[None]] | None = None
        """Keeps what the window holds and nobody has sent, while the journal is still open."""
        self.is_locked = False
        self._opens_with = ""
        self._session: int | None = None
        self._locking: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._used_at = 0.0
        self._unwatch = events.watch(self._watch)

    def open(self) -> None:
        """Watches whether the app is used."""
        self._loop = asyncio.get_running_loop()
        self.touched()
        self._watching = spawn(self._look(), name="watch for idleness")

    async def close(self) -> None:
        self._unwatch()
        await stop(self._watching)
        if self._locking is not None:
            await asyncio.wait([self._locking])

    def touched(self) -> None:
        """The person did something."""
        if self._loop is not None:
            self._used_at = self._loop.time()

    def lock(self) -> bool:
        """At once; False where there is no journal yet."""
        if self.is_locked:
            return True
        if not self._archive.storage:
            return False
        self.is_locked = True
        self._opens_with = self._archive.storage
        self._hands_free().pause(_REASON)
        self._hush()
        self.tell()
        before = self._locking
        self._locking = spawn(self._lock(before), name="lock")
        return True

    def lock_with_screen(self) -> None:
        """The screen was locked, or the computer goes to sleep."""
        if self._settings().lock_with_screen and self._protects:
            self.lock()

    async def unlock(self, passphrase: str = "") -> None:
        """With a passphrase, or with the keyring where none is given.

        Raises:
            CompanionError: WRONG_PASSPHRASE and all that opening can raise; it stays locked then.
        """
        if self._locking is not None:
            await asyncio.wait([self._locking])
        if not self.is_locked:
            return
        await self._archive.unlock(passphrase)
        if self._archive.is_locked:  # it was locked again meanwhile
            return
        self.is_locked = False
        session, self._session = self._session, None
        self._hands_free().resume(_REASON)
        self.touched()
        self._events.emit(LockChanged(is_locked=False))
        if session is not None:
            try:
                await self._go_on(session)
            except CompanionError as error:
                self._events.emit(Trouble(error=error))

    def tell(self) -> None:
        """Emits that it is locked, for who asks for something that needs it open."""
        self._events.emit(LockChanged(is_locked=True, opens_with=self._opens_with))

    # -- inside ---------------------------------------------------------------------------------------------

    @property
    def _protects(self) -> bool:
        """There is something on disk that is open."""
        return self._archive.place is Place.OPEN

    async def _lock(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        if self.put_away is not None:
            await self.put_away()
        engine = self._engine()
        if engine.state.phase in _TAKE:
            engine.hush()  # the take is over; its words are waited for, else its recording waits
            if engine.state.phase in _TAKE:
                await self._heard()
        engine.slept()
        await self._settled(engine)
        self._session = engine.history[-1].session_id if engine.history else None
        engine.begin(engine.practice)
        await self._settled(engine)
        self._forget()
        await self._archive.lock()

    async def _heard(self) -> None:
        """Returns when no take is under way any more, or after a while."""
        is_over = asyncio.Event()

        def note(event: Event) -> None:
            if isinstance(event, PhaseChanged) and event.phase not in _TAKE:
                is_over.set()

        unwatch = self._events.watch(note)
        try:
            async with asyncio.timeout(SETTLE_S):
                await is_over.wait()
        except TimeoutError:
            pass  # the recording waits for its words
        finally:
            unwatch()

    async def _settled(self, engine: Engine) -> None:
        await asyncio.wait([spawn(engine.settle(), name="settle")], timeout=SETTLE_S)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            after_s = 60.0 * self._settings().lock_after_min
            if self._is_busy:
                self.touched()
            rest_s = self._used_at + after_s - loop.time()
            if after_s and rest_s <= 0 and self._protects:
                self.lock()
                rest_s = after_s
            await asyncio.sleep(min(60.0, max(_SHORTEST_LOOK_S, rest_s if after_s else 60.0)))

    @property
    def _is_busy(self) -> bool:
        return self._engine().state.phase is not Phase.READY or self._hands_free().is_open

    def _watch(self, event: Event) -> None:
        if isinstance(event, PhaseChanged) and self._watching is not None:
            self.touched()
