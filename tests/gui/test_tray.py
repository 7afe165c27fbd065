"""The app while its window is not in front: the tray icon, closing to the tray, a word when an answer has come."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from companion.errors import CompanionError, Kind
from companion.events import HandsFreeChanged, LockChanged, Phase, PhaseChanged, Trouble
from companion.gui.background import ANSWERED, FAILED
from companion.gui.theme import Look
from companion.gui.tray import Shown, Tray, tray_icon
from tests.gui.running import Start
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("systemTrayWindowChanged", "does not support raise")
"""A screen that is not there has no tray and no stack of windows."""
STAYS = "general: {close_to_tray: true}\n"


@pytest.fixture(autouse=True)
def has_tray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)


async def test_the_icon_tells_what_the_app_does_and_its_menu_presses_the_same_buttons(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as (shell, app):
        pressed: list[str] = []
        monkeypatch.setattr(app, "toggle_talk", lambda: pressed.append("talk"))
        monkeypatch.setattr(app, "read_on", lambda: pressed.append("silence"))
        monkeypatch.setattr(app, "mute", lambda is_muted: pressed.append(f"mute {is_muted}"))
        shell.follow_background()
        assert shell.background is not None
        tray = shell.background.tray
        assert tray is not None

        seen = []
        for phase in (Phase.LISTENING, Phase.TRANSCRIBING, Phase.THINKING, Phase.SPEAKING, Phase.READY):
            app.events.emit(PhaseChanged(turn=1, phase=phase))
            seen.append(tray.shown)
        assert seen == [Shown.LISTENING, Shown.THINKING, Shown.THINKING, Shown.SPEAKING, Shown.IDLE]
        assert not tray.microphone_off.isVisible()
        app.events.emit(HandsFreeChanged(is_on=True))
        assert tray.shown is Shown.LIVE, "an open microphone shows wherever one looks"
        assert "microphone is open" in tray.icon.toolTip()
        tray.microphone_off.trigger()
        app.events.emit(HandsFreeChanged(is_on=True, is_muted=True))
        assert tray.shown is Shown.IDLE
        assert tray.microphone_off.isChecked()
        app.events.emit(LockChanged(is_locked=True))
        assert tray.shown is Shown.LOCKED
        assert not tray.talk.isEnabled()
        app.events.emit(LockChanged(is_locked=False))
        assert tray.talk.text() == "Talk"
        tray.talk.trigger()
        app.events.emit(PhaseChanged(turn=2, phase=Phase.SPEAKING))
        tray.silence.trigger()
        assert pressed == ["mute True", "talk", "silence"]

        tray.lock.trigger()
        await until(lambda: shell.window.pages.is_locked)


def test_every_state_has_a_picture_of_its_own(qapp: QApplication) -> None:
    look = Look(theme="light")
    pictures = [tray_icon(shown, look).pixmap(22, 22).toImage() for shown in Shown]
    assert all(not picture.isNull() for picture in pictures)
    assert len({bytes(p.convertToFormat(QImage.Format.Format_RGBA8888).constBits()) for p in pictures}) == 6


async def test_a_closed_window_goes_on_in_the_tray_only_where_that_is_chosen(start: Start) -> None:
    for settings, stays in (("", False), (STAYS, True)):
        async with start(settings) as (shell, app):
            shell.follow_background()
            closed: list[bool] = []
            shell.window.closed.connect(lambda closed=closed: closed.append(True))
            shell.open_settings()
            shell.window.close()
            assert shell.window.isHidden()
            assert bool(closed) is not stays
            if stays:
                assert shell.settings is None, "no dialog stays behind"
                assert shell.background is not None
                assert shell.background.tray is not None
                shell.background.tray.show_wanted.emit()
                assert shell.window.isVisible()
                shell.window.close()
                app.events.emit(PhaseChanged(turn=1, phase=Phase.ARMING))
                assert shell.window.isVisible(), "a take begun with a key of the desktop is seen"
                shell.background.tray.quit.trigger()
                assert closed


async def test_a_window_without_a_tray_is_not_lost(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: False)
    async with start(STAYS) as (shell, app):
        shell.follow_background()
        closed: list[bool] = []
        shell.window.closed.connect(lambda: closed.append(True))
        shell.window.close()
        assert closed
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)
    async with start(STAYS) as (shell, app):
        shell.follow_background()
        shell.window.close()
        assert shell.window.isHidden()
        await app.change({"general.tray": False})
        assert shell.window.isVisible(), "nothing else would lead to it"
        assert shell.background is not None
        assert shell.background.tray is None


async def test_an_answer_that_comes_behind_other_windows_is_told_without_a_word_of_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start("sound: {speak_answers: false}\n") as (shell, app):
        told: list[str] = []
        pressed: list[Callable[[], None]] = []

        async def notify(text: str, press: Callable[[], None]) -> bool:
            told.append(text)
            pressed.append(press)
            return len(told) == 1

        monkeypatch.setattr(app.surroundings, "notify", notify)
        monkeypatch.setattr(Tray, "tell", lambda self, text: told.append(f"tray: {text}"))
        shell.follow_background()
        shell.window.showMinimized()
        monkeypatch.setattr(QApplication, "activeWindow", lambda: None)
        assert app.submit("I walked by the river.")
        await until(lambda: bool(told))
        assert told == [ANSWERED]
        shell.window.hide()
        pressed[0]()
        assert shell.window.isVisible()

        app.events.emit(Trouble(error=CompanionError(Kind.TIMEOUT), turn=2))
        await until(lambda: len(told) == 3)
        assert told[1:] == [FAILED, f"tray: {FAILED}"], "where the desktop shows none, the icon does"

        await app.change({"general.tell_answers": False})
        app.events.emit(Trouble(error=CompanionError(Kind.TIMEOUT), turn=3))
        monkeypatch.setattr(QApplication, "activeWindow", lambda: shell.window)
        await app.change({"general.tell_answers": True})
        app.events.emit(Trouble(error=CompanionError(Kind.TIMEOUT), turn=4))
        assert len(told) == 3
