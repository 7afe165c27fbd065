"""A journal on disk for each test, with a passphrase that is cheap to check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from companion.journal.keys import Argon2Cost
from companion.journal.store import SqlJournal, open_in_memory, open_journal
from companion.paths import Home

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)
KEYRING = bytes(range(7, 39))
PASSPHRASE = "eight small words that nobody else would guess"

Opener = Callable[..., Coroutine[Any, Any, SqlJournal]]


@pytest.fixture
async def opened(home: Home) -> AsyncIterator[Opener]:
    """Opens the journal of the test's home with the keyring's key, or with what is given; closes it afterwards."""
    journals = []

    async def open_it(**secrets: Any) -> SqlJournal:
        journal = await open_journal(home, **(secrets or {"wrapping_key": KEYRING}), cost=CHEAP)
        journals.append(journal)
        return journal

    yield open_it
    for journal in journals:
        await journal.close()


@pytest.fixture(params=["on disk", "in memory"])
async def journal(request: pytest.FixtureRequest, opened: Opener) -> AsyncIterator[SqlJournal]:
    journal = await (opened() if request.param == "on disk" else open_in_memory())
    yield journal
    await journal.close()


def bytes_on_disk(folder: Path, name: str = "*") -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob(name)) if path.is_file())


async def tell(journal: SqlJournal, text: str, practice: str = "open") -> tuple[int, int]:
    """One session with one thing said; returns its id and the turn's."""
    session_id = await journal.begin_session(practice)
    return session_id, await journal.save_user(session_id, text, 1_000.0)
