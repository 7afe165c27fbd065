"""The talk page: an opening question or the script, and the talk area below. Main thread."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QWidget

from companion import events as e
from companion.days import When
from companion.gui.boxes import in_column
from companion.gui.keys import key_in_a_sentence, key_named
from companion.gui.labels import label
from companion.gui.mood import MoodRow
from companion.gui.talkarea import OVERLAP_PX, TalkArea
from companion.gui.theme import COLUMN_PX, READING_LINE, SIZES_PX, Look
from companion.kinds import Role
from companion.language import mark, sentence, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from companion.flow import TurnRecord
    from companion.gui.closing import ClosingCard
    from companion.gui.earlier import EarlierRow
    from companion.gui.host import Recalling
    from companion.gui.transcript import Script

_LEAST_OPENING_PX = 80
_LEAST_LINES = 6
"""So many lines of the companion's words want to be seen at once."""
_GAP_PX = 10
"""Between the script and the card of a practice that is over."""
_GOES = {
    (Role.HEARS,): mark("Your voice goes to {host}"),
    (Role.THINKS,): mark("Your words go to {host}"),
    (Role.SPEAKS,): mark("The answers go to {host}"),
    (Role.HEARS, Role.THINKS): mark("Your voice and words go to {host}"),
    (Role.HEARS, Role.SPEAKS): mark("Your voice and answers go to {host}"),
    (Role.THINKS, Role.SPEAKS): mark("Your words and answers go to {host}"),
    (Role.HEARS, Role.THINKS, Role.SPEAKS): mark("Your voice, words and answers go to {host}"),
}
_ALSO = {
    (Role.THINKS,): mark("your words to {host}"),
    (Role.SPEAKS,): mark("the answers to {host}"),
    (Role.THINKS, Role.SPEAKS): mark("your words and answers to {host}"),
}
"""What comes after another host was named."""


def where_it_goes(hosts: Mapping[Role, str]) -> str:
    """One sentence about what leaves this computer, and to whom."""
    by_host: dict[str, tuple[Role, ...]] = {}
    for role in (Role.HEARS, Role.THINKS, Role.SPEAKS):
        if host := hosts.get(role, ""):
            by_host[host] = (*by_host.get(host, ()), role)
    if not by_host:
        return tr("Nothing leaves this computer.")
    told = [
        tr((_ALSO if place else _GOES)[roles], host=host)
        for place, (host, roles) in enumerate(by_host.items())
    ]
    return sentence(", ".join(told))


class TalkPage(QWidget):
    """Lays itself out: the script reaches down to the button, the empty edge of the area over the script."""

    link_followed = Signal(str)
    mood_marked = Signal(bool, object, str)
    """(after the practice and not before, the mark -3 .. 3 or None, the word)."""
    titled = Signal(str)
    another_wanted = Signal()
    """Another practice is to be chosen."""

    def __init__(self, look: Look, now: Callable[[], When], parent: QWidget | None = None) -> None:
        """`now`: the clock of the captions."""
        super().__init__(parent)
        self._look, self._now = look, now
        self._recall: Callable[[], Recalling]
        self._open_day: Callable[[date], None]
        self._shows_script = False
        self.welcome = QScrollArea(self)
        """Scrolls where the question has no room even in the smallest type."""
        self.welcome.setAccessibleName(tr("The beginning"))
        self.welcome.setFrameShape(QFrame.Shape.NoFrame)
        self.welcome.setWidgetResizable(True)
        self.welcome.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setProperty("scrolled", "true")
        self.welcome.setWidget(inside)
        self.area = TalkArea(look, self)
        self.opening = label("", "opening", wraps=True)
        self.how = label("", "soft", wraps=True)
        self.privacy = label(where_it_goes({}), "soft", wraps=True)
        self.mood = MoodRow(look, tr("How are you right now?"))
        self.mood.marked.connect(lambda mood, word: self.mood_marked.emit(False, mood, word))
        self.mood.left.connect(self.area.button.setFocus)
        self._asks_mood, self._is_over = True, False
        self._marked: e.ReflectionMarked | None = None
        column = in_column(inside=inside, spacing=6, margins=(28, 0, 28, 0))
        column.addStretch(1)
        for words in (self.opening, self.how, self.privacy):
            words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(words)
        column.insertSpacing(2, 12)
        column.addSpacing(18)
        column.addWidget(self.mood)
        column.addStretch(1)
        self.area.height_changed.connect(self._place)
        look.changed.connect(self._place)
        self.show_talk_key(key_named("Space"))
        self.show_script(False)

    @property
    def has_script(self) -> bool:
        return "script" in self.__dict__

    @cached_property
    def script(self) -> Script:
        """Made when it is first needed, or when there is time: an empty page has none to show."""
        from companion.gui.transcript import Script

        script = Script(self._look, from_below=True, parent=self)
        script.link_followed.connect(self.link_followed)
        script.setVisible(self._shows_script)
        script.setGeometry(self.welcome.geometry())
        script.stackUnder(self.area)
        script.jump.setParent(self)
        self.setTabOrder(script, script.jump)
        self._place_jump(script)
        return script

    @cached_property
    def closing(self) -> ClosingCard:
        """Made when the first practice is over."""
        from companion.gui.closing import ClosingCard

        card = ClosingCard(self._look)
        card.setParent(self)
        card.close_button.clicked.connect(self._place)
        card.titled.connect(self.titled)
        card.another_wanted.connect(self.another_wanted)
        card.marked.connect(lambda mood, word: self.mood_marked.emit(True, mood, word))
        card.left.connect(self.area.button.setFocus)
        card.show_asking(asks_mood=self._asks_mood)
        if self._marked is not None:
            card.show_marked(self._marked)
        return card

    @property
    def _has_closing(self) -> bool:
        return "closing" in self.__dict__

    @cached_property
    def earlier(self) -> EarlierRow:
        """What is brought up from other days."""
        from companion.gui.earlier import EarlierRow

        row = EarlierRow(self._look, lambda: self._now().day, self)
        row.changed.connect(self._place)
        row.opened.connect(self._open_day)
        row.sent_away.connect(lambda turn: self._recall().send_away(turn))
        row.forbidden.connect(lambda turn: self._recall().forbid(turn))
        row.switched_off.connect(lambda: self._recall().be_silent())
        return row

    def connect_earlier(self, recall: Callable[[], Recalling], open_day: Callable[[date], None]) -> None:
        """What the chips of other days do."""
        self._recall, self._open_day = recall, open_day

    @property
    def _has_earlier(self) -> bool:
        return "earlier" in self.__dict__

    def forget_earlier(self) -> None:
        if self._has_earlier:
            self.earlier.tell(())

    def forget(self) -> None:
        """Nothing that was written, marked or brought up stays; what was said goes with its session."""
        self.area.composer.forget()
        self.forget_earlier()
        self.mood.show_mood(None, "")
        self._marked, self._is_over = None, False
        if self._has_closing:
            card = self.closing
            del self.closing
            card.hide()
            card.deleteLater()

    def show_opening(self, question: str) -> None:
        self.opening.setText(question)
        self._fit_opening()

    def show_talk_key(self, key: int) -> None:
        self.how.setText(
            tr(
                "Hold the button or {key} and speak. Take your time; pauses are fine.",
                key=key_in_a_sentence(key),
            )
        )

    def show_asking(self, *, asks_mood: bool) -> None:
        """Whether the person is asked how they are, before and after."""
        self._asks_mood = asks_mood
        if self._has_closing:
            self.closing.show_asking(asks_mood=asks_mood)
        self._place()

    def show_over(self, *, is_over: bool) -> None:
        """The practice is over, or another one begins."""
        if is_over == self._is_over:
            return
        self._is_over = is_over
        if is_over or self._has_closing:
            self.closing.setVisible(is_over)
        self._place()

    def show_hosts(self, hosts: Mapping[Role, str]) -> None:
        self.privacy.setText(where_it_goes(hosts))
        self._fit_opening()

    def show_script(self, is_shown: bool) -> None:
        """The script, or the opening question while there is none."""
        self._shows_script = is_shown
        if is_shown or self.has_script:
            self.script.setVisible(is_shown)
        self.welcome.setVisible(not is_shown)

    def show_earlier(self, turns: Sequence[TurnRecord]) -> None:
        """What was said before in the reflection that is gone on with; nothing: a new one."""
        if turns:
            self.script.show_turns(turns)
            self.show_script(True)

    def follow(self, event: e.Event) -> None:
        """Shows what is said and answered, as it happens."""
        match event:
            case e.ReflectionMarked():
                self.mood.show_mood(event.before, event.word_before)
                self._marked = event
                if self._has_closing:
                    self.closing.show_marked(event)
                self._place()
            case e.PracticeChanged():
                self.show_over(is_over=event.is_over)
            case e.LevelMeasured():
                self.area.button.show_level(event.level_db)
            case e.TranscriptHeard():
                self._begin().hear(event.turn, event.transcript, self._now())
            case e.EarlierRecalled():
                self.earlier.tell(event.passages)
                self._place()
            case e.UserSaid(is_of_before=True):
                self._forget(event.turn)  # they stand in the journal, not on this page
            case e.UserSaid():
                self.forget_earlier()
                self._begin().say(event.turn, event.text, When.of(event.at, event.offset_s))
            case e.ReplyContinued():
                self._begin().go_on(event.turn, event.text)
            case e.ReplyTakenBack():
                self._begin().take_back(event.turn, event.text)
            case e.ReplyDelta():
                self._begin().stream(event.turn, event.text, self._now())
            case e.SentenceHeard():
                self.script.speak(event.turn, event.sentence)
            case e.WordHeard():
                self.script.speak_word(event.turn, event.start, event.end)
            case e.ReplyEnded():
                self.script.end_reply(event.turn, event.text, event.state)
            case e.TakeDiscarded():
                self._forget(event.turn)
            case e.DraftOffered():
                self._forget(event.turn)
                self.area.offer(event.text)
            case e.PhaseChanged(phase=e.Phase.READY | e.Phase.THINKING) if self.has_script:
                self.script.quiet()

    def _begin(self) -> Script:
        """The script; an empty one begins with the question that is being answered."""
        if self.script.is_empty and self.opening.text():
            self.script.open_with(self.opening.text(), self._now())
        self.show_script(True)
        return self.script

    def _forget(self, turn: int) -> None:
        """Words that were not sent; where there is nothing else, the page is empty again."""
        self.script.discard(turn)
        if self.script.has_only_opening:
            self.script.forget()
            self.show_script(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolls the script from anywhere on the page."""
        if self._shows_script:
            QApplication.sendEvent(self.script.verticalScrollBar(), event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Pages through the script, wherever on the page the keyboard is."""
        if self._shows_script and event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self.script.turn_page(event.key())
        else:
            super().keyPressEvent(event)

    def jump_to_now(self) -> None:
        """What sounds now, or the end of the script, is in view again."""
        if self._shows_script:
            self.script.jump_to_now()

    def _place(self) -> None:
        wide, high = self.width(), self.height()
        self.area.fit(
            high,
            round(_LEAST_LINES * READING_LINE * SIZES_PX["told"] * self._look.scale * self._look.captions),
        )
        area = self.area.wanted_height
        above = max(0, high - area + self._look.px(OVERLAP_PX - 32))
        script = above
        if self._has_earlier and not self.earlier.isHidden():
            row = self.earlier.wanted_height
            above = script = max(0, above - row - self._look.px(_GAP_PX))
            column = min(self._look.px(COLUMN_PX), wide - 2 * self._look.px(28))
            self.earlier.setGeometry((wide - column) // 2, above, column, row)
        if self._has_closing and not self.closing.isHidden():
            column = min(self._look.px(COLUMN_PX), wide - 2 * self._look.px(28))
            card = min(self.closing.wanted_height(column, above), above)
            script = max(0, above - card - self._look.px(_GAP_PX))
            self.closing.setGeometry((wide - column) // 2, above - card, column, card)
        if self.has_script:
            self.script.setGeometry(0, 0, wide, script)
        self.welcome.setGeometry(0, 0, wide, above)
        air = round(OVERLAP_PX * self.area.button.size_factor)
        top = max(high - area, -air)  # on a page too low for it the air above the button goes first
        self.area.setGeometry(0, top, wide, area)
        self.area.raise_()
        if self.has_script:
            self._place_jump(self.script)
        if self._has_closing:
            self.closing.raise_()
        if self._has_earlier:
            self.earlier.raise_()
        self._fit_opening()

    def _place_jump(self, script: Script) -> None:
        """Beside the button, at the edge of the column."""
        column = min(self._look.px(COLUMN_PX), self.width() - 2 * self._look.px(28))
        left, jump = (self.width() - column) // 2, script.jump.sizeHint().width()
        right = left + (jump if self.isRightToLeft() else column)
        script.place_jump(right, self.area.y() + self.area.centre)

    def _fit_opening(self) -> None:
        """The largest title in which the whole question has room; in a very low window the explanation gives way."""
        if self.testAttribute(Qt.WidgetAttribute.WA_PendingResizeEvent):
            return  # not laid out yet
        wide, high = self.welcome.width() - 56, self.welcome.height()
        below = sum(max(0, words.heightForWidth(wide)) for words in (self.how, self.privacy)) + 40
        mood = self.mood.sizeHint().height() + 24 if self._asks_mood else 0
        self.mood.setVisible(self._asks_mood and high >= below + mood + _LEAST_OPENING_PX)
        below += mood if not self.mood.isHidden() else 0
        for kind in ("opening", "heading", "title"):
            metrics = QFontMetrics(self._look.font(kind))
            needed = metrics.boundingRect(
                QRect(0, 0, wide, 10_000), Qt.TextFlag.TextWordWrap.value, self.opening.text()
            ).height()
            fits = needed + below <= high
            if fits and needed <= 2.5 * metrics.lineSpacing():
                break
        self.how.setVisible(fits)
        if self.opening.property("type") != kind:
            self.opening.setProperty("type", kind)
            self.opening.style().unpolish(self.opening)
            self.opening.style().polish(self.opening)
