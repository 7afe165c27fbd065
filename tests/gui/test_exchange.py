"""Imports and exports in the window: seen before they are kept, taken back with one button, stopped without a trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from companion.app import Companion
from companion.app.exchange import Exported
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.errors import CompanionError, Kind
from companion.exchange.importing import Incoming
from companion.exchange.preview import Preview
from companion.flow import Audio
from companion.gui.exchange.exporting import ExportDialog
from companion.gui.exchange.importing import ImportDialog
from companion.gui.shell import Shell
from companion.gui.theme import Look
from companion.paths import Home
from companion.records import Selection
from companion.vault import MemoryVault
from tests.exchange import samples
from tests.vaults import given
from tests.waiting import until

PREVIEW = Preview(
    name="dayone.zip",
    formats=("Day One",),
    entries=15,
    first=date(2019, 3, 3),
    last=date(2024, 5, 5),
    here=3,
    odd={"future": 2},
    skipped=(("Journal: 9", "its date is missing or does not exist\x1b[2J"),),
    skipped_count=1,
    unkept={"picture": 31},
)


class Host:
    """Brings `preview`, and remembers what was wished."""

    def __init__(self, preview: Preview = PREVIEW) -> None:
        self.preview = preview
        self.error: CompanionError | None = None
        self.waits = asyncio.Event()
        self.waits.set()
        self.wished: list[Any] = []
        self.id, self.kept = 7, 10

    async def look(self, path: Path, told: Callable[[int, int], None]) -> Incoming:
        told(25, 0)
        await self.waits.wait()
        if self.error is not None:
            raise self.error
        return Incoming(self.preview)

    async def take(self, _incoming: Incoming, leave_out: frozenset[str]) -> Host:
        if self.error is not None:
            raise self.error
        self.wished.append(set(leave_out))
        return self

    async def undo(self, batch_id: int) -> int:
        self.wished.append(batch_id)
        return 10

    async def count(self, _selection: Selection) -> int:
        return 12

    async def export(self, path: Path, format_name: str, **wishes: Any) -> Exported:
        self.wished.append((format_name, wishes["selection"], wishes["with_sound"]))
        wishes["told"](3, 12)
        await self.waits.wait()
        return Exported(path=path, reflections=12)


def press(button: QPushButton) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def words_of(dialog: Any) -> str:
    return "\n".join(each.text() for each in dialog.findChildren(QLabel) if each.isVisible())


@pytest.fixture
def look(qapp: QApplication) -> Look:
    return Look(theme="light", font_scale=1.0, reduced_motion=True)


@pytest.fixture
def importing(qtbot: QtBot, look: Look) -> Callable[[Host], ImportDialog]:
    def make(host: Host) -> ImportDialog:
        dialog = ImportDialog(host, look)
        qtbot.addWidget(dialog)
        dialog.open()
        return dialog

    return make


async def test_an_import_is_seen_kept_and_undone(importing: Callable[[Host], ImportDialog]) -> None:
    host, changes = Host(), list[int]()
    dialog = importing(host)
    dialog.changed.connect(lambda: changes.append(1))
    dialog.read(Path("/x/dayone.zip"))
    await until(dialog.keep.isVisible)
    told = words_of(dialog)
    assert "12 reflections from Day One, 3 March 2019 to 5 May 2024" in told
    assert "3 entries already in the journal" in told
    assert "Companion cannot keep these yet: 31 pictures." in told
    assert dialog.outside.item(0).text() == "Journal: 9: its date is missing or does not exist[2J"
    assert dialog.keep.text() == "Import 12 reflections"
    dialog.choices["future"].click()
    assert dialog.keep.text() == "Import 10 reflections"
    press(dialog.keep)
    await until(dialog.undo.isVisible)
    assert dialog.heading.text() == "Imported 10 reflections"
    press(dialog.undo)
    await until(lambda: "taken out again" in dialog.heading.text())
    assert not dialog.undo.isVisible()
    assert host.wished == [{"future"}, 7]
    assert changes == [1, 1]


async def test_a_file_that_is_refused_or_empty_says_so(importing: Callable[[Host], ImportDialog]) -> None:
    host = Host(Preview(name="old.zip", formats=("Day One",), entries=3, here=3))
    host.error = CompanionError(Kind.BAD_FILE, "The file ends too early.", hint="The journal is unchanged.")
    dialog = importing(host)
    dialog.read(Path("/x/cut.json"))
    await until(dialog.fault.isVisible)
    assert dialog.fault.text() == "The file ends too early. The journal is unchanged."
    assert dialog.file.isVisible()
    host.error = None
    dialog.read(Path("/x/old.zip"))
    await until(lambda: dialog.heading.text() == "Nothing new in old.zip")
    assert not dialog.fault.isVisible()
    assert not dialog.keep.isVisible()


async def test_reading_can_be_stopped_and_keys_do_everything(
    importing: Callable[[Host], ImportDialog],
) -> None:
    host = Host()
    host.waits.clear()
    dialog = importing(host)
    dialog.read(Path("/x/dayone.zip"))
    await until(lambda: dialog.progress.words.text() == "25 entries so far")
    QTest.keyClick(dialog.cancel, Qt.Key.Key_Space)
    assert not dialog.is_busy
    assert dialog.file.isVisible()
    host.waits.set()
    dialog.read(Path("/x/dayone.zip"))
    await until(dialog.keep.isVisible)
    assert dialog.focusWidget() is dialog.keep
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    await until(lambda: bool(host.wished))
    host.waits.clear()
    dialog.read(Path("/x/dayone.zip"))
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert not dialog.is_busy


async def test_a_journal_that_cannot_keep_it_leaves_the_preview(
    importing: Callable[[Host], ImportDialog],
) -> None:
    host = Host()
    dialog = importing(host)
    dialog.read(Path("/x/dayone.zip"))
    await until(dialog.keep.isVisible)
    host.error = CompanionError(Kind.DISK_FULL)
    press(dialog.keep)
    await until(dialog.fault.isVisible)
    assert dialog.keep.isVisible()
    assert dialog.keep.isEnabled()


async def test_an_export_warns_and_offers_what_its_form_can(qtbot: QtBot, look: Look, tmp_path: Path) -> None:
    host = Host()
    one = Selection(ids=frozenset([5]))
    dialog = ExportDialog(host, look, chosen=(one, "“The walk”"))
    qtbot.addWidget(dialog)
    dialog.open()
    await until(lambda: dialog.everything.text() == "The whole journal (12 reflections)")
    assert "not encrypted" in words_of(dialog)
    assert dialog.some.isChecked()
    dialog.sound.click()
    dialog.forms["dayone"].click()
    assert not dialog.sound.isEnabled()
    host.waits.clear()
    dialog.write(tmp_path)
    await until(lambda: dialog.progress.words.text() == "3 of 12 reflections")
    press(dialog.cancel)
    dialog.forms["jsonl"].click()
    dialog.everything.click()
    host.waits.set()
    dialog.write(tmp_path)
    await until(dialog.show_folder.isVisible)
    assert dialog.heading.text() == "Exported 12 reflections"
    assert host.wished == [("dayone", one, False), ("jsonl", Selection(), True)]


@pytest.fixture
def started(qtbot: QtBot, home: Home) -> Any:
    @asynccontextmanager
    async def start() -> AsyncIterator[tuple[Shell, Companion]]:
        vault = MemoryVault()

        silence = FileMicrophone(Audio(pcm=b"", rate_hz=16_000))
        home.config.mkdir(parents=True, exist_ok=True)
        home.settings.write_text("providers:\n  tts: {active: mock}\n")
        app = Companion(home, vault=given(vault), microphone=silence, player=CapturingPlayer())
        shell = Shell(app)
        qtbot.addWidget(shell.window)
        shell.show()
        await app.open()
        try:
            yield shell, app
        finally:
            shell.hide()
            await app.close()
            shell.close()

    return start


async def test_in_the_window_a_journal_comes_in_goes_out_and_is_taken_back(
    started: Callable[[], Any], tmp_path: Path
) -> None:
    async with started() as (shell, app):
        shell.window.show_page("journal")
        page = shell.window.pages.journal
        await until(page.bring_first.isVisible)
        press(page.bring_first)
        dialog = shell.exchange
        assert isinstance(dialog, ImportDialog)
        dialog.read(samples.dayone(tmp_path))
        await until(dialog.keep.isVisible)
        press(dialog.keep)
        await until(dialog.undo.isVisible)
        await until(page.reader.export.isVisible)
        titles = [page.model.index(row, 0).data() for row in range(page.model.rowCount())]
        assert "★ A late walk" in titles
        press(page.reader.export)
        out = shell.exchange
        assert isinstance(out, ExportDialog)
        out.forms["jsonl"].click()
        out.everything.click()
        out.write(tmp_path)
        await until(out.show_folder.isVisible)
        written = next(Path(name) for name in out.outcome.text().split(": ") if name.endswith(".jsonl"))
        assert sum("turns" in json.loads(line) for line in written.read_text("utf-8").splitlines()) == 4
        press(out.close_button)
        shell.open_settings("journal")
        assert shell.settings is not None
        (button,) = [b for b in shell.settings.findChildren(QPushButton) if b.text() == "Import …"]
        press(button)
        again = shell.exchange
        assert isinstance(again, ImportDialog)
        again.read(written)
        await until(lambda: again.heading.text().startswith("Nothing new"))
        await app.exchange.undo(1)
        shell.window.pages.refresh_shown()
        await until(page.bring_first.isVisible)
