"""A loop whose clock runs ahead while everybody waits: turns of many seconds are tested in milliseconds.

Tests marked `virtual_clock` run on it. Before time is skipped the loop waits a moment for sockets and
threads, so that what is really being worked on is not overtaken by a deadline; what needs the processor for long (an engine
process, a real device) is tested on the real clock.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

GRACE_S = 0.0003
"""Real time in which sockets and threads may answer before time is skipped."""
STEP_S = 0.03
"""Most that is skipped at once."""


class _SkippingSelector(selectors.DefaultSelector):  # type: ignore[valid-type,misc]
    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)  # type: ignore[no-any-return]
        ready = super().select(min(timeout, GRACE_S))
        if not ready and timeout > GRACE_S:
            self.skipped_s += min(timeout - GRACE_S, STEP_S)
        return ready  # type: ignore[no-any-return]


class VirtualClockLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.skipped_s
