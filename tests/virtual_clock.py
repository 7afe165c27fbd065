"""A loop whose clock runs ahead while everybody waits: turns of many seconds are tested in milliseconds.

Tests marked `virtual_clock` run on it. Before time is skipped the loop waits a moment for sockets and
threads, so that what is really being worked on is not overtaken by a deadline; what needs the processor for long (an engine
process, a real device) is tested on the real clock. Tests marked `jumping_clock` wait for nobody but themselves: time
begins at 0, and is at once what the next timer asks for.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

GRACE_S = 0.0003
"""Real time in which sockets and threads may answer before time is skipped."""
STEP_S = 0.03
"""Most that is skipped at once."""
LONGEST_S = 100_000.0
"""Most that a test on the jumping clock may wait."""


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


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[valid-type,misc]
    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now_s += timeout or 0.0
        if timeout is None or self.now_s > LONGEST_S:
            raise TimeoutError("the test waits for what never comes")
        return super().select(0)  # type: ignore[no-any-return]


class JumpingClockLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


class VirtualClockLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.skipped_s
