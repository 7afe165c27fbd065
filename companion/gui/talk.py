"""The round talk button: one state in, one picture and one accessible description out. Main thread.

Rings follow the levels they are given, event by event; the only timer turns the waiting ring and runs while it is seen.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractButton, QWidget

from companion.events import Phase
from companion.gui import icons
from companion.language import mark, tr

if TYPE_CHECKING:
    from companion.gui.theme import Look

RADIUS_PX = 46.0
"""92 px across."""
BOX_PX = 152
"""Side of the widget: the button with its widest ring."""
_NEAR_PX, _FAR_PX = 54.5, 63.0
"""Rest radii of the two rings; loudness widens them by at most `_SWELL_PX`, so that they touch no words below or above."""
_SWELL_PX = 4.0
SMALL = 0.62
"""Its size on a page that is too low for the words."""
_QUIET_DB, _LOUD_DB = -55.0, -12.0
_TURN_S = 2.4
"""One turn of the waiting ring."""
_STEP_MS = 33


class Face(StrEnum):
    """What the button shows: the phases, and trouble."""

    READY = "ready"
    ARMING = "arming"
    LISTENING = "listening"
    TRANSCRIBING = "transcribing"
    THINKING = "thinking"
    SPEAKING = "speaking"
    TROUBLE = "trouble"


_NAMES = {
    Face.READY: (mark("Talk"), mark("Hold to speak, tap to keep listening")),
    Face.ARMING: (mark("Talk"), mark("The microphone is opening")),
    Face.LISTENING: (mark("Stop and send"), mark("Listening")),
    Face.TRANSCRIBING: (mark("Talk"), mark("Your words are being written down")),
    Face.THINKING: (mark("Interrupt"), mark("The companion is thinking")),
    Face.SPEAKING: (mark("Interrupt"), mark("The companion is speaking")),
    Face.TROUBLE: (mark("Talk"), mark("Waiting for you; your words are saved")),
}
_FILLED = frozenset({Face.LISTENING, Face.SPEAKING})
_WAITING = frozenset({Face.TRANSCRIBING, Face.THINKING})


def loudness(level_db: float) -> float:
    """A level as 0 (silence) .. 1 (close and loud)."""
    return max(0.0, min(1.0, (level_db - _QUIET_DB) / (_LOUD_DB - _QUIET_DB)))


class TalkButton(QAbstractButton):
    """Press and release are told apart, because holding means something."""

    talk_pressed = Signal()
    talk_released = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.face = Face.READY
        self.size_factor = 1.0
        self._level = 0.0
        self._angle = 0.0
        self._shows_focus = False
        self._is_held = False
        self._turning = QTimer(self)
        self._turning.setInterval(_STEP_MS)
        self._turning.timeout.connect(self._turn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFixedSize(BOX_PX, BOX_PX)
        look.changed.connect(self._look_changed)
        self._name()

    @property
    def is_animated(self) -> bool:
        """Whether something moves by itself now."""
        return self._turning.isActive()

    def show_face(self, face: Face) -> None:
        """Takes the new state; tells screen readers."""
        if face is self.face:
            return
        self.face = face
        self._level = 0.0
        self._angle = 0.0
        self._name()
        self._animate()
        self.update()

    def show_level(self, level_db: float) -> None:
        """Loudness of now, at any rate; drawn at once, quick to rise and slower to fall."""
        if self.face not in _FILLED or self._look.reduced_motion:
            return
        level = loudness(level_db)
        self._level += (level - self._level) * (0.7 if level > self._level else 0.35)
        self.update()

    def show_size(self, factor: float) -> None:
        """Of everything, rings and sign too; 1 is the usual one."""
        if factor != self.size_factor:
            self.size_factor = factor
            self.setFixedSize(self.sizeHint())
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(BOX_PX, BOX_PX) * self.size_factor

    def hitButton(self, pos: QPoint) -> bool:
        away = QPointF(pos) - QRectF(self.rect()).center()
        return math.hypot(away.x(), away.y()) <= (RADIUS_PX + 2) * self.size_factor

    # -- what a person does ---------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.hitButton(event.position().toPoint()):
            self._is_held = True
            self.talk_pressed.emit()
            self.update()
        else:
            event.ignore()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._is_held and event.button() is Qt.MouseButton.LeftButton:
            self._release()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """A held button stays held wherever the pointer goes."""

    def hideEvent(self, event: QHideEvent) -> None:
        if self._is_held:
            self._release()
        self._turning.stop()
        super().hideEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._animate()

    def click(self) -> None:
        """What assistive technology presses: a tap."""
        self.talk_pressed.emit()
        self.talk_released.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        by_keys = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self._shows_focus = event.reason() in by_keys
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._shows_focus = False
        super().focusOutEvent(event)

    def _release(self) -> None:
        self._is_held = False
        self.talk_released.emit()
        self.update()

    # -- what it shows --------------------------------------------------------------------------------------

    def _name(self) -> None:
        name, description = map(tr, _NAMES[self.face])
        self.setAccessibleName(name)
        self.setAccessibleDescription(description)
        if self.isVisible():
            from PySide6.QtGui import QAccessible, QAccessibleEvent

            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))

    def _animate(self) -> None:
        moves = self.face in _WAITING and self.isVisible() and not self._look.reduced_motion
        if moves and not self._turning.isActive():
            self._turning.start()
        elif not moves:
            self._turning.stop()

    def _turn(self) -> None:
        self._angle = (self._angle + 360 * _STEP_MS / 1000 / _TURN_S) % 360
        self.update()

    def _look_changed(self) -> None:
        self._animate()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(self.size_factor, self.size_factor)
        middle = QPointF(BOX_PX / 2, BOX_PX / 2)
        if self.face in _FILLED:
            self._paint_rings(painter, middle)
        if self.face in _WAITING:
            self._paint_waiting(painter, middle)
        self._paint_disc(painter, middle)
        self._paint_sign(painter, middle)
        if self._shows_focus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._look.colour("accent"), 2))
            painter.drawEllipse(middle, RADIUS_PX + 4.5, RADIUS_PX + 4.5)
        painter.end()

    def _paint_rings(self, painter: QPainter, middle: QPointF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        swell = self._level * _SWELL_PX
        for radius, alpha in ((_NEAR_PX + swell * 0.8, 0.42), (_FAR_PX + swell, 0.16)):
            painter.setPen(QPen(self._look.colour("accent", alpha + 0.12 * self._level), 1.8))
            painter.drawEllipse(middle, radius, radius)

    def _paint_waiting(self, painter: QPainter, middle: QPointF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        ring = QRectF(middle.x() - _NEAR_PX, middle.y() - _NEAR_PX, 2 * _NEAR_PX, 2 * _NEAR_PX)
        painter.setPen(QPen(self._look.colour("accent", 0.18), 1.8))
        painter.drawEllipse(ring)
        pen = QPen(self._look.colour("accent"), 2.2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawArc(ring, round((90 - self._angle) * 16), -80 * 16)

    def _paint_disc(self, painter: QPainter, middle: QPointF) -> None:
        if self.face in _FILLED:
            colour = self._look.colour("accent")
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour.darker(108) if self._is_held or self.isDown() else colour)
        else:
            self._paint_shadow(painter, middle)
            pen = QPen(self._look.colour("line"), 1)
            if self.face is Face.TROUBLE:
                pen = QPen(self._look.colour("warn"), 1.8)
            elif self.face is Face.ARMING or self._is_held:
                pen = QPen(self._look.colour("accent"), 1.8)
            painter.setPen(pen)
            painter.setBrush(self._look.colour("raised"))
        painter.drawEllipse(middle, RADIUS_PX - 0.5, RADIUS_PX - 0.5)

    def _paint_shadow(self, painter: QPainter, middle: QPointF) -> None:
        from PySide6.QtGui import QRadialGradient  # with 170 named ones, which the welcome need not wait for

        reach = RADIUS_PX + 20
        shadow = QRadialGradient(middle + QPointF(0, 5), reach)
        depth = 40 if self._look.palette.name == "dark" else 14
        shadow.setColorAt((RADIUS_PX - 8) / reach, QColor(0, 0, 0, depth))
        shadow.setColorAt(1, QColor(0, 0, 0, 0))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shadow)
        painter.drawEllipse(middle + QPointF(0, 5), reach, reach)

    def _paint_sign(self, painter: QPainter, middle: QPointF) -> None:
        if self.face is Face.SPEAKING:
            self._paint_wave(painter, middle)
            return
        colour = self._look.colour("on_accent" if self.face in _FILLED else "accent")
        if self.face is Face.TROUBLE:
            colour = self._look.colour("warn")
        if self.face in _WAITING:
            colour.setAlphaF(0.55)
        icons.paint(painter, "microphone", colour, QRectF(middle.x() - 14, middle.y() - 14, 28, 28))

    def _paint_wave(self, painter: QPainter, middle: QPointF) -> None:
        pen = QPen(self._look.colour("on_accent"), 2.2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        for place, height in zip((-10, -5, 0, 5, 10), (3.0, 6.5, 10.0, 6.5, 3.0), strict=True):
            reach = height * (0.72 + 0.55 * self._level)
            x = middle.x() + place
            painter.drawLine(QPointF(x, middle.y() - reach), QPointF(x, middle.y() + reach))


def face_of(phase: Phase, *, is_in_trouble: bool) -> Face:
    """Trouble shows only while nothing else goes on."""
    return Face.TROUBLE if is_in_trouble and phase is Phase.READY else Face(phase.value)
