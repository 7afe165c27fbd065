"""Keys: a letter goes to the field from everywhere, every page has its key and Esc leaves it, and none is taken twice."""

from __future__ import annotations

import asyncio
import re

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from companion.events import DraftOffered
from companion.gui.help import HelpDialog, HelpPage, topics, unwrapped
from companion.gui.keys import key_named
from companion.gui.reading import ReadingPage
from companion.gui.settings.page import find_pages
from companion.gui.shortcuts import ALWAYS, SHORTCUTS, listed, owner_of
from companion.gui.staged import StagedHost, idle, speaking
from companion.gui.theme import Look, next_scale
from companion.gui.window import Window
from companion.paths import resources


def press(window: Window, keys: str) -> None:
    """As a person does, where the focus is."""
    sequence = QKeySequence(keys)[0]  # type: ignore[index]  # the stubs do not know that a sequence is one
    focus = QApplication.focusWidget() or window
    QTest.keyClick(focus, sequence.key(), sequence.keyboardModifiers())
    QApplication.processEvents()


def wanted(window: Window) -> list[QWidget]:
    """Controls of the talk page from which a person may begin to write."""
    return [window.page.area.button, window.page.script, window.rail.buttons["talk"], window.bar.practice]


# -- writing ------------------------------------------------------------------------------------------------


def test_a_letter_begins_a_line_from_wherever_the_focus_is(window: Window, host: StagedHost) -> None:
    idle(host)
    field = window.page.area.composer.field
    for place in wanted(window):
        field.clear()
        place.setFocus()
        QTest.keyClicks(QApplication.focusWidget(), "Hi")
        assert field.hasFocus(), place
        QTest.keyClicks(QApplication.focusWidget(), " there")
        assert window.draft == "Hi there", place
    assert "press" not in host.pressed


@pytest.mark.parametrize(
    ("key", "modifiers"),
    [
        (Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier),
        (Qt.Key.Key_A, Qt.KeyboardModifier.AltModifier),
        (Qt.Key.Key_F5, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Backspace, Qt.KeyboardModifier.NoModifier),
    ],
)
def test_what_writes_nothing_leaves_the_focus_alone(
    window: Window, key: Qt.Key, modifiers: Qt.KeyboardModifier
) -> None:
    window.page.area.button.setFocus()
    QTest.keyClick(window.page.area.button, key, modifiers)
    assert window.page.area.button.hasFocus()
    assert window.draft == ""


def test_a_letter_that_talks_is_not_written(window: Window, host: StagedHost) -> None:
    host.settings.talk.key = "T"
    window.settings_changed()
    window.page.area.button.setFocus()
    QTest.keyPress(window.page.area.button, Qt.Key.Key_T)
    assert host.pressed == ["press"]
    assert window.draft == ""


def test_after_words_that_were_read_one_can_go_on_speaking(window: Window, host: StagedHost) -> None:
    idle(host)
    host.emit(DraftOffered(turn=1, text="I had a long day"))
    field = window.page.area.composer.field
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert ("submit", "I had a long day") in host.pressed
    assert window.page.area.button.hasFocus()
    field.setFocus()
    QTest.keyClicks(field, "written")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.hasFocus(), "whoever writes goes on writing"


# -- turning ------------------------------------------------------------------------------------------------


async def test_every_page_has_its_key_and_escape_leaves_it(window: Window, host: StagedHost) -> None:
    idle(host)
    for keys, page in (("Ctrl+2", "journal"), ("Ctrl+3", "insights"), ("F1", "help")):
        press(window, keys)
        assert window.pages.shown == page
        assert window.rail.buttons[page].isChecked()
        press(window, "Esc")
        assert window.shows_talk, page
        assert window.page.area.button.hasFocus()
    press(window, "Ctrl+2")
    press(window, "Ctrl+1")
    assert window.shows_talk


def test_escape_silences_before_it_leaves(window: Window, host: StagedHost) -> None:
    speaking(host)
    window.show_page("help")
    host.pressed.clear()
    press(window, "Esc")
    assert host.pressed == ["cancel"]
    assert not window.shows_talk


def test_the_whole_screen_and_back(window: Window) -> None:
    press(window, "F11")
    assert window.isFullScreen()
    press(window, "F11")
    assert not window.isFullScreen()


@pytest.mark.parametrize("keys", ["Ctrl+Q", "Ctrl+W"])
def test_it_closes(qtbot: QtBot, window: Window, keys: str) -> None:
    with qtbot.waitSignal(window.closed):
        press(window, keys)


def test_the_size_of_the_text_is_asked_for(window: Window) -> None:
    asked: list[int] = []
    window.text_size_wanted.connect(asked.append)
    for keys in ("Ctrl++", "Ctrl+=", "Ctrl+-", "Ctrl+0"):
        press(window, keys)
    assert asked == [1, 1, -1, 0]


def test_sizes_step_to_their_ends_and_back() -> None:
    up = [1.0]
    while (larger := next_scale(up[-1], 1)) != up[-1]:
        up.append(larger)
    assert up[-1] == 2.0
    assert next_scale(0.8, -1) == 0.8
    assert next_scale(1.3, 1) == 1.35
    assert next_scale(1.3, -1) == 1.2
    assert next_scale(1.75, 0) == 1.0


# -- the table ----------------------------------------------------------------------------------------------


def test_every_shortcut_of_the_window_is_in_the_table_and_none_is_there_twice(window: Window) -> None:
    known = [keys for each in SHORTCUTS.values() for keys in each.keys]
    assert len(set(known)) == len(known)
    bound = {each.key().toString() for each in window.findChildren(QShortcut)}
    assert bound <= {QKeySequence(keys).toString() for keys in known}


def test_who_locks_the_window_can_still_end_the_program(window: Window) -> None:
    always = {each.key().toString() for each in window.findChildren(QShortcut) if each.property(ALWAYS)}
    assert {"Ctrl+Q", "Ctrl+W", "F11", "Ctrl++"} <= always
    assert not {"Ctrl+J", "Ctrl+,", "Ctrl+N", "F1"} & always


@pytest.mark.parametrize(
    ("key", "says"),
    [("F1", "F1 is for something else: open this help"), ("F11", "fill the screen"), ("F9", "talks already")],
)
def test_a_key_that_does_something_says_what(key: str, says: str) -> None:
    assert says in owner_of(key_named(key))


@pytest.mark.parametrize("key", ["F8", "A", "Space", "1", "Ins"])
def test_other_keys_are_free(key: str) -> None:
    assert owner_of(key_named(key)) == ""


# -- the help -----------------------------------------------------------------------------------------------


@pytest.fixture
def page(window: Window, host: StagedHost) -> HelpPage:
    host.settings.talk.key = "F8"
    window.show_page("help")
    return window.pages.help


def test_every_topic_is_there_to_be_read(page: HelpPage) -> None:
    assert [topic.name for topic in topics()] == [
        "first-steps", "keys", "practices", "what-leaves", "journal", "import-export", "memory", "care", "troubles",
        "languages", "models", "own-servers", "settings", "command-line", "library", "inside", "promises",
    ]  # fmt: skip
    for topic in topics():
        page.show_topic(topic.name)
        text = page.text.toPlainText()
        assert text.startswith(topic.title)
        assert not re.search(r"[{}]|\*\*|^#|\|", text, re.MULTILINE), topic.name
        assert page.text.document().size().width() <= page.text.viewport().width() + 1, topic.name


def test_the_keys_are_those_that_are_bound_and_the_talk_key_is_the_one_of_now(page: HelpPage) -> None:
    page.show_topic("keys")
    text = page.text.toPlainText()
    for keys, does in listed("F8"):
        assert keys in text
        assert does in text
    page.show_topic("first-steps")
    assert "Hold F8 and say" in page.text.toPlainText()


async def test_the_search_leaves_topics_with_all_its_words_and_marks_the_first(
    window: Window, page: HelpPage
) -> None:
    page.search.setText("microphone hands-free")
    shown = [topic.name for row, topic in enumerate(topics()) if not page.list.item(row).isHidden()]
    assert "troubles" in shown
    assert "promises" not in shown
    assert page.text.textCursor().selectedText().casefold() == "microphone"
    page.search.setText("zebra")
    assert page.text.toPlainText() == "Nothing was found"
    press(window, "Esc")
    assert window.pages.shown == "help", "one level at a time"
    assert page.search.text() == ""
    assert not any(page.list.item(row).isHidden() for row in range(page.list.count()))


async def test_the_help_opens_at_what_one_is_doing_and_leads_back(window: Window, host: StagedHost) -> None:
    for at, topic in (("journal", "journal"), ("practices", "practices")):
        window.show_page(at)
        press(window, "F1")
        assert window.pages.help._chosen == topic
        press(window, "Esc")
        assert window.pages.shown == at
    await window.pages.keep_practice()


@pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)  # of this screen that is none
async def test_over_a_dialog_the_help_has_a_window_of_its_own(qtbot: QtBot, window: Window) -> None:
    dialog = QDialog(window)
    dialog.setProperty("help", "settings:shortcuts")
    field = QLineEdit(dialog)
    dialog.open()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    window._keyboard.help()
    qtbot.waitUntil(lambda: isinstance(QApplication.activeWindow(), HelpDialog))
    front = QApplication.activeWindow()
    assert isinstance(front, HelpDialog)
    assert front.page._chosen == "keys"
    assert window.shows_talk, "the page behind stays"
    window._keyboard.help()
    assert QApplication.activeWindow() is front, "once is enough"
    gone = QSignalSpy(front.destroyed)
    qtbot.waitUntil(front.page.list.hasFocus)
    qtbot.keyClick(front, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: gone.count() == 1)
    dialog.close()


def test_whoever_was_writing_goes_on_writing_after_the_help(window: Window, host: StagedHost) -> None:
    composer = window.page.area.composer
    composer.field.setFocus()
    composer.field.setPlainText("half a sentence")
    press(window, "F1")
    press(window, "Esc")
    assert composer.has_focus


def test_a_paragraph_of_a_file_is_one_line_of_the_page() -> None:
    assert unwrapped("One\ntwo\n\n- a\n  b\n- c\n\n| d |\n|---|\n| e |\n") == (
        "One two\n\n- a b\n- c\n\n| d |\n|---|\n| e |\n"
    )


def test_commands_keep_their_lines() -> None:
    commands = "```\none \\\n    more\ntwo\n```\n"
    assert unwrapped(f"Like\nthis:\n\n{commands}\nand\nthat.\n") == f"Like this:\n\n{commands}\nand that.\n"


def test_a_topic_leads_to_another_and_every_file_and_page_named_is_there(page: HelpPage) -> None:
    page.show_topic("first-steps")
    page.text.anchorClicked.emit(QUrl("25-practices.md"))
    assert page.text.toPlainText().startswith("Practices")
    settings = {each.title for each in find_pages()}
    for file in (resources().parent / "README.md", *sorted(resources().glob("help/*.md"))):
        text = file.read_text(encoding="utf-8")
        for leads in re.findall(r"\]\((?!https:)([^)]+)\)", text):
            assert (file.parent / leads).exists(), (file.name, leads)
        assert {name.strip() for name in re.findall(r"Settings >\s([^*>]+)", text)} <= settings, file.name


def test_the_welcome_is_one_press_away(qtbot: QtBot, page: HelpPage) -> None:
    with qtbot.waitSignal(page.welcome_wanted):
        QTest.mouseClick(page.welcome, Qt.MouseButton.LeftButton)


async def test_a_private_reflection_is_shown_on_every_page(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    qtbot.keyClick(
        window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    await asyncio.sleep(0)
    assert host.pressed[-1] == ("private", True)
    for page in ("talk", "journal", "insights"):
        window.show_page(page)
        assert window.rail.private.isVisible()
        assert window.rail.private.text() == "Nothing is kept"
    qtbot.keyClick(
        window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    await asyncio.sleep(0)
    assert host.pressed[-1] == ("private", False)
    assert not window.rail.private.isVisible()


def uppermost(page: ReadingPage) -> str:
    return page.cursorForPosition(QPoint(30, 12)).block().text()[:30]


async def test_another_size_of_the_text_or_of_the_window_keeps_the_place_that_is_read(
    window: Window, host: StagedHost
) -> None:
    idle(host)
    for number in range(12):
        host.say(f"Words number {number}. " * 20)
        host.end(f"Answer number {number}. " * 40)
    window.page.script.flush()
    await settle()
    window.show_page("help")
    window.pages.help.show_topic("journal")
    for shown, page in (("talk", window.page.script), ("help", window.pages.help.text)):
        window.show_page(shown)
        await settle()
        bar = page.verticalScrollBar()
        bar.setValue(bar.maximum() // 2)
        before = uppermost(page)
        for scale in (1.2, 2.0, 1.0):
            window.look.choose(theme="light", font_scale=scale, reduced_motion=False)
            await settle()
        window.resize(820, 700)
        await settle()
        window.resize(1160, 780)
        await settle()
        assert uppermost(page) == before
    Look().wear()


async def settle() -> None:
    for _ in range(6):
        QApplication.processEvents()
        await asyncio.sleep(0.005)
