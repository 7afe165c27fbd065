"""Hearing one take: microphone frames into memory, onto disk (sealed) and to the recogniser, and the words that come of it.

Nothing goes to a recogniser before the local gate has heard speech. What fails is told here; whether the machine moves
on is the engine's affair. Runs on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from companion.conversation.keeping import discard
from companion.conversation.live_turn import LiveTurn
from companion.conversation.stretches import hear_in_stretches
from companion.errors import Action, CompanionError, Kind
from companion.events import Events, LevelMeasured, Mark, TakeDiscarded, TranscriptHeard, Trouble
from companion.flow import FRAME_MS, Role, Transcript
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    import asyncio

    from companion.conversation.driver import Organs

LEVEL_FRAMES = 2
"""Input level events, one every so many frames."""
SILENT_FRAMES = 2500 // FRAME_MS
"""Digital silence for this long means a muted microphone."""
Work = Callable[[LiveTurn, Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]


class Hearing:
    """The ear of one engine.

    Args:
        work: starts a task that ends the turn if it breaks.
        on_speech: the gate has heard speech in a take for the first time.
    """

    def __init__(
        self, organs: Organs, events: Events, work: Work, on_speech: Callable[[LiveTurn], None]
    ) -> None:
        self._organs, self._events = organs, events
        self._work, self._on_speech = work, on_speech

    def fail(self, error: CompanionError, turn: int) -> None:
        """Tells what went wrong; what helps here is another recogniser."""
        if error.kind is Kind.CUT_OFF:
            error = CompanionError(Kind.HEARING_FAILED, who=error.who, cause=error)
        error.actions = tuple(Action.HEAR_OFFLINE if a is Action.ANSWER_OFFLINE else a for a in error.actions)
        self._events.emit(Trouble(error=error, turn=turn, role=Role.HEARS))

    async def open(self, turn: LiveTurn) -> bool:
        """Opens the microphone, unless the take is there already; False when it cannot be."""
        try:
            turn.take = turn.take or await self._organs.microphone().open()
        except CompanionError as error:
            self.fail(error, turn.number)
            return False
        turn.mark(Mark.FIRST_FRAME)
        turn.spool_task = spawn(turn.seal(self._organs.journal()), name="seal take")
        return True

    async def record(self, turn: LiveTurn) -> bool:
        """Takes in all frames; False when the microphone went away in the middle."""
        take = turn.take
        assert take is not None
        try:
            async for frame in take.frames():
                turn.recording.add(frame)
                if not turn.gate.heard_speech:  # it has said what it is for
                    turn.gate.feed(frame)
                if turn.spool is not None:
                    turn.spool.write(frame)
                if not turn.is_given_away and turn.gate.heard_speech:
                    turn.is_given_away = True
                    self._on_speech(turn)
                count = len(turn.recording.frames)
                if count % LEVEL_FRAMES == 0 and take.is_open:
                    self._events.emit(LevelMeasured(level_db=take.level_db, is_input=True))
                if count == SILENT_FRAMES and take.is_silent:
                    self.fail(CompanionError(Kind.MICROPHONE_SILENT), turn.number)
        except CompanionError as error:
            self.fail(error, turn.number)
            return False
        finally:
            await take.close()
        return True

    def start(self, turn: LiveTurn) -> None:
        """Has the recording heard, from its first frame."""
        turn.is_given_away = True
        turn.hear_task = self._work(turn, self._hear(turn), "hear")

    async def words(self, turn: LiveTurn) -> str | None:
        """What the ended take says; empty when it holds no speech (it is forgotten), None when it must be kept."""
        if not turn.gate.heard_speech and turn.take is not None:
            await self.forget_silence(turn)
            return ""
        turn.recording.end()
        turn.mark(Mark.LAST_FRAME)
        if turn.hear_task is None:
            self.start(turn)
        assert turn.hear_task is not None
        text = await turn.hear_task
        if text:
            return text
        if text == "":
            hint = "Your recording is kept; try again."
            self.fail(
                CompanionError(Kind.HEARD_NOTHING, "I could not make out any words.", hint=hint), turn.number
            )
        if turn.spool is not None:
            await turn.keeping.finish(turn.spool, turn.number)
        return None

    async def forget_silence(self, turn: LiveTurn) -> None:
        """The take holds no speech: it was not sent and is not kept."""
        turn.recording.end()
        if turn.before is None:
            is_silent = turn.take is not None and turn.take.is_silent
            self.fail(
                CompanionError(Kind.MICROPHONE_SILENT if is_silent else Kind.HEARD_NOTHING), turn.number
            )
        if turn.spool_task is not None and not turn.spool_task.done():
            await stop(turn.spool_task)
        await discard(turn.own_spools())
        turn.spool = None
        self._events.emit(TakeDiscarded(turn=turn.number))

    async def drop(self, turn: LiveTurn, *, keep: bool) -> None:
        """Ends recording and hearing; the sealed copy stays or goes."""
        if turn.take is not None:
            await turn.take.close()
        if turn.prepared is not None:
            await turn.prepared.drop()
        await stop(turn.record_task, turn.hear_task, turn.finish_task, turn.spool_task)
        if turn.take is not None:
            await turn.take.close()  # it may have opened while it was being stopped
        if not keep:
            await discard(turn.spools())
        elif turn.spool is not None:
            await turn.keeping.finish(turn.spool, turn.number)

    async def _hear(self, turn: LiveTurn) -> str | None:
        """The final words of the take; None when hearing failed and the take is to be kept."""
        text = ""
        try:
            async with aclosing(self._transcripts(turn)) as transcripts:
                async for transcript in transcripts:
                    turn.heard_so_far = text = transcript.text
                    self._events.emit(TranscriptHeard(turn=turn.number, transcript=transcript))
        except CompanionError as error:
            self.fail(error, turn.number)
            return None
        turn.mark(Mark.TRANSCRIPT)
        return text.strip()

    def _transcripts(self, turn: LiveTurn) -> AsyncGenerator[Transcript, None]:
        frames, hear = turn.recording.stream(), turn.engines.hear
        if turn.engines.hears_live or turn.take is None:
            return hear(frames)
        return hear_in_stretches(hear, frames, self._organs.gate)
