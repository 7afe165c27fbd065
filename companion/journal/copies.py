"""Copies of the journal on this disk: what there is, and until when. Blocking; runs on the writer thread.

A copy made before a new version is kept for a month. What was deleted since is still in it, which is why it does not stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from companion.paths import sync_folder

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


def remove_due(folder: Path, now: float) -> None:
    """Removes those whose time is over. Raises OSError."""
    due = [copy for copy in list_copies(folder) if copy.until <= now]
    for copy in due:
        copy.path.unlink(missing_ok=True)
    if due:
        sync_folder(folder)
