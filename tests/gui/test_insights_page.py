"""The insights page: read by eye, by keyboard and by a screen reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from companion.errors import CompanionError, Kind
from companion.gui.insights import InsightsPage
from companion.gui.staged import StagedHost, insights, insights_few, journal
from companion.gui.window import Window
from companion.insights import Row
from companion.insights.rows import Choice


async def settle() -> None:
    for _ in range(4):
        QApplication.processEvents()
        await asyncio.sleep(0.01)


@pytest.fixture
async def page(window: Window, host: StagedHost) -> AsyncIterator[InsightsPage]:
    insights(host)
    window.rail.buttons["insights"].click()
    await settle()
    yield window.pages.insights
    await window.pages.insights.close_reading()


async def test_every_cell_of_the_calendar_is_read_as_a_sentence(page: InsightsPage) -> None:
    reader = QAccessible.queryAccessibleInterface(page.calendar)
    words = {reader.child(n).text(QAccessible.Text.Name) for n in range(reader.childCount())}
    assert "19 November 2026: 1 reflection, 5 minutes" in words
    assert sum(word.endswith(": no reflection") for word in words) == 81 - 45
    assert "Sunday" in words
    assert "Week of 16 November 2026" in words


async def test_each_picture_is_told_in_a_sentence_and_as_a_table(page: InsightsPage) -> None:
    assert page.practice_card.sentence.text() == (
        "You reflected on 45 days of the last 12 weeks, most often on Sunday evening."
    )
    for card in (page.practice_card, page.time_card, page.mood_card, page.themes_card):
        assert not card.shows_table
        card.toggle.click()
        assert card.shows_table
        assert card.table.isVisible()
        assert card.table.figures.rowCount()
        assert card.toggle.accessibleName().endswith("show as picture")
        assert card.picture.accessibleDescription() == card.sentence.text()
    first = page.practice_card.table.figures.index(0, 0)
    assert first.data(Qt.ItemDataRole.AccessibleTextRole) == "Day: 19 November 2026"


async def test_keys_walk_the_days_and_enter_opens_the_journal_there(
    qtbot: QtBot, window: Window, host: StagedHost, page: InsightsPage
) -> None:
    journal(host)
    assert page.calendar.hasFocus()
    with qtbot.waitSignal(page.day_wanted) as wanted:
        qtbot.keyClick(page.calendar, Qt.Key.Key_Left)
        qtbot.keyClick(page.calendar, Qt.Key.Key_Right)
        qtbot.keyClick(page.calendar, Qt.Key.Key_Return)
    assert wanted.args == [date(2026, 11, 19)]
    await settle()
    assert window.pages.currentWidget() is window.pages.journal
    assert window.pages.journal.list.currentIndex().data() == "I did leave early, actually"
    await window.pages.journal.close_reading()


async def test_a_click_opens_a_day_and_an_empty_day_opens_nothing(qtbot: QtBot, page: InsightsPage) -> None:
    seen: list[date] = []
    page.day_wanted.disconnect()
    page.day_wanted.connect(seen.append)
    for day in (date(2026, 11, 18), date(2026, 11, 21), date(2026, 11, 17)):
        place = page.calendar.days.place_of(day)
        assert place is not None
        where = page.calendar.visualRect(page.calendar.days.index(*place)).center()
        qtbot.mouseClick(page.calendar.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert seen == [date(2026, 11, 17)]


async def test_other_days_are_chosen_at_the_top(page: InsightsPage) -> None:
    page._actions[Choice.YEAR].trigger()
    await settle()
    assert page.range.accessibleName() == "Days shown: This year"
    assert page.calendar.days.columnCount() == 53
    page._actions[Choice.ALL].trigger()
    await settle()
    assert page.practice_card.sentence.text().startswith("You reflected on 46 days since 19 November 2025")


async def test_every_reflection_of_this_day_is_there_and_opens(page: InsightsPage) -> None:
    seen: list[date] = []
    page.day_wanted.disconnect()
    page.day_wanted.connect(seen.append)
    lines = page.today.findChildren(QPushButton)
    assert [line.text() for line in lines] == [
        "On this day, 2025: “Fog over the allotment, and nobody about but me.”",
        "On this day, 2025: “I do not have to decide tonight.”",
    ]
    lines[1].click()
    assert seen == [date(2025, 11, 19)]


async def test_in_the_first_week_it_says_what_is_missing(window: Window, host: StagedHost) -> None:
    insights_few(host)
    window.show_page("insights")
    await settle()
    page = window.pages.insights
    assert page.mood_card.missing.isVisible()
    assert page.mood_card.missing.text() == "The mood line appears after seven marks; there are 6."
    assert not page.mood_card.toggle.isVisible()
    assert not page.rhythm.isVisible()


async def test_an_empty_journal_explains_itself(window: Window) -> None:
    window.show_page("insights")
    await settle()
    page = window.pages.insights
    assert page.sentence.text() == "Nothing to show yet"
    assert page.message.isVisible()
    page.sentence.setText("What is written here is longer in another language. " * 3)
    await settle()
    assert page.sentence.height() >= page.sentence.heightForWidth(page.sentence.width()), "its end is not cut"
    page.start.click()
    assert window.shows_talk


async def test_a_locked_journal_says_so_and_comes_back(window: Window, host: StagedHost) -> None:
    host.insights.trouble = CompanionError(Kind.JOURNAL_LOCKED)
    window.show_page("insights")
    await settle()
    page = window.pages.insights
    assert page.sentence.text() == "The journal is locked."
    host.insights.trouble = None
    insights(host)
    page.refresh()
    await settle()
    assert page.calendar.isVisible()


async def test_a_finished_turn_is_counted_while_the_page_is_shown(
    host: StagedHost, page: InsightsPage
) -> None:
    host.insights.rows += (Row(began=host.insights.rows[-1].began, seconds=60),)
    host.end("Yes.")
    await settle()
    place = page.calendar.days.place_of(date(2026, 11, 19))
    assert place is not None
    spoken = page.calendar.days.index(*place).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "19 November 2026: 2 reflections, 6 minutes"


@pytest.mark.parametrize("scale", [1.0, 2.0])
async def test_nothing_is_cut_at_large_text(
    window: Window, host: StagedHost, page: InsightsPage, scale: float
) -> None:
    window.look.choose(theme="dark", font_scale=scale, reduced_motion=True)
    await settle()
    for card in (page.practice_card, page.time_card, page.mood_card, page.themes_card):
        for part in (card.title, card.sentence):
            if part.isVisible():
                assert part.height() >= part.heightForWidth(part.width())
        assert card.picture.height() >= card.picture.minimumSizeHint().height()


async def test_how_far_the_words_are_counted_stands_on_their_cards(page: InsightsPage) -> None:
    page._is_counting = True
    page._count(0.4)
    assert page.themes_card.missing.text() == "Your words are being counted: 40%"
    page.choose(Choice.YEAR)
    await settle()
    assert not page._is_counting
    page._count(0.9)  # one that comes late
    assert "being counted" not in page.themes_card.missing.text()
