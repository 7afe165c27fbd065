"""Devices that are unplugged, change and fall silent in the middle of a take or an answer: it goes on within 2 seconds."""

from __future__ import annotations

import asyncio
import random
import statistics
import threading
import time
from array import array
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from companion.audio import devices
from companion.audio.capture import KEPT_S, DeviceMicrophone, DeviceTake
from companion.audio.playback import QUEUE_S, DevicePlayer
from companion.errors import CompanionError, Kind
from companion.events import DeviceNoted, Event, MicrophoneKept
from companion.flow import FRAME_MS, Audio
from companion.tasks import spawn
from tests.audio.test_capture import Unread
from tests.reliability.proof import prove
from tests.reliability.sound_card import BLOCK_S, RATES_HZ, Card, Plugged, sound_card

pytestmark = pytest.mark.virtual_clock
each_share = pytest.mark.parametrize("share", [0.03, pytest.param(1.0, marks=pytest.mark.long)])
TIMES = {"unplugged": 500, "asleep": 200, "another rate": 100, "fallen silent": 50}
WITHIN_S = 2.0
EDGE_S = 0.1
"""What resamplers and whole frames blur."""
STEP = 100
"""Loud enough for the noise of a resampler."""


@pytest.fixture
async def card(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Card]:
    async with sound_card(monkeypatch) as made:
        yield made
        assert not made.streams, "a device stays open"
        assert not devices._streams


@dataclass
class Storm:
    """One thing that happens to the chosen device, at a moment nobody foresaw."""

    card: Card
    dice: random.Random
    is_input: bool
    chosen: Plugged = field(init=False)
    seen: list[Event] = field(default_factory=list)
    last_block: int = 0
    """Of the world, before it happened; `next_block` after it: time that was slept is between."""
    next_block: int = 0
    is_for_good: bool = False

    def __post_init__(self) -> None:
        self.card.block = 0
        self.chosen = Plugged("headset", self.is_input, self._rates())
        self.card.there[:] = [
            Plugged(name, is_input) for name in ("built in", "other") for is_input in (True, False)
        ]
        self.plug(self.chosen)

    def plug(self, device: Plugged) -> None:
        """Wherever in the list: a number says nothing."""
        self.card.there.insert(self.dice.randrange(len(self.card.there) + 1), device)

    async def happens(self, what: str) -> None:
        card, dice, says_so = self.card, self.dice, self.dice.random() < 0.5
        self.last_block = self.next_block = card.block
        if what == "unplugged":
            await self._unplug(says_so=says_so)
            return
        if what == "another rate":
            self.chosen.rates_hz = self._rates()
        elif what == "asleep":
            card.block = self.next_block = self.last_block + dice.randrange(500, 20_000)
        if what != "asleep" or dice.random() < 0.7:  # some go on as if nothing had been
            card.break_off(self.chosen, says_so=says_so and what != "fallen silent")

    async def _unplug(self, *, says_so: bool) -> None:
        card, dice = self.card, self.dice
        others = [each for each in card.there if each.is_input is self.is_input and each is not self.chosen]
        was_alone, self.is_for_good = dice.random() < 0.3, dice.random() < 0.04
        for each in others if was_alone or self.is_for_good else ():
            card.there.remove(each)
        card.unplug(self.chosen, says_so=says_so)
        await asyncio.sleep(dice.random() * 0.4)
        if not self.is_for_good:
            self.chosen.rates_hz = self._rates()
            self.plug(self.chosen)

    def _rates(self) -> tuple[int, ...]:
        return self.dice.choice((RATES_HZ, *((rate,) for rate in RATES_HZ)))


async def listen(take: DeviceTake, heard: list[int]) -> Kind | None:
    """Notes which 20 ms of the world each frame is from; how it ended."""
    try:
        async for frame in take.frames():
            heard.append(statistics.mode(array("h", frame)) - 1)
    except CompanionError as error:
        return error.kind
    return None


@each_share
async def test_a_take_goes_on_whatever_happens_to_its_microphone(card: Card, share: float) -> None:
    dice, late = random.Random(18), 0
    wrong, miscounted = list[object](), list[object]()
    events = [what for what, times in TIMES.items() for _ in range(max(2, round(times * share)))]
    for what in events:
        storm = Storm(card, dice, is_input=True)
        microphone, heard = DeviceMicrophone("headset", tell=storm.seen.append), list[int]()
        take = await microphone.open()
        listening = spawn(listen(take, heard), name="listen")
        await asyncio.sleep(0.3 + dice.random() * 0.3)
        await storm.happens(what)
        await asyncio.sleep(2.6)
        await take.close()
        ended = await listening
        before = [number for number in heard if number <= storm.last_block]
        after = [number for number in heard if number > storm.next_block]
        if storm.is_for_good:
            kept = before and (storm.last_block - before[-1]) * BLOCK_S <= EDGE_S
            if ended is not Kind.MICROPHONE_LOST or not kept:
                wrong.append((what, "for good", ended, len(heard)))
            continue
        if ended is not None or not before or not after:
            wrong.append((what, ended, len(before), len(after)))
            continue
        lost_s = (storm.last_block - before[-1] + after[0] - storm.next_block - 1) * BLOCK_S
        late += lost_s > WITHIN_S
        told = [e.lost_s for e in storm.seen if isinstance(e, DeviceNoted) and e.lost_s]
        if abs(sum(told) - lost_s) > 0.15 and lost_s > 0.1:
            miscounted.append((what, told, lost_s))
    assert wrong == []
    prove(
        18, "takes that went on within 2 s after their microphone failed", (1 - late / len(events)) * 100, 99.5,
        cases=len(events), unit="%", clock="virtual", at_least=True,
    )  # fmt: skip
    prove(
        19, "losses of sound that were told wrongly", len(miscounted), 0, cases=len(events), clock="virtual"
    )


def counted(seconds: float) -> Audio:
    """Sound whose samples tell which 20 ms of it they are."""
    return Audio(
        pcm=b"".join(
            (array("h", [(n % 300 + 1) * STEP]) * 480).tobytes() for n in range(round(seconds / BLOCK_S))
        ),
        rate_hz=24_000,
    )


def pieces(card: Card) -> list[tuple[float, int]]:
    """When which 20 ms of the counted sound were heard."""
    sounds = ((at, array("h", pcm)) for at, pcm in card.played)
    return [(at, round(statistics.median(sound) / STEP) - 1) for at, sound in sounds if max(sound) > STEP / 2]


@each_share
async def test_an_answer_goes_on_whatever_happens_to_its_speaker(card: Card, share: float) -> None:
    dice, late, wrong = random.Random(19), 0, list[object]()
    events = [what for what, times in TIMES.items() for _ in range(max(2, round(times * share)))]
    for what in events:
        card.played.clear()
        storm = Storm(card, dice, is_input=False)
        player = DevicePlayer("headset", tell=storm.seen.append)
        player.begin(1)
        answer = spawn(say(player), name="say")
        await asyncio.sleep(0.6 + dice.random())
        await storm.happens(what)
        fault = await answer
        heard = pieces(card)
        await player.close()
        if storm.is_for_good:
            if fault is not Kind.SPEAKER_LOST:
                wrong.append((what, "for good", fault))
            continue
        numbers = sorted({-1, 200, *(number for _, number in heard)})
        missing = max(b - a - 1 for a, b in pairwise(numbers)) * BLOCK_S
        if fault is not None or missing > EDGE_S:
            wrong.append((what, fault, missing))
            continue
        gap_s = max(b - a for (a, _), (b, _) in pairwise(heard))
        late += gap_s > WITHIN_S
    assert wrong == []
    prove(
        18, "answers that went on within 2 s after their speaker failed", (1 - late / len(events)) * 100, 99.5,
        cases=len(events), unit="%", clock="virtual", at_least=True,
    )  # fmt: skip


async def say(player: DevicePlayer, seconds: float = 4.0) -> Kind | None:
    try:
        await player.write(1, counted(seconds))
        await player.drain(1)
    except CompanionError as error:
        return error.kind
    return None


# -- what waits between a device and the loop ---------------------------------------------------------------


@pytest.mark.parametrize("minutes", [1, pytest.param(10, marks=pytest.mark.long)])
async def test_what_a_busy_app_cannot_read_in_time_is_bounded_and_counted_as_it_was(
    card: Card, minutes: int
) -> None:
    dice, seen, longest_s = random.Random(20), list[Event](), 0.0
    card.there.append(Plugged("built in", is_input=True, rates_hz=(48_000,)))
    card._initialize()
    take = await DeviceMicrophone(tell=seen.append).open()
    first, frames = card.block, take.frames()
    heard = 0
    until_s = card.now() + minutes * 60
    while card.now() < until_s:
        ring = take._input.ring
        longest_s = max(longest_s, min(ring.waiting, ring.capacity) / 96_000 + len(take._pending) / 32_000)
        await anext(frames)
        heard += 1
        if dice.random() < 0.01:
            await asyncio.sleep(dice.choice((0.5, 3.0, 20.0, 45.0)))
    await take.close()
    heard += len([frame async for frame in frames])
    real = card.block - first + 1 - heard
    prove(19, "sound that waits for a busy app", longest_s, KEPT_S + 1, cases=1, unit="s", clock="virtual")
    assert real > 100, "there was something to lose"
    wrong = abs(take.dropped_frames - real)
    prove(
        19,
        "frames that were dropped and not counted, or the other way",
        wrong,
        3,
        cases=real,
        clock="virtual",
    )
    told = sum(event.lost_s for event in seen if isinstance(event, DeviceNoted))
    assert told == pytest.approx(real * FRAME_MS / 1000, abs=0.1), "and the person is told"


async def test_a_device_that_is_kept_open_says_so_as_long_as_it_is(card: Card) -> None:
    seen = list[Event]()
    card.there.append(Plugged("built in", is_input=True))
    card._initialize()
    microphone = DeviceMicrophone(keeps_open=True, tell=seen.append)

    def shown() -> bool:
        told = [event for event in seen if isinstance(event, MicrophoneKept)]
        return bool(told) and told[-1].is_open

    for _ in range(3):
        take = await microphone.open()
        assert not shown(), "the take is shown"
        await asyncio.sleep(0.1)
        await take.close()
        assert shown()
        assert len(card.streams) == 1
    await microphone.rest()
    assert not shown()
    assert not card.streams


async def test_a_voice_that_is_much_faster_than_its_speaker_waits(card: Card) -> None:
    card.there.append(Plugged("loudspeaker", is_input=False))
    card._initialize()
    player, longest_s = DevicePlayer(), 0.0
    player.begin(1)
    answer = spawn(say(player, 90.0), name="say")
    while not answer.done():
        await asyncio.sleep(0.2)
        if player._output is not None:
            longest_s = max(longest_s, player._output.ring.waiting / 2 / player._output.rate_hz)
    await player.close()
    prove(19, "sound that waits for the speaker", longest_s, QUEUE_S, cases=1, unit="s", clock="virtual")
    assert len(pieces(card)) >= 4_500, "and none of it is lost"


async def test_the_thread_of_a_device_never_waits_for_the_loop_and_what_it_overwrites_is_counted() -> None:
    """On real threads: 60 s of sound in about one, past a loop that looks in now and then."""
    take, blocks, dice = Unread(16_000, kept_s=1), 3_000, random.Random(21)

    def record() -> None:
        for number in range(blocks):
            take.hear((array("h", [number + 1]) * 320).tobytes())
            if number % 40 == 0:
                time.sleep(0.005)

    device = threading.Thread(target=record)
    device.start()
    frames, heard = take.frames(), list[int]()
    while device.is_alive():
        await asyncio.sleep(dice.choice((0.0, 0.0, 0.02)))
        heard.append(statistics.mode(array("h", await anext(frames))))
    device.join()
    await take.close()
    heard += [statistics.mode(array("h", frame)) async for frame in frames]
    assert heard == sorted(heard)
    wrong = abs(len(heard) + take.dropped_frames - blocks)
    prove(19, "frames that a thread overwrote and nobody counted", wrong, 2, cases=blocks, clock="real")
