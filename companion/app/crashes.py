"""What is left of a run that the system ended by an error: noted at that moment, told at the next start. Blocking.

The interpreter itself writes where each thread was (files, lines, names of functions; no values) into `crash.txt` beside
the log. Twice within a minute, and the next start is a plain one: with settings that reach for nothing.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from companion.errors import CompanionError, Kind
from companion.language import tr
from companion.settings import Settings, changed

if TYPE_CHECKING:
    from pathlib import Path

    from companion.paths import Home

_log = logging.getLogger(__name__)
AGAIN_S = 60.0
"""Two within this make the next start a plain one."""
_KEPT = 5
"""How many old notes stay."""


class Crashes:
    """One per window."""

    def __init__(self, home: Home) -> None:
        """Looks for what the last run left, and puts it by."""
        self._note = home.state / "crash.txt"
        self._file: IO[bytes] | None = None
        self.last = self._put_by()
        """The note of the last run; None: it ended as it should."""
        self.is_again = self.last is not None and self._were_two()
        """The two last runs ended so within a minute, and that was just now."""

    @property
    def trouble(self) -> CompanionError | None:
        """What a person is told at the start."""
        if self.last is None:
            return None
        if self.is_again:
            hint = tr(
                "It was the second time, so this start is a plain one: offline, with journal and guide, no voice. "
                "Your settings hold again at the next start. What it was doing is noted in {path}.",
                path=self.last,
            )
        else:
            hint = tr(
                "What you said is kept. What it was doing is noted in {path}, without a word of yours; nothing is sent.",
                path=self.last,
            )
        return CompanionError(Kind.CRASHED, hint=hint)

    def begin(self) -> None:
        """From now on an end by the system is noted."""
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._note, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        except OSError as error:
            _log.info("no crash can be noted: %s", error.strerror)
            return
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        faulthandler.enable(self._file)

    def end(self) -> None:
        """This run ended as it should."""
        if self._file is None:
            return
        faulthandler.disable()
        self._file.close()
        self._file = None
        with suppress(OSError):
            self._note.unlink()

    def _put_by(self) -> Path | None:
        try:
            about = self._note.stat()
            if not about.st_size:
                return None
            old = self._note.with_name(f"crash-{about.st_mtime_ns}.txt")
            os.replace(self._note, old)
            for path in self._old()[:-_KEPT]:
                path.unlink()
        except OSError:
            return None
        return old

    def _old(self) -> list[Path]:
        return sorted(self._note.parent.glob("crash-*.txt"))

    def _were_two(self) -> bool:
        try:
            times = [path.stat().st_mtime for path in self._old()[-2:]]
        except OSError:
            return False
        return len(times) == 2 and times[1] - times[0] <= AGAIN_S and time.time() - times[1] <= AGAIN_S


def plain_settings(chosen: Settings) -> Settings:
    """Settings that reach for nothing: no network, no voice, no open microphone, no model; the looks stay as chosen."""
    plain = changed(
        Settings(),
        {
            "network.offline": True,
            "sound.speak_answers": False,
            "talk.mode": "hold",
            "journal.keep": chosen.journal.keep,
            "journal.backup_folder": chosen.journal.backup_folder,
            "general.interface_language": chosen.general.interface_language,
            "appearance.theme": chosen.appearance.theme,
        },
    )
    return changed(
        plain, {f"providers.{role}.active": name for role, name in (("llm", "guide"), ("stt", "builtin"))}
    )
