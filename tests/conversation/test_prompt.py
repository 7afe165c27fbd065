"""The prompt: the model sees what the person heard, in turn, within the budget, from a beginning that stays the same."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from companion.conversation.prompt import HISTORY_CHARS, build_messages, messages_of, system_prompt
from companion.conversation.session import Session
from companion.flow import Message, Speaker, TurnRecord
from companion.practices import find_practice, load_practices

EVENING = datetime(2026, 3, 5, 21, 5, tzinfo=UTC)


def turn(n: int, user: str, heard: str = "", reply: str = "") -> TurnRecord:
    return TurnRecord(id=n, session_id=1, at=0.0, user_text=user, heard_text=heard, reply_text=reply or heard)


def build(*history: TurnRecord, text: str = "now", step: int = 0) -> tuple[Message, ...]:
    return build_messages(find_practice("open-reflection"), step, history, text, now=EVENING)


def test_the_first_prompt_is_the_part_of_the_companion_and_the_words() -> None:
    system, user = build(text="I am tired.")
    assert system.role is Speaker.SYSTEM
    assert user == Message(Speaker.USER, "I am tired.")
    assert "one open question" in system.content
    assert "Thursday, 2026-03-05" in system.content
    assert "evening" in system.content
    assert "21:05" not in system.content
    assert "$" not in system.content


def test_the_model_sees_what_was_heard_and_not_what_was_written() -> None:
    messages = build(turn(1, "first", heard="You said", reply="You said a lot. And more."))
    assert [message.content for message in messages[1:]] == ["first", "You said", "now"]


def test_a_turn_without_a_heard_answer_joins_the_next_words() -> None:
    messages = build(
        turn(1, "one", heard="yes"), turn(2, "two", reply="never heard"), turn(3, "three"), text="four"
    )
    assert [(message.role, message.content) for message in messages[1:]] == [
        (Speaker.USER, "one"),
        (Speaker.ASSISTANT, "yes"),
        (Speaker.USER, "two\n\nthree\n\nfour"),
    ]


def test_the_system_prompt_stays_the_same_until_the_step_changes() -> None:
    practice = find_practice("evening-review")
    later = EVENING.replace(minute=50)
    assert system_prompt(practice, 1, EVENING) == system_prompt(practice, 1, later)
    assert system_prompt(practice, 5, EVENING) == system_prompt(practice, 30, EVENING)
    first, second = system_prompt(practice, 0, EVENING), system_prompt(practice, 1, EVENING)
    assert first != second
    common = next(n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    assert common > len(first) * 0.85


def test_after_the_last_step_the_model_is_told_to_close_and_then_to_follow() -> None:
    practice = find_practice("evening-review")
    assert system_prompt(practice, 4, EVENING).endswith("close the practice now, as told above.")
    assert "The practice is over." in system_prompt(practice, 5, EVENING)
    assert practice.closing in system_prompt(practice, 0, EVENING)


def test_what_they_ask_of_the_practice_moves_the_step_the_model_is_told() -> None:
    session = Session(find_practice("gratitude"), [turn(1, "The rain.", heard="What made it good?")])
    at = {
        words: messages_of(session, words)[0].content
        for words in ("Another question, please.", "Skip that.", "It was warm.")
    }
    assert "step 1 of 4" in at["Another question, please."]
    assert "step 2 of 4" in at["Skip that."]
    assert "step 2 of 4" in at["It was warm."]


@pytest.mark.parametrize("practice", load_practices(), ids=lambda practice: practice.name)
def test_the_practice_and_its_step_are_in_the_prompt(practice: object) -> None:
    found = find_practice(practice.name)  # type: ignore[attr-defined]
    for index, step in enumerate(found.steps):
        prompt = system_prompt(found, index, EVENING)
        assert f"step {index + 1} of {len(found.steps)}" in prompt
        assert prompt.endswith(step.guidance)


def test_a_long_session_keeps_the_newest_turns_whole() -> None:
    history = [turn(n, f"{n} " + "u" * 200, heard=f"{n} " + "a" * 200) for n in range(300)]
    messages = build(*history)[1:]
    assert sum(len(message.content) for message in messages[:-1]) <= HISTORY_CHARS
    assert sum(len(message.content) for message in messages[:-1]) > HISTORY_CHARS * 0.6
    assert messages[0].role is Speaker.USER
    assert messages[-2].content == history[-1].heard_text
    kept = {text for record in history for text in (record.user_text, record.heard_text)}
    assert all(message.content in kept for message in messages[:-1])


def test_what_is_left_out_stays_the_same_for_many_turns() -> None:
    history = [turn(n, f"{n} " + "u" * 200, heard=f"{n} " + "a" * 200) for n in range(300)]
    beginnings = [build(*history[:n])[1].content for n in range(200, 300)]
    changes = sum(one != other for one, other in pairwise(beginnings))
    assert changes <= 6


def test_what_was_said_at_the_beginning_is_still_known_when_it_is_not_sent_any_more() -> None:
    beginning = "My brother Jonas moved to Lyon last year, and we have hardly talked since. " + "word " * 60
    history = [turn(0, beginning, heard="Since last year. What was the last time?")]
    history += [turn(n, f"{n} " + "u" * 200, heard=f"{n} " + "a" * 200) for n in range(1, 300)]
    messages = build(*history)
    system = messages[0].content
    assert all("Jonas" not in message.content for message in messages[1:])
    assert "Do not ask for it again:\n- My brother Jonas moved to Lyon last year" in system
    assert len(system) < len(build(*history[:2])[0].content) + 4_000
    assert "Earlier in this conversation they said" not in build(*history[:2])[0].content
    unchanged = [build(*history[:n])[0].content for n in range(200, 300)]
    assert sum(one != other for one, other in pairwise(unchanged)) <= 6


def test_the_newest_words_are_sent_whole_however_long() -> None:
    long = "word " * 20_000
    messages = build(turn(1, "x" * HISTORY_CHARS, heard="y"), text=long)
    assert messages[-1].content == long.strip()
    assert len(messages) == 2


def test_invisible_characters_do_not_reach_the_model() -> None:
    messages = build(turn(1, "a\u202eb", heard="c\U000e0041d"), text="e\x00f")
    assert [message.content for message in messages[1:]] == ["ab", "cd", "ef"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=12),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=30),
)
def test_user_and_assistant_always_take_turns(pairs: list[tuple[str, str]], text: str) -> None:
    messages = build(*(turn(n, user, heard=heard) for n, (user, heard) in enumerate(pairs)), text=text)
    roles = [message.role for message in messages]
    assert roles[0] is Speaker.SYSTEM
    assert roles[1] is roles[-1] is Speaker.USER
    assert all(one is not other for one, other in pairwise(roles))
    assert all(message.content for message in messages)
