"""What a message is about is known where its words say so plainly, and what is asked then fits it."""

from __future__ import annotations

import re

import pytest

from companion.providers.here.guide.lexicon import load_lexicon
from companion.providers.here.guide.noticing import find_emergency, notice, plain_words
from companion.providers.here.guide.situations import load_situations, situation_of
from companion.providers.here.guide.wording import load_wordings
from tests.providers.guide_figures import sentences, talk

ABOUT = {
    "a row with somebody": [
        "I had a fight with my brother about the house.",
        "we argued all evening and he slept on the sofa",
    ],
    "somebody was hurtful": [
        "my boss shouted at me in front of everyone",
        "A colleague took credit for my work.",
        "he lied to me",
        "she talks to me like i'm a child",
        "Boss moved the deadline without asking anybody.",
        "he bought a motorbike without telling me",
        "My manager gave my project to the new guy without a word.",
    ],
    "a love ended": ["We broke up.", "got dumped", "my husband has met someone else"],
    "shouted at a child": ["i snapped at my son this morning", "I yelled at the kids again."],
    "something they did": [
        "i shouted at a cyclist today",
        "it's my fault that we missed the train",
        "I forgot my best friend's birthday.",
    ],
    "work hangs in the air": [
        "they're making half of us redundant",
        "They are closing the branch in May.",
        "more job cuts at our place",
        "They cut my hours.",
    ],
    "lost work": [
        "They laid me off last Thursday.",
        "My contract isn't being renewed.",
        "another rejection today",
    ],
    "it did not work out": [
        "got a D in maths again",
        "I failed my driving test.",
        "my team got relegated",
        "My son didn't make the team.",
    ],
    "too much work": ["i worked twelve hours again", "So many deadlines this week."],
    "cannot sleep": [
        "I can't sleep.",
        "haven't slept properly in weeks",
        "i'm lying here staring at the ceiling",
    ],
    "slept well": ["slept nine hours for once", "I slept like a log."],
    "something ahead": [
        "job interview tomorrow morning",
        "I have an exam on Thursday.",
        "What if they ask about the numbers?",
        "i don't want to go in tomorrow",
        "Dreading Monday.",
    ],
    "a decision": [
        "I don't know if I should quit my job.",
        "i can't decide between the two of them",
        "Do I tell him or not?",
        "i wanna quit but then what",
        "i need to decide about the job in Leeds",
        "We're thinking about having a second child, but I'm not sure.",
    ],
    "their own health": [
        "I start chemo on Wednesday.",
        "i had a panic attack in the supermarket",
        "My back hurts.",
        "the doctor says i have to lose weight",
        "she says it's probably nothing but they want another scan",
    ],
    "somebody is ill": [
        "My mum was diagnosed with dementia.",
        "i look after my husband since his stroke",
        "mum is fine but my dad is moving into a home",
    ],
    "not seen": [
        "i cooked for the whole family and nobody said a word",
        "Nobody takes me seriously.",
        "she never says thank you",
        "he didn't even notice",
    ],
    "alone": ["I'm so lonely.", "i have no one to talk to"],
    "too much at once": ["everything is too much right now", "It's just a lot."],
    "not good enough": ["I'm a failure.", "i feel like a fraud at work"],
    "plans that fell through": [
        "we had to cancel the holiday",
        "The concert got called off.",
    ],
    "a birthday": [
        "it's my birthday today",
        "granny is ninety on Sunday",
        "turned fifty and feel like nothing has happened",
    ],
    "something was stolen or broken": ["someone keyed my car", "My bike got stolen."],
    "feeling nothing": ["i feel nothing", "I just feel numb."],
    "money": ["the landlord raised the rent again", "We can't afford the repair."],
    "cannot begin": ["i've been putting off this essay for weeks", "No motivation at all."],
    "drink and habits": ["I drank again last night.", "a year sober today", "i quit smoking six weeks ago"],
    "a child on the way": ["I'm pregnant", "My daughter is expecting."],
    "somebody far away": ["I miss my sister, she lives in Australia.", "homesick today"],
    "waiting": ["I'm still waiting to hear from the university.", "he hasn't written back yet"],
    "a new place or time": ["We moved to Leeds in March.", "I retired on Friday."],
    "a gap at home": [
        "i keep setting the table for two",
        "His chair is still by the window.",
        "the house is so quiet now",
        "I picked up the phone to ring her.",
        "it would have been his birthday today",
    ],
    "how it used to be": ["When I was little we went to the coast.", "i looked at old photos tonight"],
    "something said sorry for": ["he said sorry", "My brother apologised at last."],
    "a dream at night": ["i dreamt of my nan", "I had a weird dream last night."],
    "a first time": [
        "i told my dad i loved him for the first time",
        "my hands were shaking but i did it",
        "I spoke up in the meeting.",
    ],
    "looking forward": ["I want to learn the piano.", "i'm going to ask her out"],
    "a good moment": [
        "somebody at work said thank you",
        "We walked along the river, and it was quiet.",
        "my colleague brought me a coffee without me asking",
        "my grandson rang just to say hello",
        "it was so quiet on the hill this morning, just me and the dog",
    ],
    "the world": ["the news makes me so tired", "I can't stop reading about the war."],
    "the day went by": ["got up, went to school, came home", "I did the laundry and watched a series."],
    "worn out by the day": ["i'm dead on my feet", "Absolutely knackered."],
    "a small mishap": [
        "i lost my keys again",
        "My phone died in the middle of the call.",
        "The boiler packed in.",
        "missed the bus",
    ],
    "an appetite": ["i could murder a curry right now", "I fancy some cake."],
    "the weather": ["this heat is killing me", "It's been raining all week."],
    "": [
        "I always dreamed of a house by the sea.",
        "He never said sorry.",
        "My aunt left me her piano.",
        "She asked me how I was.",
        "He booked a table for two.",
        "I left without telling anyone.",
        "She called me by my name.",
        "The tea is so hot.",
        "She fought for her life.",
        "She told me a joke.",
        "My grandmother's garden.",
        "The test was easy and then we had cake.",
        "My friend's sister broke up with a dentist.",
        "He awoke the dog.",
        "I never miss a train.",
        "They have a new printer.",
        "The kids were fighting all morning.",
        "I like being alone.",
        "She left out the best part of the story.",
    ],
}


@pytest.mark.parametrize("name", ABOUT, ids=lambda name: name or "none")
def test_what_a_message_is_about_is_known(name: str) -> None:
    found = {said: (about.name if (about := situation_of(plain_words(said))) else "") for said in ABOUT[name]}
    assert {said: about for said, about in found.items() if about != name} == {}


def test_every_situation_has_examples_here_and_is_wellformed() -> None:
    assert {each.name for each in load_situations()} == ABOUT.keys() - {""}
    felt = {word for kind in load_lexicon().feelings for word in kind.words}
    advises = re.compile(r"\b(?:you should|you must|you need to|you ought to|try to|why don't you|I)\b")
    for each in load_situations():
        assert len(each.questions) >= 4
        assert each.statements
        for line in (*each.questions, *each.statements):
            assert len(sentences(line)) == 1
            assert not felt.intersection(re.findall(r"\w+", line.lower())), line
            assert not advises.search(line), line
        assert all(line.endswith("?") for line in each.questions)
        assert all(line.endswith(".") for line in each.statements)


def test_its_questions_are_asked_and_go_on_where_the_next_message_says_little_by_itself() -> None:
    row = next(each for each in load_situations() if each.name == "a row with somebody")
    for at, later in enumerate(("He thinks we should sell the house.", "Because it is the last place.")):
        answers = (
            talk(f"I had a fight with my {name}.", *[later] * at)[-1]
            for name in ("brother", "uncle", "father", "son", "cousin")
        )
        asked = [sentences(answer)[-1] for answer in answers if answer.endswith("?")]
        assert len(asked) >= 3
        assert set(asked) <= set(row.questions)


def test_long_messages_are_about_more_than_one_thing() -> None:
    told = "I still wake up at six and walk past the school. The bell rings and my feet want to turn. " * 2
    assert notice(told).situation is None


@pytest.mark.parametrize(
    "said",
    [
        "he lied to my face and then laughed",
        "my boss laughed at my idea in front of everyone",
        "they laughed at me",
    ],
)
def test_laughing_at_somebody_is_no_good_news(said: str) -> None:
    joys = {line for pool, lines in load_wordings().items() if pool.startswith("joy") for line in lines}
    assert not joys.intersection(sentences(talk(said)[0]))


@pytest.mark.parametrize(
    "said",
    [
        "I never got to say goodbye to my uncle",
        "he hasn't written back yet and i keep looking at my phone",
        "She hasn't replied and I keep checking my phone.",
        "i cant afford to see my family this year",
        "so i said id go to the wedding but i dont want to and now its too late to say no",
        "i said something horrible to my daughter and i cant take it back",
        "I signed it and I can't take it back now.",
        "I can't stand it when he chews like that.",
    ],
)
def test_what_is_done_and_a_silent_phone_are_no_emergency(said: str) -> None:
    assert find_emergency(said) == ""


@pytest.mark.parametrize(
    ("said", "with_marks"),
    [
        ("i cant decide between the two", "i can't decide between the two"),
        ("im so lonely", "i'm so lonely"),
        ("hes not speaking to me and i dont know why", "he's not speaking to me and i don't know why"),
        ("whats the weather tomorrow", "what's the weather tomorrow"),
    ],
)
def test_what_is_written_without_apostrophes_is_read_as_with_them(said: str, with_marks: str) -> None:
    assert notice(said) == notice(with_marks)


@pytest.mark.parametrize(
    "said", ["im realy tierd of evrything", "we wer at the hosptial yesterdy", "i dreamt of my nan"]
)
def test_a_slip_of_the_fingers_is_not_taken_for_misheard(said: str) -> None:
    assert notice(said).occasion == ""


def test_a_short_message_is_not_asked_which_part_of_it_matters() -> None:
    asked = " ".join(talk(f"my {word} says stay")[0] for word in ("gut", "head", "horoscope", "knee", "map"))
    assert "Which part" not in asked
    assert "say more about" not in asked


@pytest.mark.parametrize("said", ["granddad taught me chess over the phone", "my aunt cried on the bus"])
def test_a_thing_named_in_passing_is_not_asked_about(said: str) -> None:
    assert [topic.kind.name for topic in notice(said).topics] in ([], ["people"])
