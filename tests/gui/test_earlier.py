"""The chips of what is brought up from other days: seen, opened, sent away, and gone with the next words."""

from __future__ import annotations

from datetime import date

import pytest
from PySide6.QtGui import QAction

from companion.days import When
from companion.events import EarlierRecalled, SessionBegan, UserSaid
from companion.gui.staged import EVENING, StagedHost
from companion.gui.window import Window
from companion.records import Earlier

DAY_S = 86_400.0
PASSAGES = tuple(
    Earlier(turn_id=number, session_id=10 + number, text=f"Said {number} & <b>kept</b>, " + "word " * 60,
            at=EVENING - number * DAY_S, offset_s=0)
    for number in range(1, 6)
)  # fmt: skip


def remember(host: StagedHost, *passages: Earlier) -> None:
    host.events.emit(UserSaid(turn=1, text="And again the river.", at=EVENING))
    host.events.emit(EarlierRecalled(turn=1, passages=passages))


def act(window: Window, chip: int, words: str) -> None:
    row = window.page.earlier
    menu = row.menu_of(row._passages[chip])
    action: QAction = next(each for each in menu.actions() if each.text() == words)
    action.trigger()


def test_a_chip_for_each_with_its_day_and_whole_words_for_a_screen_reader(
    window: Window, host: StagedHost
) -> None:
    remember(host, *PASSAGES)
    row = window.page.earlier
    assert row.isVisible()
    assert len(row.chips) == 3
    assert row.chips[2].text() == "3 more"
    first = row.chips[0]
    assert first.accessibleName().endswith("Said 1 & <b>kept</b>, " + "word " * 59 + "word")
    assert "Said 1 && <b" in first.text()
    assert len(first.text()) < 60
    assert row.geometry().bottom() <= window.page.area.geometry().top() + 40
    assert all(chip.geometry().right() <= row.width() for chip in row.chips)
    window.resize(620, 700)
    assert all(chip.height() >= chip.sizeHint().height() for chip in row.chips)
    assert all(chip.width() >= chip.sizeHint().width() for chip in row.chips)


def test_what_is_done_about_a_passage_reaches_the_app(window: Window, host: StagedHost) -> None:
    remember(host, *PASSAGES[:3])
    act(window, 0, "Not now")
    assert len(window.page.earlier.chips) == 2
    act(window, 0, "Never bring this up again")
    assert len(window.page.earlier.chips) == 1
    act(window, 0, "Bring up nothing in this reflection")
    assert window.page.earlier.isHidden()
    assert host.recall.log == [("send away", 1), ("forbid", 2), "be silent"]


def test_it_opens_its_day_in_the_journal(window: Window, host: StagedHost) -> None:
    opened: list[date] = []
    window.page.connect_earlier(lambda: host.recall, opened.append)
    remember(host, PASSAGES[0])
    act(window, 0, "Open this day in the journal")
    assert opened == [When(PASSAGES[0].at, 0).day]


@pytest.mark.parametrize("event", [UserSaid(turn=2, text="Next.", at=EVENING), SessionBegan()])
def test_it_goes_with_the_next_words(
    window: Window, host: StagedHost, event: UserSaid | SessionBegan
) -> None:
    remember(host, PASSAGES[0])
    host.events.emit(event)
    assert window.page.earlier.isHidden()
    remember(host, PASSAGES[1])
    assert window.page.earlier.isVisible()


def test_what_the_person_wrote_themselves_has_no_day_to_open(window: Window, host: StagedHost) -> None:
    remember(host, Earlier(text="Call me Sam.", at=EVENING))
    menu = window.page.earlier.menu_of(window.page.earlier._passages[0])
    assert [each.text() for each in menu.actions()] == ["Bring up nothing in this reflection"]
