"""What you said is never lost: whatever a recogniser does, the recording waits and finds its words with another.

And two hours in one take come back whole: cut at pauses, joined in order, no word twice and none left out.
"""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import AsyncIterator, Callable

import pytest

from companion import tasks
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.conversation.segments import hear_in_segments
from companion.conversation.turn import Limits
from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.events import Phase, PhaseChanged, Trouble, TurnFinished
from companion.flow import FRAME_BYTES, FRAME_MS, Audio, Transcript
from companion.journal.store import open_journal
from companion.paths import Home
from tests import virtual_clock
from tests.conversation.test_engine import SPEECH, Desk
from tests.journal.conftest import CHEAP, KEYRING
from tests.reliability.proof import prove

pytestmark = pytest.mark.virtual_clock
Frames = AsyncIterator[bytes]
Fails = Callable[[Frames], AsyncIterator[Transcript]]
WORDS = "unless to be rather cold hearted"


def raises(error: Callable[[], BaseException], *, after: int | None = None, words: str = "") -> Fails:
    """A recogniser that fails: after so many frames, or at the end; maybe after a few words."""

    async def hear(frames: Frames) -> AsyncIterator[Transcript]:
        count = 0
        async for _ in frames:
            count += 1
            if after is not None and count >= after:
                break
        if words:
            yield Transcript(text=words)
        raise error()

    return hear


async def empty(frames: Frames) -> AsyncIterator[Transcript]:
    async for _ in frames:
        pass
    yield Transcript(text=" ", is_final=True)


async def silent(frames: Frames) -> AsyncIterator[Transcript]:
    async for _ in frames:
        pass
    for text in ():
        yield Transcript(text=text)


async def hangs(frames: Frames) -> AsyncIterator[Transcript]:
    async for _ in frames:
        pass
    await asyncio.sleep(3600)
    yield Transcript(text="too late", is_final=True)


def card(kind: Kind) -> Callable[[], BaseException]:
    return lambda: CompanionError(kind, who="Somebody")


KINDS = (
    Kind.UNREACHABLE, Kind.TIMEOUT, Kind.KEY_REFUSED, Kind.KEY_MISSING, Kind.RATE_LIMITED, Kind.UNAVAILABLE, Kind.CUT_OFF,
    Kind.HEARING_FAILED, Kind.MODEL_UNKNOWN, Kind.ENGINE_CRASHED, Kind.BUDGET_SPENT, Kind.NETWORK_SHUT, Kind.NO_CREDIT,
    Kind.INVALID_REQUEST,
)  # fmt: skip
FAULTS: tuple[Fails, ...] = (
    *(raises(card(kind)) for kind in KINDS),
    *(raises(card(kind), after=20) for kind in KINDS),
    *(raises(card(kind), words="unless to") for kind in KINDS),
    raises(ZeroDivisionError),
    raises(lambda: OSError("the disk of the model"), after=5),
    empty,
    silent,
    hangs,
)


@pytest.mark.parametrize("count", [12, pytest.param(300, marks=pytest.mark.long)])
async def test_every_recording_whose_recogniser_fails_can_be_recovered(home: Home, count: int) -> None:
    whole = read_file(SPEECH)
    dice, lost = random.Random(17), list[object]()
    journal = await open_journal(home, wrapping_key=KEYRING, cost=CHEAP)
    unforeseen = list[BaseException]()
    tasks.report_to(unforeseen.append)
    for number in range(count):
        start = dice.randrange(0, 20_000) * 2
        said = Audio(pcm=whole.pcm[start : start + 64_000 + 2 * number], rate_hz=whole.rate_hz)
        microphone = FileMicrophone(said, realtime=False)
        desk = Desk(journal, CapturingPlayer(realtime=False), microphone)
        desk.limits = Limits(tail_s=0.02, tap_s=0.0, hearing_s=5.0)
        desk.build()
        desk.hear = FAULTS[number * 7 % len(FAULTS)]
        before = len(unforeseen)
        await desk.talk()
        while not desk.of(Trouble) and len(unforeseen) == before:  # noqa: ASYNC110 - told by either
            await asyncio.sleep(0.01)
        await desk.until(PhaseChanged, phase=Phase.READY)
        await desk.engine.close()
        if dice.random() < 0.1:  # and the app is started anew
            await journal.close()
            journal = await open_journal(home, wrapping_key=KEYRING, cost=CHEAP)
            desk.journal = journal
        waiting = await journal.waiting_takes()
        if len(waiting) != 1:
            lost.append((number, len(waiting)))
            continue
        kept = await journal.read_take(waiting[0].id)
        if said.pcm not in kept:
            lost.append((number, len(kept), len(said.pcm)))
        after = Desk(journal, CapturingPlayer(realtime=False), microphone)
        after.build()
        await after.engine.hear_waiting(waiting[0].id)
        finished = await after.until(TurnFinished)
        if finished.record.user_text != WORDS or await journal.waiting_takes():
            lost.append((number, finished.record.user_text))
        await after.engine.close()
    tasks.report_to(None)
    await journal.close()
    assert lost == []
    prove(17, "recordings lost to a recogniser that fails", len(lost), 0, cases=count, clock="virtual")


class Speaker:
    """Somebody who tells numbered words for `hours`, breathes between sentences, and now and then does not."""

    def __init__(self, hours: float) -> None:
        dice, self.words = random.Random(hours), 0
        self.plan: list[int] = []
        """The word that each frame belongs to; 0: quiet."""
        while len(self.plan) * FRAME_MS < hours * 3_600_000:
            is_hasty = dice.random() < 0.05
            for _ in range(dice.randrange(40, 90) if is_hasty else dice.randrange(4, 20)):
                self.words += 1
                self.plan += [self.words] * dice.randrange(8, 30)
                self.plan += [0] * dice.randrange(0, 4)
            self.plan += [0] * dice.randrange(10, 70)
        self.pause_s = 0.0
        self.heard_speech = True

    def gate(self) -> Speaker:
        """Itself: it knows best when it pauses."""
        self.pause_s = 0.0
        return self

    def feed(self, frame: bytes) -> None:
        self.pause_s = 0.0 if any(frame) else self.pause_s + FRAME_MS / 1000

    async def frames(self) -> Frames:
        for at, word in enumerate(self.plan):
            yield array("i", [word] * (FRAME_BYTES // 4)).tobytes()
            if at % 5_000 == 0:
                await asyncio.sleep(0)


segments: list[int] = []


async def write_down(frames: Frames) -> AsyncIterator[Transcript]:
    """Hears the words that are whole: a word of which the half is in another segment is heard wrongly in both."""
    heard: dict[int, int] = {}
    async for frame in frames:
        word = array("i", frame)[0]
        heard[word] = heard.get(word, 0) + 1
    heard.pop(0, None)
    await asyncio.sleep(0.1)
    segments.append(len(heard))
    yield Transcript(text=" ".join(f"{word}:{frames}" for word, frames in heard.items()), is_final=True)


@pytest.mark.parametrize("hours", [0.1, pytest.param(2.0, marks=pytest.mark.long)])
async def test_two_hours_in_one_take_come_back_whole(hours: float, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = Speaker(hours)
    monkeypatch.setattr(virtual_clock, "GRACE_S", 0.0)
    segments.clear()
    transcripts = [t async for t in hear_in_segments(write_down, speaker.frames(), speaker.gate)]
    heard = [part.split(":") for part in transcripts[-1].text.split()]
    lengths: dict[int, int] = {}
    for word in speaker.plan:
        lengths[word] = lengths.get(word, 0) + 1
    right = {int(word) for word, frames in heard if lengths[int(word)] == int(frames)}
    assert [int(word) for word, _ in heard] == sorted(int(word) for word, _ in heard), "in order"
    assert len(segments) > hours * 100, "in segments"
    prove(
        17, "words of a long take lost or doubled where it was split", 100 * (1 - len(right) / speaker.words), 0.1,
        cases=speaker.words, unit="%", clock="virtual",
    )  # fmt: skip


@pytest.mark.parametrize("count", [8, pytest.param(200, marks=pytest.mark.long)])
async def test_a_sleep_in_the_middle_of_a_take_costs_no_word(home: Home, count: int) -> None:
    whole, dice, lost = read_file(SPEECH), random.Random(18), list[object]()
    journal = await open_journal(home, wrapping_key=KEYRING, cost=CHEAP)
    microphone = FileMicrophone(whole, realtime=True)
    for number in range(count):
        desk = Desk(journal, CapturingPlayer(realtime=False), microphone).build()
        desk.engine.press()
        await desk.until(PhaseChanged, phase=Phase.LISTENING)
        await asyncio.sleep(1.0 + dice.random())
        began_s = asyncio.get_running_loop().time()
        assert desk.engine.slept()
        await desk.until(PhaseChanged, phase=Phase.READY)
        took_s = asyncio.get_running_loop().time() - began_s
        await desk.engine.settle()
        waiting = await journal.waiting_takes()
        kept = await journal.read_take(waiting[0].id) if waiting else b""
        if took_s > 2.0 or len(kept) < 30_000 or kept[:30_000] != whole.pcm[:30_000]:
            lost.append((number, took_s, len(kept)))
        desk.engine.go_on()
        record = (await desk.until(TurnFinished)).record
        if record.user_text != WORDS or await journal.waiting_takes():
            lost.append((number, record.user_text))
        await desk.engine.close()
    await journal.close()
    assert lost == []
    prove(18, "recordings lost to a sleep in the middle of them", len(lost), 0, cases=count, clock="virtual")
