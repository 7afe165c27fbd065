"""What is counted and how it is told: a reflection as a row, the days of interest, tables, and small wordings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from companion import days, language
from companion.language import mark, tr, trn

WEEKS = 12
_NUMBERS = (
    *(mark("no"), mark("one"), mark("two"), mark("three"), mark("four"), mark("five")),
    *(mark("six"), mark("seven"), mark("eight"), mark("nine"), mark("ten")),
)


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
        match self:
            case Choice.WEEKS:
                return trn("{n} week", "{n} weeks", WEEKS)
            case Choice.YEAR:
                return tr("This year")
            case Choice.ALL:
                return tr("All")


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both among them."""

    first: date
    last: date
    words: str
    """As a sentence ends: "of the last 12 weeks"."""
    within: str
    """The same where something is in them: "in the last 12 weeks"."""

    @classmethod
    def of(cls, choice: Choice, today: date, earliest: date | None = None) -> Span:
        """The days of a choice; `earliest`: the first day there is anything of, for all."""
        match choice:
            case Choice.WEEKS:
                back = min(7 * (WEEKS - 1), (monday_of(today) - date.min).days)
                return cls(
                    monday_of(today) - timedelta(days=back),
                    today,
                    trn("of the last {n} week", "of the last {n} weeks", WEEKS),
                    trn("in the last {n} week", "in the last {n} weeks", WEEKS),
                )
            case Choice.YEAR:
                return cls(today.replace(month=1, day=1), today, tr("of this year"), tr("in this year"))
        first = min(earliest or today, today)
        since = tr("since {day}", day=days.date_in_words(first))
        return cls(first, today, since, since)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def monday_of(day: date) -> date:
    """The first day of its week; the first there is where the calendar begins in the middle of one."""
    return day - timedelta(days=min(day.weekday(), (day - date.min).days))


def reflections(number: int) -> str:
    """ "1 reflection", "2 reflections"."""
    return trn("{n:,} reflection", "{n:,} reflections", number)


def on_days(number: int) -> str:
    """ "on 1 day", "on 2 days"."""
    return trn("on {n:,} day", "on {n:,} days", number)


def figure(number: int) -> str:
    """ "1,204", as the language of the interface writes it."""
    return language.number(f"{number:,}")


def there_are(number: int) -> str:
    """ "there are 3" of what was named before."""
    return trn("there is {n}", "there are {n}", number) if number else tr("there are none")


def duration(seconds: float) -> str:
    """ "3 h 42 min", "42 min"; what is there and shorter than a minute is one."""
    minutes = round(seconds / 60) or (1 if seconds > 0 else 0)
    hours, rest = divmod(minutes, 60)
    return (
        tr("{hours:,} h {minutes} min", hours=hours, minutes=rest)
        if hours
        else tr("{minutes} min", minutes=rest)
    )


def in_number_words(number: int) -> str:
    """Small numbers as a sentence writes them."""
    return tr(_NUMBERS[number]) if number < len(_NUMBERS) else figure(number)
