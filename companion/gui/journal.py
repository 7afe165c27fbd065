"""The journal page: past reflections by day, reading one, and the recordings that wait for their words. Main thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from companion import days
from companion.days import When
from companion.errors import CompanionError
from companion.gui import icons
from companion.gui.clean import clean_text
from companion.gui.host import WindowHost
from companion.gui.labels import label
from companion.gui.theme import Look
from companion.gui.transcript import Script
from companion.gui.waiting import WaitingPage
from companion.records import SessionRecord
from companion.tasks import spawn, stop

_LIST_PX = 310
_SESSION = Qt.ItemDataRole.UserRole
_DETAIL = Qt.ItemDataRole.UserRole + 1
_WAITING = -1
"""Stands for a session's number at the entry of the waiting recordings."""
_Index = QModelIndex | QPersistentModelIndex


def title_of(session: SessionRecord) -> str:
    """The first words said, or when there are none, what it was."""
    return clean_text(session.title).replace("\n", " ").strip() or "Without words"


def minutes_of(session: SessionRecord) -> str:
    return f"{max(1, round(session.seconds / 60))} min"


def when_of(session: SessionRecord) -> When:
    """When it began, where the person was then: that day is the one it belongs to."""
    return When.of(session.started_at, session.offset_s)


def day_of(session: SessionRecord) -> str:
    return when_of(session).day_in_words(days.now().day)


class JournalPage(QWidget):
    """List on the left, the chosen reflection on the right."""

    talk_wanted = Signal()
    link_followed = Signal(str)
    import_wanted = Signal()
    export_wanted = Signal(object)
    """With the reflection that is shown, a `SessionRecord`, or None."""

    def __init__(self, look: Look, host: WindowHost, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._host = look, host
        self._titles = {practice.name: practice.title for practice in host.practices()}
        self._sessions: dict[int, SessionRecord] = {}
        self._shown: int | None = None
        self._wanted_day: date | None = None
        self._reading: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self.setProperty("page", "true")
        self.list = QListView()
        self.model = QStandardItemModel(self)
        self.script = Script(look, from_below=False)
        self.script.setAccessibleName("A kept reflection")
        self.script.link_followed.connect(self.link_followed)
        self.header = label("", "soft")
        self.message = label("", "soft", wraps=True)
        self.start = QPushButton("Start a reflection")
        self.bring = QPushButton("Import")
        self.export = QPushButton("Export")
        self.bring_first = QPushButton("Bring in another journal")
        self.waiting = WaitingPage(host.recovery)
        self.waiting.heard_again.connect(self.talk_wanted)
        self.waiting.changed.connect(self.refresh)
        self._sides = QStackedWidget()
        self._pages = QStackedWidget()
        self._set_up()

    def _set_up(self) -> None:
        self.list.setModel(self.model)
        self.list.setItemDelegate(_SessionPainter(self._look, self.list))
        self.list.setAccessibleName("Past reflections")
        self.list.setMouseTracking(True)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.selectionModel().currentChanged.connect(self._chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._pages.addWidget(self._empty_page())
        self._pages.addWidget(self._reading_page())
        row.addWidget(self._pages)
        self._look.changed.connect(self._dress)
        self._dress()

    def refresh(self) -> None:
        """Reads the list again, keeping the chosen reflection."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = spawn(self._refresh(), name="journal list")

    def show_day(self, day: date) -> None:
        """Turns to the newest reflection of that day."""
        self._wanted_day = day
        self.refresh()

    def show_waiting(self) -> None:
        """Turns to the recordings that wait for their words, where there are any."""
        self._shown = _WAITING
        self.refresh()

    async def close_reading(self) -> None:
        """Ends what is under way."""
        await self.waiting.close_reading()
        await stop(self._reading, self._refreshing)

    # -- reading --------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        try:
            sessions = await self._host.sessions()
            await self.waiting.refresh()
        except CompanionError as error:
            self._explain(error.message, error.hint)
            return
        is_waiting_shown = self._shown == _WAITING and bool(self.waiting.rows)
        if not sessions and not self.waiting.count and not is_waiting_shown:
            self._explain(
                "Nothing here yet",
                "Each reflection is kept here, encrypted on this computer, as soon as you have said something.",
            )
            return
        self._pages.setCurrentIndex(1)
        wanted, self._wanted_day = self._wanted_day, None
        self._shown = next((s.id for s in sessions if when_of(s).day == wanted), self._shown)
        self._fill(sessions)
        if QApplication.focusWidget() in (None, self):
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    async def _read(self, session: SessionRecord) -> None:
        try:
            turns = await self._host.turns(session.id)
        except CompanionError as error:
            self._explain(error.message, error.hint)
            return
        practice = self._titles.get(session.practice, session.practice)
        clock = when_of(session).clock
        self.header.setText(f"{day_of(session)} · {clock} · {practice} · {minutes_of(session)}")
        bar = self.script.verticalScrollBar()
        place = bar.value() if self._shown == session.id else 0
        self._shown = session.id
        self.script.show_turns(turns, title=title_of(session))
        bar.setValue(place)  # what is read again is not moved

    def _explain(self, sentence: str, hint: str) -> None:
        self._sentence.setText(sentence)
        self.message.setText(hint)
        self._pages.setCurrentIndex(0)

    def _fill(self, sessions: Sequence[SessionRecord]) -> None:
        self._sessions = {session.id: session for session in sessions}
        selection = self.list.selectionModel()
        selection.blockSignals(True)
        self.model.clear()
        day, chosen = "", QModelIndex()
        if self.waiting.count or self._shown == _WAITING:
            item = self._waiting_item()
            self.model.appendRow(item)
            if self._shown == _WAITING or not sessions:
                chosen = item.index()
        for session in sessions:
            if (this_day := day_of(session)) != day:
                day = this_day
                self.model.appendRow(self._day_item(day))
            item = self._session_item(session)
            self.model.appendRow(item)
            if session.id == self._shown or not chosen.isValid():
                chosen = item.index()
        self.list.setCurrentIndex(chosen)
        selection.blockSignals(False)
        self._chosen(chosen)

    def _waiting_item(self) -> QStandardItem:
        count = self.waiting.count
        item = QStandardItem("Waiting recordings")
        detail = "1 without words yet" if count == 1 else f"{count} without words yet" if count else "none"
        item.setData(_WAITING, _SESSION)
        item.setData(detail, _DETAIL)
        item.setAccessibleText(f"Waiting recordings, {detail}")
        return item

    def _day_item(self, day: str) -> QStandardItem:
        item = QStandardItem(day)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        return item

    def _session_item(self, session: SessionRecord) -> QStandardItem:
        item = QStandardItem(title_of(session))
        detail = f"{self._titles.get(session.practice, session.practice)} · {minutes_of(session)}"
        item.setData(session.id, _SESSION)
        item.setData(detail, _DETAIL)
        item.setAccessibleText(f"{title_of(session)}, {day_of(session)}, {detail}")
        return item

    def _chosen(self, index: _Index, _before: object = None) -> None:
        number = index.data(_SESSION) or 0
        self._sides.setCurrentIndex(1 if number == _WAITING else 0)
        if number == _WAITING:
            self._shown = _WAITING
        session = self._sessions.get(number)
        if session is not None:
            if self._reading is not None:
                self._reading.cancel()
            self._reading = spawn(self._read(session), name="read reflection")

    # -- how it looks ---------------------------------------------------------------------------------------

    def _empty_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(12)
        self._picture = QLabel()
        self._sentence = label("", "title", wraps=True)
        middle = Qt.AlignmentFlag.AlignHCenter
        for words in (self._sentence, self.message):
            words.setAlignment(middle)
        column.addStretch(3)
        for part in (self._picture, self._sentence, self.message):
            column.addWidget(part, 0, middle)
        column.addSpacing(10)
        self.start.clicked.connect(self.talk_wanted)
        column.addWidget(self.start, 0, middle)
        self.bring_first.clicked.connect(self.import_wanted)
        column.addWidget(self.bring_first, 0, middle)
        column.addStretch(4)
        return page

    def _reading_page(self) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        left = QWidget()
        left.setProperty("sidelist", True)
        left.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        left.setFixedWidth(_LIST_PX)
        column = QVBoxLayout(left)
        column.setContentsMargins(14, 0, 14, 14)
        column.setSpacing(0)
        self._heading = label("Journal", "bar-title")
        self._heading.setContentsMargins(12, 0, 0, 0)
        column.addWidget(self._heading)
        column.addWidget(self.list, 1)
        reading = QWidget()
        right = QVBoxLayout(reading)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(20)
        self.header.setContentsMargins(28, 0, 0, 0)
        self.bring.clicked.connect(self.import_wanted)
        self.export.clicked.connect(lambda: self.export_wanted.emit(self._sessions.get(self._shown or 0)))
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 28, 0)
        top.setSpacing(10)
        top.addWidget(self.header, 1)
        top.addWidget(self.bring)
        top.addWidget(self.export)
        right.addLayout(top)
        right.addWidget(self.script, 1)
        self._sides.addWidget(reading)
        self._sides.addWidget(self.waiting)
        row.addWidget(left)
        row.addWidget(self._sides, 1)
        return page

    def _dress(self) -> None:
        for bar in (self._heading, self.header):
            bar.setFixedHeight(self._look.px(64))
        self.message.setFixedWidth(self._look.px(460))
        self._picture.setPixmap(
            icons.pixmap("book", self._look.colour("accent"), 34, self.devicePixelRatioF())
        )
        self.list.doItemsLayout()


class _SessionPainter(QStyledItemDelegate):
    """A day in small capitals, a reflection as a title with one line below."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        if index.data(_SESSION) is None:
            return QSize(0, self._look.px(34))
        title = QFontMetrics(self._look.font("label")).lineSpacing()
        detail = QFontMetrics(self._look.font("small")).lineSpacing()
        return QSize(0, title + detail + 2 * 11 + 4)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect: QRect = option.rect
        if index.data(_SESSION) is None:
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
        place = rect.adjusted(12, 0, -8, -6)
        painter.drawText(place, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, day.upper())

    def _paint_session(self, painter: QPainter, rect: QRect, state: QStyle.StateFlag, index: _Index) -> None:
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
        painter.drawText(words, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, text)
        painter.setFont(look.font("small"))
        painter.setPen(look.colour("soft"))
        below = words.adjusted(0, metrics.lineSpacing() + 2, 0, 0)
        painter.drawText(below, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, index.data(_DETAIL))
