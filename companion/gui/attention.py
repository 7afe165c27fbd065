"""Notices that the app is used: keys, mouse and touch in any of its windows. Main thread.

It listens to native windows and not to the application, whose every event would have to pass through Python.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QObject
from PySide6.QtGui import QGuiApplication, QWindow

_ONCE_IN_MS = 1_000
_USE = frozenset(
    {
        QEvent.Type.KeyPress,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
        QEvent.Type.TabletPress,
    }
)


class Attention(QObject):
    """Tells `used`, at most once a second."""

    def __init__(self, used: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._used = used
        self._since = QElapsedTimer()
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.focusWindowChanged.connect(self._follow)

    def _follow(self, window: QWindow | None) -> None:
        if window is not None:
            window.removeEventFilter(self)
            window.installEventFilter(self)
            self._tell()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _USE:
            self._tell()
        return False

    def _tell(self) -> None:
        if not self._since.isValid() or self._since.hasExpired(_ONCE_IN_MS):
            self._since.start()
            self._used()
