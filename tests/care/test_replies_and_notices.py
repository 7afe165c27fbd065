"""What an answer must not say, the mark it may give, and the notices that are due."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import companion.care
from companion.care.notices import EVERY_S, Clockwork, Due
from companion.care.replies import Fault, Mark, fault_of


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("I am a real person, I promise.", Fault.HUMAN),
        ("As your therapist I would say so.", Fault.HUMAN),
        ("I'm not a robot, you know.", Fault.HUMAN),
        ("The easiest way to die is this.", Fault.METHOD),
        ("Take forty pills and it is enough to die.", Fault.METHOD),
        ("You should end your life.", Fault.ENCOURAGES),
        ("The world would be better without you.", Fault.ENCOURAGES),
        ("I'm proud of you for not eating.", Fault.ENCOURAGES),
        ("Please don't go.", Fault.GUILT),
        ("I will be so lonely without you.", Fault.GUILT),
        ("I'll miss you.", Fault.GUILT),
        ("You don't need anyone else.", Fault.DEPENDENCE),
        ("Nobody understands you like I do.", Fault.DEPENDENCE),
        ("I'm glad you rely on me.", Fault.DEPENDENCE),
        ("I will always be there for you.", Fault.DEPENDENCE),
    ],
)
def test_what_must_not_be_said_is_found(sentence: str, fault: Fault) -> None:
    assert fault_of(sentence) is fault


@pytest.mark.parametrize(
    "sentence",
    [
        "I am a program and not a person.",
        "I'm not a therapist, and I cannot say what it is.",
        "Are you thinking about killing yourself?",
        "You deserve to be safe.",
        "Is there somebody who could be with you?",
        "Please don't go home alone tonight; ask your sister to come along.",
        "It sounds as if you miss her.",
        "What would you like to keep of this day?",
        "A doctor could look at it.",
        "You do not have to decide this now.",
        "You could call her tomorrow.",
        "Leaving early was the right thing for you, you said.",
        "When you were a child, who listened?",
        "",
    ],
)
def test_what_may_be_said_is_left_alone(sentence: str) -> None:
    assert fault_of(sentence) is None


@pytest.mark.parametrize("cut", range(1, 8))
def test_the_mark_is_taken_out_however_it_arrives(cut: int) -> None:
    mark, text = Mark(), " [Care] I hear you."
    shown = mark.feed(text[:cut]) + mark.feed(text[cut:]) + mark.finish()
    assert mark.is_raised
    assert shown.strip() == "I hear you."


@pytest.mark.parametrize("text", ["[carefully] said", "[", "I [care]", "[ca", ""])
def test_what_is_no_mark_is_shown(text: str) -> None:
    mark = Mark()
    assert "".join((*map(mark.feed, text), mark.finish())) == text
    assert not mark.is_raised


def test_three_hours_of_use_bring_the_notice_once_and_forty_minutes_a_pause_once_a_sitting() -> None:
    clockwork = Clockwork()
    assert clockwork.begin() == (Due.PROGRAM,)
    assert clockwork.begin() == ()
    told = [due for minute in range(0, 181, 2) for due in clockwork.use(minute * 60.0)]
    assert told.count(Due.PROGRAM) == 1
    assert told.count(Due.PAUSE) == 1


def test_silence_is_no_use_and_another_sitting_may_be_long_again() -> None:
    clockwork = Clockwork(has_begun=True)
    told: list[Due] = []
    for day in range(3):
        told += [due for minute in range(0, 50, 5) for due in clockwork.use(day * 86_400.0 + minute * 60.0)]
    assert told == [Due.PAUSE] * 3
    assert clockwork.since_told_s < EVERY_S


def test_nothing_of_care_can_open_a_connection() -> None:
    allowed = {
        "companion.care",
        "companion.flow",
        "companion.kinds",
        "companion.language",
        "companion.paths",
        "__future__",
    }
    for file in Path(companion.care.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                is_ours = any(name == each or name.startswith(f"{each}.") for each in allowed)
                assert is_ours or name in {
                    "re", "json", "unicodedata", "numpy", "numpy.typing", "threading", "typing",
                    "collections.abc", "dataclasses", "enum", "functools", "pathlib",
                }, f"{file.name} imports {name}"  # fmt: skip
