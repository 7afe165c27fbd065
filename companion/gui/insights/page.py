"""The insights page: which days, the pictures of them, and the same day in earlier years. Main thread.

Figures come first and are painted at once; what needs the words follows.
"""

from __future__ import annotations

import asyncio

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QGridLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QWidget,
)

from companion.errors import CompanionError
from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.clean import clean_text
from companion.gui.host import InsightSource
from companion.gui.insights.calendar import CalendarView
from companion.gui.insights.card import Card
from companion.gui.insights.mood import MoodPicture
from companion.gui.insights.rhythm import RhythmPicture
from companion.gui.insights.themes import ThemesPicture
from companion.gui.labels import label
from companion.gui.lines import LineButton
from companion.gui.theme import Look
from companion.gui.touch import scroll_by_touch
from companion.insights.links import Links
from companion.insights.memories import Memories
from companion.insights.pictures import Figures, Returns
from companion.insights.practice import TimeSpent
from companion.insights.rows import Choice
from companion.language import tr
from companion.tasks import spawn, stop

_MARGIN_PX, _GAP_PX = 28, 18
_ONE_COLUMN_PX = 800
_EMPTY, _CARDS = range(2)


class InsightsPage(QWidget):
    """Five pictures in cards, two columns where there is room."""

    day_wanted = Signal(object)
    """The journal at a `date`."""
    talk_wanted = Signal()

    def __init__(self, look: Look, source: InsightSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._source = look, source
        self._choice = Choice.WEEKS
        self._reading: asyncio.Task[None] | None = None
        self._is_narrow: bool | None = None
        self._is_counting = False
        """The cards that need words show none yet."""
        self.setProperty("page", "true")
        self.setAccessibleName(tr("Insights"))
        self.setProperty("help", "journal")
        self.calendar = CalendarView(look)
        self.rhythm, self.mood, self.themes = RhythmPicture(look), MoodPicture(look), ThemesPicture(look)
        self.practice_card = Card(look, tr("Practice"), self.calendar, least_px=176)
        self.time_card = Card(look, tr("Time spent"), self._time_picture(), least_px=176)
        self.mood_card = Card(look, tr("Mood, before and after"), self.mood, least_px=200)
        self.themes_card = Card(look, tr("What you return to"), self.themes, least_px=200)
        self.links_card = Card(look, tr("Seen together"), QWidget(), least_px=0)
        self.range = QPushButton()
        self.today = QWidget()
        self.sentence, self.message = label("", "title", wraps=True), label("", "soft", wraps=True)
        self.start = QPushButton(tr("Start a reflection"))
        self._sides = QStackedWidget()
        self._set_up()

    # -- what is shown --------------------------------------------------------------------------------------

    def choose(self, choice: Choice) -> None:
        """Another range of days."""
        self._choice = choice
        self._actions[choice].setChecked(True)
        self.range.setText(choice.words)
        self.range.setAccessibleName(tr("Days shown: {words}", words=choice.words))
        self.refresh(is_told=True)

    def refresh(self, *, is_told: bool = False) -> None:
        """Reads again; `is_told`: a screen reader hears the first sentence of what came."""
        if self._reading is not None:
            self._reading.cancel()
        self._reading = spawn(self._read(self._choice, is_told=is_told), name="read insights")

    async def close_reading(self) -> None:
        """Ends what is under way."""
        await stop(self._reading)

    async def _read(self, choice: Choice, *, is_told: bool) -> None:
        this = asyncio.current_task()

        def counted(share: float) -> None:
            if this is not None and not this.done():
                self._count(share)

        try:
            figures = await self._source.figures(choice)
            self._show_figures(figures)
            if is_told and figures.calendar.sentence:
                announce(self.range, figures.calendar.sentence)
            if not figures.is_empty:
                self._show_returns(await self._source.returns(choice, counted))
        except CompanionError as error:
            self._explain(error.message, error.hint)

    def _count(self, share: float) -> None:
        """The words are counted as far as this."""
        if self._is_counting:
            for card in (self.themes_card, self.links_card):
                card.say(tr("Your words are being counted: {share:.0%}", share=share))

    def _show_figures(self, figures: Figures) -> None:
        if figures.is_empty:
            self._explain(
                tr("Nothing to show yet"),
                tr(
                    "After your first reflections this page shows the days you practised, your own marks of mood and "
                    "what you "
                    "return to. All of it is counted on this computer, from your journal alone."
                ),
            )
            return
        calendar, time, mood = figures.calendar, figures.time, figures.mood
        self.calendar.show_calendar(calendar)
        self.practice_card.show_figures(calendar.sentence, calendar.missing, calendar.table)
        self._show_time(time, figures)
        self.mood.show_mood(mood)
        self.mood_card.show_figures(mood.sentence, mood.missing, mood.table)
        self._is_counting = self._sides.currentIndex() != _CARDS
        if self._is_counting:
            for card in (self.themes_card, self.links_card):
                card.say(tr("Your words are being counted ..."))
            self._sides.setCurrentIndex(_CARDS)
        if QApplication.focusWidget() in (None, self, self.start):
            self.calendar.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_time(self, time: TimeSpent, figures: Figures) -> None:
        self._time.setText(time.words)
        self._times.setText(time.sentence)
        rhythm = figures.rhythm
        self.rhythm.show_rhythm(rhythm)
        self.rhythm.setVisible(not rhythm.missing)
        self._rhythm_missing.setText(rhythm.missing)
        self._rhythm_missing.setVisible(bool(rhythm.missing))
        self.time_card.show_figures("", time.missing, rhythm.table)

    def _show_returns(self, returns: Returns) -> None:
        self._is_counting, themes = False, returns.themes
        self.themes.show_themes(themes)
        self.themes_card.show_figures(clean_text(themes.sentence), themes.missing, themes.table)
        self._show_links(returns.links)
        self._replace_today(returns.memories)

    def _show_links(self, links: Links) -> None:
        told = "\n".join(clean_text(link.words) for link in links.links)
        self._links.setText(told or links.sentence)
        self.links_card.show_figures(links.sentence if told else "", links.missing, links.table)

    def _replace_today(self, memories: Memories) -> None:
        column = self._todays
        while (item := column.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for memory in memories.memories:
            line = LineButton(clean_text(memory.words).replace("&", "&&"))
            line.setProperty("tone", "line")
            line.setToolTip(tr("{words}\nOpen this day in the journal", words=clean_text(memory.words)))
            line.clicked.connect(lambda _=False, day=memory.day: self.day_wanted.emit(day))
            column.addWidget(line, 0, Qt.AlignmentFlag.AlignLeft)
        if memories.missing:
            column.addWidget(label(memories.missing, "hint", wraps=True))

    def _explain(self, sentence: str, hint: str) -> None:
        self.sentence.setText(sentence)
        self.message.setText(hint)
        self._fit_message()
        focus = QApplication.focusWidget()
        has_focus = focus is None or focus is self or self.isAncestorOf(focus)
        self.start.setVisible(bool(sentence))
        self._sides.setCurrentIndex(_EMPTY)
        if has_focus and self.start.isVisible():
            self.start.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- how it is made -------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        column = in_column(inside=self, spacing=0, margins=NONE)
        self._bar = QWidget()
        row = in_row(inside=self._bar, margins=(_MARGIN_PX, 0, _MARGIN_PX, 0))
        row.addWidget(label(tr("Insights"), "bar-title"), 1)
        row.addWidget(self._range_button())
        column.addWidget(self._bar)
        self._sides.addWidget(self._empty_page())
        self._sides.addWidget(self._cards_page())
        column.addWidget(self._sides, 1)
        self._links = label("", "soft", wraps=True)
        in_column(self._links, inside=self.links_card.picture, margins=(0, 0, 6, 0))
        self.calendar.day_chosen.connect(self.day_wanted)
        self._look.changed.connect(self._dress)
        self._explain("", "")
        self._dress()

    def _range_button(self) -> QPushButton:
        menu, group = QMenu(self.range), QActionGroup(self)
        self._actions: dict[Choice, QAction] = {}
        for choice in Choice:
            action = menu.addAction(choice.words)
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, choice=choice: self.choose(choice))
            group.addAction(action)
            self._actions[choice] = action
        self._actions[self._choice].setChecked(True)
        self.range.setProperty("tone", "chip")
        self.range.setText(self._choice.words)
        self.range.setAccessibleName(tr("Days shown: {words}", words=self._choice.words))
        self.range.setMenu(menu)
        return self.range

    def _time_picture(self) -> QWidget:
        page = QWidget()
        column = in_column(inside=page, spacing=4, margins=(0, 0, 6, 0))
        self._time, self._times = label("", "heading"), label("", "soft", wraps=True)
        self._time.setToolTip(tr("From your first words to the last answer, all reflections together"))
        self._rhythm_missing = label("", "hint", wraps=True)
        column.addWidget(self._time)
        column.addWidget(self._times)
        column.addStretch(1)
        column.addWidget(self.rhythm)
        column.addWidget(self._rhythm_missing)
        return page

    def _cards_page(self) -> QWidget:
        area = QScrollArea()
        scroll_by_touch(area)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setProperty("scrolled", "true")
        column = in_column(inside=inside, spacing=_GAP_PX, margins=(_MARGIN_PX, 6, _MARGIN_PX, _MARGIN_PX))
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP_PX)
        column.addLayout(self._grid)
        self._todays = in_column(inside=self.today, spacing=2, margins=NONE)
        column.addWidget(self.today)
        column.addWidget(self.links_card)
        column.addStretch(1)
        area.setWidget(inside)
        return area

    def _empty_page(self) -> QWidget:
        page = QWidget()
        column = in_column(inside=page, spacing=12)
        self._picture = QLabel()
        middle = Qt.AlignmentFlag.AlignHCenter
        column.addStretch(3)
        for part in (self._picture, self.sentence, self.message):
            part.setAlignment(middle)
        column.addWidget(self._picture, 0, middle)
        column.addWidget(self.sentence)  # over the whole width: aligned, its second line would be cut
        column.addWidget(self.message, 0, middle)
        column.addSpacing(10)
        self.start.clicked.connect(self.talk_wanted)
        column.addWidget(self.start, 0, middle)
        column.addStretch(4)
        return page

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Two columns, or one where words would be squeezed."""
        is_narrow = self.width() < _ONE_COLUMN_PX * self._look.scale
        if is_narrow == self._is_narrow:
            return
        self._is_narrow = is_narrow
        cards = (self.practice_card, self.time_card, self.mood_card, self.themes_card)
        for place, card in enumerate(cards):
            self._grid.removeWidget(card)
            row, column = (place, 0) if is_narrow else divmod(place, 2)
            self._grid.addWidget(card, row, column)
        self._grid.setColumnStretch(0, 1 if is_narrow else 27)
        self._grid.setColumnStretch(1, 0 if is_narrow else 20)

    def _fit_message(self) -> None:
        """A centred label that wraps has no height of its own."""
        self.message.setMinimumHeight(max(0, self.message.heightForWidth(self._look.px(460))))

    def _dress(self) -> None:
        self._bar.setFixedHeight(self._look.px(64))
        self.message.setFixedWidth(self._look.px(460))
        self._fit_message()
        self._picture.setPixmap(
            icons.pixmap("insights", self._look.colour("accent"), 34, self.devicePixelRatioF())
        )
        self.start.setIconSize(QSize(18, 18))
        self._arrange()
