"""The calendar of days: a table view whose cells are painted as a heat map and read as sentences. Main thread.

A column is a week, a row a weekday. Arrow keys walk, Enter or a click opens the journal at that day.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from companion import days
from companion.gui.theme import Look
from companion.insights.practice import LEVELS, Calendar, Day, months_over
from companion.language import tr

_DAY = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_PITCH_PX, _GAP_PX = 22, 5
_WIDEST_PX, _NARROWEST_PX = 36, 9
_WEEKDAY_PX, _MONTH_PX = 30, 18


class CalendarModel(QAbstractTableModel):
    """Weeks as columns, weekdays as rows."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._weeks: tuple[tuple[Day, ...], ...] = ()
        self.months: list[str] = []

    def show(self, calendar: Calendar) -> None:
        self.beginResetModel()
        self._weeks, self.months = calendar.weeks, months_over(calendar)
        self.endResetModel()

    def place_of(self, day: date) -> tuple[int, int] | None:
        """Row and column."""
        for column, week in enumerate(self._weeks):
            for row, each in enumerate(week):
                if each.day == day:
                    return row, column
        return None

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(days.WEEKDAYS)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._weeks)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        day = self._weeks[index.column()][index.row()]
        if role == _DAY:
            return day
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return day.words
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        if orientation == Qt.Orientation.Vertical:
            return days.weekday_name(section)
        return tr("Week of {date_in_words}", date_in_words=days.date_in_words(self._weeks[section][0].day))


class CalendarView(QTableView):
    """The heat map."""

    day_chosen = Signal(object)
    """A `date` with reflections."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.days = CalendarModel(self)
        self.setModel(self.days)
        self.setItemDelegate(_DayPainter(look, self))
        self.setProperty("calendar", True)
        self.setAccessibleName(tr("Calendar of reflections"))
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._months, self._weekdays = _Months(look, self), _Weekdays(look, self)
        self.setHorizontalHeader(self._months)
        self.setVerticalHeader(self._weekdays)
        self.clicked.connect(self._choose)
        self.entered.connect(self._point)
        look.changed.connect(self._fit)
        self._fit()

    def show_calendar(self, calendar: Calendar) -> None:
        """Keeps the day that has the focus where it is still shown; else the newest one with a reflection."""
        before = self.currentIndex().data(_DAY)
        self.days.show(calendar)
        self._fit()
        practised = [day.day for week in calendar.weeks for day in week if day.reflections]
        wanted = [before.day] if before is not None else []
        for day in (*wanted, *practised[-1:]):
            place = self.days.place_of(day)
            if place is not None:
                self.selectionModel().setCurrentIndex(
                    self.days.index(*place), self.selectionModel().SelectionFlag.NoUpdate
                )
                break
        bar = self.horizontalScrollBar()
        bar.setValue(bar.maximum())  # the newest is what one comes for

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(self.currentIndex())
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.viewport().unsetCursor()
        super().leaveEvent(event)

    def sizeHint(self) -> QSize:
        height = 7 * self._look.px(_PITCH_PX) + self._months.sizeHint().height()
        bar = self.horizontalScrollBar()
        needs_bar = self.days.columnCount() * self._pitch() > self._room()
        return QSize(super().sizeHint().width(), height + 4 + (bar.sizeHint().height() if needs_bar else 0))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._look.px(200), self.sizeHint().height())

    def _choose(self, index: _Index) -> None:
        day = index.data(_DAY)
        if day is not None and day.reflections and not day.is_outside:
            self.day_chosen.emit(day.day)

    def _point(self, index: _Index) -> None:
        day = index.data(_DAY)
        hand, arrow = Qt.CursorShape.PointingHandCursor, Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(hand if day is not None and day.reflections else arrow)

    def _room(self) -> int:
        return self.width() - self._weekdays.sizeHint().width() - 2

    def _pitch(self) -> int:
        columns = max(1, self.days.columnCount())
        widest, narrowest = self._look.px(_WIDEST_PX), self._look.px(_NARROWEST_PX)
        fitting = self._room() // columns
        return min(widest, max(narrowest, fitting))

    def _fit(self) -> None:
        self._weekdays.setDefaultSectionSize(self._look.px(_PITCH_PX))
        self._months.setDefaultSectionSize(self._pitch())
        self.updateGeometry()


class _DayPainter(QStyledItemDelegate):
    """A rounded cell, the darker the longer the reflections of that day."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        day: Day = index.data(_DAY)
        rect: QRect = option.rect
        gap = _GAP_PX if rect.width() > 20 else 2
        cell = QRectF(rect).adjusted(0.5, 0.5, 0.5 - gap, -4.5 if rect.height() > 16 else -2.5)
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade(self._look, day.level))
        if day.is_outside:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._look.colour("line", 0.7), 1))
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(self._look.colour("ink"), 1.5))
        elif state & QStyle.StateFlag.State_MouseOver and day.reflections:
            painter.setPen(QPen(self._look.colour("accent"), 1.5))
        radius = min(4.0, cell.width() / 3)
        painter.drawRoundedRect(cell, radius, radius)
        painter.restore()


def shade(look: Look, level: float) -> Any:
    """The colour of a cell at a level of 0 (nothing) to 4."""
    if not level:
        return look.colour("line", 0.6)
    return look.colour("accent", 0.28 + 0.72 * (level - 1) / (LEVELS - 1))


class _Months(QHeaderView):
    """Names of months above the week in which they begin; they may reach over the next weeks."""

    def __init__(self, look: Look, parent: CalendarView) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._look, self._view = look, parent
        self.setMinimumSectionSize(4)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(0, round(_MONTH_PX * self._look.scale))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setFont(self._look.font("caption"))
        painter.setPen(self._look.colour("faint"))
        metrics, free_from = painter.fontMetrics(), -1
        for column, month in enumerate(self._view.days.months):
            left = self.sectionViewportPosition(column)
            if month and left >= free_from:
                painter.drawText(left, metrics.ascent(), month)
                free_from = left + metrics.horizontalAdvance(month) + 6


class _Weekdays(QHeaderView):
    """Every other weekday beside its row."""

    def __init__(self, look: Look, parent: CalendarView) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._look = look
        self.setMinimumSectionSize(4)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(round(_WEEKDAY_PX * self._look.scale) + 6, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setFont(self._look.font("caption"))
        painter.setPen(self._look.colour("faint"))
        pitch = self._look.px(_PITCH_PX)
        for row in range(0, len(days.WEEKDAYS), 2):
            box = QRect(0, self.sectionViewportPosition(row), self.width(), pitch - 4)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, days.short_weekday(row))
