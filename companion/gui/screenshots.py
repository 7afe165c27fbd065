"""Pictures of the window in every state, light and dark, as PNG files; works without a display. Main thread.

    make_screenshots(Path("pictures"))

Another part of the window adds its own picture through `MORE_SCENES`: a name, and what to show for a theme.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

MORE_SCENES: dict[str, Callable[[str], QWidget]] = {}
"""Name -> the widget to be pictured, made for the theme "light" or "dark"; it is closed afterwards."""
_PASSES = 5
"""Rounds of the event loop after which everything that was asked for has been laid out."""


def make_screenshots(folder: Path) -> list[Path]:
    """Writes `<scene>-<theme>.png` for every scene; returns what was written.

    Raises:
        OSError: a picture could not be written.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance() or QApplication(["companion"])
    assert isinstance(app, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_picture_all(app, folder))


async def _picture_all(app: object, folder: Path) -> list[Path]:
    from companion.gui.staged import SCENES

    written = []
    for theme in ("light", "dark"):
        for name in SCENES:
            written.append(await _picture(_stage(name, theme), folder / f"{name}-{theme}.png"))
        for name, make in MORE_SCENES.items():
            written.append(await _picture(make(theme), folder / f"{name}-{theme}.png"))
    return written


def _stage(name: str, theme: str) -> QWidget:
    from companion.gui.staged import EVENING, SCENES, StagedHost
    from companion.gui.window import Window

    host = StagedHost(theme=theme)
    window = Window(host, now=lambda: EVENING)
    window.show()
    SCENES[name](host)
    window.page.script.flush()
    window.page.area.arrive()
    if name == "journal":
        window.show_page("journal")
    return window


async def _picture(widget: QWidget, path: Path) -> Path:
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    widget.show()
    for _ in range(_PASSES):
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 30)
        await asyncio.sleep(0.005)  # what was spawned reads the journal
    if not widget.grab().save(str(path)):
        raise OSError(f"cannot write {path}")
    widget.close()
    widget.deleteLater()
    return path
