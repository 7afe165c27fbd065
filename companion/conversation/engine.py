"""The impure half of the turn machine: carries out its commands with real organs and feeds back what happened.

In: presses, typed words. Out: events, journal entries, sound. Runs on the event loop's thread; every error of a turn is
caught here once and becomes a `Trouble`. What was said is sealed on disk while it is said and committed before it is sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from companion.conversation import turn as machine
from companion.conversation.hearing import Hearing
from companion.conversation.keeping import Keeping, KeptTake
from companion.conversation.live_turn import LiveTurn
from companion.conversation.prepared import Prepared
from companion.conversation.prompt import build_messages
from companion.conversation.recording import Recording
from companion.conversation.reply import Engines, Reply
from companion.errors import CompanionError
from companion.events import (
    DraftOffered,
    Events,
    Mark,
    PhaseChanged,
    TakeDiscarded,
    TimelineMarked,
    Trouble,
    TroubleCleared,
    TurnFinished,
)
from companion.flow import Message, ReplyState, Role, Sentence, TurnRecord, TurnSignal
from companion.ports import Gate, Journal, Microphone, Player, Take
from companion.practices import Practice, standing
from companion.tasks import spawn, stop

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Organs:
    """What the engine works with. Functions, because a choice may change between two turns."""

    microphone: Callable[[], Microphone]
    player: Callable[[], Player]
    gate: Callable[[], Gate]
    journal: Callable[[], Awaitable[Journal]]
    """Returns once the journal is open; in memory where it cannot be."""
    engines: Callable[[frozenset[Role]], Engines]
    """This turn's engines; the roles named stay on this computer, whatever is chosen."""
    limits: Callable[[], machine.Limits]
    review_first: Callable[[], bool]
    """Whether a transcript waits in the composer before it is sent."""


class Engine:
    """Drives conversations. One per app; `press`, `release`, `submit` and `cancel` are its buttons."""

    def __init__(self, organs: Organs, events: Events, practice: Practice) -> None:
        self.state = machine.State()
        self.history: list[TurnRecord] = []
        """Turns of this session, oldest first."""
        self.practice = practice
        self._organs = organs
        self.events = events
        self._turn: LiveTurn | None = None
        self._failed: LiveTurn | None = None
        """The last turn that wants another try: its take or its words are kept."""
        self._keeping = Keeping(organs.journal, events)
        self._keeping.begin(practice.name)
        self._hearing = Hearing(organs, events, self._keeping, self._work, self._mark)
        self._carried: LiveTurn | None = None
        self._utterance: Take | None = None
        """Began by itself, and waits to be taken."""
        self._ending: asyncio.Task[None] | None = None
        self._offline: frozenset[Role] = frozenset()
        self._timer: asyncio.TimerHandle | None = None

    # -- buttons --------------------------------------------------------------------------------------------

    def press(self) -> None:
        self._feed(machine.Press())

    def release(self) -> None:
        self._feed(machine.Release())

    def focus_lost(self) -> None:
        self._feed(machine.FocusLost())

    def cancel(self) -> None:
        """Discards a take unsent, or stops an answer."""
        self._feed(machine.Cancel())

    def submit(self, text: str) -> bool:
        """Sends typed words; False while a take is under way, so that the composer keeps them."""
        before = self.state.turn
        if text.strip():
            self._feed(machine.Submit(text.strip()))
        return self.state.turn != before

    def retry(self, offline: frozenset[Role] = frozenset()) -> None:
        """Tries again what failed last: hearing the take, answering the words, or saving. `offline` roles stay here."""
        spawn(self._keeping.save_again(), name="save again")
        failed = self._failed
        if failed is None:
            return
        self._offline = offline
        if failed.text:
            self._feed(machine.Submit(failed.text, again=True))
        else:
            self._feed(machine.Rehear(failed.recording.seconds))
        self._offline = frozenset()

    async def hear_waiting(self) -> None:
        """Takes up the oldest recording of an earlier run whose words are not known."""
        journal = await self._organs.journal()
        waiting = await journal.waiting_takes()
        if not waiting:
            return
        pcm = await journal.read_take(waiting[0].id)
        spool = KeptTake(journal, waiting[0].id)
        kept = LiveTurn(0, self._organs.engines(frozenset()), Recording(pcm), spool=spool)
        kept.gate = self._organs.gate()
        if not pcm:
            await spool.discard()
            return
        self._failed = kept
        self.retry()

    def begin(self, practice: Practice) -> None:
        """A new session; what is under way is stopped and saved."""
        self.cancel()
        self.practice, self.history, self._failed = practice, [], None
        self._keeping.begin(practice.name)
        self.tell_practice()

    def moved(self, sessions: Mapping[int, int], turns: Mapping[int, int]) -> None:
        """The journal changed: old ids -> new ids. Only between turns."""
        self._keeping.session_id = sessions.get(self._keeping.session_id or 0)
        if self._failed is not None and self._failed.id is not None:
            self._failed.id = turns.get(self._failed.id)

    async def settle(self) -> None:
        """Stops what is under way and returns once it is saved."""
        self.cancel()
        if self._ending is not None and not self._ending.done():
            await asyncio.wait([self._ending])

    async def close(self) -> None:
        """Stops everything; saves what was heard and said. Idempotent."""
        turn = self._turn
        self._feed(machine.Stop())
        if self._timer is not None:
            self._timer.cancel()
        if turn is not None:
            waiting = [t for t in (turn.record_task, turn.hear_task, turn.finish_task, turn.end_task) if t]
            if waiting:
                await asyncio.wait(waiting, timeout=3)
            await stop(*waiting)
        await self._keeping.save_again()

    # -- the machine ----------------------------------------------------------------------------------------

    def _feed(self, given: machine.Input) -> None:
        before, now_s = self.state, asyncio.get_running_loop().time()
        self.state, commands = machine.step(before, given, now_s, self._organs.limits())
        if self._turn is not None and self.state.closing_s is not None and before.closing_s is None:
            self._mark(self._turn, Mark.RELEASED, again=True)
        for command in commands:
            self._carry_out(command)
        if (self.state.phase, self.state.turn, self.state.latched) != (
            before.phase,
            before.turn,
            before.latched,
        ):
            self.events.emit(
                PhaseChanged(turn=self.state.turn, phase=self.state.phase, latched=self.state.latched)
            )
        self._wake()

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self.state.wake_s
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(at, self._feed, machine.Tick()) if at is not None else None

    def _carry_out(self, command: machine.Command) -> None:
        turn = self._turn
        match command:
            case machine.OpenMic():
                self._open(command.turn)
            case machine.TakeUtterance():
                self._open(command.turn, self._utterance)
            case machine.Prepare() if turn is not None:
                self._prepare(turn)
            case machine.DropPrepared() if turn is not None and turn.prepared is not None:
                spawn(turn.prepared.drop(), name="drop a prepared answer")
                turn.prepared = None
            case machine.RetryHearing():
                self._rehear(command.turn)
            case machine.Ask():
                self._ask(command)
            case machine.Fail():
                self._fail(CompanionError(command.kind), turn=command.turn)
            case machine.Carry():
                self._carried = turn
            case machine.Transcribe() if turn is not None:
                self._mark(turn, Mark.RELEASED)
                turn.finish_task = self._work(turn, self._finish_take(turn), "finish take")
            case machine.DiscardTake() if turn is not None:
                spawn(self._hearing.drop(turn, keep=False), name="discard take")
                self.events.emit(TakeDiscarded(turn=turn.number))
            case machine.KeepTake() if turn is not None:
                self._failed = turn
                spawn(self._hearing.drop(turn, keep=True), name="keep take")
            case machine.Flush() if turn is not None and turn.reply is not None:
                turn.reply.flush()
            case machine.CancelReply() if turn is not None and turn.answer_task is not None:
                turn.answer_task.cancel()

    def _work(self, turn: LiveTurn, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Starts work for a turn. An error nobody foresaw is reported and ends the turn, never leaves it hanging."""

        def ended(task: asyncio.Task[T]) -> None:
            if not task.cancelled() and task.exception() is not None:
                self._feed(machine.Broken(turn.number))

        task = spawn(work, name=name)
        task.add_done_callback(ended)
        return task

    def _fail(self, error: CompanionError, *, turn: int, role: Role | None = None) -> None:
        self.events.emit(Trouble(error=error, turn=turn, role=role))

    def _mark(self, turn: LiveTurn, mark: Mark, *, again: bool = False) -> None:
        if again or mark not in turn.marks:
            turn.marks[mark] = asyncio.get_running_loop().time()
            self.events.emit(TimelineMarked(turn=turn.number, mark=mark, at_s=turn.marks[mark]))

    # -- hearing --------------------------------------------------------------------------------------------

    def _open(self, number: int, utterance: Take | None = None) -> None:
        """Starts to hear a take: of the microphone, or an utterance that has begun by itself."""
        turn = LiveTurn(number, self._organs.engines(self._offline), Recording(), before=self._carried)
        turn.gate = self._organs.gate() if utterance is None else _SpeechForSure()
        turn.take, self._carried, self._utterance, self._turn = utterance, None, None, turn
        self.events.emit(TroubleCleared())
        self._mark(turn, Mark.PRESSED)
        turn.record_task = self._work(turn, self._record(turn), "record")

    async def _record(self, turn: LiveTurn) -> None:
        if not await self._hearing.open(turn):
            self._feed(machine.MicFailed(turn.number))
            return
        self._feed(machine.MicOpened(turn.number))
        if not await self._hearing.record(turn):  # what was said up to then is used
            self._feed(machine.MicLost(turn.number))

    async def _finish_take(self, turn: LiveTurn) -> str:
        """Closes the microphone, waits for the words and hands them to the machine; returns them."""
        if turn.take is not None:
            await turn.take.close()
        if turn.record_task is not None:
            await asyncio.wait([turn.record_task])
        own = await self._hearing.words(turn)
        if own is None:
            self._failed = turn
        before = await turn.before.finish_task if turn.before is not None and turn.before.finish_task else ""
        turn.text = " ".join(part for part in (before, own) if part)
        if turn.number != self.state.turn:  # carried: the next take brings these words with it
            return turn.text
        if turn.text and self._organs.review_first():
            for spool in turn.spools():
                await self._keeping.finish(spool, turn.number)
            self._keeping.unsent += turn.spools()
            self.events.emit(DraftOffered(turn=turn.number, text=turn.text))
            self._feed(machine.Heard(turn.number, ""))
        else:
            self._feed(machine.Heard(turn.number, turn.text))
        return turn.text

    def _rehear(self, number: int) -> None:
        kept = self._failed
        assert kept is not None
        self._failed = None
        turn = LiveTurn(number, self._organs.engines(self._offline), kept.recording, spool=kept.spool)
        turn.gate, turn.before, self._turn = kept.gate, kept.before, turn
        turn.recording.end()
        self.events.emit(TroubleCleared())
        self._mark(turn, Mark.RELEASED)
        self._hearing.start(turn)
        turn.finish_task = self._work(turn, self._finish_take(turn), "finish take")

    # -- hands-free -----------------------------------------------------------------------------------------

    def speech_began(self, utterance: Take) -> bool:
        """Somebody began to speak by themselves; False while the talk key is in use."""
        self._utterance = utterance
        self._feed(machine.SpeechBegan())
        is_taken, self._utterance = self._utterance is None, None
        return is_taken

    def speech_changed(self, utterance: Take, signal: TurnSignal, at_s: float) -> None:
        """The turn of `utterance` pauses, goes on or is over; a turn that was taken over means nothing any more."""
        turn = self._turn
        if turn is None or turn.take is not utterance:
            return
        match signal:
            case TurnSignal.EAGER_END:
                self._feed(machine.SpeechPaused(turn.number))
            case TurnSignal.RESUMED:
                self._feed(machine.SpeechResumed(turn.number))
            case TurnSignal.ENDED:
                turn.marks[Mark.RELEASED] = at_s
                self._feed(machine.SpeechEnded(turn.number))

    def _prepare(self, turn: LiveTurn) -> None:
        """Asks with the words so far, where there are any and nothing stands before them."""
        words = turn.heard_so_far.strip()
        if words and turn.prepared is None and turn.before is None and not self._organs.review_first():
            messages = self._messages(words)
            turn.prepared = Prepared(words, turn.engines.think(messages, self.practice.name))

    def _messages(self, words: str) -> tuple[Message, ...]:
        now = datetime.now().astimezone()
        return build_messages(self.practice, len(self.history), self.history, words, now=now)

    # -- answering ------------------------------------------------------------------------------------------

    def _ask(self, command: machine.Ask) -> None:
        turn = self._turn
        if turn is None or turn.number != command.turn:
            turn = LiveTurn(command.turn, self._organs.engines(self._offline), Recording())
            self._mark(turn, Mark.RELEASED)
        if command.again and self._failed is not None:
            turn.id, turn.at = self._failed.id, self._failed.at
            if self.history and self.history[-1] is self._failed.record:
                self.history.pop()
        turn.text = command.text
        self._turn, self._failed = turn, None
        self.events.emit(TroubleCleared())
        turn.save_task = spawn(
            self._keeping.save_user(turn), name="save words"
        )  # whatever becomes of the answer
        previous = self._ending
        turn.answer_task = self._work(turn, self._answer(turn, turn.save_task, previous), "answer")
        turn.end_task = self._ending = spawn(self._end(turn, turn.answer_task, previous), name="end turn")

    async def _answer(
        self, turn: LiveTurn, saving: asyncio.Task[None], previous: asyncio.Task[None] | None
    ) -> None:
        # what was heard of the turn before belongs into this prompt, and the words are committed before they are sent
        await asyncio.wait([saving, *([previous] if previous is not None else [])])
        prepared, turn.prepared = turn.prepared, None
        if prepared is not None and prepared.words == turn.text:
            turn.engines = replace(turn.engines, think=lambda *_: prepared.take())
        elif prepared is not None:
            await prepared.drop()
        turn.reply = self._reply(turn)
        await turn.reply.run(self._messages(turn.text), self.practice.name)

    async def _end(
        self, turn: LiveTurn, answer: asyncio.Task[None], previous: asyncio.Task[None] | None
    ) -> None:
        """Turns end in the order they began, each with what was heard of it; cancelling the answer does not skip this."""
        await asyncio.wait([answer, *([previous] if previous is not None else [])])
        if answer.cancelled() and turn.reply is not None:
            turn.reply.state = ReplyState.INTERRUPTED
        await self._finish(turn, is_interrupted=answer.cancelled())
        self._feed(machine.TurnOver(turn.number))

    def _reply(self, turn: LiveTurn) -> Reply:
        def keep(sentence: Sentence) -> None:
            turn.saves.append(spawn(self._keeping.save_sentence(turn, sentence), name="save sentence"))

        return Reply(
            turn=turn.number,
            engines=turn.engines,
            player=self._organs.player(),
            events=self.events,
            mark=lambda mark: self._mark(turn, mark),
            on_sentence=keep,
            on_sound=lambda: self._feed(machine.SoundStarted(turn.number)),
        )

    async def _finish(self, turn: LiveTurn, *, is_interrupted: bool) -> None:
        """What is left to do for a turn that ended, however it did."""
        waiting = [task for task in (turn.save_task, *turn.saves) if task is not None]
        if waiting:
            await asyncio.wait(waiting)
        reply = turn.reply
        turn.record = TurnRecord(
            id=turn.id or 0,
            session_id=self._keeping.session_id or 0,
            at=turn.at,
            user_text=turn.text,
            reply_text=reply.text if reply else "",
            heard_text=reply.heard_text if reply else "",
            reply_state=reply.state if reply else ReplyState.INTERRUPTED,
            reply_at=time.time(),
            engines=dict(turn.engines.names),
            timeline_ms=_timeline_ms(turn.marks),
            cost_usd=turn.engines.cost_usd(reply.usage) if reply and reply.usage else None,
        )
        self.history.append(turn.record)
        if not is_interrupted and (reply is None or reply.error is not None):
            self._failed = turn
        saved = await self._keeping.save(turn)
        self.events.emit(TurnFinished(turn=turn.number, record=turn.record, saved=saved))
        self.tell_practice()

    def tell_practice(self) -> None:
        """Emits where in which practice this session stands."""
        self.events.emit(standing(self.practice, len(self.history)))


class _SpeechForSure:
    """The gate of an utterance that speech itself began."""

    heard_speech = True
    pause_s = 0.0

    def feed(self, frame: bytes) -> None:
        """It was listened to before."""


def _timeline_ms(marks: dict[Mark, float]) -> dict[str, float]:
    """Milliseconds after release (or after sending, for typed words)."""
    zero = marks.get(Mark.RELEASED, 0.0)
    return {
        mark.value: round((at - zero) * 1000, 1)
        for mark, at in sorted(marks.items(), key=lambda item: item[1])
    }
