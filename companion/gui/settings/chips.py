"""A row of small buttons that flows into as many lines as the width asks for. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

GAP_PX = 8


class FlowLayout(QLayout):
    """Places widgets like words of a text; `at_end`: each line ends where the lines of the page end."""

    def __init__(self, parent: QWidget | None = None, *, at_end: bool = False) -> None:
        super().__init__(parent)
        self._at_end = at_end
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
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def sizeHint(self) -> QSize:
        """One line where it stands at the end of a row; else whatever it is given will do."""
        if not self._at_end:
            return self.minimumSize()
        hints = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(hint.width() + GAP_PX for hint in hints) - GAP_PX
        return QSize(max(0, width), max((hint.height() for hint in hints), default=0))

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        lines: list[list[tuple[QLayoutItem, QSize]]] = [[]]
        taken = 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = item.sizeHint()
            if hint.width() > rect.width() > 0 and item.hasHeightForWidth():
                hint = QSize(rect.width(), item.heightForWidth(rect.width()))
            if lines[-1] and taken + hint.width() > rect.width():
                lines.append([])
                taken = 0
            lines[-1].append((item, hint))
            taken += hint.width() + GAP_PX
        y = rect.y()
        for line in lines:
            if move:
                self._place(line, rect, y)
            y += max((hint.height() for _, hint in line), default=0) + GAP_PX
        return y - GAP_PX - rect.y()

    def _place(self, line: list[tuple[QLayoutItem, QSize]], rect: QRect, y: int) -> None:
        parent = self.parentWidget()
        is_mirrored = parent is not None and parent.layoutDirection() is Qt.LayoutDirection.RightToLeft
        width = sum(hint.width() + GAP_PX for _, hint in line) - GAP_PX
        x = rect.x() + max(0, rect.width() - width) * self._at_end
        height = max((hint.height() for _, hint in line), default=0)
        for item, hint in line:
            middle = y + (height - hint.height()) // 2
            left = rect.left() + rect.right() + 1 - x - hint.width() if is_mirrored else x
            item.setGeometry(QRect(QPoint(left, middle), hint))
            x += hint.width() + GAP_PX
