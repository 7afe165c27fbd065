"""What opening the app needs, loaded piece by piece after the first frame: what is pressed comes in between."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import import_module

AHEAD = (
    *("companion.calls", "companion.flow", "companion.records", "companion.app.archive", "sqlcipher3.dbapi2"),
    *("companion.insights.practice", "companion.journal.database", "companion.journal.finding"),
    *("companion.journal.store", "companion.providers.provider", "companion.app.pool"),
    *("companion.conversation.turn", "companion.conversation.engine"),
)
"""The lower first, each a few milliseconds; whoever needs one sooner loads it."""
PAUSE_S = 0.001
"""No less: a loop that is asked to go on at once does not look at the keyboard."""


async def load_ahead() -> None:
    for name in AHEAD:
        await asyncio.sleep(PAUSE_S)
        with suppress(ImportError):  # whoever needs it tells what is missing, in a window that is there
            import_module(name)
    await asyncio.sleep(PAUSE_S)
