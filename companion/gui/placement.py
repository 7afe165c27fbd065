"""Where a window stood last time: a small file of state, read at the start and written at the end. Main thread.

All rectangles are those inside the frame: a window that remembers one kind and is moved by the other creeps across the
screen by the width of its frame at every start. `placed` decides without any screen.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication

from companion.paths import write_atomically
from companion.places import read_notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

_FRAME = QSize(8, 40)
"""About what a title bar and borders need; they are not known before the window is shown."""
_MAXIMISED, _FULL_SCREEN = "maximised", "full screen"


def placed(wanted: QRect, screens: Sequence[QRect], usual: QSize) -> QRect:
    """`wanted` where at least half of it can be seen, as large as its screen allows; else in the middle of the first one.

    An empty `wanted` is the first start: the usual size.
    """
    if wanted.isEmpty():
        wanted = QRect(screens[0].topLeft(), usual)
        seen = 0
    else:
        seen = sum(_area(screen.intersected(wanted)) for screen in screens)
    screen = max(screens, key=lambda each: _area(each.intersected(wanted)))
    size = wanted.size().boundedTo(screen.size() - _FRAME)
    if seen * 2 >= _area(wanted):
        return QRect(wanted.topLeft(), size)
    place = QRect(screens[0].topLeft(), size.boundedTo(screens[0].size() - _FRAME))
    place.moveCenter(screens[0].center())
    return place


def restore(window: QWidget, file: Path | None, usual: QSize) -> None:
    """Size, place and state as remembered, as far as they fit the screens of today."""
    if file is None:
        window.resize(usual)
        return
    primary = QGuiApplication.primaryScreen()
    screens = [primary, *(screen for screen in QGuiApplication.screens() if screen is not primary)]
    kept = _read(file)
    wanted = QRect()
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        wanted = QRect(*(int(kept[key]) for key in ("x", "y", "width", "height")))  # type: ignore[call-overload]
    place = placed(wanted, [screen.availableGeometry() for screen in screens], usual)
    window.setMinimumSize(window.minimumSize().boundedTo(place.size()))
    if wanted.isEmpty():
        window.resize(place.size())  # the desktop knows a better place than we do
    else:
        window.setGeometry(place)
    if kept.get("state") == _MAXIMISED:
        window.setWindowState(Qt.WindowState.WindowMaximized)
    elif kept.get("state") == _FULL_SCREEN:
        window.setWindowState(Qt.WindowState.WindowFullScreen)


def remember(window: QWidget, file: Path | None) -> None:
    """Writes size, place and state; a full disk is ignored, because a window's place is not worth a card."""
    if file is None:
        return
    is_plain = not window.isMaximized() and not window.isFullScreen() and not window.isMinimized()
    rect = window.geometry() if is_plain else window.normalGeometry()
    if rect.isEmpty():
        return
    kept = {
        "x": rect.x(),
        "y": rect.y(),
        "width": rect.width(),
        "height": rect.height(),
        "state": _FULL_SCREEN if window.isFullScreen() else _MAXIMISED if window.isMaximized() else "",
    }
    if kept != _read(file):
        import json  # not before the first frame

        with suppress(OSError):
            write_atomically(file, json.dumps(kept).encode())


def _read(file: Path | None) -> dict[str, object]:
    return read_notes(file) if file is not None else {}


def _area(rect: QRect) -> int:
    return max(0, rect.width()) * max(0, rect.height())


def come_into_view(window: QWidget) -> None:
    """The window is seen, behind none of the others, and whoever writes elsewhere goes on writing there."""
    if QGuiApplication.applicationState() is not Qt.ApplicationState.ApplicationActive:
        if window.isMinimized():
            window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.raise_()
    if window.isHidden():  # in the tray
        window.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        window.show()
        window.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating, False)
