"""Daylio's CSV: a row for each mood, with activities and perhaps a note. Clocks of 12 or 24 hours, moods of one's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime

from companion.exchange import times
from companion.exchange.moods import DAYLIO
from companion.exchange.reading import Reading
from companion.exchange.texts import decoded, distinct, from_html
from companion.exchange.times import Moment
from companion.exchange.tree import BadMember, Tree
from companion.language import mark

NAME, LABEL = "daylio", "Daylio"
_LONGEST_FIELD = 16 * 2**20
_DELIMITERS = (",", ";", "\t")


def read_tables(tree: Tree, reading: Reading, taken: set[str], *, is_alone: bool) -> None:
    """Every table with a column of dates and one of moods; `is_alone`: whatever its ending."""
    csv.field_size_limit(_LONGEST_FIELD)
    for name in tree.names():
        if name in taken or not (is_alone or name.lower().endswith((".csv", ".tsv"))):
            continue
        try:
            text = decoded(tree.read(name))
        except BadMember as bad:
            reading.skip(name, str(bad))
            continue
        delimiter = _delimiter(text.partition("\n")[0])
        if delimiter:
            taken.add(name)
            reading.recognised(NAME, LABEL)
            _read_table(text, delimiter, name, reading)


def _delimiter(first_line: str) -> str:
    """What stands between the columns of Daylio's first line; empty: it is another one's."""
    for delimiter in _DELIMITERS:
        names = {cell.strip().strip('"').casefold() for cell in first_line.split(delimiter)}
        has_day = "full_date" in names or {"year", "date"} <= names
        if has_day and ("mood" in names or ("full_date" in names and "note" in names)):
            return delimiter
    return ""


def _read_table(text: str, delimiter: str, name: str, reading: Reading) -> None:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: list[str] = []
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            reading.skip(f"{name}, line {rows.line_num}", mark("the row is damaged"))
            continue
        if not columns:
            columns = [cell.strip().casefold() for cell in cells]
        elif any(cell.strip() for cell in cells):
            _read_row(dict(zip(columns, cells, strict=False)), f"{name}, line {rows.line_num}", reading)


def _read_row(row: Mapping[str, str], what: str, reading: Reading) -> None:
    moment = _moment(row)
    if moment is None:
        reading.skip(what, mark("its date is missing or does not exist"))
        return
    mood = row.get("mood", "").strip()
    activities = row.get("activities", "").split("|")
    reading.add(
        moment,
        from_html(row.get("note", "")),
        title=from_html(row.get("note_title", "")),
        what=what,
        mood=DAYLIO.get(mood.casefold()),
        mood_word=mood,
        tags=distinct(" ".join(activity.split()) for activity in activities),
    )


def _moment(row: Mapping[str, str]) -> Moment | None:
    old = f"{row.get('date', '')} {row.get('year', '')}"  # as old versions have it: "June 2", 2019
    day = times.in_words(row.get("full_date") or old)
    clock = times.clock_in(row.get("time", ""))
    if day is None or clock is None or day.has_clock:
        return day
    return times.on_clock(datetime.combine(day.local.date(), datetime.min.time()) + clock)
