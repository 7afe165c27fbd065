"""Every widget in every state, to be looked at: `python -m companion.gui.gallery [light|dark]`. Main thread."""

from __future__ import annotations

import sys

from PySide6.QtCore import QEventLoop, Qt
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QWidget,
)

from companion.errors import CARDS, Action, CompanionError, Kind
from companion.events import Trouble
from companion.gui.boxes import in_column
from companion.gui.labels import HintLine, label
from companion.gui.notices import Notice, NoticeBar
from companion.gui.staged import AWAY, HERE
from companion.gui.talk import Face, TalkButton
from companion.gui.theme import SIZES_PX, Look
from companion.gui.topbar import Pill
from companion.kinds import TURN_ROLES, Role

_WIDE = 4


class Gallery(QWidget):
    """One long page."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.setProperty("page", "true")
        self._column = in_column(inside=self, spacing=14, margins=(28, 28, 28, 28))
        self._section("The talk button", [self._face(face) for face in Face])
        self._section("Pills", [self._pill(role, engines) for engines in (HERE, AWAY) for role in TURN_ROLES])
        self._section(
            "Buttons",
            [
                self._button(tone, enabled)
                for tone in ("", "primary", "plain", "chip")
                for enabled in (True, False)
            ],
        )
        self._section("Fields", self._fields())
        self._section("Text", [label(kind, kind) for kind in SIZES_PX])
        self._column.addWidget(self._hint(), 0, Qt.AlignmentFlag.AlignLeft)
        for kind in CARDS:
            self._column.addWidget(self._notice(kind))

    def _section(self, title: str, widgets: list[QWidget]) -> None:
        self._column.addWidget(label(title, "title"))
        grid = QGridLayout()
        for place, widget in enumerate(widgets):
            grid.addWidget(widget, place // _WIDE, place % _WIDE)
        self._column.addLayout(grid)

    def _face(self, face: Face) -> QWidget:
        button = TalkButton(self._look)
        button.show_face(face)
        for _ in range(4):
            button.show_level(-22.0)
        button.setToolTip(face.value)
        return button

    def _pill(self, role: Role, engines: dict[Role, tuple[str, str]]) -> QWidget:
        pill = Pill(self._look, role)
        pill.show_engine(*engines[role])
        return pill

    def _button(self, tone: str, enabled: bool) -> QWidget:
        button = QPushButton(tone or "button")
        button.setProperty("tone", tone)
        button.setEnabled(enabled)
        return button

    def _fields(self) -> list[QWidget]:
        line, combo, spin, slider = QLineEdit(), QComboBox(), QSpinBox(), QSlider()
        line.setPlaceholderText("Placeholder")
        combo.addItems(["One", "Two"])
        slider.setOrientation(slider.orientation().Horizontal)
        slider.setValue(40)
        check, radio = QCheckBox("Checked"), QRadioButton("Chosen")
        check.setChecked(True)
        radio.setChecked(True)
        return [line, combo, spin, slider, check, QCheckBox("Not checked"), radio, QRadioButton("Not chosen")]

    def _hint(self) -> QWidget:
        hint = HintLine()
        hint.show_text("Hold [Space] to speak · [Esc] discards")
        return hint

    def _notice(self, kind: Kind) -> QWidget:
        def nothing(action: Action, trouble: Trouble) -> None:
            """The gallery only shows."""

        bar = NoticeBar(self._look)
        bar.tell(Notice.of(Trouble(error=CompanionError(kind, who="OpenAI")), nothing))
        return bar


def main() -> int:
    """Shows the page until it is closed."""
    app = QApplication.instance() or QApplication(["gallery"])
    look = Look(theme=sys.argv[1] if len(sys.argv) > 1 else "system")
    look.wear()
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(Gallery(look))
    area.setWindowTitle("Gallery")
    area.resize(1000, 800)
    area.show()
    while area.isVisible():
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    return 0


if __name__ == "__main__":
    sys.exit(main())
