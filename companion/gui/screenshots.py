"""Pictures of every page and state in every view (`VIEWS`), as PNG files; works without a display. Main thread.

    make_screenshots(Path("pictures"))

The window is staged; settings and welcome are shown over a real app with an empty home and a made-up key.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from companion.language import ENGLISH, PSEUDO, PSEUDO_RTL

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication, QWidget

    from companion.app import Companion
    from companion.gui.window import Window

_PASSES = 5
"""Rounds of the event loop after which everything that was asked for has been laid out."""
_SETTLE_S = 0.5
"""By then the settings have looked for the engines of this computer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way to look at every page and state."""

    name: str
    """Ends the names of its files."""
    theme: str = "light"
    font_scale: float = 1.0
    size: tuple[int, int] | None = None
    """None: as it opens."""
    is_mirrored: bool = False
    language: str = "en"
    """Of the interface."""


VIEWS = (
    View(name="light"),
    View(name="dark", theme="dark"),
    View(name="light-large", font_scale=2.0, size=(900, 600)),
    View(name="dark-large", theme="dark", font_scale=2.0, size=(1600, 1000)),
    View(name="light-wide", size=(1600, 1000)),
    View(name="light-mirrored", is_mirrored=True),
    View(name="light-de", language="de"),
    View(name="light-hi", language="hi"),
    View(name="light-pseudo", language=PSEUDO),
    View(name="light-pseudo-mirrored", language=PSEUDO_RTL, is_mirrored=True),
)


def make_screenshots(folder: Path, views: Sequence[View] = VIEWS) -> list[Path]:
    """Writes `<page or state>-<view>.png` for every page of everything in every view; returns what was written.

    Raises:
        OSError: a picture could not be written.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance() or QApplication(["companion"])
    assert isinstance(app, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_picture_all(app, folder, views))


async def _picture_all(app: QApplication, folder: Path, views: Sequence[View]) -> list[Path]:
    from PySide6.QtCore import QEvent, Qt
    from PySide6.QtWidgets import QApplication

    from companion.gui.staged import SCENES
    from companion.gui.tongue import speak

    written = []
    for view in views:
        side = Qt.LayoutDirection.RightToLeft if view.is_mirrored else Qt.LayoutDirection.LeftToRight
        speak(app, view.language)
        app.setLayoutDirection(side)
        try:
            for name in SCENES:
                window = _stage(name, view)
                written.append(await _picture(window, folder / f"{name}-{view.name}.png"))
            written += await _picture_editors(folder, view)
            written += await _picture_dialogs(folder, view)
            QApplication.sendPostedEvents(
                None, QEvent.Type.DeferredDelete
            )  # or the next view would dress them, too
        finally:
            speak(app, ENGLISH)
    return written


@asynccontextmanager
async def _real_app() -> AsyncIterator[Companion]:
    """One that nobody has used, with a keyring that forgets."""
    from companion.app import Companion
    from companion.paths import find_home
    from companion.vault import MemoryVault, Vault

    async def vault() -> Vault:
        return MemoryVault()

    with TemporaryDirectory() as folder:
        app = Companion(find_home(folder), vault=vault)
        yield app
        await app.close()


async def _picture_editors(folder: Path, view: View) -> list[Path]:
    """The pages on which something is looked for or written."""
    from companion.gui.journal.page import JournalPage

    written = []
    window = _stage("journal", view)
    await asyncio.sleep(_SETTLE_S / 20)
    page = window.pages.currentWidget()
    assert isinstance(page, JournalPage)
    page.side.search.setText("walk")
    await asyncio.sleep(_SETTLE_S / 2)
    written.append(await _picture(window, folder / f"journal-search-{view.name}.png"))
    return written


async def _picture_dialogs(folder: Path, view: View) -> list[Path]:
    """Settings, welcome and exchange over a real app with an empty home and a made-up key."""
    from companion.app.welcome import PAGES
    from companion.gui.exchange.exporting import ExportDialog
    from companion.gui.exchange.importing import ImportDialog
    from companion.gui.settings.dialog import SettingsDialog
    from companion.gui.settings.page import find_pages
    from companion.gui.welcome.view import WelcomeView
    from companion.log import Secret
    from companion.settings import changed

    written = []
    async with _real_app() as app:
        await app.archive.open()
        app.settings = changed(app.settings, {"providers.llm.active": "anthropic"})
        await app.settings_backend.save_key(
            "anthropic", Secret("sk-ant-picture-of-a-key-7f3a"), this_run_only=True
        )
        window = _stage("idle", view)
        look = window.look
        settings = SettingsDialog(app.settings_backend, look)
        _sized(settings, view)
        settings.show()
        for number, info in enumerate(find_pages()):
            settings.show_page(info.name)
            await asyncio.sleep(_SETTLE_S if number == 1 else _SETTLE_S / 20)  # engines are looked for once
            path = folder / f"settings-{info.name}-{view.name}.png"
            written.append(await _picture(settings, path, is_last=False))
        for page in settings.pages.values():
            page.work.stop()
        settings.close()
        settings.deleteLater()
        for name, dialog in (
            ("import", ImportDialog(app.exchange, look)),
            ("export", ExportDialog(app.exchange, look)),
        ):
            _sized(dialog, view)
            written.append(await _picture(dialog, folder / f"{name}-{view.name}.png"))
        welcome = WelcomeView(app, look)
        for name in PAGES:
            welcome.turn_to(name)
            window.show_welcome(welcome)
            await asyncio.sleep(_SETTLE_S / 20)
            path = folder / f"welcome-{name}-{view.name}.png"
            written.append(await _picture(window, path, is_last=False))
        welcome.close_pages()
        window.close()
        window.deleteLater()
    return written


def _sized(window: QWidget, view: View) -> None:
    if view.size is not None:
        window.resize(*view.size)


def _stage(name: str, view: View) -> Window:
    from companion.days import When
    from companion.gui.staged import EVENING, PAGES, SCENES, StagedAppearance, StagedHost, StagedSettings
    from companion.gui.window import Window

    host = StagedHost()
    is_still = name != "speaking"  # where the word that sounds is marked, which goes on from word to word
    host.settings = StagedSettings(
        StagedAppearance(theme=view.theme, font_scale=view.font_scale, reduced_motion=is_still)
    )
    window = Window(host, now=lambda: When.of(EVENING))
    _sized(window, view)
    window.show()
    SCENES[name](host)
    window.page.script.flush()
    if name in PAGES:
        window.show_page(PAGES[name])
    if name == "locked":
        _lock(window)
    return window


def _lock(window: Window) -> None:
    from companion.gui.locked import LockedPage

    async def stays(passphrase: str) -> None:
        """Nobody unlocks a picture."""

    page = LockedPage(window.look, stays)
    window.pages.addWidget(page)
    window.pages.setCurrentWidget(page)
    window.rail.hide()
    page.ask("passphrase")


async def _picture(widget: QWidget, path: Path, *, is_last: bool = True) -> Path:
    from PySide6.QtCore import QEvent, QEventLoop
    from PySide6.QtWidgets import QApplication

    widget.show()
    for _ in range(_PASSES):
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 30)
        await asyncio.sleep(0.005)  # what was spawned reads the journal
    if not widget.grab().save(str(path)):
        raise OSError(f"cannot write {path}")
    if is_last:
        widget.close()
        widget.deleteLater()
        QApplication.sendPostedEvents(
            widget, QEvent.Type.DeferredDelete
        )  # or the next would be dressed with it
    return path
