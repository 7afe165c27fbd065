"""A turn while it lives: its take on the way into memory and onto disk, and what both kinds of turn do alike.

`WrittenTurn` is heard by a recogniser and answered by a model that writes; `SpokenTurn` is heard and answered by a voice
model. The engine only says what is to be done; a turn does it with what its context gives. Event loop's thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from companion import days
from companion.conversation import turn as machine
from companion.conversation.answer import Answer
from companion.conversation.answer_sound import AnswerSound
from companion.conversation.organs import Context
from companion.conversation.recording import Recording
from companion.conversation.session import Session
from companion.conversation.written_answer import TurnProviders
from companion.days import When
from companion.errors import Action, CompanionError, Kind
from companion.events import (
    CareEased,
    CareOffered,
    Events,
    LevelMeasured,
    Mark,
    TakeDiscarded,
    TakeOpened,
    TimelineMarked,
    Trouble,
    TroubleCleared,
    TurnFinished,
)
from companion.flow import FRAME_MS, TurnRecord
from companion.kinds import KeepSound, ReplyState, Role, Severity
from companion.language import tr
from companion.ports import Gate, Journal, Player, Spool, Take
from companion.records import Earlier
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from companion.care.watch import Response
    from companion.conversation.organs import Organs
    from companion.conversation.turn_saver import TurnSaver

RECALL_S = 0.25
"""An answer waits no longer for what was said on other days."""
LEVEL_FRAMES = 2
"""Input level events, one every so many frames."""
SILENT_FRAMES = 2500 // FRAME_MS
"""Digital silence for this long means a muted microphone."""
PROGRESS_S = 1.0
"""How often the machine is told that an answer goes on."""
_GATE_FRAMES = 50
"""Frames of a kept recording between two breaths of the loop."""


class Work(Protocol):
    """Starts work for a turn; an error nobody foresaw is reported and ends the turn."""

    def __call__(self, turn: LiveTurn, work: Coroutine[Any, Any, Any], name: str, /) -> asyncio.Task[Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContext:
    """What the engine lends every turn."""

    organs: Organs
    events: Events
    saver: TurnSaver
    feed: Callable[[machine.Input], None]
    work: Work
    wants_retry: Callable[[LiveTurn], None]
    """Its take or its answer failed, and can be tried again."""
    is_over: Callable[[LiveTurn], None]
    """It is answered and saved."""


@dataclass(slots=True, eq=False, repr=False, weakref_slot=True, kw_only=True)
class LiveTurn:
    """One turn's working data: what was said, what runs for it, what is saved of it."""

    number: int
    session: Session
    """Where it is kept, whatever session comes after."""
    context: TurnContext
    providers: TurnProviders
    recording: Recording = field(default_factory=Recording)
    stays_here: bool = False
    """The person wants it answered on this computer."""
    marks: dict[Mark, float] = field(default_factory=dict)
    gate: Gate = field(default_factory=lambda: NothingHeard())  # noqa: PLW0108 - defined below
    take: Take | None = None
    spool: Spool | None = None
    own_words: str | None = None
    """What its own take says; None: not known, or not yet."""
    heard_so_far: str = ""
    """The newest words of the take, while it is heard."""
    before: LiveTurn | None = None
    """A take released a moment ago whose words belong to this turn too."""
    is_carried: bool = False
    """Its words go with the next turn."""
    is_left: bool = False
    """Another session began while it was heard: its words are kept, and nobody answers them."""
    is_again: bool = False
    """Another try: its words were told before."""
    began: When = field(default_factory=lambda: days.now())  # noqa: PLW0108 - tests set another clock
    """When the person began to speak, or sent what they wrote."""
    text: str = ""
    at: float = 0.0
    """When the words were committed; 0: not yet."""
    offset_s: int | None = None
    """How far the person's clock was ahead of UTC then."""
    id: int | None = None
    """In the journal; None: not saved there yet."""
    continues: TurnRecord | None = None
    """The same turn up to where its answer was cut off; this one goes on with it."""
    answer: Answer | None = None
    answer_sound: AnswerSound | None = None
    """What is heard of it, where that is to be kept."""
    care: Response | None = None
    """What follows from the words for a person who may be in danger; None: nothing, or not looked at yet."""
    has_cared: bool = False
    """The words were looked at."""
    has_begun_before: bool = False
    """An earlier try has said the written words with which the answer begins."""
    record: TurnRecord | None = None
    has_slept: bool = False
    """The computer slept in the middle of it."""
    then: Callable[[], None] | None = None
    """What the person wants as soon as this turn is over."""
    record_task: asyncio.Task[None] | None = None
    spool_task: asyncio.Task[None] | None = None
    finish_task: asyncio.Task[None] | None = None
    save_task: asyncio.Task[None] | None = None
    answer_task: asyncio.Task[None] | None = None
    end_task: asyncio.Task[None] | None = None
    """Saves the turn once the answer is over or cancelled."""
    saves: list[asyncio.Task[None]] = field(default_factory=list)
    progressed_s: float = 0.0

    # -- what the two kinds do each in their way ------------------------------------------------------------

    def hear(self) -> None:
        """The gate has heard speech: the take goes to who hears it, from its first frame."""
        raise NotImplementedError

    async def finish(self) -> None:
        """Closes the microphone, waits for what is needed of the words, and tells the machine."""
        raise NotImplementedError

    def ask(self, previous: asyncio.Task[None] | None) -> None:
        """Has `text` answered; `previous` ends the turn before this one."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """Ends the answer; what was heard of it is saved."""
        raise NotImplementedError

    def prepare(self) -> None:
        """The turn is probably over: an answer may be asked for already."""

    def drop_prepared(self) -> None:
        """The person goes on."""

    def hearing_tasks(self) -> tuple[asyncio.Task[Any] | None, ...]:
        raise NotImplementedError

    # -- care -----------------------------------------------------------------------------------------------

    def take_care(self, words: str) -> None:
        """Looks at what the person said, once, before anybody is asked; help is shown at once."""
        if self.has_cared or not words:
            return
        shown, trusted = self.context.organs.help()
        response = self.session.care.hear(words, shown, trusted)
        self.has_cared = True
        self._follow_care(response)

    def raise_hand(self) -> None:
        """Whoever thinks says that somebody may be in danger."""
        if (response := self.session.care.raise_hand()) is not None:
            self._follow_care(response)

    def _follow_care(self, response: Response | None) -> None:
        self.care = response or self.care
        if response is not None and response.is_alarm:
            offered = CareOffered(
                turn=self.number,
                concern=response.concern,
                severity=response.severity,
                help=self.context.organs.help()[0],
            )
            self.context.events.emit(offered)
        elif response is not None and response.takes_back:
            self.context.events.emit(CareEased(turn=self.number))

    @property
    def beginning(self) -> str:
        """The written words with which its answer begins; empty where it goes on with one that was cut off."""
        return self.care.beginning if self.care is not None and self.continues is None else ""

    def player(self) -> Player:
        """Where its answer sounds."""
        player = self.context.organs.player()
        if not self.context.organs.keeps_sound().stays:
            return player
        self.answer_sound = AnswerSound(player)
        return self.answer_sound

    async def recall(self, words: str, *, by_voice: bool = False) -> tuple[Earlier, ...]:
        """What was said on other days; nothing where something grave was said, or the person does not want it."""
        session = self.session
        is_grave = self.care is not None and self.care.severity > Severity.CARE
        if is_grave or self.continues is not None or not (words or by_voice):
            return ()
        said = {turn.user_text for turn in session.history}
        began = min([turn.at for turn in session.history] + [self.at or self.began.at])
        context = Context(session_id=session.id, began=began, by_voice=by_voice)
        found = await self.context.organs.recall(words, context)
        return tuple(each for each in found if each.text not in said)

    # -- what is known of it --------------------------------------------------------------------------------

    def chain(self) -> list[LiveTurn]:
        """The takes whose words this turn carries, oldest first, and itself."""
        return [*(self.before.chain() if self.before is not None else ()), self]

    def spools(self) -> list[Spool]:
        """The sealed copies that may go once the words of this turn are committed."""
        return [each.spool for each in self.chain() if each.spool is not None and each.own_words is not None]

    @property
    def heard_speech(self) -> bool:
        return any(each.gate.heard_speech for each in self.chain())

    @property
    def take_s(self) -> float:
        """Length of the recordings whose words are not known."""
        return sum(each.recording.seconds for each in self.chain() if each.own_words is None)

    @property
    def has_words(self) -> bool:
        """It is known what was said."""
        return bool(self.text)

    @property
    def has_failed(self) -> bool:
        """Its answer is not whole, though nobody interrupted it; what came of it may still sound."""
        return self.answer is not None and self.answer.error is not None

    def mark(self, mark: Mark, *, again: bool = False) -> None:
        """Something happened now, for the first time in this turn or, of some, `again`."""
        if again or mark not in self.marks:
            self.marks[mark] = asyncio.get_running_loop().time()
            self.context.events.emit(TimelineMarked(turn=self.number, mark=mark, at_s=self.marks[mark]))

    def progressed(self) -> None:
        """Something new of the answer: its clock begins anew."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self.progressed_s >= PROGRESS_S:
            self.progressed_s = now_s
            self.context.feed(machine.Progressed(self.number))

    def timeline_ms(self) -> dict[str, float]:
        """Milliseconds after release (or after sending, for typed words)."""
        zero = self.marks.get(Mark.RELEASED, 0.0)
        marks = sorted(self.marks.items(), key=lambda item: item[1])
        return {mark.value: round((at - zero) * 1000, 1) for mark, at in marks}

    def recorded(self, engines: dict[str, str], cost_usd: float | None) -> TurnRecord:
        """The turn as it ended. Of an answer that went on: the times of its beginning, the cost of both parts."""
        answer, before = self.answer, self.continues
        if before is not None and before.cost_usd is not None:
            cost_usd = before.cost_usd + (cost_usd or 0.0)
        return TurnRecord(
            id=self.id or 0,
            session_id=self.session.id or 0,
            at=self.at,
            offset_s=self.offset_s,
            user_text=self.text,
            reply_text=answer.text if answer else before.reply_text if before else "",
            heard_text=answer.heard_text if answer else before.heard_text if before else "",
            reply_state=answer.state if answer else ReplyState.INTERRUPTED,
            reply_at=time.time(),
            engines=engines,
            timeline_ms=before.timeline_ms if before else self.timeline_ms(),
            cost_usd=cost_usd,
        )

    # -- the take -------------------------------------------------------------------------------------------

    def fail(self, error: CompanionError, role: Role | None = Role.HEARS) -> None:
        """Tells what went wrong; with a take, what helps is another recogniser."""
        if role is Role.HEARS:
            if error.kind is Kind.CUT_OFF:
                error = CompanionError(Kind.HEARING_FAILED, who=error.who, cause=error)
            own = {Action.ANSWER_OFFLINE: Action.HEAR_OFFLINE}
            error.actions = tuple(own.get(action, action) for action in error.actions)
        self.context.events.emit(Trouble(error=error, turn=self.number, role=role))

    async def listen(self) -> None:
        """Opens the microphone, unless the take is there already, and takes in all of its frames."""
        try:
            self.take = self.take or await self.context.organs.microphone().open()
        except CompanionError as error:
            self.fail(error)
            self.context.feed(machine.MicFailed(self.number))
            return
        self.context.events.emit(TakeOpened(is_open=True))
        self.mark(Mark.FIRST_FRAME)
        self.spool_task = spawn(self._seal(), name="seal take")
        self.context.feed(machine.MicOpened(self.number))
        try:
            await self._take_in(self.take)
        except CompanionError as error:
            self.fail(error)
            self.context.feed(machine.MicLost(self.number))  # what was said up to then is used
        finally:
            try:
                await self.take.close()
            finally:
                self.context.events.emit(TakeOpened(is_open=False))

    async def listen_again(self) -> None:
        """A kept recording passes the same gate as a take does."""
        for at, frame in enumerate(self.recording.frames):
            if self.gate.heard_speech:
                break
            self.gate.feed(frame)
            if at % _GATE_FRAMES == 0:
                await asyncio.sleep(0)
        self.recording.end()
        if self.gate.heard_speech:
            self.hear()

    async def _take_in(self, take: Take) -> None:
        is_heard = was_silent = False
        async for frame in take.frames():
            self.recording.add(frame)
            if not self.gate.heard_speech:  # it has said what it is for
                self.gate.feed(frame)
            if self.spool is not None:
                self.spool.write(frame)
            if not is_heard and self.gate.heard_speech:
                is_heard = True
                self.hear()
            count = len(self.recording.frames)
            if count % LEVEL_FRAMES == 0 and take.is_open:
                self.context.events.emit(LevelMeasured(level_db=take.level_db, is_input=True))
            if count == SILENT_FRAMES and take.is_silent:
                was_silent = True
                self.fail(CompanionError(Kind.MICROPHONE_SILENT))
            elif was_silent and not take.is_silent:
                was_silent = False
                self.context.events.emit(TroubleCleared(kinds=frozenset({Kind.MICROPHONE_SILENT})))

    async def _seal(self) -> None:
        """Starts the sealed copy of the take, from its first frame, as soon as the journal is open."""
        if self.context.organs.keeps_sound() is KeepSound.NEVER:
            return
        async with self.context.saver.journal_of(self.session) as journal:
            self.seal_in(journal)

    def seal_in(self, journal: Journal) -> None:
        """The sealed copy is in `journal` from now on; no await, so the recording goes on with the next frame."""
        spool = journal.spool()
        for frame in self.recording.frames:
            spool.write(frame)
        self.spool = spool

    async def end_take(self) -> None:
        """The microphone is closed and all that was said is in the recording."""
        if self.take is not None:
            await self.take.close()
        await over(self.record_task)
        self.recording.end()

    async def forget_silence(self) -> None:
        """The take holds no speech: it was not sent. One that was just recorded is not kept; a waiting one is."""
        is_new = self.take is not None
        is_silent = self.take is not None and self.take.is_silent
        was_told = is_silent and len(self.recording.frames) >= SILENT_FRAMES  # while the key was held
        if self.before is None and not was_told:
            hint = (
                "" if is_new else tr("It was not sent to anybody, and is kept among the waiting recordings.")
            )
            kind = Kind.MICROPHONE_SILENT if is_silent else Kind.HEARD_NOTHING
            self.fail(CompanionError(kind, hint=hint))
        if is_new:
            await self.forget()
        if self.before is None:
            self.context.events.emit(TakeDiscarded(turn=self.number))

    async def keep(self) -> None:
        """The recordings stay sealed on disk until their words are known; those without speech go."""
        for each in self.chain():
            await over(each.spool_task)
            if each.spool is None or each.own_words is not None:
                continue
            if each.take is not None and not each.gate.heard_speech:
                await each.forget()
            else:
                await self.context.saver.finish(each.spool, self.number)

    async def forget(self) -> None:
        """The recording of this take goes."""
        await stop(self.spool_task)
        spool, self.spool = self.spool, None
        if spool is not None:
            await self.context.saver.discard([spool], self)

    async def halt(self) -> None:
        """Ends recording and hearing of this take and of those it carries; what is sealed stays as it is."""
        for each in self.chain():
            each.drop_prepared()
            if each.take is not None:
                await each.take.close()
            await stop(each.record_task, *each.hearing_tasks(), each.finish_task)
            if each.take is not None:
                await each.take.close()  # it may have opened while it was being stopped

    # -- the end --------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """The app ends: what was said and heard is saved, as far as it is known within a few seconds."""
        self.drop_prepared()
        waiting = [task for task in (self.record_task, self.finish_task, self.end_task) if task is not None]
        if waiting:
            await asyncio.wait(waiting, timeout=3)
        await stop(*waiting, *self.hearing_tasks())

    async def finished(self) -> None:
        """The record of the turn is saved, or it is told that it is not."""
        assert self.record is not None
        is_saved = await self.context.saver.save(self)
        over = TurnFinished(turn=self.number, record=self.record, saved=is_saved, is_of_before=self.is_left)
        self.context.events.emit(over)
        await self.context.saver.keep_answer(self)

    async def saved(self) -> None:
        """All that was begun to be saved of it is."""
        waiting = [task for task in (self.save_task, *self.saves) if task is not None]
        if waiting:
            await asyncio.wait(waiting)


class NothingHeard:
    """The gate of a turn without a take: typed words need no speech model."""

    heard_speech = False
    pause_s = 0.0

    def feed(self, frame: bytes) -> None:
        """There is nothing to listen to."""


async def over(task: asyncio.Task[Any] | None) -> None:
    """Returns when `task` is done, however it ended."""
    if task is not None and not task.done():
        await asyncio.wait([task])
