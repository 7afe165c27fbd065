"""One whole voice turn without a window: what `companion reflect` and the benchmarks run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from companion.conversation.timeline import budget, waterfall
from companion.events import Event, Phase, PhaseChanged, TakeDiscarded, Trouble, TurnFinished, UserSaid
from companion.kinds import ReplyState
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from companion.app.companion import Companion
    from companion.audio.virtual import FileMicrophone

LONGEST_S = 900.0


@dataclass(slots=True)
class Outcome:
    """What came of a turn."""

    transcript: str = ""
    reply: str = ""
    heard: str = ""
    is_whole: bool = False
    timeline: dict[str, float] = field(default_factory=dict)
    """Milliseconds after release."""
    engines: dict[str, str] = field(default_factory=dict)
    cost_usd: float | None = None
    saved: bool = False
    """It is on disk; what only memory holds is not saved."""
    troubles: list[str] = field(default_factory=list)

    def waterfall(self) -> list[str]:
        """Where the time went and what the turn took of its budget, as text."""
        return waterfall(self.timeline)

    def document(self) -> dict[str, Any]:
        return {
            "transcript": self.transcript,
            "reply": self.reply,
            "heard": self.heard,
            "timeline": self.timeline,
            "budget": [spent.document() for spent in budget(self.timeline)],
            "engines": self.engines,
            "cost_usd": self.cost_usd,
            "saved": self.saved,
            "troubles": self.troubles,
        }


async def reflect_once(app: Companion, microphone: FileMicrophone) -> Outcome:
    """Presses the talk key, lets the file be spoken, releases, and waits for the end of the turn."""
    outcome, over = Outcome(), asyncio.Event()

    def watch(event: Event) -> None:
        match event:
            case Trouble():
                outcome.troubles.append(f"{event.error.message} {event.error.hint}".strip())
            case UserSaid():
                outcome.transcript = event.text
            case TurnFinished():
                _take_over(outcome, event)
                outcome.saved = event.saved and app.archive.storage not in ("", "memory")
                over.set()
            case TakeDiscarded():
                over.set()
            case PhaseChanged(phase=Phase.READY) if not outcome.transcript:
                over.set()

    stop_watching = app.events.watch(watch)
    release: asyncio.Task[None] | None = None
    try:
        await app.open()
        app.press_talk()
        release = spawn(_release_at_end(app, microphone), name="release at the end of the file")
        async with asyncio.timeout(LONGEST_S):
            await over.wait()
    finally:
        await stop(release)
        stop_watching()
    return outcome


async def _release_at_end(app: Companion, microphone: FileMicrophone) -> None:
    await microphone.ended.wait()
    app.focus_lost()  # a release that is never a tap, however fast the file was read


def _take_over(outcome: Outcome, event: TurnFinished) -> None:
    record = event.record
    outcome.reply, outcome.heard = record.reply_text, record.heard_text
    outcome.is_whole = record.reply_state is ReplyState.WHOLE
    outcome.timeline, outcome.engines = record.timeline_ms, record.engines
    outcome.cost_usd = record.cost_usd
