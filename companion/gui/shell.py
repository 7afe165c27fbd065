"""The window with its dialogs, wired to the app: opens settings, asks for a passphrase, comes to the front.

`Window` and `SettingsDialog` know their hosts only; this is the one place that knows both and the app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence, QShortcut

from companion.app import Companion
from companion.errors import Kind
from companion.events import Event, Note, SettingsChanged
from companion.gui.window import Window
from companion.tasks import spawn

if TYPE_CHECKING:
    from companion.gui.devtools import Devtools
    from companion.gui.passphrase import PassphraseDialog
    from companion.gui.settings.dialog import SettingsDialog


class Shell:
    """One per window."""

    def __init__(self, app: Companion) -> None:
        self._app = app
        self.settings: SettingsDialog | None = None
        self.passphrase: PassphraseDialog | None = None
        self.devtools: Devtools | None = None
        self.window = Window(app, geometry=app.home.state / "window.json")
        self.window.settings_requested.connect(self.open_settings)
        self.window.passphrase_wanted.connect(lambda: spawn(self.ask_passphrase(), name="ask passphrase"))
        self.window.folder_wanted.connect(self._show_folder)
        QShortcut(QKeySequence("Ctrl+Shift+D"), self.window).activated.connect(self.toggle_devtools)
        self._unwatch = app.events.watch(self._watch)
        app.tell()

    def show(self) -> None:
        self.window.show()

    def hide(self) -> None:
        """Out of sight at once; saving goes on."""
        for dialog in (self.settings, self.passphrase):
            if dialog is not None:
                dialog.close()
        self.window.hide()

    def close(self) -> None:
        self._unwatch()
        self.window.deleteLater()

    def bring_to_front(self) -> None:
        if self.window.isMinimized():
            self.window.showNormal()
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    def open_settings(self, page: str = "") -> None:
        """Opens the settings at a page; a second request brings the open dialog there."""
        if self.settings is None:
            from companion.gui.settings.dialog import SettingsDialog

            state = self._app.home.state / "settings-window.json"
            self.settings = SettingsDialog(
                self._app.settings_backend, self.window.look, self.window, state=state
            )
            self.settings.finished.connect(self._forget_settings)
        self.settings.show_page(page)
        self.settings.open()

    def toggle_devtools(self) -> None:
        """Opens the developer tools, or closes them; they remember nothing."""
        if self.devtools is not None:
            self.devtools.close()
            return
        from companion.gui.devtools import Devtools

        self.devtools = Devtools(self._app, self.window.look, self.window)
        self.devtools.closed.connect(self._forget_devtools)
        self.devtools.open()

    async def ask_passphrase(self) -> None:
        """Asks for the journal's passphrase where one helps."""
        purpose = await self._app.journal_needs()
        if not purpose:
            self._app.events.emit(Note(text="No passphrase is needed now"))
            return
        if self.passphrase is None:
            from companion.gui.passphrase import PassphraseDialog

            self.passphrase = PassphraseDialog(
                purpose, self._app.use_passphrase, self.window.look, self.window
            )
            self.passphrase.finished.connect(self._forget_passphrase)
        self.passphrase.open()

    def _show_folder(self, kind: str) -> None:
        from PySide6.QtCore import QUrl
        from PySide6.QtGui import QDesktopServices

        home = self._app.home
        folder = home.config if kind == Kind.SETTINGS_BROKEN else home.data
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _watch(self, event: Event) -> None:
        if isinstance(event, SettingsChanged):
            self.window.settings_changed()

    def _forget_settings(self) -> None:
        if self.settings is not None:
            self.settings.deleteLater()
            self.settings = None

    def _forget_devtools(self) -> None:
        if self.devtools is not None:
            self.devtools.deleteLater()
            self.devtools = None

    def _forget_passphrase(self) -> None:
        if self.passphrase is not None:
            self.passphrase.deleteLater()
            self.passphrase = None
