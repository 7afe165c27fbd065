"""One reflection under way: its practice, what was said in it, and where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from companion.days import When
from companion.flow import TurnRecord
from companion.ports import Journal
from companion.practices import Practice

if TYPE_CHECKING:
    from companion.care.watch import Watch


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
    taken_up: When | None = None
    """When a reflection of before was gone on with."""

    @property
    def care(self) -> Watch:
        """What was said in it weighs; made with the first words."""
        if self.watch is None:
            from companion.care.watch import Watch

            self.watch = Watch()
        return self.watch

    @property
    def last_words(self) -> When | None:
        """When something was last said in it, or it was gone on with; None: nothing was yet."""
        said = [When.of(turn.at, turn.offset_s) for turn in self.history[-1:]]
        return max((*said, *filter(None, [self.taken_up])), key=lambda when: when.at, default=None)

    def recall_anew(self, change: Callable[[TurnRecord], TurnRecord | None]) -> bool:
        """Changes what is known of its turns, or forgets them where `change` gives None; whether anything is changed."""
        before = list(self.history)
        self.history[:] = [each for turn in before if (each := change(turn)) is not None]
        return self.history != before

    def kept_elsewhere(self) -> Session:
        """The same conversation, from now on in the journal that is open then."""
        return Session(practice=self.practice, history=self.history, watch=self.watch)
