"""What came from outside and may have ended the engine process: remembered, so that nothing ends it twice. No asyncio.

A text, a recording (known by its first piece that is not silent), a model file that was never used well. Where a text or
such a file was under way, the recordings that were heard beside it are not suspected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

MOST = 1000
"""So many are remembered, the latest."""


class Thing(Enum):
    """What a job was given."""

    TEXT = "text"
    SOUND = "sound"
    MODEL = "model"


Given = tuple[Thing, str]


def given(order: Mapping[str, Any]) -> tuple[Given, ...]:
    """What an order holds from outside. Looks at files: a model that was fetched again is another."""
    text, place = str(order.get("text", "")), str(order.get("file") or order.get("folder") or "")
    found = [(Thing.TEXT, text)] if text else []
    return (*found, (Thing.MODEL, f"{place} {_look_of(Path(place))}")) if place else tuple(found)


def _look_of(path: Path) -> str:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    looks = []
    for file in files:
        with suppress(OSError):
            state = file.stat()
            looks.append(f"{file.name} {state.st_size} {state.st_mtime_ns}")
    return ", ".join(looks)


def of_sound(work: str, pcm: bytes) -> Given | None:
    """Which recording begins with this piece, for whom it is; None: it is silence and says nothing."""
    return (Thing.SOUND, f"{work} {hashlib.sha256(pcm).hexdigest()}") if any(pcm) else None


class Suspects:
    """Everything that is not given to an engine again."""

    def __init__(self) -> None:
        self._known: dict[Given, None] = {}
        self._proven: set[Given] = set()

    def __contains__(self, thing: Given) -> bool:
        return thing in self._known

    def used_well(self, things: Iterable[Given]) -> None:
        """A job with these gave a result: the model works."""
        self._proven.update(thing for thing in things if thing[0] is Thing.MODEL)

    def add(self, things: Iterable[Given]) -> None:
        """The process ended by a fault of its own while these were under way."""
        found = set(things) - self._proven
        if any(kind is not Thing.SOUND for kind, _ in found):
            found = {thing for thing in found if thing[0] is not Thing.SOUND}
        self._known.update(dict.fromkeys(found))
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]
