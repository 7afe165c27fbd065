"""Turns and their stages as painted bars: `TurnsPane`, a list of the last turns over the waterfall of the chosen one.

In: the records of finished turns. Every row is an item of a list, so that keyboard, hover and screen readers find in it
what the bars show. Main thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from companion.conversation.reply_check import slips_in, spoken_words
from companion.conversation.timeline import Owner, Spent, Stage, budget, stages, told
from companion.flow import TurnRecord
from companion.gui.boxes import NONE, in_column
from companion.gui.labels import label
from companion.gui.theme import Look

KEPT_TURNS = 30
_ROW = Qt.ItemDataRole.UserRole
_MARGIN = 0.06
"""How far the bars reach beyond release and first sound, as a share of the time between."""
_INSET_PX = 8
_GAP_PX = 12
_COLOURS = {
    Owner.YOU: ("faint", 0.4),
    Owner.HEARING: ("accent", 0.5),
    Owner.THINKING: ("accent", 1.0),
    Owner.VOICE: ("accent", 0.75),
    Owner.OURS: ("soft", 1.0),
}
"""Providers wear the accent."""
_TURN_LINES = 6
_LEAST_LINES = 3
_OWNERS = {
    Owner.YOU: "you",
    Owner.HEARING: "hearing",
    Owner.THINKING: "thinking",
    Owner.VOICE: "voice",
    Owner.OURS: "the program",
}
_Index = QModelIndex | QPersistentModelIndex
_MIDDLE = Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of bars."""

    name: str
    stages: tuple[Stage, ...]
    figure: str
    told: str
    """The line in words, for screen readers and as the tip."""
    limit_ms: float | None = None
    """Drawn as a mark on the bar."""
    is_over: bool = False


def turn_row(record: TurnRecord) -> Row:
    """A whole turn on one line: what was waited for until the first sound, or as far as it came."""
    waited = tuple(stage for stage in stages(record.timeline_ms) if stage.is_waited_for)
    when = f"{datetime.fromtimestamp(record.at).astimezone():%H:%M:%S}"
    if not waited:
        return Row(name=when, stages=(), figure="no times", told=f"Turn of {when}: no times")
    whole = waited[-1].end_ms
    parts = ", ".join(f"{stage.name} {stage.ms:.0f}" for stage in waited)
    said = f"Turn of {when}: {whole:.0f} ms to the {waited[-1].name}. {parts}"
    return Row(name=when, stages=waited, figure=f"{whole:.0f} ms", told=said)


def answer_line(record: TurnRecord, before: Sequence[TurnRecord]) -> str:
    """What the reply check finds in a turn's answer, without any of its words; `before`: the turns before it."""
    if not record.reply_text:
        return "No answer"
    slips = slips_in(record.reply_text, record.user_text, [turn.reply_text for turn in before])
    found = ", ".join(sorted(slip.value for slip in slips)) or "nothing found"
    return f"Answer of {spoken_words(record.reply_text)} words: {found}"


def stage_row(stage: Stage) -> Row:
    return Row(
        name=stage.name,
        stages=(stage,),
        figure=f"{stage.ms:.0f} ms",
        told=f"{stage.name}, {_OWNERS[stage.owner]}: {stage.ms:.0f} ms, "
        f"from {stage.start_ms:.0f} to {stage.end_ms:.0f} ms after release",
    )


def spent_row(spent: Spent) -> Row:
    """A line of the budget: the providers' part, then ours."""
    if spent.actual_ms is None:
        return Row(name=spent.name, stages=(), figure="–", told=f"{spent.name}: {told(spent)}")
    theirs, whole = spent.providers_ms, spent.actual_ms
    parts = (
        Stage(name="providers", start_ms=0.0, end_ms=theirs, owner=Owner.THINKING),
        Stage(name="ours", start_ms=theirs, end_ms=whole, owner=Owner.OURS),
    )
    return Row(
        name=spent.name,
        stages=tuple(part for part in parts if part.ms > 0),
        figure=f"{whole:.0f} of {spent.limit_ms:.0f} ms" + ("" if spent.is_kept else " · over"),
        told=f"{spent.name}: {whole:.0f} of {spent.limit_ms:.0f} ms, {told(spent)}; "
        f"providers {theirs:.0f}, ours {spent.ours_ms:.0f}",
        limit_ms=spent.limit_ms,
        is_over=not spent.is_kept,
    )


class BarList(QListView):
    """Rows of bars on one axis."""

    def __init__(self, look: Look, name: str, *, most_lines: int = 99) -> None:
        super().__init__()
        self._look, self._most_lines = look, most_lines
        self._model = QStandardItemModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_BarPainter(look, self))
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setProperty("bars", True)
        self.begin_ms, self.end_ms = 0.0, 1.0
        self.rows: tuple[Row, ...] = ()

    def show_rows(self, rows: Sequence[Row], *, end_ms: float, lead: float = 0.0) -> None:
        """Takes new rows; the axis goes from `lead` before release, a share of the whole, to as much after `end_ms`."""
        self.rows = tuple(rows)
        whole = max(end_ms, 1.0)
        self.begin_ms, self.end_ms = -lead * whole, (1 + lead) * whole
        place = self.currentIndex().row()
        self._model.clear()
        for row in self.rows:
            item = QStandardItem(row.name)
            item.setData(row, _ROW)
            item.setData(row.told, Qt.ItemDataRole.AccessibleTextRole)
            item.setToolTip(row.told)
            self._model.appendRow(item)
        if self.rows and place >= 0:
            self.choose(min(place, len(self.rows) - 1))
        self.updateGeometry()

    def choose(self, place: int) -> None:
        self.setCurrentIndex(self._model.index(place, 0))

    def column_widths(self) -> tuple[int, int]:
        """Of names and figures, so that all bars begin and end together."""
        metrics = QFontMetrics(self._look.font("small"))
        names = max((metrics.horizontalAdvance(row.name) for row in self.rows), default=0)
        figures = max((metrics.horizontalAdvance(row.figure) for row in self.rows), default=0)
        return names, figures

    def sizeHint(self) -> QSize:
        return QSize(0, self._high(min(len(self.rows), self._most_lines)))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self._high(min(len(self.rows), _LEAST_LINES)))

    def _high(self, lines: int) -> int:
        return max(self.sizeHintForRow(0), 0) * lines + 2


class TurnsPane(QWidget):
    """The last turns, the waterfall of the chosen one, and its budget."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._records: list[TurnRecord] = []
        self.turns = BarList(look, "Last turns, newest first", most_lines=_TURN_LINES)
        self.waterfall = BarList(look, "Stages of the chosen turn")
        self.budget = BarList(look, "Budget of the chosen turn")
        self.nothing = label("Times appear here after the first answer.", "hint", wraps=True)
        column = in_column(self.nothing, inside=self, spacing=4, margins=NONE)
        self._parts = QWidget()
        parts = in_column(inside=self._parts, spacing=4, margins=NONE)
        for title, bars in (
            ("Turns, from release to first sound", self.turns),
            ("Stages", self.waterfall),
            ("Budget: providers, then ours", self.budget),
        ):
            heading = label(title, "caption")
            heading.setContentsMargins(_INSET_PX, 6, 0, 0)
            parts.addWidget(heading)
            parts.addWidget(bars)
            bars.entered.connect(self._tell)
            bars.selectionModel().currentChanged.connect(self._tell)
        self.detail = label("", "small", wraps=True)
        self.answer = label("", "small", wraps=True)
        self.answer.setToolTip(
            "How the answer keeps to what the prompt asks for. It is measured and not changed."
        )
        for words in (self.detail, self.answer):
            words.setContentsMargins(_INSET_PX, 8, _INSET_PX, 0)
            parts.addWidget(words)
        column.addWidget(self._parts)
        column.addStretch()
        self.turns.selectionModel().currentChanged.connect(self._choose)
        look.changed.connect(self._dress)
        self._show()

    def show_turns(self, records: Sequence[TurnRecord]) -> None:
        """The turns of this session, oldest first."""
        self._records = list(reversed(records[-KEPT_TURNS:]))
        self._show()

    def add(self, record: TurnRecord) -> None:
        """One more is over; who looks at the newest goes on to it."""
        chosen = self.turns.currentIndex().row()
        self._records = [record, *self._records][:KEPT_TURNS]
        self._show()
        if chosen > 0:
            self.turns.choose(min(chosen + 1, len(self._records) - 1))

    def refresh(self) -> None:
        """Nothing changes here between two turns."""

    def _show(self) -> None:
        rows = [turn_row(record) for record in self._records]
        longest = max((row.stages[-1].end_ms for row in rows if row.stages), default=0.0)
        self.turns.show_rows(rows, end_ms=longest)
        self.nothing.setVisible(not rows)
        self._parts.setVisible(bool(rows))
        if rows and not self.turns.currentIndex().isValid():
            self.turns.choose(0)
        self._choose()

    def _tell(self, index: _Index) -> None:
        """The line that is chosen or pointed at, in words."""
        if index.isValid():
            self.detail.setText(index.data(_ROW).told)

    def _choose(self) -> None:
        place = self.turns.currentIndex().row()
        if not 0 <= place < len(self._records):
            return
        self.answer.setText(answer_line(self._records[place], self._records[place + 1 :]))
        timeline = self._records[place].timeline_ms
        found, lines = stages(timeline), budget(timeline)
        whole = max((stage.end_ms for stage in found if stage.is_waited_for), default=0.0)
        self.waterfall.show_rows([stage_row(stage) for stage in found], end_ms=whole, lead=_MARGIN)
        widest = max(max(spent.limit_ms, spent.actual_ms or 0.0) for spent in lines)
        self.budget.show_rows([spent_row(spent) for spent in lines], end_ms=widest)

    def _dress(self) -> None:
        for bars in (self.turns, self.waterfall, self.budget):
            bars.doItemsLayout()


class _BarPainter(QStyledItemDelegate):
    """Name, bars on the list's axis, figure."""

    def __init__(self, look: Look, bars: BarList) -> None:
        super().__init__(bars)
        self._look, self._list = look, bars

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(0, QFontMetrics(self._look.font("small")).height() + 6)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        row: Row = index.data(_ROW)
        rect = QRectF(option.rect)
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_choice(painter, rect.adjusted(1, 1, -1, -1), state)
        names, figures = self._list.column_widths()
        inner = rect.adjusted(_INSET_PX, 0, -_INSET_PX, 0)
        painter.setFont(self._look.font("small"))
        painter.setPen(self._look.colour("ink"))
        painter.drawText(inner, _MIDDLE | Qt.AlignmentFlag.AlignLeft, row.name)
        weight = QFont.Weight.DemiBold if row.is_over else QFont.Weight.Normal
        painter.setFont(self._look.font("small", weight=weight))
        painter.setPen(self._look.colour("warn" if row.is_over else "soft"))
        painter.drawText(inner, _MIDDLE | Qt.AlignmentFlag.AlignRight, row.figure)
        self._paint_bars(painter, inner.adjusted(names + _GAP_PX, 0, -figures - _GAP_PX, 0), row)
        painter.restore()

    def _paint_choice(self, painter: QPainter, box: QRectF, state: QStyle.StateFlag) -> None:
        flag = QStyle.StateFlag
        has_focus = bool(state & flag.State_HasFocus)
        if not has_focus and not state & (flag.State_Selected | flag.State_MouseOver):
            return
        painter.setPen(QPen(self._look.colour("accent"), 1.0) if has_focus else Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour("accent_soft"))
        painter.drawRoundedRect(box, 6, 6)

    def _paint_bars(self, painter: QPainter, room: QRectF, row: Row) -> None:
        if room.width() < 8:
            return
        high = min(room.height() - 8, 12.0)
        top = room.center().y() - high / 2
        painter.setPen(Qt.PenStyle.NoPen)
        for stage in row.stages:
            left, right = self._x(room, stage.start_ms), self._x(room, stage.end_ms)
            right = max(right, left + 2)
            left = min(left, room.right() - 2)
            painter.setBrush(self._look.colour(*_COLOURS[stage.owner]))
            painter.drawRoundedRect(QRectF(left, top, right - left, high), 2, 2)
        painter.setPen(QPen(self._look.colour("line"), 1.0))
        if self._list.begin_ms < 0:
            release = self._x(room, 0.0)
            painter.drawLine(QPointF(release, room.top()), QPointF(release, room.bottom()))
        if row.limit_ms is not None:
            painter.setPen(QPen(self._look.colour("ink"), 1.0))
            limit = self._x(room, row.limit_ms)
            painter.drawLine(QPointF(limit, top - 2), QPointF(limit, top + high + 2))

    def _x(self, room: QRectF, at_ms: float) -> float:
        begin, end = self._list.begin_ms, self._list.end_ms
        share = (at_ms - begin) / (end - begin)
        return room.left() + min(max(share, 0.0), 1.0) * room.width()
