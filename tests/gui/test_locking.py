"""A locked window: no word of the journal in any widget, one page, one way in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPlainTextEdit, QTextEdit, QWidget
from pytestqt.qtbot import QtBot

from companion.app import Companion
from companion.app.archive import Place
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.events import Phase
from companion.flow import Audio
from companion.gui.shell import Shell
from companion.journal import store
from companion.journal.store import open_journal
from companion.paths import Home
from companion.vault import MemoryVault
from tests.gui.running import until
from tests.journal.conftest import CHEAP
from tests.vaults import given

SAID = "The railway garden again."
UNSENT = "I meant to say that about the foxgloves"
PASSPHRASE = "correct horse battery staple"


class Desk:
    """The window on an app with a vault that may hold the journal's key."""

    def __init__(self, home: Home) -> None:
        home.config.mkdir(parents=True, exist_ok=True)
        home.settings.write_text("providers:\n  tts: {active: mock}\n")
        (home.state).mkdir(parents=True, exist_ok=True)
        silence = FileMicrophone(Audio(pcm=b"", rate_hz=16_000))
        self.app = Companion(home, vault=given(MemoryVault()), microphone=silence, player=CapturingPlayer())
        self.shell = Shell(self.app)
        self.window = self.shell.window

    async def say(self, text: str) -> None:
        self.app.submit(text)
        await until(lambda: self.app.engine.state.phase is Phase.READY and self.app.engine.history)

    async def lock(self) -> None:
        self.window.rail.buttons["lock"].click()
        assert self.window.pages.is_locked
        await until(lambda: self.app.archive.place is Place.LOCKED)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    @property
    def locked(self) -> QWidget:
        assert self.shell.locking.page is not None
        return self.shell.locking.page

    async def unlock(self) -> None:
        assert self.shell.locking.page is not None
        self.shell.locking.page.button.click()
        await until(lambda: not self.window.pages.is_locked)


@pytest.fixture
async def desk(qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(store, "Argon2Cost", lambda: CHEAP)
    made = Desk(home)
    qtbot.addWidget(made.window)
    made.window.show()
    await made.app.open()
    yield made
    made.shell.hide()
    await made.shell.keep_draft()
    await made.app.close()
    made.shell.close()


def words_in(window: QWidget) -> str:
    """Every text that any widget of the window holds."""
    found: list[str] = []
    for each in (window, *window.findChildren(QObject)):
        if isinstance(each, QPlainTextEdit | QTextEdit):
            found.append(each.toPlainText())
            found += ["can be undone"] * each.document().isUndoAvailable()
        elif isinstance(each, QLabel | QLineEdit):
            found.append(each.text())
        if isinstance(each, QWidget):
            found += [each.toolTip(), each.accessibleName(), each.accessibleDescription(), each.windowTitle()]
        model = getattr(each, "model", None)
        items = model() if callable(model) else None
        if items is not None and hasattr(items, "rowCount"):
            found += [str(items.index(row, 0).data()) for row in range(items.rowCount())]
    return "\n".join(found)


async def test_no_word_stays_in_any_widget_and_all_is_there_again(desk: Desk) -> None:
    window = desk.window
    await desk.say(SAID)
    window.page.area.composer.field.setPlainText(UNSENT)
    window.page.closing.title.setText("About the railway")
    window.page.closing.mood.show_mood(2, "railway calm")
    for page in ("journal", "insights"):
        window.show_page(page)
        await until(lambda: desk.app.archive.place is Place.OPEN)
    await until(lambda: "railway" in words_in(window) and "foxgloves" in words_in(window))
    await desk.lock()
    held = words_in(window)
    assert "railway" not in held
    assert "foxgloves" not in held
    assert "can be undone" not in held
    assert desk.locked.isVisible()
    assert not window.rail.isVisible()
    await desk.unlock()
    await until(lambda: window.draft == UNSENT)
    assert window.pages.currentWidget() is window.pages.insights, "the page that was shown"
    await until(lambda: "railway" in window.page.script.text())  # the reflection goes on


async def test_no_key_leads_into_a_locked_window(qtbot: QtBot, desk: Desk) -> None:
    window = desk.window
    window.activateWindow()
    await until(window.isActiveWindow)
    qtbot.keyClick(
        window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    await until(lambda: desk.app.archive.place is Place.LOCKED)
    for key, modifiers in (
        (Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier),
        (Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier),
        (Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier),
        (Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier),
    ):
        qtbot.keyClick(window, key, modifiers)
    desk.app.toggle_talk()
    assert window.pages.currentWidget() is desk.locked
    assert desk.shell.settings is None
    assert desk.shell.devtools is None
    assert desk.app.engine.state.phase is Phase.READY
    await desk.unlock()
    assert window.shows_talk
    qtbot.keyClick(window, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert window.pages.currentWidget() is window.pages.journal
    await window.pages.journal.close_reading()


async def test_settings_close_with_it(desk: Desk) -> None:
    desk.shell.open_settings()
    await desk.lock()
    assert desk.shell.settings is None or not desk.shell.settings.isVisible()
    await desk.unlock()


async def test_a_passphrase_is_asked_for_and_a_wrong_one_said(
    qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "Argon2Cost", lambda: CHEAP)
    await (await open_journal(home, passphrase=PASSPHRASE)).close()
    desk = Desk(home)
    qtbot.addWidget(desk.window)
    desk.window.show()
    await desk.app.open()
    await desk.app.use_passphrase(PASSPHRASE)
    await desk.lock()
    page = desk.shell.locking.page
    assert page is not None
    assert page.field.isVisible()
    assert page.field.echoMode() is QLineEdit.EchoMode.Password
    page.field.setText("not this one")
    page.button.click()
    await until(lambda: not page.is_trying)
    assert "passphrase" in page.fault.text()
    assert desk.window.pages.is_locked
    page.field.setText(PASSPHRASE)
    QApplication.sendEvent(
        page.field, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    )
    await until(lambda: not desk.window.pages.is_locked)
    assert page.field.text() == ""
    desk.shell.hide()
    await desk.app.close()
    desk.shell.close()


@pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)
async def test_a_journal_with_a_passphrase_asks_for_it_at_the_start(
    qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "Argon2Cost", lambda: CHEAP)
    await (await open_journal(home, passphrase=PASSPHRASE)).close()
    desk = Desk(home)
    qtbot.addWidget(desk.window)
    await desk.app.open()
    await until(lambda: desk.shell.passphrase is not None)
    assert desk.shell.passphrase is not None
    desk.shell.passphrase.form.field.setText(f" {PASSPHRASE}")
    desk.shell.passphrase.button.click()
    await until(lambda: desk.app.archive.storage == "passphrase")
    await until(lambda: desk.shell.passphrase is None)
    desk.shell.hide()
    await desk.app.close()
    desk.shell.close()


async def test_use_of_the_window_counts_as_being_there(qtbot: QtBot, desk: Desk) -> None:
    desk.window.activateWindow()
    await until(desk.window.isActiveWindow)
    desk.app.lock._used_at = -1_000.0
    await until(lambda: desk.shell.locking.attention is not None)
    await asyncio.sleep(1.1)  # a use a second is enough
    qtbot.keyClick(desk.window.windowHandle(), Qt.Key.Key_A)
    assert desk.app.lock._used_at > 0
