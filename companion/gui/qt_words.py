"""What Qt itself says in this window, from our own catalogue, for the languages that Qt does not speak. Main thread."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QTranslator

from companion.language import mark, tr

_SAID: Mapping[str, str] = {
    "&Undo": mark("Undo"),
    "&Redo": mark("Redo"),
    "Cu&t": mark("Cut"),
    "&Copy": mark("Copy"),
    "Copy &Link Location": mark("Copy the address"),
    "&Paste": mark("Paste"),
    "Delete": mark("Delete"),
    "Select All": mark("Select all"),
    "&Select All": mark("Select all"),
    "&Step up": mark("One more"),
    "Step &down": mark("One less"),
    "OK": mark("OK"),
    "Cancel": mark("Cancel"),
    "Close": mark("Close"),
    "Open": mark("Open"),
    "Save": mark("Save"),
    "&Open": mark("Open"),
    "&Save": mark("Save"),
    "&Choose": mark("Choose"),
    "File &name:": mark("File name:"),
    "Files of type:": mark("Files of type:"),
    "Look in:": mark("Look in:"),
    "Directory:": mark("Folder:"),
}
_SPEAKERS = frozenset(
    {
        "QLineEdit",
        "QWidgetTextControl",
        "QAbstractSpinBox",
        "QPlatformTheme",
        "QDialogButtonBox",
        "QFileDialog",
    }
)


class QtWords(QTranslator):
    """The menus of fields, and the buttons of dialogs."""

    def isEmpty(self) -> bool:
        return False

    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str:
        said = _SAID.get(source, "") if context in _SPEAKERS else ""
        return tr(said) if said else None  # type: ignore[return-value]  # Qt asks the next one
