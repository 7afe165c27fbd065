"""Rows as records: what the tables hold of reflections and turns, as `companion.flow` names it. On the writer thread."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from companion.flow import TurnRecord
from companion.kinds import ReplyState
from companion.records import KeptSound, Selection, SessionRecord, SoundSide

if TYPE_CHECKING:
    from sqlite3 import Connection

_TITLE_CHARS = 60
_FARTHEST_S = 26 * 3600
"""No clock is further from UTC."""
_EPOCH = date(1970, 1, 1).toordinal()
_ITS_TURNS = "FROM turn WHERE session_id = session.id"
_SESSION = f"""
    SELECT session.id, uid, started_at, session.offset_s, practice, session.title, summary, mood_before, mood_after,
        mood_word, starred, source, deleted_at,
        (SELECT count(*) {_ITS_TURNS}) AS turns,
        (SELECT substr(user_text, 1, 400) {_ITS_TURNS} ORDER BY place, id LIMIT 1) AS first_words,
        (SELECT max(max(at, coalesce(reply_at, at))) - min(at) {_ITS_TURNS}) AS seconds
    FROM session WHERE
"""
_SOMETHING = f"""
    (EXISTS (SELECT 1 {_ITS_TURNS}) OR session.title <> '' OR source <> ''
        OR mood_before IS NOT NULL OR mood_after IS NOT NULL)
"""
"""A session in which nothing was said yet and nothing marked is not shown."""
LOCAL_S = "(session.started_at + coalesce(session.offset_s, offset_here(session.started_at)))"
"""In SQL: what the person's clock showed when the session began, in seconds since 1970 began on that clock."""
LOCAL_DAY = f"(CAST(({LOCAL_S} + 62135596800) / 86400 AS INTEGER) + 1)"
"""In SQL: the person's day it belongs to, as `date.toordinal` counts."""
_LABELS = "SELECT session_id, kind, name FROM label WHERE session_id IN (SELECT value FROM json_each(?)) ORDER BY name"
_TURN_COLUMNS = (
    *(
        "id",
        "session_id",
        "at",
        "offset_s",
        "user_text",
        "reply_text",
        "heard_text",
        "reply_state",
        "reply_at",
    ),
    *("engines", "timeline_ms", "cost_usd", "uid", "said_text", "edited_at"),
)
_TURN = f"SELECT {', '.join(_TURN_COLUMNS)} FROM turn WHERE"
_SOUNDS = """
    SELECT turn_id, take_id, side, seconds, kept_at FROM kept_sound
    WHERE turn_id IN (SELECT value FROM json_each(?)) ORDER BY turn_id, take_id
"""


def where(selection: Selection) -> tuple[str, list[object]]:
    """The selection as a condition on `session`, and its values."""
    parts = [
        f"session.deleted_at IS {'NOT' if selection.is_deleted else ''} NULL",
        "merged_into IS NULL",
        _SOMETHING,
    ]
    values: list[object] = []

    def ask(part: str, *its: object) -> None:
        parts.append(part)
        values.extend(its)

    if selection.ids is not None:
        ask("session.id IN (SELECT value FROM json_each(?))", json.dumps(sorted(selection.ids)))
    if selection.first_day is not None:
        first = _start_of(selection.first_day)
        ask(f"started_at >= ? AND {LOCAL_S} >= ?", first - _FARTHEST_S, first)
    if selection.last_day is not None:
        end = _start_of(selection.last_day) + 86_400
        ask(f"started_at < ? AND {LOCAL_S} < ?", end + _FARTHEST_S, end)
    if selection.practices:
        ask("practice IN (SELECT value FROM json_each(?))", json.dumps(sorted(selection.practices)))
    if selection.moods:
        ask(
            "coalesce(mood_after, mood_before) IN (SELECT value FROM json_each(?))",
            json.dumps(sorted(selection.moods)),
        )
    for kind, names in (("tag", selection.tags), ("person", selection.people)):
        for name in sorted(names):
            ask(
                "EXISTS (SELECT 1 FROM label WHERE session_id = session.id AND kind = ? AND name = ?)",
                kind,
                name,
            )
    if selection.is_starred:
        ask("starred = 1")
    if selection.batch_id is not None:
        ask("batch_id = ?", selection.batch_id)
    return " AND ".join(parts), values


def read_sessions(connection: Connection, rest: str, values: Sequence[object]) -> list[SessionRecord]:
    """Those that fit `rest`, a condition with what may follow it."""
    cursor = connection.execute(_SESSION + rest, values)
    names = [column[0] for column in cursor.description]
    found = [_session(dict(zip(names, row, strict=True))) for row in cursor]
    labels: dict[tuple[int, str], list[str]] = defaultdict(list)
    for session_id, kind, name in connection.execute(_LABELS, (json.dumps([each.id for each in found]),)):
        labels[session_id, kind].append(name)
    if not labels:
        return found
    return [
        replace(each, tags=tuple(labels[each.id, "tag"]), people=tuple(labels[each.id, "person"]))
        for each in found
    ]


def read_turns(connection: Connection, rest: str, values: Sequence[object]) -> list[TurnRecord]:
    """Those that fit `rest`, a condition with what may follow it, with their recordings."""
    rows = connection.execute(f"{_TURN} {rest}", values).fetchall()
    sounds: dict[int, list[KeptSound]] = defaultdict(list)
    for turn_id, take_id, side, seconds, kept_at in connection.execute(
        _SOUNDS, (json.dumps([row[0] for row in rows]),)
    ):
        sounds[turn_id].append(
            KeptSound(take_id=take_id, side=SoundSide(side), seconds=seconds, kept_at=kept_at)
        )
    return [_turn(row, sounds.get(row[0], ())) for row in rows]


def title_of(text: str) -> str:
    """The first words of a text, short enough for a title."""
    words = " ".join(text.split())
    if len(words) <= _TITLE_CHARS:
        return words
    whole = words[: _TITLE_CHARS + 1].rpartition(" ")[0] or words[:_TITLE_CHARS]
    return whole.rstrip(" ,;:–—-") + "…"


def _start_of(day: date) -> int:
    return (day.toordinal() - _EPOCH) * 86_400


def _session(row: dict[str, Any]) -> SessionRecord:
    own_title, first_words = row.pop("title"), row.pop("first_words")
    seconds, is_starred = row.pop("seconds"), bool(row.pop("starred"))
    return SessionRecord(
        **row,
        title=own_title or title_of(first_words or ""),
        has_own_title=bool(own_title),
        seconds=max(0.0, seconds or 0.0),  # a clock that was set back
        is_starred=is_starred,
    )


def _turn(row: tuple[Any, ...], sounds: Iterable[KeptSound]) -> TurnRecord:
    kept = dict(zip(_TURN_COLUMNS, row, strict=True))
    kept["reply_state"] = ReplyState(kept["reply_state"])
    kept["engines"], kept["timeline_ms"] = json.loads(kept["engines"]), json.loads(kept["timeline_ms"])
    return TurnRecord(**kept, sounds=tuple(sounds))
