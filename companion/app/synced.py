"""Whether a folder is kept the same on several computers by a program that knows nothing of open files. Blocking."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_MARKS = (
    ("Dropbox", ("dropbox",), (".dropbox", ".dropbox.cache")),
    ("OneDrive", ("onedrive",), ()),
    ("iCloud Drive", ("icloud", "mobile documents", "com~apple~clouddocs"), ()),
    ("Google Drive", ("google drive", "googledrive", "my drive"), (".tmp.drivedownload",)),
    ("Syncthing", (), (".stfolder",)),
    ("Nextcloud", ("nextcloud", "owncloud"), (".nextcloudsync.log", ".owncloudsync.log")),
)
"""Name, how the name of such a folder begins, what lies in it."""
_SYNC_DATABASES = (".sync_*.db", "._sync_*.db")
"""In the folder of Nextcloud."""


def synced_by(folder: Path) -> str:
    """The program's name; empty: none that is known."""
    for each in (folder, *folder.parents):
        name = each.name.casefold()
        for program, beginnings, inside in _MARKS:
            if name.startswith(beginnings) if beginnings else False:
                return program
            with suppress(OSError):
                if any((each / mark).exists() for mark in inside):
                    return program
        with suppress(OSError):
            if any(next(each.glob(mark), None) for mark in _SYNC_DATABASES):
                return "Nextcloud"
    return ""


def conflicted_copies(journal: Path) -> list[Path]:
    """Files beside the journal that such a program made where two computers wrote: whatever it calls them."""
    with suppress(OSError):
        return sorted(
            path
            for path in journal.parent.iterdir()
            if path.suffix == journal.suffix and path.stem.startswith(journal.stem) and path != journal
        )
    return []
