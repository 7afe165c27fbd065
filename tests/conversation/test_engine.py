"""The engine with real organs that need no device: virtual microphone and speaker, a real journal in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from companion import days, tasks
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.conversation import following
from companion.conversation.engine import Engine, Organs
from companion.conversation.turn import Limits
from companion.conversation.written_answer import TurnProviders
from companion.days import When
from companion.errors import CompanionError, Kind
from companion.events import (
    DraftOffered,
    Event,
    Events,
    Phase,
    PhaseChanged,
    PhaseLingers,
    ReplyDelta,
    ReplyEnded,
    SentenceHeard,
    TakeDiscarded,
    Trouble,
    TroubleCleared,
    TurnFinished,
    UserSaid,
    WordHeard,
)
from companion.flow import Audio, ChatDelta, Message, Speaker, SpokenWord, Transcript, Usage
from companion.journal.store import SqlJournal, open_in_memory
from companion.kinds import ReplyState, Role
from companion.pcm import tone
from companion.practices import find_practice
from companion.segment import SpeechGate

pytestmark = pytest.mark.virtual_clock
SPEECH = Path(__file__).parent.parent / "data" / "austen-0890.wav"
ANSWER = "You noticed something today. That counts for a lot. What would you like to keep of it?"
T = TypeVar("T", bound=Event)


@dataclass
class Desk:
    """An engine, what it works with, and what it told."""

    journal: SqlJournal
    player: CapturingPlayer
    microphone: FileMicrophone
    seen: list[Event] = field(default_factory=list)
    prompts: list[tuple[Message, ...]] = field(default_factory=list)
    think: Callable[[tuple[Message, ...], str], AsyncIterator[ChatDelta]] | None = None
    hear: Callable[[AsyncIterator[bytes]], AsyncIterator[Transcript]] | None = None
    speak: Callable[[str], AsyncIterator[Audio]] | None = None
    speak_stream: Callable[[AsyncIterator[str]], AsyncIterator[Audio]] | None = None
    limits: Limits = Limits(tail_s=0.02)  # noqa: RUF009 - frozen
    review: bool = False
    names: dict[str, str] = field(default_factory=lambda: {"llm": "test/model"})
    engine: Engine = field(init=False)

    def build(self) -> Desk:
        def fail(error: BaseException) -> None:
            raise error

        events = Events(fail)
        events.watch(self.seen.append)

        @asynccontextmanager
        async def journal() -> AsyncIterator[SqlJournal]:
            yield self.journal

        self.engine = Engine(
            Organs(
                microphone=lambda: self.microphone,
                player=lambda: self.player,
                gate=SpeechGate,
                journal=journal,
                providers=self.engines,
                limits=lambda: self.limits,
                review_first=lambda: self.review,
            ),
            events,
            find_practice("open-reflection"),
        )
        return self

    def engines(self, offline: frozenset[Role]) -> TurnProviders:
        def think(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
            self.prompts.append(messages)
            return (
                answer() if Role.THINKS in offline or self.think is None else self.think(messages, practice)
            )

        return TurnProviders(
            think=think,
            hear=self.hear or (lambda frames: heard(frames, "unless to be rather cold hearted")),
            speak=self.speak or spoken,
            speak_stream=self.speak_stream,
            names=self.names,
            cost_usd=lambda usage: usage.output_tokens / 1000,
        )

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.seen if isinstance(event, kind)]

    async def until(self, kind: type[T], count: int = 1, **match: Any) -> T:
        async with asyncio.timeout(20):
            while True:
                found = [e for e in self.of(kind) if all(getattr(e, n) == v for n, v in match.items())]
                if len(found) >= count:
                    return found[count - 1]
                await asyncio.sleep(0.005)

    async def talk(self) -> None:
        """Holds the key while the recording is spoken."""
        self.engine.press()
        await self.until(PhaseChanged, phase=Phase.LISTENING, turn=self.engine.state.turn)
        await self.microphone.ended.wait()
        self.engine.release()


async def heard(frames: AsyncIterator[bytes], text: str) -> AsyncIterator[Transcript]:
    async for _ in frames:
        pass
    yield Transcript(text=text[:6])
    yield Transcript(text=text, is_final=True)


async def answer(text: str = ANSWER, *, pause_s: float = 0.0) -> AsyncIterator[ChatDelta]:
    for at, word in enumerate(text.split(" ")):
        yield ChatDelta(text=" " * bool(at) + word)
        await asyncio.sleep(pause_s)
    yield ChatDelta(finish_reason="stop", usage=Usage(input_tokens=9, output_tokens=20), model="model")


async def spoken(text: str) -> AsyncIterator[Audio]:
    yield tone(len(text) / 60)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk(
        await open_in_memory(), CapturingPlayer(realtime=False), FileMicrophone(SPEECH, realtime=False)
    )
    made.limits = Limits(tail_s=0.02, tap_s=0.0)
    made.build()
    yield made
    await made.engine.close()
    await made.journal.close()


async def test_a_spoken_turn_is_heard_answered_spoken_and_kept(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    await desk.talk()
    finished = await desk.until(TurnFinished)
    assert desk.of(UserSaid)[0].text == "unless to be rather cold hearted"
    assert "".join(delta.text for delta in desk.of(ReplyDelta)) == ANSWER
    assert finished.saved
    assert finished.record.reply_state is ReplyState.WHOLE
    assert finished.record.heard_text == ANSWER
    assert finished.record.cost_usd == 0.02
    assert desk.player.audio().seconds == pytest.approx(len(ANSWER) / 60, rel=0.1)
    kept = await desk.journal.turns(finished.record.session_id)
    assert [(turn.user_text, turn.reply_text) for turn in kept] == [(desk.of(UserSaid)[0].text, ANSWER)]
    assert await desk.journal.waiting_takes() == []
    phases = [event.phase for event in desk.of(PhaseChanged)]
    order = [Phase.ARMING, Phase.LISTENING, Phase.TRANSCRIBING, Phase.THINKING, Phase.SPEAKING, Phase.READY]
    assert [phase for at, phase in enumerate(phases) if phases[at - 1 : at] != [phase]] == order
    assert desk.engine.state.phase is Phase.READY


async def test_typed_words_are_answered_like_spoken_ones(desk: Desk) -> None:
    assert desk.engine.submit("  I wrote this.  ")
    finished = await desk.until(TurnFinished)
    assert finished.record.user_text == "I wrote this."
    assert [m.role for m in desk.prompts[0]] == [Speaker.SYSTEM, Speaker.USER]
    assert not desk.engine.submit("   "), "nothing to send"


async def test_what_is_read_ahead_is_what_is_asked_later(desk: Desk) -> None:
    """A model of this computer reads a second or more at what it did not read before."""
    ahead = desk.engine.next_question()
    await desk.talk()
    await desk.until(TurnFinished)
    assert desk.prompts[0][: len(ahead)] == ahead


async def test_what_is_said_on_another_day_belongs_to_another_session(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = None
    for number in (1, 2):
        await desk.talk()
        record = (await desk.until(TurnFinished, count=number)).record
        tomorrow = When(record.at + 24 * 3600, record.offset_s or 0)
        monkeypatch.setattr(days, "now", lambda: tomorrow)  # noqa: B023 - the next one is set after it was read
        assert record.session_id != last
        last = record.session_id
    assert [m.role for m in desk.prompts[1]] == [Speaker.SYSTEM, Speaker.USER], "nothing of the day before"


async def test_a_take_across_midnight_belongs_to_the_day_it_began(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = When(1_773_619_190.0, 0), When(1_773_619_210.0, 0)
    monkeypatch.setattr(days, "now", lambda: before)
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    monkeypatch.setattr(days, "now", lambda: after)
    await desk.microphone.ended.wait()
    desk.engine.release()
    record = (await desk.until(TurnFinished)).record
    (session,) = await desk.journal.sessions()
    assert (session.started_at, record.at) == (before.at, after.at)
    assert When.of(session.started_at, session.offset_s).weekday == "Sunday"


async def test_a_barge_in_after_midnight_leaves_the_answer_in_its_own_session(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.player = CapturingPlayer(realtime=True)
    desk.engine.submit("Late words.")
    await desk.until(SentenceHeard)
    said = desk.of(UserSaid)[0]
    monkeypatch.setattr(days, "now", lambda: When(said.at + 24 * 3600, said.offset_s or 0))
    desk.engine.submit("Early words.")
    first = await desk.until(TurnFinished)
    second = await desk.until(TurnFinished, count=2)
    assert (first.record.user_text, first.record.reply_state) == ("Late words.", ReplyState.INTERRUPTED)
    assert (second.record.user_text, second.record.reply_state) == ("Early words.", ReplyState.WHOLE)
    kept = [await desk.journal.turns(session.id) for session in await desk.journal.sessions()]
    assert [[turn.user_text for turn in turns] for turns in kept] == [["Early words."], ["Late words."]]


async def test_words_are_in_the_journal_before_they_are_sent(desk: Desk) -> None:
    kept_when_asked: list[str] = []

    async def think(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        for session in await desk.journal.sessions():
            kept_when_asked.extend(turn.user_text for turn in await desk.journal.turns(session.id))
        yield ChatDelta(text="Yes.", finish_reason="stop")

    desk.think = think
    desk.engine.submit("keep this first")
    await desk.until(TurnFinished)
    assert kept_when_asked == ["keep this first"]


async def test_an_interrupted_answer_is_kept_and_sent_as_it_was_heard(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    desk.engine.submit("first")
    await desk.until(SentenceHeard)
    await asyncio.sleep(0.25)
    desk.engine.submit("second")
    first = await desk.until(TurnFinished)
    await desk.until(TurnFinished, count=2)
    assert first.record.reply_state is ReplyState.INTERRUPTED
    assert 0 < len(first.record.heard_text) < len(first.record.reply_text)
    assert first.record.reply_text.startswith(first.record.heard_text)
    said = [m.content for m in desk.prompts[1] if m.role is Speaker.ASSISTANT]
    assert said == [first.record.heard_text]


async def test_who_silences_the_voice_to_read_has_read_the_answer(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    desk.engine.submit("first")
    await desk.until(SentenceHeard)
    desk.engine.read_on()
    assert desk.engine.state.phase is Phase.THINKING
    finished = await desk.until(TurnFinished)
    assert finished.record.reply_state is ReplyState.WHOLE
    assert finished.record.heard_text == finished.record.reply_text == ANSWER
    assert not desk.of(Trouble)
    assert len(desk.of(SentenceHeard)) == 1
    desk.engine.submit("second")
    await desk.until(TurnFinished, count=2)
    assert [m.content for m in desk.prompts[1] if m.role is Speaker.ASSISTANT] == [ANSWER]


async def test_a_voice_that_fails_holds_no_text_back(desk: Desk) -> None:
    async def mute(text: str) -> AsyncIterator[Audio]:
        raise CompanionError(Kind.VOICE_FAILED, who="The voice")
        yield tone()

    desk.speak = mute
    desk.engine.submit("hello")
    finished = await desk.until(TurnFinished)
    assert finished.record.heard_text == finished.record.reply_text == ANSWER
    assert [(event.error.kind, event.role) for event in desk.of(Trouble)] == [
        (Kind.VOICE_FAILED, Role.SPEAKS)
    ]


async def test_a_voice_that_fails_in_the_middle_is_not_shown_as_speaking(desk: Desk) -> None:
    async def breaks(text: str) -> AsyncIterator[Audio]:
        yield tone()
        await desk.until(PhaseChanged, phase=Phase.SPEAKING)
        raise CompanionError(Kind.VOICE_FAILED, who="The voice")

    desk.speak, desk.player = breaks, CapturingPlayer(realtime=True)
    desk.engine.submit("hello")
    await desk.until(TurnFinished)
    phases = [event.phase for event in desk.of(PhaseChanged)]
    assert phases[phases.index(Phase.SPEAKING) + 1] is Phase.THINKING


async def test_a_voice_that_takes_text_as_it_is_written_is_given_the_sentences(desk: Desk) -> None:
    given: list[str] = []

    async def stream(pieces: AsyncIterator[str]) -> AsyncIterator[Audio]:
        index = 0
        async for piece in pieces:
            given.append(piece)
            yield replace(tone(len(piece) / 60), piece=index)
            index += 1

    desk.speak_stream = stream
    desk.player = CapturingPlayer(realtime=True)
    desk.engine.submit("hello")
    await desk.until(SentenceHeard, count=2)
    desk.engine.cancel()
    finished = await desk.until(TurnFinished)
    assert " ".join(given) == ANSWER
    assert [e.sentence.text.strip() for e in desk.of(SentenceHeard)] == given[: len(desk.of(SentenceHeard))]
    heard_text = finished.record.heard_text
    assert given[0] in heard_text, "the first sentence was heard whole"
    assert ANSWER.startswith(heard_text)
    assert heard_text != ANSWER


async def test_words_survive_a_model_that_fails_and_are_answered_on_retry(desk: Desk) -> None:
    async def refuse(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        raise CompanionError(Kind.KEY_REFUSED, who="Anthropic")
        yield ChatDelta()

    desk.think = refuse
    desk.engine.submit("do not lose this")
    failed = await desk.until(TurnFinished)
    assert desk.of(Trouble)[0].error.message == "Anthropic did not accept the key."
    desk.engine.retry(frozenset({Role.THINKS}))
    again = await desk.until(TurnFinished, count=2)
    assert again.record.id == failed.record.id
    assert len(desk.of(UserSaid)) == 1, "the words are shown once"
    kept = await desk.journal.turns(again.record.session_id)
    assert [(turn.user_text, turn.reply_text) for turn in kept] == [("do not lose this", ANSWER)]
    assert [m.content for m in desk.prompts[1] if m.role is Speaker.USER] == ["do not lose this"]


async def test_a_stream_that_ends_early_keeps_what_came_and_says_so(desk: Desk) -> None:
    async def cut(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text="Half an answer, and then")

    desk.think = cut
    desk.engine.submit("go on")
    finished = await desk.until(TurnFinished)
    assert finished.record.reply_state is ReplyState.CUT_OFF
    assert finished.record.heard_text == "Half an answer, and then"
    assert desk.of(Trouble)[0].error.kind is Kind.CUT_OFF


async def test_an_empty_answer_is_no_answer(desk: Desk) -> None:
    async def nothing(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text="  ", finish_reason="stop")

    desk.think = nothing
    desk.engine.submit("hello")
    await desk.until(TurnFinished)
    assert desk.of(Trouble)[0].error.kind is Kind.EMPTY_REPLY


async def test_a_take_survives_a_recogniser_that_fails(desk: Desk) -> None:
    async def deaf(frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
        async for _ in frames:
            pass
        raise CompanionError(Kind.UNREACHABLE, who="Deepgram")
        yield Transcript(text="")

    desk.hear = deaf
    await desk.talk()
    await desk.until(Trouble)
    await desk.until(PhaseChanged, phase=Phase.READY)
    waiting = await desk.journal.waiting_takes()
    assert len(waiting) == 1
    assert waiting[0].seconds > 4
    desk.hear = None
    desk.engine.retry()
    finished = await desk.until(TurnFinished)
    assert finished.record.user_text == "unless to be rather cold hearted"
    assert await desk.journal.waiting_takes() == [], "the words are known, the recording goes"


async def test_silence_is_never_sent(desk: Desk) -> None:
    desk.microphone = FileMicrophone(Audio(pcm=bytes(32_000), rate_hz=16_000), realtime=False)
    await desk.talk()
    await desk.until(TakeDiscarded)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert desk.prompts == []
    assert desk.of(Trouble)[0].error.kind in (Kind.HEARD_NOTHING, Kind.MICROPHONE_SILENT)
    assert await desk.journal.waiting_takes() == []


async def test_a_silent_microphone_is_told_once_in_a_take(desk: Desk) -> None:
    desk.microphone = FileMicrophone(Audio(pcm=bytes(3 * 32_000), rate_hz=16_000), realtime=False)
    await desk.talk()
    await desk.until(TakeDiscarded)
    assert [each.error.kind for each in desk.of(Trouble)] == [Kind.MICROPHONE_SILENT]


async def test_a_microphone_that_wakes_up_takes_its_card_away(desk: Desk) -> None:
    pcm = bytes(3 * 32_000) + b"\x00\x10\x00\xf0" * 8_000
    desk.microphone = FileMicrophone(Audio(pcm=pcm, rate_hz=16_000), realtime=False)
    await desk.talk()
    await desk.until(TroubleCleared, kinds=frozenset({Kind.MICROPHONE_SILENT}))


async def test_words_spoken_while_the_last_are_transcribed_belong_together(desk: Desk) -> None:
    gate, texts = asyncio.Event(), iter(["the first half", "and the second"])

    async def slow(frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
        text = next(texts)
        async for _ in frames:
            pass
        if text == "the first half":
            await gate.wait()
        yield Transcript(text=text, is_final=True)

    desk.hear = slow
    await desk.talk()
    await desk.until(PhaseChanged, phase=Phase.TRANSCRIBING)
    await desk.talk()
    gate.set()
    finished = await desk.until(TurnFinished)
    assert finished.record.user_text == "the first half and the second"
    assert len(desk.prompts) == 1


async def test_with_review_the_words_wait_in_the_composer(desk: Desk) -> None:
    desk.review = True
    await desk.talk()
    draft = await desk.until(DraftOffered)
    assert draft.text == "unless to be rather cold hearted"
    assert desk.prompts == []
    assert len(await desk.journal.waiting_takes()) == 1, (
        "until the words are sent, the recording is the safe copy"
    )
    desk.engine.submit(draft.text)
    await desk.until(TurnFinished)
    assert await desk.journal.waiting_takes() == []


async def test_reviewed_words_that_are_thrown_away_leave_no_recording(desk: Desk) -> None:
    desk.review = True
    await desk.talk()
    await desk.until(DraftOffered)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert len(await desk.journal.waiting_takes()) == 1, "until they are sent they can be heard again"
    desk.engine.forget_draft()
    async with asyncio.timeout(10):
        while await desk.journal.waiting_takes():  # noqa: ASYNC110 - forgotten in the background
            await asyncio.sleep(0.005)
    assert desk.prompts == []


async def test_a_take_the_computer_slept_through_is_kept_and_can_be_heard(desk: Desk) -> None:
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    await desk.microphone.ended.wait()
    assert desk.engine.slept()
    await desk.until(PhaseChanged, phase=Phase.READY)
    async with asyncio.timeout(10):
        while len(await desk.journal.waiting_takes()) != 1:  # noqa: ASYNC110 - sealed in the background
            await asyncio.sleep(0.005)
    desk.engine.go_on()
    record = (await desk.until(TurnFinished)).record
    assert record.user_text == "unless to be rather cold hearted"
    assert await desk.journal.waiting_takes() == []


async def test_nothing_under_way_sleeps_well(desk: Desk) -> None:
    assert not desk.engine.slept()
    desk.engine.submit("Hello.")
    await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert not desk.engine.slept()


async def test_a_key_without_release_holds_a_whole_turn(desk: Desk) -> None:
    desk.engine.toggle()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    await desk.microphone.ended.wait()
    desk.engine.toggle()
    assert (await desk.until(TurnFinished)).record.user_text == "unless to be rather cold hearted"


async def test_words_of_a_voice_that_times_them_are_told_and_decide_what_was_heard(desk: Desk) -> None:
    async def timed(text: str) -> AsyncIterator[Audio]:
        words, at_s = [], 0.0
        for word in text.split():
            words.append(SpokenWord(text=word, start_s=at_s, end_s=at_s + 0.2))
            at_s += 0.2
        yield replace(tone(at_s + 3.0), words=tuple(words))  # a long silence after the last word

    desk.speak, desk.player = timed, CapturingPlayer(realtime=True)
    desk.engine.submit("Hello.")
    await desk.until(WordHeard, count=3)
    desk.engine.cancel()
    record = (await desk.until(TurnFinished)).record
    told = [ANSWER[event.start : event.end] for event in desk.of(WordHeard)]
    assert told == ["You", "noticed", "something", "today"][: len(told)]
    assert record.reply_state is ReplyState.INTERRUPTED
    assert record.heard_text.split()[-1].strip(".") in told[-2:]


async def test_speaking_without_a_sound_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "STARVED_S", 0.1)
    goes_on = asyncio.Event()

    async def halting(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text="A first sentence is here. ")
        await goes_on.wait()
        yield ChatDelta(text="The rest came late.")
        yield ChatDelta(finish_reason="stop")

    desk.think = halting
    desk.engine.submit("Hello.")
    await desk.until(PhaseLingers, phase=Phase.SPEAKING)
    goes_on.set()
    await desk.until(TurnFinished)
    assert len(desk.of(PhaseLingers)) == 1


async def test_escape_discards_the_take(desk: Desk) -> None:
    desk.engine.press()
    await desk.until(PhaseChanged, phase=Phase.LISTENING)
    desk.engine.cancel()
    await desk.until(TakeDiscarded)
    await asyncio.sleep(0.05)
    assert await desk.journal.waiting_takes() == []
    assert desk.prompts == []


async def test_closing_in_the_middle_saves_what_was_heard(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    desk.engine.submit("first")
    await desk.until(SentenceHeard)
    await desk.engine.close()
    session = (await desk.journal.sessions())[0]
    turn = (await desk.journal.turns(session.id))[0]
    assert turn.user_text == "first"
    assert turn.reply_state is ReplyState.INTERRUPTED


async def test_a_journal_that_fails_is_told_once_and_tried_again(desk: Desk) -> None:
    real = desk.journal.save_user

    async def full(*_: object) -> int:
        raise CompanionError(Kind.DISK_FULL)

    desk.journal.save_user = full  # type: ignore[assignment,method-assign]
    desk.engine.submit("not on disk yet")
    finished = await desk.until(TurnFinished)
    assert not finished.saved
    assert not desk.of(UserSaid)[0].saved
    assert [event.error.kind for event in desk.of(Trouble)] == [Kind.DISK_FULL]
    assert finished.record.reply_text == ANSWER, "the answer came all the same"
    desk.journal.save_user = real  # type: ignore[method-assign]
    desk.engine.retry()
    await desk.until(TroubleCleared, count=2)  # the first one came with the turn
    turns = await desk.journal.turns((await desk.journal.sessions())[0].id)
    assert [turn.user_text for turn in turns] == ["not on disk yet"]


async def test_an_error_nobody_foresaw_ends_the_turn_and_keeps_the_words(desk: Desk) -> None:
    async def broken(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text="So far")
        raise ZeroDivisionError

    reported: list[BaseException] = []
    tasks.report_to(reported.append)
    try:
        desk.think = broken
        desk.engine.submit("hello")
        await desk.until(TurnFinished)
        await desk.until(PhaseChanged, phase=Phase.READY)
    finally:
        tasks.report_to(None)
    assert [type(error) for error in reported] == [ZeroDivisionError]
    kept = await desk.journal.turns((await desk.journal.sessions())[0].id)
    assert (kept[0].user_text, kept[0].reply_text) == ("hello", "So far")


async def test_words_that_are_taken_back_at_once_are_kept_all_the_same(desk: Desk) -> None:
    desk.engine.submit("said, and interrupted before anything could begin")
    desk.engine.cancel()
    finished = await desk.until(TurnFinished)
    assert finished.record.reply_state is ReplyState.INTERRUPTED
    kept = await desk.journal.turns((await desk.journal.sessions())[0].id)
    assert [turn.user_text for turn in kept] == ["said, and interrupted before anything could begin"]
    assert desk.prompts == [], "nothing was sent"


async def test_a_hundred_interruptions_leave_nothing_behind(desk: Desk) -> None:
    before = len(asyncio.all_tasks())
    for index in range(100):
        desk.engine.submit(f"turn {index}")
        await asyncio.sleep(0.003 * (index % 4))
    desk.engine.cancel()
    await desk.engine.settle()
    await asyncio.sleep(0.05)
    assert desk.engine.state.phase is Phase.READY
    assert len(asyncio.all_tasks()) <= before
    assert all(event.turn <= 100 for event in desk.of(ReplyEnded))
