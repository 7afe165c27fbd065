"""What is recognised: the rules' own examples, and sets of lines that are kept apart from them."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from companion.care.recognise import AS_A_WHOLE, Finding, by_rules, findings
from companion.care.words import plain
from companion.kinds import Concern, Severity
from companion.paths import resources
from tests.care.sets import HERE, Line, alternatives, examples_of, lines_of, of_the_program, other_days, texts
from tests.reliability.proof import prove

EXAMPLES = sorted((resources() / "care" / "examples").glob("*.txt"))
SEEN_BY_ANOTHER = {Concern.SUICIDE, Concern.MEDICAL, Concern.CHILD, Concern.THREAT, Concern.VIOLENCE}
"""What may rightly be found in the words of a neighbouring concern, too."""


def recognise(text: str) -> Finding | None:
    """The most serious thing that `text` says."""
    return next(iter(findings(text)), None)


def is_alarm(text: str) -> bool:
    found = recognise(text)
    return found is not None and found.severity >= Severity.UNCLEAR


def is_found(line: Line) -> bool:
    """It raises an alarm for what it is."""
    alarms = {each.concern for each in findings(line.text) if each.severity >= Severity.UNCLEAR}
    return line.kind in alarms or bool(alarms & SEEN_BY_ANOTHER)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_rules_keep_their_own_examples(file: object) -> None:
    wrong = []
    for mark, text in examples_of(file):  # type: ignore[arg-type]
        found = by_rules(text)
        is_alarm = any(each.severity >= Severity.UNCLEAR for each in found)
        holds = {"+": is_alarm, "-": not is_alarm, "=": bool(found) and not is_alarm}
        if not holds[mark]:
            wrong.append((mark, text))
    assert wrong == []


def test_what_the_network_takes_from_the_examples_or_adds_to_them() -> None:
    said = [each for file in EXAMPLES for each in examples_of(file)]
    lost = [text for mark, text in said if mark == "+" and not is_alarm(text)]
    added = [text for mark, text in said if mark != "+" and is_alarm(text)]
    prove("care", "examples of danger lost", len(lost) / len(said), 0.005, cases=len(said))
    prove("care", "harmless examples taken for danger", len(added) / len(said), 0.005, cases=len(said))


def test_there_is_an_example_file_for_every_concern() -> None:
    assert {file.stem for file in EXAMPLES} == {concern.value for concern in Concern}
    for file in EXAMPLES:
        assert sum(1 for _ in examples_of(file)) >= 60, file.stem


def test_the_figures_of_the_set_kept_apart_from_the_examples() -> None:
    lines = lines_of("lines.txt")
    assert len(lines) >= 300
    explicit = [line for line in lines if "explicit" in line.marks]
    grave = [line for line in lines if (line.severity or 0) >= Severity.HIGH]
    harmless = [line for line in lines if line.kind == "none" or line.severity is Severity.CARE]
    tricky = [line for line in lines if {"idiom", "negation"} & set(line.marks)]
    prove("care", "explicit statements found", share(explicit), 1.0, cases=len(explicit), at_least=True)
    prove("care", "high and critical found, own set", share(grave), 0.9, cases=len(grave), at_least=True)
    wrong = sum(is_alarm(line.text) for line in harmless) / len(harmless)
    prove("care", "false alarms, own set", wrong, 0.05, cases=len(harmless))
    prove(
        "care", "idioms and negations taken for danger, of 24",
        24 * sum(is_alarm(line.text) for line in tricky) / len(tricky), 1.0, cases=len(tricky),
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind", sorted({line.kind for line in lines_of("lines.txt")} - {"none", "bereavement"})
)
def test_every_concern_is_found(kind: str) -> None:
    lines = [line for line in lines_of("lines.txt") if line.kind == kind]
    prove("care", f"found of {kind}, own set", share(lines), 0.85, cases=len(lines), at_least=True)


@pytest.mark.parametrize("language", ["de", "fr", "es", "it", "pt", "nl", "hi"])
def test_explicit_statements_in_other_languages_are_found_and_known_by_language(language: str) -> None:
    lines = [line for line in lines_of("lines.txt") if language in line.marks and "explicit" in line.marks]
    assert len(lines) >= 5
    for line in lines:
        found = recognise(line.text)
        assert found is not None, line.text
        assert found.severity >= Severity.HIGH, line.text


def test_lines_that_were_missed_once_are_found_now() -> None:
    lines = lines_of("fresh.txt")
    assert [
        line.text for line in lines if (line.severity or 0) >= Severity.UNCLEAR and not is_found(line)
    ] == []
    assert [line.text for line in lines if line.kind == "none" and is_alarm(line.text)] == []


@pytest.mark.parametrize(
    ("name", "found", "wrongly"), [("held_back", 0.85, 0.11), ("apart", 0.83, 0.11), ("sealed", 0.86, 0.09)]
)
def test_what_is_found_of_words_that_nobody_had_in_mind(name: str, found: float, wrongly: float) -> None:
    """The honest figures, with the goals beside them: nothing is mended or learnt from these lines.

    The harmless ones lie near danger: pills, bridges, grief, past attempts, crime novels.
    """
    lines = lines_of(f"{name}.txt")
    grave = [line for line in lines if (line.severity or 0) >= Severity.HIGH]
    harmless = [line for line in lines if line.kind == "none" or line.severity is Severity.CARE]
    explicit = [line for line in grave if "explicit" in line.marks]
    title = name.replace("_", " ")
    is_found, is_wrong = share(grave), sum(is_alarm(line.text) for line in harmless) / len(harmless)
    prove(
        "care",
        f"high and critical found, {title}",
        is_found,
        0.9,
        cases=len(grave),
        at_least=True,
        is_goal=True,
    )
    prove("care", f"false alarms near danger, {title}", is_wrong, 0.05, cases=len(harmless), is_goal=True)
    if explicit:
        prove(
            "care", f"explicit statements found, {title}", share(explicit), 1.0,
            cases=len(explicit), at_least=True, is_goal=True,
        )  # fmt: skip
        assert share(explicit) >= 0.85
    assert (is_found >= found, is_wrong <= wrongly) == (True, True)


def test_what_is_found_of_veiled_speech() -> None:
    """Every second line may be mended from; the others are counted only, but are by who wrote the families of rules."""
    lines = lines_of("other.txt")
    for title, half, found, wrongly in (
        ("veiled, mended from", lines[::2], 0.9, 0.05),
        ("veiled, same writer as the rules", lines[1::2], 0.85, 0.15),
        ("veiled and everyday, mended from", lines_of("later.txt"), 0.8, 0.07),
    ):
        grave = [line for line in half if line.kind != "none"]
        harmless = [line for line in half if line.kind == "none"]
        prove(
            "care", f"high and critical found, {title}", share(grave), found, cases=len(grave), at_least=True
        )
        wrong = sum(is_alarm(line.text) for line in harmless) / len(harmless)
        prove("care", f"false alarms, {title}", wrong, wrongly, cases=len(harmless))


def test_what_people_write_on_other_days_raises_hardly_an_alarm() -> None:
    """Of each pair of lines one may be learnt from, of the messages to the guide those without a star."""
    said = other_days()[1::2]
    assert len(said) > 350
    prove("care", "false alarms, other days", sum(map(is_alarm, said)) / len(said), 0.015, cases=len(said))
    apart = texts(HERE.parent / "data" / "guide" / "fresh.txt")
    fresh = [line.split("|")[1] for line in apart if line.startswith("*")]
    prove(
        "care",
        "false alarms, messages to the guide",
        sum(map(is_alarm, fresh)) / len(fresh),
        0.1,
        cases=len(fresh),
    )


def test_english_of_another_kind_is_no_danger() -> None:
    """Sentences of the program and its tests, of which half were learnt from: what a network never saw, it overrates.

    What a rule finds is not counted: tests outside this folder say dangerous things on purpose.
    """
    said = of_the_program()[::10]
    assert len(said) > 1000
    seen = [text for text in said if any(each.rule.startswith(AS_A_WHOLE) for each in findings(text))]
    prove("care", "false alarms, other English", len(seen) / len(said), 0.01, cases=len(said))


def test_whole_posts_with_one_sentence_of_danger() -> None:
    lines = lines_of("posts.txt")
    grave = [line for line in lines if line.kind != "none"]
    prove("care", "found in long messages", share(grave), 0.7, cases=len(grave), at_least=True)
    harmless = [line for line in lines if line.kind == "none"]
    wrong = sum(is_alarm(line.text) for line in harmless) / len(harmless)
    prove("care", "false alarms in long messages", wrong, 0.4, cases=len(harmless))


def test_the_lessons_that_are_harmless_raise_hardly_an_alarm() -> None:
    lessons = texts(HERE / "learning" / "patterns" / "harmless.txt")
    said = [text for line in lessons for text in itertools.islice(alternatives(line), 8)]
    assert len(said) > 1000
    wrong = [text for text in said if is_alarm(text)]
    prove("care", "false alarms, harmless lessons", len(wrong) / len(said), 0.03, cases=len(said))


@pytest.mark.parametrize("concern", list(Concern))
def test_every_concern_is_told_by_name(concern: Concern) -> None:
    found = Counter(
        each.concern
        for line in lines_of("lines.txt")
        for each in findings(line.text)
        if line.kind == concern.value
    )
    assert found.most_common(1)[0][0] is concern


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("I'm gonna un alive my self", "i am going to unalive myself . "),
        ("i've been sue a sidal", "i have been suicidal . "),
        ("I don't wanna be hear", "i do not want to be here . "),
        ("Ich bringe mich um!", "ich bringe mich um . "),
        ("", ""),
        ("?!", ""),
    ],
)
def test_a_text_is_made_plain(said: str, meant: str) -> None:
    assert plain(said) == meant


def test_means_or_a_time_make_a_wish_imminent() -> None:
    severities = [
        found.severity
        for text in ("I want to die", "I want to die tonight, the pills are ready")
        if (found := recognise(text)) is not None
    ]
    assert severities == [Severity.HIGH, Severity.IMMINENT]


@pytest.mark.parametrize(
    "text", ["", " ", "...", "\0\0", "a" * 20_000, "kill " * 5000, "😀" * 3000, "मैं" * 2000]
)
def test_anything_may_be_said(text: str) -> None:
    findings(text)


def share(lines: list[Line]) -> float:
    return sum(is_found(line) for line in lines) / len(lines)
