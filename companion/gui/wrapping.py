"""A check box whose words go on in the next line where there is no room for them. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QLabel,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)

_FEWEST_LETTERS = 12
"""So many fit into a line of the narrowest one."""
_WRAPPED = Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextHideMnemonic
"""How the words are laid out: "&&" is one sign, as it is where Qt paints them."""
_AIR_PX = 6
"""Above and below the words, together."""


class WrappingCheckBox(QCheckBox):
    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setProperty("wraps", "true")
        self._explained_by: list[QLabel] = []

    def explained_by(self, label: QLabel) -> None:
        """A label below it begins where its words begin."""
        self._explained_by.append(label)

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
        return self.fontMetrics().boundingRect(room, int(_WRAPPED), self.text())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for label in self._explained_by:
            is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
            option = QStyleOptionButton()
            self.initStyleOption(option)
            words = self.style().subElementRect(QStyle.SubElement.SE_CheckBoxContents, option, self)
            side = (0, self.width() - words.right() - 1) if is_mirrored else (words.left(), 0)
            label.setContentsMargins(side[0], 0, side[1], 0)

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
        flags = int(style.visualAlignment(self.layoutDirection(), along)) | int(_WRAPPED)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(words, flags, self.text())
        if self.hasFocus():
            self._paint_ring(painter, style.itemTextRect(self.fontMetrics(), words, flags, True, self.text()))
        painter.end()

    def _paint_ring(self, painter: QPainter, words: QRect) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self.palette().color(QPalette.ColorRole.Accent))
        painter.drawRoundedRect(QRectF(words).adjusted(-4.5, -1.5, 4.5, 1.5), 6, 6)
