"""What a turn's marks mean: stages, whose time they are, and the budget against what happened."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from companion.conversation.timeline import PROVIDERS, Owner, Spent, Stage, budget, stages, waterfall
from companion.events import Mark

SPOKEN = {
    "pressed": -3400.0,
    "first_frame": -3350.0,
    "released": 0.0,
    "last_frame": 200.0,
    "transcript": 240.0,
    "asked": 250.0,
    "first_token": 340.0,
    "first_clause": 400.0,
    "first_audio": 480.0,
    "first_sound": 520.0,
    "reply_done": 1900.0,
    "last_sound": 8400.0,
}
TYPED = {
    name: at
    for name, at in SPOKEN.items()
    if name not in ("pressed", "first_frame", "last_frame", "transcript")
}
SPEECH_TO_SPEECH = {
    "released": 0.0,
    "last_frame": 5.0,
    "asked": 20.0,
    "first_token": 200.0,
    "first_audio": 210.0,
    "first_sound": 260.0,
    "first_clause": 350.0,
    "transcript": 400.0,
}


def named(timeline: dict[str, float]) -> dict[str, Stage]:
    return {stage.name: stage for stage in stages(timeline)}


def spent(timeline: dict[str, float]) -> dict[str, Spent]:
    return {line.name: line for line in budget(timeline)}


def test_every_stage_has_its_owner_and_its_place() -> None:
    assert [(stage.name, stage.start_ms, stage.end_ms, stage.owner.value) for stage in stages(SPOKEN)] == [
        ("opening", -3400.0, -3350.0, "ours"),
        ("talking", -3350.0, 0.0, "you"),
        ("tail", 0.0, 200.0, "ours"),
        ("hearing", 200.0, 240.0, "hearing"),
        ("asking", 240.0, 250.0, "ours"),
        ("first token", 250.0, 340.0, "thinking"),
        ("first clause", 340.0, 400.0, "ours"),
        ("writing", 340.0, 1900.0, "thinking"),
        ("first audio", 400.0, 480.0, "voice"),
        ("first sound", 480.0, 520.0, "ours"),
        ("speaking", 520.0, 8400.0, "voice"),
    ]


def test_the_budget_tells_the_providers_part_from_ours() -> None:
    lines = spent(SPOKEN)
    assert [(line.limit_ms, line.actual_ms, line.is_kept) for line in lines.values()] == [
        (300.0, 240.0, True),
        (100.0, 90.0, True),
        (150.0, 80.0, True),
        (700.0, 520.0, True),
    ]
    assert (lines["end of turn"].providers_ms, lines["end of turn"].ours_ms) == (40.0, 200.0)
    assert (lines["first token"].providers_ms, lines["first token"].ours_ms) == (90.0, 0.0)
    assert (lines["whole"].providers_ms, lines["whole"].ours_ms) == (210.0, 310.0)


def test_the_limit_itself_is_over() -> None:
    assert spent({**SPOKEN, "first_sound": 700.0})["whole"].is_kept is False
    assert spent({**SPOKEN, "first_sound": 699.9})["whole"].is_kept is True


def test_typed_words_have_no_end_of_turn() -> None:
    lines = spent(TYPED)
    assert lines["end of turn"].actual_ms is None
    assert lines["end of turn"].is_kept is None
    assert lines["whole"].actual_ms == 520.0
    asking = named(TYPED)["asking"]
    assert (asking.start_ms, asking.owner) == (0.0, Owner.OURS)


def test_older_turns_without_the_last_frame_give_all_to_hearing() -> None:
    timeline = {name: at for name, at in SPOKEN.items() if name != "last_frame"}
    assert spent(timeline)["end of turn"].providers_ms == 240.0


def test_an_answer_that_is_not_spoken_is_not_measured_to_its_sound() -> None:
    silent = {
        name: at for name, at in SPOKEN.items() if name not in ("first_audio", "first_sound", "last_sound")
    }
    assert spent(silent)["whole"].actual_ms is None
    assert spent(silent)["first token"].is_kept
    assert named(silent)["first clause"].is_waited_for


def test_words_that_come_after_the_sound_held_nothing_up() -> None:
    found = named(SPEECH_TO_SPEECH)
    assert (found["hearing"].start_ms, found["hearing"].end_ms) == (0.0, 400.0)
    assert not found["hearing"].is_waited_for
    assert "first clause" not in found
    lines = spent(SPEECH_TO_SPEECH)
    assert lines["end of turn"].actual_ms is None
    assert lines["first audio"].actual_ms is None
    assert (lines["whole"].providers_ms, lines["whole"].ours_ms) == (190.0, 70.0)


def test_an_answer_prepared_before_release_counts_from_release() -> None:
    early = {**SPOKEN, "asked": -150.0, "first_token": 30.0}
    lines = spent(early)
    assert lines["first token"].actual_ms == 30.0
    assert lines["whole"].actual_ms == 520.0


@pytest.mark.parametrize(
    "timeline", [{}, {"released": 0.0}, {"nonsense": 3.0}, {"first_sound": float("nan")}]
)
def test_without_times_it_says_so(timeline: dict[str, float]) -> None:
    assert waterfall(timeline) == ["There are no times for this turn."]
    assert all(line.actual_ms is None for line in budget(timeline))


def test_the_text_form_shows_bars_in_order_and_the_budget() -> None:
    lines = waterfall({**SPOKEN, "transcript": 390.0, "asked": 395.0, "first_token": 396.0})
    tail, hearing = (next(line for line in lines if line.startswith(name)) for name in ("tail", "hearing"))
    assert "200 ms" in tail
    assert hearing.index("#") == tail.rindex("#") + 1
    assert lines[1].endswith("<")
    assert lines[10].endswith(">")
    assert lines[lines.index("") + 1] == "end of turn     390 of 300 ms  over  (providers 190, ours 200)"
    assert lines[-1] == "whole           520 of 700 ms  kept  (providers 271, ours 249)"
    assert all(line.isascii() and len(line) < 80 for line in lines)


@given(
    st.dictionaries(
        st.sampled_from([mark.value for mark in Mark]),
        st.floats(-1e6, 1e6) | st.sampled_from([float("nan"), float("inf")]),
        max_size=len(Mark),
    )
)
def test_any_marks_make_stages_without_gaps_and_parts_that_add_up(timeline: dict[str, float]) -> None:
    waited = [stage for stage in stages(timeline) if stage.is_waited_for]
    assert all(stage.ms >= 0 for stage in stages(timeline))
    assert all(one.end_ms == next_one.start_ms for one, next_one in pairwise(waited))
    for line in budget(timeline):
        if line.actual_ms is not None:
            assert line.actual_ms == pytest.approx(line.providers_ms + line.ours_ms)
            assert line.providers_ms >= 0
            assert line.ours_ms >= -1e-6
    assert waterfall(timeline)
    assert {stage.owner for stage in waited} <= PROVIDERS | {Owner.OURS}


def test_the_budget_as_plain_values() -> None:
    whole = budget({"released": 0.0, "asked": 251.26, "first_token": 350.0, "first_sound": 520.0})[-1]
    assert whole.document() == {
        "name": "whole",
        "limit_ms": 700.0,
        "actual_ms": 520.0,
        "providers_ms": 98.7,
        "ours_ms": 421.3,
        "kept": True,
    }
    assert budget({})[0].document()["kept"] is None
