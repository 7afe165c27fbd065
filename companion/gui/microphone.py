"""Whether the microphone is open, shown alike everywhere: a sign with a word, a shape and a level. Main thread.

`MicrophoneState` follows what the microphone really does, as events tell it; every page and dialog shows its state with a
`MicrophoneSign`. A click on one ends the take, or closes the microphone of hands-free mode.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from companion import events as e
from companion.gui import icons
from companion.gui.talk import loudness
from companion.language import mark, tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from companion.gui.theme import Look

_MARGIN_PX = 14
_HEIGHT_PX = 32
_ICON_PX = 16
_BARS = (0.6, 1.0, 0.75)
"""How far each bar of the level rises, of the whole."""


class Open(StrEnum):
    """How open the microphone is."""

    CLOSED = "closed"
    OPENING = "opening"
    LISTENING = "listening"
    """What is said is a take."""
    WAITING = "waiting"
    """Hands-free: it is open, and a take begins by speaking."""
    KEPT = "kept"
    """Between takes, and nothing is recorded: the person wants the device to stay open."""
    PAUSED = "paused"
    """Hands-free, and closed while a dialog is in front."""


_WORDS = {
    Open.OPENING: mark("Opening"),
    Open.LISTENING: mark("Listening"),
    Open.WAITING: mark("Microphone open"),
    Open.KEPT: mark("Microphone kept open"),
    Open.PAUSED: mark("Hands-free paused"),
}
_SHORT = {
    **_WORDS,
    Open.WAITING: mark("Mic open"),
    Open.KEPT: mark("Kept open"),
    Open.PAUSED: mark("Paused"),
}
"""For the rail."""
_DOES = {
    Open.OPENING: mark("The microphone is opening. Press to stop."),
    Open.LISTENING: mark("The microphone is open: what you say is recorded. Press to stop and send."),
    Open.WAITING: mark("The microphone is open and a turn begins when you speak. Press to close it."),
    Open.KEPT: mark(
        "The microphone stays open between recordings, as chosen under Sound. Nothing is recorded."
    ),
    Open.PAUSED: mark("Hands-free listening is paused while a dialog is in front."),
}
_FILLED = frozenset({Open.LISTENING, Open.OPENING})
_ONLY_TOLD = frozenset({Open.PAUSED, Open.KEPT})
"""A press there does nothing."""


class MicrophoneState(QObject):
    """One per window; `end_take` and `mute` are what a click on a sign does."""

    changed = Signal()
    level_changed = Signal()

    def __init__(
        self, events: e.Events, *, end_take: Callable[[], None], mute: Callable[[bool], None]
    ) -> None:
        super().__init__()
        self.level_db = -90.0
        self._phase = e.Phase.READY
        self._is_free = self._is_closed = False
        self._takes = 0
        """That are open; one lasts a moment longer than its phase, while the device closes."""
        self._is_kept = self._has_dialog = False
        self._end_take, self._mute = end_take, mute
        self.stop = events.watch(self._watch)

    @property
    def open(self) -> Open:
        if self._phase is e.Phase.LISTENING:
            return Open.LISTENING
        if self._phase is e.Phase.ARMING:
            return Open.OPENING
        if self._is_free and not self._is_closed:
            return Open.WAITING
        if self._takes:
            return Open.LISTENING
        if self._is_kept:
            return Open.KEPT
        return Open.PAUSED if self._is_free and self._has_dialog else Open.CLOSED

    def pause(self, *, is_paused: bool) -> None:
        """A dialog is in front, and hands-free listening is to pause."""
        self._has_dialog = is_paused
        self.changed.emit()

    def press(self) -> None:
        """Ends what keeps the microphone open."""
        if self.open in _FILLED:
            self._end_take()
        elif self.open is Open.WAITING:
            self._mute(True)

    def _watch(self, event: e.Event) -> None:
        match event:
            case e.LevelMeasured(is_input=True):
                self.level_db = event.level_db
                self.level_changed.emit()
            case e.PhaseChanged():
                self._phase, self.level_db = event.phase, -90.0
                self.changed.emit()
            case e.TakeOpened():
                self._takes += 1 if event.is_open else -1
                self.changed.emit()
            case e.MicrophoneKept():
                self._is_kept = event.is_open
                self.changed.emit()
            case e.HandsFreeChanged():
                self._is_free = event.is_on and not event.is_muted
                self._is_closed = event.is_paused
                self.changed.emit()


class MicrophoneSign(QAbstractButton):
    """Seen while the microphone is open.

    Args:
        is_upright: the word stands beneath, for the rail.
    """

    def __init__(
        self, state: MicrophoneState, look: Look, parent: QWidget | None = None, *, is_upright: bool = False
    ) -> None:
        super().__init__(parent)
        self._state, self._look, self._is_upright = state, look, is_upright
        self._shown = Open.CLOSED
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(state.press)
        state.changed.connect(self._show)
        state.level_changed.connect(self._show_level)
        look.changed.connect(self.updateGeometry)
        self.hide()
        self._name()
        self._show()

    def sizeHint(self) -> QSize:
        if self._is_upright:
            return QSize(60, 60)
        words = QFontMetrics(self._look.font("label")).horizontalAdvance(tr(_WORDS.get(self._shown, "")))
        bars = 28 if self._shown in _FILLED else 0
        return QSize(14 + _ICON_PX + 8 + words + bars + 14, self._look.px(_HEIGHT_PX))

    def _show(self) -> None:
        before, self._shown = self._shown, self._state.open
        if self._shown is before:
            return
        self.setEnabled(self._shown not in _ONLY_TOLD)
        self._name()
        self.updateGeometry()
        self.setVisible(self._shown is not Open.CLOSED)
        self.update()

    def _name(self) -> None:
        self.setAccessibleName(tr(_WORDS.get(self._shown, mark("Microphone"))))
        self.setAccessibleDescription(tr(_DOES.get(self._shown, "")))
        self.setToolTip(self.accessibleDescription())

    def _show_level(self) -> None:
        if self.isVisible() and not self._look.reduced_motion:
            self.update()

    # -- painting -------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_filled = self._shown in _FILLED
        ink = self._look.colour("on_accent" if is_filled else "accent")
        if self._shown is Open.PAUSED:
            ink = self._look.colour("faint")
        if self._is_upright:
            self._paint_upright(painter, ink)
        else:
            self._paint_flat(painter, ink)
        painter.end()

    def _paint_flat(self, painter: QPainter, ink: QColor) -> None:
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        self._paint_ground(painter, box)
        middle = box.center().y()
        icons.paint(painter, "microphone", ink, QRectF(13, middle - _ICON_PX / 2, _ICON_PX, _ICON_PX))
        painter.setFont(self._look.font("label"))
        painter.setPen(ink)
        words = box.adjusted(14 + _ICON_PX + 7, 0, 0, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, tr(_WORDS.get(self._shown, "")))
        if self._shown in _FILLED:
            self._paint_level(painter, ink, QRectF(box.right() - 13 - 16, middle - 8, 16, 16))

    def _paint_upright(self, painter: QPainter, ink: QColor) -> None:
        disc = QRectF(self.width() / 2 - 18, 1, 36, 36)
        self._paint_ground(painter, disc)
        icons.paint(painter, "microphone", ink, disc.adjusted(9, 9, -9, -9))
        if self._shown is Open.LISTENING:
            share = 0.0 if self._look.reduced_motion else loudness(self._state.level_db)
            pen = QPen(self._look.colour("on_accent"), 2)
            painter.setPen(pen)
            painter.drawArc(
                disc.adjusted(4, 4, -4, -4), -90 * 16 - round(180 * 16 * share), round(360 * 16 * share)
            )
        font = self._look.font("caption")
        word = tr(_SHORT.get(self._shown, ""))
        wide = QFontMetrics(font).horizontalAdvance(word)
        if wide > self.width():
            font.setPointSizeF(font.pointSizeF() * self.width() / wide)
        painter.setFont(font)
        painter.setPen(self._look.colour("faint" if self._shown is Open.PAUSED else "accent"))
        painter.drawText(
            QRectF(0, 39, self.width(), self.height() - 39), Qt.AlignmentFlag.AlignHCenter.value, word
        )

    def _paint_ground(self, painter: QPainter, box: QRectF) -> None:
        is_filled = self._shown in _FILLED
        edge = "ink" if self.hasFocus() else "accent" if self._shown is not Open.PAUSED else "line"
        painter.setPen(QPen(self._look.colour(edge), 2 if self.hasFocus() else 1))
        ground = (
            "accent"
            if is_filled
            else "accent_soft"
            if self._shown in (Open.WAITING, Open.KEPT)
            else "surface"
        )
        painter.setBrush(self._look.colour(ground))
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)

    def _paint_level(self, painter: QPainter, ink: QColor, box: QRectF) -> None:
        """Three bars; at rest they are dots."""
        share = 0.0 if self._look.reduced_motion else loudness(self._state.level_db)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        for place, rises in enumerate(_BARS):
            high = 4 + (box.height() - 4) * share * rises
            painter.drawRoundedRect(
                QRectF(box.x() + place * 6, box.center().y() - high / 2, 3.5, high), 1.7, 1.7
            )


class SignOn(QObject):
    """Keeps a sign in the upper right corner of a dialog, above everything else in it."""

    def __init__(self, state: MicrophoneState, look: Look, dialog: QWidget) -> None:
        super().__init__(dialog)
        self.sign = MicrophoneSign(state, look, dialog)
        self._dialog = dialog
        dialog.installEventFilter(self)
        state.changed.connect(self._place)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._dialog and event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._place()
        return False

    def _place(self) -> None:
        size = self.sign.sizeHint()
        self.sign.resize(size)
        self.sign.move(self._dialog.width() - size.width() - _MARGIN_PX, _MARGIN_PX)
        self.sign.raise_()
