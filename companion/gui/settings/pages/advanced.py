"""Advanced: patience with providers, and the timing of the talk key."""

from __future__ import annotations

from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.language import tr
from companion.settings import Page


def _build(host: SettingsHost, look: Look) -> DeclaredPage:
    return DeclaredPage(host, look, tr("Advanced"), Page.ADVANCED)


PAGE = PageInfo(
    name=Page.ADVANCED,
    title="Advanced",
    order=90,
    build=_build,
)
