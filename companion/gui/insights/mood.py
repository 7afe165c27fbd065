"""The mood line: marks as dots, the line before and after a reflection, and the spread around each. Main thread."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from companion import days
from companion.gui.theme import Look
from companion.insights.mood import Line, MoodLine, Point
from companion.language import tr

_HIGHEST = 3.0
_GUIDES = ((2, "pleasant"), (0, "neither"), (-2, "unpleasant"))
_HEIGHT_PX = 190
_FULL_DOTS = 60
"""More marks than this are drawn fainter."""


class MoodPicture(QWidget):
    """Both lines over the days of the span."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._mood: MoodLine | None = None
        self.setAccessibleName(tr("Mood line"))
        look.changed.connect(self._changed)

    def show_mood(self, mood: MoodLine) -> None:
        self._mood = mood
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._look.px(360), self._look.px(_HEIGHT_PX))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._look.px(200), self._look.px(_HEIGHT_PX))

    def _changed(self) -> None:
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        mood = self._mood
        if mood is None or mood.missing:
            return
        look, painter = self._look, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(look.font("caption"))
        line = painter.fontMetrics().height()
        left = max(painter.fontMetrics().horizontalAdvance(tr(name)) for _, name in _GUIDES) + 10
        box = QRectF(left, line + 8, self.width() - 6 - left, self.height() - 2 * line - 16)
        self._paint_guides(painter, box)
        self._paint_days(painter, box, mood)
        self._paint_legend(painter, mood)
        for kind, token, width in ((mood.before, "faint", 1.6), (mood.after, "accent", 2.2)):
            self._paint_line(painter, box, kind, token, width)

    def _place(self, box: QRectF, at: float, mood: float) -> QPointF:
        across = at / max(1, self._mood.days if self._mood else 1)
        return QPointF(
            box.left() + across * box.width(), box.center().y() - mood / _HIGHEST / 2 * box.height()
        )

    def _paint_guides(self, painter: QPainter, box: QRectF) -> None:
        for mood, name in _GUIDES:
            y = self._place(box, 0, mood).y()
            painter.setPen(QPen(self._look.colour("line"), 1))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(self._look.colour("faint"))
            painter.drawText(QPointF(0, y + painter.fontMetrics().xHeight() / 2), tr(name))

    def _paint_days(self, painter: QPainter, box: QRectF, mood: MoodLine) -> None:
        """The first day, the middle and the last, beneath."""
        painter.setPen(self._look.colour("faint"))
        metrics, y = painter.fontMetrics(), self.height() - 4
        for share in (0.0, 0.5, 1.0):
            day = mood.first + timedelta(days=round(share * (mood.days - 1)))
            text = f"{days.short_date(day)} {day.year}" if mood.days > 300 else days.short_date(day)
            room = metrics.horizontalAdvance(text)
            painter.drawText(QPointF(box.left() + share * (box.width() - room), y), text)

    def _paint_legend(self, painter: QPainter, mood: MoodLine) -> None:
        metrics, x = painter.fontMetrics(), float(self.width() - 6)
        y = metrics.ascent() + 1
        for name, token, kind in ((tr("after"), "accent", mood.after), (tr("before"), "faint", mood.before)):
            if not kind.marks:
                continue
            x -= metrics.horizontalAdvance(name)
            painter.setPen(self._look.colour("soft"))
            painter.drawText(QPointF(x, y), name)
            x -= 8
            middle = y - metrics.xHeight() / 2
            painter.setPen(_pen(self._look, token, 2.2))
            painter.drawLine(QPointF(x - 14, middle), QPointF(x, middle))
            x -= 30

    def _paint_line(self, painter: QPainter, box: QRectF, line: Line, token: str, width: float) -> None:
        look = self._look
        for stretch in line.stretches:
            band = QPainterPath()
            above = [self._place(box, p.at, min(_HIGHEST, p.mood + p.spread)) for p in stretch]
            below = [self._place(box, p.at, max(-_HIGHEST, p.mood - p.spread)) for p in reversed(stretch)]
            band.addPolygon([*above, *below])
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour(token, 0.12 if token == "accent" else 0.08))
            painter.drawPath(band)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour(token, 0.5 if len(line.marks) <= _FULL_DOTS else 0.25))
        for mark in line.marks:
            painter.drawEllipse(self._place(box, mark.at, mark.mood), 2.2, 2.2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(_pen(look, token, width))
        for stretch in line.stretches:
            painter.drawPath(self._path(box, stretch))

    def _path(self, box: QRectF, stretch: Sequence[Point]) -> QPainterPath:
        path = QPainterPath(self._place(box, stretch[0].at, stretch[0].mood))
        for point in stretch[1:]:
            path.lineTo(self._place(box, point.at, point.mood))
        return path


def _pen(look: Look, token: str, width: float) -> QPen:
    pen = QPen(look.colour(token), width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen
