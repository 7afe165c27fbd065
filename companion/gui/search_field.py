"""A line to look for something: a lens before the words, and behind them what empties it. Main thread.

Qt's own icons in a line keep their size however large the text is.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QToolButton, QWidget

from companion.gui import icons
from companion.gui.theme import Look
from companion.language import tr

_ICON_PX = 16
_EDGE_PX = 10


class SearchField(QLineEdit):
    def __init__(self, look: Look, name: str, parent: QWidget | None = None) -> None:
        """`name`: what a screen reader calls it."""
        super().__init__(parent)
        self._look = look
        self.setAccessibleName(name)
        self.clear_it = QToolButton(self)
        self.clear_it.setProperty("tone", "plain")
        self.clear_it.setAccessibleName(tr("Clear the search"))
        self.clear_it.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clear_it.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Escape does it, too
        self.clear_it.hide()
        self.clear_it.clicked.connect(self.clear)
        self.textChanged.connect(lambda text: self.clear_it.setVisible(bool(text)))
        look.changed.connect(self._dress)
        self._dress()

    @property
    def _icon_px(self) -> int:
        return round(_ICON_PX * self._look.scale)

    def _dress(self) -> None:
        self.clear_it.setIcon(icons.icon("close", self._look.colour("faint"), self._icon_px))
        self.clear_it.setIconSize(QSize(self._icon_px, self._icon_px))
        self.setTextMargins(self._icon_px + 4, 0, self._icon_px + 4, 0)
        self._place()

    def _place(self) -> None:
        side = self._icon_px + 8
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        left = 4 if is_mirrored else self.width() - side - 4
        self.clear_it.setGeometry(left, (self.height() - side) // 2, side, side)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        left = self.width() - _EDGE_PX - self._icon_px if is_mirrored else _EDGE_PX
        box = QRectF(left, (self.height() - self._icon_px) / 2, self._icon_px, self._icon_px)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        icons.paint(painter, "search", self._look.colour("faint"), box)
        painter.end()
