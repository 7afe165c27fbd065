"""The bar at the top: the practice and its menu, and who thinks, hears and speaks. Main thread.

A filled dot means this computer, an open warm one a provider: whether words leave is always in sight.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QMenu,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from companion.gui import icons
from companion.gui.boxes import in_column, in_row
from companion.gui.labels import label, tip
from companion.kinds import Role
from companion.language import mark, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from companion.events import PracticeChanged
    from companion.gui.host import PracticeInfo
    from companion.gui.theme import Look

HEIGHT_PX = 64
_ROLES = {
    Role.THINKS: (mark("Thinks"), "thinking"),
    Role.HEARS: (mark("Hears"), "hearing"),
    Role.SPEAKS: (mark("Speaks"), "voice"),
}
_LONGEST_LABEL_PX = 150
_SMALLER = 0.95
_TITLE_SHARE = 0.3
"""How much of a bar without room the title keeps."""
_STEP_IN_PX = 12
"""How far the step stands in, under the title."""
_ICON_WIDE_PX = 30
"""The practice's icon with the gap between it and the title."""


def settings_page(role: Role | None) -> str:
    """The settings page on which a role is chosen."""
    return _ROLES[role][1] if role is not None else "thinking"


class Pill(QAbstractButton):
    """Who has one role now."""

    def __init__(self, look: Look, role: Role, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._role_name = tr(_ROLES[role][0])
        self._label, self.host = "", ""
        self._is_short = False
        self._longest_px = 0
        self._name_pt = look.font("small").pointSizeF()
        """Of the name in a short pill."""
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        look.changed.connect(self._changed)
        self.show_engine("", "")

    @property
    def label(self) -> str:
        return self._label

    def show_engine(self, name: str, host: str) -> None:
        """`host` empty: the work is done on this computer."""
        self._label, self.host = name, host
        where = tr("what it needs goes to {host}", host=host) if host else tr("on this computer")
        self.setAccessibleName(f"{self._role_name}: {name or tr('not chosen')}, {where}")
        self.setAccessibleDescription(tr("Opens its settings"))
        self.setToolTip(
            f"{self._role_name}: {name}\n"
            + (tr("Goes to {host}", host=host) if host else tr("Nothing leaves this computer"))
        )
        self._changed()

    def shorten(self, room_px: int | None) -> None:
        """Only the engine's name, in a pill no wider than `room_px`; None: there is room for all of it."""
        self._is_short, self._longest_px = room_px is not None, max(0, (room_px or 0) - 38)
        self._name_pt = self.least_pt()
        self._changed()

    def least_pt(self) -> float:
        """The size in which the name has the room it was given, not below its usual size."""
        strong = self._look.font("small", weight=QFont.Weight.DemiBold)
        least = strong.pointSizeF() / self._look.scale
        while self._is_short and QFontMetricsF(strong).horizontalAdvance(self._label) > self._longest_px:
            if strong.pointSizeF() * _SMALLER < least:
                break
            strong.setPointSizeF(strong.pointSizeF() * _SMALLER)
        return strong.pointSizeF()

    def set_name(self, size_pt: float) -> None:
        """Pills beside each other set their names in one size."""
        self._name_pt = size_pt
        self._changed()

    def full_width(self) -> int:
        return self._width(is_short=False)

    def sizeHint(self) -> QSize:
        return QSize(self._width(is_short=self._is_short), self._look.px(30))

    def _fonts(self, *, is_short: bool) -> tuple[QFont, QFont]:
        """Of the role and of the name."""
        plain, strong = self._look.font("small"), self._look.font("small", weight=QFont.Weight.DemiBold)
        if is_short:
            strong.setPointSizeF(self._name_pt)
        return plain, strong

    def _elided(self, *, is_short: bool) -> str:
        metrics = QFontMetricsF(self._fonts(is_short=is_short)[1])
        most = self._look.px(_LONGEST_LABEL_PX)
        most = min(most, self._longest_px) if is_short else most
        side = Qt.TextElideMode.ElideRight if is_short else Qt.TextElideMode.ElideMiddle
        return metrics.elidedText(self._label, side, most)

    def _width(self, *, is_short: bool) -> int:
        plain, strong = (QFontMetricsF(font) for font in self._fonts(is_short=is_short))
        role = 0.0 if is_short and self._label else plain.horizontalAdvance(self._role_name)
        name = strong.horizontalAdvance(self._elided(is_short=is_short)) if self._label else 0.0
        return math.ceil(12 + 7 + 7 + role + (7 if role and name else 0) + name + 12)

    def _changed(self) -> None:
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        look, painter = self._look, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        border = "accent" if self.hasFocus() else "line"
        painter.setPen(QPen(look.colour(border), 1.5 if self.hasFocus() else 1))
        painter.setBrush(look.colour("accent_soft" if self.underMouse() or self.isDown() else "surface"))
        painter.drawRoundedRect(frame, frame.height() / 2, frame.height() / 2)
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        dot = QPointF(self.width() - 15 if is_mirrored else 15, frame.center().y())
        if self.host:
            painter.setPen(QPen(look.colour("warm"), 1.4))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(dot, 3.0, 3.0)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("accent"))
            painter.drawEllipse(dot, 3.6, 3.6)
        plain, strong = self._fonts(is_short=self._is_short)
        painter.setFont(plain)
        painter.setPen(look.colour("soft"))
        inset = 26.0
        side = Qt.AlignmentFlag.AlignRight if is_mirrored else Qt.AlignmentFlag.AlignLeft
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignAbsolute | side
        line = frame.adjusted(0, 0, -inset, 0) if is_mirrored else frame.adjusted(inset, 0, 0, 0)
        if not self._is_short or not self._label:
            painter.drawText(line, middle, self._role_name)
            inset += QFontMetricsF(plain).horizontalAdvance(self._role_name) + 7
        painter.setFont(strong)
        painter.setPen(look.colour("ink"))
        line = frame.adjusted(0, 0, -inset, 0) if is_mirrored else frame.adjusted(inset, 0, 0, 0)
        painter.drawText(line, middle, self._elided(is_short=self._is_short))
        painter.end()


class TopBar(QWidget):
    """The bar; `practices` is asked when the menu opens."""

    practice_chosen = Signal(str)
    new_session_wanted = Signal()
    practices_wanted = Signal()
    """The person wants to see all of them, and write their own."""
    settings_requested = Signal(str)

    def __init__(
        self, look: Look, practices: Callable[[], Sequence[PracticeInfo]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look, self._practices = look, practices
        self._name, self._title, self._icon = "", tr("Reflection"), "leaf"
        self._where = self._purpose = ""
        """Which step it is, and what that is for."""
        self.practice = QPushButton(tr("Reflection"))
        self.practice.setProperty("tone", "practice")
        self._turn_practice()
        self.practice.setCursor(Qt.CursorShape.PointingHandCursor)
        self.practice.clicked.connect(self.open_menu)
        self.step = label("", "small")
        self.step.setContentsMargins(_STEP_IN_PX, 0, 0, 0)
        self.pills = {role: Pill(look, role) for role in _ROLES}
        self._row = in_row(inside=self, spacing=14, margins=(19, 0, 28, 0))
        left = in_column(spacing=0)
        left.addStretch(1)
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        side = Qt.AlignmentFlag.AlignRight if is_mirrored else Qt.AlignmentFlag.AlignLeft
        left.addWidget(
            self.practice, 0, side | Qt.AlignmentFlag.AlignAbsolute
        )  # itself, it runs the other way
        left.addWidget(self.step)
        left.addStretch(1)
        self._row.addLayout(left, 1)
        for role, pill in self.pills.items():
            self._row.addWidget(pill)
            pill.clicked.connect(lambda _=False, role=role: self.settings_requested.emit(settings_page(role)))
        look.changed.connect(self._dress)
        self._dress()

    def _turn_practice(self) -> None:
        """Its icon stands after the title, whichever way the window reads."""
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        self.practice.setLayoutDirection(
            Qt.LayoutDirection.LeftToRight if is_mirrored else Qt.LayoutDirection.RightToLeft
        )

    def show_practice(self, told: PracticeChanged) -> None:
        step, steps, purpose, is_over = told.step, told.steps, told.purpose, told.is_over
        title = told.title
        self._name, self._title, self._icon = told.name, title, told.icon
        self.practice.setAccessibleName(tr("Practice: {title}", title=title))
        self.practice.setAccessibleDescription(tr("Opens the list of practices"))
        where = tr("{step} of {steps}", step=step, steps=steps) if steps > 1 and step else ""
        self._where, self._purpose = tr("Finished") if is_over else where, "" if is_over else purpose
        self.step.setToolTip(tip(self._purpose))
        self.step.setAccessibleName(tr("Finished") if is_over else tr("Step {where}", where=where).strip())
        self.step.setAccessibleDescription(self._purpose)
        self._dress()
        self._fit_shown()

    def show_engine(self, role: Role, name: str, host: str) -> None:
        self.pills[role].show_engine(name, host)
        self._fit_shown()

    def open_menu(self) -> None:
        """Practices to choose from, and a fresh start."""
        menu = QMenu(self)
        menu.setAccessibleName(tr("Practices"))
        menu.setToolTipsVisible(True)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for practice in self._practices():
            picture = icons.icon(practice.icon, self._look.colour("accent"), 18)
            words = tr("{title}\t{minutes} min", title=practice.title, minutes=practice.minutes)
            action = menu.addAction(picture, words.replace("&", "&&"))
            action.setToolTip(tip(practice.summary))
            font = action.font()
            font.setBold(practice.name == self._name)
            action.setFont(font)
            action.triggered.connect(lambda _=False, name=practice.name: self.practice_chosen.emit(name))
        menu.addSeparator()
        fresh = menu.addAction(icons.icon("plus", self._look.colour("soft"), 18), tr("New reflection"))
        fresh.setShortcut(QKeySequence.StandardKey.New)
        fresh.triggered.connect(self.new_session_wanted)
        own = menu.addAction(icons.icon("book", self._look.colour("soft"), 18), tr("Your practices …"))
        own.triggered.connect(self.practices_wanted)
        menu.popup(self.practice.mapToGlobal(QPoint(0, self.practice.height() + 4)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit_shown(self) -> None:
        if self.isVisible():  # else it is fitted when it is shown
            self._fit()

    def _fit(self) -> None:
        pills = sum(pill.full_width() + 14 for pill in self.pills.values())
        metrics = QFontMetricsF(self._look.font("state", weight=QFont.Weight.DemiBold))
        name = metrics.horizontalAdvance(self._title) + _ICON_WIDE_PX + 22
        is_tight = name + pills + 48 > self.width()
        room = self.width() - 48 - min(name, _TITLE_SHARE * self.width())
        for pill in self.pills.values():
            pill.shorten(round(room / len(self.pills)) - 14 if is_tight else None)
        size_pt = min(pill.least_pt() for pill in self.pills.values())
        for pill in self.pills.values():
            pill.set_name(size_pt)
        pills = sum(pill.sizeHint().width() + 14 for pill in self.pills.values())
        whole = " · ".join(filter(None, (self._where, self._purpose)))
        plain = QFontMetricsF(self._look.font("small"))
        self.step.setText(
            plain.elidedText(whole, Qt.TextElideMode.ElideRight, self.width() - pills - 48 - _STEP_IN_PX)
        )
        self.step.setVisible(bool(self._where))
        room = self.width() - pills - 48 - _ICON_WIDE_PX - 22
        shown = metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, room)
        self.practice.setText(shown.replace("&", "&&"))

    def _dress(self) -> None:
        self.setFixedHeight(self._look.px(HEIGHT_PX))
        self.practice.setIconSize(QSize(_ICON_WIDE_PX, 18))
        if self.isVisible():
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()
        self._draw()

    def _draw(self) -> None:
        """The practice's icon."""
        picture = QPixmap(QSize(_ICON_WIDE_PX, 18) * 2)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        icons.paint(
            painter, self._icon, self._look.colour("ink"), QRectF((_ICON_WIDE_PX - 18) * 2, 0, 36, 36)
        )
        painter.end()
        picture.setDevicePixelRatio(2)
        self.practice.setIcon(picture)
