"""A page of text to read: a centred column that fetches nothing, opens nothing and is copied as plain text. Main thread.

Every resource is an empty object; a link is only announced (`anchorClicked`). The scroll bar lies over the page, so that
its coming and going never changes the width of the column.
"""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QMimeData, QPoint, QRect, Qt, QUrl
from PySide6.QtGui import (
    QFocusEvent,
    QImage,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QPaintEvent,
    QResizeEvent,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import QFrame, QPushButton, QScrollBar, QTextBrowser, QWidget

from companion.gui.announce import announce
from companion.gui.behind import paint_edges, paint_lines, paint_panels
from companion.gui.copied import copied
from companion.gui.keys import NOW_KEY, key_name
from companion.gui.theme import COLUMN_PX, Look
from companion.gui.touch import scroll_by_touch
from companion.language import tr

_EDGE_PX = 28
"""Least margin beside the column."""
_INDENT_PX = 28
"""How far a list is moved in."""
_AHEAD_PX = 96
"""What is seen below the words that sound, so that one can read on."""
_OVERLAP_PX = 36
"""What stays of a page when another one is turned to."""
PAGE_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_NO_KEY = Qt.KeyboardModifier.NoModifier
_INNER_PX = 4
"""Room inside the view for what reaches over a letter's box."""


class ReadingPage(QTextBrowser):
    """The view of a script; what stands in it is the subclass's business."""

    def __init__(self, look: Look, *, from_below: bool, parent: QWidget | None = None) -> None:
        """`from_below`: a short text stands at the bottom, near the talk button, and the end stays in view."""
        super().__init__(parent)
        self._look = look
        self._from_below = from_below
        self.follows = from_below
        """What sounds now, or else the end, stays in view: until the person scrolls away from it."""
        self._moves = False
        """It is not the person who scrolls."""
        self.seen = 0, 0
        """Since the person scrolled: the letter that is uppermost, and how far below the edge. Another size moves all."""
        self._set_up()

    def _set_up(self) -> None:
        document = self.document()
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(_INNER_PX)
        document.setIndentWidth(_INDENT_PX)
        self.setProperty("script", True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setAcceptDrops(False)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName(tr("Reflection"))
        self.setAccessibleDescription(tr("What you and the companion said"))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll_by_touch(self)
        self.bar = QScrollBar(Qt.Orientation.Vertical, self)
        self.bar.setAccessibleName(tr("Scroll the reflection"))
        self.bar.hide()
        self.jump = QPushButton(tr("Jump to now"), self)
        self.jump.setProperty("tone", "chip")
        self.jump.setCursor(Qt.CursorShape.PointingHandCursor)
        self.jump.setToolTip(key_name(NOW_KEY))
        self.jump.clicked.connect(self.jump_to_now)
        self.jump.hide()
        self._jump_at = QPoint()
        """Its right edge and its middle."""
        own = self.verticalScrollBar()
        own.rangeChanged.connect(self._range_changed)
        own.valueChanged.connect(self._scrolled)
        self.bar.valueChanged.connect(own.setValue)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Nothing, for every address: an answer of None would make Qt look on the disk."""
        if kind == QTextDocument.ResourceType.ImageResource.value:
            return QImage(1, 1, QImage.Format.Format_ARGB32)
        return QByteArray()

    def createMimeDataFromSelection(self) -> QMimeData:
        data = QMimeData()
        data.setText(copied(self.textCursor()))
        return data

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.settle()
        if not self.follows:
            self.see(*self.seen)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.device().type() is QInputDevice.DeviceType.TouchScreen:
            event.accept()  # a finger moves the page and selects nothing
        else:
            super().mouseMoveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_panels(self, self._look, _INNER_PX)
        super().paintEvent(event)
        paint_lines(self, self._look, _INNER_PX)
        paint_edges(self, self._look)

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            cursor = self.cursorForPosition(QPoint(_INNER_PX, _INNER_PX))  # what is read stays in view
            if self.follows:
                cursor.movePosition(QTextCursor.MoveOperation.End)
            self.setTextCursor(cursor)
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in PAGE_KEYS and event.modifiers() in (_NO_KEY, Qt.KeyboardModifier.KeypadModifier):
            self.turn_page(event.key())
            self.setTextCursor(
                self.cursorForPosition(QPoint(_INNER_PX, _OVERLAP_PX))
            )  # the arrows go on from here
        else:
            super().keyPressEvent(event)

    def turn_page(self, key: int) -> None:
        """Up or down, so that the last line is seen again."""
        own, step = self.verticalScrollBar(), self.viewport().height() - self._look.px(_OVERLAP_PX)
        own.setValue(own.value() + max(1, step) * (1 if key == Qt.Key.Key_PageDown else -1))

    def settle(self) -> None:
        """Centres the column and lets a short script stand at the bottom."""
        wide, high = self.width(), self.height()
        column = (
            min(round(self._look.px(COLUMN_PX) * self._look.captions), wide - 2 * _EDGE_PX) + 2 * _INNER_PX
        )
        left = max(0, (wide - column) // 2)
        above = 0
        if self._from_below:
            self._set_margins(left, self.viewportMargins().top(), max(0, wide - column - left))
            above = max(0, high - int(self.document().size().height() + 0.999))
        self._set_margins(left, above, max(0, wide - column - left))
        self.bar.setGeometry(2 if self.isRightToLeft() else wide - 12, 4, 10, max(0, high - 8))
        self.bar.raise_()
        self._show_jump()

    def now(self) -> tuple[float, float] | None:
        """Top and bottom of the words that sound now, in the document; None: nothing does, and the end is what counts."""
        return None

    def lines_of(self, start: int, end: int) -> tuple[float, float]:
        """Top and bottom of the lines from one place in the document to another."""
        edges: list[float] = []
        for place in (start, end):
            block = self.document().findBlock(place)
            box = self.document().documentLayout().blockBoundingRect(block)
            line = block.layout().lineForTextPosition(place - block.position())
            top = box.top() + (line.y() if line.isValid() else 0)
            edges += (top, top + (line.height() if line.isValid() else box.height()))
        return edges[0], edges[3]

    def jump_to_now(self) -> None:
        """What sounds now, or the end, is in view again, and stays so."""
        self.follows = True
        self.leave_now()
        self._follow(self.verticalScrollBar().maximum())

    def leave_now(self) -> None:
        """The person wants the end, where nothing sounds."""

    def see(self, place: int, offset: int) -> None:
        """What sounds now is in view where that is followed, else the letter at `place`, so far below the upper edge."""
        own = self.verticalScrollBar()
        if self.follows:
            self._follow(own.maximum())
            return
        cursor = self.textCursor()
        cursor.setPosition(max(0, min(place, self.document().characterCount() - 1)))
        self._moves = True
        own.setValue(own.value() + self.cursorRect(cursor).top() - offset)
        self._moves = False
        self.seen = place, offset

    def _note_seen(self) -> None:
        top = self.cursorForPosition(QPoint(0, 0))
        self.seen = top.position(), self.cursorRect(top).top()

    def _follow(self, end: int) -> None:
        own, place = self.verticalScrollBar(), end
        if (now := self.now()) is not None:
            high, ahead = self.viewport().height(), self._look.px(_AHEAD_PX)
            place = max(own.value(), round(now[1]) + ahead - high)
            place = min(place, max(0, round(now[0]) - ahead // 2), end)
        self._moves = True
        own.setValue(place)
        self._moves = False
        self._show_jump()

    def place_jump(self, right: int, middle: int) -> None:
        """Where the way back is, in the page that holds it: words are not covered."""
        self._jump_at = QPoint(right, middle)
        self._show_jump()

    def _show_jump(self) -> None:
        is_away = self._from_below and not self.follows and self.verticalScrollBar().maximum() > 0
        if is_away:
            size = self.jump.sizeHint()
            self.jump.setGeometry(QRect(self._jump_at - QPoint(size.width(), size.height() // 2), size))
            self.jump.raise_()
        if is_away and self.jump.isHidden() and self.isVisible():
            announce(self, tr("{keys} leads back to what is said now", keys=key_name(NOW_KEY)))
        self.jump.setVisible(is_away)

    def _set_margins(self, left: int, above: int, right: int) -> None:
        margins = self.viewportMargins()
        if (margins.left(), margins.top(), margins.right()) != (left, above, right):
            self.setViewportMargins(left, above, right, 0)
        if self.document().textWidth() != self.viewport().width():
            self.document().setTextWidth(self.viewport().width())

    def _range_changed(self, low: int, high: int) -> None:
        own = self.verticalScrollBar()
        self.bar.setPageStep(own.pageStep())
        self.bar.setSingleStep(own.singleStep())
        self._moves = True  # a shorter page moves by itself
        self.bar.setRange(low, high)
        own.setValue(min(own.value(), high))
        self._moves = False
        self.bar.setVisible(high > low)
        if self.follows:
            self._follow(high)

    def _scrolled(self, value: int) -> None:
        if not self._moves:
            is_at_end = value >= self.verticalScrollBar().maximum() - 4
            if is_at_end:
                self.leave_now()
            now = self.now()
            is_in_view = now is None or now[0] >= value
            self.follows = self._from_below and is_at_end and is_in_view
            self._note_seen()
            self._show_jump()
        self.bar.setValue(value)
