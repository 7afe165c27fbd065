"""What is known of a turn while it lives. Only the event loop's thread touches it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from companion.conversation.prepared import Prepared
from companion.conversation.recording import Recording
from companion.conversation.reply import Engines, Reply
from companion.events import Mark
from companion.flow import TurnRecord
from companion.ports import Gate, Spool, Take


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
    gate: Gate = field(init=False)
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
    reply: Reply | None = None
    record: TurnRecord | None = None

    def own_spools(self) -> list[Spool]:
        return [self.spool] if self.spool is not None else []

    def spools(self) -> list[Spool]:
        """The sealed copies of all takes whose words this turn carries."""
        return (self.before.spools() if self.before is not None else []) + self.own_spools()
