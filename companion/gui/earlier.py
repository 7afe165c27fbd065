"""The chips of what is brought up from other days: with which day, to open, or to send away. Main thread.

One calm row above the button, there as long as the answer it belongs to; a chip opens a small menu.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from companion.days import When
from companion.gui.boxes import NONE, in_row
from companion.gui.clean import clean_text
from companion.gui.labels import label, tip
from companion.gui.theme import Look
from companion.language import tr
from companion.records import Earlier

_MOST = 3
"""Chips side by side; the others are in the menu of the last."""
_CHIP_PX, _MORE_PX, _AROUND_PX = 190, 76, 28
"""Least width of a chip, width of the one for the others, and what is around the words of a chip."""


class EarlierRow(QWidget):
    """Hidden while nothing is brought up."""

    opened = Signal(object)
    """The day it was said on."""
    sent_away = Signal(int)
    """A turn that is not wanted in this reflection any more."""
    forbidden = Signal(int)
    """A turn that is never to be brought up again."""
    changed = Signal()
    """It has come, gone, or holds something else."""
    switched_off = Signal()
    """Nothing of other days in this reflection."""

    def __init__(self, look: Look, today: Callable[[], date], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._today = look, today
        self._passages: list[Earlier] = []
        self.chips: list[QPushButton] = []
        self._row = in_row(inside=self, spacing=8, margins=NONE)
        self._lead = label(tr("Remembering"), "hint")
        self._row.addStretch(1)
        self._row.addWidget(self._lead)
        self._row.addStretch(1)
        self.setAccessibleName(tr("Remembered from other days"))
        self.hide()

    @property
    def wanted_height(self) -> int:
        return max([self._look.px(30), *(chip.sizeHint().height() for chip in self.chips)])

    def tell(self, passages: Sequence[Earlier]) -> None:
        """Shows these instead; none: the row goes."""
        self._passages = list(passages)
        self._arrange()
        self.changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._arrange()

    def _arrange(self) -> None:
        """As many chips as have room, and one for the others."""
        for chip in self.chips:
            self._row.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        px, gap = self._look.px, self._row.spacing()
        room = self.width() - self._lead.sizeHint().width() - gap
        count = min(len(self._passages), _MOST, max(1, room // px(_CHIP_PX)))
        if count < len(self._passages):
            room -= px(_MORE_PX) + gap
            count = min(count, max(1, room // px(_CHIP_PX)))
        wide = max(px(60), room // max(1, count) - gap - px(_AROUND_PX))
        self.chips = [self._chip(each, wide) for each in self._passages[:count]]
        if count < len(self._passages):
            self.chips.append(self._more_chip(self._passages[count:]))
        for at, chip in enumerate(self.chips):
            self._row.insertWidget(2 + at, chip)
        self.setVisible(bool(self.chips))

    def menu_of(self, passage: Earlier) -> QMenu:
        """What can be done about a passage."""
        menu = QMenu(self)
        if passage.session_id is not None:
            day = When.of(passage.at, passage.offset_s).day
            menu.addAction(tr("Open this day in the journal"), partial(self.opened.emit, day))
        if passage.turn_id is not None:
            menu.addAction(tr("Not now"), partial(self._send_away, passage))
            menu.addAction(tr("Never bring this up again"), partial(self._forbid, passage))
            menu.addSeparator()
        menu.addAction(tr("Bring up nothing in this reflection"), self._switch_off)
        return menu

    def _chip(self, passage: Earlier, wide: int) -> QPushButton:
        day = When.of(passage.at, passage.offset_s).short(self._today())
        words = " ".join(clean_text(passage.text).split())
        chip = QPushButton()
        chip.setProperty("tone", "chip")
        chip.ensurePolished()
        text = QFontMetrics(chip.font()).elidedText(f"{day}: {words}", Qt.TextElideMode.ElideRight, wide)
        chip.setText(text.replace("&", "&&"))
        chip.setAccessibleName(tr("Remembering {day}: {words}", day=day, words=words))
        chip.setToolTip(tip(words))
        chip.clicked.connect(lambda: self._open_menu(chip, self.menu_of(passage)))
        return chip

    def _more_chip(self, passages: Sequence[Earlier]) -> QPushButton:
        chip = QPushButton(tr("{passages} more", passages=len(passages)))
        chip.setProperty("tone", "chip")
        chip.setAccessibleName(tr("{passages} more from other days", passages=len(passages)))

        def open_menu() -> None:
            menu = QMenu(self)
            for each in passages:
                one = self.menu_of(each)
                one.setTitle(self._chip_text(each))
                menu.addMenu(one)
            self._open_menu(chip, menu)

        chip.clicked.connect(open_menu)
        return chip

    def _chip_text(self, passage: Earlier) -> str:
        words = " ".join(clean_text(passage.text).split())
        short = words if len(words) <= 50 else words[:49] + "\u2026"
        return f"{When.of(passage.at, passage.offset_s).short(self._today())}: {short}".replace("&", "&&")

    def _open_menu(self, chip: QPushButton, menu: QMenu) -> None:
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(chip.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _send_away(self, passage: Earlier) -> None:
        self.sent_away.emit(passage.turn_id)
        self._drop(passage)

    def _forbid(self, passage: Earlier) -> None:
        self.forbidden.emit(passage.turn_id)
        self._drop(passage)

    def _switch_off(self) -> None:
        self.switched_off.emit()
        self.tell(())

    def _drop(self, passage: Earlier) -> None:
        self.tell([each for each in self._passages if each is not passage])
