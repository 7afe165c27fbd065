"""Hands-free mode, the one owner of the open microphone: wishes in, turns for the engine and `HandsFreeChanged` out.

What is wanted (`want`, `mute`, `pause`, `resume`) is noted at once, by whoever calls. One task compares it with what is
and goes from the one to the other a step at a time, so the last wish wins, no two microphones are open at once, and after
`close` none is. The talk key keeps working: its takes are of a lent microphone, and hands-free waits until they are over.
Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

from companion.conversation.engine import Engine
from companion.conversation.own_voice import OwnVoice
from companion.errors import CompanionError, Kind
from companion.events import Event, Events, HandsFreeChanged, Trouble, TroubleCleared
from companion.flow import TurnSignal
from companion.kinds import Role
from companion.language import tr
from companion.ports import Ear, Microphone, Take
from companion.tasks import report, spawn, stop

AGAIN_S = 2.0
"""How often a microphone that went away is looked for."""
END_LIMIT_S = 1.0
"""How long the last turn of a microphone that was closed may take to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What decides which microphone is open and how it listens."""

    headphones: bool
    """The microphone does not hear the speaker."""
    microphone: str
    speaker: str


class HandsFree:
    """One per app."""

    def __init__(self, make_ear: Callable[[Wish], Ear], engine: Callable[[], Engine], events: Events) -> None:
        """Nothing is opened yet; `make_ear` opens nothing either."""
        self._make_ear, self._engine, self._events = make_ear, engine, events
        self._wish: Wish | None = None
        self._is_muted = False
        self._pauses: set[object] = set()
        self._has_failed = False
        """After an error nobody foresaw it is off, until somebody asks for it again."""
        self._is_closed = False

        self._ear: Ear | None = None
        self._ear_wish: Wish | None = None
        self._is_open = False
        self._listening: asyncio.Task[None] | None = None
        self._is_missing = False
        """The microphone is not there, and that was told."""
        self._waits = False
        """Until it is looked for again."""
        self._worker: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._rests = asyncio.Event()
        """No microphone is open, nor about to be."""
        self._rests.set()
        self._shown: HandsFreeChanged | None = None
        self._own_voice = OwnVoice()
        self._stop_watching: Callable[[], None] = lambda: None

    # -- wishes ---------------------------------------------------------------------------------------------

    def want(self, wish: Wish | None) -> None:
        """Listens this way from now on; None: not at all. Who is muted stays muted with another microphone."""
        if wish != self._wish:
            self._wish = wish
            self._is_muted = self._is_muted and wish is not None
            self._stop_watching()
            if wish is not None:
                self._stop_watching = self._events.watch(self._watch)
            self._asked()

    def mute(self, is_muted: bool) -> None:
        """Closes the microphone and nothing else, or opens it again; after a failure either way opens it."""
        self._is_muted = is_muted and not self._has_failed
        self._asked()

    def try_again(self) -> bool:
        """After a failure, or where the microphone is missing: now. False: neither is so."""
        is_needed = self._has_failed or self._is_missing
        if is_needed:
            self._asked()
        return is_needed

    @property
    def is_open(self) -> bool:
        """The microphone is open by itself."""
        return self._is_open

    def pause(self, reason: object) -> None:
        """Hears nothing until `resume` with the same reason; others may hold it longer."""
        self._pauses.add(reason)
        self._changed()

    def resume(self, reason: object) -> None:
        self._pauses.discard(reason)
        self._changed()

    def lend(self, microphone: Microphone) -> Microphone:
        """The same microphone for takes of their own: while one is open, hands-free is paused."""
        return _Lent(self, microphone)

    async def rest(self) -> None:
        """Returns once no microphone is open; call `pause` before."""
        await self._rests.wait()

    async def close(self) -> None:
        """Closes the microphone for good. Idempotent."""
        self._is_closed = True
        self._stop_watching()
        self._changed()
        if self._worker is not None:
            await asyncio.wait([self._worker])

    # -- from what is to what is wanted ---------------------------------------------------------------------

    @property
    def _goal(self) -> Wish | None:
        """The microphone that is wanted open now."""
        is_held = self._is_muted or self._pauses or self._has_failed or self._is_closed
        return None if is_held else self._wish

    def _asked(self) -> None:
        self._has_failed = self._is_missing = False
        self._changed()

    def _changed(self) -> None:
        self._waits = False
        self._news.set()
        if self._worker is None and self._wish is not None and not self._is_closed:
            self._worker = spawn(self._work(), name="hands-free")

    async def _work(self) -> None:
        while not (self._is_closed and self._ear is None):
            self._news.clear()
            try:
                is_done = await self._step()
            except CompanionError as error:
                await self._lose(error)
            except Exception as error:  # noqa: BLE001 - told, and listening is off until somebody asks again
                self._fail(error)
            else:
                self._show()
                if is_done:
                    await self._next_news()
        self._show()

    async def _step(self) -> bool:
        """One step towards what is wanted; True: nothing is left to do."""
        goal, listening = self._goal, self._listening
        if self._ear is not None and (self._ear_wish != self._wish or self._has_failed or self._is_closed):
            await self._drop(self._ear)
        elif listening is not None and listening.done():
            self._listening = None
            listening.result()
            raise CompanionError(Kind.MICROPHONE_LOST)
        elif self._is_open and goal is None:
            await self._shut()
        elif goal is not None and not self._is_open and not self._waits:
            await self._open(goal)
        else:
            return True
        return False

    async def _next_news(self) -> None:
        """Until something changes, or a missing microphone is to be looked for again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S if self._waits else None):
                await self._news.wait()
        self._waits = False

    async def _open(self, goal: Wish) -> None:
        """Opens the microphone, unless it is wanted no longer before it is open."""
        if self._ear is None:
            self._ear, self._ear_wish = self._make_ear(goal), goal
        ear = self._ear
        self._rests.clear()
        self._is_open = True
        opening = spawn(self._open_and_show(ear), name="open the microphone", is_awaited=True)
        opening.add_done_callback(lambda _: self._news.set())
        while not opening.done() and self._goal == goal:
            self._news.clear()
            await self._news.wait()
        await stop(opening)
        error = None if opening.cancelled() else opening.exception()
        if self._goal != goal:
            _report_unforeseen(error)
            await self._shut()
            return
        if error is not None:
            raise error
        if self._listening is None:
            self._listening = spawn(self._listen(ear), name="listen", is_awaited=True)
            self._listening.add_done_callback(lambda _: self._news.set())
        if self._is_missing:
            self._is_missing = False
            self._events.emit(TroubleCleared(role=Role.HEARS))

    async def _open_and_show(self, ear: Ear) -> None:
        """Nobody else has a turn between the two: where it is open, it is shown."""
        await ear.open()
        self._show()

    async def _shut(self) -> None:
        """Closes the device; a turn under way ends, and is told."""
        if self._ear is not None:
            await self._ear.mute()
        self._is_open = False
        self._rests.set()

    async def _drop(self, ear: Ear) -> None:
        """Closes the microphone for good."""
        try:
            await ear.close()
            if self._listening is not None:
                await asyncio.wait([self._listening], timeout=END_LIMIT_S)
        except Exception as error:  # noqa: BLE001 - it is given up all the same
            report(error)
        listening, self._listening = self._listening, None
        await stop(listening)
        if listening is not None and not listening.cancelled():
            _report_unforeseen(listening.exception())
        self._ear = self._ear_wish = None
        self._is_open = False
        self._rests.set()

    async def _lose(self, error: CompanionError) -> None:
        """The microphone is not there: told once, and looked for again."""
        try:
            await self._shut()
        except Exception as unforeseen:  # noqa: BLE001 - as in `_work`
            self._fail(unforeseen)
            return
        if not self._is_missing:
            self._events.emit(Trouble(error=error, role=Role.HEARS))
        self._is_missing = self._waits = True

    def _fail(self, error: Exception) -> None:
        self._has_failed = True
        report(error)
        told = CompanionError(
            Kind.INTERNAL,
            tr("Hands-free stopped because of an error inside Companion."),
            hint=tr("Try again, or press Ctrl+M, to listen again. The details are in the log."),
            cause=error,
        )
        self._events.emit(Trouble(error=told, role=Role.HEARS))

    def _show(self) -> None:
        """Says what is; only when it has changed."""
        is_held = self._wish is not None and (self._is_muted or bool(self._pauses))
        is_on = self._is_open or (is_held and not (self._has_failed or self._is_missing or self._is_closed))
        now = HandsFreeChanged(
            is_on=is_on,
            is_muted=is_on and self._is_muted and not self._is_open,
            is_paused=is_on and bool(self._pauses) and not self._is_open,
            cancels_echo=self._ear is None or self._ear.cancels_echo,
        )
        if now != self._shown:
            self._shown = now
            self._events.emit(now)

    # -- turns ----------------------------------------------------------------------------------------------

    async def _listen(self, ear: Ear) -> None:
        utterance: Take | None = None
        try:
            async with aclosing(ear.signals()) as signals:
                async for heard in signals:
                    if heard.signal is not TurnSignal.STARTED:
                        self._engine().speech_changed(heard.utterance, heard.signal, heard.at_s)
                    elif self._goal != self._ear_wish or not self._engine().speech_began(heard.utterance):
                        await heard.utterance.close()
                    else:
                        utterance = heard.utterance
                        self._own_voice.turn_began(heard.at_s)
        finally:
            if utterance is not None and utterance.is_open:  # an error: the turn does not wait for its end
                await utterance.close()
                self._engine().speech_changed(utterance, TurnSignal.ENDED, time.monotonic())

    def _watch(self, event: Event) -> None:
        if self._own_voice.hears_itself(event) and not self._is_muted:
            self.mute(True)
            self._events.emit(Trouble(error=CompanionError(Kind.HEARS_ITSELF), role=Role.HEARS))


def _report_unforeseen(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, CompanionError):
        report(error)


class _Lent:
    """A microphone that is opened only after the one of hands-free is closed."""

    def __init__(self, owner: HandsFree, microphone: Microphone) -> None:
        self._owner, self._microphone = owner, microphone

    async def open(self) -> Take:
        reason = object()
        self._owner.pause(reason)
        try:
            await self._owner.rest()
            return _LentTake(await self._microphone.open(), lambda: self._owner.resume(reason))
        except BaseException:
            self._owner.resume(reason)
            raise


class _LentTake:
    """A take that gives the microphone back when it is closed."""

    def __init__(self, take: Take, give_back: Callable[[], None]) -> None:
        self._take, self._give_back = take, give_back

    @property
    def is_open(self) -> bool:
        return self._take.is_open

    @property
    def level_db(self) -> float:
        return self._take.level_db

    @property
    def dropped_frames(self) -> int:
        return self._take.dropped_frames

    @property
    def is_silent(self) -> bool:
        return self._take.is_silent

    def frames(self) -> AsyncGenerator[bytes, None]:
        return self._take.frames()

    async def close(self) -> None:
        try:
            await self._take.close()
        finally:
            self._give_back()
