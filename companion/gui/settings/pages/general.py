"""General: the colours, whether it starts with the system, how it is kept up to date, and the welcome once more."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton

from companion import __version__
from companion.errors import CompanionError
from companion.gui.labels import text_label
from companion.gui.settings.form import name_control
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.gui.wrapping import WrappingCheckBox
from companion.language import tr
from companion.settings import Page


class GeneralPage(DeclaredPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("General"), Page.GENERAL)
        about = text_label(
            tr(
                "Changes take effect right away. Who thinks, hears and speaks is chosen on the next three pages; "
                "until you choose, all of it happens on this computer."
            ),
            "soft",
        )
        self.starts = WrappingCheckBox(tr("Open the window when I log in"))
        self.starts.setObjectName("starts with the system")
        self.starts.clicked.connect(self._start_with_system)
        self.update_line = QLineEdit(host.parts.update_line)
        self.update_line.setReadOnly(True)
        name_control(self.update_line, tr("Line that updates Companion"))
        self.update_line.setObjectName("updates")
        self.copy = QPushButton(tr("Copy this line"))
        self.copy.clicked.connect(lambda: QApplication.clipboard().setText(self.update_line.text()))
        heading = text_label(tr("Updates"), "strong")
        heading.setContentsMargins(0, 10, 0, 0)
        updates = (
            heading,
            text_label(
                tr(
                    "This is Companion {version}. It never looks for newer versions by itself: that "
                    "would tell somebody that you use it. To bring it up to date, run this in a terminal:",
                    version=__version__,
                ),
                "small",
            ),
            self.update_line,
            self.copy,
        )
        for place, widget in enumerate((about, self.row("appearance.theme"), self.starts), 2):
            self.column.insertWidget(place, widget)
        last = self.column.indexOf(self.buttons) - 1
        for place, widget in enumerate(updates, last):
            self.column.insertWidget(
                place, widget, 0, Qt.AlignmentFlag.AlignLeft if widget is self.copy else Qt.AlignmentFlag(0)
            )
        self.welcome = QPushButton(tr("Show the welcome again"))
        self.welcome.setObjectName("welcome")
        self.welcome.clicked.connect(lambda: self.wanted.emit("welcome"))
        self.buttons.addWidget(self.welcome)
        self.refresh()

    def refresh(self) -> None:
        super().refresh()
        if hasattr(self, "starts"):
            self.starts.setChecked(self.host.starts_with_system)

    def _start_with_system(self, is_on: bool) -> None:
        try:
            self.host.start_with_system(is_on)
        except CompanionError as error:
            self.tell_error(error)
        self.refresh()


PAGE = PageInfo(
    name=Page.GENERAL,
    title="General",
    order=10,
    build=GeneralPage,
)
