"""A card of the insights page: a picture, one sentence, and the same as a table. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QFrame,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from companion.gui import icons
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.insights.tables import FiguresTable
from companion.gui.labels import label
from companion.gui.theme import Look
from companion.insights import Table
from companion.language import tr

_PICTURE, _TABLE, _MISSING = range(3)


class Card(QFrame):
    """Shows its picture where there is enough of it, else what is missing; never both."""

    def __init__(self, look: Look, title: str, picture: QWidget, *, least_px: int = 150) -> None:
        super().__init__()
        self._look, self._title, self._least_px = look, title, least_px
        self.picture = picture
        self.setProperty("card", "true")
        self.setAccessibleName(title)
        self.title = label(title, "state")
        self.title.setProperty("role", "heading")
        self.toggle = QToolButton()
        self.table = FiguresTable(look)
        self.table.setAccessibleName(tr("{title}, as a table", title=title))
        self.missing = label("", "hint", wraps=True)
        self.missing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.sentence = label("", "soft", wraps=True)
        self._pages = QStackedWidget()
        self._shown: tuple[QWidget, ...] = (picture, self.table, self.missing)
        for page in self._shown:
            self._pages.addWidget(page)
        self._lay_out()
        look.changed.connect(self._dress)
        self._dress()

    def _lay_out(self) -> None:
        self.toggle.setProperty("tone", "plain")
        self.toggle.setCheckable(True)
        kept = self.toggle.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # the title stays where it is
        self.toggle.setSizePolicy(kept)
        self.toggle.toggled.connect(self._turn)
        head = in_row(margins=NONE)
        head.addWidget(self.title, 1)
        head.addWidget(self.toggle)
        column = in_column(head, inside=self, spacing=8, margins=(18, 10, 12, 16))
        column.addWidget(self._pages, 1)
        column.addWidget(self.sentence)
        self._turn(is_table=False)

    @property
    def shows_table(self) -> bool:
        return self._pages.currentIndex() == _TABLE

    def show_figures(self, sentence: str, missing: str, table: Table) -> None:
        """`missing`: what is not there yet, instead of picture and table."""
        self.missing.setText(missing)
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence) and not missing)
        self.picture.setAccessibleDescription(sentence)
        self.table.show_table(table)
        self.toggle.setVisible(not missing and bool(table.rows))
        self._show_page()

    def say(self, text: str) -> None:
        """Nothing but a line, until there are figures."""
        self.show_figures("", text, Table((), ()))

    def _turn(self, is_table: bool) -> None:
        words = tr("Show as picture") if is_table else tr("Show as table")
        self.toggle.setToolTip(words)
        self.toggle.setAccessibleName(f"{self._title}: {words[:1].lower()}{words[1:]}")
        self._show_page()

    def _show_page(self) -> None:
        page = _MISSING if self.missing.text() else _TABLE if self.toggle.isChecked() else _PICTURE
        self._pages.setCurrentIndex(page)
        for number, widget in enumerate(self._shown):  # only what is shown says how large the card is
            policy = QSizePolicy.Policy.Preferred if number == page else QSizePolicy.Policy.Ignored
            widget.setSizePolicy(policy, policy)

    def _dress(self) -> None:
        self._pages.setMinimumHeight(self._look.px(self._least_px))
        size = self._look.px(18)
        self.toggle.setIconSize(QSize(size, size))
        colour, on = self._look.colour("faint"), self._look.colour("accent")
        self.toggle.setIcon(icons.icon("table", colour, size, checked=on))
