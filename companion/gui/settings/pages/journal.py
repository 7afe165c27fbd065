"""Journal & privacy: what is kept, and what leaves this computer as things are set now."""

from __future__ import annotations

from urllib.parse import urlsplit

from PySide6.QtWidgets import QGridLayout, QWidget

from companion.flow import Role
from companion.gui.settings.form import dress, text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.net import is_this_computer
from companion.settings import Page

_CARRIES = {
    Role.THINKS: ("Your words and this reflection's earlier turns", "thinking"),
    Role.HEARS: ("The sound of your voice", "hearing"),
    Role.SPEAKS: ("The companion's answers", "speaking"),
}


class JournalPage(DeclaredPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, "Journal & privacy", Page.JOURNAL)
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(8)
        grid.setHorizontalSpacing(14)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        grid.addWidget(text_label("What leaves this computer", "strong"), 0, 0, 1, 2)
        self.goes = {}
        for line, (role, (what, _)) in enumerate(_CARRIES.items(), start=1):
            self.goes[role] = text_label("", "small")
            grid.addWidget(text_label(what, "soft"), line, 0)
            grid.addWidget(self.goes[role], line, 1)
        note = "The journal itself is encrypted here and goes nowhere. Nothing is counted or reported to anybody."
        grid.addWidget(text_label(note, "caption"), len(_CARRIES) + 1, 0, 1, 2)
        self.column.insertWidget(self.column.indexOf(self.rows[-1]) + 1, box)
        self.refresh()

    def refresh(self) -> None:
        super().refresh()
        for role, label in getattr(self, "goes", {}).items():
            host = self._host_of(role)
            label.setText(f"goes to {host}" if host else "stays on this computer")
            dress(label, type="warm" if host else "good")

    def _host_of(self, role: Role) -> str:
        choice = self.host.settings.role(role)
        spec = next(
            (s for s in self.host.provider_specs(role) if choice.active in (s.name, *s.aliases)), None
        )
        address = choice.block(choice.active).base_url or (spec.base_url if spec else "")
        if self.host.settings.network.offline or not address or is_this_computer(address):
            return ""
        return urlsplit(address).hostname or ""


PAGE = PageInfo(
    name=Page.JOURNAL,
    title="Journal & privacy",
    order=70,
    build=JournalPage,
    words="offline network data encryption keep forget what leaves",
)
