"""Where the window stood last time: a small file of state, read at the start and written at the end. Main thread."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QRect
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from companion.paths import write_atomically

_SIZE_PX = (1160, 780)


def restore(window: QWidget, file: Path | None) -> None:
    """Size and place as remembered, as far as they fit the screens of today; else the usual size."""
    window.resize(*_SIZE_PX)
    if file is None:
        return
    with suppress(OSError, ValueError, KeyError, TypeError, OverflowError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        rect = QRect(*(int(kept[key]) for key in ("x", "y", "width", "height")))
        desk = QGuiApplication.primaryScreen().availableVirtualGeometry()
        window.resize(rect.size().boundedTo(desk.size()))
        if any(screen.availableGeometry().intersects(rect) for screen in QGuiApplication.screens()):
            window.move(rect.topLeft())
        if kept.get("is_maximised") is True:
            window.showMaximized()


def remember(window: QWidget, file: Path | None) -> None:
    """Writes size and place; a full disk is ignored, because a window's place is not worth a card."""
    if file is None:
        return
    rect = window.normalGeometry()
    kept = {
        "x": rect.x(),
        "y": rect.y(),
        "width": rect.width(),
        "height": rect.height(),
        "is_maximised": window.isMaximized(),
    }
    with suppress(OSError):
        write_atomically(file, json.dumps(kept).encode())
