"""Weekday and part of day as shaded cells. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from companion import days
from companion.gui.insights.calendar import shade
from companion.gui.theme import Look
from companion.insights.practice import LEVELS, PARTS, Rhythm, hour_name
from companion.insights.rows import reflections
from companion.language import tr

_ROW_PX = 20
_WIDEST_PX = 52


class RhythmPicture(QWidget):
    """Seven weekdays across, four parts of the day down."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._rhythm: Rhythm | None = None
        self.setAccessibleName(tr("Weekday and part of day"))
        look.changed.connect(self._changed)

    def show_rhythm(self, rhythm: Rhythm) -> None:
        self._rhythm = rhythm
        self.setAccessibleDescription(rhythm.sentence)
        self.update()

    def sizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(self._look.px(300), len(PARTS) * self._look.px(_ROW_PX) + line + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._look.px(180), self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.words_at(event.pos()), self)
            return True
        return super().event(event)

    def words_at(self, place: QPoint) -> str:
        """ "Sunday evening: 9 reflections"; empty beside the cells."""
        for weekday in range(len(days.WEEKDAYS)):
            for part in range(len(PARTS)):
                if self._rhythm is not None and self._cell(weekday, part).contains(place):
                    number = self._rhythm.counts[weekday][part]
                    return f"{hour_name(weekday, part)}: {reflections(number)}"
        return ""

    def _changed(self) -> None:
        self.updateGeometry()
        self.update()

    def _names_px(self) -> int:
        self.ensurePolished()
        return max(self.fontMetrics().horizontalAdvance(tr(name)) for name in PARTS) + 8

    def _cell(self, weekday: int, part: int) -> QRectF:
        left = self._names_px()
        pitch = min(self._look.px(_WIDEST_PX), (self.width() - left) / len(days.WEEKDAYS))
        row = self._look.px(_ROW_PX)
        return QRectF(left + weekday * pitch, part * row, pitch - 4, row - 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        rhythm = self._rhythm
        if rhythm is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._look.font("caption")
        most = max(1, *map(max, rhythm.counts))
        for weekday, row in enumerate(rhythm.counts):
            for part, number in enumerate(row):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(shade(self._look, 1 + (LEVELS - 1) * number / most if number else 0))
                painter.drawRoundedRect(self._cell(weekday, part), 3, 3)
        painter.setFont(font)
        painter.setPen(self._look.colour("faint"))
        for part, name in enumerate(PARTS):
            cell = self._cell(0, part)
            painter.drawText(
                QRectF(0, cell.top() - 2, cell.left(), cell.height() + 4),
                Qt.AlignmentFlag.AlignVCenter,
                tr(name),
            )
        names = [days.short_weekday(weekday) for weekday in range(len(days.WEEKDAYS))]
        if max(map(painter.fontMetrics().horizontalAdvance, names)) >= self._cell(0, 0).width():
            names = [name[:1] for name in names]  # all of them: one alone looks like a mistake
        for weekday, name in enumerate(names):
            cell = self._cell(weekday, len(PARTS))
            painter.drawText(
                QRectF(cell.left(), cell.top(), cell.width(), self.height() - cell.top()),
                Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop,
                name,
            )
