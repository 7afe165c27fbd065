"""Pauses between attempts to reconnect cost these tests nothing."""

from __future__ import annotations

import pytest

from companion.providers import live


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RECONNECT_S", 0.002)
