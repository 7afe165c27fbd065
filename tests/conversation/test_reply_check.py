"""The reply check: what it finds in answers that were written for it, and that it only measures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

import pytest

from companion.conversation.prompt import messages_of
from companion.conversation.reply_check import (
    LONGEST_WORDS,
    Slip,
    questions_in,
    slips_in,
    spoken_words,
)
from companion.conversation.session import Session
from companion.flow import ChatRequest, TurnRecord
from companion.paths import resources
from companion.practices import find_practice
from companion.providers.here.mind.provider import MindProvider
from tests.reliability.proof import prove

REPLIES = Path(__file__).parent.parent / "data" / "replies" / "replies.txt"
LONG = (
    "You sold the house, and with it went the kitchen in which so much of your life has happened, the garden, "
    "the stairs, and the room where the children slept. It is as if a long chapter had come to its end, and a "
    "new one had not quite begun, and between the two there is this empty hall with its boxes. What do you see "
    "when you stand in it?"
)
ASKED_BEFORE = ("You walked home. What did you notice on the way?",)
Case = tuple[frozenset[str], str, str]


def read(*, is_apart: bool) -> list[Case]:
    lines = [line for line in REPLIES.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [_case(line) for line in lines if line.startswith("*") is is_apart]


def read_kept(name: str) -> list[Case]:
    lines = REPLIES.with_name(name).read_text("utf-8").splitlines()
    return [_case(line) for line in lines if line and not line.startswith("#")]


def _case(line: str) -> Case:
    faults, said, answer = (part.strip() for part in line.lstrip("* ").split("|"))
    names = frozenset() if faults == "-" else frozenset(faults.split(","))
    return names, said, LONG if answer == "(long)" else answer.replace(r"\n", "\n")


def found(said: str, answer: str) -> frozenset[str]:
    return frozenset(slip.value for slip in slips_in(answer, said, ASKED_BEFORE))


def measure(cases: Sequence[Case]) -> tuple[float, float]:
    """The share of written faults that are found, and of fit answers in which something is found."""
    written = [(fault, said, answer) for faults, said, answer in cases for fault in faults]
    fit = [(said, answer) for faults, said, answer in cases if not faults]
    hits = sum(fault in found(said, answer) for fault, said, answer in written)
    return hits / len(written), sum(bool(found(said, answer)) for said, answer in fit) / len(fit)


def test_every_written_fault_is_known_to_the_check() -> None:
    cases = read(is_apart=False) + read(is_apart=True)
    assert len(cases) >= 60
    assert {fault for faults, _, _ in cases for fault in faults} == {slip.value for slip in Slip}
    assert spoken_words(LONG) > LONGEST_WORDS


@pytest.mark.parametrize("case", read(is_apart=False), ids=lambda case: case[2][:40])
def test_what_the_check_finds_is_what_is_wrong(case: Case) -> None:
    faults, said, answer = case
    assert found(said, answer) == faults


def test_figures_on_the_answers_that_were_kept_apart() -> None:
    """Not untouched: 2 of the 18 fit ones were alarms at first; since then a person's own words are no slip."""
    cases = read(is_apart=True)
    recall, alarms = measure(cases)
    prove("answers", "slips of answers found, kept apart", recall, 0.8, cases=len(cases), at_least=True)
    prove("answers", "fit answers taken for slips, kept apart", alarms, 0.1, cases=len(cases))


@pytest.mark.parametrize("name", ["earlier.txt", "later.txt"])
def test_slips_that_were_missed_once_are_found_now(name: str) -> None:
    assert measure(read_kept(name)) == (1.0, 0.0)


def test_figures_on_answers_written_after_the_rules() -> None:
    """The honest ones: nothing was changed for what was missed here. Words unlike any rule's are hardly found."""
    cases = read_kept("fresh.txt")
    recall, alarms = measure(cases)
    prove(
        "answers",
        "slips of answers found, worded unlike any rule",
        recall,
        0.5,
        cases=len(cases),
        at_least=True,
        is_goal=True,
    )
    prove("answers", "fit answers taken for slips, fresh", alarms, 0.1, cases=len(cases))


def test_what_the_person_asked_for_and_their_own_words_are_no_slips() -> None:
    advice = "You could try to write it down."
    assert Slip.ADVICE in slips_in(advice, "I forget everything.")
    assert Slip.ADVICE not in slips_in(advice, "I forget everything. What should I do?")
    assert Slip.CLINICAL in slips_in("That is your anxiety.", "I am worried.")
    assert not slips_in("The anxiety was there again.", "My anxiety was there again.")


def test_a_question_in_quotation_marks_is_not_asked() -> None:
    assert questions_in("You asked “why me?” and went. What came then?") == ["What came then?"]


def test_the_examples_in_the_prompt_keep_to_it() -> None:
    prompt = (resources() / "prompts" / "companion.md").read_text("utf-8")
    pairs = re.findall(r'said "([^"]+)", a good answer is "([^"]+)"', " ".join(prompt.split()))
    assert len(pairs) >= 3
    assert not [pair for pair in pairs if slips_in(pair[1], pair[0])]


SAID = (
    "I had a long day at work and my boss left early.",
    "I keep thinking about my brother.",
    "We have not talked for two years.",
    "I am not sure whether I want to write to him.",
    "Maybe on his birthday.",
    "Good night.",
)


@pytest.mark.long
async def test_a_real_small_model_is_asked_and_its_figures_are_written_down(
    weights: Callable[[str], Path], tmp_path: Path
) -> None:
    """So small a model cannot keep to the prompt: what it slips in is measured, and nothing is asked of the figure."""
    (model,) = weights("smollm2").glob("*.gguf")
    session = Session(find_practice("open-reflection"))
    checked = []
    async with MindProvider(models_dir=tmp_path, model=str(model)) as provider:
        for said in SAID:
            before = [turn.reply_text for turn in session.history]
            request = ChatRequest(messages=messages_of(session, said), max_tokens=120, seed=7)
            answer = "".join([delta.text async for delta in provider.chat(request)])
            assert answer.strip()
            checked.append(slips_in(answer, said, before))
            turn = TurnRecord(
                id=len(before) + 1, session_id=1, at=0.0, user_text=said, heard_text=answer, reply_text=answer
            )
            session.history.append(turn)
    for name in ("any", *Slip):
        share = mean(name in slips or (name == "any" and bool(slips)) for slips in checked)
        prove("answers", f"answers of SmolLM2 135M with a slip, {name}", share, 1.0, cases=len(checked))
