"""Widgets in a row or a column, with the room between and around them. Main thread."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLayout, QVBoxLayout, QWidget

BoxT = TypeVar("BoxT", bound=QBoxLayout)
Margins = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""
NONE: Margins = (0, 0, 0, 0)


def in_row(
    *parts: QWidget | QLayout,
    inside: QWidget | None = None,
    spacing: int = -1,
    margins: Margins | None = None,
) -> QHBoxLayout:
    """From left to right. `inside`: the widget they fill; what is not given is as the style has it."""
    return _filled(QHBoxLayout(), parts, inside, spacing, margins)


def in_column(
    *parts: QWidget | QLayout,
    inside: QWidget | None = None,
    spacing: int = -1,
    margins: Margins | None = None,
) -> QVBoxLayout:
    """The same from above to below."""
    return _filled(QVBoxLayout(), parts, inside, spacing, margins)


def _filled(
    box: BoxT,
    parts: tuple[QWidget | QLayout, ...],
    inside: QWidget | None,
    spacing: int,
    margins: Margins | None,
) -> BoxT:
    if inside is not None:
        inside.setLayout(box)
    if margins is not None:
        box.setContentsMargins(*margins)
    box.setSpacing(spacing)
    for part in parts:
        if isinstance(part, QWidget):
            box.addWidget(part)
        else:
            box.addLayout(part)
    return box
