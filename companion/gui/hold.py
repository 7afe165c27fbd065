"""When a key of talking goes down and comes up: key events in, the beginning and end of a hold out. Pure.

`step(state, input) -> (state, changes)`. Keys are told apart by the number they have on the keyboard, never by what they
write: Shift, Ctrl or another layout changes that in the middle of a hold. Three traps decide the rest. X11 repeats a held
key as a release and a press of the same moment, and marks them wrongly after the focus was away. A key-up may never come.
And whoever presses anew always begins anew.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from companion.frozen import Frozen

RELEASE_S = 0.04
"""A key is up when it did not come down again for so long."""
SAME_STAMP_S = 0.002
SAME_ARRIVAL_S = 0.012
"""A press so soon after a release of the same key is a repeat: nobody is that quick."""


class Change(StrEnum):
    DOWN = "down"
    UP = "up"
    LOST = "lost"
    """The hold is over, and nobody saw the key come up."""


class Pressed(Frozen):
    key: int
    """Its number on the keyboard."""
    at_s: float
    """When the event arrived."""
    stamp_s: float | None = None
    """When it happened, by the clock of the window system; None: it gives none."""
    is_repeat: bool = False
    """For certain. A mark that may be stale is no mark."""
    talks: bool = True
    """It means talking where the focus is."""


class Released(Frozen):
    key: int
    at_s: float
    stamp_s: float | None = None


class FocusLost(NamedTuple):
    """From here on a release goes to somebody else."""


class Tick(NamedTuple):
    """Time passed; due at `State.due_s`."""

    at_s: float


Input = Pressed | Released | FocusLost | Tick


class State(Frozen):
    held: int | None = None
    """The key whose release ends the hold: the one that was pressed last."""
    up_s: float | None = None
    """Since when it seems to be up."""
    last_up: Released | None = None

    @property
    def due_s(self) -> float | None:
        """When the next `Tick` is due."""
        return None if self.up_s is None else self.up_s + RELEASE_S


def step(state: State, given: Input) -> tuple[State, tuple[Change, ...]]:
    """What follows from `given`."""
    match given:
        case Pressed():
            return _pressed(state, given)
        case Released():
            is_up = given.key == state.held and state.up_s is None
            return replace(state, last_up=given, up_s=given.at_s if is_up else state.up_s), ()
        case FocusLost():
            return State(), (Change.LOST,) if state.held is not None else ()
        case Tick():
            if state.due_s is None or given.at_s < state.due_s:
                return state, ()
            return replace(state, held=None, up_s=None), (Change.UP,)


def _pressed(state: State, given: Pressed) -> tuple[State, tuple[Change, ...]]:
    is_repeat = given.is_repeat or _is_second_half(state.last_up, given)
    if given.key == state.held:
        if is_repeat or state.up_s is not None:
            return replace(state, up_s=None), ()
        if not given.talks:
            return replace(state, held=None), (Change.LOST,)
        return state, (Change.LOST, Change.DOWN)
    if is_repeat or not given.talks:
        return state, ()
    begins = () if state.held is not None else (Change.DOWN,)
    return replace(state, held=given.key, up_s=None), begins


def _is_second_half(last: Released | None, given: Pressed) -> bool:
    """Whether a release and this press are one repeat."""
    if last is None or last.key != given.key:
        return False
    if last.stamp_s is not None and given.stamp_s is not None:
        return abs(given.stamp_s - last.stamp_s) <= SAME_STAMP_S
    return given.at_s - last.at_s <= SAME_ARRIVAL_S
