"""What the guide may say back, when it keeps still, whom it lets go, how a practice ends; and the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.practices import find_practice, load_practices, title_in
from companion.providers.here.guide.clauses import cut_clauses, is_rough
from companion.providers.here.guide.lexicon import load_lexicon
from companion.providers.here.guide.noticing import notice
from companion.providers.here.guide.turning import turn_clause
from tests.providers import guide_dialogues, guide_figures
from tests.providers.guide_figures import answer, sentences, talk

PLAIN = ["the wall was white", "it was near", "there was a cup", "it got late", "it was there", "it was over"]


@pytest.mark.parametrize(
    ("said", "turned"),
    [
        ("Well, I was tired and my back hurts.", ["you were tired", "your back hurts"]),
        ("I wasn't there.", ["you weren't there"]),
        ("I think my mother was right.", ["you think your mother was right"]),
        ("My wife and I were at the sea.", ["you and your wife were at the sea"]),
        ("I have been a nurse for 22 years.", ["you have been a nurse for 22 years"]),
        ("My friends were late.", ["your friends were late"]),
        ("He never calls me.", ["he never calls you"]),
        (
            "i had a long day at work my boss left early",
            ["you had a long day at work", "your boss left early"],
        ),
        ("i slept on the couch and this morning i went home", ["you slept on the couch", "you went home"]),
        ("The kids was loud.", []),
        ("I fell and was sad.", []),
        ("I know what I wanted was wrong.", ["you know what you wanted was wrong"]),
        ("She said I was lazy and I never help.", []),
        ("I saw her on Monday, no, on Tuesday.", []),
        ("If he comes I will leave.", []),
        ("every time i see her i cry", []),
        ("I told you that you never listen.", []),
        ("I'm afraid I can't come.", []),
        ("i want two go too the see", []),
        ("I miss my sister and I love my brother.", ["you miss your sister", "you love your brother"]),
        ("I'm not good enough for my family.", []),
        ("I told him I love him.", []),
        ("I'm getting divorced.", ["you're getting divorced"]),
        ("it rained", []),
        ("I", []),
        ("", []),
    ],
)
def test_a_clause_is_turned_only_when_it_surely_comes_out_right(said: str, turned: list[str]) -> None:
    lexicon = load_lexicon()
    clauses = cut_clauses(said, lexicon)
    found = [turn_clause(clause, lexicon, is_rough=is_rough(said)) for clause in clauses]
    assert [clause for clause in found if clause] == turned


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("I feel so lonely since she moved out", ["lonely"]),
        ("It makes me nervous to wait", ["nervous"]),
        ("I feel left out", ["left out"]),
        ("Just tired.", ["tired"]),
        ("I'm not angry any more", []),
        ("I am still here", []),
        ("She left out the best part", []),
        ("My sister is sad", []),
        ("He said I am sad", []),
        ("I am stuck in traffic", []),
        ("I'm afraid I can't come", []),
        ("Are you happy?", []),
    ],
)
def test_a_feeling_is_one_the_person_named_as_their_own(said: str, named: list[str]) -> None:
    assert [felt.word for felt in notice(said).felt] == named


@pytest.mark.parametrize(
    ("said", "topics"),
    [
        ("My mother said the exam is on Friday.", ["your mother", "the exam"]),
        ("I called my brother, I mean my cousin.", ["your cousin"]),
        ("It was my aunt's house.", ["your aunt's house"]),
        ("My cat sleeps on my bed.", ["your cat", "your bed"]),
        ("I passed my driving test.", ["your driving test"]),
        ("I am a nurse.", []),
        ("I want to be a better father.", []),
        ("I have no job.", []),
        ("there dog barks all knight and i can knot sleep", []),
    ],
)
def test_a_topic_is_a_noun_of_theirs(said: str, topics: list[str]) -> None:
    assert [topic.words for topic in notice(said).topics] == topics


@pytest.mark.parametrize(
    "said",
    [
        "Goodbye",
        "good night",
        "bye bye",
        "That's all.",
        "that's it for today, thanks",
        "I have to go now",
        "See you tomorrow!",
        "Thank you so much for listening.",
        "I'm off to bed",
        "ok thanks, good night then",
        "Let's leave it there",
        "take care",
    ],
)
@pytest.mark.parametrize("practice", ["open-reflection", "gratitude", ""])
def test_who_takes_leave_is_let_go(said: str, practice: str) -> None:
    text = answer("My sister called.", said, practice=practice)
    assert "?" not in text
    assert len(sentences(text)) == 1


@pytest.mark.parametrize(
    "said",
    [
        "I have to go to the doctor tomorrow",
        "that's all my mother ever says",
        "I said goodbye to my son",
        "thanks to my sister I got the job",
    ],
)
def test_speaking_of_leave_is_no_leave(said: str) -> None:
    assert notice(said).occasion == ""


def test_what_was_wrong_is_taken_back() -> None:
    text = answer("I miss my sister.", "No, I meant my brother.")
    assert "brother" in text
    assert "sister" not in text
    assert notice("No, that's not what I meant").occasion == "retraction"
    assert notice("Forget what I said.").occasion == "let go"


@pytest.mark.parametrize(
    ("said", "greeting"),
    [
        ("je ne sais pas quoi faire", "français"),
        ("estoy muy cansado", "español"),
        ("今日は疲れました", "日本語"),
        ("我今天很累", "中文"),
    ],
)
def test_another_language_is_greeted_in_it_and_told_the_truth(said: str, greeting: str) -> None:
    text = answer(said)
    assert greeting in text
    assert "Thinking" in text
    assert "?" not in text


def test_a_word_of_another_language_is_still_english() -> None:
    assert notice("My teacher said bonjour to the whole bus").occasion == ""


def test_words_that_were_heard_wrongly_are_asked_for_again() -> None:
    assert notice("the zwip flurb and a trunkle").occasion == "unclear"


def test_a_loss_is_met_without_a_question() -> None:
    text = answer("my dog died")
    assert "your dog" in text.lower()
    assert "?" not in text
    assert not notice("my phone died").is_loss


# -- practices ------------------------------------------------------------------------------------------------


def test_the_practice_leads_through_its_steps_and_ends() -> None:
    for practice in load_practices()[1:]:
        answers = talk(*PLAIN[: len(practice.steps) + 1], practice=practice.name)
        for step, given_answer in zip(practice.steps, answers, strict=False):
            assert sentences(given_answer)[-1] in step.questions, practice.name
        assert practice.closing in answers[-1]
        assert "?" not in answers[-1]


def test_the_end_is_said_once_in_their_own_words_with_a_title() -> None:
    said = ("My garden.", "it was near", "there was a cup", "it got late", "My sister.", "My aunt.")
    answers = talk(*said, practice="gratitude")
    closing = find_practice("gratitude").closing
    assert [closing in text for text in answers] == [False] * 4 + [True, False]
    assert "your garden" in answers[4]
    assert title_in(answers[4]) == "My garden and my sister"


def test_another_question_stays_skip_goes_on_and_stay_holds() -> None:
    first, second, third = (find_practice("evening-review").steps[n].questions for n in range(3))
    said = ["it was near", "Give me another question.", "Stay here.", "go on", "Skip this one, please."]
    asked = [sentences(text)[-1] for text in talk(*said, practice="evening-review")]
    assert asked[0] in first
    assert asked[1] in first
    assert asked[1] != asked[0]
    assert asked[2] not in second
    assert asked[3] in second
    assert asked[4] in third


def test_a_question_of_a_practice_takes_up_what_was_said() -> None:
    assert "your flatmate" in sentences(answer("My flatmate, about the rent.", practice="talk-ahead"))[-1]


def test_whole_dialogues_can_be_written(tmp_path: Path) -> None:
    guide_dialogues.main(tmp_path)
    files = sorted(tmp_path.glob("*.txt"))
    assert len(files) >= 10
    for file in files:
        lines = file.read_text("utf-8").splitlines()
        said = [line for line in lines if line.startswith("Guide:")]
        assert any(find_practice(file.stem).closing in line for line in said)
        assert all(line.count("?") <= 1 for line in said)


# -- figures --------------------------------------------------------------------------------------------------


def test_the_figures_hold_on_the_messages_kept_apart() -> None:
    cases = guide_figures.read_cases()
    apart = [case for case in cases if case.is_apart]
    assert len(cases) >= 300
    assert 3 * len(apart) >= len(cases)
    figures = guide_figures.measure(apart)
    shares = figures.shares
    assert figures.language_faults == figures.wrong_feelings == 0
    assert figures.many_questions == figures.leave_with_question == 0
    assert figures.unfit <= 0.02 * figures.replies
    assert 0.60 <= shares["replies with a question"] <= 0.75
    assert shares["questions linked to the message"] >= 0.40
    assert shares["reflections per question"] >= 1.0


@pytest.mark.parametrize(
    "faulty",
    [
        "Other people has it easier.",
        "You are are tired.",
        "You walked to the.",
        "You miss my sister.",
        "You ewngalf it.",
        "You waited hours.",
        "you are here.",
    ],
)
def test_the_machine_finds_a_language_fault(faulty: str) -> None:
    assert list(guide_figures.language_faults(faulty, "we waited 6 hours"))
