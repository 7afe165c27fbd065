"""The figures and their sentences: days, time, hours, marks, the same day in earlier years."""

# ruff: noqa: DTZ001 - the person's own clock has no zone

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from companion.insights import Row, Span, mood, summary
from companion.insights.memories import memories_of, same_days
from companion.insights.mood import mood_line_of
from companion.insights.pictures import figures_of
from companion.insights.practice import calendar_of, months_over, rhythm_of
from companion.insights.rows import Choice, duration

TODAY = date(2026, 11, 19)
WEEKS = Span.of(Choice.WEEKS, TODAY)


def said(*when: tuple[int, int, int, int], seconds: float = 240, **fields: object) -> list[Row]:
    """A reflection at each (year, month, day, hour)."""
    return [Row(began=datetime(*each), seconds=seconds, **fields) for each in when]  # type: ignore[arg-type]


moods = st.none() | st.integers(-3, 3)
rows_of_two_years = st.lists(
    st.builds(
        Row,
        began=st.datetimes(datetime(2025, 1, 1), datetime(2026, 11, 19, 23, 59)),
        seconds=st.floats(0, 20_000),
        practice=st.sampled_from(("gratitude", "evening-review")),
        mood_before=moods,
        mood_after=moods,
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(rows=rows_of_two_years, choice=st.sampled_from(list(Choice)))
def test_pictures_tables_and_summary_tell_the_same(rows: list[Row], choice: Choice) -> None:
    figures = figures_of(rows, choice, TODAY)
    inside = [row for row in rows if row.day in figures.span]
    days = [day for week in figures.calendar.weeks for day in week]
    assert sum(day.reflections for day in days) == len(inside) == figures.time.reflections
    assert sum(day.seconds for day in days) == pytest.approx(figures.time.seconds)
    assert len(figures.calendar.table.rows) == figures.calendar.days_practised == len({r.day for r in inside})
    assert sum(int(row[1]) for row in figures.calendar.table.rows) == len(inside)
    assert sum(int(row[-1]) for row in figures.rhythm.table.rows) == len(inside)
    for row in figures.rhythm.table.rows:
        assert int(row[-1]) == sum(map(int, row[1:-1]))
    marked = [row for row in inside if (row.mood_before, row.mood_after) != (None, None)]
    assert len(figures.mood.table.rows) == len(marked)
    assert all(day.day.weekday() == n % 7 for n, day in enumerate(days))
    told = summary(rows)
    assert told["reflections"] == len(rows) == sum(told.get("by_practice", {}).values())
    if choice is Choice.ALL:
        assert told["days"] == figures.calendar.days_practised


def test_a_day_is_read_as_a_sentence() -> None:
    calendar = calendar_of(
        [*said((2026, 11, 12, 8), (2026, 11, 12, 21), seconds=260), *said((2026, 11, 13, 21), seconds=0)],
        WEEKS,
    )
    days = {day.day: day.words for week in calendar.weeks for day in week}
    assert days[date(2026, 11, 12)] == "12 November 2026: 2 reflections, 9 minutes"
    assert days[date(2026, 11, 13)] == "13 November 2026: 1 reflection, 1 minute"
    assert days[date(2026, 11, 11)] == "11 November 2026: no reflection"
    assert days[date(2026, 11, 21)] == "21 November 2026", "nothing is said of a day to come"


def test_days_practised_in_one_sentence() -> None:
    sundays = [(2026, 11, 15, 20), (2026, 11, 8, 19), (2026, 11, 1, 21), (2026, 10, 25, 18)]
    calendar = calendar_of(said(*sundays, (2026, 11, 2, 8), (2025, 11, 2, 8)), WEEKS)
    assert calendar.sentence == "You reflected on 5 days of the last 12 weeks, most often on Sunday evening."
    assert len(calendar.weeks) == 12
    assert (
        calendar_of(said((2026, 11, 2, 8)), WEEKS).sentence == "You reflected on 1 day of the last 12 weeks."
    )


def test_a_long_break_takes_nothing_away() -> None:
    """Days are counted; no number begins again at nothing."""
    span = Span.of(Choice.ALL, TODAY, date(2024, 3, 1))
    before = calendar_of(said(*((2024, 3, n, 9) for n in range(1, 29))), span)
    assert before.sentence.startswith("You reflected on 28 days since 1 March 2024")


def test_nothing_is_shown_below_its_minimum_and_it_is_said_kindly() -> None:
    few = said((2026, 11, 12, 8), (2026, 11, 13, 8), (2026, 11, 14, 8), mood_after=1)
    figures = figures_of(few, Choice.WEEKS, TODAY)
    assert figures.mood.missing == "The mood line appears after seven marks; there are 3."
    assert not figures.mood.after.stretches
    assert figures.rhythm.missing == "Weekdays and hours appear after five reflections; there are 3."
    assert not figures.rhythm.most_often
    assert "most often" not in figures.calendar.sentence
    nothing = figures_of([], Choice.WEEKS, TODAY)
    assert nothing.is_empty
    assert nothing.mood.missing.endswith("there are none.")


def test_no_hour_is_named_that_only_ties() -> None:
    rows = said((2026, 11, 9, 8), (2026, 11, 2, 8), (2026, 11, 10, 20), (2026, 11, 3, 20), (2026, 11, 4, 1))
    assert rhythm_of(rows, WEEKS).most_often == ""


def test_a_night_belongs_to_the_day_on_the_calendar() -> None:
    rhythm = rhythm_of(said(*[(2026, 11, 2 + 7 * n % 14, 1) for n in range(5)]), WEEKS)
    assert rhythm.most_often == "Monday night"


def test_the_year_is_drawn_to_its_end_and_months_stand_where_they_begin() -> None:
    calendar = figures_of(said((2026, 3, 3, 9)), Choice.YEAR, TODAY).calendar
    assert calendar.weeks[0][3].day == date(2026, 1, 1)
    assert any(day.day == date(2026, 12, 31) for day in calendar.weeks[-1])
    assert [name for name in months_over(calendar) if name] == (
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    )


@pytest.mark.parametrize("today", [date.min, date(1, 1, 3), date.max, date(2024, 2, 29)])
@pytest.mark.parametrize("choice", list(Choice))
def test_the_ends_of_the_calendar_and_leap_days_hold(today: date, choice: Choice) -> None:
    row = Row(began=datetime.combine(today, datetime.min.time()), mood_after=1)
    assert figures_of([row], choice, today).calendar.days_practised == 1
    memories_of([row], today)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 min"), (9, "1 min"), (59, "1 min"), (13_320, "3 h 42 min")]
)
def test_time_as_people_write_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


# -- mood ---------------------------------------------------------------------------------------------------


def marks(values: Sequence[int], *, every: int = 1, start: date = WEEKS.first) -> list[Row]:
    noon = datetime.combine(start, datetime.min.time()) + timedelta(hours=12)
    return [Row(began=noon + timedelta(days=n * every), mood_after=mood) for n, mood in enumerate(values)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=7, max_size=80))
def test_the_line_stays_among_the_marks(values: list[int]) -> None:
    line = mood_line_of(marks(values), WEEKS).after
    assert line.stretches
    for stretch in line.stretches:
        assert all(min(values) - 1e-9 <= point.mood <= max(values) + 1e-9 for point in stretch)
        assert all(0 <= point.spread <= 3 for point in stretch)


def test_the_line_has_a_gap_where_nobody_marked_anything() -> None:
    rows = marks([1] * 10) + marks([-1] * 10, start=WEEKS.first + timedelta(days=60))
    line = mood_line_of(rows, WEEKS).after
    assert len(line.stretches) == 2
    assert {round(point.mood) for point in line.stretches[0]} == {1}
    assert {round(point.mood) for point in line.stretches[1]} == {-1}


def test_before_and_after_are_counted_not_explained() -> None:
    pairs = [(-1, 1)] * 5 + [(0, 0)] * 2 + [(1, 0)]
    began = datetime(2026, 11, 1, 20)
    rows = [
        Row(began=began + timedelta(days=n), mood_before=before, mood_after=after)
        for n, (before, after) in enumerate(pairs)
    ]
    mood = mood_line_of(rows, WEEKS)
    assert mood.sentence == (
        "Of 8 reflections marked before and after, 5 ended higher, 2 the same and 1 lower."
    )
    assert mood.table.rows[0] == ("8 November 2026", "20:00", "Slightly pleasant", "Neither")


# -- on this day --------------------------------------------------------------------------------------------


def test_every_reflection_of_this_day_stands_there() -> None:
    rows = [
        Row(
            began=datetime(2025, 11, 19, 22),
            words="I do not have to decide tonight. It can wait.",
            session_id=3,
        ),
        Row(began=datetime(2025, 11, 19, 7), words="Fog.", title="The fog", session_id=2),
        Row(began=datetime(2023, 11, 19, 9), words="An older one.", session_id=1),
        Row(began=datetime(2025, 11, 18, 22), words="Another day."),
        Row(began=datetime(2026, 11, 19, 8), words="Today."),
    ]
    found = memories_of(rows, TODAY)
    assert [memory.words for memory in found.memories] == [
        "On this day, 2025: “The fog”",
        "On this day, 2025: “I do not have to decide tonight.”",
        "On this day, 2023: “An older one.”",
    ]
    assert found.sentence == "3 reflections of this day in 2 earlier years."


def test_what_is_grave_is_not_brought_up_unasked() -> None:
    rows = [
        Row(began=datetime(2025, 11, 19, 22), seconds=600, words="It was a long day. I want to kill myself.")
    ]
    (memory,) = memories_of(rows, TODAY).memories
    assert memory.words == "On this day, 2025: 10 min at 22:00"


def test_a_leap_day_comes_back_on_the_28th() -> None:
    assert same_days(date(2026, 2, 28), 2023) == [
        date(2025, 2, 28),
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2023, 2, 28),
    ]
    assert same_days(date(2028, 2, 29), 2023) == [date(2024, 2, 29)]


def test_the_line_of_very_many_marks_is_that_of_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(7)
    first = datetime(2020, 1, 1)
    rows = [
        Row(began=first + timedelta(hours=5 * n), mood_before=chance.randint(-3, 3), mood_after=2)
        for n in range(2_500)
    ]
    span = Span.of(Choice.ALL, rows[-1].day, rows[0].day)
    quick = mood_line_of(rows, span).before.stretches
    monkeypatch.setattr(mood, "_MANY_MARKS", 10_000)
    exact = mood_line_of(rows, span).before.stretches
    assert [len(stretch) for stretch in quick] == [len(stretch) for stretch in exact]
    for one, other in zip(chain(*quick), chain(*exact), strict=True):
        assert abs(one.mood - other.mood) < 0.02
        assert abs(one.spread - other.spread) < 0.02
