"""What is done with a reflection of the journal, and how it is undone. Main thread.

Everything that fails is said in a sentence, and nothing has changed then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from companion.errors import CompanionError
from companion.gui.announce import announce
from companion.gui.host import WindowHost
from companion.gui.journal import paper
from companion.gui.journal.editor import Edited
from companion.gui.journal.lines import title_of
from companion.gui.journal.list import ReflectionList
from companion.gui.journal.reader import Reader
from companion.gui.journal.side import UNDO
from companion.language import tr, trn
from companion.records import Selection, SessionRecord

Begin = Callable[[str, Coroutine[Any, Any, None]], None]
Say = Callable[..., None]


class Deeds(QObject):
    """One per page.

    Args:
        begin: starts work of a kind, instead of the work of that kind that is under way.
        say: a sentence, with a button and what it does.
    """

    changed = Signal()
    """The journal is not as it is shown any more."""
    returned = Signal(int)
    """This reflection is as it was, and is to be shown; `changed` comes after it."""
    talk_wanted = Signal()
    editor_wanted = Signal(object)
    export_wanted = Signal(object)
    import_wanted = Signal()

    def __init__(
        self,
        host: WindowHost,
        reader: Reader,
        list_: ReflectionList,
        page: QWidget,
        *,
        begin: Begin,
        say: Say,
    ) -> None:
        super().__init__(page)
        self._host, self._desk = host, host.journal_desk
        self._reader, self._list, self._page = reader, list_, page
        self._begin, self._say = begin, say

    def do(self, word: str) -> None:
        session = self._reader.session
        if session is None:
            return
        match word:
            case "go on":
                self._begin("do", self._go_on(session))
            case "edit":
                self.editor_wanted.emit(session)
            case "export":
                chosen = frozenset(self._list.chosen) or frozenset({session.id})
                title = (
                    tr("“{quote}”", quote=title_of(session))
                    if len(chosen) == 1
                    else trn("{n} reflection", "{n} reflections", len(chosen))
                )
                self.export_wanted.emit((Selection(ids=chosen), title))
            case "import":
                self.import_wanted.emit()
            case "star":
                self.change(self._desk.star(session.id, not session.is_starred))
            case "copy":
                QGuiApplication.clipboard().setText(paper.as_text(session, self._reader.turns))
                announce(self._page, tr("Copied"))
            case "print":
                self._ask_for_pdf(session)
            case "read":
                self._read_aloud()
            case "merge":
                self._begin("do", self._merge(session))
            case "delete":
                self.delete()
            case "restore":
                self.change(self._desk.restore(self._list.chosen or [session.id]))
            case "delete for good":
                self._begin("do", self._ask_for_good(self._list.chosen or [session.id]))

    def delete(self) -> None:
        """Those that are chosen; what was deleted already goes for good."""
        numbers = self._list.chosen
        is_gone = self._reader.session is not None and self._reader.session.deleted_at is not None
        if numbers and not is_gone:
            text = trn(
                "Deleted {n} reflection. It can be brought back for seven days.",
                "Deleted {n} reflections. They can be brought back for seven days.",
                len(numbers),
            )
            self._begin("do", self.undoable(lambda: self._desk.delete(numbers), text))

    async def undoable(self, work: Callable[[], Awaitable[int]], text: str) -> None:
        try:
            token = await work()
        except CompanionError as error:
            self._say(f"{error.message} {error.hint}")
            return
        shown = self._reader.session
        self._say(text, UNDO, lambda: self.change(self._desk.undo(token), shown))
        self.changed.emit()

    def change(self, work: Coroutine[Any, Any, object], back_to: SessionRecord | None = None) -> None:
        async def change() -> None:
            if await self.try_(work):
                if back_to is not None:
                    self.returned.emit(back_to.id)
                self.changed.emit()

        self._begin("do", change())

    async def try_(self, work: Coroutine[Any, Any, object]) -> bool:
        """Whether it was done; what kept it from that is said below the list."""
        try:
            await work
        except CompanionError as error:
            self._say(f"{error.message} {error.hint}".strip())
            return False
        return True

    async def _go_on(self, session: SessionRecord) -> None:
        if await self.try_(self._desk.go_on(session.id)):
            self.talk_wanted.emit()

    async def _merge(self, session: SessionRecord) -> None:
        numbers = [number for number in self._list.chosen if number != session.id]
        if not numbers:
            try:
                before = await self._desk.page((session.started_at, session.id), 1)
            except CompanionError as error:
                self._say(f"{error.message} {error.hint}")
                return
            if not before:
                self._say(tr("There is no reflection before this one."))
                return
            await self.undoable(lambda: self._desk.merge(before[0].id, [session.id]), tr("Merged into one."))
            return
        await self.undoable(lambda: self._desk.merge(session.id, numbers), tr("Merged into one."))

    async def _ask_for_good(self, numbers: list[int]) -> None:
        """Says where copies remain, and deletes at the second press."""
        try:
            where = await self._desk.copies_in_words(numbers)
        except CompanionError as error:
            self._say(f"{error.message} {error.hint}")
            return
        goes = trn("This reflection goes for good.", "{n} reflections go for good.", len(numbers))
        self._say(
            f"{goes} {where}".strip(),
            tr("Delete for good"),
            lambda: self.change(self._desk.delete_for_good(numbers)),
        )

    def _ask_for_pdf(self, session: SessionRecord) -> None:
        dialog = QFileDialog(self._page, tr("Print to PDF"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("PDF (*.pdf)")
        dialog.setDefaultSuffix("pdf")
        dialog.selectFile(
            "".join(c for c in title_of(session)[:60] if c.isalnum() or c in " -") or "reflection"
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.print_to)
        dialog.open()

    def print_to(self, path: str) -> None:
        """Writes the reflection that is shown as a PDF."""
        session = self._reader.session
        if session is None:
            return
        try:
            paper.print_pdf(Path(path), session, self._reader.turns)
        except CompanionError as error:
            self._say(f"{error.message} {error.hint}")
            return
        self._say(tr("Printed to {name}.", name=Path(path).name))

    def _read_aloud(self) -> None:
        if self._reader.sounds:
            self._host.recovery.stop_playing()
            return
        words = [
            text for turn in self._reader.turns for text in (turn.user_text, turn.reply_text) if text.strip()
        ]
        self._begin("sound", self._sound("read", lambda: self._desk.read_aloud("\n\n".join(words))))

    def hear(self, take_id: str) -> None:
        """Plays a kept recording; what sounded before stops."""
        self._begin("sound", self._sound("recording", lambda: self._host.recovery.play(take_id)))

    async def _sound(self, what: str, play: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._reader.sounds = what
        try:
            await self.try_(play())
        finally:
            self._reader.sounds = ""

    async def keep_now(self, edited: Edited, before: Edited | None = None) -> bool:
        """Whether it could be kept; to have it as it was `before` is offered then."""
        is_kept = await self.try_(self.keep(edited))
        if is_kept and before is not None:
            self._say(tr("What you put right is kept."), UNDO, lambda: self.change(self.keep(before)))
        return is_kept

    async def keep(self, edited: Edited) -> None:
        await self._desk.set_marks(
            edited.session.id,
            title=edited.title,
            tags=edited.tags,
            people=edited.people,
            mood_before=edited.mood_before,
            mood_after=edited.mood_after,
            mood_word=edited.mood_word,
        )
        for turn_id, text in edited.words:
            await self._desk.edit_words(turn_id, text)
