"""What a page shows behind and beside its paragraphs: panels of code, the lines of quotes and rules, faded edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QTextBlock
from PySide6.QtWidgets import QTextEdit

from companion.gui.marked import CODE_PAD_PX, CODED, QUOTED, RULED, STEP_PX
from companion.gui.theme import Look

_ROUND_PX = 9
_FADE_PX = 22


@dataclass(frozen=True, slots=True)
class _Placed:
    """A paragraph that is seen, and where."""

    block: QTextBlock
    box: QRectF

    def has(self, what: int) -> int:
        return int(self.block.blockFormat().intProperty(what) or self.block.blockFormat().boolProperty(what))


def paint_panels(page: QTextEdit, look: Look, inner_px: int) -> None:
    """Behind the text: a panel for each run of lines of code."""
    painter = QPainter(page.viewport())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(look.colour("line"))
    painter.setBrush(look.colour("surface"))
    panel = QRectF()
    for placed in (*_seen(page), None):
        is_code = placed is not None and bool(placed.has(CODED))
        goes_on = (
            is_code
            and not panel.isNull()
            and placed is not None
            and placed.block.blockFormat().topMargin() == 0
        )
        if not panel.isNull() and not goes_on:
            pad = look.px(CODE_PAD_PX)
            painter.drawRoundedRect(panel.adjusted(0.5, 0.5 - pad, -0.5, pad - 0.5), _ROUND_PX, _ROUND_PX)
            panel = QRectF()
        if is_code and placed is not None:
            left = inner_px + placed.block.blockFormat().indent() * page.document().indentWidth()
            box = QRectF(
                left, placed.box.top(), page.viewport().width() - inner_px - left, placed.box.height()
            )
            panel = panel.united(box) if goes_on else box
    painter.end()


def paint_lines(page: QTextEdit, look: Look, inner_px: int) -> None:
    """Over the text: the lines beside quotes and those of rules."""
    painter = QPainter(page.viewport())
    colour, wide = look.colour("line"), page.viewport().width()
    before: _Placed | None = None
    for placed in _seen(page):
        for place in range(placed.has(QUOTED)):
            goes_on = before is not None and before.has(QUOTED) > place
            top = before.box.bottom() if goes_on and before is not None else placed.box.top()
            left = inner_px + place * look.px(STEP_PX)
            if placed.block.textDirection() == Qt.LayoutDirection.RightToLeft:
                left = wide - left - look.px(3)
            painter.fillRect(QRectF(left, top, look.px(3), placed.box.bottom() - top), colour)
        if placed.has(RULED):
            box = placed.box
            painter.fillRect(QRectF(box.left(), round(box.center().y()), box.width(), 1), colour)
        before = placed
    painter.end()


def paint_edges(page: QTextEdit, look: Look) -> None:
    """Over the text: it fades where it goes on above and below."""
    bar, view = page.verticalScrollBar(), page.viewport()
    painter = QPainter(view)
    full, none = look.colour("bg"), look.colour("bg", 0.0)
    above, below = (min(_FADE_PX, away) for away in (bar.value(), bar.maximum() - bar.value()))
    _fade(painter, QRectF(0, 0, view.width(), above), full, none)
    _fade(painter, QRectF(0, view.height() - below, view.width(), below), none, full)
    painter.end()


def _fade(painter: QPainter, box: QRectF, first: QColor, last: QColor) -> None:
    if box.height() <= 0:
        return
    gradient = QLinearGradient(box.topLeft(), box.bottomLeft())
    gradient.setColorAt(0, first)
    gradient.setColorAt(1, last)
    painter.fillRect(box, gradient)


def _seen(page: QTextEdit) -> Iterator[_Placed]:
    """The paragraphs in view, and one before them."""
    layout, down = page.document().documentLayout(), page.verticalScrollBar().value()
    first = page.cursorForPosition(QPoint(0, 0)).block()
    block = first.previous() if first.previous().isValid() else first
    while block.isValid():
        box = layout.blockBoundingRect(block).translated(0, -down)
        if box.top() > page.viewport().height() + _FADE_PX:
            break
        yield _Placed(block, box)
        block = block.next()
