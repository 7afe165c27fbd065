"""The hold of a key, as a table and against a keyboard that lies: repeats, wrong marks, releases nobody delivers."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from companion.gui.hold import (
    RELEASE_S,
    Change,
    FocusLost,
    Input,
    Pressed,
    Released,
    State,
    Tick,
    step,
)
from companion.gui.positions import alive, is_same_place

A, B = 10, 65
DOWN, UP, LOST = Change.DOWN, Change.UP, Change.LOST


def down(key: int, at_s: float, *, is_repeat: bool = False, talks: bool = True) -> Pressed:
    return Pressed(key=key, at_s=at_s, stamp_s=at_s, is_repeat=is_repeat, talks=talks)


def up(key: int, at_s: float) -> Released:
    return Released(key=key, at_s=at_s, stamp_s=at_s)


def play(*given: Input) -> list[Change]:
    state, told = State(), []
    for each in given:
        state, changes = step(state, each)
        told += changes
    return told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param((down(A, 0), up(A, 1), Tick(1 + RELEASE_S)), [DOWN, UP], id="held and let go"),
        pytest.param((down(A, 0), up(A, 1), Tick(1.01)), [DOWN], id="a release counts when no press follows"),
        pytest.param(
            (down(A, 0), up(A, 0.7), down(A, 0.7), up(A, 0.74), down(A, 0.74), Tick(0.9)),
            [DOWN],
            id="repeated as release and press of one moment",
        ),
        pytest.param(
            (
                down(A, 0),
                up(A, 0.7),
                Pressed(key=A, at_s=0.9, stamp_s=0.7),
                up(A, 0.95),
                Tick(0.95 + RELEASE_S),
            ),
            [DOWN, UP],
            id="whose second half arrives late",
        ),
        pytest.param(
            (down(A, 0), down(A, 0.7, is_repeat=True), down(A, 0.74, is_repeat=True), up(A, 1), Tick(1.1)),
            [DOWN, UP],
            id="repeated as marked presses",
        ),
        pytest.param((down(A, 0), up(B, 1), Tick(1.1)), [DOWN], id="another key comes up"),
        pytest.param(
            (down(A, 0), FocusLost(), up(A, 1), down(A, 2), up(A, 3), Tick(3.1)),
            [DOWN, LOST, DOWN, UP],
            id="the focus goes and comes back",
        ),
        pytest.param(
            (down(A, 0), FocusLost(), up(A, 1), down(A, 1), up(A, 1.04), down(A, 1.04), Tick(1.2)),
            [DOWN, LOST],
            id="still held when the focus is back: nothing begins by itself",
        ),
        pytest.param(
            (up(A, 1), down(A, 1), up(A, 1.04), down(A, 1.04)), [], id="pressed before it was here to be seen"
        ),
        pytest.param(
            (down(A, 0), down(A, 3), up(A, 4), Tick(4.1)),
            [DOWN, LOST, DOWN, UP],
            id="a key-up that never came: the next press begins anew",
        ),
        pytest.param(
            (down(A, 0), down(A, 3, talks=False), up(A, 4), Tick(4.1)),
            [DOWN, LOST],
            id="and ends the hold where it means something else",
        ),
        pytest.param(
            (down(A, 0), down(B, 1), up(A, 2), Tick(2.1), up(B, 3), Tick(3.1)),
            [DOWN, UP],
            id="two keys: the last one pressed decides",
        ),
        pytest.param(
            (down(A, 0), down(B, 1), up(B, 2), Tick(2.1), up(A, 3), down(A, 3), Tick(3.1)),
            [DOWN, UP],
            id="and the other one, repeated, begins nothing",
        ),
        pytest.param((down(A, 0, talks=False), up(A, 1), Tick(1.1)), [], id="typed, not talked with"),
        pytest.param(
            (down(A, 0), down(B, 1, talks=False), up(B, 2), up(A, 3), Tick(3.1)),
            [DOWN, UP],
            id="a key that means nothing, pressed meanwhile",
        ),
    ],
)
def test_what_a_hold_is(given: tuple[Input, ...], told: list[Change]) -> None:
    assert play(*given) == told


class Keyboard:
    """Fingers on keys, and what a window system makes of them: repeats, a focus that goes, a grab that swallows."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.now_s = 0.0
        self.fingers: list[int] = []
        self.has_focus, self.is_grabbed = True, False
        self.state, self.told = State(), Counter[Change]()

    def give(self, given: Input) -> tuple[Change, ...]:
        if not self.has_focus and not isinstance(given, FocusLost | Tick):
            return ()
        if self.is_grabbed and not isinstance(given, FocusLost | Tick):
            return ()
        self.state, changes = step(self.state, given)
        self.told.update(changes)
        return changes

    def tick(self) -> None:
        if self.state.due_s is not None and self.state.due_s <= self.now_s:
            self.give(Tick(self.now_s))

    def act(self) -> None:
        self.now_s += self.dice.choice((0.02, 0.06, 0.3, 0.9))
        self.tick()
        match self.dice.randrange(7):
            case 0 | 1 if len(self.fingers) < 3:
                self.press(self.dice.choice([key for key in (A, B, 99) if key not in self.fingers]))
            case 2 | 3 if self.fingers:
                key = self.fingers.pop(self.dice.randrange(len(self.fingers)))
                self.give(up(key, self.now_s))
            case 4 if self.fingers:  # the last one repeats; its halves arrive as they like, within the moment
                self.give(Released(key=self.fingers[-1], at_s=self.now_s, stamp_s=self.now_s))
                late_s = self.dice.choice((0.0, 0.008, 0.03))
                self.give(Pressed(key=self.fingers[-1], at_s=self.now_s + late_s, stamp_s=self.now_s))
            case 5:
                self.has_focus = not self.has_focus
                if not self.has_focus:
                    self.give(FocusLost())
            case 6:
                self.is_grabbed = not self.is_grabbed

    def press(self, key: int) -> None:
        self.fingers.append(key)
        was_held = self.state.held
        changes = self.give(down(key, self.now_s, talks=key != 99))
        if self.has_focus and not self.is_grabbed and key != 99:
            assert self.state.held == key
            assert was_held is not None or changes == (DOWN,)


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_whatever_happens_a_new_press_begins_and_no_hold_outlives_its_keys(first: int) -> None:
    for seed in range(first, first + 100):
        keys = Keyboard(seed)
        for _ in range(60):
            keys.act()
        keys.has_focus, keys.is_grabbed = True, False
        for key in (*keys.fingers, A):  # whatever a grab has swallowed, one more press and release ends it
            keys.now_s += 1
            if key not in keys.fingers:
                keys.press(key)
            keys.fingers.remove(key)
            keys.give(up(key, keys.now_s + 0.3))
            keys.now_s += 0.3 + RELEASE_S + 0.001
            keys.tick()
        assert keys.state.held is None, seed
        assert keys.told[DOWN] == keys.told[UP] + keys.told[LOST], seed


@pytest.mark.parametrize(
    ("talk_key", "written", "number", "is_same"),
    [
        ("T", "Е", 28, True),
        ("T", "Τ", 28, True),
        ("T", "א", 28, True),
        ("T", "Е", 29, False),
        ("Ф", "A", 38, True),
        ("Z", "Y", 29, False),  # one script, another layout: what it writes decides
        ("1", "!", 10, False),
    ],
)
def test_a_key_is_found_by_its_place_under_another_script(
    talk_key: str, written: str, number: int, *, is_same: bool
) -> None:
    assert is_same_place(ord(talk_key), ord(written), number) is is_same


def test_a_key_that_waits_for_a_letter_is_the_sign_it_carries() -> None:
    assert alive(0x01001252) == ord("^")
    assert alive(ord("A")) == ord("A")
