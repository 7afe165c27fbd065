"""The pictures of the window that one command makes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from companion import language
from companion.app.welcome import PAGES
from companion.gui import screenshots
from companion.gui.settings.page import find_pages
from companion.gui.staged import SCENES


def test_every_page_and_state_and_no_two_alike(qapp: QApplication, tmp_path: Path) -> None:
    views = [view for view in screenshots.VIEWS if view.name == "dark"]
    written = screenshots.make_screenshots(tmp_path / "pictures", views)
    names = [*SCENES, "journal-search", "import", "export"]
    names += [f"welcome-{name}" for name in PAGES] + [f"settings-{info.name}" for info in find_pages()]
    assert {path.stem for path in written} == {f"{name}-{view.name}" for name in names for view in views}
    pictures = [QImage(str(path)) for path in written]
    assert len({bytes(picture.constBits()) for picture in pictures}) == len(pictures)


def test_the_views_cover_themes_sizes_and_both_directions() -> None:
    views = screenshots.VIEWS
    assert {view.theme for view in views} == {"light", "dark"}
    assert {(2.0, (900, 600)), (2.0, (1600, 1000))} <= {(view.font_scale, view.size) for view in views}
    assert any(view.is_mirrored for view in views)
    assert {view.language for view in views} == {*language.NAMES, language.PSEUDO, language.PSEUDO_RTL}
