"""The talk key: Qt's key events in, press and release of a take out. Main thread.

Which key talks, and where, is decided here; what its events mean is decided in `hold`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QWidget

from companion.gui import hold
from companion.gui.positions import alive, is_same_place
from companion.gui.talk import TalkButton
from companion.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYWHERE = "F9"
"""Talks in text fields and on other pages, too."""
READ_KEY = "Ctrl+R"
"""Silences the voice; the answer goes on, to be read."""
NOW_KEY = "Ctrl+Down"
"""Leads back to what sounds now."""
GO_ON_KEY = "Ctrl+G"
"""Goes on with an answer that was cut off."""
_SPACE, _UNKNOWN = 0x20, 0x01FFFFFF
_KEY_BITS = 0x01FFFFFF
"""Of a key with its modifiers: the key."""
TAKES_KEYS = "takes keys"
"""Property of what has the focus and takes whatever is pressed next: that does nothing else."""
HARMLESS = (
    Qt.KeyboardModifier.KeypadModifier
    | Qt.KeyboardModifier.ShiftModifier
    | Qt.KeyboardModifier.GroupSwitchModifier
)
"""With these a key is still the same; with Ctrl, Alt or Meta it belongs to a shortcut."""
_KINDS = (QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.ShortcutOverride)
_OWN_USE = (
    "QAbstractButton",
    "QAbstractItemView",
    "QAbstractSlider",
    "QAbstractSpinBox",
    "QComboBox",
    "QKeySequenceEdit",
    "QLineEdit",
)
"""Controls in which an ordinary key has a meaning of its own; by name, because importing each class costs start-up time."""


def key_named(name: str) -> int:
    """The number of the key a settings value names ("Space", "F8"); that of Space when it names none.

    A number and not a `Qt.Key`: making that enumeration's five hundred names costs a tenth of the start.
    """
    sequence = QKeySequence(name, QKeySequence.SequenceFormat.PortableText)
    if sequence.count() != 1:
        return _SPACE
    key: int = sequence[0].toCombined() & _KEY_BITS  # type: ignore[index]  # the stubs do not know that a sequence is one
    return _SPACE if key == _UNKNOWN else alive(key)


def has_own_use(widget: QWidget | None) -> bool:
    """Whether typing into `widget` means something else than talking."""
    if widget is None or isinstance(widget, TalkButton):
        return False
    if widget.inherits("QTextEdit") or widget.inherits("QPlainTextEdit"):
        return not widget.property("readOnly")
    return any(widget.inherits(name) for name in _OWN_USE)


class TalkKeys(QObject):
    """Watches the whole application for the talk key and `EVERYWHERE`.

    Args:
        window: where the talk key works; `EVERYWHERE` works in every window of the application.
        may_talk: whether the talk key means talking on the page shown now.
        pressed, released, lost: what to call; `lost` when the release can never arrive.
        otherwise: given a key press that does not talk, and the key's number; True: it has done something.
    """

    def __init__(
        self,
        window: QWidget,
        *,
        may_talk: Callable[[], bool],
        pressed: Callable[[], None],
        released: Callable[[], None],
        lost: Callable[[], None],
        otherwise: Callable[[QKeyEvent, int], bool] = lambda *_: False,
    ) -> None:
        super().__init__(window)
        self._key = _SPACE
        self._everywhere = key_named(EVERYWHERE)
        self._window = window
        self._may_talk = may_talk
        self._calls = {hold.Change.DOWN: pressed, hold.Change.UP: released, hold.Change.LOST: lost}
        self._state = hold.State()
        self._otherwise = otherwise
        self._number: int | None = None
        """Where the talk key lies on this keyboard, once it was seen."""
        self._last = (0, 0)
        self._is_on = False
        self._marks_are_true = QGuiApplication.platformName() != "xcb"
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(round(hold.RELEASE_S * 1000) + 1)
        self._due.setTimerType(Qt.TimerType.PreciseTimer)
        self._due.timeout.connect(self._look_once_more)

    @property
    def key(self) -> int:
        """The talk key, as Qt numbers keys by what they write."""
        return self._key

    @key.setter
    def key(self, key: int) -> None:
        if key != self._key:
            self._key = key
            self._number = self._last[1] if self._last[0] == key else None  # it was pressed to be chosen

    def start(self) -> None:
        """Keys talk from now on. Not before the first frame: from here on every event of Qt passes through Python."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.installEventFilter(self)
        app.applicationStateChanged.connect(self._state_changed)
        self._is_on = True

    def stop(self) -> None:
        """No key talks any more."""
        app = QApplication.instance()
        if isinstance(app, QApplication) and self._is_on:
            self._is_on = False
            app.removeEventFilter(self)
            app.applicationStateChanged.disconnect(self._state_changed)
        self._due.stop()
        self._state = hold.State()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind not in _KINDS or not isinstance(event, QKeyEvent):
            return False
        number = _number(event)
        if not isinstance(watched, QWidget):
            if kind is QEvent.Type.KeyRelease:  # it may reach no widget at all, behind another dialog
                self._step(_released(event, number))
            return False
        is_held = number == self._state.held
        if kind is QEvent.Type.KeyRelease:
            self._step(_released(event, number))
            if is_held:
                event.accept()
            return is_held
        talks = self._talks(event, number)
        if kind is QEvent.Type.KeyPress:
            self._step(
                hold.Pressed(
                    key=number,
                    at_s=time.monotonic(),
                    stamp_s=_stamp_s(event),
                    is_repeat=self._marks_are_true and event.isAutoRepeat(),
                    talks=talks,
                )
            )
        is_other = kind is QEvent.Type.KeyPress and not _is_taken()
        if is_held or talks or (is_other and self._otherwise(event, number)):
            event.accept()
            return True
        return False

    def _talks(self, event: QKeyEvent, number: int) -> bool:
        key = alive(event.key())
        self._last = key, number
        if key == self.key:
            self._number = number
        if event.modifiers() & ~HARMLESS or QApplication.activePopupWidget() is not None:
            return False
        if _is_taken():
            return False
        if key == self._everywhere:
            return True
        in_window = QApplication.activeWindow() in (self._window, None)
        if not (in_window and self._means(key, number) and self._may_talk()):
            return False
        return not has_own_use(QApplication.focusWidget())

    def _means(self, key: int, number: int) -> bool:
        """Whether it is the talk key: by what it writes, or by where it lies when it writes another script."""
        if key == self.key or number == self._number:
            return True
        return is_same_place(self.key, key, number)

    def _step(self, given: hold.Input) -> None:
        self._state, changes = hold.step(self._state, given)
        if self._state.up_s is None:
            self._due.stop()
        elif not self._due.isActive():
            self._due.start()
        for change in changes:
            self._calls[change]()

    def _look_once_more(self) -> None:
        """Whatever has waited in the queue meanwhile goes first: a repeat that came late is no release."""
        QTimer.singleShot(0, self, lambda: self._step(hold.Tick(time.monotonic())))

    def _state_changed(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive:
            return
        self._state, _ = hold.step(self._state, hold.FocusLost())
        self._due.stop()
        self._calls[hold.Change.LOST]()  # the button, too, may be held


def _number(event: QKeyEvent) -> int:
    """What tells the key from all others, whatever it writes."""
    return event.nativeScanCode() or event.nativeVirtualKey() or alive(event.key())


def _stamp_s(event: QKeyEvent) -> float | None:
    return event.timestamp() / 1000 if event.timestamp() else None


def _released(event: QKeyEvent, number: int) -> hold.Released:
    return hold.Released(key=number, at_s=time.monotonic(), stamp_s=_stamp_s(event))


def key_name(key: int | str) -> str:
    """How the window writes a key, or keys as Qt names them ("Ctrl+M"): as the keyboards of its language do."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def key_in_a_sentence(key: int) -> str:
    """The same after "hold": "the space bar", "F8"."""
    return tr("the space bar") if key == _SPACE else key_name(key)


def talks_everywhere(key: str) -> str:
    """What a person is told about talking from other windows; `key` is the desktop's, empty where it gives none."""
    if key:
        return tr("{key} talks from every window", key=key)
    return tr("This desktop offers no such key. In its settings, set one up that runs: companion toggle-talk")


def _is_taken() -> bool:
    focus = QApplication.focusWidget()
    return focus is not None and bool(focus.property(TAKES_KEYS))
