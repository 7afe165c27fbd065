"""Hands-free on virtual audio: real speech begins and ends a turn by itself; an answer prepared in the pause is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.audio.handsfree import OpenMicrophone
from companion.audio.virtual import FileMicrophone
from companion.conversation.handsfree import HandsFree
from companion.decoding import read_file
from companion.events import HandsFreeChanged, Phase, PhaseChanged, Trouble, TurnFinished, UserSaid
from companion.flow import Audio, Transcript
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


@pytest.fixture
async def free(desk: Desk) -> AsyncIterator[HandsFree]:
    mode = HandsFree(OpenMicrophone(spoken_then_quiet()), desk.engine, desk.engine.events)
    yield mode
    await mode.stop()


async def test_speech_begins_and_ends_a_turn_and_the_prepared_answer_is_used(
    desk: Desk, free: HandsFree
) -> None:
    desk.hear = live
    await free.start()
    assert desk.of(HandsFreeChanged)[-1].is_on
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
    await free.start()
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
    await free.start()
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    await asyncio.sleep(2.0)
    assert desk.engine.state.turn == 1
    desk.engine.cancel()


async def test_muted_nothing_is_heard(desk: Desk, free: HandsFree) -> None:
    await free.start()
    await free.mute(is_muted=True)
    assert desk.of(HandsFreeChanged)[-1].is_muted
    await asyncio.sleep(2.0)
    assert desk.of(PhaseChanged) == []
    assert desk.of(Trouble) == []
