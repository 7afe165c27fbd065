"""Piper on the voice page: a voice that is not here is offered, fetched with progress, and then speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from companion.flow import Role
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.pages.voice import VoicePage
from companion.gui.theme import Look
from tests.gui.settings_host import StagedHost


async def until(holds: Callable[[], object]) -> None:
    for _ in range(600):
        QApplication.processEvents()
        if holds():
            return
        await asyncio.sleep(0.004)
    raise AssertionError("it did not come")


@pytest.fixture
def host() -> StagedHost:
    return StagedHost()


@pytest.fixture
async def page(host: StagedHost, qapp: QApplication) -> AsyncIterator[VoicePage]:
    look = Look()
    look.wear()
    dialog = SettingsDialog(host, look)
    dialog.show()
    dialog.show_page("voice")
    assert isinstance(dialog.page, VoicePage)
    await until(lambda: ("check", "piper", False) in host.log)
    dialog.page.choose("piper")
    yield dialog.page
    dialog.close()
    for each in dialog.pages.values():
        each.work.stop()
    await asyncio.sleep(0)
    dialog.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


async def test_a_voice_is_fetched_and_then_speaks(page: VoicePage, host: StagedHost) -> None:
    await until(page.download.fetch.isVisible)
    assert "The voice “en_US-lessac-medium” is not on this computer yet." in page.download.said.text()
    assert host.settings.role(Role.SPEAKS).active == "builtin", "the present one stays until then"
    page.download.fetch.click()
    await until(host.fetching.is_set)
    assert "50 of 145 MB" in page.download.said.text()
    host.may_finish.set()
    await until(lambda: host.settings.role(Role.SPEAKS).active == "piper")
    assert ("download", "piper", "en_US-lessac-medium") in host.log
    assert not page.download.isVisible()


async def test_another_voice_is_fetched_when_it_is_chosen(page: VoicePage, host: StagedHost) -> None:
    await host.change({"providers.tts.piper.voice": "de_DE-thorsten-medium#a"})
    page.refresh()
    await until(page.download.fetch.isVisible)
    assert "de_DE-thorsten-medium”" in page.download.said.text()


async def test_without_piper_open_nothing_is_offered(page: VoicePage) -> None:
    page.choose("builtin")
    await until(lambda: not page.download.isVisible())
