"""The offline guide: says what it is, holds up what was said, asks at most one question, never says a thing twice."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

from companion.calls import JsonSchema, Picture, SoundFile, Tool
from companion.errors import AIProviderNotSupportedError
from companion.flow import ChatRequest, Message, Speaker
from companion.kinds import Role
from companion.practices import load_practices
from companion.providers.here.guide.lexicon import load_lexicon
from companion.providers.here.guide.noticing import notice
from companion.providers.here.guide.provider import PROVIDER, SPEC, Guide, write_answer
from companion.providers.here.guide.wording import load_wordings

HELP = re.compile(r"\b(112|911|988)\b")


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text.strip())


def answer(*texts: str, practice: str = "") -> str:
    """The guide's answer to the last of `texts`, after it answered the others."""
    return talk(*texts, practice=practice)[-1]


def talk(*texts: str, practice: str = "") -> list[str]:
    messages = [Message(Speaker.SYSTEM, "unused")]
    answers = []
    for text in texts:
        messages.append(Message(Speaker.USER, text))
        answers.append(write_answer(ChatRequest(messages=tuple(messages), practice=practice)))
        messages.append(Message(Speaker.ASSISTANT, answers[-1]))
    return answers


def test_it_is_an_offline_provider_without_key() -> None:
    assert (SPEC.name, SPEC.display_name, SPEC.aliases) == ("guide", "Offline guide", ("offline",))
    assert SPEC.roles == {Role.THINKS}
    assert not SPEC.needs_key
    assert PROVIDER is Guide


async def test_the_answer_is_streamed_word_by_word_and_ends_properly() -> None:
    request = ChatRequest(messages=(Message(Speaker.USER, "I miss my sister."),))
    guide = Guide()
    await guide.warm()
    deltas = [delta async for delta in guide.chat(request)]
    assert len(deltas) > 8
    assert all(len(delta.text.split()) == 1 for delta in deltas[:-1])
    assert "".join(delta.text for delta in deltas) == write_answer(request)
    assert (deltas[-1].finish_reason, deltas[-1].model) == ("stop", "guide")
    assert all(delta.finish_reason is None for delta in deltas[:-1])


async def test_the_simple_face_works() -> None:
    text = await Guide().generate_completion("You are kind.", "I had a long day at work.")
    assert text.count("?") <= 1
    assert "work" in text


@pytest.mark.parametrize(
    ("said", "held_up"),
    [
        ("I miss my sister", "you miss your sister"),
        (
            "i have been thinking about my job but i don't know if i should leave",
            "you don't know if you should leave",
        ),
        ("I want to call my mother", "to call your mother"),
        ("i have to finish the report for my boss tomorrow", "to finish the report for your boss tomorrow"),
        ("My mother called me yesterday", "your mother called you yesterday"),
        ("We walked along the river, and it got late.", "you walked along the river"),
        ("I'm worried about my exam", "you're worried about your exam"),
        ("I am not happy with how I am living", "you are not happy with how you are living"),
    ],
)
def test_a_clause_comes_back_turned_to_the_person(said: str, held_up: str) -> None:
    assert held_up in answer(said).lower()


@pytest.mark.parametrize(
    "said",
    [
        "in the ewing an alford's for the",
        "i leash the owned her ewing alford marl",
        "I told you that you never listen",
        "I went to the",
        "I hate myself",
        "I am such a failure",
        "I want to hit him",
        "my grandmother and am here",
        "{echo} %s <b>I think</b>",
    ],
)
def test_what_might_come_out_wrong_or_hurt_is_not_echoed(said: str) -> None:
    assert notice(said).told == ()
    assert notice(said).wish == ""


@pytest.mark.parametrize(
    "said", ["are you an AI?", "Are you a real person", "who are you", "what are you exactly?"]
)
def test_asked_what_it_is_it_says_so(said: str) -> None:
    text = answer(said)
    assert re.search(r"written rules", text)
    assert "on this computer" in text
    assert "neither a person nor an AI" in text


CRISIS = [
    "I want to kill myself",
    "i don't want to live anymore",
    "sometimes i think they'd be better off without me",
    "I’ve been cutting myself again",
    "i want to be dead",
    "there is no reason to live",
    "I'm suicidal",
    "i can't go on any more",
]


@pytest.mark.parametrize("said", CRISIS)
def test_in_a_crisis_it_names_people_who_can_help(said: str) -> None:
    text = answer(said)
    assert "offline guide" in text
    assert "112 in Europe" in text
    assert "988 in the US" in text
    assert "someone you trust" in text
    assert text.count("?") == 1
    assert said.lower() not in text.lower()


@pytest.mark.parametrize(
    "said", ["my husband hits me", "he beat me again last night", "I was raped", "my dad hit me"]
)
def test_in_danger_it_names_people_who_can_help(said: str) -> None:
    text = answer(said)
    assert "offline guide" in text
    assert "112 in Europe or 911 in the US" in text
    assert text.count("?") == 1


def test_a_long_message_is_answered_without_a_long_search() -> None:
    assert answer("what " * 3000 + "so i " * 3000).count("?") <= 1


@pytest.mark.parametrize(
    "said",
    [
        "my feet are killing me",
        "I don't want to live in this city",
        "I would die for that cake",
        "my dog is going to die soon",
        "he hit the wall with me",
    ],
)
def test_a_way_of_speaking_is_no_crisis(said: str) -> None:
    assert not HELP.search(answer(said))


def test_help_is_named_every_time_and_stays_near_afterwards() -> None:
    answers = talk(*["I want to die"] * 40)
    assert all(HELP.search(text) for text in answers)
    after = talk("I want to die", "he hits me", "no never mind", "it is nothing")
    asked = set(load_wordings()["emergency asked"])
    assert all(sentences(text)[-1] in asked for text in after)


@pytest.mark.parametrize(
    "safe", ["no, I am safe, my sister is here", "I was joking", "nein, mir geht es gut"]
)
def test_who_is_safe_is_believed_and_help_is_not_named_again(safe: str) -> None:
    later = talk("I want to die", safe, "she made soup", "we looked at old photos", "the rain has stopped")[
        1:
    ]
    assert not any(HELP.search(text) for text in later)
    assert not set(load_wordings()["emergency after"]) & {each for text in later for each in sentences(text)}
    assert later[0].endswith("?")


@pytest.mark.parametrize(
    "said",
    ["she swallowed bleach", "the voices tell me to hurt people", "I make myself throw up after every meal"],
)
def test_what_care_recognises_the_guide_knows_too(said: str) -> None:
    assert HELP.search(answer(said))


@pytest.mark.parametrize(
    ("said", "occasion"),
    [
        ("hello", "greeting"),
        ("Good morning!", "greeting"),
        ("thank you so much", "thanks"),
        ("I don't know", "unsure"),
        ("no idea really", "unsure"),
        ("bye", "goodbye"),
        ("yes", "little"),
        ("", "short"),
        ("Ich bin heute müde und möchte schlafen", "language"),
        ("今日は疲れました", "language"),
        ("the day was long and the train was late", ""),
    ],
)
def test_whole_messages_of_one_kind(said: str, occasion: str) -> None:
    assert notice(said).occasion == occasion


def test_the_same_conversation_gives_the_same_answer_in_another_process() -> None:
    said = "I had an argument with my brother but I miss him."
    code = (
        "from companion.providers.here.guide.provider import write_answer; from companion.flow import *;"
        f"print(write_answer(ChatRequest(messages=(Message(Speaker.USER, {said!r}),))))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert other.stdout.strip() == answer(said)


def test_a_sentence_that_was_cut_off_is_not_said_again() -> None:
    first = answer("the train was late again")
    heard = " ".join(first.split()[:4])
    messages = (
        Message(Speaker.USER, "the train was late again"),
        Message(Speaker.ASSISTANT, heard),
        Message(Speaker.USER, "the train was late again"),
    )
    assert not write_answer(ChatRequest(messages=messages)).startswith(heard)


def check_wellformed(answers: list[str]) -> None:
    seen: set[str] = set()
    for text in answers:
        assert text.count("?") <= 1
        assert "{" not in text
        parts = sentences(text)
        assert 1 <= len(parts) <= 5
        for part in parts:
            assert part[0].isupper() or part[0].isdigit() or not part[0].isascii()
            assert part[-1] in ".?。।", part
            assert part.lower() not in seen, part
            seen.add(part.lower())


@pytest.mark.parametrize(
    "said",
    ["yes", "hello", "are you an AI", "I don't know", "thanks", "what should I do?", "I want to die",
     "he hits me", "今日は",
     "I always have to work but I want to see my family and I feel very sad, sad, sad about my family."],
)  # fmt: skip
def test_sixty_times_the_same_words_and_never_the_same_sentence(said: str) -> None:
    check_wellformed(talk(*[said] * 60, practice="gratitude"))


TEXTS = st.text(max_size=200) | st.lists(
    st.sampled_from([*sorted(load_lexicon().known), "?", "!", ".", ",", "{echo}", "i", "my", "but", "Zzyzx"]),
    max_size=25,
).map(" ".join)


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.sampled_from([*(practice.name for practice in load_practices()), "gone"]))
def test_any_words_sixty_times(text: str, practice: str) -> None:
    check_wellformed(talk(*[text] * 60, practice=practice))


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_any_words_at_all(texts: list[str]) -> None:
    check_wellformed(talk(*texts))


def test_a_very_long_session_does_not_fail() -> None:
    messages = tuple(
        Message(Speaker.USER if n % 2 == 0 else Speaker.ASSISTANT, sentence)
        for n, sentence in enumerate(sentence for pool in load_wordings().values() for sentence in pool)
    )
    text = write_answer(ChatRequest(messages=(*messages, Message(Speaker.USER, "and so on"))))
    assert text.count("?") <= 1


def test_the_wordings_are_wellformed() -> None:
    claims = re.compile(r"\bI\b|\bunderstand\b|\bremember that\b|\bas an ai\b", re.IGNORECASE)
    subjects = (*load_lexicon().topics, *load_lexicon().feelings)
    questions = [question for subject in subjects for question in subject.questions]
    for occasion, pool in load_wordings().items():
        assert pool, occasion
        assert len(set(pool)) == len(pool), occasion
        if occasion.startswith("again"):
            continue
        if occasion.endswith("asked"):
            questions += pool
        else:
            for line in pool:
                assert line.endswith("."), line
                assert "?" not in line
                assert len(sentences(line)) == 1
                assert not claims.search(line), line
    assert all(question.endswith("?") and len(sentences(question)) == 1 for question in questions)
    for subject in subjects:
        slot = "{topic}" if subject in load_lexicon().topics else "{word}"
        assert all(slot in question for question in subject.questions)
        assert len(subject.questions) >= 3


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest(messages=(Message(Speaker.USER, "hi"),), tools=(Tool(name="look"),)),
        ChatRequest(messages=(Message(Speaker.USER, "hi"),), schema=JsonSchema(schema={})),
        ChatRequest(messages=(Message(Speaker.USER, "hi"),), json=True),
        ChatRequest(messages=(Message(Speaker.USER, "hi", images=(Picture(data=b"x"),)),)),
        ChatRequest(messages=(Message(Speaker.USER, "hi", sounds=(SoundFile(data=b"x"),)),)),
    ],
    ids=["tools", "schema", "json", "pictures", "sound"],
)
async def test_what_rules_cannot_do_is_refused(request_: ChatRequest) -> None:
    with pytest.raises(AIProviderNotSupportedError, match="Offline guide cannot"):
        [delta async for delta in Guide().chat(request_)]


async def test_numbers_that_mean_nothing_to_rules_are_told() -> None:
    request = ChatRequest(messages=(Message(Speaker.USER, "hi"),), temperature=0.7)
    last = [delta async for delta in Guide().chat(request)][-1]
    assert last.notices == ("Offline guide takes no temperature; it was left out.",)
