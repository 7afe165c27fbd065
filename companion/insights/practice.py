"""When somebody reflected: a calendar of days, the time it took, and the weekdays and parts of day. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from statistics import median

from companion import days
from companion.insights.rows import (
    Row,
    Span,
    Table,
    duration,
    figure,
    in_number_words,
    monday_of,
    on_days,
    reflections,
    there_are,
)
from companion.language import mark, tr, trc, trn
from companion.practices import part_of_day

PARTS = (mark("morning"), mark("afternoon"), mark("evening"), mark("night"))
_AFTER_WEEKDAY = (
    lambda: trc("after a weekday", "morning"),
    lambda: trc("after a weekday", "afternoon"),
    lambda: trc("after a weekday", "evening"),
    lambda: trc("after a weekday", "night"),
)
LEVELS = 4
"""Shades of a day with reflections, 1 to 4; 0 is a day without."""
LEAST_FOR_RHYTHM = 5
"""Reflections below which a favourite hour would be chance."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the calendar."""

    day: date
    reflections: int = 0
    seconds: float = 0.0
    level: int = 0
    is_outside: bool = False
    """It only fills the week, or is still to come."""

    @property
    def words(self) -> str:
        """ "12 March 2026: 2 reflections, 9 minutes"."""
        if self.is_outside:
            return days.date_in_words(self.day)
        if not self.reflections:
            return tr("{day}: no reflection", day=days.date_in_words(self.day))
        minutes = max(1, round(self.seconds / 60))
        took = trn("{n:,} minute", "{n:,} minutes", minutes)
        return f"{days.date_in_words(self.day)}: {reflections(self.reflections)}, {took}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Whole weeks, oldest first, each from Monday to Sunday."""

    weeks: tuple[tuple[Day, ...], ...]
    days_practised: int
    sentence: str
    missing: str
    table: Table


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """All reflections of the span together."""

    seconds: float
    reflections: int
    words: str
    """ "3 h 42 min"."""
    sentence: str
    missing: str


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Reflections by weekday and part of day."""

    counts: tuple[tuple[int, ...], ...]
    """Seven weekdays from Monday, four parts of `PARTS` each."""
    most_often: str
    """ "Sunday evening"; empty where no hour stands out."""
    sentence: str
    missing: str
    table: Table


def calendar_of(rows: Iterable[Row], span: Span, until: date | None = None) -> Calendar:
    """The days of a span; `until`: the calendar is drawn on to there, as a year is to its end."""
    rows = [row for row in rows if row.day in span]
    reflections, seconds = Counter[date](), defaultdict[date, float](float)
    for row in rows:
        reflections[row.day] += 1
        seconds[row.day] += row.seconds
    full = _usual_most(list(seconds.values()))
    last = max(until or span.last, span.last)

    def made(number: int) -> Day:
        if number > date.max.toordinal():
            return Day(date.max, is_outside=True)
        day = date.fromordinal(number)
        n, s = reflections[day], seconds.get(day, 0.0)
        level = min(LEVELS, max(1, ceil(LEVELS * s / full))) if n else 0
        return Day(day, n, s, level, is_outside=day not in span)

    first = monday_of(span.first)
    weeks = []
    for week in range((last - first).days // 7 + 1):
        start = first.toordinal() + 7 * week
        weeks.append(tuple(made(start + n) for n in range(7)))
    practised = [week[n] for week in weeks for n in range(7) if week[n].reflections]
    most_often = rhythm_of(rows, span).most_often
    return Calendar(
        weeks=tuple(weeks),
        days_practised=len(practised),
        sentence=_days_sentence(len(practised), most_often, span),
        missing=""
        if practised
        else tr("The calendar begins with your first reflection {span}.", span=span.within),
        table=Table(
            (tr("Day"), tr("Reflections"), tr("Time")),
            tuple(
                (days.date_in_words(each.day), figure(each.reflections), duration(each.seconds))
                for each in reversed(practised)
            ),
        ),
    )


def time_of(rows: Iterable[Row], span: Span) -> TimeSpent:
    rows = [row for row in rows if row.day in span]
    seconds = sum(row.seconds for row in rows)
    told = (
        tr(
            "{reflections} · usually {duration}",
            reflections=reflections(len(rows)),
            duration=duration(median(row.seconds for row in rows)),
        )
        if rows
        else ""
    )
    missing = "" if rows else tr("There is no reflection {span} yet.", span=span.within)
    return TimeSpent(seconds, len(rows), duration(seconds), told, missing)


def rhythm_of(rows: Iterable[Row], span: Span) -> Rhythm:
    counts = [[0] * len(PARTS) for _ in days.WEEKDAYS]
    for row in rows:
        if row.day in span:
            counts[row.began.weekday()][PARTS.index(part_of_day(row.began.hour))] += 1
    total = sum(map(sum, counts))
    missing = ""
    if total < LEAST_FOR_RHYTHM:
        least, there = in_number_words(LEAST_FOR_RHYTHM), there_are(total)
        missing = tr(
            "Weekdays and hours appear after {least} reflections; {there}.", least=least, there=there
        )
    favourite = "" if missing else _favourite(counts)
    most = max(map(max, counts))
    sentence = (
        tr("Most often on {hour}: {most:,} of {total:,} reflections.", hour=favourite, most=most, total=total)
        if favourite
        else ""
    )
    if not missing and not favourite:
        sentence = tr("No weekday and hour stands out.")
    return Rhythm(
        tuple(map(tuple, counts)),
        favourite,
        sentence,
        missing,
        Table(
            (tr("Weekday"), *(tr(part).capitalize() for part in PARTS), tr("All")),
            tuple(
                (tr(weekday), *map(figure, row), figure(sum(row)))
                for weekday, row in zip(days.WEEKDAYS, counts, strict=True)
            ),
        ),
    )


def _favourite(counts: Sequence[Sequence[int]]) -> str:
    """The one hour that has more than any other, and more than once."""
    ranked = sorted(
        ((n, weekday, part) for weekday, row in enumerate(counts) for part, n in enumerate(row)), reverse=True
    )
    (most, weekday, part), (second, *_) = ranked[:2]
    return hour_name(weekday, part) if most > max(1, second) else ""


def _usual_most(seconds: list[float]) -> float:
    """The time of a long day that is no exception: nine in ten days have less."""
    ranked = sorted(seconds)
    return max(1.0, ranked[min(len(ranked) - 1, int(0.9 * len(ranked)))]) if ranked else 1.0


def _days_sentence(practised: int, most_often: str, span: Span) -> str:
    if not practised:
        return ""
    told = on_days(practised)
    if most_often:
        return tr(
            "You reflected {on_days} {span}, most often on {hour}.",
            on_days=told,
            span=span.words,
            hour=most_often,
        )
    return tr("You reflected {on_days} {span}.", on_days=told, span=span.words)


def hour_name(weekday: int, part: int) -> str:
    """ "Sunday evening"."""
    return tr("{weekday} {part}", weekday=days.weekday_name(weekday), part=_AFTER_WEEKDAY[part]())


def end_of_year(day: date) -> date:
    return day.replace(month=12, day=31)


def months_over(calendar: Calendar) -> list[str]:
    """What stands above every column: the month's short name where one begins, else nothing."""
    named: list[str] = []
    thursdays = [week[3].day for week in calendar.weeks]  # a week belongs to where most of it lies
    for n, day in enumerate(thursdays):
        month = days.short_month(day.month)
        if day.month == 1 and thursdays[0].year != thursdays[-1].year:
            month = f"{month} {day.year}"
        named.append(month if not n or day.month != thursdays[n - 1].month else "")
    return named
