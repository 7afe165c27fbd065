"""The banner under the top bar: one sentence, what is safe, one or two buttons. Never modal. Main thread.

One notice per kind; a newer one of the same kind takes its place, the newest of all is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from companion.errors import Action, Kind
from companion.events import Trouble
from companion.flow import Role
from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.clean import clean_text
from companion.gui.keys import GO_ON_KEY
from companion.gui.labels import label
from companion.gui.theme import Look

ACTION_LABELS = {
    Action.OPEN_KEYS: "Open keys",
    Action.CHOOSE_MODEL: "Choose model",
    Action.CHOOSE_MICROPHONE: "Choose microphone",
    Action.CHOOSE_SPEAKER: "Choose speaker",
    Action.CHOOSE_HEARING: "Choose hearing",
    Action.CHOOSE_VOICE: "Choose voice",
    Action.RETRY: "Try again",
    Action.ANSWER_OFFLINE: "Answer offline",
    Action.HEAR_OFFLINE: "Hear offline",
    Action.SPEAK_OFFLINE: "Speak offline",
    Action.USE_PASSPHRASE: "Use a passphrase",
    Action.SHOW_FILE: "Show the folder",
    Action.NEW_JOURNAL: "Start a new journal",
    Action.HEAR_WAITING: "Write it down",
    Action.SHOW_WAITING: "Show recordings",
    Action.CONTINUE: "Continue",
}
_MOST_BUTTONS = 2
_MOST_WAITING = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the banner says."""

    kind: str
    sentence: str
    hint: str
    buttons: tuple[tuple[str, Callable[[], None]], ...] = ()
    tone: Literal["warn", "plain"] = "warn"
    icon: str = "cloud"
    is_about_turn: bool = False
    """Goes when the person begins something new."""
    stops_turn: bool = False
    """The turn waits for the person."""

    @classmethod
    def of(cls, trouble: Trouble, act: Callable[[Action, Trouble], None]) -> Notice:
        """The card of an error; `act` is called with the button pressed and what the card tells."""
        error = trouble.error
        buttons = tuple(
            (ACTION_LABELS[action], lambda action=action: act(action, trouble))
            for action in error.actions[:_MOST_BUTTONS]
        )
        hint = clean_text(error.hint)
        if Action.CONTINUE in error.actions[:_MOST_BUTTONS]:
            hint = f"{hint} {GO_ON_KEY} goes on."
        return cls(
            kind=error.kind.value,
            sentence=clean_text(error.message),
            hint=hint,
            buttons=buttons,
            tone="plain" if error.kind is Kind.SLEPT else "warn",
            icon="moon" if error.kind is Kind.SLEPT else "cloud",
            is_about_turn=trouble.turn is not None,
            stops_turn=trouble.turn is not None
            and trouble.role is not None
            and trouble.role is not Role.SPEAKS,
        )


class NoticeBar(QFrame):
    """Shows the newest notice; hidden while there is none."""

    changed = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._notices: dict[str, Notice] = {}
        self.setProperty("notice", "warn")
        self._picture = QLabel()
        self._sentence = label("", "notice-sentence", wraps=True)
        self._hint = label("", "notice-hint", wraps=True)
        self._buttons: list[QPushButton] = []
        self._more = label("", "notice-hint")
        self.close_button = QToolButton()
        self.close_button.setProperty("tone", "plain")
        self.close_button.setAccessibleName("Close this notice")
        self.close_button.setToolTip("Close")
        self.close_button.clicked.connect(self._close_current)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(17, 9, 12, 9)
        self._row.setSpacing(12)
        self._row.addWidget(self._picture)
        words = _Words(self._sentence, self._hint)
        self._row.addWidget(words, 1)
        self._row.addWidget(self._more)
        self._row.addWidget(self.close_button)
        look.changed.connect(self._show)
        self.hide()

    @property
    def current(self) -> Notice | None:
        return next(reversed(self._notices.values()), None)

    @property
    def stops_turn(self) -> bool:
        """Whether the person's words wait behind one of the notices."""
        return any(notice.stops_turn for notice in self._notices.values())

    def stops_only(self, kind: Kind) -> bool:
        """Whether it waits behind notices of this kind and no other."""
        return {notice.kind for notice in self._notices.values() if notice.stops_turn} == {kind.value}

    def tell(self, notice: Notice) -> None:
        """Shows it now, before the ones that are there."""
        self._notices.pop(notice.kind, None)
        self._notices[notice.kind] = notice
        while len(self._notices) > _MOST_WAITING:
            del self._notices[next(iter(self._notices))]
        self._show()
        announce(self, f"{notice.sentence} {notice.hint}", urgent=notice.tone == "warn")
        from PySide6.QtGui import QAccessible, QAccessibleEvent

        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def close_all(self) -> None:
        """What was wrong is right again."""
        self._keep(lambda notice: notice.tone == "plain")

    def close_kind(self, kind: str) -> None:
        self._keep(lambda notice: notice.kind != kind)

    def close_turn(self) -> None:
        """Something new begins; what was said about the last turn goes."""
        self._keep(lambda notice: not notice.is_about_turn)

    def _keep(self, stays: Callable[[Notice], bool]) -> None:
        kept = {kind: notice for kind, notice in self._notices.items() if stays(notice)}
        if len(kept) != len(self._notices):
            self._notices = kept
            self._show()

    def _close_current(self) -> None:
        if self.current is not None:
            self.close_kind(self.current.kind)

    def _press(self, notice: Notice, action: Callable[[], None]) -> None:
        self.close_kind(notice.kind)
        action()

    def _show(self) -> None:
        notice = self.current
        self.setVisible(notice is not None)
        for button in self._buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons.clear()
        if notice is not None:
            self._fill(notice)
        self.changed.emit()

    def _fill(self, notice: Notice) -> None:
        tone = "warn" if notice.tone == "warn" else "accent"
        self.setProperty("notice", notice.tone)
        for part in (self, self._sentence, self._hint, self._more):
            part.style().unpolish(part)
            part.style().polish(part)
        self._sentence.setText(notice.sentence)
        self._hint.setText(notice.hint)
        self.setAccessibleName(notice.sentence)
        self.setAccessibleDescription(notice.hint)
        ratio = self.devicePixelRatioF()
        self._picture.setPixmap(icons.pixmap(notice.icon, self._look.colour(tone), 18, ratio))
        waiting = len(self._notices) - 1
        self._more.setText(f"+{waiting}" if waiting else "")
        self._more.setVisible(waiting > 0)
        for text, action in notice.buttons:
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, action=action: self._press(notice, action))
            self._row.insertWidget(self._row.count() - 2, button)
            self._buttons.append(button)
        self.close_button.setIcon(icons.icon("close", self._look.colour(tone), 16))
        self.close_button.setIconSize(QSize(16, 16))


class _Words(QWidget):
    """The sentence and its hint on one line where they fit, else one above the other."""

    def __init__(self, sentence: QLabel, hint: QLabel) -> None:
        super().__init__()
        self._sentence, self._hint = sentence, hint
        sentence.setParent(self)
        hint.setParent(self)
        sizes = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        sizes.setHeightForWidth(True)
        self.setSizePolicy(sizes)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if self._fits(width):
            return max(self._sentence.sizeHint().height(), self._hint.sizeHint().height(), 34)
        return max(34, self._sentence.heightForWidth(width) + self._hint.heightForWidth(width))

    def sizeHint(self) -> QSize:
        width = max(self.width(), 200)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 34)

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide, high = self.width(), self.height()
        if self._fits(wide):
            first = self._line(self._sentence)
            self._sentence.setGeometry(0, 0, first, high)
            self._hint.setGeometry(first + 4, 0, wide - first - 4, high)
        else:
            first = self._sentence.heightForWidth(wide)
            self._sentence.setGeometry(0, 0, wide, first)
            self._hint.setGeometry(0, first, wide, high - first)

    def _fits(self, width: int) -> bool:
        return self._line(self._sentence) + self._line(self._hint) + 8 <= width

    @staticmethod
    def _line(words: QLabel) -> int:
        words.ensurePolished()
        return words.fontMetrics().horizontalAdvance(words.text()) + 4
