"""The day is the person's day where they were; words after midnight or after long silence begin anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from companion import days
from companion.days import When, begins_anew

HOUR = 3600
THIS_YEAR = date(2026, 12, 31)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, *, ahead_s: int = 0) -> When:
    """What a wall clock showed that was so far ahead of UTC."""
    moment = datetime(year, month, day, hour, minute, tzinfo=UTC) - timedelta(seconds=ahead_s)
    return When(moment.timestamp(), ahead_s)


# -- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["NZDT-13", "PST8PDT,M3.2.0,M11.1.0", "UTC0", "<+14>-14", "<-12>12"])
def test_sunday_morning_in_auckland_is_that_wherever_it_is_read(
    zone: str, travel: Callable[[str], None]
) -> None:
    said = at(2026, 3, 15, 9, 30, ahead_s=13 * HOUR)
    travel(zone)
    kept = When.of(said.at, said.offset_s)
    assert f"{kept.day_in_words(THIS_YEAR)} {kept.clock}" == "Sunday 15 March 09:30"


@pytest.mark.parametrize(
    "ahead_s",
    [0, 14 * HOUR, -12 * HOUR, 5 * HOUR + 45 * 60, -(3 * HOUR + 30 * 60), 12 * HOUR + 45 * 60, -1_172],
)
@pytest.mark.parametrize("year", [1893, 1969, 1970, 2026, 2400])
def test_every_offset_and_year_shows_the_day_and_hour_of_its_wall(ahead_s: int, year: int) -> None:
    late = at(year, 2, 28, 23, 59, ahead_s=ahead_s)
    after = When(late.at + 60, ahead_s)
    assert (late.day, late.hour, late.clock) == (date(year, 2, 28), 23, "23:59")
    assert (after.hour, after.clock) == (0, "00:00")
    assert after.day == date(year, 2, 28) + timedelta(days=1)


def test_words_do_not_follow_the_language_of_the_computer() -> None:
    names = [at(2026, month, 1).day_in_words(THIS_YEAR) for month in range(1, 13)]
    assert names[0] == "Thursday 1 January"
    assert names[11] == "Tuesday 1 December"
    assert len({name.split()[2] for name in names}) == 12


def test_another_year_is_named() -> None:
    assert at(2026, 11, 19).day_in_words(date(2026, 1, 1)) == "Thursday 19 November"
    assert at(2026, 11, 19).day_in_words(date(2027, 1, 1)) == "Thursday 19 November 2026"


@pytest.mark.parametrize("moment", [1e300, -1e300, float("inf"), 9e15])
def test_a_moment_no_calendar_has_is_still_shown(moment: float) -> None:
    assert When.of(moment).clock
    assert When.of(moment, 14 * HOUR).day_in_words(THIS_YEAR)


# -- here ---------------------------------------------------------------------------------------------------


def test_what_was_kept_without_an_offset_is_shown_as_this_place_has_it(travel: Callable[[str], None]) -> None:
    winter, summer = at(2026, 1, 15, 12).at, at(2026, 7, 15, 12).at
    travel("CET-1CEST,M3.5.0,M10.5.0/3")
    assert [When.of(moment).clock for moment in (winter, summer)] == ["13:00", "14:00"]


def test_now_follows_the_computer_without_a_new_start(
    travel: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: at(2026, 3, 14, 20, 30).at)
    travel("UTC0")
    assert days.now().offset_s == 0
    monkeypatch.setenv("TZ", "<+1345>-13:45")  # and nobody has called tzset
    assert (days.now().offset_s, days.now().clock) == (13 * HOUR + 45 * 60, "10:15")


# -- where a reflection ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "now", "why"),
    [
        (at(2026, 3, 15, 22, 45), at(2026, 3, 18, 8, 15), "the window stayed open for days"),
        (at(2026, 3, 15, 23, 59), at(2026, 3, 16, 0, 0), "midnight passed"),
        (at(2026, 3, 15, 8), at(2026, 3, 15, 12), "four hours of silence"),
        (at(2026, 12, 31, 23, 50), at(2027, 1, 1, 0, 10), "the year ended"),
        (at(2026, 3, 15, 23, 50, ahead_s=-HOUR), at(2026, 3, 16, 0, 10, ahead_s=-HOUR), "where they are"),
        (at(1969, 12, 30, 23, 50), at(1969, 12, 31, 0, 10), "a clock before the epoch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_words_that_begin_anew(last: When, now: When, why: str) -> None:
    assert begins_anew(last, now), why


SAME_MOMENT = at(2026, 10, 25, 1, 59, ahead_s=2 * HOUR)


@pytest.mark.parametrize(
    ("last", "now", "why"),
    [
        (at(2026, 3, 15, 8), at(2026, 3, 15, 11, 59), "less than four hours"),
        (at(2026, 3, 15, 8), at(2026, 3, 14, 8), "the clock was set back a day"),
        (at(2026, 3, 15, 8), at(2020, 1, 1), "the clock was set back for years"),
        (at(2026, 3, 16, 0, 1), at(2026, 3, 15, 23, 59), "a correction across midnight"),
        (at(2026, 3, 16, 0, 30, ahead_s=HOUR), at(2026, 3, 15, 23, 45), "to the west, across midnight"),
        (at(2026, 3, 29, 1, 59, ahead_s=HOUR), at(2026, 3, 29, 3, 1, ahead_s=2 * HOUR), "summer time began"),
        (SAME_MOMENT, When(SAME_MOMENT.at + 120, HOUR), "summer time ended"),
        # 23:30 UTC to 00:30 UTC, but a morning for the person
        (at(2026, 3, 16, 12, 30, ahead_s=13 * HOUR), at(2026, 3, 16, 13, 30, ahead_s=13 * HOUR), "UTC's day"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_words_that_go_on(last: When, now: When, why: str) -> None:
    assert not begins_anew(last, now), why


def test_after_a_clock_was_set_back_the_next_night_counts_again() -> None:
    wrong, right, next_day = at(2031, 1, 1), at(2026, 3, 15, 22), at(2026, 3, 16, 8)
    assert not begins_anew(wrong, right)
    assert begins_anew(right, next_day)
