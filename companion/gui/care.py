"""The help card above the page: who can be reached where the person is, at once and silently. Main thread.

It goes when the person closes it or says that they are safe, and never by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QToolButton,
    QWidget,
)

from companion.events import CareEased, CareOffered, Event, ProgramNoted
from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.labels import label
from companion.gui.notices import Notice, NoticeBar
from companion.kinds import Concern
from companion.language import mark, tr

if TYPE_CHECKING:
    from companion.flow import Help
    from companion.gui.theme import Look

_SIDE_BY_SIDE_SCALE = 1.3
"""Largest text with which the country has a place of its own; else it stands beside its emergency number."""
_TITLE = mark("There are people to talk to right now.")
_TITLES = {
    Concern.MEDICAL: mark("Please call for help now."),
    Concern.VIOLENCE: mark("You do not have to face this alone."),
    Concern.CHILD: mark("There are people who can help right now."),
    Concern.THREAT: mark("There are people to talk to before anything happens."),
}
_UNKNOWN = mark("Choose your country")
_QUIET = mark("Nobody was told, and nothing was sent to anyone new.")
_NOTED_S = 60.0
"""How long a notice that is due is shown."""


def lines_of(shown: Help) -> tuple[str, str]:
    """(emergency, line) as a person reads them."""
    emergency = (
        tr("Emergency: {number}", number=tr(shown.emergency))
        if shown.emergency
        else tr("Emergency: your local number")
    )
    line = shown.line
    if line is None:
        return emergency, tr("Lines in your country: {directory}", directory=shown.directory)
    if line.text:
        told = tr(
            "{name}, day and night: call {call}, or text {text}",
            name=line.name,
            call=tr(line.call),
            text=tr(line.text),
        )
        return emergency, told
    return emergency, tr("{name}, day and night: call {call}", name=line.name, call=tr(line.call))


class CareCard(QFrame):
    """One per window; hidden while there is nothing to offer."""

    region_chosen = Signal(str)
    """ISO 3166 code of the country whose help the person wants to see."""
    closed = Signal()
    """By the person."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setProperty("notice", "care")
        self.setProperty("help", "care")
        self.hide()

    def _build(self) -> None:
        self.title = label(tr(_TITLE), "notice-sentence", wraps=True)
        self.emergency, self.line = self._number(), self._number()
        self.quiet = label(tr(_QUIET), "notice-hint", wraps=True)
        from PySide6.QtWidgets import QComboBox

        self.region = QComboBox()
        self.region.setAccessibleName(tr("Country whose help is shown"))
        self.region.view().setAccessibleName(tr("Countries"))
        self.region_label = label(tr("Country"), "notice-hint")
        self.region_label.setBuddy(self.region)  # read before the country that is chosen
        self.region.activated.connect(self._choose)
        self.close_button = QToolButton()
        self.close_button.setProperty("tone", "plain")
        self.close_button.setAccessibleName(tr("Close the help card"))
        self.close_button.setToolTip(tr("Close"))
        self.close_button.setIconSize(QSize(16, 16))
        self._look.changed.connect(self._dress)
        self.close_button.clicked.connect(self.hide)
        self.close_button.clicked.connect(self.closed)
        words = in_column(spacing=3)
        self._first = in_row(spacing=14)
        self._first.addWidget(self.emergency, 1)
        words.addWidget(self.title)
        words.addLayout(self._first)
        words.addWidget(self.line)
        words.addWidget(self.quiet)
        self._country = QWidget()
        country = in_column(self.region_label, inside=self._country, spacing=8, margins=NONE)
        country.addWidget(self.region, 1)
        self._side = in_column(spacing=8)
        self._side.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        row = in_row(inside=self, spacing=14, margins=(17, 11, 12, 12))
        row.addLayout(words, 1)
        row.addLayout(self._side)
        self._dress()

    def offer(self, concern: Concern, shown: Help) -> None:
        """Shows it; the same card again where it is shown already."""
        if self.layout() is None:  # nobody waits at a start for what is seldom shown
            self._build()
        was_shown = self.isVisible()
        self.title.setText(tr(_TITLES.get(concern, _TITLE)))
        self._fill(shown)
        self.show()
        if not was_shown:
            announce(self, f"{self.title.text()} {self.emergency.text()}. {self.line.text()}.")

    def _dress(self) -> None:
        self.close_button.setIcon(icons.icon("close", self._look.colour("accent"), 16))
        is_large = self._look.scale > _SIDE_BY_SIDE_SCALE
        self.region_label.setVisible(not is_large)
        (self._first if is_large else self._side).addWidget(self._country, 0, Qt.AlignmentFlag.AlignTop)
        self._side.setStretch(1, 0 if is_large else 1)

    @staticmethod
    def _number() -> QLabel:
        """A line whose number can be marked and copied."""
        result = label("", "care-number", wraps=True)
        flags = Qt.TextInteractionFlag
        result.setTextInteractionFlags(flags.TextSelectableByMouse | flags.TextSelectableByKeyboard)
        return result

    def _fill(self, shown: Help) -> None:
        from companion.care.help import countries

        if self.region.count() == 0:
            self.region.addItem(tr(_UNKNOWN), "")
            for code, name in countries().items():
                self.region.addItem(name, code)
        self.region.setCurrentIndex(max(0, self.region.findData(shown.code)))
        emergency, line = lines_of(shown)
        self.emergency.setText(emergency)
        self.line.setText(line)
        self.setAccessibleName(self.title.text())
        self.setAccessibleDescription(f"{emergency}. {line}.")

    def _choose(self, index: int) -> None:
        from companion.care.help import find

        code = str(self.region.itemData(index) or "")
        self._fill(find(code))
        if code:
            self.region_chosen.emit(code)


class AbovePage(QWidget):
    """What stands between the top bar and the page: help first, then notices; no room is taken while there is neither."""

    def __init__(self, card: CareCard, bar: NoticeBar) -> None:
        super().__init__()
        self._card, self._bar = card, bar
        in_column(card, bar, inside=self, spacing=8, margins=(28, 0, 28, 10))
        bar.changed.connect(self._show)
        card.closed.connect(self._show)
        self._show()

    def follow(self, event: Event) -> None:
        """Offers help at once, takes it away again, tells what is due."""
        match event:
            case CareOffered():
                self._card.offer(event.concern, event.help)
            case CareEased():
                self._card.hide()
            case ProgramNoted():
                notice = Notice(
                    kind="program", sentence=event.text, hint="", tone="plain", icon="leaf", stays_s=_NOTED_S
                )
                self._bar.tell(notice)
            case _:
                return
        self._show()

    def _show(self) -> None:
        self.setVisible(self._bar.current is not None or not self._card.isHidden())
