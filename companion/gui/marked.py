"""The companion's words with their emphasis, lists, quotes, code and tables, set at the end of a document. Main thread.

What already stands there as it should is left alone, so an answer can be set again with every piece that comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
    QTextFrameFormat,
    QTextListFormat,
    QTextTableCellFormat,
    QTextTableFormat,
)

from companion.gui.markdown import DONE, OPEN, Paragraph, Run
from companion.gui.theme import Look, families

QUOTED = QTextFormat.Property.UserProperty.value + 1
"""Property of a paragraph: how often it is quoted; the page draws a line beside it."""
RULED = QUOTED + 1
"""Property of an empty paragraph: the page draws a line across it."""
CODED = QUOTED + 2
"""Property of a line of code: the page draws a panel behind it."""
CODE_PAD_PX = 10
"""Room between the panel's edge and the code."""
_ITEM_GAP_PX = 4
STEP_PX = 22
"""How far a list or a quote is moved in."""
_BELOW_HEADING = 0.4
"""Of a line: what a heading is over belongs to it."""
_CODE_SIZE = 0.84
_HEAD_SIZE = 1.12


_SIDES = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


class Sheet(Protocol):
    """What is written on: see `Typesetter`."""

    @property
    def end(self) -> int: ...
    def told_block(self, above_px: float) -> QTextBlockFormat: ...
    def told_chars(self) -> QTextCharFormat: ...
    def line_px(self) -> int: ...
    def cut(self, start: int) -> None: ...
    def cursor(self) -> QTextCursor: ...


@dataclass(slots=True)
class _Set:
    """A paragraph that stands on the page."""

    paragraph: Paragraph
    start: int
    """Where the document ended before it was written."""
    was_fresh: bool
    """An empty block was there to take it."""


class Marked:
    """The last thing in a document, from an empty block on."""

    def __init__(self, sheet: Sheet, look: Look) -> None:
        self._sheet, self._look = sheet, look
        self._done: list[_Set] = []
        self._lists: dict[int, QTextBlockFormat] = {}
        self._is_fresh = True
        self._first = True
        self._settled: Paragraph | None = None
        """The last one that is finished."""
        self._above = sheet.cursor().blockFormat().topMargin()
        """Over the first paragraph."""
        self._chars, self._line_px = sheet.told_chars(), sheet.line_px()

    def settle(self) -> None:
        """What stands there is finished: what is set from now on comes after it."""
        self._first = self._first and not self._done
        self._settled = self._done[-1].paragraph if self._done else self._settled
        self._done.clear()
        self._lists.clear()

    def set(self, wanted: Sequence[Paragraph]) -> int:
        """Makes the open part read like this; returns from where on the page has changed."""
        same = 0
        for there, one in zip(self._done, wanted, strict=False):
            if there.paragraph != one:
                break
            same += 1
        changed = self._sheet.end
        cursor = self._sheet.cursor()
        cursor.beginEditBlock()
        if same == len(self._done) - 1 and same < len(wanted):
            more = _added(self._done[same].paragraph, wanted[same])
            if more is not None:
                self._write_runs(cursor, wanted[same], more)
                self._done[same].paragraph = wanted[same]
                same += 1
        if same < len(self._done):
            changed = self._cut(same)
        for one in wanted[same:]:
            self._write(one)
        cursor.endEditBlock()
        return changed

    def _cut(self, place: int) -> int:
        gone = self._done[place]
        self._sheet.cut(gone.start)
        self._is_fresh = gone.was_fresh
        if gone.was_fresh:  # the block that was there is empty again, and in no list
            self._sheet.cursor().setBlockFormat(self._sheet.told_block(0))
        del self._done[place:]
        kept = {each.paragraph.item_of for each in self._done}
        self._lists = {which: made for which, made in self._lists.items() if which in kept}
        return gone.start

    # -- writing --------------------------------------------------------------------------------------------

    def _write(self, made: Paragraph) -> None:
        cursor = self._sheet.cursor()
        self._done.append(_Set(made, cursor.position(), self._is_fresh))
        if made.kind == "table":
            self._write_table(cursor, made)
            return
        shape = self._shape(made)
        if made.item_of in self._lists:  # a block with this format is in the list
            shape.setObjectIndex(self._lists[made.item_of].objectIndex())
        if self._is_fresh:
            cursor.setBlockFormat(shape)
        else:
            cursor.insertBlock(shape, self._chars)
        self._is_fresh = False
        if made.item_of and made.item_of not in self._lists:
            self._begin_list(cursor, made)
        self._write_runs(cursor, made, made.runs)

    @property
    def _before(self) -> Paragraph | None:
        """What stands above the paragraph that is written."""
        return self._done[-2].paragraph if len(self._done) > 1 else self._settled

    def _shape(self, made: Paragraph) -> QTextBlockFormat:
        is_first = self._first and len(self._done) == 1
        px = self._look.px
        above = 0.0 if is_first else px(_ITEM_GAP_PX) if made.item_of and made.is_close else self._line_px
        if self._before is not None and self._before.kind == "heading":
            above *= _BELOW_HEADING
        shape = self._sheet.told_block(0)
        if made.kind == "code":
            above = 0.0 if made.is_close else above + px(CODE_PAD_PX) / 2
            shape.setProperty(CODED, True)
            shape.setBackground(self._look.colour("surface"))
            shape.setLeftMargin(px(CODE_PAD_PX))
            shape.setRightMargin(px(CODE_PAD_PX))
            shape.setLineHeight(100, QTextBlockFormat.LineHeightTypes.SingleHeight.value)  # no stripes
        shape.setTopMargin(self._above if is_first else above)
        if made.depth and not made.item_of:
            shape.setIndent(made.depth)
        if made.quotes:
            shape.setProperty(QUOTED, made.quotes)
            inset = px(STEP_PX) * made.quotes  # on both sides: which one it begins on is in its letters
            shape.setLeftMargin(shape.leftMargin() + inset)
            shape.setRightMargin(shape.rightMargin() + inset)
        if made.kind == "heading":
            shape.setHeadingLevel(made.level)
        if made.kind == "rule":
            shape.setProperty(RULED, True)
        return shape

    def _begin_list(self, cursor: QTextCursor, made: Paragraph) -> None:
        style = QTextListFormat()
        style.setIndent(made.depth)
        if made.text.startswith((OPEN, DONE)):
            style.setStyle(QTextListFormat.Style.ListStyleUndefined)  # its boxes are marks enough
        elif made.number is None:
            bullets = (QTextListFormat.Style.ListDisc, QTextListFormat.Style.ListCircle)
            style.setStyle(bullets[(made.depth - 1) % 2])
        else:
            style.setStyle(QTextListFormat.Style.ListDecimal)
            style.setStart(made.number)
        cursor.createList(style)
        self._lists[made.item_of] = cursor.blockFormat()

    def _write_runs(self, cursor: QTextCursor, made: Paragraph, runs: Sequence[Run]) -> None:
        cursor.movePosition(QTextCursor.MoveOperation.End)
        for run in runs:
            cursor.insertText(run.text, self._style(run, made))

    def _style(self, run: Run, made: Paragraph) -> QTextCharFormat:
        if made.kind == "text" and not made.quotes and run.looks_like(_PLAIN):
            return self._chars
        style = QTextCharFormat(self._chars)
        if run.is_code or made.kind == "code":
            style.setFontFamilies([families().mono])
            style.setFontPointSize(self._chars.fontPointSize() * _CODE_SIZE)
            style.setForeground(self._look.colour("soft"))
        if made.quotes:
            style.setForeground(self._look.colour("soft"))
        if run.is_bold or made.kind == "heading":
            style.setFontWeight(600)
        if made.kind == "heading" and made.level <= 2:
            style.setFontPointSize(self._chars.fontPointSize() * _HEAD_SIZE)
        style.setFontItalic(run.is_italic)
        style.setFontStrikeOut(run.is_struck)
        if run.href:
            style.setAnchor(True)
            style.setAnchorHref(run.href)
            style.setForeground(self._look.colour("accent"))
            style.setFontUnderline(True)
        return style

    def _write_table(self, cursor: QTextCursor, made: Paragraph) -> None:
        thin = QTextBlockFormat()
        thin.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        if self._is_fresh:
            cursor.setBlockFormat(thin)
        shape = QTextTableFormat()
        shape.setBorderCollapse(True)
        shape.setBorder(0)
        shape.setCellPadding(self._look.px(5))
        is_first = self._first and len(self._done) == 1
        shape.setTopMargin(self._above if is_first else self._line_px)
        shape.setBottomMargin(self._line_px)
        shape.setHeaderRowCount(1)
        wide = max(len(row) for row in made.rows)
        table = cursor.insertTable(len(made.rows), max(1, wide), shape)
        for place, row in enumerate(made.rows):
            for column in range(table.columns()):
                table.cellAt(place, column).setFormat(self._cell(is_head=not place))
            for column, runs in enumerate(row):
                inside = table.cellAt(place, column).firstCursorPosition()
                block = self._sheet.told_block(0)
                block.setAlignment(_SIDES[made.sides[column] if column < len(made.sides) else "left"])
                inside.setBlockFormat(block)
                for run in runs:
                    inside.insertText(
                        run.text, self._style(replace(run, is_bold=run.is_bold or not place), made)
                    )
        self._sheet.cursor().setBlockFormat(thin)
        self._is_fresh = True

    def _cell(self, *, is_head: bool) -> QTextTableCellFormat:
        """A rule below each row, and a stronger one below the head."""
        style = QTextTableCellFormat()
        style.setBottomBorder(1)
        style.setBottomBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        style.setBottomBorderBrush(self._look.colour("faint" if is_head else "line"))
        return style


_PLAIN = Run("")


def _added(before: Paragraph, after: Paragraph) -> list[Run] | None:
    """What has to be written behind `before` to make it `after`; None where that is not enough."""
    if before.kind == "table" or replace(before, runs=()) != replace(after, runs=()):
        return None
    if not before.runs:
        return list(after.runs)
    last = len(before.runs) - 1
    if len(after.runs) <= last or before.runs[:last] != after.runs[:last]:
        return None
    old, new = before.runs[last], after.runs[last]
    if not old.looks_like(new) or not new.text.startswith(old.text):
        return None
    return [replace(new, text=new.text[len(old.text) :]), *after.runs[last + 1 :]]
