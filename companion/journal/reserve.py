"""Room on the disk that is kept for the moment it is full: a file of zeros beside the journal.

The journal's thread removes it where a write finds no room, and writes again. Nothing but its size matters; no backup
holds it. Blocking.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger(__name__)
MOST_BYTES = 64 * 2**20
LEAST_FREE_BYTES = 2**30
"""With less than this free none is made: a disk that is nearly full has no room to give away."""
SHARE = 32
"""It takes no more than one part in so many of what is free."""
_BLOCK = 2**20


def free_bytes(folder: Path) -> int:
    """What this person may still write there; 0 where nobody can tell."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


class Reserve:
    """The one beside a journal."""

    def __init__(self, path: Path, *, free: Callable[[Path], int] = free_bytes) -> None:
        self.path = path
        self._free = free
        self.was_used = False
        """It was given to a write; whoever tells the person sets it back."""

    @property
    def bytes(self) -> int:
        """How much is kept; 0: there is none."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def make(self) -> bool:
        """Sets room aside where there is plenty; False where there is not, or where the disk refuses."""
        if self.bytes:
            return True
        free = self._free(self.path.parent)
        if free < LEAST_FREE_BYTES:
            return False
        try:
            self._write(min(MOST_BYTES, free // SHARE))
        except OSError as error:
            _log.info("no room could be set aside: %s", error.strerror)
            self._remove()
            return False
        return True

    def give(self) -> bool:
        """Lets the room go, for a write that found none; False where there is none to give."""
        if not self.bytes:
            return False
        self._remove()
        self.was_used = not self.bytes
        if self.was_used:
            _log.warning("the disk is full; the room that was set aside is used now")
        return self.was_used

    def _write(self, size: int) -> None:
        """A file with holes would keep no room, so it is written or allocated."""
        descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, size)
            else:
                for _ in range(size // _BLOCK):
                    os.write(descriptor, bytes(_BLOCK))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _remove(self) -> None:
        with suppress(OSError):
            self.path.unlink()
