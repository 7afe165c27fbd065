"""Talking: how a recording begins and ends, hands-free or with the talk key."""

from __future__ import annotations

from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.settings.parts import PartCard
from companion.gui.theme import Look
from companion.language import tr
from companion.settings import Page


class TalkingPage(DeclaredPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Talking"), Page.TALKING)
        self.part = PartCard(self, "echo")
        headphones = next(row for row in self.rows if row.field.name == "talk.headphones")
        self.column.insertWidget(self.column.indexOf(headphones) + 1, self.part)

    def refresh(self) -> None:
        super().refresh()
        if hasattr(self, "part"):
            talk = self.host.settings.talk
            self.part.show_if(talk.mode == "free" and not talk.headphones)


PAGE = PageInfo(
    name=Page.TALKING,
    title="Talking",
    order=42,
    build=TalkingPage,
)
