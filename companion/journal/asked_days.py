"""The days a question asks about ("on 12 March", "last summer", "two weeks ago"). Text and today in, two days out. Pure.

English only. Of days that come again every year the last one that is not in the future is meant.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta

Days = tuple[date, date]
"""First and last."""
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WEEKDAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_IN_ORDER = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
)
_ORDINALS = _IN_ORDER.split()
_TEN = "one two three four five six seven eight nine ten"
_NUMBERS = {word: number for number, word in enumerate(_TEN.split(), 1)}
_NUMBERS |= {"a": 1, "an": 1, "a few": 3, "a couple of": 2}
_DAY = (
    rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?|(?P<ordinal>{'|'.join(sorted(_ORDINALS, key=len, reverse=True))})"
)
_YEAR = r"(?:,?\s+(?:of\s+|in\s+)?(?P<year>(?:19|20)\d\d|last year|this year))?"
_ISO = re.compile(r"\b((?:19|20)\d\d)-(\d\d)-(\d\d)\b")
_DAY_MONTH = re.compile(rf"\b(?:{_DAY})\s+(?:of\s+)?(?P<month>{_MONTH})\b\.?{_YEAR}")
_MONTH_DAY = re.compile(rf"\b(?P<month>{_MONTH})\.?\s+(?:the\s+)?(?:{_DAY})\b{_YEAR}")
_IN_MONTH = re.compile(
    rf"\b(?P<lead>(?:in|of|during|since|early|late|mid|last|this|that|one)\s+)?(?P<month>{_MONTH})\b\.?{_YEAR}"
)
_SEASON = re.compile(
    rf"\b(?P<lead>(?:during|last|this)\s+)?(?:the\s+)?(?P<season>{'|'.join(_SEASONS)})\b{_YEAR}"
)
_IN_YEAR = re.compile(
    r"\b(?:in|of|during|for|end of|at|since|easter|christmas|summer|winter)\s+((?:19|20)\d\d)\b"
)
_AGO = re.compile(
    rf"\b(?P<count>\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})\s+(?P<unit>day|week|month|year)s?\s+ago\b"
)
_NEAR = re.compile(
    r"\b(?:(last|this)\s+(week|weekend|month|year)|(yesterday|today|last night|this morning))\b"
)
_WEEKDAY = re.compile(rf"\b(?:on|last|this)\s+({'|'.join(_WEEKDAYS)})\b")
_BACK = re.compile(
    r"\b(?:did i|have i|had i|was i|when (?:did|was|were|have|had|do|is)|what (?:did|have|had|was|were) |remember|"
    r"last time|"
    r"how (?:did|was|were|many|much|long) |who (?:did|was|were|is|has) |where (?:did|was|were|do|had|is) |earlier|"
    r"back (?:in|then|when)|used to|the (?:time|day|night) (?:when|that|i)|told you|"
    r"i (?:said|told|wrote|mentioned)|why did)"
)


def asked_days(text: str, today: date) -> Days | None:
    """The first and last day that `text` speaks of; None: of none, or only of days to come."""
    for days in _candidates(text, text.casefold(), today):
        if days is not None and days[0] <= today:
            return days[0], min(days[1], today)
    return None


def asks_back(text: str) -> bool:
    """Whether it asks about what was before."""
    return bool(_BACK.search(f"{text.casefold()} "))


def _candidates(said: str, text: str, today: date) -> Iterator[Days | None]:
    for match in _ISO.finditer(text):
        yield _one(int(match[1]), int(match[2]), int(match[3]))
    for pattern in (_DAY_MONTH, _MONTH_DAY):
        for match in pattern.finditer(text):
            number = int(match["day"]) if match["day"] else _ORDINALS.index(match["ordinal"]) + 1
            yield _yearly(match["year"], _MONTHS[match["month"]], number, today)
    for match in _IN_MONTH.finditer(text):
        is_name = said[match.start("month")].isupper()  # "may" and "march" are other words, too
        if match["lead"] or match["year"] or (is_name and match["month"] not in ("may", "march", "mar")):
            yield _not_now(_month(match["year"], _MONTHS[match["month"]], today), match["lead"], today)
    for match in _SEASON.finditer(text):
        if match["lead"] or match["year"]:
            yield _not_now(_season(match["year"], _SEASONS[match["season"]], today), match["lead"], today)
    for match in _AGO.finditer(text):
        count = int(match["count"]) if match["count"].isdigit() else _NUMBERS[match["count"]]
        yield _ago(count, match["unit"], today)
    for match in _NEAR.finditer(text):
        yield _near(match[3] or f"{match[1]} {match[2]}", today)
    for match in _WEEKDAY.finditer(text):
        back = (today.weekday() - _WEEKDAYS[match[1]]) % 7 or 7
        yield (today - timedelta(back),) * 2
    for match in _IN_YEAR.finditer(text):
        yield date(int(match[1]), 1, 1), date(int(match[1]), 12, 31)


def _year(told: str | None, today: date) -> int | None:
    if told is None:
        return None
    return {"last year": today.year - 1, "this year": today.year}.get(told) or int(told)


def _one(year: int, month: int, day: int) -> Days | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found, found


def _yearly(told: str | None, month: int, day: int, today: date) -> Days | None:
    year = _year(told, today)
    if year is not None:
        return _one(year, month, day)
    found = _one(today.year, month, day)
    return found if found is not None and found[0] <= today else _one(today.year - 1, month, day)


def _month(told: str | None, month: int, today: date) -> Days:
    year = _year(told, today) or (today.year if month <= today.month else today.year - 1)
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


def _season(told: str | None, month: int, today: date) -> Days:
    year = _year(told, today) or (today.year if month <= today.month else today.year - 1)
    last = (month + 1) % 12 + 1
    ends = year + (month == 12)
    return date(year, month, 1), date(ends, last, calendar.monthrange(ends, last)[1])


def _not_now(days: Days, lead: str | None, today: date) -> Days:
    """ "Last summer" said in summer is the one before."""
    if (lead or "").strip() != "last" or not days[0] <= today <= days[1]:
        return days
    first, last = (each.replace(year=each.year - 1, day=min(each.day, 28)) for each in days)
    return first, last.replace(day=calendar.monthrange(last.year, last.month)[1])


def _ago(count: int, unit: str, today: date) -> Days | None:
    days = {"day": 1, "week": 7, "month": 30, "year": 365}[unit] * count
    around = {"day": 0, "week": 3, "month": 15, "year": 45}[unit]
    try:
        middle = today - timedelta(days)
        return middle - timedelta(around), middle + timedelta(around)
    except OverflowError:
        return None


def _near(told: str, today: date) -> Days:
    monday = today - timedelta(today.weekday())
    first = today.replace(day=1)
    before = first - timedelta(1)
    return {
        "yesterday": (today - timedelta(1), today - timedelta(1)),
        "last night": (today - timedelta(1), today),
        "today": (today, today),
        "this morning": (today, today),
        "this week": (monday, today),
        "last week": (monday - timedelta(7), monday - timedelta(1)),
        "this weekend": (monday + timedelta(5), monday + timedelta(6)),
        "last weekend": (monday - timedelta(2), monday - timedelta(1)),
        "this month": (first, today),
        "last month": (before.replace(day=1), before),
        "this year": (date(today.year, 1, 1), today),
        "last year": (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
    }[told]
