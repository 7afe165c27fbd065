"""One reflection under way: its practice, what was said in it, and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from companion.flow import TurnRecord
from companion.ports import Journal
from companion.practices import Practice


@dataclass(slots=True, eq=False, repr=False)
class Session:
    """What comes late for it is kept in it though another has begun."""

    practice: Practice
    history: list[TurnRecord] = field(default_factory=list)
    """Turns that are over, oldest first."""
    journal: Journal | None = None
    """The one it began in; None: nothing of it is kept yet."""
    id: int | None = None

    def kept_elsewhere(self) -> Session:
        """The same conversation, from now on in the journal that is open then."""
        return Session(practice=self.practice, history=self.history)
