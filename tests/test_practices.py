"""Practices: the shipped ones are whole, a person's own join them, a broken one harms nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from companion.paths import Home, resources
from companion.practices import (
    Wish,
    find_practice,
    load_practices,
    parse_practice,
    part_of_day,
    practice_faults,
    standing,
    steps_done,
    summary_in,
    title_in,
    wish_in,
)

WANTED = {
    "open-reflection",
    "gratitude",
    "evening-review",
    "stillness",
    "intention",
    "difficult-feeling",
    "letter-to-self",
}


def write(home: Home, name: str, text: str) -> None:
    folder = home.config / "practices"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text, "utf-8")


def test_the_shipped_practices_are_complete() -> None:
    practices = load_practices()
    assert len(practices) >= 12
    assert {practice.name for practice in practices} >= WANTED
    assert practices[0].name == "open-reflection"
    for practice in practices:
        assert practice.title
        assert practice.summary.endswith(".")
        assert (resources() / "icons" / f"{practice.icon}.svg").is_file()
        assert practice.pace in {"slow", "easy", "brisk"}
        assert practice.closing.endswith(".")
        assert "?" not in practice.closing
        assert 1 <= practice.minutes <= 30
        assert 3 <= len(practice.steps) <= 6, practice.name
        for step in practice.steps:
            assert step.title
            assert len(step.guidance) > 40, (practice.name, step.title)
            assert step.purpose.endswith("."), (practice.name, step.title)
            assert step.questions or practice.name == "open-reflection"
            assert all(question.endswith("?") and question.count("?") == 1 for question in step.questions)


def test_every_hour_has_an_opening_that_ends_in_one_question() -> None:
    for practice in load_practices():
        for hour in range(24):
            assert practice.opening(hour).endswith("?")
            assert practice.opening(hour).count("?") == 1


def test_the_opening_follows_the_time_of_day() -> None:
    practice = find_practice("open-reflection")
    assert practice.opening(21) == "What is on your mind this evening?"
    assert practice.opening(8) == "What is on your mind this morning?"
    assert practice.opening(2) == practice.opening(23) == "What is on your mind tonight?"


@pytest.mark.parametrize(
    ("hour", "part"),
    [(0, "night"), (4, "night"), (5, "morning"), (12, "afternoon"), (17, "evening"), (22, "night")],
)
def test_parts_of_the_day(hour: int, part: str) -> None:
    assert part_of_day(hour) == part


@pytest.mark.parametrize("name", ["evening-review", "Evening Review", "evening_review", " EVENING-REVIEW "])
def test_a_practice_is_found_however_it_is_written(name: str) -> None:
    assert find_practice(name).title == "Evening review"


def test_an_unknown_practice_is_the_open_reflection() -> None:
    assert find_practice("gone").name == "open-reflection"
    assert find_practice("").name == "open-reflection"


def test_later_turns_belong_to_the_last_step() -> None:
    practice = find_practice("gratitude")
    assert [practice.step_index(turns) for turns in (-1, 0, 1, 3, 4, 300)] == [0, 0, 1, 3, 3, 3]


def test_an_own_practice_joins_and_may_replace_a_shipped_one(home: Home) -> None:
    write(
        home,
        "walk",
        "---\ntitle: A walk\nany: Where did you go?\norder: 15\n---\n## On the way\n> What did you see?\nAsk.\n",
    )
    write(home, "stillness", "---\ntitle: My stillness\nany: What now?\n---\n## One\nBe quiet.\n")
    practices = load_practices()
    assert [practice.name for practice in practices][:2] == ["open-reflection", "walk"]
    walk = find_practice("walk")
    assert walk.opening(9) == "Where did you go?"
    assert walk.steps[0].questions == ("What did you see?",)
    assert walk.steps[0].guidance == "Ask."
    assert find_practice("stillness").title == "My stillness"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no front matter",
        b"---\ntitle: x\n",
        b"---\ntitle: x\n---\n## Step\n",
        b"---\nany: What?\n---\nno steps",
        b"---\nany: What?\nminutes: many\n---\n## Step\n",
        b"\xff\xfe\x00\x01",
        b"---\nany: What?\n---\n## Step\n" + b"x" * 70_000,
    ],
)
def test_a_broken_file_is_named_and_the_rest_works(
    content: bytes, home: Home, expected_warnings: pytest.LogCaptureFixture
) -> None:
    write(home, "broken", "")
    (home.config / "practices" / "broken.md").write_bytes(content)
    assert {practice.name for practice in load_practices()} >= WANTED
    assert "broken.md" in expected_warnings.text


def test_a_folder_with_the_name_of_a_file_is_left_out(
    tmp_path: Path, expected_warnings: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "own" / "odd.md").mkdir(parents=True)
    assert {practice.name for practice in load_practices(tmp_path / "own")} >= WANTED
    assert "odd.md" in expected_warnings.text


def test_windows_line_ends_and_a_byte_order_mark_are_read(home: Home) -> None:
    write(home, "dos", "\ufeff---\r\nany: What: really?\r\n---\r\n\r\n## One\r\n> Why?\r\nText.\r\n")
    practice = find_practice("dos")
    assert practice.opening(1) == "What: really?"
    assert practice.steps[0].questions == ("Why?",)


def test_a_file_without_optional_fields_gets_sensible_ones() -> None:
    practice = parse_practice("---\nevening: How was it?\n---\n## One\n", "a-small-thing")
    assert (practice.name, practice.title) == ("a-small-thing", "A small thing")
    assert practice.opening(8) == "How was it?"


GOOD = """---
title: A walk
any: Where did you go?
pace: slow
closing: You are home.
---
## On the way
Purpose: See it again.
> What about {topic}?
"""


def test_an_own_practice_has_purpose_pace_and_closing(home: Home) -> None:
    write(home, "walk", GOOD)
    walk = find_practice("walk")
    assert (walk.pace, walk.closing) == ("slow", "You are home.")
    assert walk.steps[0].purpose == "See it again."
    assert walk.steps[0].guidance == ""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("any: Where did you go?", "any: Tell me.", "The opening 'Tell me.' has to be one question"),
        ("any: Where did you go?", "any: Why? Where?", "has to be one question"),
        ("any: Where did you go?", "minutes: 5", "The opening question is missing"),
        ("title: A walk", "titel: A walk", "The line 'titel:' means nothing here"),
        ("title: A walk", "A walk", "needs a colon, as in 'title: A walk'"),
        ("title: A walk", "minutes: many", "'minutes: many' has to be a whole number"),
        ("pace: slow", "pace: quick", "has to be slow, easy or brisk"),
        ("closing: You are home.", "closing: Are you home?", "cannot be a question"),
        ("## On the way", "", "There is no step yet"),
        ("## On the way", "## ", "Step 1 has no title"),
        (
            "> What about {topic}?",
            "> Tell me.",
            "In step 1, 'Tell me.' has to end with a question mark",
        ),
        ("{topic}", "{name}", "only {topic} may stand in braces"),
        ("---\n", "", "has to begin with its front matter"),
    ],
)
def test_what_is_wrong_with_an_own_practice_is_told_in_a_sentence(old: str, new: str, told: str) -> None:
    assert not list(practice_faults(GOOD))
    faults = list(practice_faults(GOOD.replace(old, new)))
    assert any(told in fault for fault in faults), faults
    assert all(fault.endswith((".", "?")) for fault in faults)
    with pytest.raises(ValueError, match=r"\w"):
        parse_practice(GOOD.replace(old, new), "walk")


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("Give me another question.", Wish.ANOTHER),
        ("another question please", Wish.ANOTHER),
        ("Can you ask me something else?", Wish.ANOTHER),
        ("skip", Wish.SKIP),
        ("Let's skip this one.", Wish.SKIP),
        ("next", Wish.SKIP),
        ("please go on", Wish.SKIP),
        ("Stay here", Wish.STAY),
        ("can we stay with this a little longer", Wish.STAY),
        ("I want to stay here in this town", Wish.NONE),
        ("I skip lunch every day", Wish.NONE),
        ("my mother always has another question", Wish.NONE),
        ("I go on and on", Wish.NONE),
        ("", Wish.NONE),
        ("Eine andere Frage.", Wish.ANOTHER),
        ("Kannst du mir bitte noch eine Frage stellen?", Wish.ANOTHER),
        ("Frag mich was anderes", Wish.ANOTHER),
        ("Weiter!", Wish.SKIP),
        ("Ok, lass uns die Frage überspringen.", Wish.SKIP),
        ("Hier bleiben", Wish.STAY),
        ("Können wir bitte noch ein bisschen hier bleiben?", Wish.STAY),
        ("Ich weiß nicht weiter", Wish.NONE),
        ("Ich möchte in dieser Stadt hier bleiben", Wish.NONE),
        ("Eine andere Frage ist, ob ich bleibe", Wish.NONE),
        ("कोई और सवाल", Wish.ANOTHER),
        ("कृपया दूसरा सवाल पूछिए।", Wish.ANOTHER),
        ("आगे बढ़ें।", Wish.SKIP),
        ("यह सवाल छोड़ दीजिए", Wish.SKIP),
        ("यहीं रुकें", Wish.STAY),
        ("मैं आगे पढ़ना चाहता हूँ", Wish.NONE),
        ("noch mal " * 40, Wish.NONE),
    ],
)
def test_what_is_asked_of_a_practice(said: str, wish: Wish) -> None:
    assert wish_in(said) is wish


def test_where_a_session_stands_is_told_with_its_purpose_until_it_is_over() -> None:
    practice = find_practice("gratitude")
    assert steps_done(["a", "another question", "stay here", "b", "go on", "c"]) == 3
    assert standing(practice, ()).purpose == practice.steps[0].purpose
    assert standing(practice, ["a", "another question"]).step == 2
    last = standing(practice, ["a"] * 4)
    assert (last.step, last.is_over) == (4, False)
    assert standing(practice, ["a"] * 5).is_over


def test_a_title_is_found_in_the_answer_that_offers_it() -> None:
    assert title_in('You went far. If you want a title for it: "My garden".') == "My garden"
    assert title_in("If you want a title for it: “A walk”.") == "A walk"
    assert title_in("What a title!") == ""


@pytest.mark.parametrize(
    ("answer", "title", "summary"),
    [
        (
            "Du warst im Garten. Wenn du einen Titel dafür möchtest: „Mein Garten“.",
            "Mein Garten",
            "Du warst im Garten.",
        ),
        ("Du warst weit fort. Ein Titel dafür: **„Weit fort“**", "Weit fort", "Du warst weit fort."),
        ("आप बगीचे में थे। अगर आप इसका शीर्षक चाहें: “मेरा बगीचा”।", "मेरा बगीचा", "आप बगीचे में थे।"),
        ("Tu as marché. Un titre, si tu veux : « Ma rue ».", "Ma rue", "Tu as marché."),
        ("Du sagst es selbst: „Es reicht.“ Ruh dich aus.", "", ""),
    ],
)
def test_a_title_is_found_whatever_language_offers_it(answer: str, title: str, summary: str) -> None:
    assert (title_in(answer), summary_in(answer)) == (title, summary)


@pytest.mark.parametrize("page", sorted((resources() / "help").glob("**/25-practices.md")), ids=str)
def test_what_the_help_says_one_may_ask_of_a_practice_is_understood(page: Path) -> None:
    quoted = '["“„]([^"“”„]+)["”“]'
    lines = page.read_text("utf-8").splitlines()
    line = next(line for line in lines if len(re.findall(quoted, line)) > 2)
    wishes = {wish_in(said) for said in re.findall(quoted, line)}
    assert wishes == {Wish.ANOTHER, Wish.SKIP, Wish.STAY}
