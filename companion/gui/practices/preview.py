"""A practice as the talk page would show it, from its opening question to its end. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from companion import days
from companion.gui import icons
from companion.gui.boxes import in_column, in_row
from companion.gui.labels import label
from companion.gui.theme import COLUMN_PX, Look
from companion.language import mark, tr
from companion.practices import Practice

_ICON_PX = 20
_NO_OPENING = mark("The opening question goes here.")
_THEIR_WORDS = mark("[what you spoke of]")


class PracticePreview(QScrollArea):
    """Shows one practice; `show_practice` takes another."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._practice: Practice | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(tr("Preview of the practice"))
        look.changed.connect(self._show)

    def show_practice(self, practice: Practice) -> None:
        """From now on this one, from its top."""
        if practice != self._practice:
            self._practice = practice
            self._show()

    @property
    def text(self) -> str:
        """All that stands on it, a line each."""
        page = self.widget()
        return "\n".join(each.text() for each in page.findChildren(QLabel) if each.text()) if page else ""

    def _show(self) -> None:
        practice = self._practice
        if practice is None:
            return
        at = self.verticalScrollBar().value()
        page = QWidget()
        page.setProperty("scrolled", "true")
        across = in_row(inside=page, margins=(28, 8, 28, 28))
        column = in_column(spacing=6)
        across.addStretch(1)
        across.addLayout(column, 100)
        across.addStretch(1)
        self._add_opening(column, practice)
        for number, _ in enumerate(practice.steps):
            self._add_step(column, practice, number)
        self._add_end(column, practice)
        column.addStretch(1)
        for words in page.findChildren(QLabel):
            words.setMaximumWidth(self._look.px(COLUMN_PX))
        self.setWidget(page)
        self.verticalScrollBar().setValue(at)

    def _add_opening(self, column: QVBoxLayout, practice: Practice) -> None:
        top = in_row(spacing=10)
        picture = QLabel()
        picture.setPixmap(
            icons.icon(practice.icon, self._look.colour("ink"), _ICON_PX).pixmap(QSize(_ICON_PX, _ICON_PX))
        )
        top.addWidget(picture)
        top.addWidget(label(practice.title or tr("Without a title"), "bar-title"))
        top.addStretch(1)
        column.addLayout(top)
        about = " ".join(
            filter(None, (practice.summary, tr("About {minutes} minutes.", minutes=practice.minutes)))
        )
        column.addWidget(label(about, "soft", wraps=True))
        column.addSpacing(22)
        opening = practice.opening(days.now().hour) if practice.openings else tr(_NO_OPENING)
        column.addWidget(label(opening, "heading", wraps=True))

    def _add_step(self, column: QVBoxLayout, practice: Practice, number: int) -> None:
        step = practice.steps[number]
        column.addSpacing(22)
        where = tr(
            "{number} of {steps} · {title}",
            number=number + 1,
            steps=len(practice.steps),
            title=step.title or tr("without a title"),
        )
        column.addWidget(label(where, "caption", wraps=True))
        if step.purpose:
            column.addWidget(label(step.purpose, "small", wraps=True))
        for question in step.questions:
            column.addWidget(label(question.replace("{topic}", tr(_THEIR_WORDS)), "said", wraps=True))
        if not step.questions:
            column.addWidget(label(tr("The question follows what you said."), "hint", wraps=True))

    def _add_end(self, column: QVBoxLayout, practice: Practice) -> None:
        column.addSpacing(22)
        column.addWidget(label(tr("Finished"), "caption"))
        closing = practice.closing or tr("It ends with a sentence that fits every practice.")
        column.addWidget(label(closing, "said" if practice.closing else "hint", wraps=True))
