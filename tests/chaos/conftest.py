"""Pauses between attempts to reconnect cost these tests nothing."""

from __future__ import annotations

import pytest

from companion.providers.wire import sockets


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RECONNECT_S", 0.002)
