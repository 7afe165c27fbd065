"""What calls cost, month by month, kept in a small file: the purse of the monthly budget.

In: sums as calls end. Out: what was spent in a month. Several programs (the window, commands) share the file: each adds
what is its own to what it finds there. Belongs to the loop's thread; writing happens in another one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from companion.paths import locked, write_atomically
from companion.places import read_notes
from companion.tasks import spawn

SOON_S = 2.0
"""How long a sum waits to be kept: calls come together, and none of a turn waits for the disk behind this."""
LOCK_S = 2.0
"""Longest wait for another program that is writing."""
_log = logging.getLogger(__name__)
_MOST_MONTHS = 24


class Spending:
    """One per app.

    Args:
        file: where the sums are kept.
        is_kept: False while a person wants nothing of this run on disk.
    """

    def __init__(self, file: Path, *, is_kept: Callable[[], bool] = lambda: True) -> None:
        self._file, self._is_kept = file, is_kept
        self._kept: Mapping[str, float] = {}
        self._read_as: object = None
        """What the file looked like when it was read."""
        self._unkept: dict[str, float] = {}
        """Of this program, not in the file yet."""
        self._saving: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def spent_usd(self, month: str) -> float:
        """By all programs, as far as they have written it down."""
        self._look()
        return self._kept.get(month, 0.0) + self._unkept.get(month, 0.0)

    def add(self, month: str, usd: float) -> None:
        """Adds to a month, and keeps it soon."""
        self._unkept[month] = self._unkept.get(month, 0.0) + usd
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SOON_S, self._begin)

    async def close(self) -> None:
        """All of it is kept. Never raises."""
        if self._timer is not None:
            self._timer.cancel()
        if self._saving is not None:
            await asyncio.wait([self._saving])
        await self._save()

    def _look(self) -> None:
        """Reads the file again if it is another one than before."""
        seen = _looks_like(self._file)
        if seen != self._read_as:
            self._kept, self._read_as = _read(self._file), seen

    def _begin(self) -> None:
        self._timer = None
        if self._saving is None or self._saving.done():
            self._saving = spawn(self._save(), name="keep what was spent")

    async def _save(self) -> None:
        while self._is_kept() and self._unkept:
            adding = dict(self._unkept)
            try:
                kept = await asyncio.to_thread(_add, self._file, adding)
            except OSError as error:
                _log.info("what was spent could not be kept: %s", error.strerror or type(error).__name__)
                return
            self._kept, self._read_as = kept, None
            for month, usd in adding.items():
                left = self._unkept[month] - usd
                if left > 0:
                    self._unkept[month] = left
                else:
                    del self._unkept[month]


def _add(file: Path, adding: Mapping[str, float]) -> Mapping[str, float]:
    """Adds to the months in the file; returns what is there then. Blocking.

    Raises:
        OSError: nothing was added.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(file.with_name(f"{file.name}.lock"), LOCK_S):
        months = _read(file)
        for month, usd in adding.items():
            months[month] = months.get(month, 0.0) + usd
        newest = dict(sorted(months.items())[-_MOST_MONTHS:])
        write_atomically(file, json.dumps(newest).encode())
    return newest


def _looks_like(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return "missing"
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _read(file: Path) -> dict[str, float]:
    try:
        kept = {month: float(usd) for month, usd in read_notes(file).items()}
    except (ValueError, TypeError):
        return {}
    return {month: usd for month, usd in kept.items() if math.isfinite(usd) and usd >= 0}
