"""What somebody returns to: a name, on how many days, and when, as a bar in parts of the span. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from companion.gui.boxes import NONE, in_column
from companion.gui.clean import clean_text
from companion.gui.insights.calendar import shade
from companion.gui.labels import label
from companion.gui.theme import Look
from companion.insights.practice import LEVELS
from companion.insights.themes import Theme, Themes
from companion.language import tr, trn

_BAR_PX = 6


class ThemesPicture(QWidget):
    """One row per theme."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setAccessibleName(tr("What you return to"))
        self._column = in_column(inside=self, spacing=10, margins=(0, 0, 6, 6))
        self._column.addStretch(1)
        self._rows: list[QWidget] = []

    def show_themes(self, themes: Themes) -> None:
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        most = max((max(theme.periods) for theme in themes.themes), default=1)
        self._rows = [self._row(theme, themes, most) for theme in themes.themes]
        for place, row in enumerate(self._rows):
            self._column.insertWidget(place, row)

    def _row(self, theme: Theme, themes: Themes, most: int) -> QWidget:
        row = QWidget()
        column = in_column(inside=row, spacing=4, margins=NONE)
        line = QHBoxLayout()
        name = label(clean_text(theme.words), "label")
        name.setProperty("type", "theme")
        days = trn("{n:,} day", "{n:,} days", theme.days)
        parts = (tr(theme.kind), tr("more than before") if theme.is_rising else "", days)
        told = " · ".join(filter(None, parts))
        line.addWidget(name, 1)
        line.addWidget(label(told, "caption"))
        column.addLayout(line)
        bar = _Bar(self._look, theme, most)
        bar.setToolTip(
            "\n".join(f"{p}: {n}" for p, n in zip(themes.periods, theme.periods, strict=True) if n)
        )
        column.addWidget(bar)
        row.setAccessibleName(f"{theme.words}: {told}")
        return row


class _Bar(QWidget):
    """As many parts as the span has, each the fuller the more days of it had the theme."""

    def __init__(self, look: Look, theme: Theme, most: int) -> None:
        super().__init__()
        self._look, self._theme, self._most = look, theme, max(1, most)
        look.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(self._look.px(200), self._look.px(_BAR_PX))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._look.px(80), self._look.px(_BAR_PX))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        parts = len(self._theme.periods)
        pitch = self.width() / max(1, parts)
        for place, number in enumerate(self._theme.periods):
            painter.setBrush(shade(self._look, 1 + (LEVELS - 1) * number / self._most if number else 0))
            cell = QRectF(place * pitch, 0, max(1.0, pitch - 3), self.height())
            painter.drawRoundedRect(cell, cell.height() / 2, cell.height() / 2)
