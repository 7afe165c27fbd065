"""The interface in its language, as far as Qt is asked: words, dates, numbers, and where a line begins. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from companion.app import interface
from companion.language import ENGLISH


def speak(qt: QApplication, chosen: str) -> None:
    """Takes up the language that is chosen; before a window is made. English costs nothing."""
    code = interface.speak(chosen, QLocale.system().bcp47Name())
    if code == ENGLISH:
        return
    QLocale.setDefault(QLocale(code))
    qt.setLayoutDirection(QLocale().textDirection())
    own = QTranslator(qt)  # what Qt itself says, such as the menu of a text field
    if own.load(QLocale(), "qtbase", "_", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        qt.installTranslator(own)
