"""Appearance: colours, text size, motion."""

from __future__ import annotations

from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.language import tr
from companion.settings import Page


def _build(host: SettingsHost, look: Look) -> DeclaredPage:
    return DeclaredPage(host, look, tr("Appearance"), Page.APPEARANCE)


PAGE = PageInfo(
    name=Page.APPEARANCE,
    title="Appearance",
    order=80,
    build=_build,
)
