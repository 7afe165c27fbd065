"""The pictures of the window that one command makes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from companion.gui import screenshots
from companion.gui.staged import SCENES


def test_every_scene_in_both_themes_and_no_two_alike(qapp: QApplication, tmp_path: Path) -> None:
    written = screenshots.make_screenshots(tmp_path / "pictures")
    assert {path.stem for path in written} == {
        f"{n}-{t}" for n in (*SCENES, "settings") for t in ("light", "dark")
    }
    pictures = [QImage(str(path)) for path in written]
    assert all(picture.width() == 1160 for picture in pictures if picture.height() == 780)
    assert len({bytes(picture.constBits()) for picture in pictures}) == len(pictures)
