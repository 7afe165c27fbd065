"""The fields of a practice's steps: cards that can be added, moved and taken away. Main thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QPushButton,
    QWidget,
)

from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.labels import label
from companion.gui.practices.fields import FaultLine, LineField, TextField
from companion.language import tr
from companion.practices import Step


class StepCard(QFrame):
    """One step."""

    changed = Signal()

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self.heading = label("", "strong")
        self.earlier, self.later, self.away = (
            QPushButton(words) for words in (tr("Up"), tr("Down"), tr("Remove"))
        )
        for button in (self.earlier, self.later, self.away):
            button.setProperty("tone", "chip")
        self.title = LineField(tr("Title"), step.title, hint=tr("Look back"))
        self.purpose = LineField(tr("What it is for"), step.purpose, hint=tr("See the day once more."))
        self.questions = TextField(
            tr("Questions, one on each line"),
            "\n".join(step.questions),
            hint=tr("What do you see first?"),
            about=tr(
                "The offline guide asks them; without any, it asks by what was said. "
                "{topic} stands for what you spoke of."
            ),
        )
        self.guidance = TextField(
            tr("What a model is told"),
            step.guidance,
            hint=tr("Help them walk back through the day without judging it."),
            about=tr("Only models read this: how to be with the person in this step."),
        )
        self.fault = FaultLine()
        self.fields = (self.title, self.purpose, self.questions, self.guidance)
        column = in_column(inside=self, spacing=10, margins=(18, 14, 18, 16))
        top = in_row(self.heading)
        top.addStretch(1)
        for button in (self.earlier, self.later, self.away):
            top.addWidget(button)
        column.addLayout(top)
        for field in self.fields:
            column.addWidget(field)
            field.changed.connect(self.changed)
        column.addWidget(self.fault)

    @property
    def step(self) -> Step:
        questions = tuple(line.strip() for line in self.questions.text.splitlines() if line.strip())
        return Step(
            title=self.title.text.strip(),
            purpose=self.purpose.text.strip(),
            questions=questions,
            guidance=self.guidance.text.strip(),
        )

    def show_place(self, number: int, count: int) -> None:
        """Which of how many steps it is."""
        self.heading.setText(tr("Step {number} of {count}", number=number, count=count))
        for field in self.fields:
            field.name_as(tr("{field}, step {number}", field=field.name, number=number))
        self.earlier.setAccessibleName(tr("Move step {number} earlier", number=number))
        self.later.setAccessibleName(tr("Move step {number} later", number=number))
        self.away.setAccessibleName(tr("Remove step {number}", number=number))
        self.earlier.setEnabled(number > 1)
        self.later.setEnabled(number < count)


class StepList(QWidget):
    """All steps in their order, and a button for one more."""

    changed = Signal()
    removed = Signal()
    """A step was taken away; `put_back` brings it again."""

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[StepCard] = []
        self._removed: tuple[int, Step] | None = None
        self.add = QPushButton(tr("Add a step"))
        self.fault = FaultLine()
        self._column = in_column(self.fault, inside=self, spacing=12, margins=NONE)
        self._column.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self.add.clicked.connect(self._add)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(card.step for card in self.cards)

    def show_steps(self, steps: Sequence[Step]) -> None:
        """These instead of those that were there."""
        for card in tuple(self.cards):
            self._drop(card)
        self._removed = None
        for step in steps:
            self._insert(len(self.cards), step, tells=False)

    def show_faults(self, faults: Mapping[str, Sequence[str]]) -> None:
        """What is wrong, by `steps` and `step 1` and so on."""
        self.fault.show_faults(faults.get("steps", ()))
        for number, card in enumerate(self.cards, 1):
            is_begun = any(field.is_touched for field in card.fields)
            card.fault.show_faults(faults.get(f"step {number}", ()) if is_begun else ())

    def put_back(self) -> None:
        """The step that was taken away last is there again."""
        removed, self._removed = self._removed, None
        if removed is not None:
            place, step = removed
            self._insert(min(place, len(self.cards)), step)

    def _add(self) -> None:
        self._insert(len(self.cards), Step(title="")).title.focus()

    def _insert(self, place: int, step: Step, *, tells: bool = True) -> StepCard:
        card = StepCard(step)
        card.changed.connect(self.changed)
        card.earlier.clicked.connect(lambda: self._move(card, -1))
        card.later.clicked.connect(lambda: self._move(card, 1))
        card.away.clicked.connect(lambda: self._remove(card))
        self.cards.insert(place, card)
        self._column.insertWidget(place, card)
        self._number()
        if tells:
            self.changed.emit()
        return card

    def _move(self, card: StepCard, by: int) -> None:
        place = self.cards.index(card) + by
        self.cards.remove(card)
        self.cards.insert(place, card)
        self._column.insertWidget(place, card)
        self._number()
        (card.later if by > 0 else card.earlier).setFocus()
        self.changed.emit()

    def _remove(self, card: StepCard) -> None:
        self._removed = self.cards.index(card), card.step
        self._drop(card)
        self._number()
        self.changed.emit()
        self.removed.emit()

    def _drop(self, card: StepCard) -> None:
        self.cards.remove(card)
        self._column.removeWidget(card)
        card.hide()
        card.deleteLater()

    def _number(self) -> None:
        for number, card in enumerate(self.cards, 1):
            card.show_place(number, len(self.cards))
