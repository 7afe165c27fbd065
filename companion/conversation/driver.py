"""Drives the turn machine: buttons in, its commands out, a timer for its deadlines. Runs on the event loop's thread.

`Engine` carries the commands out; how the machine is fed and woken is here once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from companion.conversation import turn as machine
from companion.conversation.live_turn import LiveTurn
from companion.conversation.written_answer import TurnProviders
from companion.errors import CompanionError, Kind
from companion.events import Events, Mark, PhaseChanged
from companion.flow import Help, Role, Usage
from companion.ports import Gate, Journal, Microphone, Player, SpeechToSpeech
from companion.tasks import spawn

T = TypeVar("T")


async def _nobody() -> SpeechToSpeech:
    raise CompanionError(Kind.PROVIDER_UNKNOWN)


def _anywhere() -> tuple[Help, str]:
    from companion.care.help import find

    return find(""), ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organs:
    """What an engine works with. Functions, because a choice may change between two turns."""

    microphone: Callable[[], Microphone]
    player: Callable[[], Player]
    gate: Callable[[], Gate]
    journal: Callable[[], AbstractAsyncContextManager[Journal]]
    """The journal that is open, in memory where none could be; nothing is moved while it is used."""
    providers: Callable[[frozenset[Role]], TurnProviders]
    """Who has which role in this turn; the roles named stay on this computer, whatever is chosen."""
    limits: Callable[[], machine.Limits]
    review_first: Callable[[], bool]
    """Whether a transcript waits in the composer before it is sent."""
    voice_choice: Callable[[], Hashable] = lambda: None
    """Which voice model hears and answers in one go; None: recogniser, model and voice are three."""
    voice_model: Callable[[], Awaitable[SpeechToSpeech]] = _nobody
    """The one that is chosen."""
    voice_cost_usd: Callable[[str, Usage], float | None] = lambda *_: None
    """What an answer of "provider/model" cost."""
    help: Callable[[], tuple[Help, str]] = _anywhere
    """Who can be reached where the person is, and whom they trust, if they said so. Care itself cannot be left out."""


class Driver:
    """One machine at work. `press`, `release`, `focus_lost`, `cancel` and `submit` are its buttons."""

    def __init__(self, organs: Organs, events: Events) -> None:
        self.state = machine.State()
        self.events = events
        self._organs = organs
        self._turn: LiveTurn | None = None
        self._timer: asyncio.TimerHandle | None = None

    def press(self) -> None:
        self._feed(machine.Press())

    def release(self) -> None:
        self._feed(machine.Release())

    def focus_lost(self) -> None:
        self._feed(machine.FocusLost())

    def toggle(self) -> None:
        """Begins a take that goes on by itself, or ends the one that is open."""
        self._feed(machine.Toggle())

    def locked(self) -> None:
        """Nobody is at the computer any more: an open take ends."""
        self._feed(machine.Locked())

    def cancel(self) -> None:
        """Throws a take away, or stops an answer."""
        self._feed(machine.Cancel())

    def hush(self) -> None:
        """Silences an answer and finishes a take: something else wants to be heard or seen. No word is lost."""
        self._feed(machine.Hush())

    def submit(self, text: str) -> bool:
        """Sends typed words; False while a take is under way, so that the composer keeps them."""
        before = self.state.turn
        if text.strip():
            self._feed(machine.Submit(text.strip()))
        return self.state.turn != before

    def _carry_out(self, command: machine.Command) -> None:
        raise NotImplementedError

    def _phase_changed(self) -> None:
        """The machine stands elsewhere, and everybody was told."""

    def _broke(self, turn: LiveTurn) -> None:
        self._feed(machine.Broken(turn.number))

    def _feed(self, given: machine.Input) -> None:
        before, now_s = self.state, asyncio.get_running_loop().time()
        self.state, commands = machine.step(before, given, now_s, self._organs.limits())
        if self._turn is not None and self.state.closing_s is not None and before.closing_s is None:
            self._turn.mark(Mark.RELEASED, again=True)
        for command in commands:
            self._carry_out(command)
        now = self.state
        if (now.phase, now.turn, now.latched) != (before.phase, before.turn, before.latched):
            self.events.emit(PhaseChanged(turn=now.turn, phase=now.phase, latched=now.latched))
            self._phase_changed()
        self._wake()

    def _wake(self) -> None:
        self._stop_timer()
        at, loop = self.state.wake_s, asyncio.get_running_loop()
        self._timer = loop.call_at(at, self._feed, machine.Tick()) if at is not None else None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _work(self, turn: LiveTurn, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Starts work for a turn. An error nobody foresaw is reported and ends the turn, never leaves it hanging."""

        def ended(task: asyncio.Task[T]) -> None:
            if not task.cancelled() and task.exception() is not None:
                self._broke(turn)

        task = spawn(work, name=name)
        task.add_done_callback(ended)
        return task
