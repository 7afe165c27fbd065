"""Fields of the editor: a label above, a line or a few, what is wrong below. Main thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QWidget

from companion.gui.boxes import NONE, in_column
from companion.gui.labels import label

_TEXT_LINES = 3
_LONGEST_LINE = 400


class FaultLine(QLabel):
    """What is wrong, in sentences; no room is taken while nothing is."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("type", "warn")
        self.setWordWrap(True)
        self.hide()

    def show_faults(self, sentences: Sequence[str]) -> None:
        self.setText(" ".join(sentences))
        self.setVisible(bool(sentences))


class _Field(QWidget):
    changed = Signal()

    def __init__(self, name: str, control: QLineEdit | QPlainTextEdit, hint: str, about: str) -> None:
        super().__init__()
        self.name, self.control = name, control
        self.is_touched = False
        """Something was written in it: only then it is told that something is missing."""
        self.fault = FaultLine()
        column = in_column(inside=self, spacing=5, margins=NONE)
        above = label(name, "small", wraps=True)
        above.setBuddy(control)
        column.addWidget(above)
        column.addWidget(control)
        if about:
            column.addWidget(label(about, "caption", wraps=True))
        column.addWidget(self.fault)
        control.textChanged.connect(lambda *_: self._touched())
        control.setPlaceholderText(hint)
        control.setAccessibleDescription(about)
        self.name_as(name)

    def _touched(self) -> None:
        self.is_touched = True
        self.changed.emit()

    def name_as(self, name: str) -> None:
        """For screen readers."""
        self.control.setAccessibleName(name)

    def focus(self) -> None:
        self.control.setFocus()

    def show_faults(self, sentences: Sequence[str]) -> None:
        """Beside the field, and read with it."""
        sentences = sentences if self.is_touched else ()
        self.fault.show_faults(sentences)
        self.control.setProperty("invalid", "true" if sentences else "false")
        self.control.style().unpolish(self.control)
        self.control.style().polish(self.control)


class LineField(_Field):
    """One line."""

    def __init__(self, name: str, text: str = "", *, hint: str = "", about: str = "") -> None:
        self._line = QLineEdit(text)
        super().__init__(name, self._line, hint, about)
        self._line.setMaxLength(_LONGEST_LINE)
        self.is_touched = bool(text)

    @property
    def text(self) -> str:
        return self._line.text()

    def show_text(self, text: str) -> None:
        self._line.setText(text)
        self._line.setCursorPosition(0)
        self.is_touched = bool(text)


class TextField(_Field):
    """A few lines; Tab goes on to the next field."""

    def __init__(self, name: str, text: str = "", *, hint: str = "", about: str = "") -> None:
        self._text = QPlainTextEdit(text)
        super().__init__(name, self._text, hint, about)
        self._text.setTabChangesFocus(True)
        self._text.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._text.setFixedHeight(self._text.fontMetrics().lineSpacing() * _TEXT_LINES + 22)

    @property
    def text(self) -> str:
        return self._text.toPlainText()
