"""The models of this computer, for the settings window and the command line: what is here, fetch, import, remove.

Belongs to the loop's thread; whatever reads whole models does so in another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from companion.providers.here.models.fetcher import Fetcher, Progress
from companion.providers.here.models.listing import LocalModel, ModelKind
from companion.providers.here.models.store import ModelStore, Standing

if TYPE_CHECKING:
    from companion.net import Net


class LocalModels:
    """The models of one app.

    Args:
        folder: where they lie.
        mirror: address of the person's own copy of them; empty: none.
    """

    def __init__(self, folder: Path, net: Net, mirror: Callable[[], str]) -> None:
        self.store = ModelStore(folder)
        self._net, self._mirror = net, mirror
        self._failed: LocalModel | None = None

    async def all(self, kind: ModelKind | None = None) -> tuple[Standing, ...]:
        """Every model of the list and the person's own, and how they stand."""
        return await asyncio.to_thread(self.store.all, kind)

    async def fetch(
        self, model: LocalModel, on_progress: Callable[[Progress], None] = lambda _: None, *, tries: int = 0
    ) -> Path:
        """Fetches a model, or what is damaged of it; cancelling the task stops it, and what was fetched is kept.

        Args:
            tries: how often a source is asked; 0: as usual.

        Raises:
            CompanionError: as `Fetcher.fetch`.
        """
        more = {"tries": tries} if tries else {}
        self._failed = model
        folder = await Fetcher(self.store, self._net, mirror=self._mirror(), **more).fetch(model, on_progress)
        self._failed = None
        return folder

    async def fetch_again(self) -> bool:
        """Fetches the model whose fetching failed last; False: there is none.

        Raises:
            CompanionError: as `fetch`.
        """
        if self._failed is None:
            return False
        await self.fetch(self._failed)
        return True

    async def add(self, *sources: Path, name: str = "") -> Standing:
        """Copies a model in, as `ModelStore.import_from`."""
        return await asyncio.to_thread(lambda: self.store.import_from(*sources, name=name))

    async def remove(self, model: LocalModel) -> int:
        """Takes a model away; returns the bytes."""
        return await asyncio.to_thread(self.store.remove, model.kind, model.name)

    async def export(self, model: LocalModel, target: Path) -> Path:
        """Copies a model out, as `ModelStore.export_to`."""
        return await asyncio.to_thread(self.store.export_to, model.kind, model.name, target)
