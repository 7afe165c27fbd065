"""Long takes by segments: cut at pauses, in order, and only the last one is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from companion.conversation.segments import BREATH_S, LONGEST_S, PAUSE_S, SHORTEST_S, hear_in_segments
from companion.errors import CompanionError, Kind
from companion.flow import FRAME_BYTES, FRAME_MS, Transcript

FRAME_S = FRAME_MS / 1000


class Speech:
    """Frames of a person who speaks and pauses as `plan` says: (seconds, speaks)."""

    def __init__(self, *plan: tuple[float, bool]) -> None:
        self.plan = plan
        self.pause_s = 0.0
        self.heard_speech = True
        self.fed_s = 0.0

    def gate(self) -> Speech:
        """Itself: it knows best when it pauses."""
        return self

    def feed(self, frame: bytes) -> None:
        self.fed_s += FRAME_S

    async def frames(self) -> AsyncIterator[bytes]:
        for seconds, speaks in self.plan:
            for _ in range(round(seconds / FRAME_S)):
                self.pause_s = 0.0 if speaks else self.pause_s + FRAME_S
                yield bytes(FRAME_BYTES)
                await asyncio.sleep(0)


class Recogniser:
    """Hears whole recordings; tells how long each was."""

    def __init__(self) -> None:
        self.lengths: list[float] = []
        self.fails_at = -1
        self.gate: asyncio.Event | None = None

    async def hear(self, frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
        number = len(self.lengths)
        self.lengths.append(0.0)
        async for _ in frames:
            self.lengths[number] += FRAME_S
        if number == self.fails_at:
            raise CompanionError(Kind.UNREACHABLE, who="Groq")
        if self.gate is not None and number == 0:
            await self.gate.wait()
        yield Transcript(text=f"segment {number}", is_final=True)


async def heard(speech: Speech, recogniser: Recogniser) -> list[Transcript]:
    return [t async for t in hear_in_segments(recogniser.hear, speech.frames(), speech.gate)]


async def test_a_short_take_is_one_request() -> None:
    recogniser = Recogniser()
    speech = Speech((3, True), (1, False), (0.5, True))
    transcripts = await heard(speech, recogniser)
    assert speech.fed_s == 0, "nobody looks for pauses in it"
    assert [(t.text, t.is_final) for t in transcripts] == [("segment 0", True)]
    assert recogniser.lengths == pytest.approx([4.5])


async def test_a_long_take_is_cut_at_pauses_and_joined_in_order() -> None:
    recogniser = Recogniser()
    speech = Speech((9, True), (1, False), (10, True), (1, False), (3, True))
    transcripts = await heard(speech, recogniser)
    assert transcripts[-1].text == "segment 0 segment 1 segment 2"
    assert [t.is_final for t in transcripts].count(True) == 1
    first, second, third = recogniser.lengths
    assert 9 + BREATH_S <= first <= 9 + PAUSE_S, "cut inside the first pause"
    assert 20 + BREATH_S <= first + second <= 20 + PAUSE_S, "cut inside the second pause"
    assert first + second + third == pytest.approx(24.0)
    assert transcripts[0].text == "segment 0", "the first words are there while the person goes on"
    assert transcripts[0].committed_chars == len("segment 0")


async def test_somebody_who_never_pauses_is_cut_at_a_breath() -> None:
    recogniser = Recogniser()
    await heard(Speech((LONGEST_S + 5, True), (0.2, False), (4, True)), recogniser)
    assert len(recogniser.lengths) == 2
    assert recogniser.lengths[1] < SHORTEST_S


async def test_only_the_last_segment_is_waited_for_after_the_end() -> None:
    recogniser = Recogniser()
    recogniser.gate = asyncio.Event()
    task = asyncio.ensure_future(heard(Speech((9, True), (1, False), (2, True)), recogniser))
    await asyncio.sleep(0.3)
    assert not task.done(), "the first segment is still being heard"
    recogniser.gate.set()
    assert (await task)[-1].text == "segment 0 segment 1"


async def test_a_segment_that_fails_fails_the_take() -> None:
    recogniser = Recogniser()
    recogniser.fails_at = 0
    with pytest.raises(CompanionError, match="Groq cannot be reached"):
        await heard(Speech((9, True), (1, False), (9, True)), recogniser)


async def test_closing_early_stops_every_request() -> None:
    recogniser = Recogniser()
    recogniser.gate = asyncio.Event()
    speech = Speech((60, True))
    transcripts = hear_in_segments(recogniser.hear, speech.frames(), speech.gate)
    task = asyncio.ensure_future(anext(transcripts))
    await asyncio.sleep(0.05)
    before = len(asyncio.all_tasks())
    task.cancel()
    await asyncio.wait([task])
    await transcripts.aclose()  # type: ignore[attr-defined]
    assert len(asyncio.all_tasks()) < before
