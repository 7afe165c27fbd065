"""Folders that are kept the same on several computers are known, and the copies such programs make."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.app import checkup
from companion.app.synced import conflicted_copies, synced_by
from companion.paths import Home
from tests.reliability.proof import prove

PLACES = {
    "Dropbox/apps": "Dropbox",
    "Dropbox (Work)/x": "Dropbox",
    "OneDrive - Somebody/x": "OneDrive",
    "Library/Mobile Documents/com~apple~CloudDocs/x": "iCloud Drive",
    "iCloudDrive/x": "iCloud Drive",
    "GoogleDrive-me/My Drive/x": "Google Drive",
    "Nextcloud/x": "Nextcloud",
    "share/dropbin/x": "",
    "plain/x": "",
}
MARKS = {".dropbox.cache": "Dropbox", ".stfolder": "Syncthing", ".nextcloudsync.log": "Nextcloud"}
COPIES = (
    "journal (Anna's conflicted copy 2026-11-29).db",
    "journal (conflicted copy 2026-11-29 031500).db",
    "journal.sync-conflict-20261129-031500-ABCDEF.db",
    "journal-LAPTOP.db",
    "journal (1).db",
    "journal 2.db",
)


def test_each_program_is_known_by_its_folder_or_what_lies_in_it(tmp_path: Path) -> None:
    missed = [place for place, program in PLACES.items() if synced_by(tmp_path / place) != program]
    for mark, program in MARKS.items():
        folder = tmp_path / mark.strip(".") / "root"
        (folder / "companion/data").mkdir(parents=True)
        (folder / mark).mkdir()
        missed += [mark] if synced_by(folder / "companion/data") != program else []
    prove(16, "synced folders that were not recognised", len(missed), 0, cases=len(PLACES) + len(MARKS))


@pytest.mark.parametrize("name", COPIES)
def test_the_doctor_names_the_program_and_its_copies(tmp_path: Path, name: str) -> None:
    home = Home(config=tmp_path / "c", data=tmp_path / "Dropbox/data", state=tmp_path / "s")
    home.data.mkdir(parents=True)
    for each in ("journal.db", "journal.db-wal", "purged.json", name):
        (home.data / each).write_bytes(b"x")
    assert conflicted_copies(home.journal) == [home.data / name]
    (found,) = checkup._synced(home)
    assert found.level == "problem"
    assert "Dropbox" in found.detail
    assert name in found.detail
    (home.data / name).unlink()
    (found,) = checkup._synced(home)
    assert found.level == "hint"
