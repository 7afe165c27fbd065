"""Recordings whose words are not known yet: listed, played, heard again, discarded and taken back, by keyboard too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from companion.errors import CompanionError, Kind
from companion.events import Trouble
from companion.gui import waiting as waiting_module
from companion.gui.journal import JournalPage
from companion.gui.staged import EVENING, StagedHost, journal
from companion.gui.waiting import WaitingPage, length_of, name_of
from companion.gui.window import Window
from companion.records import WaitingTake

TAKES = [
    WaitingTake(id="a", recorded_at=EVENING - 3600, seconds=42.4),
    WaitingTake(id="b", recorded_at=EVENING, seconds=185),
]


async def settle() -> None:
    for _ in range(6):
        QApplication.processEvents()
        await asyncio.sleep(0.01)


@pytest.fixture
async def page(window: Window, host: StagedHost) -> AsyncIterator[JournalPage]:
    journal(host)
    host.recovery.takes = list(TAKES)
    host.events.emit(Trouble(error=CompanionError(Kind.TAKES_WAITING)))
    window.notices.cards[0].buttons[
        [button.text() for button in window.notices.cards[0].buttons].index("Show recordings")
    ].click()
    await settle()
    yield window.pages.journal
    host.recovery.may_end.set()
    await window.pages.journal.close_reading()


def rows(page: JournalPage) -> list[str]:
    return [page.model.index(row, 0).data() for row in range(page.model.rowCount())]


def visible(page: JournalPage) -> list[str]:
    return [name for name, row in page.waiting.rows.items() if row.isVisible()]


async def test_the_card_leads_to_the_list(page: JournalPage) -> None:
    assert page.waiting.isVisible()
    assert rows(page)[0] == "Waiting recordings"
    assert page.waiting.heading.text() == "2 recordings are waiting to be written down"
    assert visible(page) == ["a", "b"]
    assert page.waiting.rows["b"].accessibleName() == "Recording of Thursday 19 November, 21:05 · 3 min 5 s"


async def test_a_reflection_can_be_read_beside_it(page: JournalPage) -> None:
    QTest.keyClick(page.list, Qt.Key.Key_Down)
    await settle()
    assert not page.waiting.isVisible()
    assert "I did leave early" in page.script.text()
    QTest.keyClick(page.list, Qt.Key.Key_Up)
    await settle()
    assert page.waiting.isVisible()


async def test_play_becomes_stop_until_it_was_heard(page: JournalPage, host: StagedHost) -> None:
    row = page.waiting.rows["a"]
    row.play.click()
    await settle()
    assert host.recovery.log == [("play", "a")]
    assert row.play.text() == "Stop"
    row.play.click()
    await settle()
    assert host.recovery.log[-1] == ("stop",)
    assert row.play.text() == "Play"


async def test_hearing_again_leads_to_where_the_words_appear(
    window: Window, page: JournalPage, host: StagedHost
) -> None:
    page.waiting.rows["b"].again.click()
    await settle()
    assert host.recovery.log == [("hear", "b", "")]
    assert window.shows_talk


async def test_another_recogniser_can_be_chosen(page: JournalPage, host: StagedHost) -> None:
    menu = page.waiting.rows["a"].other.menu()
    assert [action.text() for action in menu.actions()] == ["This computer", "Deepgram"]
    menu.actions()[1].trigger()
    await settle()
    assert host.recovery.log == [("hear", "a", "deepgram")]


async def test_what_fails_is_said_and_the_recording_stays(page: JournalPage, host: StagedHost) -> None:
    host.recovery.trouble = CompanionError(Kind.TAKE_DAMAGED, "That recording is damaged.")
    page.waiting.rows["a"].again.click()
    await settle()
    assert page.waiting.trouble.text().startswith("That recording is damaged.")
    assert visible(page) == ["a", "b"]


async def test_discarding_can_be_undone(page: JournalPage, host: StagedHost) -> None:
    row = page.waiting.rows["a"]
    row.discard.click()
    await settle()
    assert [take.id for take in host.recovery.leaving] == ["a"]
    assert page.waiting.heading.text() == "1 recording is waiting to be written down"
    assert not row.play.isVisible()
    assert row.undo.hasFocus()
    QTest.keyClick(row.undo, Qt.Key.Key_Space)
    await settle()
    assert host.recovery.leaving == []
    assert row.play.isVisible()
    assert page.waiting.heading.text() == "2 recordings are waiting to be written down"


async def test_the_last_one_leaves_an_empty_page_that_says_so(
    page: JournalPage, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_module, "UNDO_MS", 20)
    for row in tuple(page.waiting.rows.values()):
        row.discard.click()
    host.recovery.takes.clear()
    await asyncio.sleep(0.1)
    await settle()
    assert page.waiting.rows == {}
    assert page.waiting.heading.text() == "No recordings are waiting."
    assert page.waiting.isVisible()


async def test_without_any_the_journal_has_no_such_entry(window: Window, host: StagedHost) -> None:
    journal(host)
    window.show_page("journal")
    await settle()
    page = window.pages.journal
    assert page is not None
    assert "Waiting recordings" not in rows(page)
    await page.close_reading()


async def test_every_button_is_reached_with_the_tab_key_and_has_a_name(page: JournalPage) -> None:
    wanted = {
        button
        for row in page.waiting.rows.values()
        for button in row.findChildren(QAbstractButton)
        if button.isVisible()
    }
    assert len(wanted) == 8
    assert all("recording of" in button.accessibleName() for button in wanted)
    page.list.setFocus()
    reached: set[QWidget | None] = set()
    for _ in range(20):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.add(QApplication.focusWidget())
    assert wanted <= reached


def test_lengths_for_a_person() -> None:
    assert [length_of(seconds) for seconds in (0.2, 59.4, 61, 600)] == [
        "1 s",
        "59 s",
        "1 min 1 s",
        "10 min 0 s",
    ]


def test_a_page_without_recordings_is_calm(qapp: QApplication) -> None:
    page = WaitingPage(StagedHost().recovery)
    assert page.heading.text() == "No recordings are waiting."
    page.deleteLater()


def test_a_recording_is_named_by_the_clock_of_where_it_was_made(travel: Callable[[str], None]) -> None:
    travel("PST8")
    take = WaitingTake(id="c", recorded_at=1_773_520_200.0, offset_s=13 * 3600, seconds=42)
    assert name_of(take).startswith("Sunday 15 March")
    assert name_of(take).endswith(", 09:30 · 42 s")
