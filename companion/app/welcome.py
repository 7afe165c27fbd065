"""The welcome of the first start: whether it is due, and how far a person came in it. One small file of state. Main thread.

Made without asyncio: the first frame of the window asks whether it is due.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from companion.paths import write_atomically
from companion.places import read_notes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from companion.paths import Home

PAGES = ("begin", "sound", "microphone", "thinking", "journal")
"""In the order in which they are turned."""
_MOST_BYTES = 4096
_log = logging.getLogger(__name__)


class Welcome:
    """One per app.

    Args:
        set_by: where settings come from, as `settings.Loaded` tells. Whoever has set anything is no newcomer; what an
            environment holds for other programs, too, says nothing.
        is_kept: False: this run leaves no trace, and shows no welcome by itself.
    """

    def __init__(self, home: Home, set_by: Iterable[str] = (), *, is_kept: bool = True) -> None:
        self._file = home.state / "welcome.json"
        self._is_kept = is_kept
        kept = self._read()
        traces = (home.settings, home.journal, home.key_slots)
        is_new = all(_is_for_others(source) for source in set_by) and not any(
            each.exists() for each in traces
        )
        self._is_over = not is_new if kept is None else kept.get("is_over") is True
        self.is_due = is_kept and not self._is_over
        """It is shown by itself at this start."""
        done = (kept or {}).get("done")
        self.done = [name for name in PAGES if isinstance(done, list) and name in done]
        """Pages that a person has gone on from."""
        self.uses_provider = (kept or {}).get("uses_provider") is True
        """What the first page was answered with."""

    @property
    def page(self) -> str:
        """Where to go on: the first page that is not done, or the first of all."""
        return next((name for name in PAGES if name not in self.done), PAGES[0])

    @property
    def is_at_beginning(self) -> bool:
        return self.page == PAGES[0]

    def begin(self) -> None:
        """It is shown: a person who closes the window in the middle goes on at the next start."""
        self._keep()

    def go_on(self, page: str) -> None:
        """The person went on from a page."""
        if page not in self.done:
            self.done.append(page)
        self._keep()

    def end(self) -> None:
        """It was finished or left, and does not come by itself any more."""
        self.is_due, self._is_over = False, True
        self._keep()

    def _keep(self) -> None:
        kept = {"done": self.done, "is_over": self._is_over, "uses_provider": self.uses_provider}
        if not self._is_kept:
            return
        import json  # nothing is kept before the first frame

        try:
            write_atomically(self._file, json.dumps(kept).encode())
        except OSError as error:  # it comes once more
            _log.warning("how far the welcome is could not be kept: %s", error)

    def _read(self) -> dict[str, object] | None:
        """What was kept; None: nothing, or nothing of use."""
        return read_notes(self._file, most_bytes=_MOST_BYTES) or None


def _is_for_others(source: str) -> bool:
    return source.startswith("environment ") and not source.startswith("environment COMPANION_")
