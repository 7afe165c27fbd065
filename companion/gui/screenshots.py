"""Pictures of the window in every state, light and dark, as PNG files; works without a display. Main thread.

    make_screenshots(Path("pictures"))

The window is staged; settings and welcome are shown over a real app with an empty home and a made-up key.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from companion.app import Companion
    from companion.gui.window import Window

_PASSES = 5
"""Rounds of the event loop after which everything that was asked for has been laid out."""
_SETTLE_S = 0.5
"""By then the settings have looked for the engines of this computer."""


def make_screenshots(folder: Path) -> list[Path]:
    """Writes `<scene>-<theme>.png` for every scene, pages of the welcome also with large text; returns what was written.

    Raises:
        OSError: a picture could not be written.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance() or QApplication(["companion"])
    assert isinstance(app, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_picture_all(app, folder))


async def _picture_all(app: object, folder: Path) -> list[Path]:
    from companion.gui.staged import SCENES

    written = []
    for theme in ("light", "dark"):
        for name in SCENES:
            written.append(await _picture(_stage(name, theme), folder / f"{name}-{theme}.png"))
        written.append(await _picture_settings(theme, folder / f"settings-{theme}.png"))
    return written + await _picture_welcome(folder)


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


async def _picture_welcome(folder: Path) -> list[Path]:
    from companion.app.welcome import PAGES
    from companion.gui.staged import StagedHost
    from companion.gui.welcome.view import WelcomeView
    from companion.gui.window import Window

    written = []
    async with _real_app() as app:
        await app.archive.open()
        window = Window(StagedHost())
        view = WelcomeView(app, window.look)
        for theme, scale, suffix in (
            ("light", 1.0, ""),
            ("light", 2.0, "-large"),
            ("dark", 1.0, ""),
            ("dark", 2.0, "-large"),
        ):
            window.look.choose(theme=theme, font_scale=scale, reduced_motion=True)
            for name in PAGES:
                view.turn_to(name)
                window.show_welcome(view)
                window.show()
                await asyncio.sleep(_SETTLE_S / 10)
                path = folder / f"welcome-{name}-{theme}{suffix}.png"
                written.append(await _picture(window, path, is_last=False))
        view.close_pages()
        window.close()
        window.deleteLater()
    return written


async def _picture_settings(theme: str, path: Path) -> Path:
    from companion.gui.settings.dialog import SettingsDialog
    from companion.gui.theme import Look
    from companion.log import Secret
    from companion.settings import changed

    async with _real_app() as app:
        app.settings = changed(app.settings, {"providers.llm.active": "anthropic"})
        await app.settings_backend.save_key(
            "anthropic", Secret("sk-ant-picture-of-a-key-7f3a"), this_run_only=True
        )
        look = Look(theme=theme, font_scale=1.0, reduced_motion=True)
        look.wear()
        dialog = SettingsDialog(app.settings_backend, look)
        dialog.show_page("thinking")
        dialog.show()
        await asyncio.sleep(_SETTLE_S)
        return await _picture(dialog, path)


def _stage(name: str, theme: str) -> QWidget:
    from companion.days import When
    from companion.gui.staged import EVENING, PAGES, SCENES, StagedHost
    from companion.gui.window import Window

    host = StagedHost(theme=theme)
    window = Window(host, now=lambda: When.of(EVENING))
    window.show()
    SCENES[name](host)
    window.page.script.flush()
    window.page.area.arrive()
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
