"""The welcome fetches from a real server: with progress in bytes, cancelled and gone on with, and without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from companion.app import Companion
from companion.events import EngineInUse, Event
from companion.gui.welcome.engines import EnginesPage
from companion.kinds import Role
from companion.paths import Home
from companion.providers.here.models import listing
from companion.vault import MemoryVault
from tests import tiny_voice
from tests.app.test_arriving import a_voice
from tests.gui.newcomer import Newcomer
from tests.models.conftest import a_model
from tests.servers.files import PIECE, FileServer
from tests.vaults import given

NAME = "en_US-tiny-low"


@pytest.fixture
async def server(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileServer]:
    """Has the only models of the list: a voice that speaks, and ears that nobody asks for."""
    written = tiny_voice.write(home.data / "elsewhere", NAME).parent
    files = {path.name: path.read_bytes() for path in written.iterdir()}
    async with FileServer(files) as server:
        models = (a_voice(NAME, files, server.url), a_model(server.url))
        monkeypatch.setattr(listing, "listed", lambda: models)
        yield server


@pytest.fixture
async def app(home: Home) -> AsyncIterator[Companion]:
    made = Companion(home, vault=given(MemoryVault()))
    yield made
    await made.close()


@pytest.fixture
async def newcomer(app: Companion, server: FileServer, qapp: QApplication) -> AsyncIterator[Newcomer]:
    made = Newcomer(app)
    made.open()
    await made.until(made.window.isActiveWindow)
    page = await made.turn_to("sound")
    assert isinstance(page, EnginesPage)
    await made.until(page.both.isVisible)
    yield made
    await made.close()


async def press(newcomer: Newcomer, button: str) -> None:
    await newcomer.tab_to(button)
    await newcomer.press(Qt.Key.Key_Space)


async def test_a_voice_is_fetched_and_speaks_from_now_on(newcomer: Newcomer, app: Companion) -> None:
    pills: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, EngineInUse) and event.role is Role.SPEAKS:
            pills.append(event.label)

    app.events.watch(watch)
    await press(newcomer, "Fetch Tiny")
    await newcomer.until(lambda: "in use" in newcomer.said)
    await newcomer.until(lambda: pills == ["This computer, Tiny"])
    assert newcomer.said.count("in use") == 1, "the ears were not asked for, and are not here"


async def test_what_was_cancelled_goes_on_where_it_was(newcomer: Newcomer, server: FileServer) -> None:
    server.fault, server.cut_after = "stall", PIECE
    await press(newcomer, "Fetch Tiny")
    await newcomer.until(lambda: "0 of 0 MB" in newcomer.said and server.sent >= PIECE)
    await press(newcomer, "Cancel Tiny")
    await newcomer.until(lambda: "What was fetched is kept" in newcomer.said)
    server.fault = ""
    await press(newcomer, "Go on Tiny")
    await newcomer.until(lambda: "in use" in newcomer.said)
    ranges = [ranged for path, ranged, _ in server.asked if path.endswith(".onnx")]
    assert ranges == ["", f"bytes={PIECE}-"]


async def test_without_a_network_a_sentence_says_so(newcomer: Newcomer, server: FileServer) -> None:
    server.fault = "status-404"
    await press(newcomer, "Fetch Tiny")
    await newcomer.until(lambda: "Tiny could not be fetched" in newcomer.said)
    assert "What was fetched is kept" in newcomer.said
    await newcomer.tab_to("Fetch Tiny")
