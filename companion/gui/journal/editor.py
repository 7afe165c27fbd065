"""Putting a reflection right: what was said, its title, tags, people and moods. Main thread.

Nothing is kept before "Save"; Esc, and leaving the page, keep what is being written as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QCompleter,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from companion.days import When
from companion.flow import TurnRecord
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.labels import label
from companion.gui.mood import MoodRow
from companion.gui.settings.chips import FlowLayout
from companion.gui.theme import Look
from companion.gui.touch import scroll_by_touch
from companion.language import tr
from companion.records import SessionRecord

_LONGEST_TITLE = 200
_COLUMN_PX = 660
_LEAST_LINES = 2


@dataclass(frozen=True, slots=True)
class Edited:
    """What the person wants it to be."""

    session: SessionRecord
    title: str
    tags: tuple[str, ...]
    people: tuple[str, ...]
    mood_before: int | None
    mood_after: int | None
    mood_word: str
    words: tuple[tuple[int, str], ...]
    """Turns whose words were changed."""


class _Words(QPlainTextEdit):
    """A field as high as what stands in it."""

    def __init__(self, text: str, look: Look) -> None:
        super().__init__()
        self.setPlainText(text)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFont(look.font("said"))
        self.document().documentLayout().documentSizeChanged.connect(lambda _: self._grow())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._grow()

    def _grow(self) -> None:
        lines = max(_LEAST_LINES, round(self.document().size().height()))
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 26)


class Editor(QWidget):
    """A form over one reflection."""

    saved = Signal(object)
    """An `Edited`."""
    cancelled = Signal()
    turn_deleted = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._session: SessionRecord | None = None
        self._before: Edited | None = None
        """How it stood when it was opened."""
        self._fields: dict[int, tuple[str, _Words]] = {}
        self._area = QScrollArea()
        scroll_by_touch(self._area)
        self._area.setWidgetResizable(True)
        self._area.setAccessibleName(tr("The reflection that is put right"))
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self.title, self.tags, self.people = QLineEdit(), QLineEdit(), QLineEdit()
        self.before: MoodRow
        self.after: MoodRow
        """Made with each form."""
        self.save, self.cancel = QPushButton(tr("Save")), QPushButton(tr("Cancel"))
        self.save.setProperty("tone", "primary")
        self.save.clicked.connect(self._save)
        self.cancel.clicked.connect(self.cancelled)
        for keys in ("Ctrl+Return", "Ctrl+S"):
            shortcut = QShortcut(
                QKeySequence(keys), self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut
            )
            shortcut.activated.connect(self._save)
        column = in_column(inside=self, margins=NONE)
        column.addWidget(self._area, 1)
        buttons = in_row(margins=(28, 0, 28, 18))
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.save)
        column.addLayout(buttons)

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def open(
        self,
        session: SessionRecord,
        turns: Sequence[TurnRecord],
        *,
        tags: Sequence[str] = (),
        people: Sequence[str] = (),
    ) -> None:
        """Shows a reflection to be put right; `tags` and `people` are those that were used before."""
        self._session, self._fields = session, {}
        page = QWidget()
        column = in_column(inside=page, spacing=8, margins=(28, 24, 28, 24))
        inner = QWidget()
        inner.setMaximumWidth(self._look.px(_COLUMN_PX))
        form = in_column(inside=inner, spacing=8, margins=NONE)
        self.title, self.tags, self.people = QLineEdit(), QLineEdit(), QLineEdit()
        self.title.setText(session.title if session.has_own_title else "")
        self.title.setPlaceholderText(session.title or tr("A title of your own"))
        self.title.setMaxLength(_LONGEST_TITLE)
        self.tags.setText(", ".join(session.tags))
        self.tags.setPlaceholderText(tr("work, family"))
        self.tags.setCompleter(_completer(tags, self.tags))
        self.people.setText(", ".join(session.people))
        self.people.setCompleter(_completer(people, self.people))
        self._add(form, tr("Title"), self.title)
        for turn in turns:
            self._add_turn(form, turn, can_go=len(turns) > 1)
        self.before, self.after = (
            MoodRow(self._look, tr("How you were before")),
            MoodRow(self._look, tr("How you were after")),
        )
        self.before.show_mood(session.mood_before, "")
        self.before.word.hide()
        self.before.marked.connect(lambda *_: self.before.word.hide())
        self.after.show_mood(session.mood_after, session.mood_word)
        form.addSpacing(10)
        for row in (self.before, self.after):
            form.addWidget(row)
            form.addSpacing(10)
        form.addSpacing(6)
        self._add(form, tr("Tags, with commas between them"), self.tags)
        self._add(form, tr("People, with commas between them"), self.people)
        form.addStretch(1)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(inner, 100)
        across.addStretch(1)
        column.addLayout(across, 1)
        self._area.setWidget(page)
        self._before = self.edited()
        self.title.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_form(self) -> None:
        self._session = self._before = None
        self._area.setWidget(QWidget())

    def sizeHint(self) -> QSize:
        return QSize(self._look.px(_COLUMN_PX), 400)

    def _add(self, form: QVBoxLayout, name: str, field: QWidget) -> None:
        caption = label(name, "caption", wraps=True)
        caption.setBuddy(field)
        field.setAccessibleName(name.partition(",")[0])
        form.addWidget(caption)
        form.addWidget(field)

    def _add_turn(self, form: QVBoxLayout, turn: TurnRecord, *, can_go: bool) -> None:
        when = When.of(turn.at, turn.offset_s).clock
        top = FlowLayout()
        top.addWidget(label(tr("You · {when}", when=when), "caption"))
        if can_go:
            go = QPushButton(tr("Delete this turn"))
            go.setProperty("tone", "plain")
            go.setAccessibleName(tr("Delete what was said at {when}", when=when))
            go.clicked.connect(lambda _=False, turn_id=turn.id: self.turn_deleted.emit(turn_id))
            top.addWidget(go)
        form.addSpacing(8)
        form.addLayout(top)
        field = _Words(turn.user_text, self._look)
        field.setAccessibleName(tr("What you said at {when}", when=when))
        self._fields[turn.id] = (turn.user_text, field)
        form.addWidget(field)
        if turn.said_text is not None:
            heard = label(tr("Heard as: {said_text}", said_text=turn.said_text), "caption", wraps=True)
            form.addWidget(heard)
        if turn.reply_text:
            reply = label(turn.reply_text[:600], "soft", wraps=True)
            form.addWidget(reply)

    def edited(self) -> Edited | None:
        """What stands in the form; None: nothing is open."""
        session = self._session
        if session is None:
            return None
        return Edited(
            session=session,
            title=self.title.text().strip(),
            tags=_listed(self.tags.text()),
            people=_listed(self.people.text()),
            mood_before=self.before.mood,
            mood_after=self.after.mood,
            mood_word=self.after.word.text().strip() if self.after.mood is not None else "",
            words=tuple(
                (turn_id, field.toPlainText())
                for turn_id, (before, field) in self._fields.items()
                if field.toPlainText() != before
            ),
        )

    def changed(self) -> tuple[Edited, Edited] | None:
        """What stands in the form, and how it was before; None: nothing is open, or nothing was changed."""
        edited, before = self.edited(), self._before
        if edited is None or before is None or edited == before:
            return None
        words = tuple((turn_id, self._fields[turn_id][0]) for turn_id, _ in edited.words)
        return edited, replace(before, words=words)

    def _save(self) -> None:
        if (edited := self.edited()) is not None:
            self.saved.emit(edited)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in (each.strip(" #") for each in text.split(",")) if part))


def _completer(names: Sequence[str], field: QLineEdit) -> QCompleter:
    """Completes what is written alone in the field; a further name after a comma is written out."""
    completer = QCompleter(list(names), field)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    return completer
