"""Asks for the journal's passphrase: to open one that is locked, or to choose one where there is no keyring. Main thread.

Not modal; what is said meanwhile is kept in memory and moves into the journal once it opens. A wrong passphrase costs
nothing but the time to type it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from companion.errors import CompanionError
from companion.gui.boxes import NONE, in_column
from companion.gui.labels import dress, text_label
from companion.gui.theme import Look
from companion.language import mark, tr
from companion.tasks import spawn

SHORTEST = 8
"""Characters a new passphrase needs."""
_TEXTS = {
    "choose": (
        mark("Choose a passphrase"),
        mark(
            "There is no safe keyring on this computer, so a passphrase protects your journal. You will be asked for it at "
            "each start. Nobody can recover it: write it down and keep it somewhere safe."
        ),
        mark("Keep my journal"),
    ),
    "enter": (
        mark("Open your journal"),
        mark("Your journal is locked with a passphrase. What you say meanwhile is kept and moves into it."),
        mark("Open"),
    ),
}


class PassphraseForm(QWidget):
    """The fields and what is wrong with them.

    Args:
        purpose: "choose" or "enter".
        use: opens the journal; raises `CompanionError` when it does not open.
    """

    opened = Signal()
    """The journal is open."""
    resized = Signal()
    """Another sentence is shown."""

    def __init__(self, purpose: str, use: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._purpose, self._use = purpose, use
        column = in_column(inside=self, spacing=12, margins=NONE)
        self.field = self._field(tr("Passphrase"))
        column.addWidget(self.field)
        self.again = self._field(tr("Type it again"))
        column.addWidget(self.again)
        if purpose != "choose":
            self.again.hide()
        self.fault = text_label("", "warn")
        column.addWidget(self.fault)
        self.fault.hide()
        self.is_trying = False

    def try_it(self) -> None:
        """Opens the journal with what was typed, or says what is wrong with it."""
        text = self.field.text()
        if self._purpose == "choose" and len(text) < SHORTEST:
            self._say(
                tr(
                    "At least {shortest} characters, please; four unrelated words are good.",
                    shortest=SHORTEST,
                )
            )
        elif self._purpose == "choose" and text != self.again.text():
            self._say(tr("The two do not match."))
        elif text and not self.is_trying:
            self.is_trying = True
            self._say(tr("One moment …"), "small")
            spawn(self._open(text), name="passphrase")

    def _field(self, name: str) -> QLineEdit:
        field = QLineEdit()
        field.setEchoMode(QLineEdit.EchoMode.Password)
        field.setPlaceholderText(name)
        field.setAccessibleName(name)
        field.returnPressed.connect(self.try_it)
        return field

    async def _open(self, text: str) -> None:
        try:
            await self._use(text)
        except CompanionError as error:
            self._say(f"{error.message} {error.hint}".strip())
            self.field.selectAll()
            self.field.setFocus()
        else:
            self.field.clear()
            self.again.clear()
            self.fault.hide()
            self.opened.emit()
        finally:
            self.is_trying = False

    def _say(self, sentence: str, kind: str = "warn") -> None:
        dress(self.fault, type=kind)
        self.fault.setText(sentence)
        self.fault.show()
        self.resized.emit()


class PassphraseDialog(QDialog):
    """One question, answered when `accept` is called by a passphrase that worked. Arguments as of `PassphraseForm`."""

    def __init__(
        self, purpose: str, use: Callable[[str], Awaitable[None]], look: Look, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        title, text, button = map(tr, _TEXTS[purpose])
        self.setWindowTitle(title)
        self.setProperty("help", "journal")
        self.setMinimumWidth(look.px(460))
        column = self._column = in_column(
            text_label(title, "title"),
            text_label(text, "soft"),
            inside=self,
            spacing=12,
            margins=(28, 26, 28, 22),
        )
        self.form = PassphraseForm(purpose, use)
        column.addWidget(self.form)
        row = QHBoxLayout()
        row.addStretch(1)
        self.later = QPushButton(tr("Not now"))
        self.button = QPushButton(button)
        self.button.setProperty("tone", "primary")
        self.button.setDefault(True)
        row.addWidget(self.later)
        row.addWidget(self.button)
        column.addLayout(row)
        self.later.clicked.connect(self.reject)
        self.button.clicked.connect(self.form.try_it)
        self.form.opened.connect(self.accept)
        self.form.resized.connect(self._fit)
        self.form.field.setFocus()
        self._fit()

    def _fit(self) -> None:
        """As high as the wrapped sentences need; a dialog does not ask its layout for that by itself."""
        width = self.minimumWidth()
        self.setMinimumHeight(self._column.totalHeightForWidth(width))
        self.resize(width, self.minimumHeight())
