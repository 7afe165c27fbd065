"""Figures taken on a machine that is busy with something else say nothing: how to tell, and to take them again."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable

TICK_S = 0.005
LATE_S = 0.02
"""A thread that is woken later than this is a device callback that would have been, too."""
ATTEMPTS = 6


class Metronome:
    """Measures how late this machine wakes a thread that has hardly anything to do."""

    def __init__(self) -> None:
        self.latest_s = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Metronome:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._is_over.is_set():
            began_s = time.monotonic()
            time.sleep(TICK_S)
            self.latest_s = max(self.latest_s, time.monotonic() - began_s - TICK_S)


async def on_a_calm_machine(attempt: Callable[[], Awaitable[None]]) -> None:
    """Runs `attempt`, and again only where it failed while the machine was late; on a calm one its first failure counts."""
    for number in range(ATTEMPTS):
        with Metronome() as metronome:
            try:
                await attempt()
            except AssertionError:
                if metronome.latest_s < LATE_S or number == ATTEMPTS - 1:
                    raise
            else:
                return
