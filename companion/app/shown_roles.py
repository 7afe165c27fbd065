"""Who had each role when this computer was last asked: the first frame shows that, and waits for no vendor and no list.

A small file of state, which counts for the very settings it was written for and no others. Blocking.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from zlib import crc32

from companion import __version__
from companion.app import roles
from companion.events import EngineInUse
from companion.kinds import TURN_ROLES, Role
from companion.language import language
from companion.paths import write_atomically
from companion.places import read_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from companion.events import Events
    from companion.settings import Settings


class ShownRoles:
    """Tells who has each role.

    Args:
        found: which model of this computer has a role, where that was found out.
    """

    def __init__(
        self,
        file: Path,
        events: Events,
        settings: Callable[[], Settings],
        found: Callable[[], Mapping[Role, str]],
    ) -> None:
        self._file, self._events, self._settings, self._found = file, events, settings, found
        self._is_of_before = False

    def tell_first(self) -> None:
        """As it was when it was kept, if anything was; else as it is."""
        for shown in read(self._file, self._settings()):
            self._is_of_before = True
            self._events.emit(shown)
        if not self._is_of_before:
            self.tell()

    def put_right(self) -> None:
        """Tells it as it is, where what was told was of before."""
        if self._is_of_before:
            self._is_of_before = False
            self.tell()

    def tell(self) -> None:
        found = self._found()
        for role in TURN_ROLES:
            self._events.emit(roles.in_use(self._settings(), role, found.get(role, "")))

    def keep(self) -> None:
        """For the next start."""
        settings = self._settings()
        keep(self._file, settings, [roles.in_use(settings, role) for role in TURN_ROLES])


def read(file: Path, settings: Settings) -> tuple[EngineInUse, ...]:
    """What was kept for these settings, one for each role; empty: nothing."""
    kept = read_notes(file)
    if kept.get("of") != _stamp(settings):
        return ()
    with suppress(TypeError, ValueError, KeyError):
        told = tuple(EngineInUse(**{**row, "role": Role(row["role"])}) for row in kept["roles"])
        if tuple(each.role for each in told) == TURN_ROLES:
            return told
    return ()


def keep(file: Path, settings: Settings, told: Sequence[EngineInUse]) -> None:
    """A full disk is ignored: the next start takes a moment longer."""
    import json

    rows = [
        {"role": each.role.value, "provider": each.provider, "label": each.label, "host": each.host}
        for each in told
    ]
    kept = {"of": _stamp(settings), "roles": rows}
    if kept != read_notes(file):
        with suppress(OSError):
            write_atomically(file, json.dumps(kept).encode())


def _stamp(settings: Settings) -> str:
    """Other than before when anybody may have another role, or is called otherwise."""
    talk = settings.talk
    engine = (talk.engine, talk.realtime_model, settings.network.offline)
    of = repr((__version__, language(), engine, settings.providers, settings.servers))
    return f"{crc32(of.encode()):08x}"  # what a variable in the settings stands for may be on no disk
