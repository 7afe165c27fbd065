"""The settings window, driven through its own widgets over a staged app with a real vault and real settings."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSpinBox,
    QWidget,
)

from companion.errors import CompanionError, Kind
from companion.events import DataSent
from companion.flow import Health
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.page import find_pages
from companion.gui.settings.pages.hearing import HearingPage
from companion.gui.settings.pages.privacy import PrivacyPage
from companion.gui.settings.pages.servers import ServersPage
from companion.gui.settings.pages.shortcuts import ShortcutsPage
from companion.gui.settings.pages.sound import SoundPage
from companion.gui.settings.pages.thinking import ThinkingPage
from companion.gui.settings.pages.voice import VoicePage
from companion.gui.theme import Look
from companion.kinds import Role
from companion.ledger import Booking, Cargo, Errand, on_errand
from companion.log import Secret
from companion.providers.catalogue import Catalogue, ModelEntry
from companion.settings import Settings, all_fields, changed, value_of
from companion.vault import Vault
from tests.gui.settings_host import GOOD_KEYS, StagedHost, device, dialog, host, page_of, parts_of, settle

__all__ = ["dialog", "host"]


async def thinking(dialog: SettingsDialog) -> ThinkingPage:
    return await page_of(dialog, "thinking", ThinkingPage)


async def paste_key(page: ThinkingPage, text: str) -> None:
    assert page.setup is not None
    assert page.setup.key is not None
    page.setup.key.field.setFocus()
    page.setup.key.field.insert(text)
    QTest.keyClick(page.setup.key.field, Qt.Key.Key_Return)
    await settle()


def answer(page: QWidget, words: str) -> None:
    """Presses the button that says `words`."""
    for button in parts_of(page, QPushButton):
        if button.text() == words and button.isVisible():
            button.click()
            return
    raise AssertionError(f"no button says {words!r}")


def said(page: QWidget) -> str:
    """Every word that can be read on a page."""
    return "\n".join(label.text() for label in parts_of(page, QLabel) if label.isVisible())


# -- the window ---------------------------------------------------------------------------------------------


async def test_who_needs_a_key_has_its_field_in_view_with_the_focus(dialog: SettingsDialog) -> None:
    page = await thinking(dialog)
    dialog.resize(900, 480)
    dialog.activateWindow()
    for name in ("anthropic", "xai"):
        (page.cards if page.cards[name].isVisible() else page.chips)[name].click()
        await settle()
        assert page.setup is not None
        assert page.setup.key is not None
        field = page.setup.key.field
        assert field.hasFocus(), name
        assert not field.visibleRegion().isEmpty(), name


async def test_every_page_opens_and_shows_every_setting_of_its_own(dialog: SettingsDialog) -> None:
    titles = [info.title for info in find_pages()]
    assert titles == [
        "General",
        "Thinking",
        "Hearing",
        "Voice",
        "Talking",
        "Your servers",
        "Sound",
        "Shortcuts",
        "Journal",
        "Memory",
        "Privacy",
        "Appearance",
        "Advanced",
        "About",
    ]
    for info in find_pages():
        dialog.show_page(info.name)
        await settle()
        assert dialog.page is not None
        assert dialog.page.isVisible()
        names = {child.objectName() for child in dialog.page.findChildren(QWidget)}
        for field in all_fields():
            if field.declared.page == info.name and not field.name.startswith("providers."):
                assert field.name in names, f"{field.name} has no control on {info.title}"


async def test_every_control_has_a_name_for_a_screen_reader(dialog: SettingsDialog) -> None:
    controls = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractSlider, QListWidget)
    for info in find_pages():
        dialog.show_page(info.name)
        await settle()
    for control in dialog.findChildren(QWidget):
        inside = isinstance(control.parentWidget(), (QComboBox, QAbstractSpinBox, QLineEdit))
        scrolls = type(control).__name__ == "QScrollBar" or "qt_" in control.objectName()
        if isinstance(control, controls) and not inside and not scrolls:
            words = control.text() if isinstance(control, QAbstractButton) else ""
            assert control.accessibleName() or words, f"{control!r} {control.objectName()} has no name"


@pytest.mark.parametrize(
    ("words", "pages"),
    [
        ("price", ["Thinking"]),
        ("microphone", ["Sound"]),
        ("motion", ["Appearance"]),
        ("OFFLINE mode", ["Privacy"]),
        ("xyzzy", []),
    ],
)
async def test_search_finds_pages_by_their_settings(
    dialog: SettingsDialog, words: str, pages: list[str]
) -> None:
    dialog.search.setText(words)
    shown = [
        dialog.list.item(n).text() for n in range(dialog.list.count()) if not dialog.list.item(n).isHidden()
    ]
    assert set(pages) <= set(shown)
    assert len(shown) < 5
    if pages == []:
        assert shown == []
        await settle()
        assert "No setting is called “xyzzy”." in said(dialog)
    QTest.keyClick(dialog.search, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert dialog.search.text() == ""


async def test_escape_closes_and_enter_presses_nothing(dialog: SettingsDialog, host: StagedHost) -> None:
    dialog.show_page("appearance")
    await settle()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    await settle()
    assert dialog.isVisible()
    assert host.log == []
    assert not dialog.isModal()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


async def test_size_and_page_are_remembered(host: StagedHost, qapp: QApplication, tmp_path: Path) -> None:
    state = tmp_path / "state" / "settings-window"
    look = Look()
    first = SettingsDialog(host, look, state=state)
    first.resize(777, 555)
    first.show()
    first.show_page("talking")
    first.close()
    second = SettingsDialog(host, look, state=state)
    assert (second.width(), second.height()) == (777, 555)
    second.show_page()
    assert second.list.currentItem().text() == "Talking"
    state.write_text("axb")
    third = SettingsDialog(host, look, state=state)
    assert third.width() == min(900, third.screen().availableSize().width() - 8)
    for each in (first, second, third):
        each.deleteLater()
    await settle()


async def test_a_closed_dialog_is_freed(host: StagedHost, qapp: QApplication) -> None:
    look = Look()
    dialog = SettingsDialog(host, look)
    dialog.show()
    for info in find_pages():
        dialog.show_page(info.name)
        await settle()
    destroyed = []
    dialog.destroyed.connect(lambda: destroyed.append(True))
    dialog.close()
    dialog.deleteLater()
    del dialog
    await settle(lambda: bool(destroyed))
    assert destroyed
    await settle()
    assert host.open_meters == []
    await host.change(
        {"appearance.reduced_motion": True}
    )  # reaches nobody, or a watcher without its widget raises
    look.changed.emit()


# -- declared settings --------------------------------------------------------------------------------------


async def test_a_change_holds_at_once_and_can_be_taken_back(dialog: SettingsDialog, host: StagedHost) -> None:
    dialog.show_page("appearance")
    await settle()
    page = dialog.page
    assert page is not None
    box = page.findChild(QCheckBox, "appearance.reduced_motion")
    theme = page.findChild(QComboBox, "appearance.theme")
    assert isinstance(box, QCheckBox)
    assert isinstance(theme, QComboBox)
    QTest.keyClick(box, Qt.Key.Key_Space)
    theme.setFocus()
    QTest.keyClick(theme, Qt.Key.Key_End)
    theme.activated.emit(theme.currentIndex())
    await settle()
    assert (host.settings.appearance.reduced_motion, host.settings.appearance.theme) == (True, "dark")
    answer(page, "Back to the defaults")
    await settle()
    assert host.settings == Settings()
    assert (box.isChecked(), theme.currentData()) == (False, "system")


async def test_two_settings_are_reset_one_right_after_the_other(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    await host.change({"network.max_retries": 1, "network.timeout_s": 33.0})
    dialog.show_page("advanced")
    await settle()
    assert dialog.page is not None
    for row in dialog.page.rows:
        row.usual.click()
    await settle()
    assert host.settings.network == Settings().network


async def test_every_number_field_reaches_its_setting(dialog: SettingsDialog, host: StagedHost) -> None:
    dialog.show_page("advanced")
    await settle()
    page = dialog.page
    assert page is not None
    spins = page.findChildren(QAbstractSpinBox)
    assert len(spins) > 4
    for spin in spins:
        before = value_of(host.settings, spin.objectName())
        spin.setFocus()
        spin.stepUp()
        await settle()
        after = value_of(host.settings, spin.objectName())
        assert type(after) is type(before)
        assert after > before  # type: ignore[operator]


async def test_a_number_that_is_being_typed_is_left_alone(dialog: SettingsDialog, host: StagedHost) -> None:
    dialog.show_page("advanced")
    await settle()
    assert dialog.page is not None
    spin = next(row.control for row in dialog.page.rows if row.field.name == "network.max_retries")
    assert isinstance(spin, QSpinBox)
    spin.setFocus()
    spin.selectAll()
    QTest.keyClicks(spin, "5")
    dialog.page.refresh()
    QTest.keyClick(spin, Qt.Key.Key_Return)
    await settle()
    assert host.settings.network.max_retries == 5


async def test_a_refused_change_is_said_and_the_control_goes_back(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    dialog.show_page("appearance")
    await settle()
    page = dialog.page
    assert page is not None
    box = page.findChild(QCheckBox, "appearance.reduced_motion")
    assert isinstance(box, QCheckBox)
    host.refuses = CompanionError(Kind.SETTINGS_UNSAVED)
    box.click()
    await settle()
    assert not box.isChecked()
    assert "could not be saved" in page.notice.text


async def test_the_wheel_scrolls_the_page_and_changes_nothing(dialog: SettingsDialog) -> None:
    dialog.show_page("appearance")
    await settle()
    assert dialog.page is not None
    combo = dialog.page.findChild(QComboBox, "appearance.font_scale")
    assert isinstance(combo, QComboBox)
    before = combo.currentIndex()
    middle = QPointF(combo.rect().center())
    wheel = QWheelEvent(
        middle,
        combo.mapToGlobal(middle),
        QPoint(),
        QPoint(0, -240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(combo, wheel)
    assert combo.currentIndex() == before


async def test_a_value_set_by_hand_is_shown_as_it_is(qapp: QApplication) -> None:
    host = StagedHost(changed(Settings(), {"reply.longest_answer": 450, "appearance.font_scale": 1.35}))
    dialog = SettingsDialog(host, Look())
    dialog.show()
    page = await thinking(dialog)
    combo = page.findChild(QComboBox, "reply.longest_answer")
    assert isinstance(combo, QComboBox)
    assert combo.currentText() == "450 tokens"
    dialog.close()
    dialog.deleteLater()
    await settle()


# -- who thinks ---------------------------------------------------------------------------------------------


async def test_without_a_key_the_choice_waits_and_the_present_one_stays(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await thinking(dialog)
    assert page.cards["guide"].isChecked()
    page.cards["openai"].click()
    await settle()
    assert host.settings.role(Role.THINKS).active == "guide"
    assert page.notice.text == "OpenAI needs a key first. Offline guide stays until then."
    assert page.cards["openai"].accessibleName() == "OpenAI, needs a key"


async def test_a_good_key_is_tested_kept_and_takes_the_role(dialog: SettingsDialog, host: StagedHost) -> None:
    page = await thinking(dialog)
    page.cards["openai"].click()
    await settle()
    await paste_key(page, f'  "{GOOD_KEYS["openai"]}"\n')
    assert page.setup is not None
    row = page.setup.key
    assert row is not None
    assert (await host.vault.get("openai", "https://api.openai.com:443")) == Secret(GOOD_KEYS["openai"])
    assert host.settings.role(Role.THINKS).active == "openai"
    assert row.field.text() == ""
    assert row.field.placeholderText().endswith("7f3a")
    assert page.cards["openai"].state == "Key works · 212 ms"
    assert page.cards["openai"].isChecked()
    row.field.undo()
    assert row.field.text() == ""


async def test_a_key_is_never_readable_on_the_page(dialog: SettingsDialog) -> None:
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    assert page.setup is not None
    assert page.setup.key is not None
    assert page.setup.key.field.echoMode() is QLineEdit.EchoMode.Password
    await paste_key(page, GOOD_KEYS["openai"])
    everything = said(page) + "".join(w.accessibleName() + w.toolTip() for w in page.findChildren(QWidget))
    everything += "".join(line.text() + line.placeholderText() for line in page.findChildren(QLineEdit))
    assert GOOD_KEYS["openai"][:-4] not in everything


async def test_a_refused_key_is_not_kept_unless_one_insists(dialog: SettingsDialog, host: StagedHost) -> None:
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    await paste_key(page, "sk-proj-wrongwrongwrongwrong")
    assert page.setup is not None
    row = page.setup.key
    assert row is not None
    assert row.notice.text == "openai did not accept the key. The key was not kept."
    assert row.field.text() == "sk-proj-wrongwrongwrongwrong"
    assert not (await host.key_state("openai")).present
    answer(page, "Keep it anyway")
    await settle()
    assert (await host.key_state("openai")).present


@pytest.mark.parametrize("text", ["schlüssel-der-nicht-geht", "x" * 5000, "two words"])
async def test_what_is_no_key_is_refused_before_anything_is_sent(
    dialog: SettingsDialog, host: StagedHost, text: str
) -> None:
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    host.log.clear()
    await paste_key(page, text)
    assert page.setup is not None
    assert page.setup.key is not None
    assert "does not look like a key" in page.setup.key.notice.text
    assert host.log == []
    assert page.setup.key.field.text() == text


async def test_a_key_of_another_vendor_is_offered_there(dialog: SettingsDialog, host: StagedHost) -> None:
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    await paste_key(page, GOOD_KEYS["anthropic"])
    assert not (await host.key_state("openai")).present
    answer(page, "Keep it for Anthropic")
    await settle()
    assert (await host.key_state("anthropic")).present
    assert page.cards["anthropic"].state == "key for this run"
    assert host.settings.role(Role.THINKS).active == "guide"


async def test_without_a_keyring_the_choice_is_honest(qapp: QApplication) -> None:
    host = StagedHost(vault=Vault(None))
    dialog = SettingsDialog(host, Look())
    dialog.show()
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    await paste_key(page, GOOD_KEYS["openai"])
    assert page.setup is not None
    row = page.setup.key
    assert row is not None
    assert "no safe place for keys" in row.notice.text
    assert row.field.text() == GOOD_KEYS["openai"]
    answer(page, "Keep for this run only")
    await settle()
    assert "For this run only." in said(page)
    assert host.settings.role(Role.THINKS).active == "openai"
    dialog.close()
    dialog.deleteLater()
    await settle()


async def test_a_key_can_be_tested_again_and_removed(dialog: SettingsDialog, host: StagedHost) -> None:
    await host.save_key("anthropic", Secret(GOOD_KEYS["anthropic"]))
    page = await thinking(dialog)
    page.choose("anthropic")
    await settle()
    assert host.settings.role(Role.THINKS).active == "anthropic"
    answer(page, "Test")
    await settle()
    assert page.cards["anthropic"].state == "Key works · 212 ms"
    answer(page, "Remove")
    await settle()
    assert not (await host.key_state("anthropic")).present
    assert page.cards["anthropic"].state == "needs a key"
    answer(page, "Undo")
    await settle()
    assert (await host.key_state("anthropic")).present
    assert page.setup is not None
    assert page.setup.key is not None
    assert page.setup.key.field.placeholderText().endswith("1c2d")


async def test_asking_about_a_key_can_be_ended(dialog: SettingsDialog, host: StagedHost) -> None:
    host.answers_never = True
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    assert page.setup is not None
    assert page.setup.key is not None
    page.setup.key.field.setText(GOOD_KEYS["openai"])
    answer(page, "Test and keep")
    await settle()
    assert "Asking OpenAI" in said(page)
    answer(page, "Cancel")
    await settle()
    assert "Asking OpenAI" not in said(page)
    assert page.setup.key.field.text() == GOOD_KEYS["openai"]
    assert not (await host.key_state("openai")).present


async def test_a_key_that_is_being_kept_is_not_stopped(
    dialog: SettingsDialog, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = asyncio.Event()

    async def slow(*_: object, **__: object) -> None:
        await keyring.wait()

    monkeypatch.setattr(host, "save_key", slow)
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    await paste_key(page, GOOD_KEYS["openai"])
    assert page.setup is not None
    assert page.setup.key is not None
    assert not [each for each in parts_of(page.setup.key, QPushButton) if each.text() == "Cancel"]
    keyring.set()
    await settle()


async def test_a_provider_on_this_computer_asks_for_no_key(dialog: SettingsDialog, host: StagedHost) -> None:
    page = await thinking(dialog)
    page.cards["ollama"].click()
    await settle()
    assert page.setup is not None
    assert page.setup.key is None
    assert host.settings.role(Role.THINKS).active == "ollama"
    assert page.setup.model is not None
    offered = [page.setup.model.itemData(n) for n in range(page.setup.model.count())]
    assert {"llama3.2", "qwen3:8b"} <= set(offered)


async def test_an_engine_that_is_not_there_is_not_chosen_by_accident(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    host.healths["ollama"] = Health(ok=False, detail="Ollama is not running.")
    page = await thinking(dialog)
    page.cards["ollama"].click()
    await settle()
    assert host.settings.role(Role.THINKS).active == "guide"
    assert "Ollama is not running." in page.notice.text
    answer(page, "Use it anyway")
    await settle()
    assert host.settings.role(Role.THINKS).active == "ollama"


async def test_whoever_is_chosen_last_has_the_role(
    dialog: SettingsDialog, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_found, check = asyncio.Event(), host.check

    async def slow(provider: str, role: Role, key: Secret | None = None) -> Health:
        await is_found.wait()
        return await check(provider, role, key)

    page = await thinking(dialog)
    monkeypatch.setattr(host, "check", slow)
    page.cards["ollama"].click()
    await settle()
    page.choose("guide")
    is_found.set()
    await settle()
    assert host.settings.role(Role.THINKS).active == "guide"


async def test_models_are_chosen_typed_and_priced(dialog: SettingsDialog, host: StagedHost) -> None:
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    assert page.setup is not None
    combo = page.setup.model
    assert combo is not None
    assert "per million tokens" in said(page)
    combo.setCurrentIndex(2)
    combo.activated.emit(2)
    await settle()
    assert host.settings.role(Role.THINKS).block("openai").model == combo.itemData(2)
    line = combo.lineEdit()
    assert line is not None
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, "my-own-model")
    QTest.keyClick(line, Qt.Key.Key_Return)
    await settle()
    assert host.settings.role(Role.THINKS).block("openai").model == "my-own-model"
    assert "per million tokens" not in said(page)
    assert "my-own-model" in [combo.itemData(n) for n in range(combo.count())]
    line.selectAll()
    QTest.keyClicks(line, "luna")
    QTest.keyClick(line, Qt.Key.Key_Return)
    await settle()
    assert host.settings.role(Role.THINKS).block("openai").model == "gpt-6-luna"


async def test_a_model_that_ends_soon_is_warned_of_with_its_successor(
    dialog: SettingsDialog, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime.date.today() + datetime.timedelta(days=30)  # noqa: DTZ011 - as people count days
    entries = [
        ModelEntry(provider="openai", model=f"gpt-{n}", role=Role.THINKS, label=f"GPT {n}", **more)
        for n, more in ((98, {"retires": day, "successor": "gpt-99"}), (99, {}))
    ]
    monkeypatch.setattr(Catalogue, "load", staticmethod(lambda: Catalogue(entries)))
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    assert "its vendor names" not in said(page)
    assert page.setup is not None
    combo = page.setup.model
    assert combo is not None
    line = combo.lineEdit()
    assert line is not None
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, "gpt-98")
    QTest.keyClick(line, Qt.Key.Key_Return)
    await settle()
    assert "GPT 98 ends on" in said(page)
    assert "its vendor names GPT 99 (gpt-99) instead." in said(page)


async def test_an_address_is_made_plain_and_the_key_stays_home(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    await host.save_key("openai", Secret(GOOD_KEYS["openai"]))
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    assert page.setup is not None
    page.setup.fold.click()
    for text, kept, word in (
        ("https://api.openai.com@evil.example/v1/v1", "https://evil.example/v1", "evil.example"),
        ("http://evil.example", "https://evil.example/v1", "without encryption"),
    ):
        page.setup.address.setFocus()
        page.setup.address.selectAll()
        page.setup.address.insert(text)
        QTest.keyClick(page.setup.address, Qt.Key.Key_Return)
        await settle()
        assert host.settings.role(Role.THINKS).block("openai").base_url == kept
        assert word in page.setup.address_note.text()
    page.setup.address_note.setText("")
    page.refresh()
    assert "not sent to https://evil.example" in page.setup.address_note.text()


async def test_a_provider_nobody_knows_is_said(qapp: QApplication) -> None:
    host = StagedHost(changed(Settings(), {"providers.llm.active": "hal9000"}))
    dialog = SettingsDialog(host, Look())
    dialog.show()
    page = await thinking(dialog)
    assert "hal9000" in page.notice.text
    page.choose("guide")
    await settle()
    assert host.settings.role(Role.THINKS).active == "guide"
    dialog.close()
    dialog.deleteLater()
    await settle()


# -- hearing, voice, sound ----------------------------------------------------------------------------------


async def hearing(dialog: SettingsDialog) -> HearingPage:
    return await page_of(dialog, "hearing", HearingPage)


async def test_the_rough_recogniser_says_so_and_the_better_one_is_fetched_there(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await hearing(dialog)
    assert "rough" in said(page)
    host.may_finish.set()
    page.models.rows["base"].fetch.click()
    await settle()
    assert "rough" not in said(page)
    assert page.open_name == "builtin"


async def voice(dialog: SettingsDialog) -> VoicePage:
    return await page_of(dialog, "voice", VoicePage)


async def test_the_card_of_a_voice_speaks_of_voices(dialog: SettingsDialog) -> None:
    card = (await voice(dialog)).cards["builtin"]
    assert "voice" in card.accessibleDescription()
    assert "Whisper" not in card.accessibleDescription()


async def test_a_voice_is_chosen_and_a_new_preview_stops_the_last(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await voice(dialog)
    page.voices.setCurrentRow(3)
    await settle()
    chosen = page.voices.item(3).data(Qt.ItemDataRole.UserRole)
    assert host.settings.role(Role.SPEAKS).block("builtin").voice == chosen
    page.listen.click()
    await settle()
    assert host.previews == [chosen]
    assert page.listen.text() == "Stop"
    page.voices.setCurrentRow(4)
    await settle()
    assert host.previews == [page.voices.item(4).data(Qt.ItemDataRole.UserRole)]
    page.listen.click()
    await settle()
    assert host.previews == []
    assert page.listen.text() == "Listen"
    page.listen.click()
    await settle()
    dialog.show_page("about")
    await settle()
    assert host.previews == []


async def test_the_speed_is_saved_once_it_rests(dialog: SettingsDialog, host: StagedHost) -> None:
    page = await voice(dialog)
    page.speed.setFocus()
    for _ in range(4):
        QTest.keyClick(page.speed, Qt.Key.Key_Right)
    assert page.pace.text() == "1.20×"
    await settle(lambda: host.settings.role(Role.SPEAKS).block("builtin").speed == 1.2 or None)
    assert host.settings.role(Role.SPEAKS).block("builtin").speed == 1.2
    assert len([entry for entry in host.log if entry[0] == "change"]) == 1


async def sound(dialog: SettingsDialog) -> SoundPage:
    return await page_of(dialog, "sound", SoundPage)


async def test_model_and_voice_of_a_conversation_are_asked_where_one_is_chosen(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await page_of(dialog, "thinking", ThinkingPage)
    model, voice = page.voice_model
    assert not model.isVisible()
    await host.change({"talk.engine": "google-realtime"})
    page.refresh()
    assert model.isVisible()
    assert isinstance(voice.control, QLineEdit)
    completer = voice.control.completer()
    completer.setCompletionPrefix("mari")
    assert completer.currentCompletion() == "marin"


async def test_the_microphone_is_open_only_while_the_page_is_seen(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await sound(dialog)
    assert host.open_meters == [""]
    assert page.level.level_db == -20.0
    assert "microphone is open while this page is shown" in said(page)
    page.microphone.setCurrentIndex(page.microphone.findData("Headset"))
    page.microphone.activated.emit(page.microphone.currentIndex())
    await settle()
    assert host.settings.sound.microphone == "Headset"
    assert host.open_meters == ["Headset"]
    dialog.show_page("about")
    await settle()
    assert host.open_meters == []
    await sound(dialog)
    dialog.close()
    await settle()
    assert host.open_meters == []


async def test_devices_come_and_go(dialog: SettingsDialog, host: StagedHost) -> None:
    host.settings = changed(host.settings, {"sound.microphone": "Studio"})
    page = await sound(dialog)
    assert page.microphone.itemText(0) == "System default (Built-in Audio)"
    assert page.microphone.currentText() == "Studio (not plugged in)"
    host.inputs = (*host.inputs, device("Studio"))
    answer(page, "Look again")
    await settle()
    assert page.microphone.currentText() == "Studio"
    answer(page, "Play a tone")
    await settle()
    assert ("tone", "") in host.log


async def test_a_microphone_that_cannot_be_opened_is_said_beside_it(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    host.microphone_fault = CompanionError(Kind.MICROPHONE_BUSY)
    page = await sound(dialog)
    assert "in use by another program" in page.heard.text()


async def test_the_talk_key_is_taken_from_the_next_key_press(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await page_of(dialog, "shortcuts", ShortcutsPage)
    for key, kept in (
        (Qt.Key.Key_F8, "F8"),
        (Qt.Key.Key_Escape, "F8"),
        (Qt.Key.Key_Tab, "F8"),
        (Qt.Key.Key_F1, "F8"),
        (Qt.Key.Key_Space, "Space"),
    ):
        page.key.setFocus()
        page.key.click()
        QTest.keyClick(page.key, Qt.Key.Key_Control)
        assert page.key.is_waiting
        QTest.keyClick(page.key, key)
        await settle()
        assert host.settings.talk.key == kept
        assert page.key.text() == kept
        assert ("F1 is for something else: open this help" in said(page)) is (key is Qt.Key.Key_F1)
    assert dialog.isVisible()


async def test_what_leaves_this_computer_is_true(dialog: SettingsDialog, host: StagedHost) -> None:
    dialog.show_page("privacy")
    await settle()
    assert dialog.page is not None
    assert "goes to" not in said(dialog.page)
    await host.change({"providers.llm.active": "anthropic"})
    await settle()
    assert "goes to api.anthropic.com" in said(dialog.page)
    await host.change({"network.offline": True})
    await settle()
    assert "goes to" not in said(dialog.page)


async def test_what_left_today_is_what_the_gate_booked(dialog: SettingsDialog, host: StagedHost) -> None:
    page = await page_of(dialog, "privacy", PrivacyPage)
    assert "Nothing has left this computer today." in said(page)
    for who, to, cargo, count in (
        ("Deepgram", "api.deepgram.com", Cargo.VOICE, 1_450_000),
        ("OpenAI", "api.openai.com", Cargo.WORDS, 3_210),
        ("OpenAI", "api.openai.com", Cargo.ANSWERS, 812),
        ("Ollama", "127.0.0.1", Cargo.WORDS, 9_999),
    ):
        with on_errand(Errand(who=who, cargo=cargo)):
            Booking(host.ledger, to).sent(count)
    host.sent.append(
        DataSent(
            role=Role.THINKS, who="OpenAI", host="api.openai.com", what="412 words", sent_bytes=3210, at=0.0
        )
    )
    page._show_today()
    await settle()
    words = said(page)
    assert "Nothing has left" not in words
    assert "your voice 1.4 MB" in words or "your voice 1.5 MB" in words
    assert "your words 3.2 kB · answers to be spoken 812 bytes" in words
    assert "412 words → api.openai.com (OpenAI), 3.2 kB" in words
    assert "127.0.0.1" not in words
    assert page.today.total.text() == "1.5 MB sent"


async def test_stand_ins_are_asked_in_the_order_of_their_ticks_and_the_guide_last(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await thinking(dialog)
    boxes = page.stand_ins.boxes
    assert not boxes["guide"].isVisible(), "the guide has the role"
    assert not boxes["openai"].isVisible(), "it has no key"
    for name in ("openai", "anthropic"):
        await host.save_key(name, Secret(GOOD_KEYS[name]))
    await host.change({"providers.llm.active": "ollama"})
    page.appeared()
    await settle(boxes["openai"].isVisible)
    assert boxes["guide"].isChecked()
    for name in ("anthropic", "openai"):
        boxes[name].click()
        await settle()
    assert host.settings.providers.llm.stand_ins == "guide anthropic openai"
    assert "Anthropic, then OpenAI, then Offline guide." in said(page)
    for name in ("anthropic", "openai", "guide"):
        boxes[name].click()
        await settle()
    assert host.settings.providers.llm.stand_ins == ""
    assert "Nobody" in said(page)


async def test_the_proxy_that_would_be_used_is_named(
    dialog: SettingsDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    page = await page_of(dialog, "privacy", PrivacyPage)
    assert page.proxy.text() == "There is none at the moment."
    monkeypatch.setenv("https_proxy", "http://me:secret-word@proxy.example:3128")
    page.appeared()
    assert page.proxy.text() == "There is one: proxy.example:3128"


async def test_another_provider_may_be_opened_while_one_is_asked_about_its_key(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    host.answers_never = True
    page = await thinking(dialog)
    page.cards["openai"].click()
    await settle()
    await paste_key(page, GOOD_KEYS["openai"])
    page.cards["anthropic"].click()
    await settle()
    host.may_answer.set()
    await settle()
    assert not (await host.key_state("openai")).present


async def test_an_address_that_is_none_is_shown_as_it_was_written(qapp: QApplication) -> None:
    host = StagedHost(
        changed(
            Settings(), {"providers.llm.openai.base_url": "http://[::1", "providers.llm.active": "openai"}
        )
    )
    dialog = SettingsDialog(host, Look())
    dialog.show()
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    assert page.setup is not None
    assert page.setup.address.text() == "http://[::1"
    await page_of(dialog, "privacy", PrivacyPage)
    dialog.close()
    dialog.deleteLater()
    await settle()


async def test_a_server_that_is_removed_while_it_is_tested_stays_away(qapp: QApplication) -> None:
    host = StagedHost(changed(Settings(), {"servers.attic.address": "http://192.168.1.20:8000/v1"}))
    host.answers_never = True
    dialog = SettingsDialog(host, Look())
    dialog.show()
    page = await page_of(dialog, "servers", ServersPage)
    for words in ("Test", "Remove", "Remove it"):
        answer(page, words)
        await settle()
    host.may_answer.set()
    await settle()
    assert not page.cards
    dialog.close()
    dialog.deleteLater()
    await settle()
