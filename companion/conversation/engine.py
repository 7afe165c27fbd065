"""The impure half of the turn machine: makes turns, has them do what the machine wants, and feeds back what happened.

In: presses, typed words. Out: events, journal entries, sound. A turn is written or spoken (`WrittenTurn`, `SpokenTurn`) as
the person chose when it began, and does its part itself; here is only what outlives a turn: sessions, and what can be tried
again or taken back. Runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from companion import days
from companion.care.wording import MAY_RAISE_A_HAND
from companion.conversation import turn as machine
from companion.conversation.driver import Driver
from companion.conversation.live_turn import LiveTurn, TurnContext, over
from companion.conversation.organs import Organs
from companion.conversation.prompt import messages_of
from companion.conversation.recording import Recording
from companion.conversation.session import Session
from companion.conversation.turn_maker import TurnMaker
from companion.conversation.turn_saver import KeptTake, Moved, TurnSaver
from companion.conversation.voice_link import VoiceLink
from companion.days import When
from companion.errors import CompanionError
from companion.events import (
    Events,
    Mark,
    Phase,
    PhaseLingers,
    SessionBegan,
    TakeDiscarded,
    Trouble,
    TroubleCleared,
)
from companion.flow import Message, TurnRecord, TurnSignal
from companion.kinds import TURN_ROLES, ReplyState, Role
from companion.ports import Journal, Take
from companion.practices import Practice, standing
from companion.tasks import spawn

__all__ = ["Engine", "Organs"]
UNDO_S = 10.0
"""How long a take that was thrown away can be taken back."""


class Engine(Driver):
    """Drives conversations. One per app."""

    def __init__(self, organs: Organs, events: Events, practice: Practice) -> None:
        super().__init__(organs, events)
        self._saver = TurnSaver(organs.journal, events, organs.keeps_sound)
        self._context = TurnContext(
            organs=organs,
            events=events,
            saver=self._saver,
            feed=self._feed,
            work=self._work,
            wants_retry=self._wants_retry,
            is_over=self._over,
        )
        self._turns = TurnMaker(organs, self._context, practice, self._end_link)
        self._failed: LiveTurn | None = None
        """The last turn that wants another try: its take or its words are kept."""
        self._thrown: LiveTurn | None = None
        """The take that was thrown away last, as long as it can be taken back."""
        self._thrown_timer: asyncio.TimerHandle | None = None
        self._carried: LiveTurn | None = None
        self._utterance: Take | None = None
        """Began by itself, and waits to be taken."""
        self._ending: asyncio.Task[None] | None = None
        self._aside: set[asyncio.Task[Any]] = set()
        """What is still to be done for turns that are left; the end of the app waits for it."""
        self._left: set[LiveTurn] = set()

    @property
    def practice(self) -> Practice:
        return self._turns.session.practice

    @property
    def session(self) -> Session:
        return self._turns.session

    @property
    def history(self) -> list[TurnRecord]:
        return self._turns.session.history

    # -- buttons --------------------------------------------------------------------------------------------

    def retry(self, offline: frozenset[Role] = frozenset()) -> None:
        """Tries again what failed last: hearing the take, answering the words, or saving. `offline` roles stay here."""
        failed = self._failed
        if failed is None:
            self._set_aside(self._saver.save_again(), "save again")
            if self._fails_aloud is not None:
                self._fails_aloud.then = lambda: self.retry(offline)
                self.cancel()
            return
        is_one = bool(offline) and self._turns.link() is not None  # who does all three in one stays out
        self._turns.offline = frozenset(TURN_ROLES) if is_one else offline
        if failed.has_words:
            self._feed(machine.Submit(failed.text, again=True))
        else:
            self._feed(machine.Rehear(failed.take_s))
        self._turns.offline = frozenset()

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

    def undo_discard(self) -> bool:
        """The take that was thrown away is heard after all; False when it is too late."""
        thrown = self._take_thrown()
        if thrown is None:
            return False
        if self.state.phase in (Phase.ARMING, Phase.LISTENING) and self._turn is not None:
            self._turn.chain()[0].before = self._start_again(thrown)  # it belongs to what is being said now
        elif self.state.phase is Phase.TRANSCRIBING:
            self._set_aside(thrown.keep(), "keep a take")
        else:
            self._failed = thrown
            self.retry()
        return True

    def forget_draft(self) -> None:
        """Heard words that waited to be read were thrown away: their recordings go too."""
        spools, self._saver.unsent[:] = tuple(self._saver.unsent), []
        self._set_aside(self._saver.discard(spools), "forget a draft")

    def renew(self) -> None:
        """What is kept open between turns is opened anew."""
        self._turns.renew_connection()

    def slept(self) -> bool:
        """The computer slept, or is about to. What is under way is kept as far as it came; False: nothing was."""
        turn, is_take = self._turn, self.state.phase in (Phase.ARMING, Phase.LISTENING)
        if turn is not None and is_take and not turn.gate.heard_speech:
            self.cancel()
        if self._turn is None or self.state.phase is Phase.READY:
            return False
        self._turn.has_slept = True
        self._feed(machine.Slept())
        return True

    async def hear_waiting(self, take_id: str = "") -> None:
        """Takes up a recording whose words are not known, by default the oldest.

        Raises:
            CompanionError: it cannot be read.
        """
        async with self._saver.journal_of(Session(self.practice)) as journal:
            waiting = [take.id for take in await journal.waiting_takes() if take_id in ("", take.id)]
            if not waiting:
                return
            pcm, spool = await journal.read_take(waiting[0]), KeptTake(journal, waiting[0])
        if not pcm:
            await spool.discard()
            return
        self._begin_anew_if_due()
        kept = self._turns.written(0, Recording(pcm))
        kept.spool, kept.gate = spool, self._organs.gate()
        self._failed = kept
        self.retry()

    def next_question(self) -> tuple[Message, ...]:
        """What a model will be sent next, as far as it is known before the person has spoken."""
        return messages_of(self._turns.session, "", more=MAY_RAISE_A_HAND)

    # -- sessions -------------------------------------------------------------------------------------------

    def begin(self, practice: Practice) -> None:
        """A new session. What is being said or heard is kept in the one it was said in; an answer is silenced."""
        self.go_on_in(Session(practice))

    def go_on_in(self, session: Session) -> None:
        """As `begin`, in a session in which something may have been said before."""
        self._feed(machine.Leave())
        self._begin_session(session)

    def leave(self, journal: Journal, session_ids: Collection[int]) -> None:
        """What is said from now on belongs to none of these, and nobody is told what was said in them."""
        if self._turns.session.journal is journal and self._turns.session.id in session_ids:
            self.begin(self.practice)

    def recall_anew(self, journal: Journal, change: Callable[[TurnRecord], TurnRecord | None]) -> None:
        """What is known of earlier turns in this journal is changed, or forgotten where `change` gives None."""
        session = self._turns.session
        if session.journal is journal and session.recall_anew(change):
            self._turns.begin(session)  # a voice model that remembers it otherwise is left
            self.tell_practice()

    def _begin_session(self, session: Session) -> None:
        """What begins from now on belongs to another session; turns under way stay in theirs."""
        self._failed = None
        self._turns.begin(session)
        self.events.emit(SessionBegan(turns=tuple(session.history)))
        self.tell_practice()

    def _begin_anew_if_due(self) -> None:
        """New words on another day than the last, or after long silence, begin another session of the same practice."""
        turn, last = self._turn, self._turns.session.last_words
        if turn is not None and turn.at and turn.session is self._turns.session:
            last = When.of(turn.at, turn.offset_s)
        if last is not None and days.begins_anew(last, days.now()):
            self._begin_session(Session(self.practice))

    def leave_session(self) -> None:
        """What is said from now on is kept in the journal that is open then; the conversation goes on."""
        self._failed = None
        self._turns.begin(self._turns.session.kept_elsewhere())

    def moved(self, before: Journal, after: Journal, moved: Moved) -> None:
        """All of the journal `before` is in `after` now. Nobody writes meanwhile."""
        self._saver.session_moved(self._turns.session, before, after, moved)
        self._saver.moved(before, after, moved)

    def tell_practice(self) -> None:
        """Emits where in which practice this session stands."""
        self.events.emit(standing(self.practice, [turn.user_text for turn in self.history]))

    def _end_link(self, link: VoiceLink) -> None:
        self._set_aside(_close(link, self._ending, *self._aside), "leave the conversation")

    # -- the end --------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Returns once what was under way has ended and is saved, also what was left behind."""
        await over(self._ending)
        while self._aside:
            await asyncio.wait(self._aside)

    async def close(self) -> None:
        """Stops everything; saves what was heard and said. Idempotent."""
        turn = self._turn
        self._feed(machine.Stop())
        self._stop_timer()
        left = tuple(self._left)
        for each in (turn, *left):
            if each is not None:
                await each.close()
        for each in left:
            await each.keep()
        if (thrown := self._take_thrown()) is not None:
            await _forget(thrown)
        self._turns.leave_link()
        await self.settle()
        await self._saver.close()

    # -- the machine ----------------------------------------------------------------------------------------

    def _carry_out(self, command: machine.Command) -> None:
        turn = self._turn
        match command:
            case machine.OpenMic():
                self._open(command.turn, None)
            case machine.TakeUtterance():
                self._open(command.turn, self._utterance)
            case machine.RetryHearing():
                self._rehear(command.turn)
            case machine.Ask():
                self._ask(command)
            case machine.Fail():
                self.events.emit(Trouble(error=CompanionError(command.kind), turn=command.turn))
            case machine.Tell():
                lingers = PhaseLingers(
                    turn=command.turn,
                    phase=command.phase,
                    lasted_s=command.lasted_s,
                    left_s=command.left_s,
                )
                self.events.emit(lingers)
            case _ if turn is not None:
                self._carry_out_for(turn, command)

    def _carry_out_for(self, turn: LiveTurn, command: machine.Command) -> None:
        match command:
            case machine.Prepare():
                turn.prepare()
            case machine.DropPrepared():
                turn.drop_prepared()
            case machine.Carry():
                turn.is_carried, self._carried = True, turn
            case machine.Transcribe():
                turn.mark(Mark.RELEASED)
                turn.finish_task = self._work(turn, turn.finish(), "finish take")
            case machine.KeepWords():
                turn.is_left = True
                self._leave(turn)
            case machine.DiscardTake():
                self._discard(turn, on_purpose=command.on_purpose)
            case machine.KeepTake():
                self._failed = turn
                self._set_aside(_keep(turn), "keep take")
            case machine.Flush() if turn.answer is not None:
                turn.answer.read_on() if command.goes_on else turn.answer.flush()
            case machine.CancelReply():
                turn.interrupt()

    def _phase_changed(self) -> None:
        self._turns.is_idle(is_idle=self.state.phase is Phase.READY)

    def _broke(self, turn: LiveTurn) -> None:
        super()._broke(turn)
        if turn is not self._turn and turn.finish_task is not None:  # it was carried or left
            self._set_aside(_keep(turn), "keep take")

    # -- turns ----------------------------------------------------------------------------------------------

    def _open(self, number: int, utterance: Take | None) -> None:
        """Starts to hear a take: of the microphone, or an utterance that has begun by itself."""
        if self._carried is None:  # else it belongs to the take before
            self._begin_anew_if_due()
        turn = self._turns.take(number, self._carried)
        turn.gate = self._organs.gate() if utterance is None else _SpeechForSure()
        turn.before, turn.take = self._carried, utterance
        self._carried, self._utterance, self._turn = None, None, turn
        self.events.emit(TroubleCleared())
        turn.mark(Mark.PRESSED)
        turn.record_task = self._work(turn, turn.listen(), "record")

    def _rehear(self, number: int) -> None:
        kept, self._failed = self._failed, None
        assert kept is not None
        self._forget(kept)
        self._turn = turn = self._start_again(kept, number)
        turn.is_carried = False
        self.events.emit(TroubleCleared())
        turn.mark(Mark.RELEASED)

    def _start_again(self, kept: LiveTurn, number: int = 0) -> LiveTurn:
        """The recordings of `kept` whose words are not known are heard anew; the words of the others stay."""
        turn = self._turns.again(kept, number)
        turn.spool, turn.gate, turn.is_carried, turn.began = kept.spool, kept.gate, True, kept.began
        if kept.before is not None:
            is_known = kept.before.own_words is not None and kept.before.before is None
            turn.before = kept.before if is_known else self._start_again(kept.before)
        turn.own_words = kept.own_words
        if kept.own_words is None:
            turn.record_task = self._work(turn, turn.listen_again(), "listen to the recording")
        turn.finish_task = self._work(turn, turn.finish(), "finish take")
        return turn

    def _ask(self, command: machine.Ask) -> None:
        turn, failed = self._turn, self._failed
        is_new = turn is None or turn.number != command.turn
        if is_new and not command.again:
            self._begin_anew_if_due()
        turn = self._turns.turn(command.turn) if turn is None or is_new else self._turns.answered_aloud(turn)
        if turn is not self._turn:
            turn.mark(Mark.RELEASED)
        turn.text = command.text
        if command.again and failed is not None:
            turn.id, turn.at, turn.offset_s, turn.is_again = failed.id, failed.at, failed.offset_s, True
            turn.began = failed.began
            turn.session, turn.spool, turn.own_words = failed.session, failed.spool, command.text
            turn.before = turn.before or failed.before
            turn.continues = failed.record if command.goes_on else None
            turn.care, turn.has_cared = failed.care, failed.has_cared
            heard = failed.record.heard_text if failed.record is not None else ""
            turn.has_begun_before = bool(turn.beginning) and turn.beginning in heard
            self._forget(failed)
        self._turn, self._failed = turn, None
        self.events.emit(TroubleCleared())
        previous = self._ending
        turn.ask(previous)
        self._ending = turn.end_task

    def _forget(self, failed: LiveTurn) -> None:
        """It is tried again, so nobody is told of the first attempt, and it is not saved any more."""
        self._saver.replaced(failed)
        if failed.record is not None and failed.record in failed.session.history:
            failed.session.history.remove(failed.record)

    def _wants_retry(self, turn: LiveTurn) -> None:
        if turn.session is self._turns.session:
            self._failed = turn

    def _over(self, turn: LiveTurn) -> None:
        self._feed(machine.TurnOver(turn.number))
        if turn.session is self._turns.session:
            self.tell_practice()
        if turn.then is not None:
            turn.then()

    # -- takes that go --------------------------------------------------------------------------------------

    def _discard(self, turn: LiveTurn, *, on_purpose: bool) -> None:
        thrown = turn
        if turn.before is not None and turn.finish_task is None:  # what it carries is heard all the same
            self._turn = rest = self._turns.like(turn)
            rest.before, turn.before = turn.before, None
        can_undo = on_purpose and thrown.heard_speech
        self._forget_thrown()
        if can_undo:
            self._thrown = thrown
            self._set_aside(thrown.halt(), "stop a take")
            loop = asyncio.get_running_loop()
            self._thrown_timer = loop.call_later(UNDO_S, self._forget_thrown)
        else:
            self._set_aside(_forget(thrown), "discard take")
        self.events.emit(TakeDiscarded(turn=turn.number, can_undo=can_undo))

    def _take_thrown(self) -> LiveTurn | None:
        thrown, self._thrown = self._thrown, None
        if self._thrown_timer is not None:
            self._thrown_timer.cancel()
            self._thrown_timer = None
        return thrown

    def _forget_thrown(self) -> None:
        if (thrown := self._take_thrown()) is not None:
            self._set_aside(_forget(thrown), "discard take")

    def _leave(self, turn: LiveTurn) -> None:
        self._left.add(turn)
        if turn.finish_task is not None:
            turn.finish_task.add_done_callback(lambda _: self._left.discard(turn))
            self._aside.add(turn.finish_task)
            turn.finish_task.add_done_callback(self._aside.discard)

    def _set_aside(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Work that belongs to no turn any more; the end of the app waits for it."""
        task = spawn(work, name=name)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

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

    @property
    def _fails_aloud(self) -> LiveTurn | None:
        """The turn whose answer has failed and is still being spoken as far as it came."""
        turn = self._turn
        is_answering = self.state.phase in (Phase.THINKING, Phase.SPEAKING)
        return turn if turn is not None and is_answering and turn.has_failed else None


class _SpeechForSure:
    """The gate of an utterance that speech itself began."""

    heard_speech = True
    pause_s = 0.0

    def feed(self, frame: bytes) -> None:
        """It was listened to before."""


async def _keep(turn: LiveTurn) -> None:
    await turn.halt()
    await turn.keep()


async def _forget(turn: LiveTurn) -> None:
    await turn.halt()
    for each in turn.chain():
        await each.forget()


async def _close(link: VoiceLink, *after: asyncio.Task[Any] | None) -> None:
    """Words of turns that are ending may still come, and belong into the session before."""
    for task in after:
        await over(task)
    await link.close()
