"""A newcomer at the welcome: the window with its pages, and a person who has a keyboard and reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from companion.app.welcome import PAGES, Welcome
from companion.errors import CompanionError, Kind
from companion.gui.staged import StagedHost as StagedWindow
from companion.gui.welcome.host import WelcomeHost
from companion.gui.welcome.view import WelcomeView
from companion.gui.window import Window
from companion.paths import Home
from tests.gui.settings_host import StagedHost


class Door:
    """A journal that opens with one passphrase."""

    def __init__(self) -> None:
        self.storage, self.asks = "keyring", ""

    async def needs(self) -> str:
        return self.asks

    async def use_passphrase(self, passphrase: str) -> None:
        if passphrase != "four unrelated words":
            raise CompanionError(Kind.WRONG_PASSPHRASE)
        self.storage, self.asks = "passphrase", ""


class Newcomer:
    """The window with the welcome in it, and a person who has a keyboard."""

    def __init__(self, app: WelcomeHost) -> None:
        self.progress = app.welcome
        self.window = Window(StagedWindow())
        self.view = WelcomeView(app, self.window.look)
        self.view.over.connect(lambda: self.window.show_page("talk"))

    def open(self) -> None:
        self.view.turn_to(self.progress.page)
        self.window.show_welcome(self.view)
        self.window.show()
        self.window.activateWindow()

    async def until(self, holds: Callable[[], object]) -> None:
        for _ in range(600):
            QApplication.processEvents()
            if holds():
                return
            await asyncio.sleep(0.003)
        raise AssertionError(f"it did not come; {self.said}")

    async def press(self, key: Qt.Key, text: str = "") -> None:
        """A key where the focus is."""
        for _ in range(3):
            QApplication.processEvents()
            await asyncio.sleep(0)
        focus = QApplication.focusWidget()
        assert focus is not None
        QTest.keyClicks(focus, text) if text else QTest.keyClick(focus, key)
        for _ in range(3):
            QApplication.processEvents()
            await asyncio.sleep(0)

    async def enter(self) -> None:
        await self.press(Qt.Key.Key_Return)

    async def tab_to(self, name: str) -> None:
        """Tab until the control of that name has the focus."""
        for _ in range(30):
            if self.focus == name:
                return
            await self.press(Qt.Key.Key_Tab)
        raise AssertionError(f"no way to {name}")

    async def turn_to(self, page: str) -> QWidget:
        """Enter until a page is there."""
        for _ in PAGES:
            await self.until(lambda: self.view.page)
            if self.view.page is not None and self.view.page.name == page:
                return self.view.page
            self.view.go_on.setFocus()
            await self.enter()
        raise AssertionError(page)

    @property
    def focus(self) -> str:
        widget = QApplication.focusWidget()
        text = widget.text() if isinstance(widget, QPushButton) else ""
        return (widget.accessibleName() or text) if widget is not None else ""

    @property
    def said(self) -> str:
        """Every word that can be read."""
        return "\n".join(
            each.text() for each in self.view.findChildren(QLabel) if each.isVisible() and each.text()
        )

    async def close(self) -> None:
        self.view.close_pages()
        self.window.close()
        await asyncio.sleep(0)
        self.window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


class Desk(Newcomer):
    """With an app that is staged in memory."""

    def __init__(self, home: Home) -> None:
        self.settings_backend, self.archive = StagedHost(), Door()
        self.welcome = Welcome(home)
        super().__init__(self)
