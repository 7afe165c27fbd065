"""A check box whose words go on in the next line where there is no room for them. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QCheckBox, QSizePolicy, QStyle, QStyleOptionButton, QStylePainter, QWidget

_FEWEST_LETTERS = 12
"""So many fit into a line of the narrowest one."""
_AIR_PX = 6
"""Above and below the words, together."""


class WrappingCheckBox(QCheckBox):
    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def minimumSizeHint(self) -> QSize:
        width = self._beside + self.fontMetrics().averageCharWidth() * _FEWEST_LETTERS
        return QSize(min(width, super().sizeHint().width()), super().sizeHint().height())

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        words = self._words(QRect(0, 0, max(1, width - self._beside), 0))
        return max(super().sizeHint().height(), words.height() + _AIR_PX)

    @property
    def _beside(self) -> int:
        """What the box and the gap behind it take of the width."""
        return super().sizeHint().width() - self.fontMetrics().horizontalAdvance(self.text())

    def _words(self, room: QRect) -> QRect:
        return self.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, self.text())

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionButton()
        self.initStyleOption(option)
        style = self.style()
        painter = QStylePainter(self)
        box = style.subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
        line = max(box.height(), self.fontMetrics().height())
        words = style.subElementRect(QStyle.SubElement.SE_CheckBoxContents, option, self)
        words = QRect(words.left(), 0, words.width(), self.height())
        is_one_line = self._words(QRect(0, 0, words.width(), 0)).height() <= line
        if not is_one_line:
            box.moveTop((_AIR_PX + self.fontMetrics().height() - box.height()) // 2)
        mark = QStyleOptionButton(option)
        mark.rect = box
        painter.drawPrimitive(QStyle.PrimitiveElement.PE_IndicatorCheckBox, mark)
        along = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        flags = int(style.visualAlignment(self.layoutDirection(), along)) | Qt.TextFlag.TextWordWrap
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(words, flags, self.text())
        painter.end()
