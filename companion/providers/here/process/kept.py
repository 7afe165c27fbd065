"""One engine in memory: loaded when it is wanted, given back when nobody has used it for long. In the engine process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

IDLE_S = 600.0
"""After so long without use an engine gives its memory back."""

T = TypeVar("T")


class Kept(Generic[T]):
    """Of several, the one that was wanted last. Any thread."""

    def __init__(self, load: Callable[[str], T], *, idle_s: float = IDLE_S) -> None:
        """`load` makes the engine of a file or folder; what it raises, `get` raises."""
        self._load, self._idle_s = load, idle_s
        self._loading = threading.Lock()
        self._engine: T | None = None
        self._place = ""
        self._uses = 0
        self._used_at = 0.0

    @property
    def is_loaded(self) -> bool:
        return self._engine is not None

    def get(self, place: str) -> T:
        """The engine of a file or folder, ready."""
        with self._loading:
            self._used_at = time.monotonic()
            if self._engine is not None and self._place == place:
                return self._engine
            if self._engine is None:
                self._look_in(self._idle_s)
            self._engine = None  # before the next is loaded: there may be no room for both
            self._engine, self._place = self._load(place), place
            return self._engine

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """It is not given back within the block."""
        with self._loading:
            self._uses += 1
        try:
            yield
        finally:
            with self._loading:
                self._uses -= 1
                self._used_at = time.monotonic()

    def _look_in(self, seconds: float) -> None:
        watch = threading.Timer(seconds, self._give_back)
        watch.daemon = True
        watch.start()

    def _give_back(self) -> None:
        with self._loading:
            left_s = self._used_at + self._idle_s - time.monotonic()
            if left_s > 0 or self._uses:
                self._look_in(max(left_s, self._idle_s / 10))
            else:
                self._engine, self._place = None, ""
