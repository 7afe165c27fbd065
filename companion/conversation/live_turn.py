"""What is known of a turn while it lives. Only the event loop's thread touches it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from companion.conversation.prepared import Prepared
from companion.conversation.recording import Recording
from companion.conversation.reply import Engines, Reply
from companion.errors import CompanionError
from companion.events import Events, Mark, TimelineMarked, Trouble
from companion.flow import Role, TurnRecord
from companion.ports import Gate, Journal, Spool, Take

if TYPE_CHECKING:
    from companion.conversation.keeping import Keeping


@dataclass(slots=True)
class LiveTurn:
    """One turn's working data: what was said, what runs for it, what is saved of it."""

    number: int
    engines: Engines
    recording: Recording
    marks: dict[Mark, float] = field(default_factory=dict)
    text: str = ""
    at: float = 0.0
    id: int | None = None
    """In the journal; None: not saved there yet."""
    before: LiveTurn | None = None
    """A take released a moment ago whose words belong to this turn too."""
    continues: TurnRecord | None = None
    """The same turn up to where its answer was cut off; this one goes on with it."""
    gate: Gate = field(init=False)
    stays_here: bool = False
    """The person wants it answered on this computer."""
    is_given_away: bool = False
    """A recogniser or voice model is given its sound."""
    heard_so_far: str = ""
    """The newest words of the take, while it is heard."""
    prepared: Prepared | None = None
    """An answer asked for before the turn was certainly over."""
    take: Take | None = None
    spool: Spool | None = None
    record_task: asyncio.Task[None] | None = None
    hear_task: asyncio.Task[str | None] | None = None
    spool_task: asyncio.Task[None] | None = None
    finish_task: asyncio.Task[str] | None = None
    save_task: asyncio.Task[None] | None = None
    answer_task: asyncio.Task[None] | None = None
    end_task: asyncio.Task[None] | None = None
    """Saves the turn once the answer is over or cancelled."""
    saves: list[asyncio.Task[None]] = field(default_factory=list)
    has_slept: bool = False
    """The computer slept in the middle of its answer."""
    then: Callable[[], None] | None = None
    """What the person wants as soon as this turn is over."""
    reply: Reply | None = None
    record: TurnRecord | None = None
    events: Events = field(kw_only=True)
    keeping: Keeping = field(kw_only=True)
    history: list[TurnRecord] = field(kw_only=True)
    """Of the session it belongs to."""

    @property
    def has_words(self) -> bool:
        """It is known what was said."""
        return bool(self.text)

    @property
    def has_failed(self) -> bool:
        """Its answer is not whole, though nobody interrupted it; what came of it may still sound."""
        return self.reply is not None and self.reply.error is not None

    def own_spools(self) -> list[Spool]:
        return [self.spool] if self.spool is not None else []

    def spools(self) -> list[Spool]:
        """The sealed copies of all takes whose words this turn carries."""
        return (self.before.spools() if self.before is not None else []) + self.own_spools()

    def mark(self, mark: Mark, *, again: bool = False) -> None:
        """Something happened now, for the first time in this turn or, of some, `again`."""
        if again or mark not in self.marks:
            self.marks[mark] = asyncio.get_running_loop().time()
            self.events.emit(TimelineMarked(turn=self.number, mark=mark, at_s=self.marks[mark]))

    def fail(self, error: CompanionError, role: Role | None = None) -> None:
        self.events.emit(Trouble(error=error, turn=self.number, role=role))

    async def seal(self, journal: Awaitable[Journal]) -> None:
        """Starts the sealed copy of the take, from its first frame, as soon as the journal is open."""
        spool = (await journal).spool()
        for frame in self.recording.frames:
            spool.write(frame)
        self.spool = spool  # no await since the copy: the recording goes on with the next frame

    def timeline_ms(self) -> dict[str, float]:
        """Milliseconds after release (or after sending, for typed words)."""
        zero = self.marks.get(Mark.RELEASED, 0.0)
        marks = sorted(self.marks.items(), key=lambda item: item[1])
        return {mark.value: round((at - zero) * 1000, 1) for mark, at in marks}
