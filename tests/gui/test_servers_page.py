"""The page of one's own servers, driven through its widgets over the real app and real servers of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.pages.servers import ServersPage
from companion.gui.settings.role_page import RolePage
from companion.paths import Home
from companion.providers.servers import declare
from companion.settings import load_settings
from companion.vault import MemoryVault
from tests.gui.running import until
from tests.gui.settings_host import parts_of, shown
from tests.servers import Script
from tests.servers.compatible import CompatibleServer
from tests.servers.wyoming import WyomingServer
from tests.vaults import given

KEY = "attic-canary-key-0123456789"


@asynccontextmanager
async def open_dialog(home: Home) -> AsyncIterator[tuple[SettingsDialog, ServersPage, MemoryVault]]:
    vault = MemoryVault()

    app = Companion(home, vault=given(vault), player=CapturingPlayer(realtime=False))
    await app.open()
    try:
        async with shown(app.settings_backend) as dialog:
            dialog.show_page("servers")
            page = dialog.page
            assert isinstance(page, ServersPage)
            dialog.activateWindow()
            await until(dialog.isActiveWindow)
            yield dialog, page, vault
    finally:
        await app.close()
        declare([], alone=True)


async def press(parent: QWidget, words: str) -> None:
    """Clicks the button that says `words`, once it is there."""

    def found() -> list[QPushButton]:
        return [each for each in parts_of(parent, QPushButton) if each.text() == words and each.isVisible()]

    await until(found)
    QTest.mouseClick(found()[0], Qt.MouseButton.LeftButton)


def said(parent: QWidget) -> str:
    return "\n".join(label.text() for label in parts_of(parent, QLabel) if label.isVisible())


def write(field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.clear()
    QTest.keyClicks(field, text)


async def add(page: ServersPage, name: str, address: str, *, kind: str = "openai", key: str = "") -> None:
    await press(page, "Add a server …")
    form = page.form
    write(form.label, name)
    form.kind.setCurrentIndex(form.kind.findData(kind))
    write(form.address, address)
    if key:
        write(form.key, key)
    await press(form, "Add")
    await until(lambda: form.isHidden() or form.notice.text.replace("Asking", "") == form.notice.text != "")


async def test_a_server_is_added_and_can_be_chosen_at_once(home: Home, qapp: QApplication) -> None:
    async with CompatibleServer(Script(keys=[KEY])) as attic, open_dialog(home) as (dialog, page, vault):
        assert "There are none yet." in said(page)
        dialog.show_page("thinking")  # built before the server is there
        dialog.show_page("servers")
        await add(page, "The attic", attic.url, key=KEY)
        await until(lambda: "the-attic" in page.cards)
        text = said(page.cards["the-attic"])
        assert "think (local-model)" in text
        assert "hear (faster-whisper-small)" in text
        assert "There are none yet." not in said(page)
        assert (await vault.describe("the-attic")).present
        for name in ("thinking", "hearing", "voice"):
            dialog.show_page(name)
            role_page = dialog.page
            assert isinstance(role_page, RolePage)
            assert "the-attic" in role_page.cards, name
        role_page.choose("the-attic")
        await until(lambda: load_settings(home).settings.providers.tts.active == "the-attic")
        assert KEY not in home.settings.read_text()


async def test_a_key_it_asks_for_is_missed_and_nothing_is_added(home: Home, qapp: QApplication) -> None:
    async with CompatibleServer(Script(keys=[KEY])) as attic, open_dialog(home) as (_, page, _vault):
        await add(page, "attic", attic.url)
        assert "It was not added." in page.form.notice.text
        assert not page.host.settings.servers.by_name
        write(page.form.key, KEY)
        QTest.keyClick(page.form.key, Qt.Key.Key_Return)
        await until(lambda: "attic" in page.cards)


async def test_a_pasted_key_is_made_clean_or_told(home: Home, qapp: QApplication) -> None:
    async with (
        CompatibleServer(Script(keys=["sk-own-0123456789"])) as attic,
        open_dialog(home) as (_, page, vault),
    ):
        await add(page, "attic", attic.url, key="sk own key with words")
        assert "That does not look like a key." in page.form.notice.text
        write(page.form.key, ' "sk-own-0123456789" ')
        QTest.keyClick(page.form.key, Qt.Key.Key_Return)
        await until(lambda: "attic" in page.cards and page.form.isHidden())
        assert (await vault.describe("attic")).ending == "6789"


async def test_a_server_that_is_off_can_be_added_all_the_same(home: Home, qapp: QApplication) -> None:
    async with open_dialog(home) as (_, page, _vault):
        await add(page, "attic", "http://127.0.0.1:9/v1")
        assert "attic cannot be reached." in page.form.notice.text
        await press(page.form, "Add it anyway")
        await until(lambda: "attic" in page.cards)
        assert "may do all that its kind can" in said(page.cards["attic"])


@pytest.mark.parametrize(
    ("name", "address", "kind", "says"),
    [
        ("attic", "", "openai", "An address is needed. Write it like http://"),
        ("attic", "ftp://attic", "openai", "begins with https://"),
        ("attic", "https://attic", "wyoming", "begins with tcp://"),
        ("", "http://127.0.0.1:9/v1", "openai", "It needs a name"),
        ("OpenAI", "http://127.0.0.1:9/v1", "openai", "OpenAI is called here"),
    ],
)
@pytest.mark.usefixtures("qapp")
async def test_what_cannot_be_is_told_in_a_sentence(
    home: Home, name: str, address: str, kind: str, says: str
) -> None:
    async with open_dialog(home) as (_, page, _vault):
        await add(page, name, address, kind=kind)
        assert says in page.form.notice.text
        assert page.form.isVisible()
        assert not page.cards


async def test_a_wyoming_server_is_tested_without_being_added(home: Home, qapp: QApplication) -> None:
    async with WyomingServer() as attic, open_dialog(home) as (_, page, _vault):
        await press(page, "Add a server …")
        form = page.form
        form.kind.setCurrentIndex(form.kind.findData("wyoming"))
        assert not form.key.isVisible(), "the protocol knows no keys"
        write(form.label, "attic")
        write(form.address, attic.url)
        await press(form, "Test")
        await until(lambda: "voices" in form.notice.text)
        assert "hear (small) and speak (3 voices)" in form.notice.text
        assert not page.cards
        await press(form, "Cancel")
        assert page.add.hasFocus()


async def test_a_server_is_renamed_and_made_a_cluster(home: Home, qapp: QApplication) -> None:
    async with CompatibleServer() as one, CompatibleServer() as two, open_dialog(home) as (_, page, _vault):
        await add(page, "attic", one.url)
        await until(lambda: "attic" in page.cards)
        await press(page.cards["attic"], "Change …")
        assert page.form.label.text() == "attic"
        write(page.form.label, "Loft")
        write(page.form.address, f"{one.url}, {two.url}")
        await press(page.form, "Save")
        await until(page.form.isHidden)
        text = said(page.cards["attic"])
        assert "Loft" in text
        assert "The first that answers is asked." in text
        assert "2 of 2 servers answer." in text
        await one.stop()
        await press(page.cards["attic"], "Test")
        await until(lambda: "1 of 2 servers answer." in said(page.cards["attic"]))


async def test_removing_asks_first_and_gives_back_what_it_did(home: Home, qapp: QApplication) -> None:
    async with CompatibleServer(Script(keys=[KEY])) as attic, open_dialog(home) as (dialog, page, vault):
        await add(page, "attic", attic.url, key=KEY)
        await until(lambda: "attic" in page.cards)
        await page.host.change({"providers.llm.active": "attic"})
        await press(page.cards["attic"], "Remove")
        assert "Remove attic? Its key is forgotten." in said(page)
        await press(page.cards["attic"], "Keep it")
        assert "attic" in page.cards
        await press(page.cards["attic"], "Remove")
        await press(page.cards["attic"], "Remove it")
        await until(lambda: "attic was removed." in said(page))
        assert "attic" not in page.cards
        assert "There are none yet." in said(page)
        assert page.host.settings.providers.llm.active == "guide"
        assert not (await vault.describe("attic")).present
        dialog.show_page("thinking")
        assert isinstance(dialog.page, RolePage)
        assert "attic" not in dialog.page.cards


async def test_it_is_all_reached_with_the_keyboard(home: Home, qapp: QApplication) -> None:
    async with CompatibleServer() as attic, open_dialog(home) as (_, page, _vault):
        page.add.setFocus()
        QTest.keyClick(page.add, Qt.Key.Key_Space)
        form = page.form
        assert form.label.hasFocus()
        QTest.keyClicks(form.label, "attic")
        order = []
        for _ in range(6):
            QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
            order.append(QApplication.focusWidget())
        assert order == [form.kind, form.address, form.key, form.keep, form.test, form.cancel]
        write(form.address, attic.url)
        QTest.keyClick(form.address, Qt.Key.Key_Return)
        await until(lambda: "attic" in page.cards)
        await until(page.cards["attic"].test.hasFocus)
