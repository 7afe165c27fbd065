"""The impure half of the turn machine: carries out its commands with real organs and feeds back what happened.

In: presses, typed words. Out: events, journal entries, sound. Runs on the event loop's thread; every error of a turn is
caught here once and becomes a `Trouble`. What was said is sealed on disk while it is said and committed before it is sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from companion.conversation import turn as machine
from companion.conversation.driver import Driver, Organs
from companion.conversation.hearing import Hearing
from companion.conversation.keeping import Keeping, KeptTake, discard
from companion.conversation.live_turn import LiveTurn
from companion.conversation.prepared import Prepared
from companion.conversation.prompt import build_messages
from companion.conversation.recording import Recording
from companion.conversation.reply import Reply
from companion.conversation.seam import going_on, kept_of
from companion.errors import CompanionError
from companion.events import (
    DraftOffered,
    Events,
    Mark,
    Phase,
    PhaseLingers,
    ReplyContinued,
    TakeDiscarded,
    Trouble,
    TroubleCleared,
    TurnFinished,
)
from companion.flow import Message, ReplyState, Role, Sentence, TurnRecord, TurnSignal
from companion.ports import Take
from companion.practices import Practice, standing
from companion.tasks import spawn, stop

__all__ = ["Engine", "Organs"]


class Engine(Driver):
    """Drives conversations whose parts are done by three engines. One per app."""

    def __init__(self, organs: Organs, events: Events, practice: Practice) -> None:
        super().__init__(organs, events)
        self.history: list[TurnRecord] = []
        """Turns of this session, oldest first."""
        self.practice = practice
        self._failed: LiveTurn | None = None
        """The last turn that wants another try: its take or its words are kept."""
        self._keeping = Keeping(organs.journal, events, practice.name, None)
        self._hearing = Hearing(organs, events, self._work, self._speech_heard)
        self._carried: LiveTurn | None = None
        self._utterance: Take | None = None
        """Began by itself, and waits to be taken."""
        self._ending: asyncio.Task[None] | None = None
        self._offline: frozenset[Role] = frozenset()

    # -- buttons --------------------------------------------------------------------------------------------

    def retry(self, offline: frozenset[Role] = frozenset()) -> None:
        """Tries again what failed last: hearing the take, answering the words, or saving. `offline` roles stay here."""
        spawn(self._keeping.save_again(), name="save again")
        failed = self._failed
        if failed is None:
            if self._fails_aloud is not None:
                self._fails_aloud.then = lambda: self.retry(offline)
                self.cancel()
            return
        self._offline = offline
        if failed.has_words:
            self._feed(machine.Submit(failed.text, again=True))
        else:
            self._feed(machine.Rehear(failed.recording.seconds))
        self._offline = frozenset()

    def go_on(self) -> None:
        """Asks for the rest of an answer that was cut off; it joins what is there."""
        failed = self._failed
        if self._fails_aloud is not None:  # first what there is of it is said
            self._fails_aloud.then = self.go_on
            return
        if failed is None:
            return
        record = failed.record
        is_cut = record is not None and record.reply_state is ReplyState.CUT_OFF
        if record is not None and (is_cut or (failed.has_slept and record.heard_text)):
            self._feed(machine.Submit(failed.text, again=True, goes_on=True))
        elif failed.has_slept:  # nothing of an answer had come
            self.retry()

    def forget_draft(self) -> None:
        """Heard words that waited to be read were thrown away: their recordings go too."""
        spools, self._keeping.unsent[:] = tuple(self._keeping.unsent), []
        spawn(discard(spools), name="forget a draft")

    def renew(self) -> None:
        """What is kept open between turns is opened anew."""

    def slept(self) -> bool:
        """The computer slept, or is about to. What is under way is kept as far as it came; False: nothing was."""
        turn, phase = self._turn, self.state.phase
        if turn is None or phase is Phase.READY:
            return False
        is_take = phase in (Phase.ARMING, Phase.LISTENING)
        if is_take and not turn.gate.heard_speech:
            self.cancel()
            return False
        turn.has_slept = True
        self._feed(machine.Slept())
        return True

    @property
    def _fails_aloud(self) -> LiveTurn | None:
        """The turn whose answer has failed and is still being spoken as far as it came."""
        turn = self._turn
        is_answering = self.state.phase in (Phase.THINKING, Phase.SPEAKING)
        return turn if turn is not None and is_answering and turn.has_failed else None

    async def hear_waiting(self, take_id: str = "") -> None:
        """Takes up a recording whose words are not known, by default the oldest."""
        journal = await self._organs.journal()
        waiting = [take.id for take in await journal.waiting_takes() if take_id in ("", take.id)]
        if not waiting:
            return
        pcm = await journal.read_take(waiting[0])
        spool = KeptTake(journal, waiting[0])
        kept = self._plain_turn(0, Recording(pcm))
        kept.spool, kept.gate = spool, self._organs.gate()
        if not pcm:
            await spool.discard()
            return
        self._failed = kept
        self.retry()

    def begin(self, practice: Practice) -> None:
        """A new session; what is under way is stopped and saved."""
        self.cancel()
        self.practice, self.history, self._failed = practice, [], None
        self._keeping = Keeping(self._organs.journal, self.events, practice.name, self._keeping)
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
        self._stop_timer()
        if turn is not None:
            waiting = [t for t in (turn.record_task, turn.hear_task, turn.finish_task, turn.end_task) if t]
            if waiting:
                await asyncio.wait(waiting, timeout=3)
            await stop(*waiting)
        await self._keeping.save_again()

    # -- the machine ----------------------------------------------------------------------------------------

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
                self.events.emit(Trouble(error=CompanionError(command.kind), turn=command.turn))
            case machine.Tell():
                lingers = PhaseLingers(turn=command.turn, phase=command.phase, left_s=command.left_s)
                self.events.emit(lingers)
            case machine.Carry():
                self._carried = turn
            case machine.Transcribe() if turn is not None:
                turn.mark(Mark.RELEASED)
                turn.finish_task = self._work(turn, self._finish_take(turn), "finish take")
            case machine.DiscardTake() if turn is not None:
                spawn(self._drop(turn, keep=False), name="discard take")
                self.events.emit(TakeDiscarded(turn=turn.number))
            case machine.KeepTake() if turn is not None:
                self._failed = turn
                spawn(self._drop(turn, keep=True), name="keep take")
            case machine.Flush() if turn is not None:
                self._flush(turn)
            case machine.CancelReply() if turn is not None and turn.answer_task is not None:
                self._cancel_answer(turn, turn.answer_task)

    def _plain_turn(self, number: int, recording: Recording) -> LiveTurn:
        return LiveTurn(
            number,
            self._organs.engines(self._offline),
            recording,
            events=self.events,
            keeping=self._keeping,
            history=self.history,
            stays_here=bool(self._offline),
        )

    def _new_turn(self, number: int, recording: Recording) -> LiveTurn:
        """A turn that this engine answers."""
        return self._plain_turn(number, recording)

    # -- hearing --------------------------------------------------------------------------------------------

    def _open(self, number: int, utterance: Take | None = None) -> None:
        """Starts to hear a take: of the microphone, or an utterance that has begun by itself."""
        turn = self._heard_turn(number)
        turn.gate = self._organs.gate() if utterance is None else _SpeechForSure()
        turn.before, turn.take = self._carried, utterance
        self._carried, self._utterance, self._turn = None, None, turn
        self.events.emit(TroubleCleared())
        turn.mark(Mark.PRESSED)
        turn.record_task = self._work(turn, self._record(turn), "record")

    def _heard_turn(self, number: int) -> LiveTurn:
        """A turn for a take that begins now."""
        return self._plain_turn(number, Recording())

    def _speech_heard(self, turn: LiveTurn) -> None:
        self._hearing.start(turn)

    async def _drop(self, turn: LiveTurn, *, keep: bool) -> None:
        await self._hearing.drop(turn, keep=keep)

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
                await turn.keeping.finish(spool, turn.number)
            turn.keeping.unsent += turn.spools()
            self.events.emit(DraftOffered(turn=turn.number, text=turn.text))
            self._feed(machine.Heard(turn.number, ""))
        else:
            self._feed(machine.Heard(turn.number, turn.text))
        return turn.text

    def _rehear(self, number: int) -> None:
        kept = self._failed
        assert kept is not None
        self._failed = None
        turn = self._plain_turn(number, kept.recording)
        turn.spool, turn.gate, turn.before, self._turn = kept.spool, kept.gate, kept.before, turn
        turn.recording.end()
        self.events.emit(TroubleCleared())
        turn.mark(Mark.RELEASED)
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

    def _messages(self, words: str, kept: str = "") -> tuple[Message, ...]:
        """What the model is sent; `kept` is the beginning of an answer that it is to go on with."""
        now = datetime.now().astimezone()
        messages = build_messages(self.practice, len(self.history), self.history, words, now=now)
        return going_on(messages, kept) if kept.strip() else messages

    # -- answering ------------------------------------------------------------------------------------------

    def _ask(self, command: machine.Ask) -> None:
        turn = self._turn
        if turn is None or turn.number != command.turn:
            turn = self._plain_turn(command.turn, Recording())
            turn.mark(Mark.RELEASED)
        turn.text = command.text
        self._begin_answer(turn, command)
        # Not the turn's own work: they are saved whatever becomes of the answer.
        turn.save_task = spawn(turn.keeping.save_user(turn), name="save words")
        previous = self._ending
        turn.answer_task = self._work(turn, self._answer(turn, turn.save_task, previous), "answer")
        turn.end_task = self._ending = spawn(self._end(turn, turn.answer_task, previous), name="end turn")

    def _begin_answer(self, turn: LiveTurn, command: machine.Ask) -> None:
        """`turn` is the one now; where its words were asked before, it takes the place of that attempt."""
        failed = self._failed
        if command.again and failed is not None:
            turn.id, turn.at = failed.id, failed.at
            turn.continues = failed.record if command.goes_on else None
            self._forget(failed)
        self._turn, self._failed = turn, None
        self.events.emit(TroubleCleared())

    def _forget(self, failed: LiveTurn) -> None:
        """It is tried again, so nobody is told of the first attempt."""
        if self.history and self.history[-1] is failed.record:
            self.history.pop()

    async def _answer(
        self, turn: LiveTurn, saving: asyncio.Task[None], previous: asyncio.Task[None] | None
    ) -> None:
        # What was heard of the turn before belongs into this prompt, and the words are committed before they are sent.
        kept = kept_of(turn.continues.heard_text) if turn.continues is not None else ""
        is_alone = previous is None or previous.done()
        messages = self._messages(turn.text, kept) if is_alone else ()  # while the words are being committed
        await asyncio.wait([saving, *([previous] if previous is not None else [])])
        prepared, turn.prepared = turn.prepared, None
        if prepared is not None and prepared.words == turn.text:
            turn.engines = replace(turn.engines, think=lambda *_: prepared.take())
        elif prepared is not None:
            await prepared.drop()
        if turn.continues is not None:
            await turn.keeping.reopen(turn, kept)
            self.events.emit(ReplyContinued(turn=turn.number, text=kept))
        turn.reply = self._reply(turn, kept)
        await turn.reply.run(messages or self._messages(turn.text, kept), self.practice.name)

    async def _end(
        self, turn: LiveTurn, answer: asyncio.Task[None], previous: asyncio.Task[None] | None
    ) -> None:
        """Turns end in the order they began, each with what was heard of it; cancelling the answer does not skip this."""
        await asyncio.wait([answer, *([previous] if previous is not None else [])])
        if answer.cancelled() and turn.reply is not None:
            turn.reply.state = ReplyState.INTERRUPTED
        await self._finish(turn, is_interrupted=answer.cancelled())
        self._over(turn)

    def _over(self, turn: LiveTurn) -> None:
        self._feed(machine.TurnOver(turn.number))
        if turn.then is not None:
            turn.then()

    def _reply(self, turn: LiveTurn, kept: str) -> Reply:
        def keep(sentence: Sentence) -> None:
            turn.saves.append(spawn(turn.keeping.save_sentence(turn, sentence), name="save sentence"))

        return Reply(
            turn=turn.number,
            engines=turn.engines,
            player=self._organs.player(),
            events=self.events,
            mark=turn.mark,
            on_sentence=keep,
            on_sound=lambda: self._feed(machine.SoundStarted(turn.number)),
            kept=kept,
        )

    def _flush(self, turn: LiveTurn) -> None:
        if turn.reply is not None:
            turn.reply.flush()

    def _cancel_answer(self, turn: LiveTurn, answering: asyncio.Task[None]) -> None:
        answering.cancel()

    async def _finish(self, turn: LiveTurn, *, is_interrupted: bool) -> None:
        """What is left to do for a turn that ended, however it did."""
        waiting = [task for task in (turn.save_task, *turn.saves) if task is not None]
        if waiting:
            await asyncio.wait(waiting)
        turn.record = _recorded(turn)
        turn.history.append(turn.record)
        is_bad = (not is_interrupted or turn.then) and (turn.reply is None or turn.has_failed)
        if is_bad or turn.has_slept:
            self._failed = turn
        saved = await turn.keeping.save(turn)
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


def _recorded(turn: LiveTurn) -> TurnRecord:
    """The turn as it ended. Of an answer that went on: the times of its beginning, the cost of both parts."""
    reply, before = turn.reply, turn.continues
    cost_usd = turn.engines.cost_usd(reply.usage) if reply and reply.usage else None
    if before is not None and before.cost_usd is not None:
        cost_usd = before.cost_usd + (cost_usd or 0.0)
    return TurnRecord(
        id=turn.id or 0,
        session_id=turn.keeping.session_id or 0,
        at=turn.at,
        user_text=turn.text,
        reply_text=reply.text if reply else before.reply_text if before else "",
        heard_text=reply.heard_text if reply else before.heard_text if before else "",
        reply_state=reply.state if reply else ReplyState.INTERRUPTED,
        reply_at=time.time(),
        engines=dict(turn.engines.names),
        timeline_ms=before.timeline_ms if before else turn.timeline_ms(),
        cost_usd=cost_usd,
    )
