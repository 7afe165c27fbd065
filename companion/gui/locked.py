"""The page of a locked app: nothing of the journal, and one way in. Main thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QWidget

from companion.errors import CompanionError, Kind
from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.boxes import in_column
from companion.gui.labels import label
from companion.gui.theme import Look
from companion.language import mark, tr
from companion.tasks import spawn

_TEXTS = {
    "keyring": mark(
        "Your reflections are closed and the microphone is off. This computer's keyring opens them."
    ),
    "passphrase": mark("Your reflections are closed and the microphone is off. Your passphrase opens them."),
    "memory": mark(
        "What you said is out of sight and the microphone is off. Nothing is kept when the window closes."
    ),
}
_WIDTH_PX = 460
PASSPHRASE_MAY_OPEN = frozenset(
    {Kind.NO_KEYRING, Kind.KEYRING_TIMEOUT, Kind.KEYRING_FAILED, Kind.JOURNAL_LOCKED, Kind.WRONG_PASSPHRASE}
)


class LockedPage(QWidget):
    """Asks for the passphrase, or for nothing but a press of the button.

    Args:
        unlock: opens it, with a passphrase or "" for the keyring; raises `CompanionError`.
    """

    def __init__(self, look: Look, unlock: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._look, self._unlock = look, unlock
        self._trying: asyncio.Task[None] | None = None
        self.setProperty("page", "true")
        self._picture = QLabel()
        self.sentence, self.message = label(tr("Locked"), "title"), label("", "soft", wraps=True)
        self.field = QLineEdit()
        self.fault = label("", "warn", wraps=True)
        self.button = QPushButton(tr("Unlock"))
        self._lay_out()
        look.changed.connect(self._dress)
        self.ask("keyring")

    def ask(self, opens_with: str) -> None:
        """`opens_with`: "keyring", "passphrase" or "memory"."""
        if self.field.text() or self.is_trying:
            return  # somebody is at it
        self.message.setText(tr(_TEXTS.get(opens_with, _TEXTS["keyring"])))
        announce(self, f"{self.sentence.text()}. {self.message.text()}")
        self.field.setVisible(opens_with == "passphrase")
        self._say("")
        self._dress()
        self.take_focus()

    @property
    def is_trying(self) -> bool:
        return self._trying is not None and not self._trying.done()

    def take_focus(self) -> None:
        (self.button if self.field.isHidden() else self.field).setFocus(Qt.FocusReason.OtherFocusReason)

    def try_it(self) -> None:
        """Opens with what is typed, or says what is wrong with it."""
        text = self.field.text()
        if self.is_trying or (not self.field.isHidden() and not text):
            return
        self._say(tr("One moment …"))
        self._trying = spawn(self._try(text), name="unlock")

    async def _try(self, text: str) -> None:
        try:
            await self._unlock(text)
        except CompanionError as error:
            if error.kind in PASSPHRASE_MAY_OPEN:  # a passphrase may still open it
                self.field.show()
            self._say(f"{error.message} {error.hint}".strip())
            self.field.selectAll()
            self.take_focus()
        else:
            self.field.clear()
            self._say("")

    def _say(self, sentence: str) -> None:
        self.fault.setText(sentence)
        self.fault.setMinimumHeight(max(0, self.fault.heightForWidth(self._look.px(_WIDTH_PX))))
        if sentence:
            announce(self.fault, sentence)

    def _lay_out(self) -> None:
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText(tr("Passphrase"))
        self.field.setAccessibleName(tr("Passphrase"))
        self.field.returnPressed.connect(self.try_it)
        self.button.setProperty("tone", "primary")
        self.button.setAutoDefault(True)
        self.button.clicked.connect(self.try_it)
        middle = Qt.AlignmentFlag.AlignHCenter
        column = in_column(inside=self, spacing=12)
        column.addStretch(3)
        for part in (self._picture, self.sentence, self.message):
            part.setAlignment(middle)
            column.addWidget(part, 0, middle)
        column.addSpacing(10)
        column.addWidget(self.field, 0, middle)
        column.addWidget(self.button, 0, middle)
        self.fault.setAlignment(middle)
        column.addWidget(self.fault, 0, middle)
        column.addStretch(4)

    def _dress(self) -> None:
        width = self._look.px(_WIDTH_PX)
        for part in (self.message, self.fault):
            part.setFixedWidth(width)
        self.message.setMinimumHeight(max(0, self.message.heightForWidth(width)))
        self.field.setFixedWidth(self._look.px(320))
        self._picture.setPixmap(
            icons.pixmap("lock", self._look.colour("accent"), 34, self.devicePixelRatioF())
        )
