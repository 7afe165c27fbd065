"""Windows on a screen that is not there, and a scripted app behind them."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


import pytest
from pytestqt.qtbot import QtBot

from companion import days
from companion.days import When
from companion.gui.staged import EVENING, StagedHost
from companion.gui.window import Window


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> StagedHost:
    """On the evening the staged words were said, whenever the test runs."""
    monkeypatch.setattr(days, "now", lambda: When.of(EVENING))
    return StagedHost()


@pytest.fixture
def window(qtbot: QtBot, host: StagedHost) -> Window:
    """The window, shown and active."""
    made = Window(host, now=lambda: When.of(EVENING))
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made
