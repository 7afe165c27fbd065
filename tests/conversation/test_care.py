"""Care around every thinker: help is shown and the written words come first, whoever answers, and also when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import NoReturn

import pytest

from companion.audio.virtual import CapturingPlayer
from companion.care import watch
from companion.care.replies import STOPPED
from companion.conversation.written_answer import TurnProviders
from companion.errors import CompanionError, Kind
from companion.events import (
    CareEased,
    CareOffered,
    Phase,
    PhaseChanged,
    ReplyEnded,
    SentenceHeard,
    TurnFinished,
)
from companion.flow import Audio, ChatDelta, Message, TurnRecord
from companion.kinds import Concern, ReplyState, Role, Severity
from companion.pcm import tone
from companion.tasks import report_to
from tests.conversation import test_realtime
from tests.conversation.test_engine import ANSWER, Desk, desk, heard
from tests.conversation.test_realtime import desk as voice_desk
from tests.reliability.proof import prove

__all__ = ["desk", "voice_desk"]
pytestmark = pytest.mark.virtual_clock
PLAIN = "I want to kill myself"
IMMINENT = "I have the pills in my hand and I want to die"
SAFE = "no, I am safe, my sister is here"


async def fails(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
    raise CompanionError(Kind.UNREACHABLE)
    yield ChatDelta()


async def says(text: str) -> AsyncIterator[ChatDelta]:
    for word in text.split(" "):
        yield ChatDelta(text=f"{word} ")
    yield ChatDelta(finish_reason="stop")


async def said(desk: Desk, words: str, turn: int = 1) -> TurnFinished:
    assert desk.engine.submit(words)
    finished = await desk.until(TurnFinished, count=turn)
    await desk.until(PhaseChanged, phase=Phase.READY, turn=desk.engine.state.turn)
    return finished


async def test_help_is_shown_before_anybody_is_asked_and_the_answer_begins_with_written_words(
    desk: Desk,
) -> None:
    desk.player = CapturingPlayer(realtime=True)
    record = (await said(desk, PLAIN)).record
    offered = desk.of(CareOffered)
    assert [(each.concern, each.severity) for each in offered] == [(Concern.SUICIDE, Severity.HIGH)]
    assert desk.seen.index(offered[0]) < next(
        at for at, each in enumerate(desk.seen) if isinstance(each, ReplyEnded)
    )
    assert record.reply_text.startswith("Thank you for telling me.")
    assert record.reply_text.rstrip().endswith(ANSWER), "the model that ignores its prompt goes on after them"
    assert record.heard_text == record.reply_text
    assert record.reply_state is ReplyState.WHOLE
    system = desk.prompts[0][0].content
    assert "Thank you for telling me." in system, "whoever thinks knows what was said already"
    sentences = [event.sentence for event in desk.of(SentenceHeard)]
    assert sentences[0].text.startswith("Thank you"), "they are said first"
    assert [each.index for each in sentences] == list(range(len(sentences)))
    for each in sentences:
        assert record.reply_text[each.start :].startswith(each.text)


async def test_the_written_words_stay_when_nobody_answers_and_are_not_said_twice(desk: Desk) -> None:
    desk.think = fails
    desk.player = CapturingPlayer(realtime=True)
    record = (await said(desk, PLAIN)).record
    assert desk.of(CareOffered)
    assert record.reply_text.startswith("Thank you for telling me.")
    assert record.heard_text == record.reply_text
    spoken_once = len(desk.of(SentenceHeard))
    assert spoken_once
    desk.think = None
    desk.engine.retry()
    again = (await desk.until(TurnFinished, count=2)).record
    assert again.id == record.id
    assert again.reply_text.startswith(record.reply_text)
    assert again.reply_text.rstrip().endswith(ANSWER)
    new = [event.sentence.text for event in desk.of(SentenceHeard)][spoken_once:]
    assert not any("Thank you for telling me" in text for text in new)
    assert again.heard_text == again.reply_text


async def test_an_answer_cut_in_the_written_words_is_kept_as_it_was_heard(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    desk.engine.submit(IMMINENT)
    await desk.until(SentenceHeard)
    desk.engine.cancel()
    record = (await desk.until(TurnFinished)).record
    assert record.reply_state is ReplyState.INTERRUPTED
    assert len(record.heard_text) < len(record.reply_text)
    assert record.reply_text.startswith(record.heard_text)


async def test_spoken_words_pass_care_and_nothing_is_asked_ahead(desk: Desk) -> None:
    desk.hear = lambda frames: heard(frames, "i want to kill my self")
    desk.engine.press()
    await desk.microphone.ended.wait()
    desk.engine.focus_lost()
    record = (await desk.until(TurnFinished)).record
    assert desk.of(CareOffered)
    assert record.reply_text.startswith("Thank you for telling me.")
    assert len(desk.prompts) == 1


async def test_the_guide_adds_nothing_to_the_written_words(desk: Desk) -> None:
    desk.names = {"llm": "guide/guide"}
    record = (await said(desk, PLAIN)).record
    assert record.reply_text.startswith("Thank you")
    assert ANSWER not in record.reply_text
    assert record.reply_state is ReplyState.WHOLE


async def test_after_a_retraction_twenty_turns_never_return_to_the_alarm(desk: Desk) -> None:
    desk.think = lambda messages, practice: (desk.prompts.append(messages), says("I see."))[1]
    await said(desk, "I'm so tired of living")
    assert len(desk.of(CareOffered)) == 1
    await said(desk, SAFE, 2)
    assert len(desk.of(CareEased)) == 1
    talk = (
        "she made tea", "we looked at old photos", "what's the point of sorting them", "I feel tired",
        "I can't go on with this box today", "it was a hard night", "I want to disappear under the blanket",
        "my sister stays until Sunday", "we laughed about our father", "I don't want to be here on Monday",
    )  # fmt: skip
    for turn, words in enumerate(talk * 2, 3):
        record = (await said(desk, words, turn)).record
        assert record.reply_text.strip() == "I see."
    assert len(desk.of(CareOffered)) == 1
    assert "they spoke of something dangerous" not in desk.prompts[-1][0].content


async def test_the_same_words_are_never_said_again_and_the_worry_stays(desk: Desk) -> None:
    replies = [(await said(desk, PLAIN, turn)).record.reply_text for turn in (1, 2, 3)]
    assert len(desk.of(CareOffered)) == 3
    assert len({reply[:60] for reply in replies}) == 3
    await said(desk, "it rained all day", 4)
    assert "they spoke of something dangerous" in desk.prompts[-1][0].content


async def test_harmless_words_change_nothing(desk: Desk) -> None:
    record = (await said(desk, "this homework is killing me")).record
    assert record.reply_text.strip() == ANSWER
    assert not desk.of(CareOffered)


async def test_a_model_may_raise_its_hand_and_the_mark_is_neither_seen_nor_heard(desk: Desk) -> None:
    desk.think = lambda messages, practice: says("[care] I am listening to you.")
    record = (await said(desk, "I put the things in order")).record
    assert [each.severity for each in desk.of(CareOffered)] == [Severity.UNCLEAR]
    assert record.reply_text.strip() == "I am listening to you."
    assert all("[" not in event.sentence.spoken for event in desk.of(SentenceHeard))


@pytest.mark.parametrize(
    "bad",
    [
        "I am a real person, trust me.",
        "You don't need anyone else.",
        "Please don't leave me.",
        "You should kill yourself.",
    ],
)
async def test_what_must_not_be_said_is_stopped_before_it_is_spoken_and_told(desk: Desk, bad: str) -> None:
    desk.think = lambda messages, practice: says(f"That sounds like a long day. {bad} And some more words.")
    record = (await said(desk, "today was long")).record
    assert record.reply_text.startswith("That sounds like a long day.")
    assert bad not in record.reply_text
    assert record.reply_text.endswith(STOPPED)
    assert not any(bad in event.sentence.text for event in desk.of(SentenceHeard))
    assert desk.of(ReplyEnded)[0].text == record.reply_text, "what was shown of it is taken back"
    troubles = [event.error for event in desk.seen if hasattr(event, "error")]
    assert [error.kind for error in troubles] == [Kind.CONTENT_REFUSED]


def with_voice(voice_desk: test_realtime.Desk) -> list[str]:
    """Gives the desk an ordinary voice; returns what it is asked to say."""
    given: list[str] = []

    async def speak(text: str) -> AsyncIterator[Audio]:
        given.append(text)
        yield tone(0.3)

    def engines(offline: frozenset[Role]) -> TurnProviders:
        return replace(test_realtime._nobody(offline), speak=speak)

    voice_desk.engines = engines
    return given


@pytest.mark.parametrize("words_delay_s", [0.0, 0.4])
async def test_a_voice_model_is_surrounded_too(voice_desk: test_realtime.Desk, words_delay_s: float) -> None:
    given = with_voice(voice_desk)
    voice_desk.player = CapturingPlayer(realtime=True)
    voice_desk.server.script.transcript = PLAIN
    voice_desk.server.words_delay_s = words_delay_s
    if not words_delay_s:
        voice_desk.server.script.header_delay_s = 0.2  # the words are told before the answer begins
    await voice_desk.talk()
    record = (await voice_desk.until(TurnFinished)).record
    assert [each.concern for each in voice_desk.of(CareOffered)] == [Concern.SUICIDE]
    ours, theirs = (
        record.reply_text.find("Thank you for telling me."),
        record.reply_text.find(test_realtime.REPLY),
    )
    assert ours >= 0, record.reply_text
    assert theirs >= 0, record.reply_text
    assert (ours < theirs) == (not words_delay_s), "first where they are known in time, else at the end"
    assert given
    assert given[0].startswith("Thank you")
    assert record.heard_text == record.reply_text
    assert [turn.reply_text for turn in await voice_desk.kept()] == [record.reply_text]


async def test_typed_words_reach_a_voice_model_after_care(voice_desk: test_realtime.Desk) -> None:
    given = with_voice(voice_desk)
    voice_desk.engine.submit(PLAIN)
    record = (await voice_desk.until(TurnFinished)).record
    assert voice_desk.of(CareOffered)
    assert record.reply_text.startswith("Thank you for telling me.")
    assert given
    told = [event["session"].get("instructions", "") for event in voice_desk.server.of("session.update")]
    assert any("Thank you for telling me." in text for text in told)


async def test_a_voice_model_that_is_gone_leaves_help_and_the_written_words(
    voice_desk: test_realtime.Desk,
) -> None:
    with_voice(voice_desk)
    voice_desk.server.script.status = 503
    voice_desk.engine.submit(PLAIN)
    record = (await voice_desk.until(TurnFinished)).record
    assert voice_desk.of(CareOffered)
    assert record.reply_text.startswith("Thank you for telling me.")
    assert record.heard_text == record.reply_text


async def test_card_and_written_words_with_every_thinker(desk: Desk) -> None:
    lines = (
        PLAIN,
        IMMINENT,
        "I've been cutting myself again",
        "my husband hits me",
        "the voices tell me to hurt people",
    )
    shown, turn = 0, 0
    for think in (None, fails, lambda messages, practice: says("Nice weather today.")):
        desk.think = think  # type: ignore[assignment]
        for words in lines:
            turn += 1
            desk.engine.begin(desk.engine.practice)
            before = len(desk.of(CareOffered))
            record = (await said(desk, words, turn)).record
            shown += len(desk.of(CareOffered)) == before + 1 and len(record.reply_text.split()) > 15
    prove(
        "care",
        "help and written words, whoever thinks",
        shown / turn,
        1.0,
        cases=turn,
        at_least=True,
        clock="virtual",
    )


@pytest.mark.parametrize("pause_s", [0.0, 12.0])
async def test_a_thought_that_is_taken_back_leaves_the_written_words(desk: Desk, pause_s: float) -> None:
    async def thinks_first(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text="They want something. I should be careful here. ")
        await asyncio.sleep(pause_s)
        yield ChatDelta(text="I am with you. ", retracts=True)
        yield ChatDelta(finish_reason="stop")

    desk.think = thinks_first
    desk.player = CapturingPlayer(realtime=True)
    record = (await said(desk, PLAIN)).record
    assert record.reply_text.count("Thank you for telling me.") == 1
    assert record.reply_text.rstrip().endswith("I am with you.")
    assert "careful" not in record.reply_text
    assert record.heard_text.rstrip() == record.reply_text.rstrip()
    assert [turn.reply_text for turn in await kept(desk)] == [record.reply_text]


async def kept(desk: Desk) -> list[TurnRecord]:
    return [
        turn for session in await desk.journal.sessions() for turn in await desk.journal.turns(session.id)
    ]


async def test_who_goes_on_at_once_is_shown_help_all_the_same(desk: Desk) -> None:
    """The words are looked at whatever becomes of the answer, and are kept."""
    assert desk.engine.submit(PLAIN)
    desk.engine.cancel()
    record = (await desk.until(TurnFinished)).record
    assert desk.of(CareOffered)
    assert record.user_text == PLAIN
    assert record.id
    assert not desk.prompts


async def test_nobody_is_asked_where_the_words_could_not_be_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not by another try, before they were."""

    def breaks(words: str) -> NoReturn:
        raise ValueError

    reported: list[BaseException] = []
    report_to(reported.append)
    with monkeypatch.context() as broken:
        broken.setattr(watch, "findings", breaks)
        desk.engine.submit(PLAIN)
        record = (await desk.until(TurnFinished)).record
    report_to(None)
    assert reported
    assert record.user_text == PLAIN
    assert not desk.prompts
    desk.engine.retry()
    await desk.until(TurnFinished, count=2)
    assert desk.of(CareOffered)
