"""What opening needs is loaded after the first frame; what is missing does not end the window."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from companion.app import ahead


def test_everything_that_is_loaded_ahead_is_there() -> None:
    assert [name for name in ahead.AHEAD if find_spec(name) is None] == []


async def test_what_is_missing_is_left_to_whoever_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "AHEAD", ("companion.attic",))
    await ahead.load_ahead()
