"""Journals that leave their place: one that does not open is moved beside, one that never held a word is removed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from companion.journal.copies import new_aside
from companion.journal.keys import read_slots
from companion.paths import Home, sync_folder


def forget_new(home: Home, journal_id: str) -> None:
    """Removes a journal that was made a moment ago and never held a word, so that the next one is new again.

    Only for who has just made it, as `journal_id`, and closed it again. Raises OSError, CompanionError.
    """
    slots = read_slots(home.key_slots)
    is_in_use = home.journal.with_name(f"{home.journal.name}-wal").exists()
    if slots is None or slots.journal_id != journal_id or is_in_use:
        return  # another program was first, or has it open by now
    for path in (home.key_slots, *_database_files(home)):
        path.unlink(missing_ok=True)


def set_aside(home: Home) -> Path:
    """Moves a journal that does not open, with its keys and recordings, into a folder beside it; returns the folder.

    The next `open_journal` then makes a new one. Only ever on the person's own word. Raises OSError.
    """
    folder = new_aside(home.data)
    folder.mkdir(parents=True, mode=0o700)
    for path in (home.key_slots, home.takes, *_database_files(home)):
        with suppress(FileNotFoundError):
            path.rename(folder / path.name)
    sync_folder(home.data)
    return folder


def _database_files(home: Home) -> list[Path]:
    return [home.journal.with_name(home.journal.name + end) for end in ("", "-wal", "-shm", "-journal")]
