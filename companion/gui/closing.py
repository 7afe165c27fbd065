"""What stands under a practice that is over: its title to edit, how the person is now, and the way on. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QLineEdit, QPushButton, QToolButton, QWidget

from companion.events import ReflectionMarked
from companion.gui import icons
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.labels import label
from companion.gui.mood import MoodRow
from companion.gui.theme import Look
from companion.language import mark, tr

_LONGEST_TITLE = 120
_LEAST_PAGE_PX = 330
"""In a lower page the marks would leave no room for the words."""
_LEAST_WORDS_PX = 110
"""Of what was said so much stays in sight, in the usual size of the text; else the title gives way, too."""
_OVER, _OVER_LONG = mark("The practice is over."), mark("The practice is over. Go on as long as you like.")


class ClosingCard(QFrame):
    """One per talk page; hidden until a practice is over, and again when it is closed or another begins."""

    titled = Signal(str)
    marked = Signal(object, str)
    """(the mark -3 .. 3 or None, the word)."""
    another_wanted = Signal()
    """Another practice is to be chosen."""
    left = Signal()
    """The person goes on: the focus belongs where one talks."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._shown = ""
        self._asks_mood = True
        self.setProperty("card", "true")
        self.over = label(tr(_OVER_LONG), "strong", wraps=True)
        self.another = QPushButton(tr("Another practice"))
        self.another.setProperty("tone", "chip")
        self.close_button = QToolButton()
        self.close_button.setProperty("tone", "plain")
        self.close_button.setAccessibleName(tr("Close"))
        self.close_button.setToolTip(tr("Close"))
        self.close_button.setIconSize(QSize(16, 16))
        self.title = QLineEdit()
        self.title.setMaxLength(_LONGEST_TITLE)
        self.title.setAccessibleName(tr("Title of this reflection"))
        self.title.setPlaceholderText(tr("A title, if you like; otherwise your first words are used"))
        self.mood = MoodRow(look, tr("How are you now?"))
        top = in_row(spacing=10)
        top.addWidget(self.over, 1)
        top.addWidget(self.another)
        top.addWidget(self.close_button)
        self.title_line = QWidget()
        line = in_row(inside=self.title_line, spacing=12, margins=NONE)
        above = label(tr("Title"), "soft")
        above.setBuddy(self.title)
        line.addWidget(above)
        line.addWidget(self.title, 1)
        in_column(top, self.title_line, self.mood, inside=self, spacing=8, margins=(18, 12, 12, 14))
        self.title.editingFinished.connect(self._edited)
        self.title.returnPressed.connect(self.left)
        self.mood.marked.connect(self.marked)
        self.mood.left.connect(self.left)
        self.another.clicked.connect(self.another_wanted)
        self.close_button.clicked.connect(self.hide)
        look.changed.connect(self._dress)
        self._dress()
        self.hide()

    def show_asking(self, *, asks_mood: bool) -> None:
        """Whether the person is asked how they are now."""
        self._asks_mood = asks_mood

    def show_marked(self, event: ReflectionMarked) -> None:
        """The title and the mood as they will be kept; what is being written stays."""
        self.mood.show_mood(event.after, event.word_after)
        if not self.title.hasFocus() or self.title.text() == self._shown:
            self.title.setText(event.title)
            self.title.setCursorPosition(0)
        self._shown = event.title

    def wanted_height(self, wide: int, high: int) -> int:
        """Its height where it is `wide`; in a low page the marks give way, then the title, which the journal has, too."""
        self.mood.setVisible(self._asks_mood and high >= _LEAST_PAGE_PX)
        for is_whole in (True, False):
            self.title_line.setVisible(is_whole or self.title.hasFocus())
            self.over.setText(tr(_OVER_LONG if is_whole else _OVER))
            needed = self.heightForWidth(wide)
            if high - needed >= self._look.px(_LEAST_WORDS_PX):
                break
        return needed

    def _edited(self) -> None:
        text = " ".join(self.title.text().split())
        if text != self._shown:
            self._shown = text
            self.titled.emit(text)

    def _dress(self) -> None:
        self.close_button.setIcon(icons.icon("close", self._look.colour("faint"), 16))
