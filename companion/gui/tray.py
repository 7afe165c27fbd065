"""The icon in the desktop's tray: what the app does just now, and a menu of what is wanted without the window. Main thread.

It reads events like the window does, and presses the app's own buttons.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from companion.events import Event, HandsFreeChanged, LockChanged, Phase, PhaseChanged
from companion.gui import icons
from companion.gui.microphone import Open
from companion.gui.theme import Look
from companion.language import mark, tr, trc
from companion.paths import resources

if TYPE_CHECKING:
    from companion.app import Companion
    from companion.gui.microphone import MicrophoneState

_SIZES_PX = (22, 44, 64)


class Shown(StrEnum):
    """What the icon tells."""

    IDLE = "idle"
    LISTENING = "listening"
    LIVE = "live"
    """Hands-free: the microphone is open, and nobody speaks."""
    THINKING = "thinking"
    SPEAKING = "speaking"
    LOCKED = "locked"


_WORDS = {
    Shown.IDLE: mark("Ready"),
    Shown.LISTENING: mark("Listening: what you say is recorded"),
    Shown.LIVE: mark("The microphone is open"),
    Shown.THINKING: mark("Thinking"),
    Shown.SPEAKING: mark("Speaking"),
    Shown.LOCKED: mark("Locked"),
}
_DRAWINGS = {
    Shown.LISTENING: "microphone",
    Shown.LIVE: "microphone",
    Shown.THINKING: "more",
    Shown.SPEAKING: "wave",
    Shown.LOCKED: "lock",
}
_FILLED = frozenset({Shown.LISTENING, Shown.SPEAKING})


class Tray(QObject):
    """One per window, while the settings want it.

    Args:
        microphone: whether it is open, as the window shows it.
    """

    show_wanted = Signal()
    """The window is to come forward."""
    lock_wanted = Signal()
    quit_wanted = Signal()

    def __init__(self, app: Companion, look: Look, microphone: MicrophoneState) -> None:
        super().__init__()
        self._app, self._look, self._microphone = app, look, microphone
        self._phase, self._is_locked = Phase.READY, False
        self.shown = Shown.IDLE
        self.menu = QMenu()
        self.state = self.menu.addAction("")
        self.state.setEnabled(False)
        self.menu.addSeparator()
        self.talk = self.menu.addAction("", app.toggle_talk)
        self.microphone_off = self.menu.addAction(tr("Close the microphone"))
        self.microphone_off.setCheckable(True)
        self.microphone_off.setVisible(False)
        self.microphone_off.toggled.connect(self._mute)
        self.silence = self.menu.addAction(tr("Silence the voice"), app.read_on)
        self.menu.addSeparator()
        self.menu.addAction(tr("Show the window"), self.show_wanted.emit)
        self.lock = self.menu.addAction(tr("Lock"), self.lock_wanted.emit)
        self.menu.addSeparator()
        self.quit = self.menu.addAction(tr("Quit"), self.quit_wanted.emit)
        self.icon = QSystemTrayIcon(self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self.icon.messageClicked.connect(self.show_wanted)
        self._show()
        look.changed.connect(self._paint)
        microphone.changed.connect(self._show)
        self._unwatch = app.events.watch(self._watch)
        self.icon.show()

    def tell(self, text: str) -> None:
        """A short message beside the icon; pressed, the window comes forward."""
        self.icon.showMessage("Companion", text, self.icon.icon())

    def close(self) -> None:
        self._unwatch()
        self.icon.hide()
        self.menu.deleteLater()
        self.deleteLater()

    def _watch(self, event: Event) -> None:
        match event:
            case PhaseChanged():
                self._phase = event.phase
            case LockChanged():
                self._is_locked = event.is_locked
            case HandsFreeChanged():
                self.microphone_off.setVisible(event.is_on)
                self.microphone_off.blockSignals(True)
                self.microphone_off.setChecked(event.is_muted)
                self.microphone_off.blockSignals(False)
            case _:
                return
        self._show()

    def _mute(self, is_muted: bool) -> None:
        self._app.mute(is_muted)

    def _now(self) -> Shown:
        if self._phase in (Phase.ARMING, Phase.LISTENING):
            return Shown.LISTENING
        if self._phase is Phase.SPEAKING:
            return Shown.SPEAKING
        if self._phase in (Phase.TRANSCRIBING, Phase.THINKING):
            return Shown.THINKING
        if self._microphone.open is Open.WAITING:
            return Shown.LIVE
        return Shown.LOCKED if self._is_locked else Shown.IDLE

    def _show(self) -> None:
        self.shown = self._now()
        words = trc("a state", "Thinking") if self.shown is Shown.THINKING else tr(_WORDS[self.shown])
        self.icon.setToolTip(f"Companion · {words}")
        self.state.setText(words)
        self.talk.setText(tr("Send what I said") if self.shown is Shown.LISTENING else tr("Talk"))
        self.talk.setEnabled(not self._is_locked)
        self.silence.setEnabled(self._phase in (Phase.THINKING, Phase.SPEAKING))
        self.lock.setEnabled(not self._is_locked)
        self._paint()

    def _paint(self) -> None:
        self.icon.setIcon(tray_icon(self.shown, self._look))

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (
            QSystemTrayIcon.ActivationReason.Trigger,
            QSystemTrayIcon.ActivationReason.DoubleClick,
        ):
            self.show_wanted.emit()


def tray_icon(shown: Shown, look: Look) -> QIcon:
    """The app's own sign while nothing happens; else a disc of its own, to be read on a dark and on a light bar."""
    if shown is Shown.IDLE:
        return QIcon(str(resources() / "icons" / "companion.png"))
    result = QIcon()
    is_filled = shown in _FILLED
    ground = look.colour("accent" if is_filled else "surface")
    ink = look.colour("on_accent" if is_filled else "accent")
    for size in _SIZES_PX:
        result.addPixmap(_disc(_DRAWINGS[shown], ground, ink, size))
    return result


def _disc(drawing: str, ground: QColor, ink: QColor, size: int) -> QPixmap:
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(ink)
    painter.setBrush(ground)
    painter.drawEllipse(QRectF(0.5, 0.5, size - 1, size - 1))
    room = size * 0.2
    icons.paint(painter, drawing, ink, QRectF(room, room, size - 2 * room, size - 2 * room))
    painter.end()
    return picture
