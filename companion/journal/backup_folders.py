"""Every folder in which backups were made, and what each is still to lose: a drive that is away is not forgotten. Blocking.

In `purged.json`: folder -> when the newest backup was made there, which folder it is on its disk, and the rows that were
deleted for good since and are still in it. All of it may raise OSError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from companion.journal.copies import folder_of
from companion.paths import Home, locked, write_atomically
from companion.places import read_notes

_MOST_BYTES = 64 << 20
_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """One of them, as it was when it was last there."""

    path: Path
    newest_at: float = 0.0
    """When its newest backup was made; 0: none was."""
    number: int = 0
    """Of the folder on its disk: the bare place of a drive that is away has another."""
    owes: tuple[str, ...] = ()
    """Names of rows it is still to lose."""

    @property
    def is_there(self) -> bool:
        """It can be looked into, and is the one of then."""
        try:
            is_same = self.number in (0, self.path.stat().st_ino)
            return self.path.is_dir() and (is_same or bool(_newest_in(self.path)))
        except OSError:
            return False


def known_folders(home: Home) -> list[KnownFolder]:
    """The one beside the journal is always among them."""
    notes = read_notes(_notes(home), most_bytes=_MOST_BYTES).get("folders")
    known = (
        {Path(path): _read(Path(path), noted) for path, noted in notes.items()}
        if isinstance(notes, dict)
        else {}
    )
    beside = folder_of(home.journal).absolute()
    return list(({beside: KnownFolder(beside, _newest_in(beside))} | known).values())


def remember(home: Home, folder: Path, newest_at: float) -> None:
    """Backups are made there, the newest at this moment. Before one is, the folder must be there."""
    folder = folder.absolute()

    def change(known: dict[Path, KnownFolder]) -> None:
        before = known.get(folder, KnownFolder(folder))
        known[folder] = replace(before, newest_at=newest_at, number=folder.stat().st_ino)

    _change(home, change)


def forget(home: Home, folder: Path) -> None:
    """There are none any more."""
    _change(home, lambda known: known.pop(folder, None))


def note_purged(home: Home, uids: Collection[str]) -> None:
    """Remembers, before they go for good, that these rows are to leave the backups too."""
    if not uids:
        return

    def change(known: dict[Path, KnownFolder]) -> None:
        for path, each in known.items():
            if each.newest_at:
                known[path] = replace(each, owes=(*each.owes, *uids))

    _change(home, change)


def lost(home: Home, folder: Path, uids: Iterable[str]) -> None:
    """The backups there do not hold these rows any more."""
    gone = set(uids)

    def change(known: dict[Path, KnownFolder]) -> None:
        if folder in known:
            left = tuple(uid for uid in known[folder].owes if uid not in gone)
            known[folder] = replace(known[folder], owes=left)

    if gone:
        _change(home, change)


def _change(home: Home, change: Callable[[dict[Path, KnownFolder]], object]) -> None:
    home.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(home.data / "purged.lock", _WAIT_S):
        known = {each.path: each for each in known_folders(home)}
        change(known)
        folders = {
            str(each.path): {"newest_at": each.newest_at, "number": each.number, "owes": each.owes}
            for each in known.values()
            if each.newest_at
        }
        write_atomically(_notes(home), json.dumps({"folders": folders}).encode())


def _read(path: Path, noted: object) -> KnownFolder:
    if not isinstance(noted, dict):
        return KnownFolder(path)
    owes = noted.get("owes")
    newest_at, number = noted.get("newest_at"), noted.get("number")
    return KnownFolder(
        path,
        newest_at=float(newest_at) if isinstance(newest_at, int | float) else 0.0,
        number=number if isinstance(number, int) else 0,
        owes=tuple(uid for uid in owes if isinstance(uid, str)) if isinstance(owes, list) else (),
    )


def _newest_in(folder: Path) -> float:
    """When the newest backup there was written; 0: there is none."""
    try:
        return max((path.stat().st_mtime for path in folder.glob("journal-*.db")), default=0.0)
    except OSError:
        return 0.0


def _notes(home: Home) -> Path:
    return home.data / "purged.json"
