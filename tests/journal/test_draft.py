"""Words that were not sent are kept sealed, one text at a time, and not by a journal in memory."""

from __future__ import annotations

import pytest

from companion.journal.store import open_in_memory
from companion.paths import Home
from tests.journal.conftest import Opener, bytes_on_disk

WORDS = "What I wanted to say — and did not 🌊"


async def test_the_next_start_has_the_words(opened: Opener, home: Home) -> None:
    journal = await opened()
    for text in ("an earlier one", WORDS):
        await journal.keep_draft(text)
    await journal.close()
    again = await opened()
    assert await again.draft() == WORDS
    assert b"wanted to say" not in bytes_on_disk(home.data)
    await again.keep_draft("")
    assert await again.draft() == ""
    assert await again.waiting_takes() == [], "it is no recording"


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 200])
async def test_a_damaged_one_is_none(opened: Opener, home: Home, content: bytes) -> None:
    journal = await opened()
    await journal.keep_draft(WORDS)
    (home.takes / "draft").write_bytes(content)
    assert await journal.draft() == ""


async def test_a_journal_in_memory_keeps_none(home: Home) -> None:
    journal = await open_in_memory()
    await journal.keep_draft(WORDS)
    assert await journal.draft() == ""
    await journal.close()
