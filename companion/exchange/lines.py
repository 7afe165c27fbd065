"""An entry as one JSON object and back. Our own format, complete; also what the reading process sends to the app.

What is read is checked field by field, for the file may come from anywhere: what is no value of its kind is left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from companion.entries import PRACTICE, Entry, EntrySound, EntryTurn
from companion.exchange.texts import distinct, list_of, name_of, storable
from companion.kinds import ReplyState
from companion.records import SoundSide

FORMAT = "companion journal"
VERSION = 1
_UID = re.compile(r"[0-9a-f]{32}")
_LATEST_S = 253_402_300_799.0
_EARLIEST_S = -62_135_596_800.0
_MOST_OFFSET_S = 26 * 3600
_LONGEST_SOURCE = 300


HEADER = {"format": FORMAT, "version": VERSION}
"""The first line of a file."""


def footer(entries: int) -> dict[str, Any]:
    """The last one, which shows that nothing is missing."""
    return {"entries": entries}


def to_line(document: Mapping[str, Any]) -> str:
    """One line, without its end."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


# -- out ----------------------------------------------------------------------------------------------------


def to_document(entry: Entry) -> dict[str, Any]:
    """Everything there is of it; what is empty is left out. `local` is for people's eyes and is not read back."""
    return _without_empty(
        {
            "uid": entry.uid,
            "began": entry.began,
            "offset_s": entry.offset_s,
            "local": entry.when.local.isoformat(timespec="seconds"),
            "title": entry.title,
            "summary": entry.summary,
            "practice": entry.practice,
            "mood_before": entry.mood_before,
            "mood_after": entry.mood_after,
            "mood_word": entry.mood_word,
            "starred": entry.is_starred,
            "tags": list(entry.tags),
            "people": list(entry.people),
            "source": entry.source,
            "turns": [_turn_document(turn) for turn in entry.turns],
        }
    )


def _turn_document(turn: EntryTurn) -> dict[str, Any]:
    return _without_empty(
        {
            "uid": turn.uid,
            "at": turn.at,
            "offset_s": turn.offset_s,
            "words": turn.words,
            "said": turn.said,
            "edited_at": turn.edited_at,
            "answer": turn.answer,
            "heard": turn.heard,
            "state": turn.state.value,
            "answered_at": turn.answered_at,
            "engines": dict(turn.engines),
            "timeline_ms": dict(turn.timeline_ms),
            "cost_usd": turn.cost_usd,
            "sounds": [
                _without_empty(
                    {
                        "side": sound.side,
                        "seconds": sound.seconds,
                        "kept_at": sound.kept_at,
                        "file": sound.file,
                    }
                )
                for sound in turn.sounds
                if sound.file
            ],
        }
    )


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    kept = ((name, value) for name, value in document.items() if value is not None and value is not False)
    return {name: value for name, value in kept if value not in ("", [], {})}


# -- in -----------------------------------------------------------------------------------------------------


def from_document(document: Mapping[str, Any]) -> Entry | None:
    """The entry; None: it has no moment or no turn."""
    turns = tuple(turn for each in list_of(document.get("turns")) if (turn := _turn(each)) is not None)
    began = _moment(document.get("began"))
    if began is None or not turns:
        return None
    return Entry(
        uid=_uid(document.get("uid")),
        began=began,
        offset_s=_offset(document.get("offset_s")),
        title=_exact(document.get("title")),
        summary=_exact(document.get("summary")),
        practice=_exact(document.get("practice")) or PRACTICE,
        mood_before=_mood(document.get("mood_before")),
        mood_after=_mood(document.get("mood_after")),
        mood_word=_exact(document.get("mood_word")),
        is_starred=document.get("starred") is True,
        tags=_names(document.get("tags")),
        people=_names(document.get("people")),
        source=_exact(document.get("source"))[:_LONGEST_SOURCE],
        turns=turns,
    )


def _turn(document: Mapping[str, Any]) -> EntryTurn | None:
    at = _moment(document.get("at"))
    if at is None:
        return None
    said, state = document.get("said"), document.get("state")
    return EntryTurn(
        uid=_uid(document.get("uid")),
        at=at,
        offset_s=_offset(document.get("offset_s")),
        words=_exact(document.get("words")),
        said=_exact(said) if isinstance(said, str) else None,
        edited_at=_moment(document.get("edited_at")),
        answer=_exact(document.get("answer")),
        heard=_exact(document.get("heard")),
        state=ReplyState(state) if state in list(ReplyState) else ReplyState.WHOLE,
        answered_at=_moment(document.get("answered_at")),
        engines=_mapped(document.get("engines"), str),
        timeline_ms=_mapped(document.get("timeline_ms"), float),
        cost_usd=_number(document.get("cost_usd")),
        sounds=tuple(
            EntrySound(
                side=SoundSide(sound["side"]),
                seconds=_number(sound.get("seconds")) or 0.0,
                kept_at=_moment(sound.get("kept_at")) or 0.0,
                file=name_of(sound.get("file")),
            )
            for sound in list_of(document.get("sounds"))
            if sound.get("side") in list(SoundSide)
        ),
    )


def _exact(value: object) -> str:
    """A text as it is, line ends and all."""
    return storable(value) if isinstance(value, str) else ""


def _names(value: object) -> tuple[str, ...]:
    return distinct(map(_exact, value)) if isinstance(value, list) else ()


def _uid(value: object) -> str:
    return value if isinstance(value, str) and _UID.fullmatch(value) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if value >= 0 else None


def _moment(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if _EARLIEST_S <= value <= _LATEST_S else None


def _offset(value: object) -> int | None:
    is_one = isinstance(value, int) and not isinstance(value, bool)
    return value if is_one and abs(value) <= _MOST_OFFSET_S else None  # type: ignore[arg-type,return-value]


def _mood(value: object) -> int | None:
    is_one = isinstance(value, int) and not isinstance(value, bool)
    return value if is_one and -3 <= value <= 3 else None  # type: ignore[operator,return-value]


def _mapped(value: object, kind: type) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    numbers = kind is float
    return {
        _exact(name): number if numbers else _exact(each)
        for name, each in value.items()
        if (number := _number(each)) is not None or (not numbers and isinstance(each, str))
    }
