"""Copies of the journal on this disk: what there is, and until when. Blocking; runs on the writer thread.

A copy made before a new version is kept for a month. What was deleted since is still in it, which is why it does not stay.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from companion.paths import sync_folder

_ASIDE, _STAMP = "set-aside-", "%Y%m%d-%H%M%S"
KEPT_COPY_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Copy:
    """One file in `backups/`."""

    path: Path
    made_at: float

    @property
    def until(self) -> float:
        """When it goes."""
        return self.made_at + KEPT_COPY_S


def folder_of(journal: Path) -> Path:
    """Where the copies of this journal file lie."""
    return journal.parent / "backups"


def list_copies(folder: Path) -> list[Copy]:
    """Oldest first. Raises OSError."""
    if not folder.is_dir():
        return []
    found = [
        Copy(path, path.stat().st_mtime)
        for path in folder.glob("*.db")
        if not path.name.startswith("journal-")  # a backup, which has its own time
    ]
    return sorted(found, key=lambda copy: copy.made_at)


def new_aside(data: Path) -> Path:
    """The name of a folder for files of a journal that are put aside now."""
    return data / time.strftime(f"{_ASIDE}{_STAMP}", time.gmtime())


def list_aside(data: Path) -> list[tuple[Path, float]]:
    """Such folders that hold a journal, and when each was made. They stay until the person removes them. Raises OSError."""
    found = []
    for path in sorted(data.glob(f"{_ASIDE}*")):
        with suppress(ValueError):
            made = datetime.strptime(path.name, f"{_ASIDE}{_STAMP}").replace(tzinfo=UTC).timestamp()
            if any(path.glob("*.db")):
                found.append((path, made + 1))  # the name has no parts of a second
    return found


def remove_due(folder: Path, now: float) -> None:
    """Removes those whose time is over. Raises OSError."""
    due = [copy for copy in list_copies(folder) if copy.until <= now]
    for copy in due:
        copy.path.unlink(missing_ok=True)
    if due:
        sync_folder(folder)
