"""Hands-free on virtual audio: real speech begins and ends a turn by itself; an answer prepared in the pause is used."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from companion import tasks
from companion.audio.handsfree import OpenMicrophone
from companion.audio.virtual import FileMicrophone, FileTake
from companion.conversation import handsfree
from companion.conversation.handsfree import HandsFree, Wish
from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.events import HandsFreeChanged, Phase, PhaseChanged, Trouble, TurnFinished, UserSaid
from companion.flow import Audio, Transcript
from companion.ports import Take
from tests.conversation.test_engine import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.virtual_clock
SPEECH = Path(__file__).parent.parent / "data" / "austen-0890.wav"


def spoken_then_quiet() -> FileMicrophone:
    take = read_file(SPEECH)
    return FileMicrophone(Audio(pcm=bytes(16_000) + take.pcm, rate_hz=16_000), tail_silence_s=2.0)


async def live(frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
    """A recogniser that knows the words after three seconds."""
    count = 0
    async for _ in frames:
        count += 1
        if count == 150:
            yield Transcript(text="rather cold hearted")
    yield Transcript(text="rather cold hearted", is_final=True)


WISH = Wish(headphones=True, microphone="", speaker="")


@pytest.fixture
async def free(desk: Desk) -> AsyncIterator[HandsFree]:
    mode = HandsFree(lambda _: OpenMicrophone(spoken_then_quiet()), lambda: desk.engine, desk.engine.events)
    yield mode
    await mode.close()


@pytest.fixture
def reported() -> Iterator[list[BaseException]]:
    """Errors that nobody caught."""
    errors: list[BaseException] = []
    tasks.report_to(errors.append)
    yield errors
    tasks.report_to(None)


async def test_speech_begins_and_ends_a_turn_and_the_prepared_answer_is_used(
    desk: Desk, free: HandsFree
) -> None:
    desk.hear = live
    free.want(WISH)
    assert (await desk.until(HandsFreeChanged)).is_on
    finished = await desk.until(TurnFinished)
    assert desk.of(UserSaid)[0].text == "rather cold hearted"
    assert finished.record.reply_text
    assert len(desk.prompts) == 1, "asked once: in the pause, before the turn was certainly over"
    assert [e.phase for e in desk.of(PhaseChanged)][:2] == [Phase.LISTENING, Phase.TRANSCRIBING]
    assert finished.record.timeline_ms["asked"] >= 0
    assert await desk.journal.waiting_takes() == []


async def test_words_that_change_after_the_pause_throw_the_prepared_answer_away(
    desk: Desk, free: HandsFree
) -> None:
    async def changing(frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
        async for transcript in live(frames):
            text = "rather cold hearted and selfish" if transcript.is_final else transcript.text
            yield Transcript(text=text, is_final=transcript.is_final)

    desk.hear = changing
    free.want(WISH)
    finished = await desk.until(TurnFinished)
    assert finished.record.user_text == "rather cold hearted and selfish"
    assert [prompt[-1].content for prompt in desk.prompts] == [
        "rather cold hearted",
        "rather cold hearted and selfish",
    ]
    assert finished.record.reply_text.count("You noticed") == 1, (
        "no word of the dropped answer is in the new one"
    )


async def test_the_talk_key_comes_before_what_begins_by_itself(desk: Desk, free: HandsFree) -> None:
    free.want(WISH)
    await desk.until(HandsFreeChanged, is_on=True)
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    await asyncio.sleep(2.0)
    assert desk.engine.state.turn == 1
    desk.engine.cancel()


async def test_muted_nothing_is_heard(desk: Desk, free: HandsFree) -> None:
    free.want(WISH)
    await desk.until(HandsFreeChanged, is_on=True)
    free.mute(True)
    await desk.until(HandsFreeChanged, is_muted=True)
    await asyncio.sleep(2.0)
    assert desk.of(PhaseChanged) == []
    assert desk.of(Trouble) == []


async def test_an_error_nobody_foresaw_ends_the_turn_under_way_and_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, reported: list[BaseException]
) -> None:
    broken = OpenMicrophone(spoken_then_quiet())
    ears = iter([broken, OpenMicrophone(spoken_then_quiet())])
    free = HandsFree(lambda _: next(ears), lambda: desk.engine, desk.engine.events)
    free.want(WISH)
    await desk.until(PhaseChanged, phase=Phase.LISTENING)

    def fail(_: bytes) -> Iterator[float]:
        raise ValueError("a frame of an odd length")

    monkeypatch.setattr(broken._probabilities, "feed", fail)
    await desk.until(HandsFreeChanged, is_on=False)
    assert [str(error) for error in reported] == ["a frame of an odd length"]
    assert desk.of(Trouble)[-1].error.kind is Kind.INTERNAL
    assert not broken.is_open
    await desk.until(PhaseChanged, phase=Phase.TRANSCRIBING)
    await desk.until(TurnFinished)
    free.mute(True)  # the button's press, whatever it says
    await desk.until(HandsFreeChanged, 2, is_on=True, is_muted=False)
    await free.close()
    assert not desk.of(HandsFreeChanged)[-1].is_on


class Chaotic(FileMicrophone):
    """Opens slowly or not at all, and breaks while it is heard."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__(Audio(pcm=bytes(64_000), rate_hz=16_000), realtime=False)
        self.dice: random.Random | None = dice
        self.takes: list[Take] = []

    async def open(self) -> FileTake:
        for _ in range(self.dice.randrange(6) if self.dice else 0):
            await asyncio.sleep(0)
        if self.dice and self.dice.random() < 0.2:
            raise self.dice.choice([CompanionError(Kind.MICROPHONE_BUSY), OSError("gone")])
        take = await super().open()
        if self.dice and self.dice.random() < 0.2:
            take._frames = [b"odd"] * 9
        self.takes.append(take)
        assert sum(take.is_open for take in self.takes) == 1, "two microphones at once"
        return take


async def test_storms_of_wishes_leave_no_real_take_open(
    desk: Desk, reported: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handsfree, "AGAIN_S", 0.001)
    opened = 0
    for seed in range(12):
        dice = random.Random(seed)
        microphone = Chaotic(dice)
        mode = HandsFree(
            lambda _, its=microphone: OpenMicrophone(its),  # type: ignore[misc]
            lambda: desk.engine,
            desk.engine.events,
        )
        for _ in range(20):
            match dice.randrange(4):
                case 0:
                    mode.want(dice.choice([None, WISH, replace(WISH, microphone="Two")]))
                case 1:
                    mode.mute(dice.random() < 0.4)
                case 2:
                    mode.pause("settings")
                case _:
                    mode.resume("settings")
            for _ in range(dice.choice([0, 1, 5, 30])):
                await asyncio.sleep(0)
        await mode.close()
        opened += len(microphone.takes)
        assert not any(take.is_open for take in microphone.takes), seed
    assert opened > 12
    assert not any(isinstance(error, AssertionError) for error in reported)
