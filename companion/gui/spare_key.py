"""Eight words to write down, and typed back once before they hold. Main thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from companion.errors import CompanionError
from companion.gui.boxes import NONE, in_column
from companion.gui.labels import label
from companion.gui.theme import Look
from companion.language import mark, tr
from companion.tasks import spawn

_MISSING = (
    mark("The first word is missing."),
    mark("The second word is missing."),
    mark("The third word is missing."),
    mark("The fourth word is missing."),
    mark("The fifth word is missing."),
    mark("The sixth word is missing."),
    mark("The seventh word is missing."),
    mark("The eighth word is missing."),
)
_OTHER = (
    mark("The first word is another one."),
    mark("The second word is another one."),
    mark("The third word is another one."),
    mark("The fourth word is another one."),
    mark("The fifth word is another one."),
    mark("The sixth word is another one."),
    mark("The seventh word is another one."),
    mark("The eighth word is another one."),
)
_SHOWN, _TYPED = range(2)
_WHY = mark(
    "If this computer's keyring is lost, or you move to another computer, these eight words open your journal. Write them "
    "on paper and keep it somewhere safe. They are shown only now, and nobody can bring them back."
)
_BACK = mark("Type the eight words from your paper, in this order. Case and spaces do not matter.")


class SpareKeyDialog(QDialog):
    """Accepted once the words were typed back and hold.

    Args:
        words: eight, with spaces between.
        is_same: whether what was typed will open what the words open.
        keep: makes them hold; raises `CompanionError`.
    """

    def __init__(
        self,
        words: str,
        *,
        is_same: Callable[[str, str], bool],
        keep: Callable[[str], Awaitable[None]],
        look: Look,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._words, self._is_same, self._keep = words, is_same, keep
        self.setWindowTitle(tr("Eight words for your journal"))
        self.setProperty("help", "journal")
        self.setMinimumWidth(look.px(520))
        self.field = QLineEdit()
        self.fault = label("", "warn", wraps=True)
        self.back, self.go_on = QPushButton(tr("Not now")), QPushButton(tr("I have written them down"))
        self._numbered: list[QWidget] = []
        self._steps = QStackedWidget()
        self._steps.addWidget(self._shown_step(look))
        self._steps.addWidget(self._typed_step())
        column = in_column(
            label(tr("Eight words that open your journal"), "title", wraps=True),
            inside=self,
            spacing=14,
            margins=(28, 26, 28, 22),
        )
        column.addWidget(self._steps, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.back)
        row.addWidget(self.go_on)
        column.addLayout(row)
        self.go_on.setProperty("tone", "primary")
        self.go_on.setDefault(True)
        self.back.clicked.connect(self._go_back)
        self.go_on.clicked.connect(self._go_on)
        self._turn(_SHOWN)

    def _shown_step(self, look: Look) -> QWidget:
        page = QWidget()
        column = in_column(inside=page, spacing=14, margins=NONE)
        why = label(tr(_WHY), "soft", wraps=True)
        why.setMinimumHeight(why.heightForWidth(look.px(464)))
        column.addWidget(why)
        card = QFrame()
        card.setProperty("card", "true")
        grid = QGridLayout(card)
        grid.setContentsMargins(20, 16, 20, 16)
        grid.setVerticalSpacing(10)
        for place, word in enumerate(self._words.split()):
            number, shown = label(f"{place + 1}", "hint"), label(word, "title")
            shown.setAccessibleName(f"{place + 1}: {word}")
            row, column_of_four = place % 4, 2 * (place // 4)
            self._numbered.append(shown)
            grid.addWidget(number, row, column_of_four)
            grid.addWidget(shown, row, column_of_four + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        column.addWidget(card)
        column.addStretch(1)
        return page

    def showEvent(self, event: QShowEvent) -> None:
        for shown in self._numbered:  # a stack of pages does not ask for the room of what is in them
            shown.ensurePolished()
            shown.setMinimumHeight(shown.sizeHint().height())
        super().showEvent(event)

    def _typed_step(self) -> QWidget:
        page = QWidget()
        column = in_column(label(tr(_BACK), "soft", wraps=True), inside=page, spacing=14, margins=NONE)
        self.field.setAccessibleName(tr("The eight words"))
        self.field.returnPressed.connect(self._go_on)
        column.addWidget(self.field)
        column.addWidget(self.fault)
        column.addStretch(1)
        return page

    def _turn(self, step: int) -> None:
        self._steps.setCurrentIndex(step)
        self.back.setText(tr("Not now") if step == _SHOWN else tr("Show them again"))
        self.go_on.setText(tr("I have written them down") if step == _SHOWN else tr("Keep these words"))
        self.fault.setText("")
        if step == _TYPED:
            self.field.clear()
            self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _go_back(self) -> None:
        if self._steps.currentIndex() == _TYPED:
            self._turn(_SHOWN)
        else:
            self.reject()

    def _go_on(self) -> None:
        if self._steps.currentIndex() == _SHOWN:
            self._turn(_TYPED)
        elif self._is_same(self._words, self.field.text()):
            self.go_on.setEnabled(False)
            self.fault.setText(tr("One moment …"))
            spawn(self._hold(), name="keep eight words")
        elif self.field.text().strip():
            self.fault.setText(self._difference())

    def _difference(self) -> str:
        meant, typed = self._words.split(), self.field.text().casefold().split()
        for place, word in enumerate(meant):
            if place >= len(typed):
                return tr(_MISSING[place])
            if typed[place].strip(",.;") != word:
                return tr(_OTHER[place])
        return tr("There are more than eight words.")

    async def _hold(self) -> None:
        try:
            await self._keep(self._words)
        except CompanionError as error:
            self.fault.setText(f"{error.message} {error.hint}".strip())
        else:
            self.field.clear()
            self.accept()
        finally:
            self.go_on.setEnabled(True)
