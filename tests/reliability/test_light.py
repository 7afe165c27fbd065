"""Whatever happens, in whatever order: the sign of the microphone is the microphone."""

from __future__ import annotations

import asyncio
import random

import pytest

from companion.events import Phase, PhaseChanged
from companion.gui.microphone import MicrophoneState, Open
from companion.tasks import spawn, stop
from tests.app.test_at_once import ACTIONS, Desk, desk, settle
from tests.reliability.proof import prove

__all__ = ("desk",)
pytestmark = pytest.mark.virtual_clock
SHOWN = frozenset({Open.OPENING, Open.LISTENING, Open.WAITING})
EVENTS = 500
LONG = 21
"""Runs of so many events, whose figures are added up."""
_found = {"looks": 0, "unseen": 0, "false": 0}


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, LONG))])
async def test_the_sign_is_the_microphone(desk: Desk, seed: int) -> None:
    dice = random.Random(seed)
    sign = MicrophoneState(desk.app.events, end_take=lambda: None, mute=lambda _: None)
    wrong, names, false_looks = list[object](), list[str](), 0

    async def look() -> None:
        nonlocal false_looks
        while True:
            await asyncio.sleep(0.02)
            is_open = desk.takes.open_now > 0
            is_false = sign.open in (Open.LISTENING, Open.WAITING) and not is_open
            false_looks = false_looks + 1 if is_false else 0
            is_unseen = is_open and sign.open not in SHOWN
            if is_unseen or false_looks == 5:
                wrong.append((sign.open, desk.phase, names[-4:]))
            _found["looks"] += 1
            _found["unseen"] += is_unseen
            _found["false"] += false_looks == 5

    looking = spawn(look(), name="look")
    for number in range(EVENTS if seed else EVENTS // 4):
        names.append(dice.choice(tuple(ACTIONS)))
        ACTIONS[names[-1]](desk)
        await asyncio.sleep(dice.choice((0.0, 0.0, 0.01, 0.05, 0.2, 0.6)))
        if number % 100 == 99:
            await settle(desk)
            desk.seen[:] = [event for event in desk.seen if not isinstance(event, PhaseChanged)]
    await settle(desk)
    await stop(looking)
    sign.stop()
    assert desk.phase is Phase.READY
    assert wrong == []
    looks = _found["looks"]
    prove(
        20, "moments in which the microphone was open and no sign said so", _found["unseen"], 0,
        cases=looks, clock="virtual",
    )  # fmt: skip
    prove(
        20, "times the sign said so for longer than 0.1 s and it was not", _found["false"], 0,
        cases=looks, clock="virtual",
    )  # fmt: skip
