"""How the guide's answers read: what a reader judged (`tests/data/guide/judged.txt`), and open talks without a fault."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from companion.providers.here.guide.noticing import find_emergency
from tests.providers.guide_dialogues import open_talks
from tests.providers.guide_figures import answer, language_faults, sentences, talk, wrong_feelings
from tests.reliability.proof import prove

FOLDER = Path(__file__).parent.parent / "data" / "guide"


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer as it was read."""

    lot: str
    """`*` kept apart, `**` written and read after the last mend."""
    before: str
    after: str
    said: str
    reply: str


def judged() -> list[Judged]:
    found = []
    for line in (FOLDER / "judged.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            head, said, reply = line.split(" | ", 2)
            found.append(Judged(*head.split(), said, reply))
    return found


def fresh() -> list[tuple[str, str]]:
    """(kind, words) of every message."""
    lines = (FOLDER / "fresh.txt").read_text("utf-8").splitlines()
    parts = (line.lstrip("* ").split(" | ") for line in lines if line and not line.startswith("#"))
    return [(kind, said.strip()) for kind, said in parts]


def faults_of(reply: str, said: str) -> list[str]:
    """As a machine finds them; a rare word of the person's own is none here, where nothing was misheard."""
    found = [*language_faults(reply, said), *wrong_feelings(reply, said)]
    return [
        fault
        for fault in found
        if not (fault.startswith("non-word") and fault.split()[1][:-1] in said.lower())
    ]


def test_the_share_that_fits_as_one_reader_judged_it() -> None:
    read = judged()
    for lot, what, least in (("*", "kept-apart half", 0.7), ("**", "written after the last mend", 0.5)):
        verdicts = Counter(each.after for each in read if each.lot == lot)
        share = verdicts["F"] / verdicts.total()
        prove(
            "guide",
            f"answers that fit, {what}, read by one reader",
            share,
            least,
            cases=verdicts.total(),
            at_least=True,
        )
        assert verdicts["W"] == verdicts["R"] == 0
    before = Counter(each.before for each in read if each.lot == "*")
    assert before["F"] / before.total() < 0.1


def test_the_answers_are_still_those_that_were_read() -> None:
    """Where this fails, they have to be read again."""
    read = [each for each in judged() if each.lot == "*"]
    same = sum(answer(each.said) == each.reply for each in read)
    assert same >= 0.8 * len(read)


def test_every_message_is_answered_without_a_fault_of_language() -> None:
    messages = fresh()
    assert len(messages) >= 210
    faults = []
    for kind, said in messages:
        reply = answer(said)
        assert reply.count("?") <= 1
        if kind == "farewell":
            assert "?" not in reply, said
        if kind != "foreign" and not find_emergency(said):
            faults += faults_of(reply, said)
    assert faults == []


@pytest.mark.parametrize("name", list(open_talks()))
def test_an_open_talk_says_nothing_twice_and_ends_without_a_question(name: str) -> None:
    said = open_talks()[name]
    answers = talk(*said)
    spoken = [sentence for text in answers for sentence in sentences(text)]
    assert len(spoken) == len(set(spoken))
    assert all(text.count("?") <= 1 for text in answers)
    assert "?" not in answers[-1]
    for words, text in zip(said, answers, strict=True):
        assert faults_of(text, words) == []
