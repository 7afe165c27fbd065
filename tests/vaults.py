"""The keyring as an app is given it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from companion.vault import Vault


def given(vault: Vault) -> Callable[[], Awaitable[Vault]]:
    """What an app asks for its keys, where these are in `vault`."""

    async def opened() -> Vault:
        return vault

    return opened
