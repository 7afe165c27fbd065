"""The person's own marks over time: a smoothed line before and after a reflection, with the spread around it. Pure.

Where nobody marked anything for a while the line has a gap: it is not drawn through what is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import exp, sqrt

from companion import days
from companion.insights.rows import Row, Span, Table, in_number_words, on_days, there_are
from companion.kinds import mood_name
from companion.language import tr, trn

LEAST_MARKS = 7
LEAST_PAIRS = 7
"""Reflections marked before and after, from which the two are compared in a sentence."""
_POINTS = 72
_NARROWEST_DAYS, _WIDTH_SHARE = 4.0, 1 / 18
_KNOWN = 1.2
"""How much weight of marks near by a point of the line needs; less is a gap."""
_MANY_MARKS = 2_000
_FAR = 3.0
"""Widths of the window after which a mark counts nothing."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of the person's."""

    at: float
    """Days after the first day of the span."""
    mood: int


@dataclass(frozen=True, slots=True)
class Point:
    """One place of the smoothed line."""

    at: float
    """Days after the first day of the span."""
    mood: float
    spread: float
    """Standard deviation of the marks around it."""


@dataclass(frozen=True, slots=True)
class Line:
    """Marks of one kind and the line through them, in stretches without a gap."""

    marks: tuple[Mark, ...]
    stretches: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True, slots=True)
class MoodLine:
    """Both lines."""

    first: date
    days: int
    before: Line
    after: Line
    sentence: str
    missing: str
    table: Table


def mood_line_of(rows: Iterable[Row], span: Span) -> MoodLine:
    marked = sorted(
        (row for row in rows if row.day in span and not (row.mood_before is None and row.mood_after is None)),
        key=lambda row: row.began,
    )
    before = [_mark(row, row.mood_before, span) for row in marked if row.mood_before is not None]
    after = [_mark(row, row.mood_after, span) for row in marked if row.mood_after is not None]
    number = len(before) + len(after)
    missing = ""
    if number < LEAST_MARKS:
        least = in_number_words(LEAST_MARKS)
        missing = tr(
            "The mood line appears after {least} marks; {there}.", least=least, there=there_are(number)
        )
    return MoodLine(
        first=span.first,
        days=span.days,
        before=_line(before, span),
        after=_line(after, span),
        sentence="" if missing else _sentence(marked, number),
        missing=missing,
        table=Table(
            (tr("Day"), tr("Time"), tr("Before"), tr("After")),
            tuple(
                (
                    days.date_in_words(row.day),
                    f"{row.began:%H:%M}",
                    in_words(row.mood_before),
                    in_words(row.mood_after),
                )
                for row in reversed(marked)
            ),
        ),
    )


def in_words(mood: int | None) -> str:
    """What a mark is called; a dash where there is none."""
    return "–" if mood is None else mood_name(min(3, max(-3, mood))).capitalize()


def _mark(row: Row, mood: int | None, span: Span) -> Mark:
    hours = row.began.hour + row.began.minute / 60
    return Mark((row.day - span.first).days + hours / 24, mood or 0)


def _sentence(marked: Sequence[Row], number: int) -> str:
    pairs = [(row.mood_before, row.mood_after) for row in marked]
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    if len(both) < LEAST_PAIRS:
        times = trn("{n:,} time", "{n:,} times", number)
        on = on_days(len({row.day for row in marked}))
        return tr("You marked how it was {times}, {on_days}.", times=times, on_days=on)
    higher, lower = sum(b > a for a, b in both), sum(b < a for a, b in both)
    same = len(both) - higher - lower
    return tr(
        "Of {n:,} reflections marked before and after, {higher:,} ended higher, {same:,} the same and {lower:,} lower.",
        n=len(both),
        higher=higher,
        same=same,
        lower=lower,
    )


def _line(marks: Sequence[Mark], span: Span) -> Line:
    if len(marks) < LEAST_MARKS:
        return Line(tuple(marks), ())
    width = max(_NARROWEST_DAYS, span.days * _WIDTH_SHARE)
    first, last = marks[0].at, marks[-1].at
    stretches: list[list[Point]] = [[]]
    low, weighed = 0, _weighed(marks)
    for n in range(_POINTS):
        at = first + (last - first) * n / (_POINTS - 1)
        while weighed[low].at < at - _FAR * width:  # marks are in order: what is far behind stays so
            low += 1
        point = _point(weighed, low, at, width)
        if point is None:
            stretches.append([])
        else:
            stretches[-1].append(point)
    return Line(tuple(marks), tuple(tuple(stretch) for stretch in stretches if len(stretch) > 1))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Marks that are looked at as one."""

    at: float
    number: int
    total: int
    squares: int


def _weighed(marks: Sequence[Mark]) -> list[_Weighed]:
    """Each by itself; of very many those of a day together, which no line of years shows."""
    if len(marks) <= _MANY_MARKS:
        return [_Weighed(mark.at, 1, mark.mood, mark.mood**2) for mark in marks]
    found = []
    for day, group in groupby(marks, key=lambda mark: int(mark.at)):
        moods = [mark.mood for mark in group]
        found.append(_Weighed(day + 0.5, len(moods), sum(moods), sum(mood**2 for mood in moods)))
    return found


def _point(marks: Sequence[_Weighed], low: int, at: float, width: float) -> Point | None:
    weight = total = squares = 0.0
    for n in range(low, len(marks)):
        away = (marks[n].at - at) / width
        if away > _FAR:
            break
        w = exp(-away * away / 2)
        weight += w * marks[n].number
        total += w * marks[n].total
        squares += w * marks[n].squares
    if weight < _KNOWN:
        return None
    mean = total / weight
    return Point(at, mean, sqrt(max(0.0, squares / weight - mean * mean)))
