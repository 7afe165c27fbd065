"""A zip with `Journal.json`, as Day One imports it. What came from Day One goes back under its own name there."""

from __future__ import annotations

import json
import os
import re
import zipfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from companion.entries import Entry
from companion.exchange.writing.markdown import _mood, _quoted
from companion.language import tr

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - counted in UTC
_UUID = re.compile(r"dayone:([0-9A-Fa-f]{32})")
_PUNCTUATION = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_ODD_ZONES = (
    *("Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Kabul", "Asia/Yangon", "Australia/Darwin"),
    *(
        "Australia/Adelaide",
        "Australia/Eucla",
        "Australia/Lord_Howe",
        "America/St_Johns",
        "Pacific/Marquesas",
    ),
    *("Pacific/Chatham", "America/Caracas", "Asia/Pyongyang"),
)
"""Of those that are not whole hours away."""


class DayOne:
    """See `Writer`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._entries: list[dict[str, Any]] = []
        self._is_open = True

    def add(self, entry: Entry) -> None:
        self._entries.append(document(entry))

    def add_sound(self, name: str, data: bytes) -> None:
        """Day One takes no FLAC."""

    def finish(self) -> None:
        journal = {"metadata": {"version": "1.0"}, "entries": self._entries}
        with open(os.open(self._part, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("Journal.json", json.dumps(journal, ensure_ascii=False, indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._part, self._path)
        self._is_open = False

    def abandon(self) -> None:
        if self._is_open:
            self._is_open = False
            with suppress(OSError):
                self._part.unlink()


def document(entry: Entry) -> dict[str, Any]:
    """One entry of Day One's."""
    theirs = _UUID.fullmatch(entry.source)
    modified = max((turn.edited_at or turn.at for turn in entry.turns), default=entry.began)
    return {
        "uuid": (theirs[1] if theirs else entry.uid).upper(),
        "creationDate": _utc(entry.began),
        "modifiedDate": _utc(max(modified, entry.began)),
        "timeZone": zone_with(entry.when.offset_s, entry.began),
        "isAllDay": False,
        "starred": entry.is_starred,
        "tags": list(entry.tags),
        "text": _text(entry),
    }


def _text(entry: Entry) -> str:
    parts = [f"# {entry.title}"] if entry.title else []
    for turn in entry.turns:
        parts += [turn.words, _quoted(turn.answer) if turn.answer else ""]
    if mood := _mood(entry):
        parts.append(tr("Mood: {mood}", mood=mood))
    text = "\n\n".join(filter(None, parts))
    return _PUNCTUATION.sub(
        r"\\\\", text
    )  # a backslash there would keep the next character from being Markdown


def _utc(at: float) -> str:
    moment = _EPOCH + timedelta(seconds=int(at))
    return f"{moment.isoformat(timespec='seconds')}Z"


def zone_with(offset_s: int, at: float) -> str:
    """A zone that was so far ahead of UTC then; the nearest whole hour where there is none."""
    hours, rest = divmod(offset_s, 3600)
    if rest:
        for name in _ODD_ZONES:
            with suppress(OSError, KeyError, ValueError, OverflowError):
                utc = ZoneInfo("UTC")
                moment = (_EPOCH + timedelta(seconds=at)).replace(tzinfo=utc).astimezone(ZoneInfo(name))
                if moment.utcoffset() == timedelta(seconds=offset_s):
                    return name
    hours = max(-12, min(14, hours))
    return "UTC" if not hours else f"Etc/GMT{-hours:+d}"
