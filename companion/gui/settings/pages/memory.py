"""Memory: what of other days may be brought up, to whom, and what finds it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtWidgets import QCheckBox, QFrame, QLineEdit, QPushButton, QVBoxLayout

from companion import days
from companion.days import When
from companion.errors import CompanionError
from companion.events import Event, JournalRead
from companion.gui.boxes import in_column
from companion.gui.clean import clean_text
from companion.gui.labels import text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.models import ModelList
from companion.gui.settings.page import PageInfo, SettingsPage, empty
from companion.gui.settings.parts import PartCard
from companion.gui.theme import Look
from companion.gui.wrapping import WrappingCheckBox
from companion.language import mark, tr
from companion.providers.here.models.listing import ModelKind
from companion.records import Memory

_AT_ONCE = 30
"""Rows; more come with a button."""
_NOTHING = mark(
    "Nothing yet. What is brought up while you talk will stand here, to pin, put right or forget."
)


class MemoryRow(QFrame):
    """One thing that is remembered, or is not to be."""

    def __init__(self, page: MemoryPage, memory: Memory) -> None:
        super().__init__()
        self._page, self.memory = page, memory
        column = in_column(inside=self, spacing=4, margins=(0, 4, 0, 6))
        self.words = text_label(clean_text(memory.text), "")
        self.field = QLineEdit(memory.text)
        self.field.setAccessibleName(tr("What is remembered, in your words"))
        self.field.hide()
        self.field.returnPressed.connect(self._save)
        column.addWidget(self.words)
        column.addWidget(self.field)
        row = FlowLayout()
        row.addWidget(text_label(_about(memory), "small", fills=True))
        source = page.host.memory
        if memory.is_forgotten:
            self._button(
                row, tr("May be brought up again"), lambda: page.do(source.allow(memory.id), memory.id)
            )
        else:
            is_own = memory.turn_id is None
            if not is_own:
                words = tr("Not always") if memory.is_pinned else tr("Always bring up")
                self._button(
                    row, words, lambda: page.do(source.pin(memory.id, not memory.is_pinned), memory.id)
                )
            self._button(row, tr("Put right"), self._edit)
            self._button(
                row,
                tr("Remove") if is_own else tr("Never bring up"),
                lambda: page.do(source.forget(memory.id), memory.id),
            )
        column.addLayout(row)

    def _button(self, row: FlowLayout, words: str, act: Callable[[], None]) -> None:
        button = QPushButton(words)
        button.setAccessibleDescription(self.memory.text[:80])
        button.clicked.connect(act)
        row.addWidget(button)

    def _edit(self) -> None:
        self.words.hide()
        self.field.show()
        self.field.setFocus()

    def _save(self) -> None:
        self._page.do(self._page.host.memory.correct(self.memory.id, self.field.text()), self.memory.id)


class MemoryPage(SettingsPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Memory"))
        self.add_rows("journal.recall")
        self.column.addWidget(
            text_label(
                tr("Whoever thinks on this computer may be told. Elsewhere, only whom you allow:"), "small"
            )
        )
        self._allowed = QVBoxLayout()
        self.column.addLayout(self._allowed)
        self.boxes: dict[str, QCheckBox] = {}
        row = FlowLayout()
        self.own = QLineEdit()
        self.own.setObjectName("own")
        self.own.setPlaceholderText(tr("Something to remember always"))
        self.own.setAccessibleName(tr("Something to remember always"))
        self.own.returnPressed.connect(self._add)
        self.add = QPushButton(tr("Remember this"))
        self.add.clicked.connect(self._add)
        row.addWidget(self.own)
        row.addWidget(self.add)
        self.column.addLayout(row)
        self.none = text_label(tr(_NOTHING), "small")
        self.column.addWidget(self.none)
        self._list = QVBoxLayout()
        self.column.addLayout(self._list)
        self.rows_shown: list[MemoryRow] = []
        self.more = QPushButton(tr("Show all"))
        self.more.hide()
        self.more.clicked.connect(self._show_all)
        self.column.addWidget(self.more)
        self.column.addWidget(text_label(tr("What finds things said in other words"), "strong"))
        self.models = ModelList(
            self, ModelKind.MEANING, lambda: "", lambda _: None, self._models_changed, is_short=True
        )
        self.column.addWidget(self.models)
        self.part = PartCard(self, "meaning", lambda: self.host.memory.read_on())  # noqa: PLW0108 - whoever it is then
        self.column.addWidget(self.part)
        self.reading = text_label("", "small")
        self.column.addWidget(self.reading)
        self.column.addStretch(1)
        self._limit = _AT_ONCE
        self._unwatch: Callable[[], None] | None = None

    def appeared(self) -> None:
        super().appeared()
        self._unwatch = self._unwatch or self.host.events.watch(self._follow)
        self.models.look()
        self._read()

    def vanished(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def refresh(self) -> None:
        super().refresh()
        self._show_allowed()
        if hasattr(self, "part"):
            self.part.show_if(True)

    def do(self, work: Coroutine[Any, Any, None], memory_id: int) -> None:
        """Does something about a memory, and shows them anew."""
        self.work.start(self._do(work), f"change memory {memory_id}")

    async def _do(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether it was done; else everything stays as it is, what is being written too."""
        try:
            await work
        except CompanionError as error:
            self.tell_error(error)
            return False
        await self._fill()
        return True

    def _add(self) -> None:
        text = self.own.text().strip()
        if text:
            self.own.clear()
            self.work.start(self._remember(text), "remember")

    async def _remember(self, text: str) -> None:
        if not await self._do(self.host.memory.remember(text)) and not self.own.text():
            self.own.setText(text)

    def _read(self) -> None:
        self.work.start(self._fill(), "read the memories")

    async def _fill(self) -> None:
        try:
            memories = await self.host.memory.memories()
        except CompanionError as error:
            self.tell_error(error)
            return
        for old in self.rows_shown:
            self._list.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.rows_shown = [MemoryRow(self, each) for each in memories[: self._limit]]
        for row in self.rows_shown:
            self._list.addWidget(row)
        self.none.setVisible(not memories)
        self.more.setText(tr("Show all {memories}", memories=len(memories)))
        self.more.setVisible(len(memories) > self._limit)

    def _show_all(self) -> None:
        self._limit = 10_000
        self._read()

    def _show_allowed(self) -> None:
        known = self.host.thinkers_elsewhere()
        if set(known) != set(self.boxes):
            empty(self._allowed)
            for box in self.boxes.values():
                box.hide()
                box.deleteLater()
            self.boxes = {name: WrappingCheckBox(label.replace("&", "&&")) for name, label in known.items()}
            for name, box in self.boxes.items():
                box.setAccessibleDescription(tr("May be told what you said on other days"))
                box.clicked.connect(lambda is_on, name=name: self._allow(name, is_on))
                self._allowed.addWidget(box)
        allowed = self.host.settings.journal.recall_to.replace(",", " ").split()
        for name, box in self.boxes.items():
            box.setChecked(name in allowed)

    def _allow(self, name: str, is_on: bool) -> None:
        allowed = self.host.settings.journal.recall_to.replace(",", " ").split()
        names = [*(each for each in allowed if each != name), *([name] if is_on else [])]
        self.save({"journal.recall_to": ", ".join(names)})

    async def _models_changed(self, _name: str) -> None:
        self.host.memory.read_on()

    def _follow(self, event: Event) -> None:
        if isinstance(event, JournalRead):
            is_over = event.done >= event.whole
            self.reading.setText(
                ""
                if is_over
                else tr("Reading the journal: {done:,} of {whole:,}", done=event.done, whole=event.whole)
            )


def _about(memory: Memory) -> str:
    today = days.now().day
    day = When.of(memory.at, memory.offset_s).short(today)
    parts = [
        tr("You wrote this on {day}", day=day) if memory.turn_id is None else tr("Said on {day}", day=day)
    ]
    parts += [tr("put right by you")] if memory.is_corrected else []
    parts += [tr("always brought up")] if memory.is_pinned else []
    parts += [tr("never brought up")] if memory.is_forgotten else []
    if memory.told_at is not None and not memory.is_forgotten:
        parts.append(tr("last on {day}", day=When.of(memory.told_at).short(today)))
    return " · ".join(parts)


PAGE = PageInfo(
    name="memory",
    title="Memory",
    order=71,
    build=MemoryPage,
)
