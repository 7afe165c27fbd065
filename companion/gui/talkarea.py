"""The lower part of the talk page: the round button, the state in words, the composer. Main thread.

While the person or the companion speaks the composer makes room, unless somebody is writing; the button stays where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtWidgets import QBoxLayout, QWidget

from companion.events import Phase
from companion.gui.boxes import NONE, in_row
from companion.gui.composer import Composer
from companion.gui.keys import READ_KEY, key_name
from companion.gui.labels import HintLine, label
from companion.gui.talk import RADIUS_PX, SMALL, Face, TalkButton, face_of
from companion.gui.theme import COLUMN_PX, Look
from companion.language import mark, tr, trc

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

OVERLAP_PX = 30
"""How far the area's empty upper edge reaches over the script, so that the rings are never clipped."""
_CENTRE_PX = 46 + OVERLAP_PX
"""Of the button, which does not grow with the text."""
_WORDS_PX, _COMPOSER_PX, _EDGE_PX = 35, 56, 26
"""From the lower edge of the button to the middle of the words and to the composer, and from there to the area's end."""
_BESIDE_PX = 14
"""Between the state and what the next press does, which stands below where there is no room beside."""
_WORDS = {
    Face.READY: (mark("Ready"), mark("Hold [{key}] to speak · tap to keep listening")),
    Face.ARMING: (mark("One moment"), mark("the microphone is opening")),
    Face.LISTENING: (mark("Listening"), mark("{time} · release to send · [Esc] discards")),
    Face.TRANSCRIBING: (mark("Writing it down"), mark("[Esc] discards")),
    Face.THINKING: (mark("Thinking"), mark("press to interrupt")),
    Face.SPEAKING: (mark("Speaking"), mark("press to interrupt · [{read}] to read only")),
    Face.TROUBLE: (mark("Waiting for you"), mark("your words are saved")),
}
_READY_HINTS = {
    "hold": mark("Hold [{key}] to speak"),
    "tap": mark("Tap [{key}] to speak, and again to send"),
    "free": mark("Just speak · [Ctrl+M] closes the microphone"),
}
_MUTED = (mark("Microphone closed"), mark("[Ctrl+M] opens it · hold [{key}] to speak"))
_PAUSED = mark("Hands-free is paused · hold [{key}] to speak")
_FREE = mark("{time} · pause to send · [Esc] discards")
_LATCHED = mark("{time} · press again to send · [Esc] discards")
_MAY_STAY = frozenset({Phase.THINKING, Phase.SPEAKING})


class TalkArea(QWidget):
    """Shows one phase; emits what the person does."""

    height_changed = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._phase = Phase.READY
        self._is_latched = self._is_in_trouble = False
        self._is_offering = self._owes_focus = False
        self._is_writing = False
        """Somebody has begun to write while the composer had made room."""
        self._seconds = 0
        self._talk_key, self._other_key, self._mode = "Space", "F9", "auto"
        self._is_free = self._is_muted = self._is_paused = False
        self.button = TalkButton(look, self)
        self.composer = Composer(look, self)
        self.words = QWidget(self)
        self.state = label("", "state")
        self.hint = HintLine()
        row = self._row = in_row(inside=self.words, margins=NONE)
        row.addStretch(1)
        row.addWidget(self.state, 0, Qt.AlignmentFlag.AlignCenter)
        row.addWidget(self.hint, 0, Qt.AlignmentFlag.AlignCenter)
        row.addStretch(1)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        self.composer.focused.connect(lambda _: self._show())
        self.composer.grown.connect(self._grown)
        look.changed.connect(self._grown)
        self._show()

    @property
    def wanted_height(self) -> int:
        """Height for the composer as it is now."""
        return self._height(self.button.size_factor)

    def fit(self, high: int, least_words_px: int) -> None:
        """On a page of this height the button is small where the words above would have less room."""
        self.button.show_size(SMALL if high - self._height(1.0) < least_words_px else 1.0)
        self._place()

    def _height(self, factor: float) -> int:
        composer = max(46, self.composer.sizeHint().height())
        return round(factor * (_CENTRE_PX + RADIUS_PX + _EDGE_PX)) + self._look.px(_COMPOSER_PX) + composer

    @property
    def centre(self) -> int:
        """Of the button, from the upper edge."""
        return self.button.geometry().center().y()

    def show_keys(self, talk: str, other: str, *, mode: str) -> None:
        """Names of the talk key, and of the one that also works while writing; how the talk key works."""
        self._talk_key, self._other_key, self._mode = talk, other, mode
        self._show()

    def show_hands_free(self, *, is_on: bool, is_muted: bool, is_paused: bool) -> None:
        self._is_free, self._is_muted, self._is_paused = is_on, is_muted, is_paused
        self._show()

    def show_phase(self, phase: Phase, *, latched: bool) -> None:
        if phase is Phase.LISTENING and self._phase is not Phase.LISTENING:
            self._seconds = 0
            self._clock.start()
        elif phase is not Phase.LISTENING:
            self._clock.stop()
        if phase is not self._phase and phase in (Phase.READY, Phase.ARMING):
            self._is_writing = False
        self._phase, self._is_latched = phase, latched
        self._show()

    def show_trouble(self, is_in_trouble: bool) -> None:
        self._is_in_trouble = is_in_trouble
        self._show()

    def take_focus(self) -> None:
        """Somebody is back: in the field, if that is where they were writing."""
        field = self.composer.field
        is_writing = self.focusWidget() is field and bool(self.composer.draft) and self.composer.isVisible()
        (field if is_writing else self.button).setFocus(Qt.FocusReason.OtherFocusReason)

    def offer(self, text: str) -> None:
        """Words to be read before they are sent: they wait in the composer, which takes the focus when it is back."""
        self.composer.offer(text)
        self._is_offering = True
        self._make_room()

    def write(self, event: QKeyEvent) -> bool:
        """A key that writes goes to the field, wherever the focus was, in every phase; False: it writes nothing."""
        if not self.composer.begins_with(event):
            return False
        self._is_writing = True
        self._make_room()
        self.composer.begin(event)
        return True

    # -- below ----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        face = face_of(self._phase, is_in_trouble=self._is_in_trouble)
        state, hint = map(tr, _WORDS[face])
        if face is Face.LISTENING and self._is_latched:
            hint = tr(_LATCHED)
        elif face is Face.LISTENING and self._is_free:
            hint = tr(_FREE)
        elif face is Face.READY and self._is_muted:
            state, hint = map(tr, _MUTED)
        elif face is Face.READY and self._is_free and self._is_paused:
            hint = tr(_PAUSED)
        elif face is Face.READY:
            # hands-free that is not on, for want of a microphone or because a voice model wants the key, promises nothing
            mode = "hold" if self._mode == "free" and not self._is_free else self._mode
            hint = tr(_READY_HINTS[mode]) if mode in _READY_HINTS else hint
        key = self._other_key if self.composer.has_focus else self._talk_key
        if face is Face.THINKING:
            state = trc("a state", "Thinking")
        time = f"{self._seconds // 60}:{self._seconds % 60:02}"
        self.state.setText(state)
        self.hint.show_text(hint.format(key=key, time=time, read=key_name(READ_KEY)))
        self.button.show_face(face)
        self._make_room()
        self._place()

    def _make_room(self) -> None:
        stays = self._phase in _MAY_STAY and (self.composer.has_focus or bool(self.composer.draft))
        shows = self._phase is Phase.READY or stays or self._is_writing
        if shows != self.composer.isVisibleTo(self):
            self._show_composer(shows)
        if shows and self._is_offering:
            self._is_offering = False
            self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_composer(self, shows: bool) -> None:
        if not shows and self.composer.has_focus:
            self._owes_focus = True
            self.button.setFocus(Qt.FocusReason.OtherFocusReason)
        self.composer.setVisible(shows)
        if shows and self._owes_focus:
            self._owes_focus = False
            if self.button.hasFocus():  # whoever wrote before goes on writing
                self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _tick(self) -> None:
        self._seconds += 1
        self._show()

    def _grown(self) -> None:
        self.height_changed.emit()
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        px, wide = self._look.px, self.width()
        factor = self.button.size_factor
        centre = round(_CENTRE_PX * factor)
        self.button.move((wide - self.button.width()) // 2, centre - self.button.height() // 2)
        edge = centre + round(RADIUS_PX * factor)
        middle = edge + px(_WORDS_PX)
        beside = self.state.sizeHint().width() + _BESIDE_PX + self.hint.sizeHint().width()
        below = beside > wide - 2 * _EDGE_PX
        self._row.setDirection(
            QBoxLayout.Direction.TopToBottom if below else QBoxLayout.Direction.LeftToRight
        )
        self._row.setSpacing(0 if below else _BESIDE_PX)
        tall = self.words.sizeHint().height()
        self.words.setGeometry(0, middle - tall // 2, wide, tall)
        column = min(px(COLUMN_PX), wide - 2 * px(28))
        top = edge + px(_COMPOSER_PX)
        self.composer.setGeometry(QRect((wide - column) // 2, top, column, self.composer.sizeHint().height()))
