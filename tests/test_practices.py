"""Practices: the shipped ones are whole, a person's own join them, a broken one harms nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.paths import Home
from companion.practices import find_practice, load_practices, parse_practice, part_of_day

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
    assert {practice.name for practice in practices} >= WANTED
    assert practices[0].name == "open-reflection"
    for practice in practices:
        assert practice.title
        assert practice.summary.endswith(".")
        assert practice.icon
        assert 1 <= practice.minutes <= 30
        assert 3 <= len(practice.steps) <= 6, practice.name
        for step in practice.steps:
            assert step.title
            assert len(step.guidance) > 40, (practice.name, step.title)
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
