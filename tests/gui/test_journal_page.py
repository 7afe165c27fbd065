"""The journal page: finding a past reflection and reading it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from companion.errors import CompanionError, Kind
from companion.flow import TurnRecord
from companion.gui.journal import JournalPage
from companion.gui.staged import EVENING, StagedHost, journal
from companion.gui.window import Window


@pytest.fixture
async def page(window: Window, host: StagedHost) -> AsyncIterator[JournalPage]:
    journal(host)
    window.show_page("journal")
    await settle()
    assert window._journal is not None
    yield window._journal
    await window._journal.close_reading()


async def settle() -> None:
    for _ in range(4):
        QApplication.processEvents()
        await asyncio.sleep(0.01)


def rows(page: JournalPage) -> list[str]:
    return [page.model.index(row, 0).data() for row in range(page.model.rowCount())]


async def test_reflections_stand_by_day_newest_first(page: JournalPage) -> None:
    assert rows(page) == [
        "Thursday 19 November",
        "I did leave early, actually",
        "I keep saying yes to things",
        "Sunday 15 November",
        "Three good things: the river in fog",
        "Friday 2 October",
        "Half present at dinner",
    ]


async def test_the_newest_is_open(page: JournalPage) -> None:
    assert page.header.text() == "Thursday 19 November · 21:05 · Evening review · 8 min"
    assert "You kept the promise to leave" in page.script.text()
    assert page.script.verticalScrollBar().value() == 0


async def test_arrow_keys_walk_and_skip_the_days(qtbot: QtBot, page: JournalPage) -> None:
    assert page.list.hasFocus()
    for _ in range(2):
        qtbot.keyClick(page.list, Qt.Key.Key_Down)
    await settle()
    assert page.list.currentIndex().data() == "Three good things: the river in fog"
    assert "Gratitude · 5 min" in page.header.text()


async def test_a_finished_turn_appears(window: Window, host: StagedHost, page: JournalPage) -> None:
    turn = TurnRecord(id=9, session_id=9, at=EVENING + 9, user_text="New words")
    host.keep(9, "New words", at=EVENING + 9, practice="gratitude", seconds=30, turns=[turn])
    host.end("Yes.")
    await settle()
    assert "New words" in rows(page)
    assert page.header.text().startswith("Thursday 19 November · 21:05 · Evening review")


async def test_an_empty_journal_explains_itself(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    window.show_page("journal")
    await settle()
    page = window._journal
    assert page is not None
    assert page._sentence.text() == "Nothing here yet"
    assert page.message.isVisible()
    page.start.click()
    assert window.shows_talk


async def test_a_locked_journal_says_so(window: Window, host: StagedHost) -> None:
    host.trouble = CompanionError(Kind.JOURNAL_LOCKED)
    window.show_page("journal")
    await settle()
    assert window._journal is not None
    assert window._journal._sentence.text() == "The journal is locked."


async def test_a_screen_reader_hears_the_whole_line(page: JournalPage) -> None:
    spoken = page.model.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "I did leave early, actually, Thursday 19 November, Evening review · 8 min"
