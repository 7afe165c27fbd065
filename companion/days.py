"""What day and hour it is, or was, for the person: a moment with the offset of the place where they were, and its words.

Pure but for `now`, any thread. A moment keeps its own offset, so nothing it shows moves when the computer travels, when
summer time begins or when the clock is set.
"""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import NamedTuple

from companion.language import mark, tr, trc

SILENCE_S = 4 * 3600.0
"""After so long without a word the next one begins a new reflection."""
WEEKDAYS = (
    *(mark("Monday"), mark("Tuesday"), mark("Wednesday"), mark("Thursday")),
    *(mark("Friday"), mark("Saturday"), mark("Sunday")),
)
MONTHS = (
    *(mark("January"), mark("February"), mark("March"), mark("April"), mark("May"), mark("June")),
    *(mark("July"), mark("August"), mark("September"), mark("October"), mark("November"), mark("December")),
)
"""In English; strftime's are those of the computer."""
_SHORT_WEEKDAYS = (
    *(mark("Mon"), mark("Tue"), mark("Wed"), mark("Thu")),
    *(mark("Fri"), mark("Sat"), mark("Sun")),
)
_SHORT_MONTHS = (
    *(mark("Jan"), mark("Feb"), mark("Mar"), mark("Apr"), mark("May"), mark("Jun")),
    *(mark("Jul"), mark("Aug"), mark("Sep"), mark("Oct"), mark("Nov"), mark("Dec")),
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of the person's own clock
_FIRST_S, _LAST_S = -62_135_596_800.0, 253_402_300_799.0
"""What a date can hold, the years 1 to 9999; a moment outside is shown as the nearest one inside."""


class When(NamedTuple):
    """A moment and where it was."""

    at: float
    """Seconds since the epoch."""
    offset_s: int
    """How far the person's clock was ahead of UTC, in seconds."""

    @classmethod
    def of(cls, at: float, offset_s: int | None = None) -> When:
        """As it was kept; where no offset was kept, as this computer's time zone has it."""
        return cls(at, _offset_here(at) if offset_s is None else offset_s)

    @property
    def local(self) -> datetime:
        """What a clock on the person's wall showed, without a time zone."""
        return _EPOCH + timedelta(seconds=min(max(self.at + self.offset_s, _FIRST_S), _LAST_S))

    @property
    def day(self) -> date:
        return self.local.date()

    @property
    def hour(self) -> int:
        """0 to 23."""
        return self.local.hour

    @property
    def clock(self) -> str:
        """21:05."""
        return f"{self.local:%H:%M}"

    @property
    def weekday(self) -> str:
        """Thursday."""
        return weekday_name(self.local.weekday())

    def day_in_words(self, today: date) -> str:
        """Thursday 19 November, with the year when it is not that of `today`."""
        return trc("a date", "{weekday} {day}", weekday=self.weekday, day=self.short(today))

    def short(self, today: date) -> str:
        """19 November, with the year when it is not that of `today`."""
        day = self.day
        if day.year != today.year:
            return date_in_words(day)
        return trc("a date", "{day} {month}", day=day.day, month=month_name(day.month))


def date_in_words(day: date) -> str:
    """12 March 2026."""
    return trc("a date", "{day} {month} {year}", day=day.day, month=month_name(day.month), year=day.year)


def short_date(day: date) -> str:
    """12 Mar."""
    return trc("a date", "{day} {month}", day=day.day, month=short_month(day.month))


def weekday_name(number: int) -> str:
    """Of the days from Monday, 0, to Sunday, 6, in the language of the interface."""
    return tr(WEEKDAYS[number])


def short_weekday(number: int) -> str:
    """Mon."""
    return tr(_SHORT_WEEKDAYS[number])


def month_name(number: int) -> str:
    """Of the months from 1 to 12, in the language of the interface."""
    return tr(MONTHS[number - 1])


def short_month(number: int) -> str:
    """Jan."""
    return tr(_SHORT_MONTHS[number - 1])


def now() -> When:
    """This moment, here. Reads the time zone again, as the system has it now."""
    if hasattr(time, "tzset"):
        time.tzset()  # costs a look at one file; without it a process keeps the zone it was started in
    return When.of(time.time())


def begins_anew(last: When, now: When) -> bool:
    """Whether words at `now` begin another reflection than those at `last`.

    They do on a later day of the person's, and after long silence. A clock that was set back, and a day that comes again
    on the way west, begin nothing.
    """
    if now.at < last.at:
        return False
    return now.day > last.day or now.at - last.at >= SILENCE_S


def _offset_here(at: float) -> int:
    try:
        return time.localtime(at).tm_gmtoff
    except (OverflowError, OSError, ValueError):  # further away than this computer's calendar reaches
        return time.localtime().tm_gmtoff
