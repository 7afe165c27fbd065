"""Who owns the open microphone: whatever is wished in whatever order, one at most is open, and it is the one shown."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from companion import tasks
from companion.conversation import handsfree
from companion.conversation.engine import Engine
from companion.conversation.handsfree import HandsFree, Wish
from companion.errors import CompanionError, Kind
from companion.events import Event, Events, HandsFreeChanged, Trouble, TroubleCleared
from companion.flow import TurnSignal
from companion.ports import EarSignal, Take


def wish(microphone: str = "One", *, headphones: bool = True) -> Wish:
    return Wish(headphones=headphones, microphone=microphone, speaker="")


async def ticks(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Devices:
    """Microphones that are slow and fail as a test wants it, and how many are open."""

    def __init__(self, dice: random.Random | None = None) -> None:
        self.dice = dice
        self.open: list[Wish] = []
        self.most = 0
        self.fault: Exception | None = None
        """What the next making or opening raises."""
        self.gate: asyncio.Event | None = None
        """An opening waits for it."""
        self.ears: list[FakeEar] = []

    def make(self, wanted: Wish) -> FakeEar:
        self.fail_once()
        self.stumble()
        self.ears.append(FakeEar(self, wanted))
        return self.ears[-1]

    async def wait(self) -> None:
        await ticks(self.dice.randrange(6) if self.dice else 1)
        if self.gate is not None:
            await self.gate.wait()

    def fail_once(self) -> None:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault

    def stumble(self) -> None:
        """Fails now and then, in every way."""
        if self.dice is not None and self.dice.random() < 0.1:
            raise self.dice.choice(
                [CompanionError(Kind.NO_MICROPHONE), ValueError("odd"), OSError("gone"), TimeoutError()]
            )


class FakeEar:
    cancels_echo = True
    is_muted = True

    def __init__(self, devices: Devices, wanted: Wish) -> None:
        self._devices, self._wanted = devices, wanted
        self.heard: asyncio.Queue[EarSignal | Exception | None] = asyncio.Queue()

    async def open(self) -> None:
        await self._devices.wait()
        self._devices.fail_once()
        self._devices.stumble()
        self._devices.open.append(self._wanted)
        self._devices.most = max(self._devices.most, len(self._devices.open))
        self.is_muted = False
        self._devices.stumble()

    async def mute(self) -> None:
        await ticks(1)
        while self._wanted in self._devices.open:
            self._devices.open.remove(self._wanted)
        self.is_muted = True
        self._devices.stumble()

    async def signals(self) -> AsyncGenerator[EarSignal, None]:
        while (heard := await self.heard.get()) is not None:
            if isinstance(heard, Exception):
                raise heard
            yield heard

    async def close(self) -> None:
        self.heard.put_nowait(None)
        await self.mute()


@dataclass
class Spoken:
    """An utterance."""

    is_open: bool = True
    was_given_up: bool = False

    async def close(self) -> None:
        self.is_open, self.was_given_up = False, True


@dataclass
class Heard:
    signal: TurnSignal
    utterance: Any
    at_s: float = 0.0


class Listener:
    """What hands-free needs of an engine."""

    def __init__(self) -> None:
        self.began: list[Any] = []
        self.changes: list[TurnSignal] = []

    def speech_began(self, utterance: Any) -> bool:
        self.began.append(utterance)
        return True

    def speech_changed(self, _: Any, signal: TurnSignal, __: float) -> None:
        self.changes.append(signal)


@dataclass
class Room:
    devices: Devices = field(default_factory=Devices)
    listener: Listener = field(default_factory=Listener)
    seen: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        events = Events(tasks.report)
        events.watch(self.seen.append)
        self.mode = HandsFree(self.devices.make, lambda: cast("Engine", self.listener), events)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.seen if isinstance(event, kind)]

    @property
    def shown(self) -> tuple[bool, bool, bool]:
        """On, muted, paused."""
        last = (self.of(HandsFreeChanged) or [HandsFreeChanged(is_on=False)])[-1]
        return last.is_on, last.is_muted, last.is_paused

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not is_so():  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0)


@pytest.fixture
def reported() -> Iterator[list[BaseException]]:
    """Errors that nobody caught."""
    errors: list[BaseException] = []
    tasks.report_to(errors.append)
    yield errors
    tasks.report_to(None)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing microphone is looked for again at once."""
    monkeypatch.setattr(handsfree, "AGAIN_S", 0.001)


ON, MUTED, PAUSED, OFF = (True, False, False), (True, True, False), (True, False, True), (False, False, False)


async def test_two_wishes_at_once_end_in_the_last_and_off_leaves_nothing_open() -> None:
    room = Room()
    for name in ("One", "Two", "Three"):
        room.mode.want(wish(name))
    await room.until(lambda: room.devices.open == [wish("Three")])
    room.mode.want(wish("Four"))
    await ticks(1)
    room.mode.want(wish("Five"))
    await room.until(lambda: room.devices.open == [wish("Five")] and room.shown == ON)
    room.mode.want(None)
    await room.until(lambda: room.shown == OFF)
    assert room.devices.open == []
    assert room.devices.most == 1
    await room.mode.close()


@pytest.mark.parametrize("how", ["want", "mute", "pause", "close"])
async def test_a_microphone_that_opens_when_it_is_wanted_no_longer_is_closed_at_once(how: str) -> None:
    room = Room()
    room.devices.gate = asyncio.Event()
    room.mode.want(wish())
    await ticks(5)
    match how:
        case "want":
            room.mode.want(None)
        case "mute":
            room.mode.mute(True)
        case "pause":
            room.mode.pause("a dialog")
        case _:
            closing = tasks.spawn(room.mode.close(), name="close")
    await ticks(2)
    room.devices.gate.set()
    await ticks(20)
    assert room.devices.open == []
    await room.mode.close()
    if how == "close":
        await closing
    assert not any(
        event.is_on and not event.is_muted and not event.is_paused for event in room.of(HandsFreeChanged)
    )


async def test_several_reasons_hold_it_and_the_last_that_goes_lets_it_listen() -> None:
    room = Room()
    room.mode.want(wish())
    await room.until(lambda: room.devices.open == [wish()])
    room.mode.pause("settings")
    room.mode.pause("locked")
    await room.until(lambda: room.shown == PAUSED)
    assert room.devices.open == []
    room.mode.resume("settings")
    room.mode.resume("nobody asked for this")
    await ticks(20)
    assert (room.shown, room.devices.open) == (PAUSED, [])
    room.mode.mute(True)
    room.mode.resume("locked")
    await room.until(lambda: room.shown == MUTED)
    assert room.devices.open == []
    room.mode.mute(False)
    await room.until(lambda: room.shown == ON)
    assert room.devices.open == [wish()]
    await room.mode.close()
    assert (room.shown, room.devices.open) == (OFF, [])


async def test_who_is_muted_stays_muted_when_the_microphone_changes() -> None:
    room = Room()
    room.mode.want(wish())
    room.mode.mute(True)
    room.mode.want(wish("Two"))
    await room.until(lambda: room.shown == MUTED)
    assert room.devices.most == 0
    room.mode.want(None)
    room.mode.want(wish())
    await room.until(lambda: room.devices.open == [wish()])
    await room.mode.close()


async def test_words_said_while_it_is_paused_are_no_turn_and_a_turn_under_way_ends() -> None:
    room = Room()
    room.mode.want(wish())
    await room.until(lambda: room.devices.open == [wish()])
    ear, first, second = room.devices.ears[0], Spoken(), Spoken()
    ear.heard.put_nowait(cast("EarSignal", Heard(TurnSignal.STARTED, first)))
    await room.until(lambda: room.listener.began == [first])
    room.mode.pause("the microphone test")
    ear.heard.put_nowait(cast("EarSignal", Heard(TurnSignal.ENDED, first)))
    ear.heard.put_nowait(cast("EarSignal", Heard(TurnSignal.STARTED, second)))
    await room.until(lambda: second.was_given_up)
    assert room.listener.began == [first]
    assert room.listener.changes == [TurnSignal.ENDED]
    await room.mode.close()


@pytest.mark.parametrize("press", ["mute", "unmute", "try again", "toggle"])
@pytest.mark.parametrize("where", ["making", "opening", "hearing"])
async def test_an_error_nobody_foresaw_is_told_and_one_press_brings_it_back(
    press: str, where: str, reported: list[BaseException]
) -> None:
    room, fault = Room(), ValueError("a frame of an odd length")
    spoken = Spoken()
    if where == "making":
        room.devices.fault = fault
    room.mode.want(wish())
    if where != "making":
        await room.until(lambda: room.devices.open == [wish()])
        if where == "hearing":
            room.devices.ears[0].heard.put_nowait(cast("EarSignal", Heard(TurnSignal.STARTED, spoken)))
            room.devices.ears[0].heard.put_nowait(fault)
        else:
            room.mode.mute(True)
            await room.until(lambda: room.shown == MUTED)
            room.devices.fault = fault
            room.mode.mute(False)
    await room.until(lambda: bool(room.of(Trouble)))
    await room.until(lambda: room.shown == OFF)
    assert reported == [fault]
    assert room.devices.open == []
    assert "Ctrl+M" in room.of(Trouble)[-1].error.hint
    if where == "hearing":
        assert room.listener.changes == [TurnSignal.ENDED], "the turn under way does not wait for its end"
    match press:
        case "mute":
            room.mode.mute(True)
        case "unmute":
            room.mode.mute(False)
        case "try again":
            room.mode.try_again()
        case _:
            room.mode.want(None)
            room.mode.want(wish())
    await room.until(lambda: room.shown == ON)
    assert room.devices.open == [wish()]
    await room.mode.close()
    assert room.devices.open == []


@pytest.mark.usefixtures("soon")
async def test_a_microphone_that_is_missing_is_told_once_and_found_again() -> None:
    room = Room()
    room.mode.want(wish())
    await room.until(lambda: room.devices.open == [wish()])
    for _ in range(2):
        room.devices.fault = CompanionError(Kind.NO_MICROPHONE)
        room.devices.ears[0].heard.put_nowait(CompanionError(Kind.MICROPHONE_LOST))
        seen = len(room.seen)
        await room.until(lambda seen=seen: any(isinstance(e, TroubleCleared) for e in room.seen[seen:]))
        await room.until(lambda: room.shown == ON)
    assert [event.error.kind for event in room.of(Trouble)] == [Kind.MICROPHONE_LOST] * 2
    assert room.devices.open == [wish()]
    await room.mode.close()


class KeyMicrophone:
    """The talk key's, in the same room."""

    def __init__(self, devices: Devices, fault: Exception | None = None) -> None:
        self._devices, self._fault = devices, fault

    async def open(self) -> Take:
        if self._fault is not None:
            raise self._fault
        assert self._devices.open == [], "two microphones at once"
        self._devices.open.append(wish("the key's"))
        return cast("Take", KeyTake(self._devices))


class KeyTake:
    def __init__(self, devices: Devices) -> None:
        self._devices = devices

    async def close(self) -> None:
        await ticks(2)
        self._devices.open.clear()


async def test_the_talk_key_borrows_the_microphone_and_gives_it_back() -> None:
    room = Room()
    room.mode.want(wish())
    await room.until(lambda: room.devices.open == [wish()])
    take = await room.mode.lend(KeyMicrophone(room.devices)).open()
    assert room.shown == PAUSED
    room.mode.want(wish("Two"))
    await ticks(20)
    assert room.devices.open == [wish("the key's")]
    await take.close()
    await room.until(lambda: room.devices.open == [wish("Two")] and room.shown == ON)
    with pytest.raises(CompanionError):
        await room.mode.lend(KeyMicrophone(room.devices, CompanionError(Kind.MICROPHONE_BUSY))).open()
    await room.until(lambda: room.devices.open == [wish("Two")] and room.shown == ON)
    assert room.devices.most == 1
    await room.mode.close()


async def one_storm(seed: int) -> None:
    dice = random.Random(seed)
    room = Room(Devices(dice))
    mode, devices = room.mode, room.devices
    reasons = ("settings", "locked", "asleep")
    wishes = [None, wish("One"), wish("Two"), wish("Two", headphones=False)]
    borrowed: list[Take] = []

    async def borrow() -> None:
        borrowed.append(await mode.lend(KeyMicrophone(devices)).open())

    for _ in range(dice.randrange(3, 25)):
        match dice.randrange(8):
            case 0 | 1 | 2:
                mode.want(dice.choice(wishes))
            case 3:
                mode.mute(dice.random() < 0.5)
            case 4:
                mode.pause(dice.choice(reasons))
            case 5:
                mode.resume(dice.choice(reasons))
            case 6 if devices.ears:
                devices.ears[-1].heard.put_nowait(
                    dice.choice([CompanionError(Kind.MICROPHONE_LOST), ValueError("odd")])
                )
            case 7:
                await borrow()
                await ticks(dice.randrange(8))
                await borrowed.pop().close()
        await ticks(dice.choice([0, 0, 0, 1, 2, 5, 20]))
        assert len(devices.open) <= 1, seed
    if dice.random() < 0.5:  # it is closed in the middle of anything
        devices.dice = None
        await mode.close()
        assert devices.open == [], seed
        assert not room.seen or room.shown[0] is False, seed
        return
    devices.dice = None
    last = dice.choice(wishes)
    mode.want(last)
    for reason in reasons:
        mode.resume(reason)
    await ticks(60)
    mode.mute(False)  # one press
    await room.until(lambda: devices.open == ([last] if last else []))
    await ticks(60)
    assert devices.open == ([last] if last else []), seed
    assert not room.seen or room.shown == (ON if last else OFF), seed
    assert devices.most <= 1, seed
    await mode.close()
    assert devices.open == [], seed


@pytest.mark.usefixtures("soon", "reported")
async def test_five_hundred_storms_of_wishes() -> None:
    for seed in range(500):
        await one_storm(seed)
    assert [task for task in tasks.alive() if task.get_name() == "hands-free"] == []
