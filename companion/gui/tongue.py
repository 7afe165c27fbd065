"""The interface in its language, as far as Qt is asked: words, dates, numbers, and where a line begins. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator

from companion.app import interface
from companion.language import ENGLISH

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

_OWN = "qt-says"
"""Name of the translator of what Qt itself says, such as the menu of a text field."""


def speak(qt: QApplication, chosen: str) -> None:
    """Takes up the language that is chosen, before a window is made; what was spoken before is spoken no longer."""
    for before in qt.findChildren(QTranslator, _OWN):
        qt.removeTranslator(before)
        before.deleteLater()
    system = QLocale.system()
    code = interface.speak(chosen, system.bcp47Name())
    is_systems = system.bcp47Name().partition("-")[0] == code  # with the ways of its country
    QLocale.setDefault(system if is_systems else QLocale(code))
    qt.setLayoutDirection(QLocale().textDirection())
    if code == ENGLISH:
        return
    words = QTranslator(qt)
    words.setObjectName(_OWN)
    if not words.load(QLocale(), "qtbase", "_", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        from companion.gui.qt_words import QtWords

        words = QtWords(qt)
        words.setObjectName(_OWN)
    qt.installTranslator(words)
