"""The settings as a person looks through them: found by any word, ready things first, each change with its way back."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from companion.errors import CompanionError, Kind
from companion.flow import Health
from companion.gui.focus import reading_order, step
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.form import FieldRow
from companion.gui.settings.page import find_pages
from companion.gui.settings.pages.general import GeneralPage
from companion.gui.settings.pages.journal import JournalSettings
from companion.gui.settings.pages.thinking import ThinkingPage
from companion.gui.settings.role_page import RolePage
from companion.gui.tongue import speak
from companion.kinds import Role
from companion.language import ENGLISH, PSEUDO
from companion.log import Secret
from companion.settings import Settings, changed
from tests.gui.settings_host import StagedHost, dialog, host, page_of, settle, shown

__all__ = ["dialog", "host"]


async def thinking(dialog: SettingsDialog) -> ThinkingPage:
    return await page_of(dialog, "thinking", ThinkingPage)


def row_of(dialog: SettingsDialog, name: str) -> FieldRow:
    assert dialog.page is not None
    return next(row for row in dialog.page.rows if row.field.name == name)


@pytest.mark.parametrize("language", [ENGLISH, "de", PSEUDO])
async def test_large_text_in_the_smallest_window_keeps_every_word(qapp: QApplication, language: str) -> None:
    speak(qapp, language)
    try:
        await _look_through_the_pages()
    finally:
        speak(qapp, ENGLISH)


async def _look_through_the_pages() -> None:
    host = StagedHost()
    host.parts.absent = {"whisper", "piper"}
    host.settings = changed(host.settings, {"talk.engine": "openai-realtime", "talk.tap_ms": 400})
    async with shown(host, font_scale=2.0) as dialog:
        dialog.resize(dialog.minimumSize())
        assert dialog.width() < 900
        assert dialog.height() < 600
        for info in find_pages():
            dialog.show_page(info.name)
            await settle()
            page = dialog.page
            assert page is not None
            area = page.parentWidget()
            assert area is not None
            assert page.width() <= area.width(), f"{info.title} must be moved sideways"
            for button in page.findChildren(QAbstractButton):
                if button.isVisible():
                    right = button.mapTo(page, button.rect().topRight()).x()
                    assert right <= page.width(), f"{button.text()} is cut on {info.title}"


async def test_no_page_opens_a_window_of_its_own_while_it_is_made(
    host: StagedHost, qapp: QApplication
) -> None:
    class Windows(QObject):
        seen: ClassVar[list[str]] = []

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
                self.seen.append(type(watched).__name__)
            return False

    host.parts.absent = {"mind", "piper", "whisper"}
    watch = Windows()
    qapp.installEventFilter(watch)
    async with shown(host) as dialog:
        for info in find_pages():
            dialog.show_page(info.name)
            await settle()
    qapp.removeEventFilter(watch)
    assert watch.seen == ["SettingsDialog"]


@pytest.mark.parametrize("name", ["thinking", "voice", "talking"])
async def test_the_keyboard_reaches_every_control_in_view_and_with_a_ring(
    qapp: QApplication, name: str
) -> None:
    host = StagedHost()
    host.parts.absent = {"mind", "piper"}
    host.settings = changed(host.settings, {"talk.tap_ms": 400})
    async with shown(host, font_scale=2.0) as dialog:
        dialog.resize(dialog.minimumSize())
        dialog.show_page(name)
        await settle()
        page = dialog.page
        assert page is not None
        seen = page.parentWidget()
        assert seen is not None
        controls = [each for each in reading_order(dialog) if page.isAncestorOf(each)]
        assert len(controls) > 4
        dialog.activateWindow()
        dialog.list.setFocus()
        for control in controls:
            step(dialog, forward=True)
            assert dialog.focusWidget() is control
            place = QRect(control.mapTo(seen, QPoint()), control.size())
            said = f"{control.accessibleName()} {place.getRect()}"
            assert seen.rect().contains(place) or place.height() > seen.height(), f"{said} is out of view"
            around = QRect(control.mapTo(dialog, QPoint()), control.size()).adjusted(-6, -6, 6, 6)
            ringed = dialog.grab(around).toImage()
            dialog.list.setFocus()
            assert dialog.grab(around).toImage() != ringed, f"{said} has no ring"
            control.setFocus()


async def test_what_is_ready_comes_first_and_what_is_not_here_is_a_line_below(
    dialog: SettingsDialog,
    host: StagedHost,
) -> None:
    page = await thinking(dialog)
    large = [name for name, card in page.cards.items() if card.isVisible()]
    assert {"guide", "ollama"} <= set(large)
    assert "mind" not in large
    line = page.absent["mind"]
    assert line.isVisible()
    assert "There is no model on this computer yet." in line.text()
    assert not page.chips["mind"].isVisible()
    line.click()
    await settle()
    assert page.open_name == "mind"
    assert page.cards["mind"].isVisible()
    assert not line.isVisible()


async def test_who_is_ready_is_a_card_and_who_only_needs_a_key_a_small_button(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await thinking(dialog)
    assert [name for name, card in page.cards.items() if card.isVisible()] == ["guide", "ollama"]
    assert page.chips["openai"].isVisible()
    assert page.chips["openai"].mapTo(page, QPoint()).y() < page.spent.mapTo(page, QPoint()).y()
    page.choose("openai")
    await settle()
    assert page.cards["openai"].isVisible()
    assert page.setup is not None
    assert page.setup.key is not None
    assert dialog.focusWidget() is page.setup.key.field


async def test_nothing_is_asked_where_there_is_nothing_to_choose(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await thinking(dialog)
    assert page.setup is not None
    assert page.setup.model is None, "the guide has one way to think"
    page = await page_of(dialog, "journal", JournalSettings)
    assert not page.backups.made.isVisible(), "there is no backup to choose"


async def test_none_is_a_word_and_a_folder_is_chosen(dialog: SettingsDialog, host: StagedHost) -> None:
    host.settings = changed(host.settings, {"journal.lock_after_min": 0})
    dialog.show_page("journal")
    await settle()
    spin = row_of(dialog, "journal.lock_after_min").control
    assert isinstance(spin, QSpinBox)
    assert spin.text() == "Never"
    chooser = row_of(dialog, "journal.backup_folder").chooser
    assert chooser is not None
    assert chooser.text() == "Choose a folder …"
    page = await thinking(dialog)
    assert page is dialog.page
    money = row_of(dialog, "reply.monthly_budget_usd").control
    assert isinstance(money, QDoubleSpinBox)
    assert money.text() == "No limit"
    money.setValue(5)
    assert money.text() == "$5.00"


@pytest.mark.parametrize("kind", [Kind.KEY_MISSING, Kind.KEY_REFUSED])
async def test_a_server_that_wants_a_key_is_there(
    dialog: SettingsDialog,
    host: StagedHost,
    kind: Kind,
) -> None:
    host.healths["vllm"] = Health(ok=False, detail="It asks for a key.", kind=kind)
    page = await thinking(dialog)
    assert not page.absent["vllm"].isVisible()
    page.choose("vllm")
    await settle()
    assert page.cards["vllm"].state == "wants a key"
    assert page.notice.text == "vLLM needs a key first. Offline guide stays until then."
    assert page.setup is not None
    assert page.setup.key is not None
    assert dialog.focusWidget() is page.setup.key.field


async def test_every_changed_setting_has_its_way_back(
    dialog: SettingsDialog,
    host: StagedHost,
) -> None:
    host.settings = changed(host.settings, {"talk.tap_ms": 400, "talk.headphones": True})
    dialog.show_page("talking")
    await settle()
    assert not row_of(dialog, "talk.tail_ms").usual.isVisible()
    row_of(dialog, "talk.tap_ms").usual.click()
    await settle()
    assert host.settings.talk.tap_ms == Settings().talk.tap_ms
    assert host.settings.talk.headphones
    assert not row_of(dialog, "talk.tap_ms").usual.isVisible()
    assert row_of(dialog, "talk.tap_ms").control.hasFocus() or not dialog.isActiveWindow()


async def test_what_was_given_back_comes_again_with_a_click(
    dialog: SettingsDialog,
    host: StagedHost,
) -> None:
    host.settings = changed(host.settings, {"talk.tap_ms": 400, "talk.headphones": True})
    dialog.resize(dialog.minimumSize())
    dialog.show_page("talking")
    await settle()
    page = dialog.page
    assert page is not None
    for press in (row_of(dialog, "talk.tap_ms").usual, page.reset):
        press.click()
        await settle()
        assert host.settings.talk.tap_ms == Settings().talk.tap_ms
        assert page.notice.text == "Back to the default."
        told = page.notice.mapTo(dialog, QPoint()).y() + page.notice.height()
        assert told <= dialog.height(), "it is in view, wherever the page was scrolled to"
        next(each for each in page.notice.findChildren(QPushButton) if each.text() == "Undo").click()
        await settle()
        assert (host.settings.talk.tap_ms, host.settings.talk.headphones) == (400, True)


async def test_the_focus_stays_near_what_was_pressed_and_has_gone(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    await host.save_key("anthropic", Secret("sk-ant-bbbbbbbbbbbbbbbbbbbbbbbb1c2d"))
    page = await thinking(dialog)
    page.choose("anthropic")
    await settle()
    assert page.setup is not None
    assert page.setup.key is not None
    page.setup.key.remove.setFocus()
    page.setup.key.remove.click()
    await settle()
    focused = dialog.focusWidget()
    assert focused is not None
    assert page.setup.key.isAncestorOf(focused)


async def test_a_card_says_where_the_words_really_go(dialog: SettingsDialog, host: StagedHost) -> None:
    host.settings = changed(host.settings, {"providers.llm.anthropic.base_url": "https://relay.example/v1"})
    page = await thinking(dialog)
    page.choose("anthropic")
    await settle()
    said = page.cards["anthropic"].accessibleDescription()
    assert "relay.example" in said
    assert "api.anthropic.com" not in said


async def test_what_an_editor_writes_into_the_file_is_taken_up(
    host: StagedHost, qapp: QApplication, tmp_path: Path
) -> None:
    host.settings_file = tmp_path / "settings.yaml"
    async with shown(host) as dialog:
        await settle()
        assert ("take up",) not in host.log
        for text in ("talk: {}", "talk: {tap_ms: 300}"):
            written = tmp_path / "written.yaml"
            written.write_text(text, "utf-8")
            written.replace(host.settings_file)
            await settle(lambda: ("take up",) in host.log)
            assert ("take up",) in host.log
            host.log.clear()
        host.settings_file.write_text("talk: {tap_ms: 400}", "utf-8")
        await settle(lambda: ("take up",) in host.log)
        assert ("take up",) in host.log
        assert dialog.isVisible()


async def test_language_and_duration_are_lists_of_words(
    dialog: SettingsDialog,
    host: StagedHost,
) -> None:
    host.settings = changed(host.settings, {"talk.language": "pt-BR", "talk.longest_take_s": 600})
    for page, name, chosen, other in (
        ("hearing", "talk.language", "pt-BR", "German"),
        ("talking", "talk.longest_take_s", "10 minutes", "1 hour"),
    ):
        dialog.show_page(page)
        await settle()
        combo = row_of(dialog, name).control
        assert isinstance(combo, QComboBox)
        assert combo.currentText() == chosen
        combo.setCurrentText(other)
        combo.activated.emit(combo.currentIndex())
        await settle()
    assert host.settings.talk.language == "de"
    assert host.settings.talk.longest_take_s == 3600


@pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)
async def test_a_certificate_is_chosen_among_files(
    dialog: SettingsDialog,
    host: StagedHost,
) -> None:
    dialog.show_page("privacy")
    await settle()
    row = row_of(dialog, "network.certificates")
    assert row.chooser is not None
    row.chooser.click()
    chooser = row.findChild(QFileDialog)
    chooser.fileSelected.emit("/etc/home.pem")
    chooser.close()
    await settle()
    assert host.settings.network.certificates == "/etc/home.pem"
    assert isinstance(row.control, QLineEdit)
    assert row.control.text() == "/etc/home.pem"


async def test_the_month_is_a_bar_where_there_is_a_limit(
    dialog: SettingsDialog,
    host: StagedHost,
) -> None:
    host.spent_usd = 1.25
    page = await thinking(dialog)
    assert page.spent.says.text() == "Spent this month: $1.25"
    assert not page.spent.bar.isVisible()
    host.settings = changed(host.settings, {"reply.monthly_budget_usd": 5.0})
    page.refresh()
    assert page.spent.says.text() == "Spent this month: $1.25 of $5.00"
    assert page.spent.bar.isVisible()
    assert page.spent.bar.value() == page.spent.bar.maximum() // 4
    host.spent_usd = 5.5
    page.refresh()
    assert "used up" in page.spent.says.text()
    assert page.spent.bar.value() == page.spent.bar.maximum()


async def test_the_list_of_models_holds_what_can_do_the_role(
    dialog: SettingsDialog,
    host: StagedHost,
) -> None:
    found = (
        "gpt-9",
        "whisper-1",
        "text-embedding-3-small",
        "dall-e-3",
        "omni-moderation-latest",
        "gpt-9-tts",
    )
    page = await thinking(dialog)
    page.choose("openai")
    await settle()
    page.checked(page._specs["openai"], Health(ok=True, detail="", models=found))
    combo = page.setup.model if page.setup is not None else None
    assert combo is not None
    names = [combo.itemText(place) for place in range(combo.count())]
    assert [name for name in found if name in names] == ["gpt-9"]


async def test_general_starts_with_the_system_and_copies_the_line_for_updates(
    dialog: SettingsDialog,
    host: StagedHost,
) -> None:
    page = await page_of(dialog, "general", GeneralPage)
    page.starts.click()
    assert host.starts_with_system
    host.refuses = CompanionError(Kind.FOLDER_UNUSABLE, "It cannot be written.")
    page.starts.click()
    assert page.starts.isChecked()
    assert "It cannot be written." in page.notice.text
    page.copy.click()
    assert QApplication.clipboard().text() == page.update_line.text()


async def test_a_card_says_itself_to_a_screen_reader(dialog: SettingsDialog) -> None:
    page = await thinking(dialog)
    assert isinstance(page, RolePage)
    assert page.role is Role.THINKS
    assert page.cards["guide"].accessibleName() == "Offline guide, on this computer, in use"
    assert page.cards["guide"].focusPolicy() is Qt.FocusPolicy.StrongFocus


async def test_the_country_of_help_is_chosen_by_its_name(
    host: StagedHost, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.gui.settings.pages.privacy.system_region", lambda: "AT")
    async with shown(host) as dialog:
        dialog.show_page("privacy")
        await settle()
        combo = row_of(dialog, "care.region").control
        assert isinstance(combo, QComboBox)
        words = [combo.itemText(place) for place in range(combo.count())]
        assert words[0] == combo.currentText() == "As the system: Austria"
        assert words.index("South Africa") < words.index("Bulgaria: emergency number only")
        assert words[1:] == sorted(words[1:], key=lambda each: ("only" in each, each))
        combo.setCurrentIndex(words.index("Germany"))
        combo.activated.emit(combo.currentIndex())
        await settle()
        assert host.settings.care.region == "DE"
        host.settings = changed(
            host.settings, {"care.region": "XK"}
        )  # of the file: the country is not listed
        assert dialog.page is not None
        dialog.page.refresh()
        assert combo.currentText() == "XK"


@pytest.mark.qt_log_ignore("This plugin does not support")
async def test_a_long_list_opens_beneath_its_field_and_no_strip_stands_around_it(
    dialog: SettingsDialog,
) -> None:
    dialog.show_page("hearing")
    await settle()
    combo = row_of(dialog, "talk.language").control
    assert isinstance(combo, QComboBox)
    combo.showPopup()
    popup, view = combo.view().window(), combo.view()
    assert popup.height() < dialog.height(), "it does not cover the screen"
    assert popup.height() - view.height() <= 2
    combo.hidePopup()
