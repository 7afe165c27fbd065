"""The pictures of the window that one command makes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from companion.app.welcome import PAGES
from companion.gui import screenshots
from companion.gui.staged import SCENES


def test_every_scene_in_both_themes_and_no_two_alike(qapp: QApplication, tmp_path: Path) -> None:
    written = screenshots.make_screenshots(tmp_path / "pictures")
    pages = [f"welcome-{name}" for name in PAGES]
    names = {f"{n}-{t}" for n in (*SCENES, "settings", *pages) for t in ("light", "dark")}
    names |= {f"{n}-{t}-large" for n in pages for t in ("light", "dark")}
    assert {path.stem for path in written} == names
    pictures = [QImage(str(path)) for path in written]
    assert all(picture.width() == 1160 for picture in pictures if picture.height() == 780)
    assert len({bytes(picture.constBits()) for picture in pictures}) == len(pictures)
