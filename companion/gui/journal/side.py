"""The left side of the journal page: search, filter, the list, and what was done, with its undo. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from companion.gui.announce import announce
from companion.gui.boxes import in_column, in_row
from companion.gui.journal.filters import EVERYTHING, FilterButton
from companion.gui.journal.list import ReflectionList
from companion.gui.labels import label
from companion.gui.search_field import SearchField
from companion.gui.theme import Look
from companion.language import mark, tr

_LIST_PX, _LEAST_PX = 310, 240
"""Widest, at the usual size of the text, and narrowest."""
_WORDS_MS, _MEANING_MS = 90, 350
"""Rest in typing after which words are looked for, and meaning."""
_UNDO_MS = 20_000
UNDO = mark("Undo")


class Side(QWidget):
    """Tells what is looked for; shows what was done."""

    words_wanted = Signal()
    """What is being typed is to be looked for."""
    meaning_wanted = Signal()
    """Typing rests: by meaning too."""
    cleared = Signal()
    """Nothing is looked for any more."""
    filtered = Signal()
    escaped = Signal()

    def __init__(self, look: Look, titles: Mapping[str, str], list_: ReflectionList) -> None:
        super().__init__()
        self._look, self._list = look, list_
        self.search, self.filter = SearchField(look, tr("Search the journal")), FilterButton(look, titles)
        self.chosen_filter = QPushButton()
        self.said, self.said_text, self.answer = (
            QFrame(),
            label("", "soft", wraps=True),
            QPushButton(tr(UNDO)),
        )
        self._answered: Callable[[], None] = lambda: None
        self._is_quiet = False
        self._words, self._meaning, self._forgetting = (
            self._timer(ms) for ms in (_WORDS_MS, _MEANING_MS, _UNDO_MS)
        )
        self.setProperty("sidelist", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._build()
        self._connect()
        look.changed.connect(self._dress)
        self._dress()
        self._show_filter()

    @property
    def typed(self) -> str:
        return self.search.text()

    @property
    def is_plain(self) -> bool:
        """Everything is listed, nothing looked for."""
        return not self.typed and self.filter.selection == EVERYTHING

    def take_focus(self) -> None:
        """The search has the focus, with what was looked for last."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def leave_search(self) -> None:
        """Everything is listed again; nobody is told."""
        self._is_quiet = True
        self.search.clear()
        self.filter.clear()
        self._is_quiet = False

    def say(self, text: str, button: str = "", answered: Callable[[], None] = lambda: None) -> None:
        """A sentence below the list for a while, with a button where something can be done about it."""
        self.said_text.setText(text)
        self.answer.setVisible(bool(button))
        self.answer.setText(button)
        self._answered = answered
        self.said.show()
        announce(self, text)
        self._forgetting.start()

    def take_back(self) -> None:
        """Presses "Undo", where it is offered."""
        if self.answer.isVisible() and self.answer.text() == tr(UNDO):
            self.answer.click()

    # -- inside ---------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down:
                self._list.setFocus(Qt.FocusReason.TabFocusReason)
                return True
            if event.key() == Qt.Key.Key_Escape and not self.is_plain:
                self.escaped.emit()
                return True
        return super().eventFilter(watched, event)

    def _typed(self) -> None:
        if self.typed.strip():
            self._words.start()
            self._meaning.start()
        else:
            self._words.stop()
            self._meaning.stop()
            if not self._is_quiet:
                self.cleared.emit()

    def _press(self) -> None:
        answered, self._answered = self._answered, lambda: None
        self.said.hide()
        answered()

    def _filter_changed(self) -> None:
        self._show_filter()
        if not self._is_quiet:
            self.filtered.emit()

    def _show_filter(self) -> None:
        words = self.filter.in_words()
        self.chosen_filter.setText(f"{words.replace('&', '&&')}  ✕")
        self.chosen_filter.setAccessibleName(tr("Shown: {words}. Show everything", words=words))
        self.chosen_filter.setVisible(bool(words))

    def _timer(self, ms: int) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(ms)
        return timer

    def _connect(self) -> None:
        self._words.timeout.connect(self.words_wanted)
        self._meaning.timeout.connect(self.meaning_wanted)
        self._forgetting.timeout.connect(self.said.hide)
        self.search.textChanged.connect(lambda _: self._typed())
        self.search.installEventFilter(self)
        self.filter.changed.connect(self._filter_changed)
        self.chosen_filter.clicked.connect(self.filter.clear)
        self.answer.clicked.connect(self._press)

    def _build(self) -> None:
        column = in_column(inside=self, spacing=6, margins=(14, 16, 14, 14))
        self.search.setPlaceholderText(tr("Search  ·  Ctrl+K"))
        self.search.setToolTip(tr('By words and meaning; "in quotes" for exact words'))
        top = in_row(spacing=6)
        top.addWidget(self.search, 1)
        top.addWidget(self.filter)
        column.addLayout(top)
        self.chosen_filter.setProperty("tone", "chip")
        column.addWidget(self.chosen_filter, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._list, 1)
        self.said.setProperty("card", "true")
        inside = in_column(self.said_text, inside=self.said, margins=(12, 10, 12, 10))
        inside.addWidget(self.answer, 0, Qt.AlignmentFlag.AlignRight)
        self.said.hide()
        column.addWidget(self.said)

    def _dress(self) -> None:
        self.setMaximumWidth(self._look.px(_LIST_PX))
        self.setMinimumWidth(_LEAST_PX)
        self._list.doItemsLayout()
