"""The window with its dialogs on the real app, started and ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from PySide6.QtWidgets import QApplication

from companion.app import Companion
from companion.gui.shell import Shell
from tests import waiting

Start = Callable[..., AbstractAsyncContextManager[tuple[Shell, Companion]]]
"""Given more lines of settings, the window of an app that is open."""


async def until(holds: Callable[[], object]) -> None:
    """As `waiting.until`, with Qt at work meanwhile."""

    def is_shown() -> object:
        QApplication.processEvents()
        return holds()

    await waiting.until(is_shown)
