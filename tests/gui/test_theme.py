"""The look: readable in both palettes, one sheet, one scale."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox
from pytestqt.qtbot import QtBot

from companion.gui import theme
from companion.gui.labels import AIRY, ReadingLabel, label
from companion.gui.theme import (
    DARK,
    LIGHT,
    SHARP_DARK,
    SHARP_LIGHT,
    SIZES_PX,
    Look,
    Palette,
    font,
    palette_for,
    stylesheet,
)
from companion.paths import resources
from tests.gui.contrasts import contrast

PAIRS = [
    *((text, paper) for text in ("ink", "soft", "faint", "accent") for paper in ("bg", "surface", "raised")),
    ("warm", "surface"),
    ("warm", "bg"),
    ("warn", "warn_bg"),
    ("ink", "accent_soft"),
    ("soft", "accent_soft"),
    ("accent", "accent_soft"),
    ("on_accent", "accent"),
]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
@pytest.mark.parametrize(("text", "paper"), PAIRS)
def test_text_can_be_read(palette: Palette, text: str, paper: str) -> None:
    assert contrast(getattr(palette, text), getattr(palette, paper)) >= 4.5


@pytest.mark.parametrize("palette", [SHARP_LIGHT, SHARP_DARK], ids=lambda palette: palette.name)
@pytest.mark.parametrize(("text", "paper"), PAIRS)
def test_with_high_contrast_text_stands_out_further(palette: Palette, text: str, paper: str) -> None:
    assert contrast(getattr(palette, text), getattr(palette, paper)) >= 7
    assert contrast(palette.line, palette.bg) >= 4.5, "so do borders"


def test_the_contrast_of_the_system_is_followed(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Look(theme="dark")
    assert look.palette is DARK
    monkeypatch.setattr(theme, "wants_contrast", lambda: True)
    look._hints.accessibility().contrastPreferenceChanged.emit(Qt.ContrastPreference.HighContrast)
    assert look.palette is SHARP_DARK
    monkeypatch.undo()
    look.choose(theme="light", font_scale=1.0, reduced_motion=False)
    assert look.palette is LIGHT


def test_contrast_is_the_wcag_ratio() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_sheet_has_no_open_token_and_grows_with_the_text(qapp: object) -> None:
    small, large = stylesheet(LIGHT, 1.0), stylesheet(LIGHT, 1.5)
    assert "$" not in small
    assert LIGHT.accent in small
    assert DARK.accent in stylesheet(DARK, 1.0)
    assert "10.50pt" in small
    assert "15.75pt" in large


def test_all_sizes_scale_together(qapp: object) -> None:
    for kind in SIZES_PX:
        assert font(kind, 2.0).pointSizeF() == pytest.approx(2 * font(kind).pointSizeF())


def test_what_the_companion_says_is_in_the_serif(qapp: object) -> None:
    assert font("told").family() == font("opening").family() != font("said").family()


def test_the_choice_beats_the_system(qapp: object) -> None:
    assert palette_for("dark") is DARK
    assert palette_for("light") is LIGHT


def test_a_change_is_told_once(qtbot: QtBot) -> None:
    look = Look(theme="light")
    told: list[str] = []
    look.changed.connect(lambda: told.append(look.palette.name))
    look.choose(theme="dark", font_scale=1.0, reduced_motion=False)
    look.choose(theme="dark", font_scale=1.0, reduced_motion=False)
    assert told == ["dark"]


def test_follows_the_system_when_it_changes(qtbot: QtBot) -> None:
    look = Look(theme="system")
    hints = QGuiApplication.styleHints()
    try:
        hints.setColorScheme(Qt.ColorScheme.Dark)
        look._follow_system()
        expected = DARK if hints.colorScheme() == Qt.ColorScheme.Dark else LIGHT
        assert look.palette is expected
    finally:
        hints.unsetColorScheme()


@pytest.mark.parametrize("name", ["müller", "it's", 'a"b', "back\\slash", "a b (2)", "50%", "ö;{}", "日本"])
def test_the_sheet_is_read_wherever_the_program_lies(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Qt refuses a whole sheet for one address that it cannot read, and says so as a warning, which fails this."""
    icons = resources() / "icons"
    (tmp_path / name).mkdir()
    (tmp_path / name / "icons").symlink_to(icons)
    stylesheet(LIGHT)  # the sheets themselves come from where they are
    monkeypatch.setattr("companion.gui.theme.resources", lambda: tmp_path / name)
    widget = QCheckBox()
    qtbot.addWidget(widget)
    widget.setStyleSheet(stylesheet(LIGHT))
    widget.ensurePolished()
    assert widget.minimumSizeHint().isValid()


def test_reading_text_has_air_between_its_lines_and_keeps_every_word(qtbot: QtBot) -> None:
    Look().wear()
    text = "Hold a key, say what is on your mind, and hear a thoughtful answer. It is kept in a journal."
    airy, close = ReadingLabel(text, "said"), label(text, "said", wraps=True)
    for each in (airy, close):
        qtbot.addWidget(each)
        each.ensurePolished()
    for width in (120, 300, 640):
        assert airy.heightForWidth(width) == pytest.approx(AIRY * close.heightForWidth(width), abs=4)
    airy.resize(300, airy.heightForWidth(300))
    whole = airy.grab().toImage()
    last_line = whole.copy(0, whole.height() - airy.fontMetrics().lineSpacing(), 300, 40)
    assert any(last_line.pixelColor(x, 8) != last_line.pixelColor(299, 0) for x in range(299)), (
        "written to the end"
    )
