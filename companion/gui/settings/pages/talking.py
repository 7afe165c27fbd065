"""Talking: how a recording begins and ends, hands-free or with the talk key."""

from __future__ import annotations

from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.language import tr
from companion.settings import Page


def _build(host: SettingsHost, look: Look) -> DeclaredPage:
    return DeclaredPage(host, look, tr("Talking"), Page.TALKING)


PAGE = PageInfo(
    name=Page.TALKING,
    title="Talking",
    order=42,
    build=_build,
    words="hands-free interrupt barge-in pause recording minutes",
)
