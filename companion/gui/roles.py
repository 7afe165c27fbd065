"""What a screen reader is told a widget is, where Qt would tell it something else. Main thread.

A page of the rail is a tab, a choice that draws itself is a radio button, and a title is a heading, so that one can go from
one to the next. Everything else about them is as Qt tells it. Importing this takes time: it waits for the
first frame.
"""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleActionInterface, QAccessibleInterface
from PySide6.QtWidgets import QAbstractButton, QAccessibleWidget, QLabel

_ROLE = "role"
"""Property of what has another role than Qt thinks."""
_HEADINGS = frozenset({"title", "bar-title", "opening"})
"""Types of labels that head what follows; one of another type has the role "heading"."""
_OF_BUTTONS = {"tab": QAccessible.Role.PageTab, "choice": QAccessible.Role.RadioButton}


class _Button(QAccessibleWidget):
    """A checkable button under the role it has for the person."""

    def __init__(self, button: QAbstractButton, role: QAccessible.Role) -> None:
        super().__init__(button, role)

    def text(self, kind: QAccessible.Text) -> str:
        words = super().text(kind)
        return self._button.text() if kind is QAccessible.Text.Name and not words else words

    def state(self) -> QAccessible.State:
        state, button = super().state(), self._button
        is_on = button.isChecked()
        state.checkable, state.checked = True, is_on
        if self.role() is QAccessible.Role.PageTab:
            state.selectable, state.selected = True, is_on
        return state

    def actionNames(self) -> list[str]:
        return [QAccessibleActionInterface.pressAction()] if self._button.isEnabled() else []

    def doAction(self, name: str) -> None:
        if name == QAccessibleActionInterface.pressAction():
            self._button.click()

    @property
    def _button(self) -> QAbstractButton:
        button = self.object()
        assert isinstance(button, QAbstractButton)
        return button


class _Heading(QAccessibleWidget):
    """A label that heads what follows."""

    def __init__(self, words: QLabel) -> None:
        super().__init__(words, QAccessible.Role.Heading)

    def text(self, kind: QAccessible.Text) -> str:
        words = super().text(kind)
        label = self.object()
        return label.text() if kind is QAccessible.Text.Name and isinstance(label, QLabel) else words


def _made(_: str, thing: QObject) -> QAccessibleInterface | None:
    """None: as Qt has it."""
    if isinstance(thing, QAbstractButton):
        role = _OF_BUTTONS.get(thing.property(_ROLE))
        return None if role is None else _Button(thing, role)
    if isinstance(thing, QLabel):
        is_heading = thing.property("type") in _HEADINGS or thing.property(_ROLE) == "heading"
        return _Heading(thing) if is_heading else None
    return None


@cache
def tell_roles() -> None:
    """From now on; there has to be an application, whose own answers come after these."""
    QAccessible.installFactory(_made)
