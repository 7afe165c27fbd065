"""The page of practices: writing one, what is wrong beside its field, preview, trying it, deleting with undo."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QSpinBox
from pytestqt.qtbot import QtBot

from companion.errors import CompanionError, Kind
from companion.gui.practices import page as practices_page
from companion.gui.practices.page import PracticesPage
from companion.gui.staged import StagedHost, idle
from companion.gui.staged_practices import UNFINISHED, WALK, StagedShelf
from companion.gui.window import Window
from tests.waiting import until


@pytest.fixture
def shelf(host: StagedHost) -> StagedShelf:
    host.shelf = StagedShelf(WALK, UNFINISHED)
    return host.shelf


@pytest.fixture
def page(window: Window, host: StagedHost, shelf: StagedShelf) -> PracticesPage:
    idle(host)
    window.bar.practices_wanted.emit()
    return window.pages.practices


def names(page: PracticesPage) -> list[str]:
    return [page.list.item(row).text() for row in range(page.list.count())]


def choose(page: PracticesPage, title: str) -> None:
    page.list.setCurrentRow(next(row for row, text in enumerate(names(page)) if text.startswith(title)))


async def test_own_practices_come_first_and_only_they_can_be_changed(page: PracticesPage) -> None:
    assert names(page)[:4] == ["YOURS", "A walk in words", "Sunday · not finished", "WITH THE APP"]
    assert page.edit.isVisible()
    assert page.delete.isVisible()
    choose(page, "Gratitude")
    assert not page.edit.isVisible()
    assert not page.delete.isVisible()
    assert page.copy.isVisible()
    choose(page, "Sunday")
    assert not page.begin.isEnabled()
    assert "The opening question is missing" in page.message.text()


async def test_a_practice_is_written_and_its_faults_stand_beside_the_fields(
    page: PracticesPage, shelf: StagedShelf
) -> None:
    page.new.click()
    await until(page.editor.isVisible)
    editor = page.editor
    (card,) = editor.steps.cards
    faults = (editor.title.fault, editor.openings["any"].fault, card.fault, editor.closing.fault)
    assert not any(fault.isVisible() for fault in faults), "nothing is wrong with what nobody has written yet"
    assert not page.begin.isEnabled()
    editor.title.control.setText("Sunday walk")
    editor.openings["any"].control.setText("Tell me.")
    editor.closing.control.setText("Are you home?")
    card.questions.control.setPlainText("What did you see?\nAnd the light")
    assert "one question, with a question mark" in editor.openings["any"].fault.text()
    assert "cannot be a question" in editor.closing.fault.text()
    assert "has no title" in card.fault.text()
    assert "'And the light' has to end with a question mark" in card.fault.text()
    assert page.message.text().startswith("Not finished yet.")
    editor.openings["any"].control.setText("Where did you go?")
    editor.closing.control.setText("You are home.")
    card.title.control.setText("Setting out")
    card.questions.control.setPlainText("What did you see?\nWhat was the light like?")
    assert not any(fault.isVisible() for fault in faults)
    assert page.begin.isEnabled()
    page.look_at.click()
    assert "Where did you go?" in page.preview.text
    assert "1 of 1 · Setting out" in page.preview.text
    assert page.preview.text.endswith("You are home.")
    chosen: list[str] = []
    page.practice_chosen.connect(chosen.append)
    page.begin.click()
    await until(lambda: bool(chosen))
    assert chosen == ["sunday-walk"]
    assert shelf.own["sunday-walk"].steps[0].questions == ("What did you see?", "What was the light like?")


async def test_what_is_written_is_saved_without_a_button(
    page: PracticesPage, shelf: StagedShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.edit.click()
    await until(page.editor.isVisible)
    page.editor.closing.control.setText("Home.")
    monkeypatch.setattr(practices_page, "SAVE_AFTER_S", 0.01)
    page.editor.title.control.setText("A walk")
    await until(lambda: shelf.own[WALK.name].title == "A walk")
    page.editor.title.control.setText("A longer walk")
    choose(page, "Gratitude")
    await until(page.preview.isVisible)
    assert shelf.own[WALK.name].title == "A longer walk"
    assert page.chosen == "gratitude"
    choose(page, "A longer walk")
    page.edit.click()
    await until(page.editor.isVisible)
    page.editor.title.control.setText("Something else")
    assert page.take_back.isVisible()
    page.take_back.click()
    page.done.click()
    await until(page.preview.isVisible)
    assert shelf.own[WALK.name].title == "A longer walk"


async def test_nothing_is_lost_when_it_cannot_be_saved(page: PracticesPage, shelf: StagedShelf) -> None:
    page.edit.click()
    await until(page.editor.isVisible)
    shelf.trouble = CompanionError(Kind.DISK_FULL)
    page.editor.title.control.setText("On a full disk")
    page.done.click()
    await until(lambda: "disk is full" in page.message.text())
    assert page.editor.isVisible()
    assert page.editor.practice.title == "On a full disk"
    shelf.trouble = None
    page.done.click()
    await until(page.preview.isVisible)
    assert shelf.own[WALK.name].title == "On a full disk"


async def test_a_copy_is_ones_own_and_a_deleted_one_comes_back(
    page: PracticesPage, shelf: StagedShelf
) -> None:
    choose(page, "Evening review")
    page.copy.click()
    await until(lambda: "evening-review-(copy)" in shelf.own)
    copy = shelf.own["evening-review-(copy)"]
    assert set(copy.openings) == {"any", "morning", "afternoon", "evening", "night"}
    page.done.click()
    await until(page.preview.isVisible)
    choose(page, "A walk in words")
    page.delete.click()
    await until(page.undo.isVisible)
    assert WALK.name not in shelf.own
    assert "was deleted" in page.message.text()
    page.undo.click()
    await until(lambda: page.chosen == WALK.name)
    assert shelf.own[WALK.name] == WALK
    assert not page.undo.isVisible()


async def test_steps_are_added_moved_and_put_back(page: PracticesPage) -> None:
    page.edit.click()
    await until(page.editor.isVisible)
    steps = page.editor.steps
    steps.cards[0].later.click()
    assert [step.title for step in page.editor.practice.steps] == ["The turn", "Setting out"]
    steps.cards[0].away.click()
    assert [step.title for step in page.editor.practice.steps] == ["Setting out"]
    page.undo.click()
    await until(lambda: len(steps.cards) == 2)
    assert [step.title for step in page.editor.practice.steps] == ["The turn", "Setting out"]
    steps.add.click()
    assert len(steps.cards) == 3
    assert [card.heading.text() for card in steps.cards] == ["Step 1 of 3", "Step 2 of 3", "Step 3 of 3"]


async def test_every_control_has_a_name(page: PracticesPage) -> None:
    page.edit.click()
    await until(page.editor.isVisible)
    for kind in (QAbstractButton, QLineEdit, QPlainTextEdit, QComboBox, QSpinBox):
        for control in page.findChildren(kind):
            if control.objectName().startswith("qt_"):
                continue
            text: Callable[[], str] | None = getattr(control, "text", None)
            words = text() if isinstance(control, QAbstractButton) and text is not None else ""
            assert control.accessibleName() or words, control


async def test_trying_one_leads_back_to_the_talk_page(
    page: PracticesPage, window: Window, host: StagedHost
) -> None:
    assert not window.shows_talk
    choose(page, "A walk in words")
    page.begin.click()
    await until(lambda: window.shows_talk)
    assert ("practice", WALK.name) in host.pressed
    await window.pages.keep_practice()


async def test_escape_leaves_the_editor_and_then_the_page(
    page: PracticesPage, window: Window, shelf: StagedShelf
) -> None:
    page.edit.click()
    await until(page.editor.isVisible)
    page.editor.title.control.setText("Kept by Escape")
    window._keyboard.escape()
    await until(page.preview.isVisible)
    assert not window.shows_talk, "one level at a time"
    assert page.list.hasFocus()
    assert shelf.own[WALK.name].title == "Kept by Escape"
    window._keyboard.escape()
    assert window.shows_talk
    await window.pages.keep_practice()


async def test_what_is_being_written_is_kept_when_the_window_closes(
    page: PracticesPage, window: Window, shelf: StagedShelf
) -> None:
    page.edit.click()
    await until(page.editor.isVisible)
    page.editor.title.control.setText("At the very end")
    await window.pages.keep_practice()
    assert shelf.own[WALK.name].title == "At the very end"


async def test_in_a_narrow_window_the_list_gives_way_to_what_is_written(
    page: PracticesPage, window: Window, qtbot: QtBot
) -> None:
    window.resize(720, 560)
    page.edit.click()
    await until(page.editor.isVisible)
    assert not page.list.isVisible(), "there would be no room"
    inside = page.editor.widget()
    assert inside is not None
    qtbot.waitUntil(lambda: inside.minimumSizeHint().width() <= page.editor.viewport().width())
    page.done.click()
    await until(page.list.isVisible)
    window.resize(1160, 780)
    page.edit.click()
    await until(page.editor.isVisible)
    assert page.list.isVisible()
