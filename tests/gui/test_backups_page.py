"""Backups on the page Journal: made, looked into, restored, and a failure that stays visible."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton

from companion.app.backing_up import Elsewhere, Standing
from companion.errors import CompanionError, Kind
from companion.gui.settings.backups import BackupsSection
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.pages.journal import JournalSettings
from companion.journal.backed_sounds import Held
from companion.journal.backups import Backup
from tests.gui.running import until
from tests.gui.settings_host import StagedHost, dialog, host

__all__ = ["dialog", "host"]


def section(dialog: SettingsDialog) -> BackupsSection:
    dialog.show_page("journal")
    assert isinstance(dialog.page, JournalSettings)
    return dialog.page.backups


async def test_one_is_made_looked_into_and_restored_after_a_question(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    shown = section(dialog)
    await until(lambda: shown.state.text().startswith("No backup yet"))
    assert not shown.restore.isVisibleTo(shown)
    shown.make.click()
    await until(lambda: shown.state.text().startswith("Last good backup:"))
    shown.look.click()
    await until(lambda: "2 reflections" in shown.lines.text())
    assert "The <b>heron</b>" in shown.lines.text()
    shown.restore.click()
    assert "is kept beside" in shown.notice.text
    next(each for each in shown.notice.findChildren(QPushButton) if each.text() == "Restore").click()
    await until(lambda: ("restore", Path("/b/new.db")) in host.backups.log)
    await until(lambda: "3 newer turns" in shown.notice.text)


async def test_one_that_is_being_made_goes_on_while_other_pages_are_seen(
    dialog: SettingsDialog, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_written = asyncio.Event()

    async def make() -> None:
        await is_written.wait()
        host.backups.kept = [Backup(Path("/b/new.db"), 1_773_700_000.0, 2_000_000)]

    monkeypatch.setattr(host.backups, "make", make)
    shown = section(dialog)
    await until(lambda: shown.state.text().startswith("No backup yet"))
    shown.make.click()
    for page in ("memory", "journal"):
        dialog.show_page(page)
        await asyncio.sleep(0)
    is_written.set()
    await until(lambda: shown.state.text().startswith("Last good backup:"))


async def test_a_failure_stays_to_be_seen_beside_the_last_good_one(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    host.backups.kept = [Backup(Path("/b/old.db"), 1_773_614_700.0, 1_000_000)]
    host.backups.standing = Standing(None, CompanionError(Kind.FOLDER_UNUSABLE, "The drive is not there."))
    shown = section(dialog)
    await until(lambda: "The drive is not there." in shown.notice.text)
    assert shown.state.text().startswith("Last good backup:")


async def test_where_only_a_passphrase_opens_it_the_words_are_asked_for_there_and_then(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    host.backups.kept = [Backup(Path("/b/old.db"), 1_773_614_700.0, 1_000_000)]
    host.backups.passphrase = "heron by the weir"
    shown = section(dialog)
    await until(lambda: shown.restore.isVisibleTo(shown))
    shown.restore.click()
    next(each for each in shown.notice.findChildren(QPushButton) if each.text() == "Restore").click()
    await until(lambda: not shown.asks.isHidden())
    for typed in ("a guess", "heron by the weir"):
        assert host.backups.log == []
        shown.words.field.setText(typed)
        shown.open_it.click()
        await until(lambda: not shown.words.is_trying)
    assert host.backups.log == [("restore", Path("/b/old.db"))]
    assert "Restored" in shown.notice.text
    assert shown.asks.isHidden()


async def test_recordings_and_folders_of_before_are_named(dialog: SettingsDialog, host: StagedHost) -> None:
    host.backups.sounds = (Held(12, 5_100_000), Held(11, 4_700_000))
    host.backups.others = [
        Elsewhere(Path("/media/drive"), 1_773_568_800.0, is_there=False, owes=True),
        Elsewhere(Path("/old"), 1_773_568_800.0, is_there=True, owes=False),
    ]
    shown = section(dialog)
    await until(lambda: not shown.more.isHidden())
    recordings, away, before = shown.more.text().split("\n")
    assert recordings == "Recordings: 12 here, 5.1 MB; 11 beside the backups, 4.7 MB."
    assert away.startswith(
        "Backups lie in /media/drive, which is not connected, the newest of Sunday 15 March"
    )
    assert away.endswith("They hold what you deleted since, until it is connected.")
    assert "Backups of before lie in /old" in before


async def test_a_folder_that_another_program_copies_is_told_and_what_went_apart_is_joined(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    copy = Path("/data/journal (conflicted copy).db")
    host.backups.program, host.backups.apart = "Dropbox", [copy]
    shown = section(dialog)
    await until(lambda: "Dropbox left a copy" in shown.synced.text)
    next(each for each in shown.synced.findChildren(QPushButton) if each.text() == "Join it").click()
    await until(lambda: "Joined: 3 turns came." in shown.notice.text)
    assert host.backups.log == [("join", copy)]
    assert shown.synced.text.startswith("Dropbox copies the journal while")
    host.backups.program = ""
    shown.refresh()
    await until(lambda: not shown.synced.text)


async def test_backups_of_another_journal_are_listed_after_those_of_this_one(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    host.backups.kept = [Backup(Path("/b/old.db"), 1_773_614_700.0, 1_000_000, is_other=True)]
    shown = section(dialog)
    await until(lambda: shown.restore.isVisibleTo(shown))
    assert shown.made.itemText(0).endswith("1.0 MB · of another journal")
    assert shown.state.text().startswith("No backup yet")
