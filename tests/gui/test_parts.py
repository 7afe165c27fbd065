"""A part that is missing, on the pages of the settings: installed by a button with progress, or by a copied line."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from companion.app.parts import Step
from companion.errors import CompanionError, Kind
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.pages.memory import MemoryPage
from companion.gui.settings.pages.talking import TalkingPage
from companion.gui.settings.pages.thinking import ThinkingPage
from companion.gui.settings.parts import PartCard
from companion.settings import changed
from tests.gui.settings_host import StagedHost, dialog, host, page_of, settle

__all__ = ["dialog", "host"]


async def card_of(dialog: SettingsDialog) -> PartCard:
    page = await page_of(dialog, "thinking", ThinkingPage)
    page.choose("mind")
    await settle()
    return page.part


async def test_a_button_installs_what_is_missing(dialog: SettingsDialog, host: StagedHost) -> None:
    host.parts.absent.add("mind")
    card = await card_of(dialog)
    assert dialog.page is not None
    assert card.isVisible()
    assert "101 MB" in card.about.text()
    assert "offline mode stops it" in card.about.text(), "what goes out is said before"
    assert not card.line.isVisible()
    card.install.click()
    await settle()
    assert not card.install.isVisible()
    host.parts.tell(Step(words="Fetching llama.cpp: 50 of 101 MB", share=0.5))
    assert (card.bar.value(), card.said.text()) == (500, "Fetching llama.cpp: 50 of 101 MB")
    card.cancel.click()
    await settle()
    assert host.parts.was_cancelled
    assert "Nothing was changed" in dialog.page.notice.text

    host.parts.fault = CompanionError(Kind.NETWORK_SHUT, "Offline mode is on, so llama.cpp is not fetched.")
    card.install.click()
    await settle()
    assert "Offline mode is on" in dialog.page.notice.text
    assert card.install.isVisible()

    host.parts.fault = None
    card.install.click()
    await settle()
    host.parts.may_finish.set()
    await settle()
    assert not card.isVisible()
    assert "is installed" in dialog.page.notice.text


async def test_where_it_cannot_be_done_from_here_a_line_can_be_copied(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    host.parts.absent |= {"mind", "meaning", "echo"}
    host.parts.can_be_installed = False
    card = await card_of(dialog)
    assert not card.install.isVisible()
    card.copy.click()
    assert QApplication.clipboard().text() == "pip install xllamacpp"

    await page_of(dialog, "memory", MemoryPage)
    assert dialog.page.part.isVisible()
    await page_of(dialog, "talking", TalkingPage)
    assert not dialog.page.part.isVisible(), "the talk key needs no echo canceller"
    host.settings = changed(host.settings, {"talk.mode": "free"})
    dialog.page.refresh()
    assert dialog.page.part.isVisible()


async def test_what_is_here_is_not_offered(dialog: SettingsDialog) -> None:
    assert not (await card_of(dialog)).isVisible()
