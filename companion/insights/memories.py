"""The same day in earlier years: every reflection of it, newest year first. Pure.

What is grave is not brought up unasked: such a reflection stands there with its day and length, without its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from companion import days
from companion.care.recognise import by_rules
from companion.insights.rows import Row, Table, duration, reflections
from companion.language import tr, trn

_QUOTE_CHARS = 90
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
_LOOKED_AT_CHARS = 8_000
"""Of each reflection, where something grave is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One reflection of this day in another year."""

    session_id: int
    day: date
    clock: str
    years: int
    """How many years ago."""
    seconds: float
    quote: str
    """Its title, or the first words; empty where they are not brought up."""

    @property
    def words(self) -> str:
        told = (
            tr("“{quote}”", quote=self.quote)
            if self.quote
            else tr("{duration} at {clock}", duration=duration(self.seconds), clock=self.clock)
        )
        return tr("On this day, {year}: {told}", year=self.day.year, told=told)


@dataclass(frozen=True, slots=True)
class Memories:
    """All of them."""

    memories: tuple[Memory, ...]
    sentence: str
    missing: str
    table: Table


def same_days(today: date, first_year: int) -> list[date]:
    """This day in earlier years, newest first; on 28 February of a common year also the 29th of leap years."""
    found = []
    for year in range(today.year - 1, max(date.min.year, first_year) - 1, -1):
        if not (today.month == 2 and today.day == 29 and not _is_leap(year)):
            found.append(today.replace(year=year))
        if today.month == 2 and today.day == 28 and not _is_leap(today.year) and _is_leap(year):
            found.append(date(year, 2, 29))
    return found


def memories_of(rows: Iterable[Row], today: date) -> Memories:
    """`rows` may be of any days; with their words."""
    rows = list(rows)
    wanted = set(same_days(today, min((row.day.year for row in rows), default=today.year)))
    same = sorted((row for row in rows if row.day in wanted), key=lambda row: (-row.day.year, row.began))
    memories = tuple(
        Memory(
            session_id=row.session_id,
            day=row.day,
            clock=f"{row.began:%H:%M}",
            years=today.year - row.day.year,
            seconds=row.seconds,
            quote=_quote(row),
        )
        for row in same
    )
    years = len({each.day.year for each in memories})
    return Memories(
        memories,
        tr(
            "{reflections} of this day {in_years}.",
            reflections=reflections(len(memories)),
            in_years=trn("in {n} earlier year", "in {n} earlier years", years),
        )
        if memories
        else "",
        "" if memories else tr("Reflections of this day in earlier years will stand here."),
        Table(
            (tr("Day"), tr("Time"), tr("Length"), tr("Words")),
            tuple(
                (days.date_in_words(m.day), m.clock, duration(m.seconds), m.quote or "–") for m in memories
            ),
        ),
    )


def _quote(row: Row) -> str:
    if any(by_rules(text[:_LOOKED_AT_CHARS]) for text in (row.words, row.title) if text):
        return ""
    first = _SENTENCE_END.split(" ".join(row.words.split()), maxsplit=1)[0]
    return shortened(" ".join(row.title.split()) or first)


def shortened(text: str) -> str:
    """To a line, at the end of a word."""
    if len(text) <= _QUOTE_CHARS:
        return text
    whole = text[: _QUOTE_CHARS + 1].rpartition(" ")[0] or text[:_QUOTE_CHARS]
    return whole.rstrip(" ,;:–—-") + "…"


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
