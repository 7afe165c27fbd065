"""The vault of a run, opened at the first need. Belongs to the loop's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from companion import tasks

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from companion.vault import Vault


class Keys:
    """One per app; `await keys()` gives the vault. `open_vault`: another one than the system's."""

    def __init__(self, open_vault: Callable[[], Coroutine[Any, Any, Vault]] | None) -> None:
        self._open, self._is_own = open_vault or _open_vault, open_vault is None
        self._opening: asyncio.Task[Vault] | None = None

    async def __call__(self) -> Vault:
        import asyncio

        if self._opening is None:
            from companion.memory import keep_to_ourselves

            keep_to_ourselves()
            self._opening = tasks.spawn(self._open(), name="open vault")
        return await asyncio.shield(self._opening)

    async def close(self) -> None:
        """A vault that was given stays open."""
        if self._opening is None:
            return
        await tasks.stop(self._opening)
        if self._is_own and not self._opening.cancelled() and self._opening.exception() is None:
            self._opening.result().close()


async def _open_vault() -> Vault:
    from companion.app.pool import environment_keys
    from companion.vault import Vault

    return await Vault.open(environment_keys())
