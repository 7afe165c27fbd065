"""One reflection under way: its practice, what was said in it, and where it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from companion.days import When
from companion.flow import TurnRecord
from companion.ports import Journal
from companion.practices import Practice

if TYPE_CHECKING:
    from companion.care.watch import Watch
    from companion.records import SessionRecord


_ARROW = " → "


@dataclass(slots=True, kw_only=True)
class Marked:
    """What the person marks of a reflection, or the end of a practice offers. Moods: -3 .. 3, None: not marked."""

    before: int | None = None
    after: int | None = None
    word_before: str = ""
    word_after: str = ""
    title: str = ""
    summary: str = ""
    is_own_title: bool = False
    """The person wrote it; nothing that is offered takes its place."""
    unkept: set[str] = field(default_factory=set)
    """Names of what has changed and is not in the journal yet."""

    @classmethod
    def of(cls, record: SessionRecord) -> Marked:
        """What is marked of a kept reflection."""
        before, arrow, after = record.mood_word.partition(_ARROW)
        has_before = bool(arrow) or record.mood_after is None
        return cls(
            before=record.mood_before,
            after=record.mood_after,
            word_before=before if has_before else "",
            word_after=after if arrow else "" if has_before else before,
            title=record.title if record.has_own_title else "",
            summary=record.summary,
            is_own_title=record.has_own_title,
        )

    @property
    def word(self) -> str:
        """Both words in one line, as the journal keeps them: "uneasy → lighter"."""
        return _ARROW.join(filter(None, (self.word_before, self.word_after)))


@dataclass(slots=True, eq=False, repr=False)
class Session:
    """What comes late for it is kept in it though another has begun."""

    practice: Practice
    history: list[TurnRecord] = field(default_factory=list)
    """Turns that are over, oldest first."""
    journal: Journal | None = None
    """The one it began in; None: nothing of it is kept yet."""
    id: int | None = None
    watch: Watch | None = None
    marked: Marked = field(default_factory=Marked)
    _beginning: asyncio.Lock = field(default_factory=asyncio.Lock)
    taken_up: When | None = None
    """When a reflection of before was gone on with."""
    changes: list[Callable[[TurnRecord], TurnRecord | None]] = field(default_factory=list)
    """What was put right or deleted in it while it goes on."""

    @property
    def care(self) -> Watch:
        """What was said in it weighs; made with the first words."""
        if self.watch is None:
            from companion.care.watch import Watch

            self.watch = Watch()
        return self.watch

    async def begin_in(self, journal: Journal, began: When) -> int:
        """Its id in the journal it is kept in, which is `journal` from now on where it had none.

        Raises:
            CompanionError: it cannot be kept.
        """
        async with self._beginning:
            if self.id is None:
                self.id = await journal.begin_session(self.practice.name, began.at, began.offset_s)
                self.journal = journal
            return self.id

    @property
    def last_words(self) -> When | None:
        """When something was last said in it, or it was gone on with; None: nothing was yet."""
        said = [When.of(turn.at, turn.offset_s) for turn in self.history[-1:]]
        return max((*said, *filter(None, [self.taken_up])), key=lambda when: when.at, default=None)

    def recall_anew(self, change: Callable[[TurnRecord], TurnRecord | None]) -> bool:
        """Changes what is known of its turns, or forgets them where `change` gives None; whether anything is changed."""
        before = list(self.history)
        self.history[:] = [each for turn in before if (each := change(turn)) is not None]
        self.changes.append(change)
        return self.history != before

    def remember(self, record: TurnRecord) -> None:
        """A turn is over; what was changed or deleted of it meanwhile is so."""
        changed: TurnRecord | None = record
        for change in self.changes:
            changed = change(changed) if changed is not None else None
        if changed is not None:
            self.history.append(changed)

    def kept_elsewhere(self) -> Session:
        """The same conversation, from now on in the journal that is open then."""
        return Session(practice=self.practice, history=self.history, watch=self.watch, marked=self.marked)
