"""Journal: what is kept."""

from __future__ import annotations

from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.settings import Page


def _build(host: SettingsHost, look: Look) -> DeclaredPage:
    return DeclaredPage(host, look, "Journal", Page.JOURNAL)


PAGE = PageInfo(
    name=Page.JOURNAL,
    title="Journal",
    order=70,
    build=_build,
    words="encryption keep forget recordings",
)
