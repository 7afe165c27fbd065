"""Drives the turn machine: buttons in, its commands out, a timer for its deadlines. Runs on the event loop's thread.

`Engine` carries the commands out; how the machine is fed and woken is here once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from companion.conversation import turn as machine
from companion.conversation.live_turn import LiveTurn
from companion.conversation.organs import Organs
from companion.events import Events, Mark, PhaseChanged
from companion.tasks import spawn

T = TypeVar("T")


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

    def read_on(self) -> None:
        """The voice falls silent; the answer goes on, to be read."""
        self._feed(machine.Hush(reads_on=True))

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
