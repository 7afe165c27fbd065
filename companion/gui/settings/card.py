"""Choices as large radio buttons: a name, how it stands, a sentence. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QRadioButton, QSizePolicy, QWidget

from companion.gui.boxes import in_column
from companion.gui.labels import ReadingLabel, dress, label
from companion.gui.settings.chips import FlowLayout
from companion.hosts import host_of
from companion.language import tr

if TYPE_CHECKING:
    from companion.gui.theme import Look
    from companion.kinds import Role
    from companion.providers.provider import Spec

RADIUS_PX, _TICK_PX, _EDGE_PX = 14, 16, 14


class ChoiceCard(QRadioButton):
    """One of several; those with the same parent exclude each other."""

    def __init__(self, name: str, sentence: str, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._column = in_column(inside=self, spacing=5, margins=(18, 13, 18, 14))
        self._name = label(name, "strong", wraps=True)
        self._state = label("", "small")
        self._name.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        top = self._top = FlowLayout()
        top.addWidget(self._name)
        top.addWidget(self._state)
        self._column.addLayout(top)
        self._sentence = ReadingLabel(sentence, "small")
        self._column.addWidget(self._sentence)
        self._column.addStretch(1)
        for each in (self._name, self._state, self._sentence):
            each.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(name)
        self.setAccessibleDescription(sentence)
        look.changed.connect(self._take_look)
        self._take_look()

    def _take_look(self) -> None:
        """The name leaves room for the tick."""
        room = self._look.px(_TICK_PX)
        is_left = self.isRightToLeft()
        self._top.setContentsMargins(room if is_left else 0, 0, 0 if is_left else room, 0)
        self.update()

    @property
    def edge(self) -> str:
        """The colour of its border while it has not the focus."""
        return "accent" if self.isChecked() else "faint" if self.underMouse() else "line"

    def hitButton(self, pos: QPoint) -> bool:
        """All of it can be pressed."""
        return self.rect().contains(pos)

    def sizeHint(self) -> QSize:
        return self._column.totalSizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._column.totalMinimumSize()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._look.colour
        width = 2.0 if self.hasFocus() else 1.2
        painter.setPen(QPen(colour("accent" if self.hasFocus() else self.edge), width))
        painter.setBrush(colour("accent_soft") if self.isDown() else colour("surface"))
        half = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), RADIUS_PX, RADIUS_PX)
        if self.isChecked():
            self._paint_tick(painter)
        painter.end()

    def _paint_tick(self, painter: QPainter) -> None:
        """Which one is chosen is seen without telling colours apart, too."""
        size = self._look.px(_TICK_PX)
        left = _EDGE_PX if self.isRightToLeft() else self.width() - _EDGE_PX - size
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour("accent"))
        painter.drawEllipse(QRectF(left, _EDGE_PX, size, size))
        corners = ((0.28, 0.53), (0.44, 0.68), (0.72, 0.35))
        painter.setPen(QPen(self._look.colour("surface"), size / 9))
        painter.drawPolyline(QPolygonF([QPointF(left + x * size, _EDGE_PX + y * size) for x, y in corners]))


class ProviderCard(ChoiceCard):
    """Checked: this provider has the role now. `is_open`: its details are shown below."""

    def __init__(self, spec: Spec, role: Role, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(spec.display_name, spec.summaries.get(role, spec.summary), look, parent)
        self.spec, self._role = spec, role
        self.is_open = False
        self.setAutoExclusive(False)
        self.setProperty("role", "choice")

    def show_state(self, text: str, kind: str, *, is_active: bool, is_open: bool) -> None:
        """`kind` is a text type of the style sheet: good, warn, small."""
        self._state.setText(text)
        dress(self._state, type=kind)
        self.setChecked(is_active)
        self.is_open = is_open
        in_use = tr("in use") if is_active and text else ""
        self.setAccessibleName(", ".join(filter(None, (self.spec.display_name, text, in_use))))
        self.update()

    def show_address(self, address: str) -> None:
        """Where the words really go is said, also where it is not the vendor's own address."""
        usual, other = (host_of(each.partition(" ")[0]) for each in (self.spec.base_url, address))
        said = self.spec.summaries.get(self._role, self.spec.summary)
        said = said.replace(usual, other) if usual and other else said
        if said != self._sentence.text():
            self._sentence.setText(said)
            self.setAccessibleDescription(said)
            self.updateGeometry()

    @property
    def state(self) -> str:
        return self._state.text()

    @property
    def edge(self) -> str:
        return "faint" if self.is_open and not self.isChecked() else super().edge

    def nextCheckState(self) -> None:
        """A click asks; only the settings decide who is active."""
