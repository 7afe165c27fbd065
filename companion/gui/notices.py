"""The banner under the top bar: one sentence, what is safe, one or two buttons. Never modal. Main thread.

One notice per kind and role; a newer one of the same takes its place. The two newest are shown, so that a turn in which
thinking and voice both fail tells both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from companion.errors import Action, Kind
from companion.frozen import Frozen
from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.clean import clean_text
from companion.gui.keys import GO_ON_KEY, key_name
from companion.gui.labels import label
from companion.kinds import Role
from companion.language import mark, tr, trn

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from PySide6.QtGui import QResizeEvent

    from companion.events import Trouble
    from companion.gui.theme import Look

ACTION_LABELS = {
    Action.OPEN_KEYS: mark("Open keys"),
    Action.CHOOSE_MODEL: mark("Choose model"),
    Action.CHOOSE_MICROPHONE: mark("Choose microphone"),
    Action.CHOOSE_SPEAKER: mark("Choose speaker"),
    Action.CHOOSE_HEARING: mark("Choose hearing"),
    Action.CHOOSE_VOICE: mark("Choose voice"),
    Action.RETRY: mark("Try again"),
    Action.ANSWER_OFFLINE: mark("Answer offline"),
    Action.HEAR_OFFLINE: mark("Hear offline"),
    Action.SPEAK_OFFLINE: mark("Speak offline"),
    Action.USE_PASSPHRASE: mark("Use a passphrase"),
    Action.SHOW_FILE: mark("Show the folder"),
    Action.RESTORE_BACKUP: mark("Restore a backup"),
    Action.NEW_JOURNAL: mark("Start a new journal"),
    Action.HEAR_WAITING: mark("Write it down"),
    Action.SHOW_WAITING: mark("Show recordings"),
    Action.CONTINUE: mark("Continue"),
}
_ROLES = {Role.THINKS: mark("Thinking"), Role.HEARS: mark("Hearing"), Role.SPEAKS: mark("Voice")}
_MOST_BUTTONS = 2
_MOST_SHOWN = 2
_MOST_WAITING = 8


_WITHOUT_WORDS = frozenset(
    {
        Kind.HEARD_NOTHING,
        Kind.MICROPHONE_SILENT,
        Kind.MICROPHONE_BUSY,
        Kind.MICROPHONE_DENIED,
        Kind.NO_MICROPHONE,
    }
)
"""Nothing was said that could wait."""


_PICTURES = (
    ("slept", "moon"),
    ("microphone", "microphone"),
    ("hear", "microphone"),
    ("take", "microphone"),
    ("speaker", "speaker"),
    ("voice", "speaker"),
    ("audio", "speaker"),
    ("key", "key"),
    ("passphrase", "key"),
    ("journal", "book"),
    ("settings", "settings"),
)
"""By a word in the name of a kind of trouble."""


class Notice(Frozen):
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

    role: Role | None = None
    """Whose trouble it is."""
    stays_s: float = 0.0
    """It goes by itself after so long; 0: it stays."""

    @property
    def key(self) -> tuple[str, Role | None]:
        """What a newer notice must have in common to take this one's place."""
        return self.kind, self.role

    @classmethod
    def of(cls, trouble: Trouble, act: Callable[[Action, Trouble], None]) -> Notice:
        """The card of an error; `act` is called with the button pressed and the trouble it is about."""
        error = trouble.error
        buttons = tuple(
            (tr(ACTION_LABELS[action]), lambda action=action: act(action, trouble))
            for action in error.actions[:_MOST_BUTTONS]
        )
        hint = clean_text(error.hint_in_window)
        if Action.CONTINUE in error.actions[:_MOST_BUTTONS]:
            hint = f"{hint} {tr('{key} goes on.', key=key_name(GO_ON_KEY))}"
        return cls(
            kind=error.kind.value,
            role=trouble.role,
            sentence=clean_text(error.message),
            hint=hint,
            buttons=buttons,
            tone="plain" if error.kind is Kind.SLEPT else "warn",
            icon=_picture(error.kind, trouble.role),
            is_about_turn=trouble.turn is not None,
            stops_turn=trouble.turn is not None
            and error.kind not in _WITHOUT_WORDS
            and trouble.role is not None
            and trouble.role is not Role.SPEAKS,
        )


def _picture(kind: Kind, role: Role | None) -> str:
    """What a trouble is about, at a glance; a cloud is somebody else's service."""
    named = next((icon for word, icon in _PICTURES if word in kind.value), "")
    return named or ("cloud" if role is not None else "notice")


class NoticeBar(QWidget):
    """The newest notices, one below the other; hidden while there is none."""

    changed = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._notices: dict[tuple[str, Role | None], Notice] = {}
        self.cards: list[NoticeCard] = []
        """What is shown, the newest first."""
        self._column = in_column(inside=self, spacing=8, margins=NONE)
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
        """Shows it now, above those of its kind that are there."""
        self._notices.pop(notice.key, None)
        self._notices[notice.key] = notice
        while len(self._notices) > _MOST_WAITING:
            del self._notices[next(iter(self._notices))]
        self._show()
        if notice.stays_s:
            QTimer.singleShot(round(notice.stays_s * 1000), self, lambda: self.close_one(notice))
        announce(self, f"{notice.sentence} {notice.hint}", urgent=notice.tone == "warn")
        from PySide6.QtGui import QAccessible, QAccessibleEvent

        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def has(self, kind: str) -> bool:
        return any(notice.kind == kind for notice in self._notices.values())

    def close_kinds(self, kinds: Container[str]) -> None:
        self._keep(lambda notice: notice.kind not in kinds)

    def close_role(self, role: Role) -> None:
        self._keep(lambda notice: notice.role is not role)

    def close_turn(self) -> None:
        """Something new begins; what was said about the last turn goes."""
        self._keep(lambda notice: not notice.is_about_turn)

    def close_one(self, gone: Notice) -> None:
        self._keep(lambda notice: notice is not gone)

    def _keep(self, stays: Callable[[Notice], bool]) -> None:
        kept = {key: notice for key, notice in self._notices.items() if stays(notice)}
        if len(kept) != len(self._notices):
            self._notices = kept
            self._show()

    def _press(self, notice: Notice, action: Callable[[], None]) -> None:
        self.close_one(notice)
        action()

    def _show(self) -> None:
        newest = list(reversed(self._notices.values()))
        newest.sort(key=lambda notice: notice.tone != "warn")  # what asks for something stands above
        self.setVisible(bool(newest))
        for card in self.cards:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [
            NoticeCard(
                self._look,
                notice,
                says_role=self._is_one_of_two(notice),
                press=self._press,
                close=self.close_one,
            )
            for notice in newest[:_MOST_SHOWN]
        ]
        for card in self.cards:
            self._column.addWidget(card)
            card.show()
        if len(newest) > _MOST_SHOWN:
            self.cards[-1].show_more(len(newest) - _MOST_SHOWN)
        self.changed.emit()

    def _is_one_of_two(self, notice: Notice) -> bool:
        """Whether the same went wrong with another role, so that the sentence alone does not tell them apart."""
        same = [other for other in self._notices.values() if other.kind == notice.kind]
        return notice.role is not None and len(same) > 1


_LEAST_PX = 34
"""Of a card's words: no card is lower, buttons or not."""
_LEAST_LINE = 24
"""Letters of a card's words beside its buttons."""


class NoticeCard(QFrame):
    """One notice: a picture, its words, its buttons."""

    def __init__(
        self,
        look: Look,
        notice: Notice,
        *,
        says_role: bool,
        press: Callable[[Notice, Callable[[], None]], None],
        close: Callable[[Notice], None],
    ) -> None:
        super().__init__()
        self.setProperty("notice", notice.tone)
        self.setProperty("help", "troubles")
        tone = look.colour("warn" if notice.tone == "warn" else "accent")
        role = f"{tr(_ROLES[notice.role])}: " if says_role and notice.role in _ROLES else ""
        sentence = label(f"{role}{notice.sentence}", "notice-sentence", wraps=True)
        self.hint = label(notice.hint, "notice-hint", wraps=True)
        self.setAccessibleName(sentence.text())
        self.setAccessibleDescription(notice.hint)
        picture = QLabel()
        picture.setPixmap(icons.pixmap(notice.icon, tone, 18, self.devicePixelRatioF()))
        self.more = label("", "notice-hint")
        self.more.hide()
        self.close_button = QToolButton()
        self.close_button.setProperty("tone", "plain")
        self.close_button.setAccessibleName(tr("Close this notice"))
        self.close_button.setToolTip(tr("Close"))
        self.close_button.setIcon(icons.icon("close", tone, 16))
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.clicked.connect(lambda: close(notice))
        row = in_row(picture, inside=self, spacing=12, margins=(17, 9, 12, 9))
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._body.setSpacing(12)
        self._body.addWidget(_Words(sentence, self.hint), 1)
        self._answers = in_row(spacing=12)
        self._body.addLayout(self._answers)
        row.addLayout(self._body, 1)
        self.buttons: list[QPushButton] = []
        for text, action in notice.buttons:
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, action=action: press(notice, action))
            self._answers.addWidget(button)
            self.buttons.append(button)
        row.addWidget(self.more)
        row.addWidget(self.close_button)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons stand below the words where they would leave them no line worth reading."""
        super().resizeEvent(event)
        least = self._body.spacing() + _LEAST_LINE * self.fontMetrics().averageCharWidth()
        is_narrow = self._body.geometry().width() - self._answers.sizeHint().width() < least
        beside, below = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        wanted = below if is_narrow and self.buttons else beside
        if self._body.direction() != wanted:
            self._body.setDirection(wanted)

    def show_more(self, count: int) -> None:
        """So many wait behind this one."""
        self.more.setText(f"+{count}")
        self.more.setToolTip(trn("One more", "{n} more", count))
        self.more.show()


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
            return max(self._sentence.fontMetrics().height(), _LEAST_PX)
        return max(_LEAST_PX, self._sentence.heightForWidth(width) + self._hint.heightForWidth(width))

    def sizeHint(self) -> QSize:
        width = max(self.width(), 200)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, _LEAST_PX)

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
