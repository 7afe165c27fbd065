"""What goes on while the window is not in front: the icon in the tray, closing to it, and a word when an answer has come.

In: the settings and the app's events. Out: `Tray`, a notification of the desktop. No word of a reflection is in any of it.
Main thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from companion.events import CareOffered, Event, SettingsChanged, Trouble, TurnFinished
from companion.gui.tray import Tray
from companion.kinds import ReplyState
from companion.language import mark, tr
from companion.tasks import spawn

if TYPE_CHECKING:
    from companion.app import Companion
    from companion.gui.window import Window

ANSWERED = mark("The answer has come.")
_AGAIN_MS = (10_000, 60_000)
"""A desktop that has just begun may have its tray later than this window."""
FAILED = mark("Something went wrong with what you said. The window tells what, and what helps.")


class Background(QObject):
    """One per window, made once it is on screen."""

    show_wanted = Signal()
    """The window is to come forward."""
    lock_wanted = Signal()

    def __init__(self, app: Companion, window: Window) -> None:
        super().__init__(window)
        self._app, self._window = app, window
        self.tray: Tray | None = None
        window.stays_open = self.holds
        self._unwatch = app.events.watch(self._watch)
        self._follow()
        for wait_ms in _AGAIN_MS:
            QTimer.singleShot(wait_ms, self, self._follow)

    def holds(self) -> bool:
        """Whether a window that is closed goes on in the tray, where its icon is seen."""
        wants = self.tray is not None and self._app.settings.general.close_to_tray
        return wants and QSystemTrayIcon.isSystemTrayAvailable()

    def close(self) -> None:
        self._unwatch()
        self._drop()

    def _watch(self, event: Event) -> None:
        match event:
            case SettingsChanged():
                self._follow()
            case CareOffered() if self._window.isHidden():
                self.show_wanted.emit()  # help is seen at once
            case TurnFinished() if event.record.reply_text and event.record.reply_state is ReplyState.WHOLE:
                self._tell(tr(ANSWERED))
            case Trouble() if event.turn is not None:
                self._tell(tr(FAILED))

    def _follow(self) -> None:
        wanted = self._app.settings.general.tray
        if wanted and self.tray is None and _may_have_tray():
            self.tray = Tray(self._app, self._window.look, self._window.microphone)
            self.tray.show_wanted.connect(self.show_wanted)
            self.tray.lock_wanted.connect(self.lock_wanted)
            self.tray.quit_wanted.connect(self._window.leave)
        elif not wanted and self.tray is not None:
            self._drop()
            if self._window.isHidden():
                self.show_wanted.emit()  # nothing else would lead to it

    def _drop(self) -> None:
        if self.tray is not None:
            self.tray.close()
            self.tray = None

    def _tell(self, text: str) -> None:
        if self._app.settings.general.tell_answers and QApplication.activeWindow() is None:
            spawn(self._notify(tr(text)), name="tell of an answer")

    async def _notify(self, text: str) -> None:
        is_shown = await self._app.surroundings.notify(text, self.show_wanted.emit)
        if not is_shown and self.tray is not None and QSystemTrayIcon.supportsMessages():
            self.tray.tell(text)


def _may_have_tray() -> bool:
    """An icon on X11 waits for a tray that comes later; elsewhere one without a tray is never seen."""
    return QGuiApplication.platformName() == "xcb" or QSystemTrayIcon.isSystemTrayAvailable()
