"""General: how a reflection begins, and what this is and is not."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton

from companion.gui.settings.form import text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.settings import Page


class GeneralPage(DeclaredPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, "General", Page.GENERAL)
        self.column.insertWidget(
            2,
            text_label(
                "Changes take effect right away. Who thinks, hears and speaks is chosen on the next three pages; "
                "until you choose, all of it happens on this computer.",
                "soft",
            ),
        )
        self.welcome = QPushButton("Show the welcome again")
        self.welcome.clicked.connect(lambda: self.wanted.emit("welcome"))
        self.buttons.insertWidget(0, self.welcome)


PAGE = PageInfo(
    name=Page.GENERAL,
    title="General",
    order=10,
    build=GeneralPage,
    words="start review send welcome first introduction",
)
