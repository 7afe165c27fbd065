"""Mood and title in the window: a row that can be ignored, a card when the practice is over, all by keyboard too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.events import Event, PracticeChanged, ReflectionMarked, SessionBegan, TurnFinished
from companion.gui.shell import Shell
from companion.gui.staged import StagedHost, finished, idle
from companion.gui.window import Window
from companion.kinds import MOODS
from companion.paths import Home
from companion.practices import find_practice
from companion.settings import changed
from companion.vault import MemoryVault
from tests.vaults import given
from tests.waiting import until


def over(host: StagedHost, *, is_over: bool = True) -> None:
    host.emit(PracticeChanged(name="g", title="Gratitude", step=4, steps=4, opening="What?", is_over=is_over))


def test_a_mood_is_marked_with_a_word_and_taken_back(window: Window, host: StagedHost) -> None:
    idle(host)
    row = window.page.mood
    assert row.isVisible()
    assert not row.word.isVisible()
    assert [mark.accessibleName().lower() for mark in row.marks.values()] == list(MOODS)
    row.marks[-2].click()
    assert (host.marking.now.before, host.marking.now.after) == (-2, None)
    assert row.name.text() == "Unpleasant"
    row.word.setText("  uneasy ")
    row.word.editingFinished.emit()
    assert host.marking.now.word_before == "uneasy"
    row.marks[-2].click()
    assert (host.marking.now.before, host.marking.now.word_before) == (None, "")
    assert not row.word.isVisible()


def test_the_marks_are_a_group_for_the_keyboard_and_a_click_leaves_the_talk_key_alone(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    idle(host)
    window.page.area.button.setFocus()
    marks = window.page.mood.marks
    qtbot.mouseClick(marks[1], Qt.MouseButton.LeftButton)
    assert host.marking.now.before == 1
    assert window.page.area.button.hasFocus()
    marks[1].setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(marks[1], Qt.Key.Key_Right)
    assert host.marking.now.before == 2
    assert marks[2].hasFocus()
    for _ in range(9):
        QTest.keyClick(window.focusWidget(), Qt.Key.Key_Left)
    assert host.marking.now.before == -3
    QTest.keyClick(marks[-3], Qt.Key.Key_Return)
    assert host.marking.now.before is None
    word = window.page.mood.word
    marks[0].click()
    word.setFocus()
    QTest.keyClicks(word, "calm")
    QTest.keyClick(word, Qt.Key.Key_Return)
    assert host.marking.now.word_before == "calm"
    assert window.page.area.button.hasFocus(), "the space bar talks again"


def test_a_row_of_marks_is_one_tab_stop_at_the_mark_that_is_set(window: Window, host: StagedHost) -> None:
    idle(host)
    row = window.page.mood

    def stops() -> list[int]:
        return [mood for mood, mark in row.marks.items() if mark.focusPolicy() & Qt.FocusPolicy.TabFocus]

    assert stops() == [0]
    row.marks[0].setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(row.marks[0], Qt.Key.Key_Right)
    assert stops() == [1]
    QTest.keyClick(row.marks[1], Qt.Key.Key_Tab)
    assert row.word.hasFocus()
    QTest.keyClick(row.word, Qt.Key.Key_Backtab)
    assert row.marks[1].hasFocus()
    QTest.keyClick(row.marks[1], Qt.Key.Key_Return)
    assert stops() == [1]


def test_the_end_of_a_practice_shows_its_title_to_edit(window: Window, host: StagedHost) -> None:
    finished(host)
    card = window.page.closing
    assert card.isVisible()
    assert card.title.text() == "My neighbour and the pot"
    assert card.mood.mood == 2
    assert window.bar.step.text() == "Finished"
    card.title.setFocus()
    card.title.selectAll()
    QTest.keyClicks(card.title, "Soup with pepper")
    QTest.keyClick(card.title, Qt.Key.Key_Return)
    assert host.marking.now.title == "Soup with pepper"
    assert window.page.area.button.hasFocus()
    host.emit(ReflectionMarked(title="Soup with pepper", before=None, after=1))
    assert card.title.text() == "Soup with pepper"
    card.mood.marks[3].click()
    assert host.marking.now.after == 3


def test_a_title_that_is_being_written_is_not_overwritten(window: Window, host: StagedHost) -> None:
    finished(host)
    card = window.page.closing
    card.title.setFocus()
    card.title.setText("My own")
    host.emit(ReflectionMarked(title="An offered one", before=None, after=None))
    assert card.title.text() == "My own"


def test_the_card_goes_with_the_practice_and_when_it_is_closed(window: Window, host: StagedHost) -> None:
    finished(host)
    card = window.page.closing
    low = window.page.script.geometry().bottom()
    card.close_button.click()
    assert not card.isVisible()
    assert window.page.script.geometry().bottom() > low
    over(host)
    assert not card.isVisible(), "it was closed"
    over(host, is_over=False)
    host.emit(SessionBegan())
    over(host)
    assert card.isVisible(), "another practice is over"


def test_nothing_is_asked_where_the_person_does_not_want_it(window: Window, host: StagedHost) -> None:
    host.settings.practice.ask_mood = False
    window.settings_changed()
    finished(host)
    assert window.page.closing.isVisible()
    assert not window.page.closing.mood.isVisible()
    window.page.show_script(False)
    assert not window.page.mood.isVisible()


def test_in_a_low_window_the_marks_give_way_to_the_words(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    finished(host)
    window.resize(720, 560)
    qtbot.waitUntil(lambda: not window.page.closing.mood.isVisible())
    assert window.page.closing.title.isVisible()
    assert window.page.script.height() > 60
    window.resize(1160, 780)
    qtbot.waitUntil(window.page.closing.mood.isVisible)


@pytest.fixture
async def shell(qtbot: QtBot, home: Home) -> AsyncIterator[tuple[Shell, Companion]]:
    app = Companion(home, vault=given(MemoryVault()), player=CapturingPlayer(realtime=False), in_memory=True)
    app.settings = changed(app.settings, {"practice.current": "gratitude", "sound.speak_answers": False})
    made = Shell(app)
    qtbot.addWidget(made.window)
    made.show()
    made.window.show_page("talk")
    await app.open()
    yield made, app
    await app.close()
    made.close()


async def test_a_practice_from_its_opening_to_its_title_in_the_real_app(
    shell: tuple[Shell, Companion],
) -> None:
    made, app = shell
    window, finished_turns = made.window, asyncio.Queue[Event]()
    app.events.watch(
        lambda event: finished_turns.put_nowait(event) if isinstance(event, TurnFinished) else None
    )
    window.page.mood.marks[-1].click()
    steps = find_practice("gratitude").steps
    for said in (
        "My neighbour's soup.",
        "It was hot.",
        "She heard me cough.",
        "The sun.",
        "I will return the pot.",
    ):
        assert not window.page._has_closing
        assert (
            steps[app.engine.practice.step_index(len(app.engine.history))].purpose
            in window.bar.step.accessibleDescription()
        )
        assert app.submit(said)
        async with asyncio.timeout(10):
            await finished_turns.get()
    await until(lambda: window.page._has_closing and bool(window.page.closing.title.text()))
    card = window.page.closing
    assert window.bar.step.text() == "Finished"
    card.mood.marks[2].click()
    card.title.setText("Soup and sun")
    card.title.editingFinished.emit()
    await asyncio.sleep(0.05)
    (session,) = await app.sessions()
    assert (session.title, session.mood_before, session.mood_after) == ("Soup and sun", -1, 2)
