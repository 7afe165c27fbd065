"""The rail at the left: which page is shown, and the way to the settings. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QToolButton, QWidget

from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.boxes import in_column
from companion.gui.keys import key_name
from companion.gui.labels import label
from companion.language import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from companion.gui.theme import Look

WIDTH_PX = 68
_BUTTON_PX = 44
_ICON_PX = 20


class Rail(QWidget):
    """One button per page; at the foot the sign of the microphone, the lock and the settings."""

    page_chosen = Signal(str)
    settings_requested = Signal(str)
    lock_requested = Signal()
    private_wanted = Signal(bool)

    def __init__(self, look: Look, sign: QWidget, parent: QWidget | None = None) -> None:
        """`sign` tells on every page whether the microphone is open."""
        super().__init__(parent)
        self._look = look
        self.setProperty("rail", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._column = in_column(inside=self, spacing=6, margins=(4, 18, 4, 18))
        self._pages = QButtonGroup(self)
        self._pages.setExclusive(True)
        self.buttons: dict[str, QToolButton] = {}
        self._icons: dict[str, str] = {}
        self._add_page("talk", "microphone", tr("Talk"), "Ctrl+1")
        self._add_page("journal", "book", tr("Journal"), "Ctrl+2")
        self._add_page("insights", "insights", tr("Insights"), "Ctrl+3")
        self._column.addStretch(1)
        private = self._button("private", "private", tr("Private reflection"), "Ctrl+Shift+N")
        private.setCheckable(True)
        private.setAccessibleDescription(tr("Off"))
        private.clicked.connect(self.private_wanted)
        self._column.addWidget(private, 0, Qt.AlignmentFlag.AlignHCenter)
        self.private = label(tr("Nothing is kept"), "caption", wraps=True)
        self.private.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.private.hide()
        self._column.addWidget(self.private)
        self._column.addWidget(sign, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addSpacing(8)
        self._add_page("help", "help", tr("Help"), "F1")
        lock = self._button("lock", "lock", tr("Lock"), "Ctrl+Shift+L")
        lock.clicked.connect(self.lock_requested)
        self._column.addWidget(lock, 0, Qt.AlignmentFlag.AlignHCenter)
        settings = self._button("settings", "settings", tr("Settings"), "Ctrl+,")
        settings.clicked.connect(lambda: self.settings_requested.emit(""))
        self._column.addWidget(settings, 0, Qt.AlignmentFlag.AlignHCenter)
        look.changed.connect(self._dress)
        self._dress()

    def _add_page(self, page: str, icon: str, name: str, keys: str) -> None:
        button = self._button(page, icon, name, keys)
        button.setCheckable(True)
        button.setProperty("role", "tab")
        button.clicked.connect(lambda: self.page_chosen.emit(page))
        self._pages.addButton(button)
        self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def show_page(self, page: str) -> None:
        """Practices are chosen to talk, so they stand under it."""
        self.buttons[page if page in self.buttons else "talk"].setChecked(True)

    def show_private(self, *, is_private: bool) -> None:
        """Nothing of what is said is kept; seen on every page."""
        button, stands = self.buttons["private"], tr("On: nothing is kept") if is_private else tr("Off")
        button.setChecked(is_private)
        if stands != button.accessibleDescription():
            button.setAccessibleDescription(stands)
            announce(button, f"{button.accessibleName()}. {stands}")
        self.private.setVisible(is_private)

    def _button(self, page: str, icon: str, name: str, keys: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("tone", "rail")
        button.setAccessibleName(name)
        button.setToolTip(f"{name} ({key_name(keys)})" if keys else name)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.buttons[page] = button
        self._icons[page] = icon
        return button

    def _dress(self) -> None:
        side, icon = self._look.px(_BUTTON_PX), self._look.px(_ICON_PX)
        self.setFixedWidth(self._look.px(WIDTH_PX))
        for button in self.buttons.values():
            button.setFixedSize(side, side)
            button.setIconSize(QSize(icon, icon))
        if self.isVisible():
            self._draw()

    def _draw(self) -> None:
        soft, on, size = self._look.colour("soft"), self._look.colour("accent"), self._look.px(_ICON_PX)
        for page, button in self.buttons.items():
            button.setIcon(icons.icon(self._icons[page], soft, size, checked=on))

    def showEvent(self, event: QShowEvent) -> None:
        """The welcome has no rail, and waits for none of its icons."""
        super().showEvent(event)
        self._draw()
