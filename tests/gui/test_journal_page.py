"""The journal page: finding a past reflection and reading it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from companion.errors import CompanionError, Kind
from companion.events import LocalTimeChanged
from companion.flow import ReplyState, TurnRecord
from companion.gui.journal import JournalPage
from companion.gui.staged import EVENING, StagedHost, journal
from companion.gui.window import Window


@pytest.fixture
async def page(window: Window, host: StagedHost) -> AsyncIterator[JournalPage]:
    journal(host)
    window.show_page("journal")
    await settle()
    yield window.pages.journal
    await window.pages.journal.close_reading()


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
    page = window.pages.journal
    assert page is not None
    assert page._sentence.text() == "Nothing here yet"
    assert page.message.isVisible()
    page.start.click()
    assert window.shows_talk


async def test_a_locked_journal_says_so(window: Window, host: StagedHost) -> None:
    host.trouble = CompanionError(Kind.JOURNAL_LOCKED)
    window.show_page("journal")
    await settle()
    assert window.pages.journal._sentence.text() == "The journal is locked."


async def test_a_screen_reader_hears_the_whole_line(page: JournalPage) -> None:
    spoken = page.model.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "I did leave early, actually, Thursday 19 November, Evening review · 8 min"


# -- days ---------------------------------------------------------------------------------------------------

AUCKLAND_S = 13 * 3600
SUNDAY_0930 = 1_773_520_200.0
"""In Auckland, 15 March 2026; Saturday afternoon in Los Angeles."""


def keep_said(host: StagedHost, number: int, at: float, offset_s: int | None) -> None:
    turn = TurnRecord(
        id=number,
        session_id=number,
        at=at,
        offset_s=offset_s,
        user_text="Words",
        reply_text="An answer",
        reply_at=at + 60,
        reply_state=ReplyState.WHOLE,
    )
    title = f"Words {number}"
    host.keep(number, title, at=at, offset_s=offset_s, practice="gratitude", seconds=60, turns=[turn])


@pytest.mark.parametrize("zone", ["PST8PDT,M3.2.0,M11.1.0", "NZDT-13", "<-12>12", "<+14>-14"])
async def test_sunday_in_auckland_is_sunday_wherever_it_is_read(
    window: Window, host: StagedHost, travel: Callable[[str], None], zone: str
) -> None:
    travel(zone)
    keep_said(host, 1, SUNDAY_0930, AUCKLAND_S)
    window.show_page("journal")
    await settle()
    page = window.pages.journal
    assert page is not None
    assert rows(page) == ["Sunday 15 March", "Words 1"]
    assert page.header.text() == "Sunday 15 March · 09:30 · Gratitude · 1 min"
    assert "You · 09:30" in page.script.text()
    assert "Companion · 09:31" in page.script.text()
    await page.close_reading()


async def test_a_flight_moves_nothing_but_what_has_no_place(
    window: Window, host: StagedHost, travel: Callable[[str], None]
) -> None:
    """What was kept before places were is shown as the computer has it, and follows it."""
    travel("NZDT-13")
    keep_said(host, 1, SUNDAY_0930 - 100, AUCKLAND_S)
    keep_said(host, 2, SUNDAY_0930, None)
    window.show_page("journal")
    await settle()
    page = window.pages.journal
    assert page is not None
    assert rows(page) == ["Sunday 15 March", "Words 2", "Words 1"]
    travel("PST8PDT,M3.2.0,M11.1.0")
    host.emit(LocalTimeChanged(is_other_day=True, is_other_zone=True))
    await settle()
    assert rows(page) == ["Saturday 14 March", "Words 2", "Sunday 15 March", "Words 1"]
    assert page.header.text().startswith("Saturday 14 March · 13:30")
    await page.close_reading()


async def test_another_hour_leaves_the_reader_alone(
    window: Window, host: StagedHost, page: JournalPage
) -> None:
    long = "Many words that fill a line of the page, and then some. " * 200
    turn = TurnRecord(id=9, session_id=4, at=EVENING, user_text=long)
    host.kept[4] = (host.kept[4][0], (turn,))
    page.refresh()
    await settle()
    bar = page.script.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    place = bar.value()
    assert place > 0
    for is_other_day in (False, True):
        host.emit(LocalTimeChanged(is_other_day=is_other_day, is_other_zone=False))
        await settle()
        assert bar.value() == place
