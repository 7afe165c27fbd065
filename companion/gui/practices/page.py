"""The page of practices: all of them on the left, on the right the chosen one, or the editor of one's own. Main thread.

What is written is saved by itself after a short pause and when the page is left; what has faults is kept as a draft.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from companion.errors import CompanionError
from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.host import PracticeShelf, Shelved
from companion.gui.labels import label, tip
from companion.gui.practices.editor import NEW, PracticeEditor
from companion.gui.practices.preview import PracticePreview
from companion.gui.settings.chips import FlowLayout
from companion.gui.theme import Look
from companion.language import tr
from companion.practices import Practice
from companion.tasks import spawn

_LIST_PX, _LIST_SHARE = 310, 0.36
"""Width of the list, and the most of the page it takes."""
_WIDE_PX = 820
"""From this width on there is room for the list beside the editor."""
_ITEM_PX, _HEADING_PX = 36, 34
SAVE_AFTER_S = 0.7
_NAME = Qt.ItemDataRole.UserRole


class PracticesPage(QWidget):
    """One per window, made when it is first shown."""

    practice_chosen = Signal(str)
    """A session of it is to begin."""

    def __init__(self, look: Look, shelf: PracticeShelf, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._shelf = look, shelf
        self._entries: dict[str, Shelved] = {}
        self._editing: str | None = None
        """Name of the practice in the editor, empty for a new one; None: nothing is edited."""
        self._before: Practice = NEW
        self._undo: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._one_at_a_time = asyncio.Lock()
        self.setProperty("page", "true")
        self.setProperty("help", "practices")
        self.list = QListWidget()
        self.new = QPushButton(tr("New"))
        self.new.setAccessibleName(tr("New practice"))
        self.preview, self.editor = PracticePreview(look), PracticeEditor(look)
        self.begin, self.edit, self.copy = (
            QPushButton(words) for words in (tr("Begin"), tr("Edit"), tr("Duplicate"))
        )
        self.delete, self.look_at, self.done = (
            QPushButton(words) for words in (tr("Delete"), tr("Preview"), tr("Done"))
        )
        self.take_back = QPushButton(tr("Undo all changes"))
        self.undo = QPushButton(tr("Undo"))
        self.message = label("", "small", wraps=True)
        self._side, self._sides = QWidget(), QStackedWidget()
        self._waiting: asyncio.Task[None] | None = None
        """A short pause after the last change, before it is saved."""
        self._build()
        self._connect()

    # -- what the window asks -------------------------------------------------------------------------------

    def refresh(self, choose: str = "") -> None:
        """Reads the practices again, keeping the chosen one or choosing another."""
        chosen = choose or self.chosen
        self._entries = {entry.practice.name: entry for entry in self._shelf.entries()}
        self.list.blockSignals(True)
        self.list.clear()
        for is_own, heading in ((True, tr("YOURS")), (False, tr("WITH THE APP"))):
            entries = [entry for entry in self._entries.values() if entry.is_own is is_own]
            if entries:
                self._add_heading(heading)
            for entry in entries:
                self._add(entry)
        rows = [self.list.item(row).data(_NAME) for row in range(self.list.count())]
        first = next((row for row, name in enumerate(rows) if name), 0)
        self.list.setCurrentRow(rows.index(chosen) if chosen in rows else first)
        self.list.blockSignals(False)
        self._show_chosen()

    @property
    def chosen(self) -> str:
        """Name of the chosen practice."""
        item = self.list.currentItem()
        return str(item.data(_NAME) or "") if item is not None else ""

    def leave(self) -> None:
        """Another page is shown: what was written is saved now, and what was deleted is gone."""
        if self._waiting is not None:
            self._do(self._save())
        self._offer_undo("")
        self._shelf.forget_deleted()

    def escape(self) -> bool:
        """Leaves the editor, and what was written is kept; False: nothing is being written."""
        if self._editing is None:
            return False
        self._do(self._end_editing())
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    async def close_page(self) -> None:
        """What was written is saved."""
        self._stop_waiting()
        if self._editing is not None:
            await self._save()

    # -- building -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._side.setProperty("sidelist", "true")
        self._side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        left = in_column(inside=self._side, spacing=12, margins=(14, 20, 14, 14))
        top = in_row(margins=(8, 0, 0, 0))
        title = label(tr("Practices"), "state")
        title.setProperty("role", "heading")
        top.addWidget(title, 1)
        top.addWidget(self.new)
        left.addLayout(top)
        left.addWidget(self.list, 1)
        self.list.setAccessibleName(tr("Practices"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setIconSize(QSize(18, 18))
        right = QWidget()
        column = in_column(inside=right, spacing=0, margins=NONE)
        above = in_column(margins=(28, 20, 28, 12))
        bar = FlowLayout(at_end=True)
        above.addLayout(bar)
        for button in (
            self.undo,
            self.take_back,
            self.look_at,
            self.edit,
            self.copy,
            self.delete,
            self.done,
            self.begin,
        ):
            bar.addWidget(button)
        self.begin.setProperty("tone", "primary")
        column.addLayout(above)
        self.message.setContentsMargins(28, 0, 28, 12)
        column.addWidget(self.message)
        self._sides.addWidget(self.preview)
        self._sides.addWidget(self.editor)
        column.addWidget(self._sides, 1)
        row = in_row(self._side, inside=self, spacing=0, margins=NONE)
        row.addWidget(right, 1)

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(lambda *_: self._turn())
        self.new.clicked.connect(lambda: self._edit(NEW, ""))
        self.edit.clicked.connect(self._edit_chosen)
        self.copy.clicked.connect(self._copy_chosen)
        self.delete.clicked.connect(lambda: self._do(self._delete_chosen()))
        self.begin.clicked.connect(lambda: self._do(self._begin()))
        self.look_at.clicked.connect(self._look_at)
        self.done.clicked.connect(lambda: self._do(self._end_editing()))
        self.take_back.clicked.connect(self._take_back)
        self.undo.clicked.connect(self._undo_last)
        self.editor.changed.connect(self._edited)
        self.editor.steps.removed.connect(self._step_removed)
        self._look.changed.connect(lambda: self.refresh() if self._entries else None)

    def _add_heading(self, words: str) -> None:
        item = QListWidgetItem(words)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        font = self._look.font("caption")
        item.setFont(font)
        item.setForeground(self._look.colour("faint"))
        item.setSizeHint(QSize(0, self._look.px(_HEADING_PX)))
        self.list.addItem(item)

    def _add(self, entry: Shelved) -> None:
        practice = entry.practice
        state = tr("not finished") if entry.fault else tr("changes not finished") if entry.has_draft else ""
        title = practice.title or tr("Without a title")
        item = QListWidgetItem(icons.icon(practice.icon, self._look.colour("accent"), 18), title)
        if state:
            item.setText(f"{title} · {state}")
        item.setData(_NAME, practice.name)
        item.setToolTip(tip(practice.summary))
        item.setSizeHint(QSize(0, self._look.px(_ITEM_PX)))
        self.list.addItem(item)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """In a narrow window the list gives way to what is written."""
        self._side.setFixedWidth(min(self._look.px(_LIST_PX), round(self.width() * _LIST_SHARE)))
        self._side.setVisible(self._editing is None or self.width() >= self._look.px(_WIDE_PX))

    # -- the chosen one -------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Another one is chosen: what was being written is saved first."""
        if self._editing is not None:
            self._do(self._end_editing(self.chosen))
        else:
            self._offer_undo("")
            self._show_chosen()

    def _show_chosen(self) -> None:
        if self._editing is not None:
            return
        entry = self._entries.get(self.chosen)
        if entry is not None:
            self.preview.show_practice(entry.practice)
        self._sides.setCurrentWidget(self.preview)
        self._show_buttons(entry)

    def _show_buttons(self, entry: Shelved | None) -> None:
        is_edited = self._editing is not None
        is_own = entry is not None and entry.is_own
        for button, is_shown in (
            (self.edit, is_own and not is_edited),
            (self.copy, entry is not None and not is_edited),
            (self.delete, is_own and not is_edited),
            (self.begin, entry is not None or is_edited),
            (self.look_at, is_edited),
            (self.done, is_edited),
            (self.take_back, is_edited and self.editor.practice != self._before),
            (self.undo, self._undo is not None),
        ):
            button.setVisible(is_shown)
        self.begin.setText(tr("Try it") if is_edited else tr("Begin"))
        self._fit()
        self.begin.setEnabled(
            not self.editor.first_fault if is_edited else entry is not None and not entry.fault
        )
        self.look_at.setText(tr("Write") if self._sides.currentWidget() is self.preview else tr("Preview"))
        if entry is not None and not is_edited and not self.message.text():
            self._say(entry.fault)

    # -- what the person does -------------------------------------------------------------------------------

    def _edit_chosen(self) -> None:
        entry = self._entries.get(self.chosen)
        if entry is not None:
            self._edit(entry.practice, entry.practice.name)

    def _copy_chosen(self) -> None:
        entry = self._entries.get(self.chosen)
        if entry is not None:
            title = tr("{title} (copy)", title=entry.practice.title)
            self._edit(replace(entry.practice, name="", title=title, order=NEW.order), "", is_kept=True)

    def _edit(self, practice: Practice, name: str, *, is_kept: bool = False) -> None:
        """Opens the editor. `is_kept`: there is something to save before anything is written."""
        self._do(self._open_editor(practice, name, is_kept=is_kept))

    async def _open_editor(self, practice: Practice, name: str, *, is_kept: bool) -> None:
        if self._editing is not None:
            await self._save()
        self._offer_undo("")
        self._before, self._editing = practice, name
        self.editor.show_practice(practice)
        self._sides.setCurrentWidget(self.editor)
        self._tell_state()
        if is_kept:
            await self._save()

    def _edited(self) -> None:
        self._stop_waiting()
        self._waiting = spawn(self._save_soon(), name="save a practice soon")
        self._tell_state()

    def _tell_state(self) -> None:
        fault = self.editor.first_fault
        self._offer_undo(tr("Not finished yet. {fault}", fault=fault) if fault else tr("Saved as you write."))

    def _look_at(self) -> None:
        if self._sides.currentWidget() is self.preview:
            self._sides.setCurrentWidget(self.editor)
        else:
            self.preview.show_practice(self.editor.practice)
            self._sides.setCurrentWidget(self.preview)
        self._show_buttons(self._entries.get(self.chosen))

    def _take_back(self) -> None:
        """Everything as it was when the editor was opened."""
        self.editor.show_practice(self._before)
        self._edited()

    def _step_removed(self) -> None:
        async def put_back() -> None:
            self.editor.steps.put_back()

        self._offer_undo(tr("The step was removed."), put_back)

    async def _begin(self) -> None:
        if self._editing is None:
            self.practice_chosen.emit(self.chosen)
            return
        if await self._save():
            name = self._editing
            await self._end_editing(name)
            self.practice_chosen.emit(name)

    async def _delete_chosen(self) -> None:
        entry = self._entries.get(self.chosen)
        if entry is None or not entry.is_own:
            return
        name = entry.practice.name
        await self._shelf.delete(name)
        self.refresh()

        async def bring_back() -> None:
            await self._shelf.undo_delete()
            self.refresh(name)

        self._offer_undo(tr("“{title}” was deleted.", title=entry.practice.title), bring_back)

    def _offer_undo(self, words: str, undo: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self._undo = undo
        if words and undo is not None:
            announce(self, words)
        self._say(words)
        self._show_buttons(self._entries.get(self.chosen))

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.setVisible(bool(words))

    def _undo_last(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            self._offer_undo("")
            self._do(undo())

    # -- saving ---------------------------------------------------------------------------------------------

    async def _save(self) -> bool:
        """What stands in the editor is on disk; False: it is not, and it is said why."""
        self._stop_waiting()
        async with self._one_at_a_time:
            name, practice = self._editing, self.editor.practice
            if name is None or (name == "" and practice == NEW):
                return True
            try:
                saved = await self._shelf.save(practice, name)
            except CompanionError as error:
                self._offer_undo(f"{error.message} {error.hint}".strip())
                return False
            if self._editing == name:
                self._editing = saved
                self.refresh(saved)
            return True

    async def _save_soon(self) -> None:
        await asyncio.sleep(SAVE_AFTER_S)
        self._waiting = None  # from here on it is not taken back
        await self._told(self._save())

    def _stop_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()

    async def _end_editing(self, then: str = "") -> None:
        """Back to the list; where it cannot be saved, the editor stays."""
        if not await self._save():
            return
        name, self._editing = self._editing, None
        self._offer_undo("")
        self.refresh(then or name or "")

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        spawn(self._told(work), name="practices")

    async def _told(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except CompanionError as error:
            self._offer_undo(f"{error.message} {error.hint}".strip())
