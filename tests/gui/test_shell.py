"""The window with its dialogs on the real app: drafts that wait for the next start, and ears that pause for a dialog."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from companion.app import Companion
from companion.events import Event, Phase, PhaseChanged, TurnFinished
from companion.gui import shell as shells
from companion.gui.microphone import MicrophoneSign
from companion.gui.shell import Shell
from companion.paths import Home
from tests.gui.running import Start
from tests.waiting import until

UNSENT = "I meant to say that"


async def test_what_was_not_sent_is_there_again_until_it_is(start: Start) -> None:
    async with start() as (shell, _):
        shell.window.page.area.composer.field.setPlainText(UNSENT)
    async with start() as (shell, _):
        assert shell.window.draft == UNSENT
    async with start() as (shell, _):
        assert shell.window.draft == UNSENT, "nobody touched it"
        shell.window.page.area.composer.field.setPlainText("")
    async with start() as (shell, _):
        assert shell.window.draft == ""


async def test_a_desktop_that_ends_its_session_is_not_waited_for(start: Start, home: Home) -> None:
    async with start() as (shell, _):
        shell.window.page.area.composer.field.setPlainText(UNSENT)
        shell.leave_soon()
        await until((home.takes / "draft").exists)
        assert (home.state / "window.json").exists()


async def test_a_window_that_is_closed_before_the_journal_is_open_loses_nothing(start: Start) -> None:
    async with start() as (shell, _):
        shell.window.page.area.composer.field.setPlainText(UNSENT)

    async with start() as (shell, _):
        shell._is_draft_read = False
        shell.window.page.area.composer.field.setPlainText("and this")
    async with start() as (shell, _):
        assert shell.window.draft == f"{UNSENT}\nand this"


async def test_where_nothing_is_kept_no_word_is_written(start: Start, home: Home) -> None:
    async with start("journal: {keep: false}\n") as (shell, _):
        shell.window.page.area.composer.field.setPlainText(UNSENT)
    assert not list(home.takes.glob("*"))
    assert not any(UNSENT.encode() in path.read_bytes() for path in home.data.rglob("*") if path.is_file())


async def test_hands_free_listening_pauses_for_a_dialog(
    qtbot: QtBot, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: set[str] = set()
    async with start() as (shell, app):
        monkeypatch.setattr(app, "pause_hands_free", paused.add)
        monkeypatch.setattr(app, "resume_hands_free", paused.remove)
        shell.window.activateWindow()
        qtbot.waitUntil(shell.window.isActiveWindow)
        shell.open_settings()
        assert shell.settings is not None
        qtbot.waitUntil(lambda: len(paused) == 1)
        shell.window.activateWindow()  # it is still open, but not in front
        qtbot.waitUntil(lambda: not paused)
        shell.settings.show_page("sound")  # there one speaks to try the microphone, whatever is in front
        assert len(paused) == 1
        shell.settings.activateWindow()
        qtbot.waitUntil(lambda: len(paused) == 2)
        shell.settings.close()
        assert not paused


@pytest.mark.qt_log_ignore("propagateSizeHints")
@pytest.mark.parametrize("behind", ["settings", "window"])
async def test_whatever_chooses_a_file_shows_the_microphone_and_hands_free_waits_for_it(
    behind: str, qtbot: QtBot, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: set[str] = set()
    async with start() as (shell, app):
        monkeypatch.setattr(app, "pause_hands_free", paused.add)
        monkeypatch.setattr(app, "resume_hands_free", paused.remove)
        shell.window.activateWindow()
        qtbot.waitUntil(shell.window.isActiveWindow)
        if behind == "settings":
            shell.open_settings()
            assert shell.settings is not None
            qtbot.waitUntil(shell.settings.isActiveWindow)
        chooser = QFileDialog(shell.settings or shell.window)
        chooser.setOption(QFileDialog.Option.DontUseNativeDialog)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.open()
        qtbot.waitUntil(chooser.isActiveWindow)
        assert len(paused) == 1
        sign = chooser.findChild(MicrophoneSign)
        assert isinstance(sign, MicrophoneSign)
        assert not sign.isVisible()
        app.events.emit(PhaseChanged(turn=1, phase=Phase.LISTENING))
        assert sign.isVisible()
        chooser.close()
        qtbot.waitUntil(lambda: len(paused) == (behind == "settings"))


async def test_keys_change_the_text_close_a_dialog_and_lead_from_the_help_to_the_welcome(
    qtbot: QtBot, start: Start
) -> None:
    async with start() as (shell, app):
        window = shell.window
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        QTest.keyClick(window, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: app.settings.appearance.font_scale == 1.1)
        assert window.look.scale == 1.1
        QTest.keyClick(window, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: window.look.scale == 1.0)

        shell.open_settings()
        assert shell.settings is not None
        qtbot.waitUntil(shell.settings.isActiveWindow)
        QTest.keyClick(shell.settings, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
        assert shell.settings is None
        assert window.isVisible()

        QTest.keyClick(window, Qt.Key.Key_F1)
        window.pages.help.welcome.click()
        assert window.shows_welcome
        assert shell.welcome is not None
        shell.welcome.skip.click()
        assert window.shows_talk


@pytest.mark.qt_log_ignore("does not support raise")
async def test_it_is_asked_for_again_in_the_settings(qtbot: QtBot, start: Start) -> None:
    async with start() as (shell, app):
        shell.open_settings("general")
        assert shell.settings is not None
        shell.settings.page.welcome.click()  # type: ignore[union-attr]
        assert shell.settings is None
        assert shell.window.shows_welcome
        app.toggle_talk()  # a key of the desktop
        await until(lambda: shell.window.shows_talk)
        app.cancel()


async def put_right(shell: Shell, app: Companion) -> None:
    """A reflection is open in its editor, with another title that is not saved."""
    said: list[Event] = []
    app.events.watch(lambda event: said.append(event) if isinstance(event, TurnFinished) else None)
    app.submit("The heron stood by the weir.")
    await until(lambda: said != [])
    shell.window.show_page("journal")
    page = shell.window.pages.journal
    await until(lambda: page.reader.turns != ())
    page.deeds.do("edit")
    await until(lambda: page.editor.is_open)
    page.editor.title.setText("At the weir")


async def test_an_edit_that_is_open_is_kept_before_the_settings_let_nothing_be_kept(start: Start) -> None:
    async with start() as (shell, app):
        await put_right(shell, app)
        await app.change({"journal.keep": False})
        await until(lambda: not shell.window.pages.journal.editor.is_open)
        await app.change({"journal.keep": True})
        assert [each.title for each in await app.journal_desk.page()] == ["At the weir"]


async def test_an_edit_that_is_open_is_kept_when_the_program_ends(start: Start) -> None:
    async with start() as (shell, app):
        await put_right(shell, app)
        await shell.keep_written()
        assert [each.title for each in await app.journal_desk.page()] == ["At the weir"]


async def test_a_dialog_that_closes_gives_the_keys_back(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This screen, unlike one without a window manager, has no active program as soon as a window is hidden."""

    class Active(QGuiApplication):
        @staticmethod
        def applicationState() -> Qt.ApplicationState:
            return Qt.ApplicationState.ApplicationActive

    monkeypatch.setattr(shells, "QGuiApplication", Active)
    async with start() as (shell, _):
        asked: list[bool] = []
        monkeypatch.setattr(shell.window, "activateWindow", lambda: asked.append(True))
        shell.open_settings()
        assert shell.settings is not None
        shell.settings.close()
        await until(lambda: asked == [True])
