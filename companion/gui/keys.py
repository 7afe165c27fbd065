"""The talk key: real key events in, press and release of a take out. Main thread.

Two traps decide the shape. X11 repeats a held key as release and press pairs, unmarked: a release counts only when no
press follows within `_RELEASE_MS`. And when the window loses the focus while a key is held, its release never comes:
the take ends then.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QWidget

from companion.gui.talk import TalkButton

EVERYWHERE = "F9"
"""Talks in text fields and on other pages, too."""
GO_ON_KEY = "Ctrl+G"
"""Goes on with an answer that was cut off."""
_RELEASE_MS = 40
_SPACE, _UNKNOWN = 0x20, 0x01FFFFFF
_KEY_BITS = 0x01FFFFFF
"""Of a key with its modifiers: the key."""
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
    return _SPACE if key == _UNKNOWN else key


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
    """

    def __init__(
        self,
        window: QWidget,
        *,
        may_talk: Callable[[], bool],
        pressed: Callable[[], None],
        released: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        super().__init__(window)
        self.key = _SPACE
        self._everywhere = key_named(EVERYWHERE)
        self._window = window
        self._may_talk, self._pressed, self._released, self._lost = may_talk, pressed, released, lost
        self._held: int | None = None
        self._release = QTimer(self)
        self._release.setSingleShot(True)
        self._release.setInterval(_RELEASE_MS)
        self._release.setTimerType(Qt.TimerType.PreciseTimer)
        self._release.timeout.connect(self._let_go)

    def start(self) -> None:
        """Keys talk from now on. Not before the first frame: from here on every event of Qt passes through Python."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.installEventFilter(self)
        app.applicationStateChanged.connect(self._state_changed)

    def stop(self) -> None:
        """No key talks any more."""
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self)
        self._release.stop()
        self._held = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in _KINDS or not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget):
            return False
        key = event.key()
        if self._held is not None and key == self._held:
            return self._of_held_key(event)
        if self._held is not None or not self._talks(key, event):
            return False
        if event.type() is QEvent.Type.KeyPress and not event.isAutoRepeat():
            self._held = key
            self._pressed()
        event.accept()
        return True

    def _of_held_key(self, event: QKeyEvent) -> bool:
        if event.type() is QEvent.Type.KeyRelease and not event.isAutoRepeat():
            self._release.start()
        elif event.type() is QEvent.Type.KeyPress:
            self._release.stop()
        event.accept()
        return True

    def _talks(self, key: int, event: QKeyEvent) -> bool:
        if event.modifiers() & ~(Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier):
            return False
        if QApplication.activePopupWidget() is not None:
            return False
        if key == self._everywhere:
            return True
        focus = QApplication.focusWidget()
        in_window = QApplication.activeWindow() in (self._window, None)
        return key == self.key and in_window and self._may_talk() and not has_own_use(focus)

    def _let_go(self) -> None:
        self._held = None
        self._released()

    def _state_changed(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive:
            return
        self._release.stop()
        self._held = None
        self._lost()


def key_name(key: int) -> str:
    """How the window writes a key."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def talks_everywhere(key: str) -> str:
    """What a person is told about talking from other windows; `key` is the desktop's, empty where it gives none."""
    if key:
        return f"{key} talks from every window"
    return "This desktop gives no key. In its settings, bind one to the command: companion toggle-talk"
