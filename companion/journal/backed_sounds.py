"""Kept recordings beside the backups: sealed as they are, each copied once, gone when they leave the journal. Blocking.

`recordings-<id>/<take>.take` in the folder of backups. One folder serves all backups there: it holds what the journal holds
now, so that a recording that was deleted stays in none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import CompanionError
from companion.journal.database import open_for_look
from companion.journal.keys import derive
from companion.journal.spool import open_take, sealed_whole
from companion.paths import sync_folder, write_atomically

if TYPE_CHECKING:
    from companion.log import Secret


@dataclass(frozen=True, slots=True)
class Held:
    """The recordings in a folder."""

    count: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Tried:
    """Recordings that were opened to their last record."""

    sound: int
    missing: int
    damaged: int


def folder_beside(backups: Path, journal_id: str) -> Path:
    """Where the recordings of this journal lie in a folder of backups."""
    return backups / f"recordings-{journal_id[:8]}"


def kept_in(database: Path, key: Secret, journal_id: str, *, is_living: bool = False) -> list[str]:
    """The takes that a journal file names as kept. Raises what opening it raises."""
    with closing(open_for_look(database, key, journal_id, is_living=is_living)) as look:
        if not look.execute("SELECT 1 FROM sqlite_master WHERE name = 'kept_sound'").fetchone():
            return []  # of a version that kept none
        return [row[0] for row in look.execute("SELECT take_id FROM kept_sound")]


def held_in(folder: Path) -> Held:
    """What is there; nothing where there is no such folder. Raises OSError."""
    sizes = [path.stat().st_size for path in folder.glob("*.take")] if folder.is_dir() else []
    return Held(len(sizes), sum(sizes))


def copy_sounds(takes: Path, folder: Path, wanted: Collection[str]) -> None:
    """The folder holds these, as far as `takes` does, and no others. Raises OSError."""
    with suppress(FileNotFoundError):
        remove_others(folder, wanted)
    _copy(takes, folder, wanted)


def remove_others(folder: Path, wanted: Collection[str]) -> None:
    """Those that are not wanted any more go. Raises OSError."""
    gone = [
        path for path in folder.iterdir() if path.suffix in (".take", ".part") and path.stem not in wanted
    ]
    for path in gone:
        path.unlink(missing_ok=True)
    if gone:
        sync_folder(folder)


def put_back(folder: Path, takes: Path, wanted: Collection[str]) -> list[Path]:
    """Copies those that `takes` lacks; returns what came. Raises OSError; nothing came then."""
    return _copy(folder, takes, wanted, replaces=False)


def try_all(takes: Path, key: Secret, wanted: Collection[str]) -> Tried:
    """Opens every one of these."""
    sealed_with, missing, damaged = derive(key, "takes"), 0, 0
    for take_id in wanted:
        path = takes / f"{take_id}.take"
        if not path.exists():
            missing += 1
            continue
        try:
            damaged += open_take(path, sealed_with, take_id).lost_s > 0
        except CompanionError:
            damaged += 1
    return Tried(len(wanted) - missing - damaged, missing, damaged)


def reseal_all(source: Path, target: Path, old: Secret, new: Secret) -> None:
    """The recordings of one journal sealed as another one's; those that do not open are left out. Raises OSError."""
    old_key, new_key = derive(old, "takes"), derive(new, "takes")
    for path in sorted(source.glob("*.take")) if source.is_dir() else ():
        with suppress(CompanionError):
            sealed = sealed_whole(open_take(path, old_key, path.stem).pcm, new_key, path.stem)
            write_atomically(target / path.name, sealed)


def _copy(source: Path, target: Path, wanted: Collection[str], *, replaces: bool = True) -> list[Path]:
    came: list[Path] = []
    try:
        for take_id in wanted:
            old, new = source / f"{take_id}.take", target / f"{take_id}.take"
            if not old.exists() or (
                new.exists() and (not replaces or new.stat().st_size == old.stat().st_size)
            ):
                continue
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
            _copy_whole(old, new)
            came.append(new)
    except BaseException:
        if not replaces:
            for path in came:
                path.unlink(missing_ok=True)
        raise
    if came:
        sync_folder(target)
    return came


def _copy_whole(old: Path, new: Path) -> None:
    growing = new.with_suffix(".part")
    try:
        shutil.copyfile(old, growing)
        os.chmod(growing, 0o600)
        with growing.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(growing, new)
    except BaseException:
        growing.unlink(missing_ok=True)
        raise
