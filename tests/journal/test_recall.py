"""What a journal of two and a half years gives to 200 questions: by words, with meaning, and with the extra."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from statistics import mean

import pytest

from companion.journal.meaning.reader import Reader
from companion.journal.meaning.still import StillVectors
from companion.journal.store import SqlJournal, open_in_memory
from companion.journal.vectors import Vectors
from tests.reliability.proof import prove
from tests.weights import weights

SET = Path(__file__).parent.parent / "data" / "recall"
TODAY = date(2025, 6, 30)
GOALS = {"words": (0.68, 0.9), "meaning": (0.85, 0.9), "MiniLM": (0.88, 0.9)}
"""Found among five, and the share of questions without an answer to which nothing is brought up."""
"""Row of the ledger for what is no promise of the table."""


@dataclass(frozen=True, slots=True)
class Question:
    kind: str
    answers: tuple[str, ...]
    """Of a changed fact the newest first."""
    text: str


def entries() -> list[tuple[date, str, str]]:
    """(day, name, words)."""
    found = []
    for line in (SET / "entries.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            day, _, words = line.partition(" ")
            name = ""
            if words.startswith("#"):
                name, _, words = words[1:].partition(" ")
            found.append((date.fromisoformat(day), name, words))
    return found


def questions() -> list[Question]:
    lines = (SET / "questions.txt").read_text(encoding="utf-8").splitlines()
    rows = [[part.strip() for part in line.split("|", 2)] for line in lines if not line.startswith("#")]
    return [Question(kind, tuple(names.split()) if names != "-" else (), text) for kind, names, text in rows]


async def written() -> tuple[SqlJournal, dict[str, int]]:
    """The journal, and the turn of each named entry."""
    journal, turns = await open_in_memory(), {}
    for day, name, words in entries():
        at = datetime.combine(day, datetime.min.time()).timestamp()
        session = await journal.begin_session("open-reflection", at, 0)
        turns[name] = await journal.save_user(session, words, at, 0)
    return journal, turns


def test_the_set_is_whole() -> None:
    named = {name for _, name, _ in entries()}
    asked = questions()
    assert len(entries()) >= 400
    assert len(asked) >= 150
    assert {each.kind for each in asked} == {"plain", "paraphrase", "date", "changed", "none"}
    assert {name for each in asked for name in each.answers} <= named
    assert len({each.text for each in asked}) == len(asked)


async def found_by(journal: SqlJournal, asked: Sequence[Question], turns: Mapping[str, int]) -> float:
    """The share of what answers the questions that is among the first five hits."""
    shares = []
    for each in asked:
        wanted = {turns[name] for name in each.answers}
        if wanted:
            hits = await journal.finding.search(each.text, limit=5, today=TODAY)
            shares.append(len(wanted & {hit.turn_id for hit in hits}) / len(wanted))
    return mean(shares)


async def brought_up(
    journal: SqlJournal, asked: Sequence[Question], turns: Mapping[str, int]
) -> dict[str, list[bool]]:
    """By kind of question, whether what is brought up is right: an answer, the newest one first, or nothing."""
    right = defaultdict[str, list[bool]](list)
    for each in asked:
        got = [earlier.turn_id for earlier in await journal.finding.recall(each.text, today=TODAY)]
        wanted = [turns[name] for name in each.answers]
        known = [turn for turn in got if turn in wanted]
        right[each.kind].append(bool(known) if wanted else not got)
        if each.kind == "changed" and known:
            right["newest first"].append(known[0] == wanted[0])
    return right


@pytest.mark.parametrize("by", ["words", "meaning", pytest.param("MiniLM", marks=pytest.mark.long)])
async def test_what_is_found_and_what_is_brought_up(by: str) -> None:
    journal, turns = await written()
    if by != "words":
        journal.finding.still = Vectors(journal.tables, StillVectors(weights("wordllama")))
        await journal.finding.still.begin()
        await journal.finding.still.catch_up()
    if by == "MiniLM":
        journal.finding.reader = Vectors(journal.tables, Reader(weights("minilm")))
        await journal.finding.reader.begin()
        await journal.finding.reader.catch_up()
    asked = questions()
    found = await found_by(journal, asked, turns)
    right = await brought_up(journal, asked, turns)
    await journal.close()
    count = sum(bool(each.answers) for each in asked)
    least_found, least_silent = GOALS[by]
    for what, figure, least, cases in (
        (f"found among five, by {by}", found, least_found, count),
        (f"newest fact first, by {by}", mean(right["newest first"]), 1.0, len(right["newest first"])),
        (f"silent without an answer, by {by}", mean(right["none"]), least_silent, len(right["none"])),
    ):
        prove("recall", what, figure, least, cases=cases, at_least=True)
    assert mean(right["plain"]) >= 0.95, "what is asked in the entry's own words is brought up"
    assert mean(right["changed"]) >= 0.9
