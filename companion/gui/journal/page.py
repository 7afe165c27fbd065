"""The journal page: search and list on the left, the chosen reflection or its editor on the right. Main thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import date
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from companion.errors import CompanionError
from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.host import WindowHost
from companion.gui.journal.deeds import Deeds
from companion.gui.journal.editor import Edited, Editor
from companion.gui.journal.filters import EVERYTHING
from companion.gui.journal.lines import when_of
from companion.gui.journal.list import HIT, NEWER, SESSION, WAITING, Index, ReflectionList, Reflections, Row
from companion.gui.journal.reader import Reader
from companion.gui.journal.side import Side
from companion.gui.labels import label
from companion.gui.theme import Look
from companion.gui.waiting import WaitingPage
from companion.language import tr, trn
from companion.records import Hit, Selection, SessionRecord
from companion.tasks import spawn, stop

PAGE = 100
_MOST_AGAIN = 1_000
"""So many rows are read again at once when something has changed."""


class JournalPage(QWidget):
    """List on the left, the chosen reflection on the right."""

    talk_wanted = Signal()
    link_followed = Signal(str)
    export_wanted = Signal(object)
    """A `Selection` and what it is called."""
    import_wanted = Signal()

    def __init__(self, look: Look, host: WindowHost, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._host, self._desk = look, host, host.journal_desk
        titles = {practice.name: practice.title for practice in host.practices()}
        self._shown: int | None = None
        self._is_sought = False
        """The search is to have the focus once there is a list."""
        self._wanted_day: date | None = None
        self._from_day: date | None = None
        self._from: tuple[float, int] | None = None
        """Before what the list begins when it is read again."""
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self.setProperty("page", "true")
        self.setAccessibleName(tr("Journal"))
        self.setProperty("help", "journal")
        self.model = Reflections(titles, self)
        self.list = ReflectionList(look, self.model)
        self.side = Side(look, titles, self.list)
        self.reader = Reader(look, titles)
        self.header, self.script = self.reader.header, self.reader.script
        self.editor = Editor(look)
        self.deeds = Deeds(host, self.reader, self.list, self, begin=self._begin, say=self.side.say)
        self.message = label("", "soft", wraps=True)
        self.start, self.bring_first = (
            QPushButton(tr("Start a reflection")),
            QPushButton(tr("Bring in another journal")),
        )
        self.waiting = WaitingPage(host.recovery)
        self._sides, self._pages = QStackedWidget(), QStackedWidget()
        self._set_up()

    # -- what others ask ------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Reads the list again, keeping the chosen reflection."""
        self._begin("list", self._refresh())

    def show_day(self, day: date) -> None:
        """Turns to the newest reflection of that day."""
        self.side.leave_search()
        self._wanted_day = day
        self.refresh()

    def show_waiting(self) -> None:
        """Turns to the recordings that wait for their words, where there are any."""
        self._shown = WAITING
        self.refresh()

    def look_for(self) -> None:
        """The search has the focus, with what was looked for last: as soon as there is a list."""
        if self._pages.currentIndex():
            self.side.take_focus()
        else:
            self._is_sought = True

    def escape(self) -> bool:
        """Leaves the editor, the search or the filter, one at a time; False: there was nothing to leave."""
        if self.editor.is_open:
            self._leave_editor()
        elif not self.side.is_plain:
            self.side.leave_search()
            self.refresh()
        else:
            return False
        return True

    def begin_anew(self) -> None:
        """Another journal is open: nothing of the one before stays on the page, nor what could be undone in it."""
        self.editor.close_form()
        self._sides.setCurrentWidget(self.reader)
        self.side.leave_search()
        self.side.said.hide()
        self._shown = self._from_day = None
        self.model.begin()
        self.reader.clear()
        if self.isVisible():
            self.refresh()

    async def keep_edited(self) -> None:
        """What is being put right is kept as it stands."""
        if (keeping := self._tasks.get("keep")) is not None:
            await asyncio.wait([keeping])
        if (edited := self.editor.edited()) is not None:
            await self.deeds.keep_now(edited)

    async def close_reading(self) -> None:
        """Keeps what is being put right and ends what is under way."""
        await self.keep_edited()
        await self.waiting.close_reading()
        await stop(*self._tasks.values())

    # -- reading the list -----------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        if self.side.typed.strip():
            await self._search(is_whole=True)
            return
        selection, shown = self.side.filter.selection, self._shown
        loaded = min(max(PAGE, len(self.model.sessions)), _MOST_AGAIN)
        first: list[Row] = []
        before: tuple[float, int] | None = None
        if self._wanted_day is None and (above := self.model.above(shown, _MOST_AGAIN)) is not None:
            self._from_day, self._from = when_of(above).day, (above.started_at, above.id + 1)
        try:
            await self.waiting.refresh()
            if self._wanted_day is not None:
                day, self._wanted_day = self._wanted_day, None
                on_it = await self._desk.page(None, 1, Selection(first_day=day, last_day=day))
                if on_it:
                    shown, self._from_day = on_it[0].id, day
                    before = (on_it[0].started_at, on_it[0].id + 1)
            elif self._from_day is not None and self._from is not None:
                before, self._from = self._from, None
            elif self._from_day is not None and self.model.first.isValid():
                newest = self.model.sessions[self.model.first.data(SESSION)]
                before = (newest.started_at, newest.id + 1)
            sessions = await self._desk.page(before, loaded, selection)
            for kind in ("tag", "person"):
                self.side.filter.know(kind, await self._desk.labels(kind))
        except CompanionError as error:
            self._explain(error.message, error.hint)
            return
        self._from_day = self._from_day if before is not None else None
        if not self._is_empty(sessions):
            self._turn(self.list)
            if self.waiting.count or shown == WAITING:
                first.append(self._waiting_row())
            if before is not None:
                first.append(
                    Row(
                        tr("Show the newest"),
                        tr("reflections after this day"),
                        NEWER,
                        spoken=tr("Show the newest reflections"),
                    )
                )
            selected = self.list.selectionModel()
            selected.blockSignals(True)
            place = self.list.place(shown)
            self.model.begin(first)
            self.model.add(sessions, is_last=len(sessions) < loaded)
            self.list.choose(shown, place)
            selected.blockSignals(False)
            self._chosen(self.list.currentIndex())

    def _is_empty(self, sessions: object) -> bool:
        if sessions or self.waiting.count or (self._shown == WAITING and self.waiting.rows):
            return False
        if self.side.filter.selection != EVERYTHING:
            self._turn(self.list)
            self.model.begin([Row(tr("Nothing here fits"), "")])
            self.reader.clear()
            return True
        self._explain(
            tr("Nothing here yet"),
            tr(
                "Each reflection is kept here, encrypted on this computer, as soon as you have said something."
            ),
            is_new=True,
        )
        return True

    async def _more(self) -> None:
        """The next page."""
        if not self.model.sessions:
            return
        last = list(self.model.sessions.values())[-1]
        try:
            sessions = await self._desk.page((last.started_at, last.id), PAGE, self.side.filter.selection)
        except CompanionError:  # it is told when the page is opened again
            self.model.is_whole = True
            return
        self.model.add(sessions, is_last=len(sessions) < PAGE)

    async def _search(self, *, is_whole: bool) -> None:
        typed, selection = self.side.typed, self.side.filter.selection
        if not typed.strip():
            return
        try:
            hits = await (self._desk.search if is_whole else self._desk.words)(typed, selection)
            numbers = frozenset(hit.session_id for hit in hits)
            found = (
                await self._desk.page(None, max(1, len(numbers)), replace(selection, ids=numbers))
                if numbers
                else ()
            )
        except CompanionError as error:
            self._explain(error.message, error.hint)
            return
        if typed != self.side.typed:
            return
        self._turn(self.list)
        self._show_found(hits, {session.id: session for session in found}, is_whole=is_whole)

    def _show_found(self, hits: Any, found: dict[int, SessionRecord], *, is_whole: bool) -> None:
        selected = self.list.selectionModel()
        selected.blockSignals(True)
        place = self.list.place(self._shown)
        self.model.show_hits(hits, found)
        if not found:
            self.model.begin([Row(tr("Nothing was found") if is_whole else "…")])
        self.list.choose(self._shown, place)
        selected.blockSignals(False)
        if found:
            self._chosen(self.list.currentIndex())
        elif is_whole:
            self.reader.clear()
        if is_whole:
            announce(self, trn("{n} found", "{n} found", len(found)) if found else tr("Nothing was found"))

    def _return_to(self, number: int) -> None:
        self._shown = number

    def _waiting_row(self) -> Row:
        count = self.waiting.count
        detail = trn("{n} without words yet", "{n} without words yet", count) if count else tr("none")
        title = tr("Waiting recordings")
        return Row(title, detail, WAITING, spoken=f"{title}, {detail}")

    # -- reading one ----------------------------------------------------------------------------------------

    def _chosen(self, index: Index, _before: object = None) -> None:
        number = index.data(SESSION) if index.isValid() else None
        if number == NEWER:
            self._from_day, self._shown = None, None
            self.model.begin()
            self.refresh()
            return
        if number == WAITING:
            self._shown = WAITING
            self._sides.setCurrentWidget(self.waiting)
            return
        session = self.model.sessions.get(number or 0)
        if session is None or (self.editor.is_open and number == self._shown):
            return
        if (edited := self.editor.edited()) is not None:
            self._begin("keep", self.deeds.keep_now(edited))
            self.editor.close_form()
        self._sides.setCurrentWidget(self.reader)
        self._begin("read", self._read(session, index.data(HIT)))

    async def _read(self, session: SessionRecord, hit: Hit | None) -> None:
        try:
            turns = await self._desk.turns(session.id)
        except CompanionError as error:
            self._explain(error.message, error.hint)
            return
        self._shown = session.id
        self.reader.show_reflection(session, turns)
        if hit is not None:
            self.reader.show_hit(hit)

    def _explain(self, sentence: str, hint: str, *, is_new: bool = False) -> None:
        self._sentence.setText(sentence)
        self.message.setText(hint)
        self._picture.show()
        self.start.show()
        self.bring_first.setVisible(is_new)
        self._turn(self.start)

    def _turn(self, first: QWidget) -> None:
        """The empty page, or the list: the one `first` is on. A focus that goes out of sight is there then."""
        focus, page = QApplication.focusWidget(), 1 if first is self.list else 0
        is_gone = focus is not None and self._pages.currentIndex() != page and self.isAncestorOf(focus)
        self._pages.setCurrentIndex(page)
        if page and self._is_sought:
            self.side.take_focus()
        elif self.isVisible() and (is_gone or focus in (None, self)):
            first.setFocus(Qt.FocusReason.OtherFocusReason)
        self._is_sought = False

    # -- putting it right -----------------------------------------------------------------------------------

    async def _open_editor(self, session: SessionRecord) -> None:
        try:
            tags, people = await self._desk.labels("tag"), await self._desk.labels("person")
        except CompanionError as error:
            self.side.say(f"{error.message} {error.hint}")
            return
        self._sides.setCurrentWidget(self.editor)
        self.editor.open(session, self.reader.turns, tags=tags, people=people)

    def _leave_editor(self) -> None:
        """What was put right is kept as it stands, and can be taken back."""
        if (changed := self.editor.changed()) is None:
            self._close_editor()
        else:
            self._begin("keep", self._keep_and_close(*changed))

    async def _keep_and_close(self, edited: Edited, before: Edited | None = None) -> None:
        """The form stays open where nothing was kept, or where something else stands in it by now."""
        if await self.deeds.keep_now(edited, before):
            if self.editor.edited() == edited:
                self._close_editor()
            self.refresh()

    def _delete_turn(self, turn_id: int) -> None:
        changed = self.editor.changed()
        self._close_editor()

        async def delete() -> int:
            if changed is not None:
                await self.deeds.keep(changed[0])
            return await self._desk.delete_turn(turn_id)

        text = tr("Deleted what was said then. It can be brought back for seven days.")
        self._begin("do", self.deeds.undoable(delete, text))

    def _close_editor(self) -> None:
        self.editor.close_form()
        self._sides.setCurrentWidget(self.reader)
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _filtered(self) -> None:
        self._from_day = None
        self.model.begin()
        self.refresh()

    # -- building -------------------------------------------------------------------------------------------

    def _begin(self, what: str, work: Coroutine[Any, Any, object]) -> None:
        """One piece of work of each kind at a time: the newest wish is the one."""
        if (before := self._tasks.get(what)) is not None and what != "keep":
            before.cancel()
        self._tasks[what] = spawn(work, name=f"journal page: {what}")

    def _set_up(self) -> None:
        side = self.side
        self.list.selectionModel().currentChanged.connect(self._chosen)
        self.model.wanted.connect(lambda: self._begin("more", self._more()))
        side.words_wanted.connect(lambda: self._begin("search", self._search(is_whole=False)))
        side.meaning_wanted.connect(lambda: self._begin("search", self._search(is_whole=True)))
        side.cleared.connect(self.refresh)
        side.filtered.connect(self._filtered)
        side.escaped.connect(self.escape)
        self.reader.wanted.connect(self.deeds.do)
        self.reader.sound_wanted.connect(self.deeds.hear)
        self.reader.link_followed.connect(self.link_followed)
        self.deeds.returned.connect(self._return_to)
        self.deeds.changed.connect(self.refresh)
        self.deeds.talk_wanted.connect(self.talk_wanted)
        self.deeds.export_wanted.connect(self.export_wanted)
        self.deeds.import_wanted.connect(self.import_wanted)
        self.deeds.editor_wanted.connect(lambda session: self._begin("do", self._open_editor(session)))
        self.editor.saved.connect(lambda edited: self._begin("keep", self._keep_and_close(edited)))
        self.editor.cancelled.connect(self._close_editor)
        self.editor.turn_deleted.connect(self._delete_turn)
        self.waiting.heard_again.connect(self.talk_wanted)
        self.waiting.changed.connect(self.refresh)
        here = Qt.ShortcutContext.WidgetWithChildrenShortcut
        for keys, do in (
            ("Ctrl+F", self.look_for),
            ("Ctrl+E", lambda: self.deeds.do("edit")),
            ("Ctrl+P", lambda: self.deeds.do("print")),
            ("Ctrl+Shift+C", lambda: self.deeds.do("copy")),
            ("Ctrl+Z", side.take_back),
        ):
            QShortcut(QKeySequence(keys), self, context=here).activated.connect(do)
        QShortcut(
            QKeySequence("Del"), self.list, context=Qt.ShortcutContext.WidgetShortcut
        ).activated.connect(self.deeds.delete)
        row = in_row(inside=self, margins=NONE)
        self._pages.addWidget(self._empty_page())
        self._pages.addWidget(self._reading_page())
        row.addWidget(self._pages)
        self._look.changed.connect(self._dress)
        self._dress()
        self.reader.clear()

    def _empty_page(self) -> QWidget:
        page = QWidget()
        column = in_column(inside=page, spacing=12)
        self._picture = QLabel()
        self._sentence = label("", "title", wraps=True)
        middle = Qt.AlignmentFlag.AlignHCenter
        for words in (self._sentence, self.message):
            words.setAlignment(middle)
        column.addStretch(3)
        column.addWidget(self._picture, 0, middle)
        column.addWidget(self._sentence)
        row = QHBoxLayout()  # in a row of its own a label grows with its lines; aligned, it would be cut
        row.addStretch(1)
        row.addWidget(self.message)
        row.addStretch(1)
        column.addLayout(row)
        column.addSpacing(10)
        self.start.clicked.connect(self.talk_wanted)
        self.bring_first.clicked.connect(self.import_wanted)
        column.addWidget(self.start, 0, middle)
        column.addWidget(self.bring_first, 0, middle)
        column.addStretch(4)
        for part in (self._picture, self.start, self.bring_first):
            part.hide()  # until it is known that there is nothing else to show
        return page

    def _reading_page(self) -> QWidget:
        page = QWidget()
        row = in_row(inside=page, spacing=0, margins=NONE)
        for side in (self.reader, self.editor, self.waiting):
            self._sides.addWidget(side)
        row.addWidget(self.side, 39)  # per cent, where that is less than it may have
        row.addWidget(self._sides, 61)
        return page

    def _dress(self) -> None:
        self.message.setFixedWidth(self._look.px(460))
        self._picture.setPixmap(
            icons.pixmap("book", self._look.colour("accent"), 34, self.devicePixelRatioF())
        )
