"""The window with its dialogs, wired to the app: opens settings, asks for a passphrase, comes to the front.

`Window` and `SettingsDialog` know their hosts only; this is the one place that knows both and the app.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from companion.app import Companion
from companion.gui.window import Window

if TYPE_CHECKING:
    from companion.gui.settings.dialog import SettingsDialog


class Shell:
    """One per window."""

    def __init__(self, app: Companion, *, on_close: Callable[[], None]) -> None:
        self._app = app
        self._settings: SettingsDialog | None = None
        self.window = Window(app, geometry=app.home.state / "window.json")
        self.window.closed.connect(on_close)
        self.window.settings_requested.connect(self.open_settings)

    def show(self) -> None:
        self.window.show()

    def hide(self) -> None:
        """Out of sight at once; saving goes on."""
        self.window.hide()

    def close(self) -> None:
        self.window.deleteLater()

    def bring_to_front(self) -> None:
        if self.window.isMinimized():
            self.window.showNormal()
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    def open_settings(self, page: str) -> None:
        """Opens the settings at a page; a second request brings the open dialog there."""
        if self._settings is None:
            from companion.gui.settings.dialog import SettingsDialog

            self._settings = SettingsDialog(self._app, self.window.look, self.window)
            self._settings.finished.connect(self._forget_settings)
        self._settings.show_page(page)
        self._settings.open()

    def _forget_settings(self) -> None:
        if self._settings is not None:
            self._settings.deleteLater()
            self._settings = None
