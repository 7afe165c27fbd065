"""Small parts of text: labels by use, and lines in which a word in brackets is a key cap. Main thread."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

_CAP = re.compile(r"\[([^\]]+)\]")


def label(text: str, kind: str, parent: QWidget | None = None, *, wraps: bool = False) -> QLabel:
    """Plain text in one of the sheet's types ("hint", "state", "opening" ...); never rich text."""
    result = QLabel(parent)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.setProperty("type", kind)
    result.setWordWrap(wraps)
    result.setText(text)
    return result


class HintLine(QWidget):
    """A line such as "Hold [Space] to speak", the bracketed word drawn as a key."""

    def __init__(self, kind: str = "hint", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = kind
        self._text = ""
        self._parts: list[QLabel] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)

    @property
    def text(self) -> str:
        return self._text.replace("[", "").replace("]", "")

    def show_text(self, text: str) -> None:
        """Takes the new line; labels are kept where only words change, so a running clock does not flicker."""
        if text == self._text:
            return
        self._text = text
        parts = [part for part in re.split(r"(\[[^\]]+\])", text) if part.strip()]
        kinds = ["key" if _CAP.fullmatch(part) else self._kind for part in parts]
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
