"""A dialog in steps: a title, pages, a fault, and buttons; its work ends when it is closed. Main thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from companion.errors import CompanionError
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.clean import breakable, clean_text
from companion.gui.labels import text_label
from companion.gui.theme import Look
from companion.tasks import spawn

_WIDE_PX, _HIGH_PX = 600, 500


class Steps(QDialog):
    """The base of both dialogs."""

    def __init__(self, title: str, look: Look, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.look = look
        self.setWindowTitle(title)
        self.setProperty("help", "import-export")
        self.resize(look.px(_WIDE_PX), look.px(_HIGH_PX))
        self.setMinimumSize(look.px(460), look.px(380))
        column = in_column(inside=self, spacing=12, margins=(28, 26, 28, 22))
        self.heading = text_label(title, "title")
        column.addWidget(self.heading)
        self.pages = QStackedWidget()
        column.addWidget(self.pages, 1)
        self.fault = text_label("", "warn")
        self.fault.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.fault.hide()
        column.addWidget(self.fault)
        self._row = in_row(spacing=10)
        column.addLayout(self._row)
        self._task: asyncio.Task[None] | None = None

    def showEvent(self, event: QShowEvent) -> None:
        """As wide as the widest line that cannot go on in the next one."""
        super().showEvent(event)
        layout = self.layout()
        if layout is not None:
            wide = max(self.minimumWidth(), layout.totalMinimumSize().width())
            self.setMinimumWidth(min(wide, self.screen().availableSize().width()))

    # -- pages ----------------------------------------------------------------------------------------------

    def page(self) -> QVBoxLayout:
        """A new page; the column its parts are added to."""
        page = QWidget()
        column = in_column(inside=page, spacing=12, margins=NONE)
        self.pages.addWidget(page)
        return column

    def turn_to(self, number: int, heading: str, *buttons: QPushButton) -> None:
        """Shows a page with its buttons; the last one is the likeliest."""
        self.heading.setText(heading)
        self.pages.setCurrentIndex(number)
        while (item := self._row.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
        self._row.addStretch(1)
        for button in buttons:
            self._row.addWidget(button)
            button.show()
        if buttons:
            buttons[-1].setDefault(True)
            buttons[-1].setFocus()
        announce(self, heading)

    def button(self, words: str, pressed: Callable[[], object], *, is_likely: bool = False) -> QPushButton:
        button = QPushButton(words, self)
        button.setAutoDefault(False)
        if is_likely:
            button.setProperty("tone", "primary")
        button.clicked.connect(lambda _checked=False: pressed())
        button.hide()
        return button

    # -- work -----------------------------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]], failed: Callable[[], object]) -> None:
        """Runs `work`; where it fails the fault is told after `failed` was called."""
        self.tell("")
        self._task = spawn(self._run(work, failed), name="exchange dialog")

    async def _run(self, work: Callable[[], Coroutine[Any, Any, None]], failed: Callable[[], object]) -> None:
        try:
            await work()
        except CompanionError as error:
            failed()
            self.tell(f"{error.message} {error.hint}".strip())

    def stop(self) -> None:
        """Ends what runs; nothing of it stays."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def tell(self, sentence: str) -> None:
        self.fault.setText(shown(sentence))
        self.fault.setVisible(bool(sentence))
        if sentence:
            announce(self, sentence)

    def done(self, result: int) -> None:
        self.stop()
        super().done(result)


class Progress(QWidget):
    """A bar with a line of words above it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        column = in_column(inside=self, spacing=10, margins=NONE)
        self.words = text_label("", "soft")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(name)
        column.addWidget(self.words)
        column.addWidget(self.bar)

    def show_far(self, words: str, done: int, total: int) -> None:
        """`total` 0: nobody knows."""
        self.words.setText(words)
        self.bar.setRange(0, total)
        self.bar.setValue(done)


def shown(text: str) -> str:
    """Text from a file as it may be laid out."""
    return breakable(clean_text(text))[0]


def line(text: str, kind: str) -> QLabel:
    return text_label(shown(text), kind)
