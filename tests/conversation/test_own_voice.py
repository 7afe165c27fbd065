"""When the app talks to itself, and when a person only seems to."""

from __future__ import annotations

import pytest

from companion.conversation.own_voice import ECHOES, NO_PAUSES, FreeTurn, OwnVoice, answers_itself
from companion.events import Mark, Phase, PhaseChanged, SentenceHeard, TimelineMarked, UserSaid
from companion.flow import Sentence

SPOKEN = "You said you had a long day and are tired. What remains of it when you put it down for a moment?"


def turn(words: str, **more: float) -> FreeTurn:
    return FreeTurn(words=words, spoken=SPOKEN, **more)


@pytest.mark.parametrize(
    "words",
    [
        "you said you had a long day and are tired",
        "What remains of it when you put it down",
        "remains of it when you would put it down",
    ],
)
def test_its_own_words_several_times_in_a_row_are_nobodys(words: str) -> None:
    assert answers_itself([turn(words)] * ECHOES)
    assert not answers_itself([turn(words)] * (ECHOES - 1))
    assert not answers_itself([turn(words), turn("I do not know yet."), turn(words), turn(words)])


@pytest.mark.parametrize(
    "words",
    [
        "I had a long day because the meeting would not end",
        "What makes you think that I am tired? I slept well",
        "Yes, when I put it down it feels lighter than in the morning",
        "You",
        "",
    ],
)
def test_who_takes_up_words_of_the_answer_is_a_person(words: str) -> None:
    assert not answers_itself([turn(words)] * 20)


def test_turns_that_begin_with_the_voice_again_and_again_are_nobodys_whatever_was_made_of_them() -> None:
    assert answers_itself([turn("Short", after_begin_s=0.3)] * NO_PAUSES)
    assert answers_itself([turn("So", after_end_s=0.2, after_begin_s=9.0)] * NO_PAUSES)
    assert not answers_itself([turn("Short", after_begin_s=0.3)] * (NO_PAUSES - 1))
    assert not answers_itself([turn("wait", after_begin_s=2.5)] * 20)
    assert not answers_itself([turn("yes", after_end_s=1.5, after_begin_s=9.0)] * 20)


def a_turn(voice: OwnVoice, number: int, words: str, *, free: bool = True) -> bool:
    """One turn that begins with the voice, and its answer, aloud."""
    at_s = number * 10.0
    voice.hears_itself(PhaseChanged(turn=number, phase=Phase.LISTENING))
    if free:
        voice.turn_began(at_s + 0.4)
    is_own = voice.hears_itself(UserSaid(turn=number, text=words, at=0.0))
    voice.hears_itself(TimelineMarked(turn=number, mark=Mark.FIRST_SOUND, at_s=at_s + 10.0))
    voice.hears_itself(
        SentenceHeard(turn=number, sentence=Sentence(index=0, text=SPOKEN, spoken=SPOKEN, start=0))
    )
    return is_own


def test_a_loop_is_noticed_after_some_turns_and_a_person_in_between_begins_the_count_anew() -> None:
    voice = OwnVoice()
    a_turn(voice, 1, "I had a long day.", free=False)
    assert [a_turn(voice, n, SPOKEN) for n in range(2, 5)] == [False, False, True]
    assert not a_turn(voice, 5, SPOKEN)
    assert not a_turn(voice, 6, SPOKEN)
    assert not a_turn(voice, 7, "I quote you.", free=False)
    assert [a_turn(voice, n, "Short") for n in range(8, 8 + NO_PAUSES)] == [False] * (NO_PAUSES - 1) + [True]
