"""The script of a reflection: turns and deltas in, one selectable page of text out. Main thread.

Deltas are gathered and written at most every `_FLUSH_MS`: inserting each alone costs quadratic layout time. What is
tentative, being spoken, or not spoken yet is painted over the text (extra selections) and never laid out again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from PySide6.QtCore import QTimer, QUrl, Signal
from PySide6.QtGui import QTextCharFormat
from PySide6.QtWidgets import QTextEdit, QWidget

from companion.days import When
from companion.flow import Sentence, Transcript, TurnRecord
from companion.gui.clean import SHOWN_CHARS, SHOWN_SIGNS, clean_text, shown_end, unbroken
from companion.gui.growing import Growing
from companion.gui.reading import ReadingPage
from companion.gui.sounding import Sounding, place_of
from companion.gui.theme import Look
from companion.gui.typesetting import EARLIER, MORE, ShownTurn, Typesetter, units
from companion.kinds import ReplyState
from companion.language import tr

_FLUSH_MS = 33
_REST = 3
"""How many times as long as it took to set the last pieces the window has to itself before the next."""
_TURNS_AT_ONCE = 60
"""Older turns wait behind a line, so that a long evening stays quick."""
_MOST_TURNS = 120
_REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]+\]:", re.MULTILINE)
"""The address of a link that stands elsewhere in the answer."""


class Script(ReadingPage):
    """The page. Live methods (`hear`, `say`, `stream` ...) follow the turn's events; `show_turns` shows a kept one."""

    link_followed = Signal(str)
    """A person wants to go to this address; nobody has gone there."""

    def __init__(self, look: Look, *, from_below: bool, parent: QWidget | None = None) -> None:
        super().__init__(look, from_below=from_below, parent=parent)
        self._setter = Typesetter(self.document(), look)
        self._title = ""
        self._turns: list[ShownTurn] = []
        self._first = 0
        """Index of the oldest turn on the page."""
        self._live: int | None = None
        """The engine's number of the last turn, while it goes on."""
        self._said_from = 0
        """Where the live turn's words start in the document; 0: not yet."""
        self._growing: Growing | None = None
        """The live turn's answer, once it has words."""
        self._tentative_from = 0
        self._pending: list[str] = []
        self._sounding = Sounding(self._setter, look)
        self._last_now: tuple[float, float] | None = None
        """Where the last words stand that sounded in this turn: who reads on is not moved."""
        self._starts: dict[tuple[int, bool], int] = {}
        """Where the words of a turn begin, and (True) those of its answer."""
        self._found: tuple[int, int] | None = None
        """Where the words stand that a search has found."""
        self._flushing = QTimer(self)
        self._flushing.setSingleShot(True)
        self._flushing.setInterval(_FLUSH_MS)
        self._flushing.timeout.connect(self.flush)
        self.anchorClicked.connect(self._anchor_clicked)
        look.changed.connect(self.rebuild)

    # -- a kept reflection ----------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return not self._turns

    @property
    def has_only_opening(self) -> bool:
        return not self._turns or (len(self._turns) == 1 and not self._turns[0].said and self._live is None)

    def open_with(self, question: str, at: When) -> None:
        """Begins an empty page with the question the person answers."""
        self._turns = [ShownTurn(told=question, told_at=at, state=ReplyState.WHOLE)]
        self.rebuild()

    def show_turns(self, turns: Sequence[TurnRecord], title: str = "") -> None:
        """Shows what the journal has kept, from the start."""
        self._end_live()
        self._found = None
        self._title = title
        self._turns = [ShownTurn.of(record) for record in turns]
        self._first = 0 if not self._from_below else max(0, len(self._turns) - _TURNS_AT_ONCE)
        self.follows, self._last_now, self.seen = self._from_below, None, (0, 0)
        self.rebuild()
        if not self._from_below:
            self.verticalScrollBar().setValue(0)

    def show_passage(self, words: str, place: int, *, is_answer: bool = False, end: int = 0) -> bool:
        """Brings these words into view on the accent's paper; False: they are not on the page.

        They stand in the turn at `place`, and end at `end` in what was said then, or in the answer.
        """
        turn = self._turns[place]
        text, pieces = turn.told if is_answer else turn.said, turn.pieces
        while shown_end(text, turn.pieces * SHOWN_CHARS, turn.pieces * SHOWN_SIGNS) < min(end, len(text)):
            turn.pieces += 1
        if turn.pieces != pieces:
            self.rebuild()
        self._found = self._setter.find(words, self._starts.get((place, is_answer), 0))
        self._repaint_spans()
        if self._found is None:
            return False
        self.setTextCursor(self._setter.span(self._found[0], self._found[0]))
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + self.cursorRect().top() - self.viewport().height() // 3)
        return True

    def forget(self) -> None:
        """An empty page."""
        self.show_turns(())

    def text(self) -> str:
        """All the words that stand on the page."""
        return unbroken(self.toPlainText())

    # -- the turn that goes on ------------------------------------------------------------------------------

    def hear(self, turn: int, transcript: Transcript, at: When) -> None:
        """The words so far; those that may still change are paler."""
        live = self._begin_live(turn)
        if live is None or live.told:
            return
        before = live.said
        live.said_at = live.said_at or at
        live.said = clean_text(transcript.text)[:SHOWN_CHARS]
        same = 0
        for one, other in zip(before, live.said, strict=False):
            if one != other:
                break
            same += 1
        self._open_said(live)
        self._setter.cut(self._said_from + units(live.said[:same]))
        self._setter.write("said", live.said[same:])
        committed = len(live.said) if transcript.is_final else transcript.committed_chars
        self._tentative_from = self._said_from + units(live.said[:committed])
        self._repaint_spans()
        self.settle()

    def discard(self, turn: int) -> None:
        """The take was not sent: its words leave the page."""
        if turn == self._live and not self._turns[-1].told:
            self._turns.pop()
            self._end_live()
            self.rebuild()

    def say(self, turn: int, text: str, at: When) -> None:
        """The person's words are known, and kept."""
        live = self._begin_live(turn)
        if live is None:
            return
        is_same = live.said == text
        live.said, live.said_at, live.is_sent = text, at, True
        if self._said_from and not is_same:
            self.rebuild()
        else:
            self._open_said(live)
            if not is_same:
                self._setter.write_long("said", text, live.pieces, len(self._turns) - 1)
        self._tentative_from = self._setter.end
        self._repaint_spans()
        self.follows = self._from_below
        self.settle()

    def stream(self, turn: int, text: str, at: When) -> None:
        """The next piece of the answer; it appears with the next flush."""
        live = self._begin_live(turn)
        if live is None:
            return
        if live.told_at is None:
            live.told_at = at
        self._pending.append(text)
        if not self._flushing.isActive():
            self._flushing.start()

    def go_on(self, turn: int, text: str) -> None:
        """The last answer, of which `text` is kept, goes on under another number."""
        if not self._turns or (self._live is not None and turn <= self._live):
            return
        self._end_live()
        last = self._turns[-1]
        last.told, last.state, last.is_sent, self._live = text, None, True, turn
        self.rebuild()

    def take_back(self, turn: int, text: str) -> None:
        """Of the answer under way only `text` is left; the rest comes anew."""
        if turn != self._live or not self._turns:
            return
        self._flushing.stop()
        self._pending.clear()
        self._sounding.end()
        self._turns[-1].told = text
        self.rebuild()

    def flush(self, *, is_last: bool = False) -> None:
        """Writes what has gathered; with `is_last` no more comes."""
        self._flushing.stop()
        if not self._pending or not self._turns:
            return
        started = time.thread_time()
        live = self._turns[-1]
        live.told += "".join(self._pending)
        self._pending.clear()
        self._grow(live, is_last=is_last)
        self.settle()
        spent_ms = 1000 * (time.thread_time() - started)
        self._flushing.setInterval(max(_FLUSH_MS, round(_REST * spent_ms)))

    def _begin_told(self, live: ShownTurn) -> Growing:
        if self._growing is None:
            self._setter.caption(live.teller, live.told_at, first=self.document().isEmpty())
            self._growing = Growing(self._setter, self._look)
        return self._growing

    def _grow(self, live: ShownTurn, *, is_last: bool = False) -> None:
        """Sets what there is of the live turn's answer, as far as it may be shown."""
        growing = self._begin_told(live)
        room = SHOWN_CHARS * live.pieces - growing.chars, SHOWN_SIGNS * live.pieces - growing.signs
        piece = live.told[growing.chars :]
        if shown := piece[: shown_end(piece, *room)]:
            self._changed_from(growing.put(shown, is_last=is_last))

    def _changed_from(self, place: int) -> None:
        """The page was set anew from `place` on: what sounds now may stand elsewhere."""
        sounding = self._sounding
        if sounding.span is not None and self._growing is not None:
            if place <= sounding.span[1]:
                sounding.find(self._growing, self._turns[-1].told)
            self._repaint_spans()

    def speak(self, turn: int, sentence: Sentence) -> None:
        """This sentence sounds now; the ones after it wait, paler."""
        if turn != self._live:
            return
        self.flush()
        self._sounding.begin(sentence, self._growing, self._turns[-1].told)
        if self.follows:
            self._follow(self.verticalScrollBar().maximum())
        self._repaint_spans()

    def now(self) -> tuple[float, float] | None:
        if self._sounding.span is not None:
            self._last_now = self.lines_of(*self._sounding.span)
        return self._last_now

    def leave_now(self) -> None:
        if self._sounding.span is None:
            self._last_now = None

    def speak_word(self, turn: int, start: int, end: int) -> None:
        """This word of the sentence sounds now; its offsets are those of the raw answer."""
        if turn == self._live and not self._look.reduced_motion:
            self._sounding.begin_word(self._growing, self._turns[-1].told, start, end)
            self._repaint_spans()

    def end_reply(self, turn: int, text: str, state: ReplyState) -> None:
        """The answer is written; it takes its final form."""
        live = self._begin_live(turn)
        if live is None:
            return
        self.flush(is_last=True)
        changed = text != live.told
        live.told, live.state = text, state
        if not text:
            return
        if changed or self._growing is None or _REFERENCE.search(text):
            self._rewrite_told(live)
        else:
            self._changed_from(self._growing.finish())
        if self._growing is not None:
            self._setter.more(len(text) - self._growing.chars, len(self._turns) - 1)
        self.settle()

    def finish(self, turn: int, record: TurnRecord, who: str = "") -> None:
        """The turn is over: what was not heard turns pale, a broken answer gets its mark.

        `who` answered, where it was not the one who was chosen.
        """
        if turn != self._live or not self._turns:
            return
        self.flush()
        live = self._turns[-1]
        live.state, live.heard, live.who = record.reply_state, record.heard_text, who
        self.quiet()
        if self._growing:
            self._mark_ending(live, self._growing.start)
        self._end_live()
        is_long = len(self._turns) - self._first > _MOST_TURNS
        if is_long:
            self._first = len(self._turns) - _TURNS_AT_ONCE
        if is_long or who:
            self.rebuild(is_above_other=is_long)
        self.settle()

    def quiet(self) -> None:
        """Nothing is being spoken any more."""
        self._sounding.end()
        self._repaint_spans()

    # -- writing --------------------------------------------------------------------------------------------

    def rebuild(self, *, is_above_other: bool = False) -> None:
        """Writes the page anew: another look, a changed word; with `is_above_other` earlier turns come or go.

        What sounds now is in view again, or else the words that were uppermost.
        """
        uppermost, offset = self.seen
        uppermost -= self._setter.end if is_above_other else 0
        self.setUpdatesEnabled(False)
        self._sounding.find(None, "")  # for the moment it stands nowhere
        self._setter.begin_page()
        self._said_from, self._growing = 0, None
        self._starts.clear()
        if self._title:
            self._setter.heading(self._title)
        if self._first:
            self._setter.link(tr("Show {first} earlier", first=min(self._first, _TURNS_AT_ONCE)), EARLIER)
        for place in range(self._first, len(self._turns)):
            self._write_turn(place)
        self._tentative_from = self._setter.end
        if self._live is not None:
            self._sounding.find(self._growing, self._turns[-1].told)
        self._repaint_spans()
        self.settle()
        self.see(uppermost + (self._setter.end if is_above_other else 0), offset)
        self.setUpdatesEnabled(True)

    def _write_turn(self, place: int) -> None:
        turn = self._turns[place]
        is_live = self._live is not None and place == len(self._turns) - 1
        said_from = 0
        if turn.said:
            self._setter.caption(tr("You"), turn.said_at, first=self.document().isEmpty())
            said_from = self._starts[place, False] = self._setter.begin("said")
            self._setter.write_long("said", turn.said, turn.pieces, place)
        if is_live:
            self._said_from = said_from
        if turn.told and is_live:
            self._grow(turn)
            if turn.state is not None and self._growing is not None:
                self._growing.finish()
                self._setter.more(len(turn.told) - self._growing.chars, place)
        elif turn.told:
            self._setter.caption(turn.teller, turn.told_at, first=self.document().isEmpty())
            told_from = self._starts[place, True] = self._setter.begin("told")
            self._setter.write_long("told", turn.told, turn.pieces, place)
            self._mark_ending(turn, told_from)

    def _open_said(self, live: ShownTurn) -> None:
        if not self._said_from:
            self._setter.caption(tr("You"), live.said_at, first=self.document().isEmpty())
            self._said_from = self._setter.begin("said")

    def _rewrite_told(self, live: ShownTurn) -> None:
        """The answer is not what was streamed, or only its end says what its beginning means."""
        growing = self._begin_told(live)
        growing.set_whole(
            live.told[: shown_end(live.told, SHOWN_CHARS * live.pieces, SHOWN_SIGNS * live.pieces)]
        )
        self._sounding.find(growing, live.told)
        self._repaint_spans()

    def _mark_ending(self, turn: ShownTurn, told_from: int) -> None:
        if turn.state is ReplyState.INTERRUPTED:
            self._setter.fade(self._end_of_heard(turn, told_from), self._setter.end)
        self._setter.ending(turn.state)

    def _end_of_heard(self, turn: ShownTurn, told_from: int) -> int:
        if not turn.heard.strip():
            return told_from
        return place_of(self._setter, told_from, turn.told, 0, len(turn.heard))[1]

    # -- the live turn's places -----------------------------------------------------------------------------

    def _begin_live(self, turn: int) -> ShownTurn | None:
        """The turn of this number, begun if it is new; None for one that is over."""
        if self._live == turn:
            return self._turns[-1]
        if self._live is not None and turn < self._live:
            return None
        if self._live is not None and not self._turns[-1].is_sent:  # what was heard of it goes on in this one
            self.discard(self._live)
        self._end_live()
        self._live, self._last_now = turn, None
        self._turns.append(ShownTurn())
        return self._turns[-1]

    def _end_live(self) -> None:
        self.flush()
        self._live = None
        self._said_from, self._growing = 0, None
        self._sounding.end()
        self._tentative_from = self._setter.end
        self._repaint_spans()

    def _repaint_spans(self) -> None:
        end = self._setter.end
        spans: list[tuple[int, int, QTextCharFormat]] = []
        pale = QTextCharFormat()
        pale.setForeground(self._look.colour("faint"))
        if self._said_from and self._growing is None and self._tentative_from < end:
            spans.append((self._tentative_from, end, pale))
        if self._found:
            found = QTextCharFormat()
            found.setBackground(self._look.colour("accent_soft"))
            spans.append((*self._found, found))
        spans += self._sounding.marks()
        selections = []
        for start, stop, style in spans:
            selection = QTextEdit.ExtraSelection()
            selection.cursor = self._setter.span(start, stop)
            selection.format = style
            selections.append(selection)
        self.setExtraSelections(selections)

    def _anchor_clicked(self, url: QUrl) -> None:
        address = url.toString(QUrl.ComponentFormattingOption.FullyEncoded)
        if address == EARLIER:
            self._first = max(0, self._first - _TURNS_AT_ONCE)
            self.rebuild(is_above_other=True)
        elif address.startswith(f"{MORE}/"):
            self._turns[int(address.rsplit("/", 1)[1])].pieces += 1
            self.rebuild()
        else:
            self.link_followed.emit(address)
