"""What the dialogs ask of the app; `companion.app.exchange.Exchange` fulfils it. Everything may raise `CompanionError`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from companion.exchange.importing import Incoming
from companion.records import Selection

Told = Callable[[int, int], None]


class KeptBatch(Protocol):
    @property
    def id(self) -> int: ...

    @property
    def kept(self) -> int:
        """How many reflections came in."""


class DoneExport(Protocol):
    @property
    def path(self) -> Path: ...

    @property
    def reflections(self) -> int: ...

    @property
    def recordings(self) -> int: ...

    @property
    def lost_recordings(self) -> int: ...


class ExchangeHost(Protocol):
    async def look(self, path: Path, told: Told) -> Incoming:
        """What an import would bring."""

    async def take(self, incoming: Incoming, leave_out: frozenset[str]) -> KeptBatch: ...

    async def undo(self, batch_id: int) -> int:
        """How many reflections were taken out again."""

    async def count(self, selection: Selection) -> int: ...

    async def export(
        self, path: Path, format_name: str, *, selection: Selection, with_sound: bool, told: Told
    ) -> DoneExport: ...
