"""How well what is written can be read, measured on the picture of a window: the ink of each text against its ground."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QLabel, QLineEdit, QRadioButton, QWidget

LEAST = 4.3
"""Of text WCAG 2.2 asks for 4.5 (AA), which the colours have; on a picture thin strokes of small letters lose a little."""
_EDGE_PX = 5
"""Borders are not ink."""


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two colours, 1..21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def faint(window: QWidget) -> list[str]:
    """Texts of a shown window whose contrast is less than `LEAST`, each with what it is."""
    picture = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    found = []
    for widget in window.findChildren(QWidget):
        text = _text_of(widget)
        if not text or not widget.isVisible() or not widget.isEnabled() or widget.visibleRegion().isEmpty():
            continue
        seen = widget.visibleRegion().boundingRect()
        if seen.height() < widget.height():
            continue  # only its edge is in sight
        place = QRect(widget.mapTo(window, seen.topLeft()), seen.size())
        if (measured := _contrast_in(picture, place)) < LEAST:
            found.append(f"{measured:.2f} {type(widget).__name__} {text[:40]!r}")
    return found


def _text_of(widget: QWidget) -> str:
    if isinstance(widget, QLabel):
        return widget.text().strip()
    if isinstance(widget, QCheckBox | QRadioButton):
        return ""  # their text is a label's, or stands beside a mark that would be taken for ink
    if isinstance(widget, QAbstractButton):
        return widget.text().strip()
    return (widget.text() or widget.placeholderText()) if isinstance(widget, QLineEdit) else ""


def _contrast_in(picture: QImage, place: QRect) -> float:
    inner = place.adjusted(_EDGE_PX, 0, -_EDGE_PX, 0) if place.width() > 4 * _EDGE_PX else place
    if place.height() > 24:
        inner.adjust(0, _EDGE_PX, 0, -_EDGE_PX)
    pixels = np.frombuffer(picture.constBits(), np.uint32).reshape(picture.height(), -1)
    inner = inner.intersected(picture.rect())
    written = pixels[inner.top() : inner.bottom() + 1, inner.left() : inner.right() + 1]
    colours, counts = np.unique(written, return_counts=True)
    if len(colours) < 2:
        return 21.0  # nothing is written there just now
    ground = _name(colours[counts.argmax()])
    return max(contrast(_name(colour), ground) for colour in colours)


def _name(colour: np.uint32) -> str:
    return f"#{int(colour) & 0xFFFFFF:06x}"
