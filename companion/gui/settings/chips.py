"""Rows that need no width: one that flows into as many lines as it has to, and columns that become one. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLabel, QLayout, QLayoutItem, QWidget

GAP_PX = 8
COLUMN_GAP_PX = 14
_FEWEST_LETTERS = 34
"""So many fit into a line of a column, or there is only one."""


class _Arranged(QLayout):
    """Its height follows from its width, as `_arrange` has it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        margins = self.contentsMargins()
        inner = QRect(0, 0, width - margins.left() - margins.right(), 0)
        return self._arrange(inner, move=False) + margins.top() + margins.bottom()

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(self.contentsRect(), move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size.grownBy(self.contentsMargins())

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        """Places what is shown if it is to `move`; the height all of it takes."""
        raise NotImplementedError


class FlowLayout(_Arranged):
    """Places widgets like words of a text; one that can grow takes the rest of its line.

    Args:
        at_end: each line ends where the lines of the page end.
    """

    def __init__(self, parent: QWidget | None = None, *, at_end: bool = False) -> None:
        super().__init__(parent)
        self._at_end = at_end

    def sizeHint(self) -> QSize:
        """One line where it stands at the end of a row; else whatever it is given will do."""
        if not self._at_end:
            return self.minimumSize()
        hints = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(hint.width() + GAP_PX for hint in hints) - GAP_PX
        return QSize(max(0, width), max((hint.height() for hint in hints), default=0))

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        lines: list[list[tuple[QLayoutItem, QSize]]] = [[]]
        taken = 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = _wished(item)
            if hint.width() > rect.width() > 0:
                hint = _as_wide(item, rect.width())
            if lines[-1] and taken + hint.width() > rect.width():
                lines.append([])
                taken = 0
            lines[-1].append((item, hint))
            taken += hint.width() + GAP_PX
        y = rect.y()
        for line in lines:
            filled = _filled(line, rect.width())
            if move:
                self._place(filled, rect, y)
            y += max((hint.height() for _, hint in filled), default=0) + GAP_PX
        return y - GAP_PX - rect.y()

    def _place(self, line: list[tuple[QLayoutItem, QSize]], rect: QRect, y: int) -> None:
        width = sum(hint.width() + GAP_PX for _, hint in line) - GAP_PX
        x = rect.x() + max(0, rect.width() - width) * self._at_end
        height = max((hint.height() for _, hint in line), default=0)
        for item, hint in line:
            middle = y + (height - hint.height()) // 2
            item.setGeometry(_mirrored(self, QRect(QPoint(x, middle), hint), rect))
            x += hint.width() + GAP_PX


class Columns(_Arranged):
    """Widgets side by side, equally wide and in one row equally high; one below the other where two would be narrow."""

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        shown = [item for item in self._items if not item.isEmpty()]
        parent = self.parentWidget()
        letter = parent.fontMetrics().averageCharWidth() if parent is not None else 8
        count = 2 if rect.width() >= 2 * _FEWEST_LETTERS * letter else 1
        width = (rect.width() - (count - 1) * COLUMN_GAP_PX) // count
        y = rect.y()
        for row in (shown[first : first + count] for first in range(0, len(shown), count)):
            height = max(_as_wide(item, width).height() for item in row)
            for place, item in enumerate(row if move else ()):
                x = rect.x() + place * (width + COLUMN_GAP_PX)
                item.setGeometry(_mirrored(self, QRect(x, y, width, height), rect))
            y += height + COLUMN_GAP_PX
        return max(0, y - COLUMN_GAP_PX - rect.y())


def _wished(item: QLayoutItem) -> QSize:
    """Words stand in one line where there is room; a label that may wrap would ask for several."""
    shown = item.widget()
    if not (isinstance(shown, QLabel) and shown.wordWrap()):
        return item.sizeHint()
    shown.ensurePolished()
    lines = shown.text().split("\n")
    margins = shown.contentsMargins()
    width = max(shown.fontMetrics().horizontalAdvance(line) for line in lines) + 2
    return _as_wide(item, width + margins.left() + margins.right())


def _as_wide(item: QLayoutItem, width: int) -> QSize:
    height = item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()
    return QSize(width, height)


def _filled(line: list[tuple[QLayoutItem, QSize]], width: int) -> list[tuple[QLayoutItem, QSize]]:
    """What is left of the line goes to those that can use it."""
    growing = [item for item, _ in line if item.expandingDirections() & Qt.Orientation.Horizontal]
    if not growing:
        return line
    left = width - sum(hint.width() + GAP_PX for _, hint in line) + GAP_PX
    more = max(0, left) // len(growing)
    return [(item, _as_wide(item, hint.width() + more) if item in growing else hint) for item, hint in line]


def _mirrored(layout: QLayout, place: QRect, whole: QRect) -> QRect:
    parent = layout.parentWidget()
    if parent is not None and parent.layoutDirection() is Qt.LayoutDirection.RightToLeft:
        place.moveLeft(whole.left() + whole.right() - place.right())
    return place
