"""What is counted and how it is told: a reflection as a row, the days of interest, tables, and small wordings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from companion import days

WEEKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One reflection as it is counted."""

    began: datetime
    """On the person's own clock where they were, without a time zone."""
    seconds: float = 0.0
    """From the first words to the last answer."""
    practice: str = ""
    mood_before: int | None = None
    """The person's own mark, -3 very unpleasant to 3 very pleasant."""
    mood_after: int | None = None
    tags: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    title: str = ""
    words: str = ""
    """What the person said; empty where only figures are wanted."""
    session_id: int = 0

    @property
    def day(self) -> date:
        return self.began.date()


@dataclass(frozen=True, slots=True)
class Table:
    """A picture in words and numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Choice(StrEnum):
    """Which days are looked at."""

    WEEKS = "weeks"
    YEAR = "year"
    ALL = "all"

    @property
    def words(self) -> str:
        return {Choice.WEEKS: f"{WEEKS} weeks", Choice.YEAR: "This year", Choice.ALL: "All"}[self]


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both among them."""

    first: date
    last: date
    words: str
    """As a sentence ends: "of the last 12 weeks"."""

    @classmethod
    def of(cls, choice: Choice, today: date, earliest: date | None = None) -> Span:
        """The days of a choice; `earliest`: the first day there is anything of, for all."""
        match choice:
            case Choice.WEEKS:
                back = min(7 * (WEEKS - 1), (monday_of(today) - date.min).days)
                return cls(monday_of(today) - timedelta(days=back), today, f"of the last {WEEKS} weeks")
            case Choice.YEAR:
                return cls(today.replace(month=1, day=1), today, "of this year")
        first = min(earliest or today, today)
        return cls(first, today, f"since {days.date_in_words(first)}")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def monday_of(day: date) -> date:
    """The first day of its week; the first there is where the calendar begins in the middle of one."""
    return day - timedelta(days=min(day.weekday(), (day - date.min).days))


def count(number: int, one: str, many: str = "") -> str:
    """ "1 reflection", "2 reflections"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """ "3 h 42 min", "42 min"; what is there and shorter than a minute is one."""
    minutes = round(seconds / 60) or (1 if seconds > 0 else 0)
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min" if hours else f"{rest} min"


def in_number_words(number: int) -> str:
    """Small numbers as a sentence writes them."""
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return names[number] if number < len(names) else f"{number:,}"
