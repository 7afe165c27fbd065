"""The figures of a journal as plain values, for `companion journal stats` and its JSON. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from companion.insights.practice import rhythm_of
from companion.insights.rows import Choice, Row, Span


def summary(rows: Iterable[Row]) -> dict[str, Any]:
    """What there is in all: numbers, ISO dates and names, ready for JSON. Words are not looked at."""
    rows = sorted(rows, key=lambda row: row.began)
    first, last = (rows[0].day, rows[-1].day) if rows else (None, None)
    span = Span.of(Choice.ALL, last or date.max, first)
    before = [row.mood_before for row in rows if row.mood_before is not None]
    after = [row.mood_after for row in rows if row.mood_after is not None]
    years = Counter(row.day.year for row in rows)
    return {
        "reflections": len(rows),
        "days": len({row.day for row in rows}),
        "seconds": round(sum(row.seconds for row in rows)),
        "first_day": first.isoformat() if first else None,
        "last_day": last.isoformat() if last else None,
        "most_often": rhythm_of(rows, span).most_often,
        "by_year": {str(year): years[year] for year in sorted(years)},
        "by_practice": _counted(row.practice for row in rows),
        "tags": _counted(tag for row in rows for tag in row.tags),
        "people": _counted(name for row in rows for name in row.people),
        "mood_before": _marks(before),
        "mood_after": _marks(after),
    }


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(name for name in names if name).items(), key=lambda pair: (-pair[1], pair[0])))


def _marks(moods: list[int]) -> dict[str, Any]:
    return {"marks": len(moods), "mean": round(sum(moods) / len(moods), 2) if moods else None}
