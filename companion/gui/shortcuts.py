"""The keys of the window in one table: to bind them, to list them, and so that none is taken twice. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QWidget

from companion.frozen import Frozen
from companion.gui.keys import EVERYWHERE, GO_ON_KEY, NOW_KEY, READ_KEY, key_name, key_named
from companion.gui.positions import meant_by_place
from companion.language import Worded, mark, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtGui import QKeyEvent

ALWAYS = "always"
"""Property of a shortcut that works while the window is locked, too."""


class Keys(Worded, Frozen):
    """What one shortcut is and does."""

    WORDS = frozenset({"does"})
    keys: tuple[str, ...]
    """As Qt writes them; the first one is shown."""
    does: str
    """Begins a sentence."""
    is_anywhere: bool = False
    """Also in the settings and other dialogs."""
    is_always: bool = False


SHORTCUTS: Mapping[str, Keys] = {
    "escape": Keys(keys=("Esc",), does="Throw the recording away, silence the answer, leave a page"),
    "undo": Keys(
        keys=("Ctrl+Z",),
        does="Take back the recording that was just thrown away, or what was just done in the journal",
    ),
    "go on": Keys(keys=(GO_ON_KEY,), does="Go on with an answer that was cut off"),
    "read": Keys(keys=(READ_KEY,), does="Silence the voice and read: the answer goes on"),
    "now": Keys(keys=(NOW_KEY,), does="Go back to what is said now, where you have scrolled away"),
    "mute": Keys(keys=("Ctrl+M",), does="Close the open microphone of hands-free talking, or open it again"),
    "new": Keys(keys=("Ctrl+N",), does="Begin a new reflection"),
    "private": Keys(
        keys=("Ctrl+Shift+N",), does="Begin a private reflection, which leaves nothing, or end it"
    ),
    "journal": Keys(keys=("Ctrl+J",), does="Turn to the journal, and back"),
    "search": Keys(keys=("Ctrl+K",), does="Search the journal, from anywhere"),
    "page 1": Keys(keys=("Ctrl+1",), does="Turn to the talk page"),
    "page 2": Keys(keys=("Ctrl+2",), does="Turn to the journal"),
    "page 3": Keys(keys=("Ctrl+3",), does="Turn to the insights"),
    "settings": Keys(keys=("Ctrl+,",), does="Open the settings"),
    "help": Keys(keys=("F1",), does="Open this help", is_anywhere=True),
    "larger": Keys(keys=("Ctrl++", "Ctrl+="), does="Make the text larger", is_anywhere=True, is_always=True),
    "smaller": Keys(keys=("Ctrl+-",), does="Make the text smaller", is_anywhere=True, is_always=True),
    "usual": Keys(keys=("Ctrl+0",), does="Give the text its usual size", is_anywhere=True, is_always=True),
    "captions": Keys(keys=("Ctrl+Shift+R",), does="Show what is said in very large letters, and back"),
    "full": Keys(keys=("F11",), does="Fill the screen, and back", is_always=True),
    "lock": Keys(keys=("Ctrl+Shift+L",), does="Lock the window"),
    "close": Keys(keys=("Ctrl+W",), does="Close the window", is_always=True),
    "quit": Keys(keys=("Ctrl+Q",), does="End the program", is_anywhere=True, is_always=True),
    "devtools": Keys(keys=("Ctrl+Shift+D",), does="Open the developer tools"),
}
_NEEDED = {
    Qt.Key.Key_Tab: mark("Tab goes from one control to the next"),
    Qt.Key.Key_Backtab: mark("Tab goes from one control to the next"),
    Qt.Key.Key_Return: mark("Enter sends what you write"),
    Qt.Key.Key_Enter: mark("Enter sends what you write"),
    Qt.Key.Key_Backspace: mark("Backspace is needed to write"),
    Qt.Key.Key_Delete: mark("Delete is needed to write"),
}


def bind(window: QWidget, actions: Mapping[str, Callable[[], object]]) -> None:
    """Makes shortcuts of the table do something, by their names in it."""
    for name, action in actions.items():
        known = SHORTCUTS[name]
        for keys in known.keys:
            shortcut = QShortcut(QKeySequence(keys), window)
            shortcut.setProperty(ALWAYS, known.is_always)
            if known.is_anywhere:
                shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
            shortcut.activated.connect(action)


def press_by_place(event: QKeyEvent, number: int) -> bool:
    """Does what a key with Ctrl means by where it lies, when nothing is meant by what it writes; False: nothing either.

    Args:
        number: that of the key on the keyboard.
    """
    held = event.modifiers() & ~Qt.KeyboardModifier.GroupSwitchModifier
    sign = meant_by_place(event.key(), number)
    if not sign or held & ~Qt.KeyboardModifier.ShiftModifier != Qt.KeyboardModifier.ControlModifier:
        return False
    keys = QKeySequence(held.value | ord(sign))
    for window in QApplication.topLevelWidgets():
        for shortcut in window.findChildren(QShortcut):
            if shortcut.key() == keys and shortcut.isEnabled() and _is_in_reach(shortcut):
                shortcut.activated.emit()
                return True
    return False


def _is_in_reach(shortcut: QShortcut) -> bool:
    of, focus = shortcut.parent(), QApplication.focusWidget()
    if not isinstance(of, QWidget) or not of.isVisible():
        return False
    match shortcut.context():
        case Qt.ShortcutContext.ApplicationShortcut:
            return True
        case Qt.ShortcutContext.WindowShortcut:
            return of.window().isActiveWindow()
        case Qt.ShortcutContext.WidgetWithChildrenShortcut:
            return focus is not None and (of is focus or of.isAncestorOf(focus))
        case _:
            return of is focus


def listed(talk_key: str) -> tuple[tuple[str, str], ...]:
    """Every key with what it does, the talk key (as the settings name it) first."""
    talk = (key_name(key_named(talk_key)), tr("Talk: hold it, or tap to keep the microphone open"))
    everywhere = (EVERYWHERE, tr("Talk from everywhere, also while you are writing"))
    return (talk, everywhere, *((key_name(each.keys[0]), each.does) for each in SHORTCUTS.values()))


def owner_of(key: int) -> str:
    """What a key, pressed alone, does already, as a sentence without its stop; empty: it is free."""
    if key in _NEEDED:
        return tr(_NEEDED[Qt.Key(key)])
    if key == key_named(EVERYWHERE):
        return tr("{everywhere} talks already, from everywhere", everywhere=EVERYWHERE)
    for each in SHORTCUTS.values():
        for keys in each.keys:
            sequence = QKeySequence(keys)
            if sequence[0].toCombined() == key:  # type: ignore[index]  # the stubs do not know that a sequence is one
                does = f"{each.does[0].lower()}{each.does[1:]}"
                return tr("{keys} is for something else: {does}", keys=key_name(keys), does=does)
    return ""
