"""What calls cost, month by month, kept in a small file: the purse of the monthly budget.

In: sums as calls end. Out: what was spent in a month. Belongs to the loop's thread; writing happens in another one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable
from pathlib import Path

from companion.paths import write_atomically
from companion.tasks import spawn

SOON_S = 2.0
"""How long a sum waits to be kept: calls come together, and none of a turn waits for the disk behind this."""
_log = logging.getLogger(__name__)
_MOST_BYTES = 64 * 1024
_MOST_MONTHS = 24


class Spending:
    """One per app.

    Args:
        file: where the sums are kept.
        is_kept: False while a person wants nothing of this run on disk.
    """

    def __init__(self, file: Path, *, is_kept: Callable[[], bool] = lambda: True) -> None:
        self._file, self._is_kept = file, is_kept
        self._months = _read(file)
        self._is_saved = True
        self._saving: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def spent_usd(self, month: str) -> float:
        return self._months.get(month, 0.0)

    def add(self, month: str, usd: float) -> None:
        """Adds to a month, and keeps it soon."""
        self._months[month] = self.spent_usd(month) + usd
        self._is_saved = False
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SOON_S, self._begin)

    async def close(self) -> None:
        """All of it is kept. Never raises."""
        if self._timer is not None:
            self._timer.cancel()
        if self._saving is not None:
            await asyncio.wait([self._saving])
        await self._save()

    def _begin(self) -> None:
        self._timer = None
        if self._saving is None or self._saving.done():
            self._saving = spawn(self._save(), name="keep what was spent")

    async def _save(self) -> None:
        while self._is_kept() and not self._is_saved:
            self._is_saved = True
            newest = dict(sorted(self._months.items())[-_MOST_MONTHS:])
            try:
                await asyncio.to_thread(write_atomically, self._file, json.dumps(newest).encode())
            except OSError as error:
                _log.info("what was spent could not be kept: %s", error.strerror)
                return


def _read(file: Path) -> dict[str, float]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            return {}
        kept = {str(month): float(usd) for month, usd in json.loads(file.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {month: usd for month, usd in kept.items() if math.isfinite(usd) and usd >= 0}
