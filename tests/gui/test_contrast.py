"""Every text can be read in both themes: measured on pictures of the pages, the editors, the settings and the welcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from PySide6.QtWidgets import QApplication

from companion.app.welcome import PAGES as WELCOME
from companion.gui.journal.page import JournalPage
from companion.gui.settings.page import find_pages
from companion.gui.staged import PAGES, SCENES, StagedAppearance, StagedHost as StagedApp, StagedSettings
from companion.gui.theme import Look
from companion.gui.window import Window
from companion.paths import Home
from tests.gui.contrasts import faint
from tests.gui.newcomer import Desk
from tests.gui.settings_host import StagedHost, settle, shown

THEMES = ("light", "dark")


@pytest.fixture(autouse=True)
async def usual_look(qapp: QApplication) -> AsyncIterator[None]:
    yield
    Look().wear()


@asynccontextmanager
async def staged(scene: str, theme: str) -> AsyncIterator[Window]:
    host = StagedApp()
    host.settings = StagedSettings(StagedAppearance(theme=theme, reduced_motion=True))
    window = Window(host)
    window.show()
    SCENES[scene](host)
    window.page.script.flush()
    if scene in PAGES:
        window.show_page(PAGES[scene])
    await settle()
    yield window
    window.close()
    window.deleteLater()
    await settle()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    "scene", ["trouble", "care", "finished", "journal", "insights", "practices", "locked"]
)
async def test_of_the_pages(qapp: QApplication, scene: str, theme: str) -> None:
    async with staged(scene, theme) as window:
        assert faint(window) == []


@pytest.mark.parametrize("theme", THEMES)
async def test_of_the_editors(qapp: QApplication, theme: str) -> None:
    async with staged("journal", theme) as window:
        page = window.pages.currentWidget()
        assert isinstance(page, JournalPage)
        page.deeds.do("edit")
        await settle()
        assert page.editor.isVisible()
        assert faint(window) == []
    async with staged("practices", theme) as window:
        shelf = window.pages.currentWidget()
        shelf.new.click()  # type: ignore[union-attr]  # the page of practices
        await settle()
        assert shelf.editor.isVisible()  # type: ignore[union-attr]
        assert faint(window) == []


@pytest.mark.parametrize("theme", THEMES)
async def test_of_the_settings(qapp: QApplication, theme: str) -> None:
    async with shown(StagedHost()) as dialog:
        dialog._look.choose(theme=theme, font_scale=1.0, reduced_motion=True)
        dialog.resize(900, 1600)
        for info in find_pages():
            dialog.show_page(info.name)
            await settle()
            assert faint(dialog) == [], info.title


@pytest.mark.parametrize("theme", THEMES)
async def test_of_the_welcome(qapp: QApplication, home: Home, theme: str) -> None:
    desk = Desk(home)
    desk.window.look.choose(theme=theme, font_scale=1.0, reduced_motion=True)
    desk.open()
    for page in WELCOME:
        desk.view.turn_to(page)
        await settle()
        assert faint(desk.window) == [], page
    await desk.close()
