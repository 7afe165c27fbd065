"""Exports: entries in, files out. Each writer takes them one after the other and leaves nothing behind that is half done.

markdown   a file for each day, in a folder
jsonlines  everything there is, a reflection a line; with sound a zip that holds both
dayone     a zip that Day One imports

An export is plain text that anybody can read who has the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from companion.entries import Entry
from companion.errors import CompanionError, Kind
from companion.language import mark, tr


class Writer(Protocol):
    """One export. Runs on any one thread at a time. All but `abandon` raise OSError."""

    def add(self, entry: Entry) -> None: ...

    def add_sound(self, name: str, data: bytes) -> None:
        """A FLAC file by its name in the export."""

    def finish(self) -> None:
        """Everything is there now, under its name."""

    def abandon(self) -> None:
        """Removes what was begun. Idempotent; does nothing after `finish`."""


FORMATS = {
    "markdown": ("Markdown", mark("A readable file for each day"), ""),
    "jsonl": ("JSON Lines", mark("Complete; Companion reads it back"), ".jsonl"),
    "dayone": ("Day One", mark("A zip file that Day One imports"), ".zip"),
}
"""Name -> label, what it is, ending of its file; a folder has none."""
WITH_SOUND = frozenset(("markdown", "jsonl"))


def ending_of(name: str, *, with_sound: bool) -> str:
    """Of the file; empty for a folder."""
    return ".zip" if with_sound and name == "jsonl" else FORMATS[name][2]


def writer_for(name: str, path: Path, *, with_sound: bool) -> Writer:
    """What writes an export of a format of `FORMATS` to `path`, which must not be there yet.

    Raises:
        CompanionError: BAD_FILE where it is.
        OSError: it cannot be begun.
    """
    from companion.exchange.writing.dayone import DayOne
    from companion.exchange.writing.jsonlines import JsonLines
    from companion.exchange.writing.markdown import Markdown

    if path.exists():
        raise CompanionError(
            Kind.BAD_FILE,
            tr("{name} is there already.", name=path.name),
            hint=tr("Choose another name; nothing was written."),
        )
    if name == "markdown":
        return Markdown(path)
    return JsonLines(path, with_sound=with_sound) if name == "jsonl" else DayOne(path)


def free_path(folder: Path, stem: str, ending: str) -> Path:
    """A name in `folder` that nothing has yet."""
    path, number = folder / f"{stem}{ending}", 2
    while path.exists():
        path, number = folder / f"{stem} {number}{ending}", number + 1
    return path
