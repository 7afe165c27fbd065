"""An answer that turns out to have been thought aloud: it falls silent, leaves the page and the journal, and comes anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from companion.audio.virtual import CapturingPlayer
from companion.errors import CompanionError, Kind
from companion.events import ReplyDelta, ReplyTakenBack, SentenceHeard, TurnFinished
from companion.flow import Audio, ChatDelta, Message, Sentence
from companion.kinds import ReplyState
from companion.pcm import tone
from tests.conversation.test_engine import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.virtual_clock
THOUGHT = "The user greets me. I should ask what the day was like. Perhaps I keep it short, and friendly. "
ANSWER = "Good to hear from you. How was the day?"


def telling(desk: Desk, *, after: type[SentenceHeard | ReplyDelta] = ReplyDelta) -> asyncio.Event:
    """A model whose thoughts are told to be some once `after` has come; set: it ends its answer."""
    ends = asyncio.Event()

    async def think(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text=THOUGHT)
        await desk.until(after)
        yield ChatDelta(retracts=True, reasoning="Now.", text=ANSWER[:6])
        yield ChatDelta(text=ANSWER[6:])
        await ends.wait()
        yield ChatDelta(finish_reason="stop")

    desk.think = think
    return ends


def saying(desk: Desk, *, in_pieces: bool) -> list[str]:
    """What the voice was given, of whichever kind it is."""
    given: list[str] = []

    async def speak(text: str) -> AsyncIterator[Audio]:
        given.append(text)
        yield tone(len(text) / 60)

    async def speak_stream(pieces: AsyncIterator[str]) -> AsyncIterator[Audio]:
        at = 0
        async for text in pieces:
            given.append(text)
            yield Audio(pcm=tone(len(text) / 60).pcm, rate_hz=24_000, piece=at)
            at += 1

    desk.speak, desk.speak_stream = speak, speak_stream if in_pieces else None
    return given


def page(desk: Desk) -> str:
    """What stands on the page, from the events it is told."""
    text = ""
    for event in desk.seen:
        if isinstance(event, ReplyTakenBack):
            text = event.text
        elif isinstance(event, ReplyDelta):
            text += event.text
    return text


@pytest.mark.parametrize("in_pieces", [False, True], ids=["sentences", "stream"])
async def test_what_sounds_falls_silent_and_the_answer_is_heard_whole(desk: Desk, *, in_pieces: bool) -> None:
    desk.player = CapturingPlayer(realtime=True)
    given = saying(desk, in_pieces=in_pieces)
    telling(desk, after=SentenceHeard).set()
    desk.engine.submit("Hello.")
    record = (await desk.until(TurnFinished)).record
    assert (record.reply_text, record.heard_text, record.reply_state) == (ANSWER, ANSWER, ReplyState.WHOLE)
    assert page(desk) == ANSWER
    assert " ".join(given[given.index("Good to hear from you.") :]) == ANSWER
    thought, told = tone(len(THOUGHT) / 60).seconds, tone(len(ANSWER) / 60).seconds
    assert told - 0.1 < desk.player.audio().seconds < thought, "the thoughts were not said to their end"
    assert heard_after(desk) == ANSWER


def heard_after(desk: Desk) -> str:
    at = max(at for at, event in enumerate(desk.seen) if isinstance(event, ReplyTakenBack))
    sentences: list[Sentence] = [each.sentence for each in desk.seen[at:] if isinstance(each, SentenceHeard)]
    return "".join(sentence.text for sentence in sentences)


async def test_the_journal_has_none_of_it_even_before_the_answer_ends(desk: Desk) -> None:
    ends = telling(desk)
    desk.engine.submit("Hello.")
    await desk.until(ReplyTakenBack)
    await asyncio.sleep(0.5)
    (session,) = await desk.journal.sessions()
    (kept,) = await desk.journal.turns(session.id)
    assert kept.reply_text
    assert ANSWER.startswith(kept.reply_text)
    ends.set()
    await desk.until(TurnFinished)


async def test_a_barge_in_afterwards_counts_only_what_was_heard_of_the_answer(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    telling(desk, after=SentenceHeard)
    desk.engine.submit("Hello.")
    await desk.until(ReplyTakenBack)
    await desk.until(SentenceHeard, count=2)
    await asyncio.sleep(0.2)
    desk.engine.cancel()
    record = (await desk.until(TurnFinished)).record
    assert record.reply_state is ReplyState.INTERRUPTED
    assert record.reply_text == ANSWER
    assert record.heard_text
    assert ANSWER.startswith(record.heard_text)
    assert record.heard_text != ANSWER


async def test_what_was_held_and_never_told_is_dropped_without_a_word(desk: Desk) -> None:
    async def think(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text="  ")
        yield ChatDelta(retracts=True, text=ANSWER, finish_reason="stop")

    desk.think = think
    desk.engine.submit("Hello.")
    assert (await desk.until(TurnFinished)).record.reply_text == ANSWER


async def test_an_answer_of_thoughts_alone_is_empty_and_says_so(desk: Desk) -> None:
    async def think(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text=THOUGHT)
        yield ChatDelta(retracts=True, reasoning=".", finish_reason="stop")

    desk.think = think
    desk.engine.submit("Hello.")
    finished = await desk.until(TurnFinished)
    assert finished.record.reply_text == ""
    assert page(desk) == ""
    errors = [getattr(event, "error", None) for event in desk.seen]
    assert Kind.EMPTY_REPLY in [error.kind for error in errors if isinstance(error, CompanionError)]
