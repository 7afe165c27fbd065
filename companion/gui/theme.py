"""The look: two palettes, two font families, one scale, one style sheet. Main thread.

`Look` is the living choice (theme, font size, motion) and tells who paints by hand when it changes; `stylesheet` turns
`resources/qss` into the sheet every widget wears. Widgets name what they are through the properties `type` (text) and
`tone` (buttons); colours and sizes appear nowhere else.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from functools import cache
from string import Template
from typing import Literal, NamedTuple

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from companion.frozen import Frozen
from companion.paths import resources


class Palette(Frozen):
    """The colour tokens of one theme, as `#rrggbb`."""

    name: Literal["light", "dark"]
    bg: str
    """Window."""
    surface: str
    """Cards and fields."""
    raised: str
    """Buttons, the resting talk button."""
    ink: str
    """Text, the companion's words."""
    soft: str
    """The person's words, secondary text."""
    faint: str
    """Times, hints, tentative words."""
    line: str
    """Hairlines and borders."""
    accent: str
    """The one accent: active, listening, focus."""
    accent_soft: str
    """Selection, the sentence being spoken."""
    on_accent: str
    """Text and icons on the accent."""
    warm: str
    """What leaves this computer."""
    warn: str
    warn_bg: str


LIGHT = Palette(
    name="light",
    bg="#F7F4EE",
    surface="#FFFEFB",
    raised="#FFFFFF",
    ink="#25282C",
    soft="#565B62",
    faint="#6A6E75",
    line="#E5DFD4",
    accent="#3E6E60",
    accent_soft="#E2ECE6",
    on_accent="#FFFEFB",
    warm="#AD522A",
    warn="#8A5A00",
    warn_bg="#FBF0D9",
)
DARK = Palette(
    name="dark",
    bg="#141619",
    surface="#1A1D21",
    raised="#20242A",
    ink="#E9E5DC",
    soft="#B0B3B6",
    faint="#8B9097",
    line="#2A2F35",
    accent="#8FC0AC",
    accent_soft="#22312C",
    on_accent="#141619",
    warm="#E29A73",
    warn="#E8C37A",
    warn_bg="#2E2717",
)

SHARP_LIGHT = Palette(
    name="light",
    bg="#FFFFFF",
    surface="#FFFFFF",
    raised="#FFFFFF",
    ink="#000000",
    soft="#1C1E21",
    faint="#2B2E33",
    line="#5B6067",
    accent="#1E4A3D",
    accent_soft="#D5E6DD",
    on_accent="#FFFFFF",
    warm="#7A2E0E",
    warn="#5A3900",
    warn_bg="#FFF3D6",
)
"""For whoever asks the system for high contrast."""
SHARP_DARK = Palette(
    name="dark",
    bg="#000000",
    surface="#000000",
    raised="#101214",
    ink="#FFFFFF",
    soft="#E6E8EA",
    faint="#D0D4D9",
    line="#8B9097",
    accent="#B5E3D0",
    accent_soft="#17352B",
    on_accent="#000000",
    warm="#FFC2A3",
    warn="#FFE0A0",
    warn_bg="#2B2208",
)

SIZES_PX = {
    "caption": 12.0,
    "small": 12.5,
    "label": 13.5,
    "body": 14.0,
    "state": 14.5,
    "said": 16.0,
    "told": 19.0,
    "title": 23.0,
    "heading": 27.0,
    "opening": 34.0,
}
"""Type sizes by use, in pixels at 96 dpi and scale 1: the names a widget's `type` property takes."""
_GROWING_PX = (4, 5, 6, 8, 9, 11, 14, 16, 17, 22, 26)
"""Measures of boxes and arrows that the sheets use."""
SERIF_TYPES = frozenset({"told", "title", "heading", "opening"})
COLUMN_PX = 660
"""Width of the column of text, of the composer and of the cards."""
READING_LINE = 1.6
"""Line height of reading text, times its size."""

_LARGE_CAPTIONS = 1.8
SCALES = (0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
"""Sizes of the text that a key steps through."""


def next_scale(scale: float, step: int) -> float:
    """The next larger (1) or smaller (-1) size, or the usual one (0)."""
    if not step:
        return 1.0
    beyond = [each for each in SCALES if (each - scale) * step > 0.001]
    return min(beyond, key=lambda each: abs(each - scale), default=scale)


STYLE = "fusion"
"""The one style that looks the same, and takes a sheet the same, everywhere."""
STYLED = "styled"
"""Property of an application that began in `STYLE`: asking it for its style takes as long as painting."""
_SERIF = ("Noto Serif", "Georgia", "New York", "Source Serif 4", "Charter", "DejaVu Serif")
_SANS = ("Inter", "Segoe UI Variable Text", "Segoe UI", ".AppleSystemUIFont", "Noto Sans", "DejaVu Sans")
_MONO = ("Cascadia Mono", "SF Mono", "Menlo", "Noto Sans Mono", "DejaVu Sans Mono")
_POINTS_PER_PX = 1.0 if sys.platform == "darwin" else 0.75


class Families(NamedTuple):
    """The families in use: what this system has."""

    serif: str
    sans: str
    mono: str


@cache
def families() -> Families:
    """The first of each list that is installed, else what the system calls its own."""

    def first(names: tuple[str, ...], system: QFontDatabase.SystemFont) -> str:
        found = next((name for name in names if QFontDatabase.hasFamily(name)), "")
        return found or QFontDatabase.systemFont(system).family()

    return Families(
        serif=first(_SERIF, QFontDatabase.SystemFont.TitleFont),
        sans=first(_SANS, QFontDatabase.SystemFont.GeneralFont),
        mono=first(_MONO, QFontDatabase.SystemFont.FixedFont),
    )


def font(kind: str, scale: float = 1.0, *, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The font for one of `SIZES_PX`: points, so that the system's own text size applies too."""
    chosen = QFont(families().serif if kind in SERIF_TYPES else families().sans)
    chosen.setPointSizeF(SIZES_PX[kind] * _POINTS_PER_PX * scale)
    chosen.setWeight(weight)
    return chosen


def system_palette() -> Palette:
    """Dark where the system says so."""
    return DARK if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT


def palette_for(choice: str) -> Palette:
    """The palette of "light" or "dark", of the system for anything else; with the contrast the system asks for."""
    palette = {"light": LIGHT, "dark": DARK}.get(choice) or system_palette()
    if not wants_contrast():
        return palette
    return SHARP_DARK if palette is DARK else SHARP_LIGHT


def wants_contrast() -> bool:
    """Whether the person has asked the system for high contrast."""
    hints = QGuiApplication.styleHints()  # held: what it gives out goes with it
    preference: object = hints.accessibility().contrastPreference()
    return preference == Qt.ContrastPreference.HighContrast


@cache
def _sheets() -> Template:
    parts = sorted((resources() / "qss").glob("*.qss"))
    return Template("\n".join(part.read_text(encoding="utf-8") for part in parts))


@cache
def stylesheet(palette: Palette, scale: float = 1.0) -> str:
    """One sheet from `resources/qss/*.qss`; `$token` stands for a colour, `$size_body` for a size, `$serif` for a family,
    `$px_17` for 17 pixels that grow with the text.

    Raises:
        KeyError: a sheet names a token that does not exist.
    """
    tokens: dict[str, str] = {field.name: getattr(palette, field.name) for field in fields(palette)}
    for kind, px in SIZES_PX.items():
        tokens[f"size_{kind}"] = f"{px * _POINTS_PER_PX * scale:.2f}pt"
    names = families()
    tokens |= {"serif": names.serif, "sans": names.sans, "mono": names.mono}
    tokens |= {f"px_{px}": f"{round(px * scale)}px" for px in _GROWING_PX}
    tokens["icons"] = _quoted((resources() / "icons").as_posix())
    return _sheets().substitute(tokens)


def _quoted(path: str) -> str:
    """As it may stand between double quotes in a style sheet."""
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\a ")


def qt_palette(palette: Palette) -> QPalette:
    """The tokens as Qt's own roles, for what no style sheet reaches (placeholder text, links, disabled text)."""
    role = QPalette.ColorRole
    result = QPalette()
    for part, colour in (
        (role.Window, palette.bg),
        (role.Base, palette.surface),
        (role.AlternateBase, palette.bg),
        (role.Button, palette.raised),
        (role.ToolTipBase, palette.surface),
        (role.WindowText, palette.ink),
        (role.Text, palette.ink),
        (role.ButtonText, palette.ink),
        (role.ToolTipText, palette.ink),
        (role.PlaceholderText, palette.faint),
        (role.Highlight, palette.accent_soft),
        (role.HighlightedText, palette.ink),
        (role.Accent, palette.accent),
        (role.Link, palette.accent),
        (role.LinkVisited, palette.accent),
        (role.Light, palette.raised),
        (role.Mid, palette.line),
        (role.Dark, palette.line),
    ):
        result.setColor(part, QColor(colour))
    for part in (role.Text, role.WindowText, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, part, QColor(palette.faint))
    return result


class Look(QObject):
    """The chosen theme, size and motion of the running window; one per app."""

    changed = Signal()
    """After `choose` or a change of the system's scheme made something look different."""

    def __init__(
        self,
        *,
        theme: str = "system",
        font_scale: float = 1.0,
        reduced_motion: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self.scale = font_scale
        self.captions = 1.0
        """Size of the words of a reflection, times their usual one."""
        self.reduced_motion = reduced_motion
        self.palette = palette_for(theme)
        self._hints = QGuiApplication.styleHints()
        self._hints.colorSchemeChanged.connect(self._follow_system)
        self._hints.accessibility().contrastPreferenceChanged.connect(self._follow_system)
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.screenAdded.connect(self.changed)  # it may want sharper icons

    def choose(self, *, theme: str, font_scale: float, reduced_motion: bool) -> None:
        """Takes the settings as they are now; cheap when nothing changed."""
        before = (self.palette, self.scale, self.reduced_motion)
        self._theme, self.scale, self.reduced_motion = theme, font_scale, reduced_motion
        self.palette = palette_for(theme)
        if before != (self.palette, self.scale, self.reduced_motion):
            self.wear()
            self.changed.emit()

    def choose_captions(self, *, are_large: bool) -> None:
        """How large the words of a reflection are, beside everything else."""
        size = _LARGE_CAPTIONS if are_large else 1.0
        if size != self.captions:
            self.captions = size
            self.changed.emit()

    def wear(self) -> None:
        """Dresses the whole application; must have happened once before a window is shown."""
        self.wear_plain()
        self.wear_sheet()

    def wear_plain(self) -> None:
        """Style, colours and letters: what widgets ask for while they are built."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        if not app.property(STYLED):
            app.setProperty(STYLED, True)
            app.setStyle(STYLE)
        app.setPalette(qt_palette(self.palette))
        app.setFont(font("body", self.scale))

    def wear_sheet(self) -> None:
        """The rest, for all widgets at once: building each in it takes twice as long."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        sheet = stylesheet(self.palette, self.scale)
        if app.styleSheet() != sheet:  # the same once more dresses all there is again, what is going too
            app.setStyleSheet(sheet)

    def font(self, kind: str, *, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        """The font for one of `SIZES_PX` at the chosen size."""
        return font(kind, self.scale, weight=weight)

    def colour(self, token: str, alpha: float = 1.0) -> QColor:
        """A palette token as a colour; `alpha` 0..1."""
        result = QColor(getattr(self.palette, token))
        result.setAlphaF(alpha)
        return result

    def px(self, design_px: float) -> int:
        """A length that grows with the text, at a third of its pace: large type must not push the words off the page."""
        return round(design_px * (1 + (self.scale - 1) / 3))

    def _follow_system(self) -> None:
        self.choose(theme=self._theme, font_scale=self.scale, reduced_motion=self.reduced_motion)
