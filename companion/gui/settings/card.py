"""One provider as a large button: its name, how it stands, where the words go. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from companion.gui.settings.form import dress, text_label
from companion.gui.theme import Look
from companion.providers.provider import Spec

RADIUS_PX = 14


class ProviderCard(QAbstractButton):
    """Checked: this provider has the role now. `is_open`: its details are shown below."""

    def __init__(self, spec: Spec, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self._look = spec, look
        self.is_open = False
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 13, 18, 14)
        column.setSpacing(5)
        top = QHBoxLayout()
        self._name = text_label(spec.display_name, "strong")
        self._name.setWordWrap(False)
        self._state = text_label("", "small")
        self._state.setWordWrap(False)
        top.addWidget(self._name)
        top.addStretch(1)
        top.addWidget(self._state)
        column.addLayout(top)
        self._summary = text_label(spec.summary, "small")
        column.addWidget(self._summary)
        column.addStretch(1)
        for label in (self._name, self._state, self._summary):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        look.changed.connect(self.update)

    def show_state(self, text: str, kind: str, *, is_active: bool, is_open: bool) -> None:
        """`kind` is a text type of the style sheet: good, warn, small."""
        self._state.setText(text)
        dress(self._state, type=kind)
        self.setChecked(is_active)
        self.is_open = is_open
        in_use = ", in use" if is_active else ""
        self.setAccessibleName(
            f"{self.spec.display_name}, {text}{in_use}" if text else self.spec.display_name
        )
        self.setAccessibleDescription(self.spec.summary)
        self.update()

    @property
    def state(self) -> str:
        return self._state.text()

    def nextCheckState(self) -> None:
        """A click asks; only the settings decide who is active."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._look.colour
        edge = (
            colour("accent")
            if self.isChecked() or self.hasFocus()
            else colour("faint" if self.is_open else "line")
        )
        width = 2.0 if self.hasFocus() else 1.2
        painter.setPen(QPen(edge, width))
        painter.setBrush(colour("accent_soft") if self.isDown() or self.underMouse() else colour("surface"))
        half = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), RADIUS_PX, RADIUS_PX)
        painter.end()
