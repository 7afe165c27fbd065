"""What was told at the beginning is not asked again: the guide's questions never repeat and never ask for what is known."""

from __future__ import annotations

import pytest

from companion.conversation.reply_check import questions_in
from companion.flow import ChatRequest, Message, Speaker
from companion.practices import find_practice, load_practices
from companion.providers.here.guide.provider import write_answer
from companion.providers.here.guide.told import is_told
from tests.providers.guide_figures import talk

TOLD = [
    (
        "decision",
        "I have to choose between Hamburg and Lyon by Friday.",
        ("By when", "What are you choosing"),
    ),
    (
        "decision",
        "Whether to keep the flat or not, and the deadline is in March.",
        ("By when", "What are you choosing"),
    ),
    (
        "difficult-feeling",
        "I feel so lonely since she moved out.",
        ("If the feeling had one word", "When did you"),
    ),
    (
        "difficult-feeling",
        "There is fear, and it sits in my chest.",
        ("Where in your body", "Where do you notice"),
    ),
    ("difficult-feeling", "My stomach is tight since this morning.", ("Where in your body", "When did you")),
    ("gratitude", "My neighbour brought soup when I had the flu.", ("Who had a part",)),
    ("gratitude", "We sat in the garden until it was dark.", ("Where were you",)),
    ("letter-to-self", "To me when I was twelve.", ("How old is this person",)),
    ("put-down-a-worry", "It comes at night in bed, the rent.", ("When does this worry",)),
    ("put-down-a-worry", "I have already called the bank about it.", ("What have you already done",)),
    ("someone-missed", "My grandmother. She always said take your time.", ("What did they say",)),
    ("stillness", "The chair is hard under me.", ("What is holding you up",)),
]
AFTER = (
    "It was like that.",
    "There is more to it.",
    "Another question, please.",
    "Give me another question.",
    "I know.",
)


@pytest.mark.parametrize(("practice", "said", "known"), TOLD, ids=lambda value: str(value)[:24])
def test_what_was_told_is_not_asked(practice: str, said: str, known: tuple[str, ...]) -> None:
    asked = [
        question for answer in talk(said, *AFTER, practice=practice) for question in questions_in(answer)
    ]
    assert asked
    assert not [question for question in asked if question.startswith(known)]


@pytest.mark.parametrize(("practice", "said", "known"), TOLD, ids=lambda value: str(value)[:24])
def test_it_is_a_question_that_somebody_who_told_nothing_may_be_asked(
    practice: str, said: str, known: tuple[str, ...]
) -> None:
    """Otherwise the test above would prove nothing."""
    written = [
        question
        for each in load_practices()
        if each.name == practice
        for step in each.steps
        for question in step.questions
        if question.startswith(known)
    ]
    assert written
    for question in written:
        assert is_told(question, [said])
        assert not is_told(question, ["It was all right."])


@pytest.mark.parametrize("practice", [each.name for each in load_practices()])
def test_no_question_comes_twice_in_a_long_talk(practice: str) -> None:
    said = [
        f"{text} {n}"
        for n in range(4)
        for text in ("The rain was loud.", "My sister called.", "I slept badly.")
    ]
    asked = [question for answer in talk(*said, practice=practice) for question in questions_in(answer)]
    assert len(asked) == len(set(asked))


def test_a_practice_is_not_closed_again_when_its_closing_is_no_longer_sent() -> None:
    """Of a very long conversation the guide is given the newest part only."""
    messages = [Message(Speaker.SYSTEM, "unused")]
    for n in range(40):
        messages += [
            Message(Speaker.USER, f"Word {n} of a long evening."),
            Message(Speaker.ASSISTANT, f"Answer {n}."),
        ]
    messages.append(Message(Speaker.USER, "My sister called."))
    closing = find_practice("gratitude").closing
    assert closing not in write_answer(ChatRequest(messages=tuple(messages), practice="gratitude"))
    assert any(closing in answer for answer in talk(*AFTER[:2], "A", "B", "C", "D", practice="gratitude"))
