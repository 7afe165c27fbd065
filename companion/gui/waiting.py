"""Recordings whose words are not known yet: play one, have it heard again by the same or another recogniser, or let it go.

One row each, oldest first; everything is a button. What is discarded can be taken back for a moment. Main thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QMenu,
    QPushButton,
    QScrollArea,
    QWidget,
)

from companion import days
from companion.days import When
from companion.errors import CompanionError
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.host import WaitingTakes
from companion.gui.labels import label
from companion.language import mark, tr, trn
from companion.records import WaitingTake
from companion.tasks import spawn, stop

UNDO_MS = 10_000
"""How long a discarded row offers to take it back."""
_WHY = mark(
    "Companion closed too soon, or these could not be understood. "
    "They are kept, encrypted, until they are written down or you discard them."
)
_NONE = mark("No recordings are waiting.")
_NONE_HINT = mark("When one cannot be written down, it is kept here until it can be.")


def length_of(seconds: float) -> str:
    """ "42 s", "3 min 5 s"."""
    minutes, rest = divmod(max(1, round(seconds)), 60)
    return tr("{minutes} min {n} s", minutes=minutes, n=rest) if minutes else tr("{n} s", n=rest)


def name_of(take: WaitingTake) -> str:
    """Thursday 19 November, 21:05 · 42 s."""
    when = When.of(take.recorded_at, take.offset_s)
    return f"{when.day_in_words(days.now().day)}, {when.clock} · {length_of(take.seconds)}"


class WaitingPage(QWidget):
    """The list of waiting recordings."""

    heard_again = Signal()
    """One is being heard; its words appear where one talks."""
    changed = Signal()
    """There are more or fewer of them."""

    def __init__(self, takes: WaitingTakes, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._takes = takes
        self.rows: dict[str, TakeRow] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        column = in_column(inside=self, spacing=14, margins=(28, 20, 28, 20))
        self.heading = label("", "title", wraps=True)
        self.hint = label("", "soft", wraps=True)
        self.trouble = label("", "warn", wraps=True)
        self.trouble.hide()
        for part in (self.heading, self.hint, self.trouble):
            column.addWidget(part)
        inside = QWidget()
        inside.setProperty("scrolled", "true")
        self._list = in_column(inside=inside, spacing=10, margins=NONE)
        self._list.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setAccessibleName(tr("Recordings waiting to be written down"))
        area.setWidget(inside)
        column.addWidget(area, 1)
        self._show_heading()

    @property
    def count(self) -> int:
        """How many wait, without those just discarded."""
        return sum(not row.is_discarded for row in self.rows.values())

    async def refresh(self) -> None:
        """Reads the list again.

        Raises:
            CompanionError: the journal cannot be read.
        """
        takes, hearers = await self._takes.waiting(), await self._takes.hearers()
        self._show(takes, hearers)

    async def close_reading(self) -> None:
        """Ends what is under way."""
        self._takes.stop_playing()
        await stop(*self._tasks)

    def _show(self, takes: Sequence[WaitingTake], hearers: Mapping[str, str]) -> None:
        there = {take.id for take in takes}
        for take_id, row in tuple(self.rows.items()):
            if take_id not in there and not row.is_discarded:
                self._forget(take_id)
        for take in takes:
            if take.id not in self.rows:
                self.rows[take.id] = row = TakeRow(take)
                row.play.clicked.connect(lambda _=False, row=row: self._play(row))
                row.again.clicked.connect(lambda _=False, row=row: self._hear(row, ""))
                row.other_chosen.connect(lambda name, row=row: self._hear(row, name))
                row.discard.clicked.connect(lambda _=False, row=row: self._discard(row))
                row.undo.clicked.connect(lambda _=False, row=row: self._take_back(row))
                self._list.insertWidget(self._list.count() - 1, row)
            self.rows[take.id].offer(hearers)
        self._show_heading()

    def _show_heading(self) -> None:
        count = self.count
        text = trn(
            "{n} recording is waiting to be written down",
            "{n} recordings are waiting to be written down",
            count,
        )
        self.heading.setText(text if count else tr(_NONE))
        self.hint.setText(tr(_WHY) if count else tr(_NONE_HINT))

    # -- buttons --------------------------------------------------------------------------------------------

    def _play(self, row: TakeRow) -> None:
        if row.is_playing:
            self._takes.stop_playing()
        else:
            self._start(self._played(row))

    async def _played(self, row: TakeRow) -> None:
        row.show_playing(True)
        try:
            await self._takes.play(row.take.id)
        finally:
            row.show_playing(False)

    def _hear(self, row: TakeRow, provider: str) -> None:
        self._start(self._heard(row.take.id, provider))

    async def _heard(self, take_id: str, provider: str) -> None:
        await self._takes.hear(take_id, provider)
        self.heard_again.emit()

    def _discard(self, row: TakeRow) -> None:
        self._takes.discard(row.take.id)
        row.show_discarded(True)
        row.undo.setFocus(Qt.FocusReason.OtherFocusReason)
        announce(row, tr("Recording discarded. You can undo this for ten seconds."))
        QTimer.singleShot(UNDO_MS, row, lambda: self._gone(row))
        self._show_heading()
        self.changed.emit()

    def _take_back(self, row: TakeRow) -> None:
        if not self._takes.take_back(row.take.id):
            self._forget(row.take.id)
        else:
            row.show_discarded(False)
            row.play.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_heading()
        self.changed.emit()

    def _gone(self, row: TakeRow) -> None:
        if row.is_discarded:
            self._forget(row.take.id)
            self._show_heading()

    def _forget(self, take_id: str) -> None:
        row = self.rows.pop(take_id)
        self._list.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = spawn(self._guarded(work), name="waiting recording")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        self.trouble.hide()
        try:
            await work
        except CompanionError as error:
            self.trouble.setText(f"{error.message} {error.hint}".strip())
            self.trouble.show()
            announce(self, self.trouble.text())


class TakeRow(QFrame):
    """One recording: when and how long, and what can be done with it."""

    other_chosen = Signal(str)
    """Registered name of another recogniser."""

    def __init__(self, take: WaitingTake) -> None:
        super().__init__()
        self.take = take
        self.is_playing = self.is_discarded = False
        self.setProperty("card", "true")
        name = name_of(take)
        self.setAccessibleName(tr("Recording of {name}", name=name))
        column = in_column(inside=self, spacing=10, margins=(18, 13, 18, 14))
        self._name = label(name, "strong")
        column.addWidget(self._name)
        line = in_row(spacing=10)
        self.play = QPushButton(tr("Play"))
        self.again = QPushButton(tr("Hear again"))
        self.other = QPushButton(tr("Hear with …"))
        self.other.setMenu(QMenu(self.other))
        self.discard = QPushButton(tr("Discard"))
        self.undo = QPushButton(tr("Take it back"))
        for button, does in (
            (self.play, tr("Play")),
            (self.again, tr("Hear again")),
            (self.other, tr("Hear with another recogniser")),
            (self.discard, tr("Discard")),
            (self.undo, tr("Take back")),
        ):
            button.setAccessibleName(tr("{does}: recording of {name}", does=does, name=name))
            line.addWidget(button)
        line.addStretch(1)
        column.addLayout(line)
        self.show_discarded(False)

    def offer(self, hearers: Mapping[str, str]) -> None:
        """Who else can hear it: registered name -> label."""
        menu = self.other.menu()
        menu.clear()
        for name, words in hearers.items():
            action = QAction(words, menu)
            action.triggered.connect(lambda _=False, name=name: self.other_chosen.emit(name))
            menu.addAction(action)
        self.other.setVisible(bool(hearers) and not self.is_discarded)

    def show_playing(self, is_playing: bool) -> None:
        self.is_playing = is_playing
        self.play.setText(tr("Stop") if is_playing else tr("Play"))

    def show_discarded(self, is_discarded: bool) -> None:
        self.is_discarded = is_discarded
        self._name.setText(
            tr("Discarded: {name_of}", name_of=name_of(self.take)) if is_discarded else name_of(self.take)
        )
        for button in (self.play, self.again, self.other, self.discard):
            button.setVisible(not is_discarded)
        self.undo.setVisible(is_discarded)
