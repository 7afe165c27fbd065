"""One reflection under way: its practice, what was said in it, and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from companion.flow import TurnRecord
from companion.ports import Journal
from companion.practices import Practice

if TYPE_CHECKING:
    from companion.care.watch import Watch


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

    @property
    def word(self) -> str:
        """Both words in one line, as the journal keeps them: "uneasy → lighter"."""
        return " → ".join(filter(None, (self.word_before, self.word_after)))


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

    @property
    def care(self) -> Watch:
        """What was said in it weighs; made with the first words."""
        if self.watch is None:
            from companion.care.watch import Watch

            self.watch = Watch()
        return self.watch

    def kept_elsewhere(self) -> Session:
        """The same conversation, from now on in the journal that is open then."""
        return Session(practice=self.practice, history=self.history, watch=self.watch, marked=self.marked)
