"""Which dialog of the app is in front, so that hands-free mode does not listen to what is said to it. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog
from shiboken6 import isValid

if TYPE_CHECKING:
    from collections.abc import Callable


class InFront(QObject):
    """Tells `changed` the dialog that is in front, None for none. A dialog stays in front while another program is.

    Args:
        arrived: is given a dialog that nobody has added: one that chooses a file, or help over another.
    """

    def __init__(
        self,
        changed: Callable[[QDialog | None], None],
        arrived: Callable[[QDialog], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._changed, self._arrived = changed, arrived
        self._dialog: QDialog | None = None
        self._dialogs: list[QDialog] = []
        app = QApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.focusWindowChanged.connect(self.look)

    def add(self, dialog: QDialog) -> None:
        """One that counts from now on, until `remove`."""
        self._dialogs.append(dialog)
        dialog.installEventFilter(self)

    def remove(self, dialog: QDialog) -> None:
        if dialog in self._dialogs:
            self._dialogs.remove(dialog)
        self.look()

    def _take_in(self, dialog: QDialog) -> None:
        """Until it is over: most of these are made anew each time."""
        self.add(dialog)
        dialog.finished.connect(lambda _: self._let_go(dialog))
        dialog.destroyed.connect(lambda: self._let_go(dialog))
        self._arrived(dialog)

    def _let_go(self, dialog: QDialog) -> None:
        if isValid(self):  # a window that goes takes this along before its dialogs
            self.remove(dialog)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
            self.look()
        return False

    def look(self) -> None:
        """Compares what was in front with what is."""
        active = QApplication.activeWindow()
        if isinstance(active, QDialog) and active not in self._dialogs:
            self._take_in(active)
        shown = [dialog for dialog in self._dialogs if dialog.isVisible()]
        before = self._dialog
        if before not in shown or active is not None:
            self._dialog = next((dialog for dialog in shown if dialog is active), None)
            if self._dialog is None and active is None and shown:
                self._dialog = shown[-1]
        if self._dialog is not before:
            self._changed(self._dialog)
