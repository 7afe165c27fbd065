"""Windows on a screen that is not there, and a scripted app behind them."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pytestqt.qtbot import QtBot

from companion import days
from companion.app import Companion
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.days import When
from companion.flow import Audio
from companion.gui.shell import Shell
from companion.gui.staged import EVENING, StagedHost
from companion.gui.window import Window
from companion.paths import Home
from companion.vault import MemoryVault
from tests.gui.running import Start
from tests.vaults import given
from tests.waiting import until


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


@pytest.fixture
def start(qtbot: QtBot, home: Home) -> Start:
    vault = MemoryVault()

    @asynccontextmanager
    async def started(settings: str = "") -> AsyncIterator[tuple[Shell, Companion]]:
        home.config.mkdir(parents=True, exist_ok=True)
        home.settings.write_text("providers:\n  tts: {active: mock}\n" + settings)
        silence = FileMicrophone(Audio(pcm=b"", rate_hz=16_000))
        app = Companion(home, vault=given(vault), microphone=silence, player=CapturingPlayer())
        shell = Shell(app)
        qtbot.addWidget(shell.window)
        shell.show()
        await app.open()
        await until(lambda: shell._is_draft_read or app.archive.storage == "memory")
        try:
            yield shell, app
        finally:
            shell.window.keys.stop()  # as a window does that is closed
            shell.hide()
            await shell.keep_draft()
            await app.close()
            shell.close()

    return started
