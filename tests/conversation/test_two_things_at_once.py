"""Two things at once: what comes second touches only itself, and no word that was said is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from companion.audio.virtual import FileMicrophone, FileTake
from companion.conversation import engine as engines
from companion.errors import CompanionError, Kind
from companion.events import (
    DraftOffered,
    Phase,
    PhaseChanged,
    TakeDiscarded,
    TranscriptHeard,
    Trouble,
    TroubleCleared,
    TurnFinished,
    UserSaid,
)
from companion.flow import Audio, ChatDelta, Message, Speaker, Transcript, TurnRecord
from companion.journal.store import open_in_memory
from companion.kinds import Role
from companion.practices import find_practice
from tests.conversation.test_engine import Desk, desk
from tests.waiting import until

__all__ = ["desk"]
pytestmark = pytest.mark.virtual_clock
WORDS = "something precious that I said"
SILENCE = Audio(pcm=bytes(64_000), rate_hz=16_000)


class Recogniser:
    """Hears one text after the other, each when it is let go."""

    def __init__(self, *texts: str) -> None:
        self._texts = iter(texts)
        self.goes_on = asyncio.Event()

    async def __call__(self, frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
        text = next(self._texts)
        async for _ in frames:
            pass
        await self.goes_on.wait()
        yield Transcript(text=text, is_final=True)


async def first_take_is_heard(desk: Desk, *texts: str) -> Recogniser:
    """The first take has ended, and its words are not known yet."""
    desk.hear = recogniser = Recogniser(*(texts or (WORDS, "and the second", "and the third")))
    await desk.talk()
    await desk.until(PhaseChanged, phase=Phase.TRANSCRIBING)
    return recogniser


async def kept(desk: Desk) -> list[list[TurnRecord]]:
    """The turns of each session, the oldest first."""
    sessions = reversed(await desk.journal.sessions())
    return [list(await desk.journal.turns(session.id)) for session in sessions]


# -- a second press -----------------------------------------------------------------------------------------


async def listening(desk: Desk) -> None:
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING, turn=2)


async def press_that_fails(desk: Desk) -> None:
    async def busy() -> FileTake:
        raise CompanionError(Kind.MICROPHONE_BUSY)

    desk.microphone.open = busy  # type: ignore[method-assign]
    desk.engine.press()
    await desk.until(Trouble)


async def press_and_escape(desk: Desk) -> None:
    await listening(desk)
    desk.engine.cancel()


async def press_of_silence(desk: Desk) -> None:
    desk.microphone = FileMicrophone(SILENCE, realtime=False)
    await desk.talk()


async def press_that_is_hushed(desk: Desk) -> None:
    desk.engine.press()
    desk.engine.hush()


async def press_and_focus_lost(desk: Desk) -> None:
    desk.microphone = FileMicrophone(SILENCE, realtime=False)
    await listening(desk)
    desk.engine.focus_lost()


SECOND = [press_that_fails, press_and_escape, press_of_silence, press_that_is_hushed, press_and_focus_lost]


@pytest.mark.parametrize("second", SECOND)
async def test_a_second_press_that_comes_to_nothing_loses_no_word_of_the_first(
    desk: Desk, second: Callable[[Desk], Any]
) -> None:
    recogniser = await first_take_is_heard(desk, WORDS, "", "")
    await second(desk)
    recogniser.goes_on.set()
    finished = await desk.until(TurnFinished)
    assert finished.record.user_text == WORDS
    assert [event.text for event in desk.of(UserSaid)] == [WORDS]
    await desk.until(PhaseChanged, phase=Phase.READY)


async def test_a_first_take_that_is_not_understood_is_kept_while_the_second_is_answered(desk: Desk) -> None:
    goes_on, calls = asyncio.Event(), iter((CompanionError(Kind.UNREACHABLE), None))

    async def hear(frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
        error = next(calls)
        async for _ in frames:
            pass
        await goes_on.wait()
        if error is not None:
            raise error
        yield Transcript(text="the second", is_final=True)

    desk.hear = hear
    await desk.talk()
    await desk.until(PhaseChanged, phase=Phase.TRANSCRIBING)
    await desk.talk()
    goes_on.set()
    assert (await desk.until(TurnFinished)).record.user_text == "the second"
    assert [event.error.kind for event in desk.of(Trouble)] == [Kind.UNREACHABLE]
    await until(lambda: desk.engine.state.phase is Phase.READY)
    assert len(await desk.journal.waiting_takes()) == 1, "the first can still be written down"


async def test_sleep_keeps_both_takes_and_they_are_heard_together(desk: Desk) -> None:
    await first_take_is_heard(desk)
    await listening(desk)
    await desk.microphone.ended.wait()
    assert desk.engine.slept()
    await desk.until(PhaseChanged, phase=Phase.READY)
    desk.hear = Recogniser(WORDS, "and the second")
    desk.hear.goes_on.set()
    desk.engine.go_on()
    text = (await desk.until(TurnFinished)).record.user_text
    assert sorted(text.split()) == sorted(f"{WORDS} and the second".split())
    assert await desk.journal.waiting_takes() == []


# -- what comes between -------------------------------------------------------------------------------------


async def test_a_new_reflection_keeps_what_is_being_heard_in_the_one_before(desk: Desk) -> None:
    recogniser = await first_take_is_heard(desk)
    desk.engine.begin(find_practice("gratitude"))
    assert desk.engine.state.phase is Phase.READY, "nobody waits for it"
    desk.engine.submit("the first words of the new one")
    await desk.until(TurnFinished)
    recogniser.goes_on.set()
    late = await desk.until(UserSaid, is_of_before=True)
    assert late.text == WORDS
    await desk.until(TurnFinished, is_of_before=True)
    assert {tuple(turn.user_text for turn in turns) for turns in await kept(desk)} == {
        ("the first words of the new one",),
        (WORDS,),
    }
    assert all(WORDS not in message.content for prompt in desk.prompts for message in prompt)
    assert await desk.journal.waiting_takes() == []


async def test_a_new_reflection_in_the_middle_of_a_take_keeps_its_words(desk: Desk) -> None:
    desk.hear = Recogniser(WORDS)
    desk.hear.goes_on.set()
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    await desk.microphone.ended.wait()
    desk.engine.begin(find_practice("gratitude"))
    assert (await desk.until(UserSaid)).text == WORDS
    assert desk.prompts == []


async def test_words_that_are_spoken_on_belong_to_the_new_reflection(desk: Desk) -> None:
    recogniser = await first_take_is_heard(desk)
    desk.engine.begin(find_practice("gratitude"))
    await desk.talk()
    recogniser.goes_on.set()
    await desk.until(TurnFinished, count=2)
    assert sorted(turns[0].user_text for turns in await kept(desk)) == ["and the second", WORDS]


@pytest.mark.parametrize("hushes", [1, 3])
async def test_something_else_that_wants_to_be_heard_finishes_the_take(desk: Desk, hushes: int) -> None:
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    await desk.microphone.ended.wait()
    for _ in range(hushes):
        desk.engine.hush()
    assert (await desk.until(UserSaid)).text == "unless to be rather cold hearted"


async def test_something_else_silences_the_answer_and_keeps_it(desk: Desk) -> None:
    desk.engine.submit("hello")
    await desk.until(PhaseChanged, phase=Phase.THINKING)
    desk.engine.hush()
    await desk.until(TurnFinished)
    assert [turn.user_text for turn in (await kept(desk))[0]] == ["hello"]


# -- escape, and what it can take back ----------------------------------------------------------------------


async def thrown_away(desk: Desk) -> None:
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    await desk.microphone.ended.wait()
    desk.engine.cancel()
    assert (await desk.until(TakeDiscarded)).can_undo


async def test_a_take_that_was_thrown_away_can_be_taken_back(desk: Desk) -> None:
    await thrown_away(desk)
    assert await desk.journal.waiting_takes() == [], "it waits for nobody"
    assert desk.engine.undo_discard()
    assert (await desk.until(TurnFinished)).record.user_text == "unless to be rather cold hearted"
    assert not desk.engine.undo_discard(), "once"


async def test_words_that_were_being_heard_can_be_taken_back_too(desk: Desk) -> None:
    recogniser = await first_take_is_heard(desk, "never heard to the end", WORDS)
    desk.engine.cancel()
    assert desk.of(TakeDiscarded)[-1].can_undo
    recogniser.goes_on.set()
    desk.engine.undo_discard()
    assert (await desk.until(UserSaid)).text == WORDS


async def test_taken_back_while_something_else_is_said_it_comes_before_that(desk: Desk) -> None:
    desk.hear = recogniser = Recogniser(WORDS, "and the second", "and the third")
    recogniser.goes_on.set()
    await thrown_away(desk)
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING, turn=2)
    assert desk.engine.undo_discard()
    await desk.microphone.ended.wait()
    desk.engine.release()
    text = (await desk.until(UserSaid)).text
    assert len(text.split()) == len(f"{WORDS} and the second".split()) or "third" in text
    assert len(desk.of(UserSaid)) == 1


async def test_after_a_while_it_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "UNDO_S", 0.05)
    await thrown_away(desk)
    await asyncio.sleep(0.1)
    assert not desk.engine.undo_discard()
    assert await desk.journal.waiting_takes() == []


async def test_silence_that_is_thrown_away_needs_no_undo(desk: Desk) -> None:
    desk.microphone = FileMicrophone(SILENCE, realtime=False)
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    desk.engine.cancel()
    assert not (await desk.until(TakeDiscarded)).can_undo
    assert not desk.engine.undo_discard()


# -- silence stays here -------------------------------------------------------------------------------------


async def waiting(desk: Desk, audio: Audio) -> str:
    spool = desk.journal.spool()
    for at in range(0, len(audio.pcm), 640):
        spool.write(audio.pcm[at : at + 640])
    await spool.finish()
    return spool.id


async def test_a_waiting_recording_without_speech_goes_to_nobody_and_stays(desk: Desk) -> None:
    asked: list[str] = []

    async def hear(frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
        asked.append("asked")
        yield Transcript(text="thank you for watching", is_final=True)

    desk.hear = hear
    take_id = await waiting(desk, SILENCE)
    await desk.engine.hear_waiting()
    await desk.until(PhaseChanged, phase=Phase.TRANSCRIBING)
    await until(lambda: desk.engine.state.phase is Phase.READY)
    assert asked == []
    assert [event.error.kind for event in desk.of(Trouble)] == [Kind.HEARD_NOTHING]
    assert [take.id for take in await desk.journal.waiting_takes()] == [take_id]
    assert desk.of(UserSaid) == []


async def test_a_take_of_silence_is_not_kept_when_the_app_ends(desk: Desk) -> None:
    desk.microphone = FileMicrophone(SILENCE, realtime=False)
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    await desk.microphone.ended.wait()
    await desk.engine.close()
    assert await desk.journal.waiting_takes() == []


# -- what cannot be saved -----------------------------------------------------------------------------------


async def test_a_full_disk_and_a_failing_model_in_one_turn_write_the_words_once(desk: Desk) -> None:
    real, is_full = desk.journal.save_user, True

    async def save_user(*given: Any) -> int:
        if is_full:
            raise CompanionError(Kind.DISK_FULL)
        return await real(*given)

    async def refuse(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        raise CompanionError(Kind.KEY_REFUSED, who="Anthropic")
        yield ChatDelta()

    desk.journal.save_user = save_user  # type: ignore[method-assign]
    desk.think = refuse
    desk.engine.submit("once")
    await desk.until(TurnFinished)
    is_full = False
    desk.engine.retry(frozenset({Role.THINKS}))
    assert (await desk.until(TurnFinished, count=2)).saved
    await desk.engine.close()
    assert [[turn.user_text for turn in turns] for turns in await kept(desk)] == [["once"]]
    assert len(desk.of(UserSaid)) == 1


async def test_what_could_not_be_saved_is_as_soon_as_there_is_room(desk: Desk) -> None:
    real, is_full = desk.journal.save_user, True

    async def save_user(*given: Any) -> int:
        if is_full:
            raise CompanionError(Kind.DISK_FULL)
        return await real(*given)

    desk.journal.save_user = save_user  # type: ignore[method-assign]
    for number, words in enumerate(("one", "two"), 1):
        desk.engine.submit(words)
        await desk.until(TurnFinished, count=number)
        await until(lambda: desk.engine.state.phase is Phase.READY)
    cleared = len(desk.of(TroubleCleared))
    is_full = False
    await until(lambda: len(desk.of(TroubleCleared)) > cleared)
    assert [[turn.user_text for turn in turns] for turns in await kept(desk)] == [["one", "two"]]
    assert [each.error.kind for each in desk.of(Trouble)] == [Kind.DISK_FULL] * 2, "nobody is told twice"


async def test_saving_again_that_fails_again_is_told_again(desk: Desk) -> None:
    async def full(*_: Any) -> int:
        raise CompanionError(Kind.DISK_FULL)

    desk.journal.save_user = full  # type: ignore[assignment,method-assign]
    desk.engine.submit("not on disk")
    await desk.until(TurnFinished)
    await until(lambda: desk.engine.state.phase is Phase.READY)
    assert len(desk.of(Trouble)) == 1
    desk.engine.retry()
    assert (await desk.until(Trouble, count=2)).error.kind is Kind.DISK_FULL


async def test_turns_after_one_that_could_not_be_saved_end_and_are_kept_in_order(desk: Desk) -> None:
    real, is_full = desk.journal.save_user, True

    async def save_user(*given: Any) -> int:
        if is_full:
            raise CompanionError(Kind.DISK_FULL)
        return await real(*given)

    desk.journal.save_user = save_user  # type: ignore[method-assign]
    for number, words in enumerate(("one", "two", "three"), 1):
        is_full = number < 3
        desk.engine.submit(words)
        finished = await desk.until(TurnFinished, count=number)
        await until(lambda: desk.engine.state.phase is Phase.READY)
    assert finished.saved
    assert [[turn.user_text for turn in turns] for turns in await kept(desk)] == [["one", "two", "three"]]


# -- another journal ----------------------------------------------------------------------------------------


async def test_a_turn_is_written_to_the_journal_it_began_in(desk: Desk) -> None:
    goes_on = asyncio.Event()

    async def think(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text="A first part. ")
        await goes_on.wait()
        yield ChatDelta(text="The rest.", finish_reason="stop")

    desk.think = think
    desk.engine.submit("begun in the first")
    await desk.until(UserSaid)
    first, second = desk.journal, await open_in_memory()
    desk.journal = second
    desk.engine.leave_session()
    goes_on.set()
    await desk.until(TurnFinished)
    desk.engine.submit("said in the second")
    await desk.until(TurnFinished, count=2)
    said = [message.content for message in desk.prompts[-1] if message.role is Speaker.USER]
    assert said == ["begun in the first", "said in the second"], "the conversation goes on"
    assert [[turn.user_text for turn in turns] for turns in await kept(desk)] == [["said in the second"]]
    desk.journal = first
    assert [turn.reply_text for turn in (await kept(desk))[0]] == ["A first part. The rest."]
    await second.close()


async def test_with_review_a_new_reflection_still_keeps_what_was_said(desk: Desk) -> None:
    desk.review = True
    recogniser = await first_take_is_heard(desk)
    desk.engine.begin(find_practice("gratitude"))
    recogniser.goes_on.set()
    assert (await desk.until(UserSaid, is_of_before=True)).text == WORDS
    assert desk.of(DraftOffered) == []
    assert [event.transcript.text for event in desk.of(TranscriptHeard)] == [WORDS]
