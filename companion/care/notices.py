"""When a person is told that this is a program, and when a pause is proposed. A pure clockwork: moments in, notices out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from companion.language import mark

EVERY_S = 3 * 3600.0
"""Of use, between two notices that this is a program."""
SITTING_S = 40 * 60.0
"""In one sitting before a pause is proposed."""
APART_S = 10 * 60.0
"""A longer silence is no use, and begins another sitting."""


class Due(StrEnum):
    """What is to be told; the value is the sentence."""

    PROGRAM = mark(
        "You are talking with a program, not with a person. It is no therapist, and it can be wrong."
    )
    PAUSE = mark(
        "You have been here for a while. A pause, a window, or a person nearby may do good; this will keep."
    )


@dataclass(slots=True)
class Clockwork:
    """One per app. What it holds may be kept from one run to the next."""

    has_begun: bool = False
    """The first notice was given, in this run or an earlier one."""
    since_told_s: float = 0.0
    """Use since the last notice that this is a program."""
    sitting_s: float = 0.0
    last_s: float | None = None
    has_nudged: bool = False

    def begin(self) -> tuple[Due, ...]:
        """The window is shown."""
        if self.has_begun:
            return ()
        self.has_begun = True
        return (Due.PROGRAM,)

    def use(self, now_s: float) -> tuple[Due, ...]:
        """The person said something, or an answer ended; what is due now. `now_s` counts on, whatever the clock does."""
        apart_s = now_s - self.last_s if self.last_s is not None else 0.0
        self.last_s = now_s
        if apart_s > APART_S:
            self.sitting_s, self.has_nudged = 0.0, False
        else:
            self.since_told_s += apart_s
            self.sitting_s += apart_s
        due = []
        if self.since_told_s >= EVERY_S:
            self.since_told_s = 0.0
            due.append(Due.PROGRAM)
        if self.sitting_s >= SITTING_S and not self.has_nudged:
            self.has_nudged = True
            due.append(Due.PAUSE)
        return tuple(due)
