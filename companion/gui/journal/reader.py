"""The chosen reflection: when and what it was, its words, its marks, and what can be done with it. Main thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QMenu,
    QPushButton,
    QToolButton,
    QWidget,
)

from companion.days import When
from companion.flow import TurnRecord
from companion.gui import icons
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.journal.lines import day_of, minutes_of, title_of, when_of
from companion.gui.labels import label
from companion.gui.settings.chips import FlowLayout
from companion.gui.theme import Look
from companion.gui.transcript import Script
from companion.kinds import mood_name
from companion.language import mark, tr
from companion.records import Hit, SessionRecord, SoundSide

_COLUMN_PX = 660
_ICON_PX = 20
_STOP = {"read": mark("Stop reading"), "recording": mark("Stop the recording")}
_SIDE_BY_SIDE = 110
"""Up to so many per cent of the usual size the date and the buttons fit into one line."""


class Reader(QWidget):
    """Shows one reflection. What the person wants done with it is a signal's word."""

    wanted = Signal(str)
    """ "go on", "edit", "export", "star", "copy", "print", "read", "merge", "import", "delete", "restore" ..."""
    sound_wanted = Signal(str)
    """A kept recording, by its take."""
    link_followed = Signal(str)

    def __init__(self, look: Look, titles: Mapping[str, str]) -> None:
        super().__init__()
        self._look, self._titles = look, titles
        self.session: SessionRecord | None = None
        self.turns: Sequence[TurnRecord] = ()
        self.header = label("", "soft", wraps=True)
        self.header.setProperty("role", "heading")
        self.script = Script(look, from_below=False)
        self.script.setAccessibleName(tr("A kept reflection"))
        self.script.link_followed.connect(self.link_followed)
        self.go_on, self.edit, self.export = (
            QPushButton(tr("Continue")),
            QPushButton(tr("Edit")),
            QPushButton(tr("Export")),
        )
        self.restore, self.remove = QPushButton(tr("Restore")), QPushButton(tr("Delete for good"))
        for button, word, tip in (
            (self.go_on, "go on", tr("Go on talking in this reflection")),
            (self.edit, "edit", tr("Put words, title, moods and tags right (Ctrl+E)")),
            (self.export, "export", tr("Save it as a file")),
            (self.restore, "restore", tr("Bring it back into the journal")),
            (self.remove, "delete for good", tr("It cannot be brought back after that")),
        ):
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, word=word: self.wanted.emit(word))
        self.more = QToolButton()
        self.more.setAccessibleName(tr("More for this reflection"))
        self.more.setToolTip(tr("More"))
        self.more.setProperty("tone", "plain")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(QMenu(self.more))
        self.more.menu().aboutToShow.connect(self._fill)
        self.sounds = ""
        """What is heard now: "read" aloud, or a "recording"."""
        self._marks = QFrame()
        self._marks.setProperty("card", "true")
        self._build()
        look.changed.connect(self._dress)
        self._dress()

    def _build(self) -> None:
        self.top = QWidget()
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight, self.top)
        self._top.setContentsMargins(28, 12, 20, 0)
        self._top.setSpacing(10)
        self._top.addWidget(self.header, 1)
        row = FlowLayout(at_end=True)
        for part in (self.go_on, self.edit, self.export, self.restore, self.remove, self.more):
            row.addWidget(part)
        self._top.addLayout(row)
        column = in_column(self.top, inside=self, spacing=12, margins=NONE)
        column.addWidget(self.script, 1)
        inside = in_column(inside=self._marks, margins=(18, 12, 14, 12))
        self._marks_row = FlowLayout()
        inside.addLayout(self._marks_row)
        below = in_row(margins=(28, 0, 28, 22))
        below.addStretch(1)
        below.addWidget(self._marks, 100)
        below.addStretch(1)
        column.addLayout(below)

    def show_reflection(self, session: SessionRecord, turns: Sequence[TurnRecord]) -> None:
        """From its beginning; the same one again stays where it was read."""
        bar = self.script.verticalScrollBar()
        place = bar.value() if self.session is not None and self.session.id == session.id else 0
        self.session, self.turns = session, turns
        practice = self._titles.get(session.practice, session.practice)
        self.header.setText(
            f"{day_of(session)} · {when_of(session).clock} · {practice} · {minutes_of(session)}"
        )
        self.script.show_turns(turns, title=title_of(session))
        bar.setValue(place)
        is_gone = session.deleted_at is not None
        for button in (self.go_on, self.edit, self.export, self.more):
            button.setVisible(not is_gone)
        for button in (self.restore, self.remove):
            button.setVisible(is_gone)
        self._show_marks(session)

    def show_hit(self, hit: Hit) -> None:
        """Where the passage was said, or answered."""
        for place, turn in enumerate(self.turns):
            if turn.id == hit.turn_id:
                words = hit.passage.strip("… ")
                self.script.show_passage(
                    words, place, is_answer=hit.is_answer, end=hit.begin + len(hit.passage)
                )

    def clear(self) -> None:
        self.session, self.turns = None, ()
        self.header.setText("")
        self.script.forget()
        for part in (self.go_on, self.edit, self.export, self.more, self.restore, self.remove, self._marks):
            part.hide()

    def _show_marks(self, session: SessionRecord) -> None:
        while (item := self._marks_row.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        marks = [mood_name(mark) for mark in (session.mood_before, session.mood_after) if mark is not None]
        if marks:
            self._marks_row.addWidget(label(tr("Mood"), "soft"))
            for at, mark in enumerate(dict.fromkeys(marks)):
                if at:
                    self._marks_row.addWidget(label("→", "soft"))
                self._marks_row.addWidget(label(mark, "strong"))
            if session.mood_word:
                self._marks_row.addWidget(label(tr("“{quote}”", quote=session.mood_word), "soft"))
        for name in (*session.tags, *session.people):
            self._marks_row.addWidget(label(name, "chip"))
        self._marks.setVisible(bool(marks or session.tags or session.people))

    # -- more -----------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        menu, session = self.more.menu(), self.session
        menu.clear()
        if session is None:
            return
        for text, word, keys in (
            (tr("Remove the star") if session.is_starred else tr("Star"), "star", ""),
            (tr("Copy"), "copy", "Ctrl+Shift+C"),
            (tr("Print to PDF …"), "print", "Ctrl+P"),
            (tr(_STOP.get(self.sounds, mark("Read it aloud"))), "read", ""),
        ):
            self._entry(menu, text, word, keys)
        sounds = [(turn, sound) for turn in self.turns for sound in turn.sounds]
        if sounds:
            recordings = menu.addMenu(tr("Hear a recording"))
            for turn, sound in sounds:
                who = tr("What you said") if sound.side is SoundSide.SAID else tr("The answer")
                text = f"{who} · {When.of(turn.at, turn.offset_s).clock} · {tr('{n} s', n=max(1, round(sound.seconds)))}"
                entry = recordings.addAction(text)
                entry.triggered.connect(lambda _=False, take=sound.take_id: self.sound_wanted.emit(take))
        menu.addSeparator()
        self._entry(menu, tr("Bring in another journal …"), "import", "")
        menu.addSeparator()
        self._entry(menu, tr("Merge with the one before it"), "merge", "")
        self._entry(menu, tr("Delete"), "delete", "Del")

    def _entry(self, menu: QMenu, text: str, word: str, keys: str) -> None:
        entry = menu.addAction(f"{text}\t{keys}" if keys else text)
        entry.triggered.connect(lambda _=False: self.wanted.emit(word))

    def _dress(self) -> None:
        is_large = self._look.px(100) > _SIDE_BY_SIDE
        directions = QBoxLayout.Direction
        self._top.setDirection(directions.TopToBottom if is_large else directions.LeftToRight)
        side = self._look.px(_ICON_PX)
        self.more.setIcon(icons.icon("more", self._look.colour("soft"), side))
        self.more.setIconSize(QSize(side, side))
        self._marks.setMaximumWidth(self._look.px(_COLUMN_PX))
