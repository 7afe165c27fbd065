"""The interface in its language, as far as Qt is asked: words, dates, numbers, and where a line begins. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtGui import QFontDatabase

from companion.app import interface
from companion.errors import CompanionError, Kind
from companion.language import ENGLISH, tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

_OWN = "qt-says"
"""Name of the translator of what Qt itself says, such as the menu of a text field."""
_LETTERS = {"hi": QFontDatabase.WritingSystem.Devanagari}
"""Of languages that a computer may have no font for."""


def speak(qt: QApplication, chosen: str) -> str:
    """Takes up the language that is chosen, before a window is made, and returns its code; that of before is gone."""
    for before in qt.findChildren(QTranslator, _OWN):
        qt.removeTranslator(before)
        before.deleteLater()
    system = QLocale.system()
    code = interface.speak(chosen, system.bcp47Name())
    is_systems = system.bcp47Name().partition("-")[0] == code  # with the ways of its country
    QLocale.setDefault(system if is_systems else QLocale(code))
    qt.setLayoutDirection(QLocale().textDirection())
    if code == ENGLISH:
        return code
    words = QTranslator(qt)
    words.setObjectName(_OWN)
    if not words.load(QLocale(), "qtbase", "_", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        from companion.gui.qt_words import QtWords

        words = QtWords(qt)
        words.setObjectName(_OWN)
    qt.installTranslator(words)
    return code


def speak_readably(qt: QApplication, chosen: str) -> CompanionError | None:
    """As `speak`; English where no font of this computer has the letters, and what is to be told then."""
    code = speak(qt, chosen)
    letters = _LETTERS.get(code)
    if letters is None or QFontDatabase.families(letters):
        return None
    from companion.settings.languages import NAMES

    speak(qt, ENGLISH)
    error = CompanionError(
        Kind.NOT_SUPPORTED,
        tr("No font of this computer has the letters of {language}.", language=tr(NAMES[code])),
        hint=tr("Until you install one, such as Noto Sans, the window speaks English."),
    )
    error.actions = ()
    return error
