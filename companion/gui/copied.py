"""What is copied from a page, as plain text: items with their numbers, cells with tabs between them, paragraphs apart."""

from __future__ import annotations

from PySide6.QtGui import QTextBlock, QTextCursor, QTextList, QTextListFormat

from companion.gui.clean import unbroken
from companion.gui.marked import QUOTED, RULED

_APART_PX = 16
"""A paragraph with more room above it stands apart."""


def copied(cursor: QTextCursor) -> str:
    """The words that are selected."""
    start, end = cursor.selectionStart(), cursor.selectionEnd()
    found: list[str] = []
    row: tuple[int, int] | None = None
    """The table (by its place) and the row in it of what stood before."""
    block = cursor.document().findBlock(start)
    while block.isValid() and block.position() < end:
        words = _between(block, start, end)
        here = _row(block)
        if here is None or here != row:
            found += ["\n" if found else "", "\n" if found and _is_apart(block, here, row) else ""]
            found.append(_mark(block) if start <= block.position() else "")
            words = words.replace("\u2028", "\n" + _quoted(block))
        else:
            found.append("\t")
        found.append(words)
        row, block = here, block.next()
    return unbroken("".join(found)).strip("\n")


def _between(block: QTextBlock, start: int, end: int) -> str:
    """What of a paragraph lies between two places of the document."""
    cursor = QTextCursor(block)
    cursor.setPosition(max(start, block.position()))
    last = block.position() + block.length() - 1
    cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
    return "---" if block.blockFormat().boolProperty(RULED) else cursor.selectedText()


def _row(block: QTextBlock) -> tuple[int, int] | None:
    cursor = QTextCursor(block)
    table = cursor.currentTable()
    return (table.firstPosition(), table.cellAt(cursor).row()) if table is not None else None


def _is_apart(block: QTextBlock, here: tuple[int, int] | None, row: tuple[int, int] | None) -> bool:
    is_other_table = (here and here[0]) != (row and row[0])
    has_words = bool(block.text()) or block.blockFormat().boolProperty(RULED)
    return has_words and (is_other_table or block.blockFormat().topMargin() > _APART_PX)


def _quoted(block: QTextBlock) -> str:
    return "> " * int(block.blockFormat().intProperty(QUOTED))


def _mark(block: QTextBlock) -> str:
    """What stands before its words."""
    items: QTextList | None = block.textList()
    if items is None:
        return _quoted(block)
    number, shape = items.itemText(block), items.format()
    has_box = shape.style() is QTextListFormat.Style.ListStyleUndefined
    sign = f"{number} " if any(map(str.isdigit, number)) else "" if has_box else "• "
    return f"{_quoted(block)}{'  ' * (shape.indent() - 1)}{sign}"
