"""Small parts of text: labels by use, and lines in which a word in brackets is a key cap. Main thread."""

from __future__ import annotations

import re
from html import escape

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from companion.gui.boxes import NONE, in_row

AIRY = 1.3
"""Height of a line of reading text in cards and leads, times what its font asks for."""
_MOST_KEPT = 16
_PART = r"(\[[^\]]+\])"


def label(text: str, kind: str, parent: QWidget | None = None, *, wraps: bool = False) -> QLabel:
    """Plain text in one of the sheet's types ("hint", "state", "opening" ...); never rich text."""
    result = QLabel(parent)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.setProperty("type", kind)
    result.setWordWrap(wraps)
    result.setText(text)
    return result


def dress(widget: QWidget, **properties: str) -> None:
    """Sets properties the style sheet looks at, and lets it look again."""
    if all(widget.property(name) == value for name, value in properties.items()):
        return
    for name, value in properties.items():
        widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def text_label(text: str, kind: str, *, fills: bool = False) -> QLabel:
    """Plain text that wraps, dressed as `kind` (the `type` of the style sheet); `fills`: it takes the rest of its line."""
    made = label(text, kind, wraps=True)
    if fills:
        fill(made)
    return made


def fill(widget: QWidget) -> None:
    """It takes the rest of its line."""
    policy = widget.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Expanding)
    widget.setSizePolicy(policy)


def tip(text: str) -> str:
    """A tooltip of words that a person or a model wrote: what looks like markup there is seen as it was written."""
    return f"<span>{escape(text)}</span>" if "<" in text else text


class ReadingLabel(QLabel):
    """Plain text that wraps, with air between its lines: a label as Qt has it sets them as closely as the font allows."""

    def __init__(self, text: str, kind: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("type", kind)
        self.setWordWrap(True)
        self._kept: dict[tuple[str, int, str, Qt.LayoutDirection], QTextLayout] = {}
        self.setText(text)

    def heightForWidth(self, width: int) -> int:
        margins = self.contentsMargins()
        inner = width - margins.left() - margins.right()
        lines = self._laid_out(inner).lineCount()
        return round(lines * self._pitch()) + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:
        wide = super().sizeHint().width()
        return QSize(wide, self.heightForWidth(wide))

    def minimumSizeHint(self) -> QSize:
        wide = super().minimumSizeHint().width()
        return QSize(wide, round(self._pitch()))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        self._laid_out(self.contentsRect().width()).draw(painter, QPointF(self.contentsRect().topLeft()))
        painter.end()

    def _pitch(self) -> float:
        self.ensurePolished()
        return self.fontMetrics().lineSpacing() * AIRY

    def _laid_out(self, width: int) -> QTextLayout:
        """Asked for again and again while a page is laid out, so the last ones are kept."""
        self.ensurePolished()
        wanted = (self.text(), width, self.font().key(), self.layoutDirection())
        if wanted in self._kept:
            return self._kept[wanted]
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()
        layout = QTextLayout(self.text(), self.font())
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        side = Qt.AlignmentFlag.AlignRight if is_mirrored else Qt.AlignmentFlag.AlignLeft
        option = QTextOption(side)
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTextDirection(self.layoutDirection())
        layout.setTextOption(option)
        pitch = self._pitch()
        above = (pitch - self.fontMetrics().lineSpacing()) / 2
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(max(1, width))
            line.setPosition(QPointF(0, above + (layout.lineCount() - 1) * pitch))
        layout.endLayout()
        self._kept[wanted] = layout
        return layout


class HintLine(QWidget):
    """A line such as "Hold [Space] to speak", the bracketed word drawn as a key."""

    def __init__(self, kind: str = "hint", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = kind
        self._text = ""
        self._parts: list[QLabel] = []
        self._row = in_row(inside=self, spacing=4, margins=NONE)

    @property
    def text(self) -> str:
        return self._text.replace("[", "").replace("]", "")

    def show_text(self, text: str) -> None:
        """Takes the new line; labels are kept where only words change, so a running clock does not flicker."""
        if text == self._text:
            return
        self._text = text
        parts = [part for part in re.split(_PART, text) if part.strip()]
        kinds = ["key" if part.startswith("[") and part.endswith("]") else self._kind for part in parts]
        if kinds != [part.property("type") for part in self._parts]:
            self._replace(kinds)
        for shown, part in zip(self._parts, parts, strict=True):
            shown.setText(part.strip("[] "))
        self.setAccessibleName(self.text)

    def _replace(self, kinds: list[str]) -> None:
        for old in self._parts:
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._parts = [label("", kind) for kind in kinds]
        for part in self._parts:
            self._row.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)
