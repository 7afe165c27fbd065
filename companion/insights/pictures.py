"""All pictures of a choice of days at once: what follows from figures alone, and what the words are needed for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from companion.insights.links import Links, links_of
from companion.insights.memories import Memories, memories_of
from companion.insights.mood import MoodLine, mood_line_of
from companion.insights.practice import (
    Calendar,
    Rhythm,
    TimeSpent,
    calendar_of,
    end_of_year,
    rhythm_of,
    time_of,
)
from companion.insights.rows import Choice, Row, Span
from companion.insights.themes import Background, Themes, themes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is shown at once."""

    choice: Choice
    span: Span
    is_empty: bool
    """There is no reflection at all, in no year."""
    calendar: Calendar
    time: TimeSpent
    rhythm: Rhythm
    mood: MoodLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """What needs the words, or more time."""

    themes: Themes
    links: Links
    memories: Memories


def figures_of(rows: Sequence[Row], choice: Choice, today: date, *, is_empty: bool | None = None) -> Figures:
    """`is_empty`: whether there is nothing in other years either; None: `rows` are all there are."""
    span = _span(rows, choice, today)
    return Figures(
        choice=choice,
        span=span,
        is_empty=not rows if is_empty is None else is_empty,
        calendar=calendar_of(rows, span, end_of_year(today) if choice is Choice.YEAR else None),
        time=time_of(rows, span),
        rhythm=rhythm_of(rows, span),
        mood=mood_line_of(rows, span),
    )


def returns_of(
    rows: Sequence[Row],
    choice: Choice,
    today: date,
    *,
    same_days: Sequence[Row] = (),
    titles: Mapping[str, str] | None = None,
    background: Callable[[frozenset[str]], Background] = lambda _: Background(),
    told: Callable[[float], object] = lambda _: None,
) -> Returns:
    """`rows` and `same_days` (of this day in earlier years) with their words; `titles` of practices by name.

    Args:
        told: the share that is done.
    """
    span = _span(rows, choice, today)
    return Returns(
        themes=themes_of(rows, span, background, told),
        links=links_of(rows, span, titles),
        memories=memories_of(same_days, today),
    )


def _span(rows: Sequence[Row], choice: Choice, today: date) -> Span:
    return Span.of(choice, today, min((row.day for row in rows), default=None))
