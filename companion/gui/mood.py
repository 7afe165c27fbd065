"""A row of seven marks, from very unpleasant to very pleasant, with a word if one is wanted. Main thread.

Nothing has to be marked. The marks are radio buttons: Tab goes to one of them and on, arrow keys go from one to the next,
and the mark that is set is taken back by a click on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QBoxLayout,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QWidget,
)

from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.labels import label
from companion.kinds import mood_name
from companion.language import tr

if TYPE_CHECKING:
    from companion.gui.theme import Look

_BOX_PX = 30
_RADIUS = 7.5
_WORD_PX = 220
_MOST_WORD_PX = 300
_BESIDE_SCALE = 1.3
"""Up to this size of text the ends are named beside the marks."""
_ANY_PX = 16_777_215
_LONGEST_WORD = 40
_STEPS = range(-3, 4)
_FORWARD = (Qt.Key.Key_Right, Qt.Key.Key_Down)
_BACK = (Qt.Key.Key_Left, Qt.Key.Key_Up)


class MoodMark(QAbstractButton):
    """One of the seven."""

    stepped = Signal(int)
    """An arrow key: one further (1) or back (-1)."""

    def __init__(self, look: Look, mood: int) -> None:
        super().__init__()
        self._look, self.mood = look, mood
        self.setCheckable(True)
        self.setProperty("role", "choice")
        self.setAccessibleName(mood_name(mood).capitalize())
        self.setToolTip(mood_name(mood).capitalize())
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.be_tab_stop(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        look.changed.connect(self.update)

    def be_tab_stop(self, is_stop: bool) -> None:
        """Whether Tab comes here; a click never does, so that it leaves the talk key where it was."""
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if is_stop else Qt.FocusPolicy.NoFocus)

    def sizeHint(self) -> QSize:
        return QSize(_BOX_PX, _BOX_PX)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (*_FORWARD, *_BACK):
            self.stepped.emit(1 if event.key() in _FORWARD else -1)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        look, painter = self._look, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(self.width() / 2, self.height() / 2)
        is_near = self.underMouse() or self.hasFocus()
        painter.setPen(QPen(look.colour("accent" if self.isChecked() or is_near else "faint"), 1.4))
        painter.setBrush(look.colour("accent") if self.isChecked() else look.colour("surface"))
        painter.drawEllipse(middle, _RADIUS, _RADIUS)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(middle, _RADIUS + 4, _RADIUS + 4)
        painter.end()


class MoodRow(QWidget):
    """The question, the marks with their ends named, and the word."""

    marked = Signal(object, str)
    """(the mark -3 .. 3 or None, the word)."""
    left = Signal()
    """Enter in the word: the person goes on."""

    def __init__(self, look: Look, question: str) -> None:
        super().__init__()
        self._look = look
        self._mood: int | None = None
        self._stop = 0  # the mark that Tab comes to: the one that is set, or was
        self.setAccessibleName(question)
        self.question = label(question, "soft")
        self.marks = {mood: MoodMark(look, mood) for mood in _STEPS}
        self.low, self.high = (
            label(mood_name(-3).capitalize(), "caption"),
            label(mood_name(3).capitalize(), "caption"),
        )
        self.name = label("", "small")
        self.word = QLineEdit()
        self.word.setPlaceholderText(tr("A word for it, if you like"))
        self.word.setAccessibleName(tr("{question} In a word", question=question))
        self.word.setMaxLength(_LONGEST_WORD)
        self.word.editingFinished.connect(self._tell)
        self.word.returnPressed.connect(self.left)
        column = in_column(inside=self, spacing=4, margins=NONE)
        column.addWidget(self.question, 0, Qt.AlignmentFlag.AlignHCenter)
        self._ends = QHBoxLayout()
        """Where the ends are named, in large letters: below the marks."""
        column.addLayout(self._build_marks())
        column.addLayout(self._ends)
        column.addLayout(self._build_word())
        look.changed.connect(self._dress)
        self._dress()
        self.show_mood(None, "")

    @property
    def mood(self) -> int | None:
        """The mark that is set."""
        return self._mood

    def show_mood(self, mood: int | None, word: str) -> None:
        """What is marked; a word that is being written stays."""
        self._mood = mood
        if mood is not None:
            self._stop = mood
        for each, mark in self.marks.items():
            mark.setChecked(each == mood)
            mark.be_tab_stop(each == self._stop)
        self.name.setText("" if mood is None else mood_name(mood).capitalize())
        self.name.setVisible(mood is not None)
        self.word.setVisible(mood is not None)
        if not self.word.hasFocus():
            self.word.setText(word)

    def _build_marks(self) -> QHBoxLayout:
        row = self._row = in_row(spacing=6)
        row.addStretch(1)
        for mood, mark in self.marks.items():
            row.addWidget(mark)
            mark.clicked.connect(
                lambda _=False, mood=mood: self._choose(None if mood == self._mood else mood)
            )
            mark.stepped.connect(lambda by, mood=mood: self._step(mood, by))
        row.addStretch(1)
        return row

    def _name_ends(self, *, is_large: bool) -> None:
        """Beside the marks; below them where the letters are so large that they would not fit."""
        for row in (self._row, self._ends):
            for end in (self.low, self.high):
                row.removeWidget(end)
        if is_large:
            self._ends.addWidget(self.low, 1)
            self._ends.addWidget(self.high, 1)
            return
        self._row.insertWidget(1, self.low)
        self._row.insertWidget(self._row.count() - 1, self.high)

    def _build_word(self) -> QBoxLayout:
        row = self._words = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        row.setSpacing(12)
        row.addStretch(1)
        row.addWidget(self.name)
        row.addWidget(self.word)
        row.addStretch(1)
        return row

    def _step(self, mood: int, by: int) -> None:
        """As in any group of radio buttons: the next one has the focus and is chosen."""
        wanted = min(3, max(-3, mood + by))
        self.marks[wanted].setFocus(Qt.FocusReason.TabFocusReason)
        self._choose(wanted)

    def _choose(self, mood: int | None) -> None:
        self.show_mood(mood, self.word.text())
        self._tell()

    def _tell(self) -> None:
        self.marked.emit(self._mood, self.word.text().strip() if self._mood is not None else "")

    def _dress(self) -> None:
        is_large = self._look.scale > _BESIDE_SCALE
        self._name_ends(is_large=is_large)
        directions = QBoxLayout.Direction
        self._words.setDirection(directions.TopToBottom if is_large else directions.LeftToRight)
        self.word.setFixedWidth(min(self._look.px(_WORD_PX), _MOST_WORD_PX))
        widest = max(
            QFontMetrics(self._look.font("caption")).horizontalAdvance(end.text())
            for end in (self.low, self.high)
        )
        for end, side in ((self.low, Qt.AlignmentFlag.AlignRight), (self.high, Qt.AlignmentFlag.AlignLeft)):
            end.setWordWrap(is_large)
            end.setMinimumWidth(0 if is_large else widest + 4)
            end.setMaximumWidth(_ANY_PX if is_large else widest + 4)
            below = Qt.AlignmentFlag.AlignLeft if end is self.low else Qt.AlignmentFlag.AlignRight
            end.setAlignment(below if is_large else side | Qt.AlignmentFlag.AlignVCenter)
