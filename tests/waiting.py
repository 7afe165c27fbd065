"""Waiting for what comes about by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LIMIT_S = 20.0


async def until(holds: Callable[[], object]) -> None:
    """Returns once `holds()`; a test that waits in vain fails."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)
