"""The engine for a vendor that hears and answers in one go: the same buttons, events and journal as `engine.py`.

A take is sealed on disk while it is recorded and sent while it is spoken. Its answer is asked for the moment it ends, so
here the words come after the sound was sent: they are committed as soon as they are known, the sentences of the answer
after them, and the recording goes only then. Typed words are committed before they are sent. Runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, TypeVar

from companion.conversation import turn as machine
from companion.conversation.engine import Organs
from companion.conversation.keeping import Keeping, discard
from companion.conversation.line import Line
from companion.conversation.prompt import build_messages
from companion.conversation.recording import Recording
from companion.conversation.spoken import SpokenAnswer, SpokenTurn, over
from companion.errors import CompanionError, Kind
from companion.events import (
    Events,
    LevelMeasured,
    Mark,
    Phase,
    PhaseChanged,
    PracticeChanged,
    TakeDiscarded,
    Trouble,
    TroubleCleared,
    TurnFinished,
)
from companion.flow import Message, ReplyState, Role, Speaker, Transcript, TurnRecord
from companion.ports import Conversation, SpeechToSpeech, Told
from companion.practices import Practice
from companion.tasks import spawn, stop

T = TypeVar("T")
SPOKEN = "(spoken)"
"""What the turn machine is told was said, since the words come later."""
KEEP_OPEN_S = 300.0
"""A conversation nobody goes on with is closed; the next take opens one that is told what was said."""
_ONLINE_ONLY = "A spoken conversation cannot go on offline."
_HINT = "Choose separate engines in the settings. What you said is kept."
_LEVEL_FRAMES = 2
_SILENT_FRAMES = 125
"""Digital silence for 2.5 s means a muted microphone."""
_log = logging.getLogger(__name__)


class RealtimeEngine:
    """Drives spoken conversations. `press`, `release`, `submit` and `cancel` are its buttons."""

    def __init__(
        self,
        organs: Organs,
        events: Events,
        practice: Practice,
        vendor: Callable[[], Awaitable[SpeechToSpeech]],
    ) -> None:
        """`vendor()` is asked whenever a conversation is opened. A take cannot be reviewed before it is sent."""
        self.state = machine.State()
        self.history: list[TurnRecord] = []
        """Turns of this session, oldest first."""
        self.practice = practice
        self._organs = organs
        self._events = events
        self._vendor = vendor
        self._line, self._keeping = self._new_line(), self._new_keeping()
        self._turn: SpokenTurn | None = None
        self._failed: SpokenTurn | None = None
        self._carried: SpokenTurn | None = None
        self._live: dict[int, SpokenTurn] = {}
        """Turns for which something may still come."""
        self._answering: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[bool] | None = None
        self._interrupting: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._has_rest = False
        """A take that was begun and dropped is still with the vendor."""
        self._timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None

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
        """Tries again what failed last. With `offline` roles nothing is sent: this engine has no part that stays here."""
        spawn(self._keeping.save_again(), name="save again")
        if offline:
            self._events.emit(Trouble(error=CompanionError(Kind.NOT_SUPPORTED, _ONLINE_ONLY, hint=_HINT)))
        elif (failed := self._failed) is not None:
            if failed.has_words:
                self._feed(machine.Submit(failed.text, again=True))
            else:
                self._feed(machine.Rehear(failed.recording.seconds))

    def begin(self, practice: Practice) -> None:
        """A new session and a new conversation; what is under way is stopped and saved."""
        self.cancel()
        self._leaving = spawn(self._leave(self._line, self._answering), name="leave the conversation")
        self.practice, self.history, self._failed = practice, [], None
        self._line, self._keeping = self._new_line(), self._new_keeping()
        self.tell_practice()

    async def _leave(self, line: Line, answering: asyncio.Task[None] | None) -> None:
        await over(answering)  # its words may still come, and belong into the session before
        await line.close()

    def _new_line(self) -> Line:
        return Line(self._vendor, prompt=self._prompt, on_told=self._told, on_lost=self._lost)

    def _new_keeping(self) -> Keeping:
        keeping = Keeping(self._organs.journal, self._events)
        keeping.begin(self.practice.name)
        return keeping

    def moved(self, sessions: Mapping[int, int], turns: Mapping[int, int]) -> None:
        """The journal changed: old ids -> new ids. Only between turns."""
        self._keeping.session_id = sessions.get(self._keeping.session_id or 0)
        if self._failed is not None and self._failed.id is not None:
            self._failed.id = turns.get(self._failed.id)

    async def settle(self) -> None:
        """Stops what is under way and returns once it is saved."""
        self.cancel()
        await over(self._answering)

    async def close(self) -> None:
        """Stops everything; saves what was heard and said. Idempotent."""
        self._feed(machine.Stop())
        for timer in (self._timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        turn = self._turn
        if turn is not None:
            tasks = (turn.record_task, turn.send_task, turn.finish_task, turn.answer_task)
            if waiting := [task for task in tasks if task is not None]:
                await asyncio.wait(waiting, timeout=2)
                for live in self._live.values():
                    live.words_known.set()  # they come too late; the recording keeps them
                await asyncio.wait(waiting, timeout=1)
            await stop(*waiting)
        await self._line.close()
        await over(self._leaving)
        await self._keeping.save_again()

    # -- the machine ----------------------------------------------------------------------------------------

    def _feed(self, given: machine.Input) -> None:
        before, now_s = self.state, asyncio.get_running_loop().time()
        self.state, commands = machine.step(before, given, now_s, self._organs.limits())
        if self._turn is not None and self.state.closing_s is not None and before.closing_s is None:
            self._turn.mark(Mark.RELEASED, again=True)
        for command in commands:
            self._carry_out(command)
        now, then = self.state, before
        if (now.phase, now.turn, now.latched) != (then.phase, then.turn, then.latched):
            self._events.emit(PhaseChanged(turn=now.turn, phase=now.phase, latched=now.latched))
            self._wait_to_leave()
        if self._timer is not None:
            self._timer.cancel()
        at, loop = now.wake_s, asyncio.get_running_loop()
        self._timer = loop.call_at(at, self._feed, machine.Tick()) if at is not None else None

    def _wait_to_leave(self) -> None:
        """A conversation nobody goes on with is closed after a while."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self.state.phase is Phase.READY:
            self._idle_timer = asyncio.get_running_loop().call_later(KEEP_OPEN_S, self._line.hang_up)

    def _carry_out(self, command: machine.Command) -> None:
        turn = self._turn
        match command:
            case machine.OpenMic():
                self._open(command.turn)
            case machine.RetryHearing():
                self._rehear(command.turn)
            case machine.Ask():
                self._ask(command)
            case machine.Fail():
                self._events.emit(Trouble(error=CompanionError(command.kind), turn=command.turn))
            case machine.Carry():
                self._carried = turn
            case machine.Transcribe() if turn is not None:
                turn.mark(Mark.RELEASED)
                turn.finish_task = self._work(turn, self._finish_take(turn), "finish take")
            case machine.DiscardTake() if turn is not None:
                spawn(self._drop_take(turn, keep=False), name="discard take")
                self._events.emit(TakeDiscarded(turn=turn.number))
            case machine.KeepTake() if turn is not None:
                self._failed = turn
                spawn(self._drop_take(turn, keep=True), name="keep take")
            case machine.Flush() if turn is not None and turn.answer is not None:
                turn.answer.flush()
            case machine.CancelReply() if turn is not None and turn.answer_task is not None:
                self._interrupting = spawn(turn.interrupt(), name="interrupt the answer")
                # Not at once: a task that is cancelled before its first step never comes to its `finally`.
                asyncio.get_running_loop().call_soon(turn.answer_task.cancel)

    def _work(self, turn: SpokenTurn, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Starts work for a turn. An error nobody foresaw is reported and ends the turn, never leaves it hanging."""

        def ended(task: asyncio.Task[T]) -> None:
            if not task.cancelled() and task.exception() is not None:
                self._feed(machine.Broken(turn.number))

        task = spawn(work, name=name)
        task.add_done_callback(ended)
        return task

    # -- the conversation with the vendor -------------------------------------------------------------------

    def _prompt(self) -> tuple[Message, ...]:
        """The system prompt, and the session so far."""
        now = datetime.now().astimezone()
        return build_messages(self.practice, len(self.history), self.history, "", now=now)

    def _lost(self, conversation: Conversation, error: CompanionError) -> None:
        for turn in list(self._live.values()):
            if turn.sent_to is conversation:
                turn.lost(error)

    def _told(self, number: int, what: Told) -> None:
        turn = self._live.get(number)
        if turn is not None and not (isinstance(what, Transcript) and what.signal is not None):
            turn.told(what)
        elif isinstance(what, CompanionError):
            _log.info("of no turn that waits: %s", what.message)

    # -- the take -------------------------------------------------------------------------------------------

    def _open(self, number: int) -> None:
        turn = self._new_turn(number, Recording())
        turn.before, self._carried, self._turn = self._carried, None, turn
        self._events.emit(TroubleCleared())
        turn.mark(Mark.PRESSED)
        self._begin_sending(turn)  # now, so that the connection is made while the microphone opens
        turn.record_task = self._work(turn, self._record(turn), "record")

    async def _record(self, turn: SpokenTurn) -> None:
        try:
            turn.take = take = await self._organs.microphone().open()
        except CompanionError as error:
            turn.fail(error, Role.HEARS)
            self._feed(machine.MicFailed(turn.number))
            return
        turn.mark(Mark.FIRST_FRAME)
        turn.spool_task = spawn(turn.seal(self._organs.journal()), name="seal take")
        self._feed(machine.MicOpened(turn.number))
        try:
            async for frame in take.frames():
                turn.recording.add(frame)
                turn.gate.feed(frame)
                if turn.spool is not None:
                    turn.spool.write(frame)
                if len(turn.recording.frames) % _LEVEL_FRAMES == 0 and take.is_open:
                    self._events.emit(LevelMeasured(level_db=take.level_db, is_input=True))
                if take.is_silent and len(turn.recording.frames) == _SILENT_FRAMES:
                    turn.fail(CompanionError(Kind.MICROPHONE_SILENT), Role.HEARS)
        except CompanionError as error:  # lost in the middle: what was said up to then is used
            turn.fail(error, Role.HEARS)
            self._feed(machine.MicLost(turn.number))
        finally:
            await take.close()

    def _begin_sending(self, turn: SpokenTurn) -> None:
        turn.send_task = self._sending = self._work(turn, self._send(turn, self._sending), "send take")

    async def _send(self, turn: SpokenTurn, previous: asyncio.Task[bool] | None) -> bool:
        """Streams the take and commits it; False when it holds no speech, or could not be sent (`fault`)."""
        await over(previous)  # one take at a time goes into the vendor's buffer
        self._line.hang_up_if_old()
        for attempt in (1, 2):
            try:
                return await self._send_all(turn)
            except CompanionError as error:
                self._line.hang_up()
                if attempt == 2 or not error.retryable:
                    turn.fault = error
        return False

    async def _send_all(self, turn: SpokenTurn) -> bool:
        link = await self._line.open()
        if self._has_rest:
            self._has_rest = False
            await link.clear()
        async for frame in turn.recording.stream():
            await link.append(turn.number, frame)
        if turn.take is not None and not turn.gate.heard_speech:
            await link.clear()
            return False
        turn.sent_to = link
        await link.commit(turn.number)
        return True

    async def _finish_take(self, turn: SpokenTurn) -> str:
        """Closes the microphone and, once the whole take is with the vendor, tells the machine."""
        if turn.take is not None:
            await turn.take.close()
        await over(turn.record_task)
        turn.recording.end()
        turn.mark(Mark.LAST_FRAME)
        is_sent = await turn.send_task if turn.send_task is not None else False
        if not is_sent and turn.fault is None:
            await turn.forget_silence()
        elif turn.fault is not None:
            turn.words_known.set()
            turn.fail(turn.fault, Role.HEARS)
            await turn.set_aside()
            self._failed = turn
        has_words = any(each.sent_to is not None for each in turn.chain())
        self._feed(machine.Heard(turn.number, SPOKEN if has_words and turn.fault is None else ""))
        return ""

    async def _drop_take(self, turn: SpokenTurn, *, keep: bool) -> None:
        """Ends recording and sending; the sealed copy stays or goes."""
        self._has_rest = True
        if turn.take is not None:
            await turn.take.close()
        await stop(turn.record_task, turn.send_task, turn.finish_task)
        await over(turn.spool_task)
        if turn.take is not None:
            await turn.take.close()  # it may have opened while it was being stopped
        for each in turn.chain():
            self._live.pop(each.number, None)
        if not keep:
            await discard(spool for take in turn.chain() for spool in take.own_spools())
        else:
            await turn.set_aside()

    def _rehear(self, number: int) -> None:
        kept = self._failed
        assert kept is not None
        turn = self._new_turn(number, kept.recording)
        turn.spool, self._turn, self._failed = kept.spool, turn, None
        if isinstance(kept.before, SpokenTurn) and kept.before.words:
            turn.before = kept.before
        self._forget(kept)
        turn.recording.end()
        self._events.emit(TroubleCleared())
        turn.mark(Mark.RELEASED)
        self._begin_sending(turn)
        turn.finish_task = self._work(turn, self._finish_take(turn), "finish take")

    def _new_turn(self, number: int, recording: Recording) -> SpokenTurn:
        engines = self._organs.engines(frozenset())
        turn = SpokenTurn(
            number, engines, recording, events=self._events, keeping=self._keeping, history=self.history
        )
        turn.gate, self._live[number] = self._organs.gate(), turn
        return turn

    def _forget(self, failed: SpokenTurn) -> None:
        """It is tried again, so the next conversation is not told of it."""
        if self.history and self.history[-1] is failed.record:
            self.history.pop()

    # -- the answer -----------------------------------------------------------------------------------------

    def _ask(self, command: machine.Ask) -> None:
        turn = self._turn
        if turn is None or turn.number != command.turn:
            turn = self._new_turn(command.turn, Recording())
            turn.mark(Mark.RELEASED)
            turn.text = command.text
            turn.words_known.set()
        if command.again and self._failed is not None:
            turn.id, turn.at = self._failed.id, self._failed.at
            turn.spool, turn.words, turn.before = self._failed.spool, turn.text, self._failed.before
            self._forget(self._failed)
        self._turn, self._failed = turn, None
        self._events.emit(TroubleCleared())
        turn.answer = self._new_answer(turn)
        turn.keep_task = spawn(turn.keep(turn.answer, self._answering), name="keep turn")
        turn.answer_task = self._answering = self._work(turn, self._answer(turn, turn.answer), "answer")

    def _new_answer(self, turn: SpokenTurn) -> SpokenAnswer:
        return SpokenAnswer(
            turn=turn.number,
            player=self._organs.player(),
            events=self._events,
            mark=turn.mark,
            on_sentence=turn.sentences.put_nowait,
            on_sound=lambda: self._feed(machine.SoundStarted(turn.number)),
        )

    async def _answer(self, turn: SpokenTurn, answer: SpokenAnswer) -> None:
        try:
            try:
                await self._request(turn, answer)
            except CompanionError as error:
                answer.end(error)
            await answer.run()
        except asyncio.CancelledError:
            answer.interrupt()
            raise
        finally:
            await self._finish(turn, answer)
        self._feed(machine.TurnOver(turn.number))

    async def _request(self, turn: SpokenTurn, answer: SpokenAnswer) -> None:
        is_spoken = turn.send_task is not None
        if not is_spoken:
            await turn.is_kept.wait()
        link = await self._line.open()
        if is_spoken and all(each.sent_to is not link for each in turn.chain()):
            raise CompanionError(Kind.UNAVAILABLE)  # the one that heard the take is gone
        turn.sent_to, answer.is_heard = link, link.is_spoken
        await over(self._interrupting)
        await link.instruct(self._prompt()[0].content)
        if not is_spoken:
            await link.add(Message(Speaker.USER, turn.text))
        await link.respond(turn.number)
        turn.mark(Mark.ASKED)

    async def _finish(self, turn: SpokenTurn, answer: SpokenAnswer) -> None:
        """What is left to do for a turn that ended, however it did."""
        turn.sentences.put_nowait(None)
        if not await turn.words_came() and answer.error is None:
            hint = "Your recording is kept; try again."
            error = CompanionError(Kind.HEARING_FAILED, "The words of this take did not come.", hint=hint)
            turn.fail(error, Role.HEARS)
        await over(turn.keep_task)
        for each in turn.chain():
            self._live.pop(each.number, None)
        is_bad = answer.error is not None and answer.state is not ReplyState.INTERRUPTED
        if is_bad or not turn.has_words:
            self._failed = turn
            self._line.hang_up(turn.sent_to)  # another try begins with a conversation that is whole
        if not turn.text:
            return
        turn.record = turn.recorded(answer)
        turn.history.append(turn.record)
        saved = await turn.keeping.save(turn)
        self._events.emit(TurnFinished(turn=turn.number, record=turn.record, saved=saved))
        self.tell_practice()

    def tell_practice(self) -> None:
        """Emits where in which practice this session stands."""
        practice = self.practice
        self._events.emit(
            PracticeChanged(
                name=practice.name,
                title=practice.title,
                step=min(len(self.history) + 1, len(practice.steps)),
                steps=len(practice.steps),
                opening=practice.opening(datetime.now().astimezone().hour),
            )
        )
