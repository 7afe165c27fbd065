"""The page of what is remembered: seen, pinned, put right, forgotten, and who may be told."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QPushButton

from companion.errors import CompanionError, Kind
from companion.events import JournalRead
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.pages.memory import MemoryPage, MemoryRow
from companion.records import Memory
from tests.gui.running import until
from tests.gui.settings_host import StagedHost, dialog, host

__all__ = ["dialog", "host"]
MEMORIES = [
    Memory(id=1, text="Call me Sam.", at=1_773_614_700.0, offset_s=0, is_pinned=True),
    Memory(id=2, turn_id=7, session_id=3, text="The <b>violin</b> lesson is on Thursdays.",
           at=1_773_614_700.0, offset_s=0, told_at=1_773_700_000.0),
    Memory(id=3, turn_id=8, session_id=3, text="A bad week.", at=1_773_614_700.0, is_forgotten=True),
]  # fmt: skip


async def shown(dialog: SettingsDialog, host: StagedHost) -> MemoryPage:
    host.memory.kept = list(MEMORIES)
    dialog.show_page("memory")
    page = dialog.page
    assert isinstance(page, MemoryPage)
    await until(lambda: len(page.rows_shown) == 3)
    return page


def press(row: MemoryRow, words: str) -> None:
    next(each for each in row.findChildren(QPushButton) if each.text() == words).click()


async def test_each_can_be_pinned_put_right_forgotten_and_allowed_again(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await shown(dialog, host)
    own, said, _ = page.rows_shown
    assert said.words.text() == "The <b>violin</b> lesson is on Thursdays."
    press(own, "Remove")
    await until(lambda: ("forget", 1) in host.memory.log)
    await until(lambda: page.rows_shown[1] is not said)
    press(page.rows_shown[1], "Always bring up")
    await until(lambda: ("pin", 2, True) in host.memory.log)
    await until(lambda: len(page.rows_shown) == 3)
    row = page.rows_shown[1]
    press(row, "Put right")
    assert row.field.isVisible()
    row.field.setText("It is on Fridays.")
    row.field.returnPressed.emit()
    await until(lambda: ("correct", 2, "It is on Fridays.") in host.memory.log)
    await until(lambda: len(page.rows_shown) == 3)
    press(page.rows_shown[2], "May be brought up again")
    await until(lambda: ("allow", 3) in host.memory.log)
    page.own.setText("I live on Ferry Road.")
    page.add.click()
    await until(lambda: ("remember", "I live on Ferry Road.") in host.memory.log)
    assert page.own.text() == ""


async def test_what_cannot_be_remembered_stays_written_and_two_deeds_are_both_done(
    dialog: SettingsDialog, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise CompanionError(Kind.DISK_FULL)

    page = await shown(dialog, host)
    press(page.rows_shown[0], "Remove")
    press(page.rows_shown[1], "Never bring up")
    await until(lambda: {("forget", 1), ("forget", 2)} <= set(host.memory.log))
    await until(lambda: len(page.rows_shown) == 3)
    for deed in ("remember", "correct"):
        monkeypatch.setattr(host.memory, deed, full)
    page.own.setText("I live on Ferry Road.")
    page.add.click()
    await until(lambda: "disk" in page.notice.text)
    assert page.own.text() == "I live on Ferry Road."
    page.notice.tell("")
    row = page.rows_shown[1]
    press(row, "Put right")
    row.field.setText("It is on Fridays.")
    row.field.returnPressed.emit()
    await until(lambda: "disk" in page.notice.text)
    assert row.field.isVisible()
    assert row.field.text() == "It is on Fridays."


async def test_nobody_elsewhere_is_allowed_until_the_person_ticks_them(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    page = await shown(dialog, host)
    assert {name: box.isChecked() for name, box in page.boxes.items()} == {
        "anthropic": False,
        "openai": False,
    }
    page.boxes["openai"].click()
    await until(lambda: host.settings.journal.recall_to == "openai")
    page.boxes["anthropic"].click()
    await until(lambda: host.settings.journal.recall_to == "openai, anthropic")
    page.boxes["openai"].click()
    await until(lambda: host.settings.journal.recall_to == "anthropic")


async def test_how_far_the_journal_is_read_is_told(dialog: SettingsDialog, host: StagedHost) -> None:
    page = await shown(dialog, host)
    host.events.emit(JournalRead(done=640, whole=1200))
    assert page.reading.text() == "Reading the journal: 640 of 1,200"
    host.events.emit(JournalRead(done=1200, whole=1200))
    assert page.reading.text() == ""
