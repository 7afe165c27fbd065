"""Notices that the computer slept, that its clock was set, and that the hour is another one. Event loop's thread.

In: three clocks. Out: three calls. A clock that counts sleep runs ahead of one that does not; where a system has only
one of them, a timer that comes a minute late says the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from companion import days
from companion.days import When

LOOK_S = 5.0
"""How often the clocks are compared."""
NAP_S = 5.0
"""A shorter sleep breaks nothing."""
LATE_S = 60.0
"""A timer this late means that the process did not run, whatever the clocks say."""
JUMP_S = 120.0
"""The clock of the day was set: smaller steps are ordinary corrections."""


def _with_sleep() -> float:
    """Linux has a clock of its own for that; on macOS the system's monotonic clock counts sleep and Python's does not."""
    clock = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds, each from a beginning of its own, and the person's day."""

    awake: Callable[[], float] = time.monotonic
    with_sleep: Callable[[], float] = _with_sleep
    day: Callable[[], When] = days.now


class Awake:
    """One watch per app.

    Args:
        on_woke: the computer slept so many seconds and is awake again.
        on_clock_set: the clock of the day was set forward (or back, below zero) by so many seconds.
        on_hour: the person's clock shows another hour, day or distance from UTC, for whatever reason: before, now.
    """

    def __init__(
        self,
        on_woke: Callable[[float], None],
        on_clock_set: Callable[[float], None],
        on_hour: Callable[[When, When], None],
        clocks: Clocks = Clocks(),
    ) -> None:
        self._on_woke, self._on_clock_set, self._on_hour = on_woke, on_clock_set, on_hour
        self._clocks = clocks
        self._seen = self._now()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def forget(self) -> None:
        """That the computer slept up to now is known; the hour may be another one all the same."""
        before, self._seen = self._seen, self._now()
        self._tell_hour(before[2], self._seen[2])

    def look(self) -> None:
        """Compares the clocks with what they said `LOOK_S` ago."""
        before, now = self._seen, self._now()
        self._seen = now
        awake_s, whole_s = now[0] - before[0], now[1] - before[1]
        day_s = now[2].at - before[2].at
        late_s = whole_s - LOOK_S
        slept_s = max(whole_s - awake_s, late_s if late_s > LATE_S else 0.0)
        if slept_s > NAP_S:
            self._on_woke(slept_s)
        if abs(day_s - whole_s) > JUMP_S:
            self._on_clock_set(day_s - whole_s)
        self._tell_hour(before[2], now[2])

    def _tell_hour(self, before: When, now: When) -> None:
        if (before.day, before.hour, before.offset_s) != (now.day, now.hour, now.offset_s):
            self._on_hour(before, now)

    def _now(self) -> tuple[float, float, When]:
        return self._clocks.awake(), self._clocks.with_sleep(), self._clocks.day()
