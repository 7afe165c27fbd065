"""The list of reflections by day, as long as the journal: pages come as it is scrolled. Main thread.

It shows the journal, newest first, or what a search has found: what has the words, by day, then what is similar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from companion.gui.clean import clean_text
from companion.gui.journal.lines import day_of, minutes_of, mood_of, title_of, when_of
from companion.gui.labels import tip
from companion.gui.theme import Look
from companion.gui.touch import scroll_by_touch
from companion.gui.typesetting import units
from companion.language import tr
from companion.records import Hit, SessionRecord

SESSION = Qt.ItemDataRole.UserRole
DETAIL = Qt.ItemDataRole.UserRole + 1
HIT = Qt.ItemDataRole.UserRole + 2
WAITING = -1
"""Stands for a session's number at the entry of the waiting recordings."""
NEWER = -2
"""And at the line that leads from a day long ago to the newest."""
Index = QModelIndex | QPersistentModelIndex
_INVALID = QModelIndex()
_PASSAGE_LINES = 2
_WORDS_BEFORE = 30
"""Characters of a passage before the words that were looked for, so that these are seen."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    text: str
    detail: str = ""
    number: int | None = None
    """The session's; None: a heading."""
    hit: Hit | None = None
    spoken: str = ""
    """What a screen reader says instead of the text."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reflection stood in the list."""

    others: list[int]
    """The sessions that may take its place, the best first."""
    top: int | None
    """Pixels below the upper edge of what is seen; None: it was not in the list."""


class Reflections(QAbstractListModel):
    """The rows. `wanted` asks for the next page."""

    wanted = Signal()

    def __init__(self, titles: Mapping[str, str], parent: QWidget) -> None:
        """`titles`: of the practices, by name."""
        super().__init__(parent)
        self._titles = titles
        self._rows: list[Row] = []
        self._day = ""
        self.sessions: dict[int, SessionRecord] = {}
        self.is_whole = True
        """There is nothing after the last row."""

    # -- filling --------------------------------------------------------------------------------------------

    def begin(self, first: Iterable[Row] = ()) -> None:
        """An empty list, with what stands above all days."""
        self.beginResetModel()
        self._rows, self._day, self.sessions = list(first), "", {}
        self.is_whole = True
        self.endResetModel()

    def add(self, sessions: Sequence[SessionRecord], *, is_last: bool) -> None:
        """The next page of the journal."""
        rows: list[Row] = []
        for session in sessions:
            if (day := day_of(session)) != self._day:
                self._day = day
                rows.append(Row(day))
            rows.append(self._row(session))
        self._append(rows, sessions)
        self.is_whole = is_last

    def show_hits(self, hits: Sequence[Hit], sessions: Mapping[int, SessionRecord]) -> None:
        """What a search has found, the best passage of each reflection."""
        best = {hit.session_id: hit for hit in reversed(hits) if hit.session_id in sessions}
        found = sorted(
            (hit for hit in best.values() if hit.is_by_words),
            key=lambda hit: -sessions[hit.session_id].started_at,
        )
        similar = [hit for hit in best.values() if not hit.is_by_words]
        self.begin()
        rows: list[Row] = []
        for hit in found:
            if (day := day_of(sessions[hit.session_id])) != self._day:
                self._day = day
                rows.append(Row(day))
            rows.append(self._row(sessions[hit.session_id], hit))
        if similar:
            rows.append(Row(tr("Seen as similar")))
            rows += (
                self._row(sessions[hit.session_id], hit)
                for hit in sorted(similar, key=lambda hit: -hit.score)
            )
        self._append(rows, [sessions[number] for number in best])

    def _append(self, rows: Sequence[Row], sessions: Iterable[SessionRecord]) -> None:
        if rows:
            end = len(self._rows)
            self.beginInsertRows(QModelIndex(), end, end + len(rows) - 1)
            self._rows += rows
            self.sessions |= {session.id: session for session in sessions}
            self.endInsertRows()

    def _row(self, session: SessionRecord, hit: Hit | None = None) -> Row:
        practice = self._titles.get(session.practice, session.practice)
        parts = [when_of(session).clock, practice, minutes_of(session)]
        if hit is not None and not hit.is_by_words:
            parts.insert(0, day_of(session))
        detail = " · ".join(parts)
        title = f"★ {title_of(session)}" if session.is_starred else title_of(session)
        said = [title_of(session), day_of(session), detail, mood_of(session)]
        said += [tr("starred")] if session.is_starred else []
        said += [clean_text(hit.passage)] if hit is not None else []
        spoken = ", ".join(part for part in said if part)
        return Row(title, detail, session.id, hit, spoken)

    # -- reading --------------------------------------------------------------------------------------------

    def index_of(self, number: int | None) -> QModelIndex:
        """The row of a session; invalid where it is not in the list."""
        at = next(
            (at for at, row in enumerate(self._rows) if row.number == number and number is not None), -1
        )
        return self.index(at, 0) if at >= 0 else QModelIndex()

    def around(self, number: int | None) -> list[int]:
        """The sessions by how well they take the place of this one: it, those after it, then those before."""
        order = list(self.sessions)
        if number is None or number not in self.sessions:
            return []
        at = order.index(number)
        return order[at:] + order[:at][::-1]

    def above(self, number: int | None, most: int) -> SessionRecord | None:
        """The session that begins a list of `most` with this one in its middle; None where it is among the first `most`."""
        order = list(self.sessions.values())
        at = next((at for at, each in enumerate(order) if each.id == number), 0)
        return order[at - most // 2] if at >= most else None

    @property
    def first(self) -> QModelIndex:
        """The first that can be chosen."""
        at = next((at for at, row in enumerate(self._rows) if row.number not in (None, WAITING, NEWER)), -1)
        return self.index(at, 0) if at >= 0 else QModelIndex()

    def rowCount(self, parent: Index = _INVALID) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._rows[index.row()]
        return {
            Qt.ItemDataRole.DisplayRole: row.text,
            Qt.ItemDataRole.AccessibleTextRole: row.spoken or row.text,
            Qt.ItemDataRole.ToolTipRole: tip(row.spoken) if row.number is not None else None,
            SESSION: row.number,
            DETAIL: row.detail,
            HIT: row.hit,
        }.get(role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        is_heading = self._rows[index.row()].number is None
        return (
            Qt.ItemFlag.NoItemFlags
            if is_heading
            else Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        )

    def canFetchMore(self, parent: Index) -> bool:
        return not self.is_whole

    def fetchMore(self, parent: Index) -> None:
        self.wanted.emit()


class ReflectionList(QListView):
    """The list as it looks."""

    def __init__(self, look: Look, model: Reflections) -> None:
        super().__init__()
        self._model = model
        self.setModel(model)
        self.setItemDelegate(_Painter(look, self))
        self.setAccessibleName(tr("Past reflections"))
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll_by_touch(self)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)

    def place(self, number: int | None) -> Place:
        """Where a reflection stands, before the list changes."""
        index = self._model.index_of(number)
        top = self.visualRect(index).top() if index.isValid() else None
        return Place(self._model.around(number), top)

    def choose(self, number: int | None, place: Place) -> None:
        """The reflection, or what is nearest to where it was, stands there now."""
        model, selected = self._model, self.selectionModel()
        nearest = next((each for each in (number, *place.others) if each in model.sessions), number)
        index = model.index_of(nearest)
        chosen = index if index.isValid() else model.first
        selected.setCurrentIndex(chosen, selected.SelectionFlag.ClearAndSelect)  # whatever keys are held
        if place.top is not None and index.isValid():
            now = self.visualRect(index).top()  # lays the rows out
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + now - place.top)
        if not index.isValid():
            self.scrollToTop()  # with its day
        elif place.top is None or 0 <= place.top < self.viewport().height():
            self.scrollTo(chosen)

    @property
    def chosen(self) -> list[int]:
        """The numbers of the sessions that are selected."""
        numbers = (index.data(SESSION) for index in self.selectedIndexes())
        return [number for number in numbers if number is not None and number >= 0]


class _Painter(QStyledItemDelegate):
    """A day in small capitals; a reflection as a title with one line below, or with the passage that was found."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        if index.data(SESSION) is None:
            return QSize(0, self._look.px(34))
        title = QFontMetrics(self._look.font("label")).lineSpacing()
        detail = QFontMetrics(self._look.font("small")).lineSpacing()
        lines = 1 + (_PASSAGE_LINES if index.data(HIT) is not None else 0)
        return QSize(0, title + lines * detail + 2 * 11 + 4)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect: QRect = option.rect
        if index.data(SESSION) is None:
            self._paint_day(painter, rect, index.data())
        else:
            state: QStyle.StateFlag = option.state
            self._paint_session(painter, rect, state, index)
        painter.restore()

    def _paint_day(self, painter: QPainter, rect: QRect, day: str) -> None:
        font = self._look.font("caption")
        font.setLetterSpacing(font.SpacingType.AbsoluteSpacing, 0.5)
        painter.setFont(font)
        painter.setPen(self._look.colour("faint"))
        place, metrics = rect.adjusted(12, 0, -8, -6), QFontMetrics(font)
        rest = day.partition(" ")[2]
        if rest[:1].isdigit() and metrics.horizontalAdvance(day.upper()) > place.width():
            day = rest  # the date matters more than its weekday
        shown = metrics.elidedText(day.upper(), Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, shown)

    def _paint_session(self, painter: QPainter, rect: QRect, state: QStyle.StateFlag, index: Index) -> None:
        look = self._look
        card = QRectF(rect).adjusted(1, 1, -1, -3)
        is_chosen = bool(state & QStyle.StateFlag.State_Selected)
        is_hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        has_focus = is_chosen and bool(state & QStyle.StateFlag.State_HasFocus)
        if is_chosen or is_hovered:
            border = "accent" if has_focus else "line"
            painter.setPen(QPen(look.colour(border), 1.0) if is_chosen else Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("surface" if is_chosen else "accent_soft"))
            painter.drawRoundedRect(card, 12, 12)
        words = rect.adjusted(12, 10, -12, -12)
        title = look.font("label", weight=QFont.Weight.DemiBold)
        painter.setFont(title)
        painter.setPen(look.colour("ink"))
        metrics = QFontMetrics(title)
        text = metrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, words.width())
        top_left = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        painter.drawText(words, top_left, text)
        small = look.font("small")
        painter.setFont(small)
        painter.setPen(look.colour("soft"))
        below = words.adjusted(0, metrics.lineSpacing() + 2, 0, 0)
        detail = QFontMetrics(small).elidedText(
            index.data(DETAIL), Qt.TextElideMode.ElideRight, below.width()
        )
        painter.drawText(below, top_left, detail)
        if (hit := index.data(HIT)) is not None:
            self._paint_passage(painter, below.adjusted(0, QFontMetrics(small).lineSpacing(), 0, 0), hit)

    def _paint_passage(self, painter: QPainter, place: QRect, hit: Hit) -> None:
        """Two lines of it, the words that were looked for on the accent's paper."""
        text, spans = _around_first(hit)
        layout = QTextLayout(text, self._look.font("small"))
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        found = QTextCharFormat()
        found.setBackground(self._look.colour("accent_soft"))
        found.setForeground(self._look.colour("accent"))
        ranges = []
        for start, end in spans:
            each = QTextLayout.FormatRange()
            each.start, each.length, each.format = start, end - start, found
            ranges.append(each)
        layout.setFormats(ranges)
        layout.beginLayout()
        height = 0.0
        for _ in range(_PASSAGE_LINES):
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(place.width())
            line.setPosition(QPointF(0, height))
            height += line.height()
        layout.endLayout()
        layout.draw(painter, QPointF(place.topLeft()))


def _around_first(hit: Hit) -> tuple[str, list[tuple[int, int]]]:
    """The passage from shortly before the first words that were looked for, and where those stand in it as Qt counts."""
    first = min((start for start, _ in hit.spans), default=0)
    cut = hit.passage.find(" ", max(0, first - _WORDS_BEFORE)) + 1
    text, left_out = f"…{hit.passage[cut:]}", cut - 1
    if first <= _WORDS_BEFORE or not 0 < cut <= first:
        text, left_out = hit.passage, 0
    return text, [
        (units(text[: start - left_out]), units(text[: end - left_out])) for start, end in hit.spans
    ]
