"""What every test of a provider gets: lost connections are made anew at once."""

from __future__ import annotations

import pytest

from companion.providers.wire import sockets


@pytest.fixture(autouse=True)
def no_pause_before_reconnecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RECONNECT_S", 0.001)
