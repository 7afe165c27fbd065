"""The text field under the button: words that are written instead of spoken. Main thread.

Enter sends, Shift+Enter breaks the line; the draft stays until it is sent.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy, QWidget

from companion.gui.boxes import in_row
from companion.gui.clean import breakable, clean_text, unbroken
from companion.gui.keys import HARMLESS
from companion.gui.labels import label
from companion.gui.positions import accent, alive
from companion.language import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent

    from companion.gui.theme import Look

LONGEST_CHARS = 32_000
_LONGEST_CLEANED = 4 * LONGEST_CHARS
"""What is longer does not fit, cleaned or not."""
_MOST_LINES = 6
_PADDING_PX = 11
_PAGES = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class Composer(QFrame):
    """One field that grows to six lines."""

    submitted = Signal(str)
    """The words are still in the field: `clear` when they were taken."""
    focused = Signal(bool)
    grown = Signal()
    """The field wants another height."""
    refused = Signal(str)
    """A pasted text did not fit; the sentence says so."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setProperty("composer", True)
        self.field = _Field(self)
        self.field.setAccessibleName(tr("Write instead of speaking"))
        self.field.setAccessibleDescription(tr("Enter sends, Shift and Enter begin a new line"))
        self.field.setPlaceholderText(tr("Or write here"))
        self._cap = label(tr("Enter"), "key")
        self._cap.setToolTip(tr("Enter sends, Shift+Enter begins a new line"))
        row = in_row(inside=self, spacing=12, margins=(17, 1, 17, 1))
        row.addWidget(self.field, 1)
        row.addWidget(self._cap, 0, Qt.AlignmentFlag.AlignVCenter)
        self.field.sent.connect(self._send)
        self.field.focused.connect(self._focus_changed)
        self.field.refused.connect(self.refused)
        self.field.document().documentLayout().documentSizeChanged.connect(self._size_changed)
        self._lines = 1
        self._before_offer = self._with_offer = ""
        look.changed.connect(self._size_changed)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def draft(self) -> str:
        return unbroken(self.field.toPlainText())

    @property
    def has_focus(self) -> bool:
        return self.field.hasFocus()

    @staticmethod
    def begins_with(event: QKeyEvent) -> bool:
        """Whether a key pressed elsewhere is meant for the field: it writes a sign or the accent of one, or pastes."""
        if event.matches(QKeySequence.StandardKey.Paste):
            return True
        alone = event.modifiers() & ~HARMLESS == Qt.KeyboardModifier.NoModifier
        writes = event.text().isprintable() and bool(event.text().strip())
        return alone and (writes or bool(accent(event.key())))

    def begin(self, event: QKeyEvent) -> None:
        """The field has the focus, and what the key writes."""
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.keyPressEvent(event)

    def clear(self) -> None:
        self.field.clear()
        self._before_offer = self._with_offer = ""

    def forget(self) -> None:
        """Nothing of what was written stays, not even to be undone."""
        self.field.setPlainText("")
        self._before_offer = self._with_offer = ""

    def offer(self, text: str) -> None:
        """Puts heard words after the draft, to be read before they are sent."""
        draft = self.draft.rstrip()
        self.field.setPlainText(breakable(f"{draft} {text}" if draft else text)[0])
        self._before_offer, self._with_offer = draft, self.draft
        cursor = self.field.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.field.setTextCursor(cursor)

    def bring_back(self, text: str) -> None:
        """A draft of the last run, before what has been written since."""
        draft = self.draft
        self.field.setPlainText(breakable(f"{text}\n{draft}" if draft.strip() else text)[0])
        cursor = self.field.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.field.setTextCursor(cursor)

    @property
    def holds_offer(self) -> bool:
        """Words that were heard wait in it, worked on or not."""
        return bool(self._with_offer)

    def take_back_offer(self) -> bool:
        """The words that were heard go again, unsent; False: there are none, or they have been worked on."""
        if not self._with_offer or self.draft != self._with_offer:
            return False
        self.field.setPlainText(breakable(self._before_offer)[0])
        self._with_offer = ""
        return True

    def sizeHint(self) -> QSize:
        line = self.field.fontMetrics().lineSpacing()
        return QSize(self._look.px(660), self._lines * line + 2 * _PADDING_PX + 6)

    def _send(self) -> None:
        text = self.draft.strip()
        if text:
            self.submitted.emit(text)

    def _focus_changed(self, has_focus: bool) -> None:
        self.setProperty("focused", has_focus)
        self.style().unpolish(self)
        self.style().polish(self)
        self.focused.emit(has_focus)

    def _size_changed(self) -> None:
        lines = max(1, min(_MOST_LINES, int(self.field.document().size().height())))
        if lines != self._lines:
            self._lines = lines
            self.updateGeometry()
            self.grown.emit()


class _Field(QPlainTextEdit):
    sent = Signal()
    focused = Signal(bool)
    refused = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("bare", True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self._waiting = 0
        """The key of an accent that waits for its letter: pressed elsewhere, where no input method joins the two."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if accent(event.key()):
            self._waiting = event.key()
        elif self._waiting and event.text():
            self.insertPlainText(_joined(event.text(), self._waiting))
            self._waiting = 0
        else:
            self._write(event)

    def _write(self, event: QKeyEvent) -> None:
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.sent.emit()
            event.accept()
        elif event.key() in _PAGES and not self.verticalScrollBar().maximum():
            event.ignore()  # all that is written is seen: the page above is turned
        else:
            super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasText()

    def insertFromMimeData(self, source: QMimeData) -> None:
        text, room = source.text(), LONGEST_CHARS - self.document().characterCount()
        if len(text) <= _LONGEST_CLEANED:
            text = clean_text(text)
        if len(text) > room:
            self.refused.emit(
                tr(
                    "That text is longer than {longest_chars:,} characters; nothing was pasted.",
                    longest_chars=LONGEST_CHARS,
                )
            )
            return
        self.textCursor().insertText(breakable(text)[0])
        self.ensureCursorVisible()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._waiting = 0
        super().focusOutEvent(event)
        self.focused.emit(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        lines = max(1, min(_MOST_LINES, int(self.document().size().height())))
        above = max(0, (self.height() - lines * self.fontMetrics().lineSpacing()) // 2)
        self.setViewportMargins(0, above, 0, 0)


def _joined(text: str, waiting: int) -> str:
    """A letter under the accent that waited; a space gives the accent alone, and what cannot be joined stays as it is."""
    if not text.isprintable():
        return ""
    joined = unicodedata.normalize("NFC", text + accent(waiting))
    return chr(alive(waiting)) if text == " " else joined if len(joined) == 1 else text
