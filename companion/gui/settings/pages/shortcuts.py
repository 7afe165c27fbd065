"""Shortcuts: the talk key, and the keys that are fixed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QPushButton, QVBoxLayout

from companion.gui.keys import HARMLESS, TAKES_KEYS, key_name, key_named, talks_everywhere
from companion.gui.labels import label, text_label
from companion.gui.positions import alive
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.form import labelled
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo, SettingsPage
from companion.gui.shortcuts import listed, owner_of
from companion.gui.theme import Look
from companion.language import sentence, tr
from companion.settings import Page, find_field

_KEY_PX = 108
_MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


class KeyButton(QPushButton):
    """Shows a key; pressed, it takes the next key instead. Escape leaves it as it was."""

    taken = Signal(str)
    """Name of the new key as the settings keep it."""
    refused = Signal(str)
    """That key does something else; a sentence says what."""

    def __init__(self, name: str) -> None:
        """`name`: what the key is for."""
        super().__init__()
        self._name, self._key = name, ""
        self.is_waiting = False
        self.clicked.connect(self._wait)

    def show_key(self, name: str) -> None:
        self._key = name
        self._stop()

    def _wait(self) -> None:
        self._wait_for_key(True)
        self._show(tr("Press a key …"))

    def _wait_for_key(self, is_waiting: bool) -> None:
        self.is_waiting = is_waiting
        self.setProperty(TAKES_KEYS, is_waiting)

    def _stop(self) -> None:
        self._wait_for_key(False)
        self._show(key_name(key_named(self._key)))

    def _show(self, words: str) -> None:
        self.setText(words)
        self.setAccessibleName(f"{self._name}: {words}")

    def event(self, event: QEvent) -> bool:
        if self.is_waiting and event.type() is QEvent.Type.ShortcutOverride:
            event.accept()  # a key that is being chosen does nothing else
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.is_waiting:
            super().keyPressEvent(event)
            return
        key = Qt.Key(event.key())
        if key in _MODIFIERS:
            return
        held = event.modifiers() & ~HARMLESS
        owner = owner_of(held.value | alive(key))
        if held and not owner:
            return  # it talks alone
        self._stop()
        if key is Qt.Key.Key_Escape:
            return
        if owner:
            self.refused.emit(tr("{owner}. Please choose another key.", owner=owner))
        else:
            self.taken.emit(QKeySequence(alive(key)).toString(QKeySequence.SequenceFormat.PortableText))

    def focusNextPrevChild(self, next: bool) -> bool:
        return not self.is_waiting and super().focusNextPrevChild(next)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._stop()
        super().focusOutEvent(event)


class ShortcutsPage(SettingsPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Shortcuts"))
        found = find_field("talk.key")
        assert found is not None
        self.key = KeyButton(found.declared.label)
        self.key.setObjectName("talk.key")
        self.column.addWidget(labelled(found.declared.label, self.key, found.declared.help))
        self.key.setAccessibleDescription(found.declared.help)
        self.add_rows("talk.everywhere", "talk.everywhere_key")
        self.everywhere = text_label("", "caption")
        self.column.addWidget(self.everywhere)
        self.column.addSpacing(6)
        self.column.addWidget(text_label(tr("Always the same"), "strong"))
        keys = QVBoxLayout()
        keys.setSpacing(8)
        for key, what in listed(host.settings.talk.key)[1:]:
            shown = label(key, "key")
            shown.setAlignment(Qt.AlignmentFlag.AlignCenter)
            shown.setMinimumWidth(look.px(_KEY_PX))
            line = FlowLayout()
            line.addWidget(shown)
            line.addWidget(text_label(what, "soft", fills=True))
            keys.addLayout(line)
        self.column.addLayout(keys)
        self.column.addStretch(1)
        self.key.refused.connect(self.notice.tell)
        self.key.taken.connect(lambda name: self.save({"talk.key": name}))

    def refresh(self) -> None:
        super().refresh()
        key = self.host.global_key
        self.everywhere.setText("" if key is None else sentence(talks_everywhere(key)))
        self.everywhere.setVisible(key is not None)
        self.rows[1].setVisible(self.host.settings.talk.everywhere)
        if not self.key.is_waiting:
            self.key.show_key(self.host.settings.talk.key)


PAGE = PageInfo(
    name=Page.SHORTCUTS,
    title="Shortcuts",
    order=60,
    build=ShortcutsPage,
)
