"""The editor of one practice: fields in, a `Practice` out, and what is wrong beside each field as it is written.

Main thread. It writes no file: whoever shows it takes `practice` after `changed`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QWidget,
)

from companion.gui import icons
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.labels import label
from companion.gui.practices.fields import FaultLine, LineField
from companion.gui.practices.steps import StepList
from companion.gui.theme import COLUMN_PX, Look
from companion.language import mark, tr
from companion.practices import OPENINGS, Practice, Step, find_faults, write_practice

ICONS = {
    "leaf": mark("Leaf"),
    "heart": mark("Heart"),
    "moon": mark("Moon"),
    "cloud": mark("Cloud"),
    "book": mark("Book"),
    "envelope": mark("Envelope"),
    "check": mark("Check"),
    "signpost": mark("Signpost"),
    "compass": mark("Compass"),
    "wave": mark("Wave"),
    "wind": mark("Wind"),
    "key": mark("Key"),
}
_PACES = {"slow": mark("Slow"), "easy": mark("Easy"), "brisk": mark("Brisk")}
_PARTS = {
    "morning": mark("In the morning"),
    "afternoon": mark("In the afternoon"),
    "evening": mark("In the evening"),
    "night": mark("At night"),
}
_IN_SPIN = (10, 0, 0, 0)
"""Margins of the text in the number field, which the style sheet does not reach."""
NEW = Practice(
    name="",
    title="",
    summary="",
    icon="leaf",
    minutes=10,
    order=1000,
    openings={},
    steps=(Step(title=""),),
)


class PracticeEditor(QScrollArea):
    """Fields for all that a practice has."""

    changed = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._shown = NEW
        self._is_showing = False
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.title = LineField(tr("Title"), hint=tr("A walk in words"))
        self.summary = LineField(tr("In one sentence"), hint=tr("Go once more where you went today."))
        self.openings = {
            "any": LineField(tr("Opening question"), hint=tr("Where did you go?")),
            **{part: LineField(tr(words)) for part, words in _PARTS.items()},
        }
        self.more = QPushButton(tr("Different opening questions for the time of day"))
        self.pace, self.icon, self.minutes = QComboBox(), QComboBox(), QSpinBox()
        self.steps = StepList()
        self.closing = LineField(
            tr("Closing sentence"),
            hint=tr("You are home again."),
            about=tr(
                "What is said when the last step is done. Without one, a sentence that fits every practice."
            ),
        )
        self.fault = FaultLine()
        self._build()
        look.changed.connect(self._dress)

    @property
    def practice(self) -> Practice:
        """What stands in the fields."""
        openings = {part: field.text.strip() for part, field in self.openings.items() if field.text.strip()}
        return replace(
            self._shown,
            title=self.title.text.strip(),
            summary=self.summary.text.strip(),
            icon=self.icon.currentData(),
            minutes=self.minutes.value(),
            openings=openings,
            steps=self.steps.steps,
            pace=self.pace.currentData(),
            closing=self.closing.text.strip(),
        )

    @property
    def first_fault(self) -> str:
        """Why sessions cannot follow it as it is; empty: they can."""
        return next((fault.sentence for fault in find_faults(write_practice(self.practice))), "")

    def show_practice(self, practice: Practice) -> None:
        """Fills the fields."""
        self._is_showing = True
        self._shown = practice
        self.title.show_text(practice.title)
        self.summary.show_text(practice.summary)
        for part, field in self.openings.items():
            field.show_text(practice.openings.get(part, ""))
        self._show_parts(any(practice.openings.get(part) for part in _PARTS))
        self.pace.setCurrentIndex(max(0, self.pace.findData(practice.pace)))
        if self.icon.findData(practice.icon) < 0:
            self.icon.addItem(practice.icon.capitalize(), practice.icon)
        self.icon.setCurrentIndex(self.icon.findData(practice.icon))
        self.minutes.setValue(practice.minutes)
        self.steps.show_steps(practice.steps)
        self.closing.show_text(practice.closing)
        self._is_showing = False
        self._dress()
        self._check()
        self.verticalScrollBar().setValue(0)
        self.title.focus()

    # -- building -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        page = QWidget()
        page.setProperty("scrolled", "true")
        across = in_row(inside=page, margins=(28, 8, 28, 28))
        holder = QWidget()
        holder.setMaximumWidth(self._look.px(COLUMN_PX))
        column = in_column(inside=holder, spacing=14, margins=NONE)
        across.addStretch(1)
        across.addWidget(holder, 100)
        across.addStretch(1)
        for field in (self.title, self.summary, self.openings["any"]):
            column.addWidget(field)
        self.more.setProperty("tone", "chip")
        self.more.clicked.connect(self._open_parts)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        for part in _PARTS:
            column.addWidget(self.openings[part])
        column.addLayout(self._build_choices())
        column.addWidget(label(tr("Steps"), "strong"))
        column.addWidget(self.steps)
        column.addWidget(self.closing)
        column.addWidget(self.fault)
        column.addStretch(1)
        for field in (self.title, self.summary, *self.openings.values(), self.closing):
            field.changed.connect(self._changed)
        self.steps.changed.connect(self._changed)
        self.setWidget(page)

    def _build_choices(self) -> QGridLayout:
        for value, words in _PACES.items():
            self.pace.addItem(tr(words), value)
        for name, words in ICONS.items():
            self.icon.addItem(tr(words), name)
        self.minutes.setRange(1, 180)
        self.minutes.setSuffix(tr(" min"))
        self.minutes.lineEdit().setTextMargins(*_IN_SPIN)
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        for place in range(3):
            grid.setColumnStretch(place, 1)
        for place, (name, control) in enumerate(
            ((tr("Pace"), self.pace), (tr("It takes about"), self.minutes), (tr("Picture"), self.icon))
        ):
            above = label(name, "small")
            above.setBuddy(control)
            control.setAccessibleName(name)
            control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            grid.addWidget(above, 0, place)
            grid.addWidget(control, 1, place)
        for combo in (self.pace, self.icon):
            combo.view().setAccessibleName(combo.accessibleName())
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(5)
            combo.currentIndexChanged.connect(self._changed)
        self.minutes.valueChanged.connect(self._changed)
        return grid

    def _open_parts(self) -> None:
        self._show_parts(True)
        self.openings["morning"].focus()

    def _show_parts(self, is_shown: bool) -> None:
        self.more.setVisible(not is_shown)
        for part in _PARTS:
            self.openings[part].setVisible(is_shown)

    def _dress(self) -> None:
        for place in range(self.icon.count()):
            picture = icons.icon(self.icon.itemData(place), self._look.colour("accent"), 18)
            self.icon.setItemIcon(place, picture)

    # -- checking -------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        if not self._is_showing:
            self._check()
            self.changed.emit()

    def _check(self) -> None:
        """Tells what is wrong beside each field."""
        by_place: dict[str, list[str]] = defaultdict(list)
        for fault in find_faults(write_practice(self.practice)):
            by_place[fault.where].append(fault.sentence)
        self.title.show_faults(by_place["title"])
        for part in OPENINGS:
            self.openings[part].show_faults(by_place[part])
        self.closing.show_faults(by_place["closing"])
        self.steps.show_faults(by_place)
        self.fault.show_faults(by_place["file"])
