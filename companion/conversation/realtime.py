"""The engine for a vendor that hears and answers in one go: the same buttons, events and journal as `engine.py`.

A take is sealed on disk while it is recorded and sent while it is spoken, once the local gate has heard speech in it. Its
answer is asked for the moment it ends, so here the words come after the sound was sent: they are committed as soon as they
are known, the sentences of the answer after them, and the recording goes only then. Typed words are committed before they
are sent. What is to be reviewed first, and what is to stay on this computer, goes the way of `Engine`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from companion.conversation import turn as machine
from companion.conversation.driver import Organs
from companion.conversation.engine import Engine
from companion.conversation.keeping import discard
from companion.conversation.line import Line
from companion.conversation.live_turn import LiveTurn
from companion.conversation.prompt import build_messages
from companion.conversation.recording import Recording
from companion.conversation.seam import GO_ON, kept_of
from companion.conversation.spoken import SpokenAnswer, SpokenTurn, over
from companion.errors import CompanionError, Kind
from companion.events import Events, Mark, Phase, ReplyContinued, TroubleCleared, TurnFinished
from companion.flow import TURN_ROLES, Message, ReplyState, Role, Speaker, Transcript, Usage
from companion.ports import Conversation, SpeechToSpeech, Told
from companion.practices import Practice
from companion.tasks import spawn, stop

SPOKEN = "(spoken)"
"""What the turn machine is told was said, since the words come later."""
KEEP_OPEN_S = 300.0
"""A conversation nobody goes on with is closed; the next take opens one that is told what was said."""
_log = logging.getLogger(__name__)


class RealtimeEngine(Engine):
    """Drives spoken conversations."""

    def __init__(
        self,
        organs: Organs,
        events: Events,
        practice: Practice,
        vendor: Callable[[], Awaitable[SpeechToSpeech]],
        cost_usd: Callable[[str, Usage], float | None] = lambda *_: None,
    ) -> None:
        """`vendor()` is asked whenever a conversation is opened; `cost_usd` is told "provider/model" and what was used."""
        super().__init__(organs, events, practice)
        self._vendor, self._cost_usd = vendor, cost_usd
        self._line = self._new_line()
        self._live: dict[int, SpokenTurn] = {}
        """Turns for which something may still come."""
        self._sending: asyncio.Task[bool] | None = None
        self._interrupting: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._has_rest = False
        """A take that was begun and dropped is still with the vendor."""
        self._idle_timer: asyncio.TimerHandle | None = None

    def _begin_session(self, practice: Practice) -> None:
        """A new session is a new conversation with the vendor."""
        line, self._line = self._line, self._new_line()
        self._leaving = spawn(self._leave(line, self._ending), name="leave the conversation")
        super()._begin_session(practice)

    def retry(self, offline: frozenset[Role] = frozenset()) -> None:
        """As `Engine.retry`; what stays on this computer is heard, answered and spoken here."""
        super().retry(frozenset(TURN_ROLES) if offline else offline)

    def renew(self) -> None:
        """The next take opens a new conversation."""
        self._line.hang_up()

    async def close(self) -> None:
        """Stops everything; saves what was heard and said. Idempotent."""
        turn = self._turn
        if isinstance(turn, SpokenTurn):
            self._feed(machine.Stop())
            tasks = (turn.record_task, turn.send_task, turn.finish_task, turn.answer_task)
            if waiting := [task for task in tasks if task is not None]:
                await asyncio.wait(waiting, timeout=2)
                for live in self._live.values():
                    live.words_known.set()  # they come too late; the recording keeps them
                await asyncio.wait(waiting, timeout=1)
            await stop(*waiting)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        await super().close()
        await self._line.close()
        await over(self._leaving)

    def _phase_changed(self) -> None:
        """A conversation nobody goes on with is closed after a while."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self.state.phase is Phase.READY:
            self._idle_timer = asyncio.get_running_loop().call_later(KEEP_OPEN_S, self._line.hang_up)

    # -- the conversation with the vendor -------------------------------------------------------------------

    def _new_line(self) -> Line:
        return Line(self._vendor, prompt=self._prompt, on_told=self._told, on_lost=self._lost)

    async def _leave(self, line: Line, answering: asyncio.Task[None] | None) -> None:
        await over(answering)  # its words may still come, and belong into the session before
        await line.close()

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

    def _new_turn(self, number: int, recording: Recording) -> SpokenTurn:
        turn = SpokenTurn(
            number,
            self._organs.engines(frozenset()),
            recording,
            events=self.events,
            keeping=self._keeping,
            history=self.history,
        )
        turn.gate, self._live[number] = self._organs.gate(), turn
        return turn

    def _heard_turn(self, number: int) -> LiveTurn:
        if self._organs.review_first():  # words that are read before they are sent come from a recogniser
            return super()._heard_turn(number)
        spawn(self._line.warm(), name="open the line")
        return self._new_turn(number, Recording())

    def _speech_heard(self, turn: LiveTurn) -> None:
        if isinstance(turn, SpokenTurn):
            self._begin_sending(turn)
        else:
            super()._speech_heard(turn)

    def _prepare(self, turn: LiveTurn) -> None:
        if not isinstance(turn, SpokenTurn):  # nobody answers sound that is not complete
            super()._prepare(turn)

    def _begin_sending(self, turn: SpokenTurn) -> None:
        turn.send_task = self._sending = self._work(turn, self._send(turn, self._sending), "send take")

    async def _send(self, turn: SpokenTurn, previous: asyncio.Task[bool] | None) -> bool:
        """Streams the take and commits it; False when it could not be sent (`fault`)."""
        await over(previous)  # one take at a time goes into the vendor's buffer
        self._line.hang_up_if_old()
        for attempt in (1, 2):
            try:
                await self._send_all(turn)
                return True
            except CompanionError as error:
                self._line.hang_up()
                if attempt == 2 or not error.retryable:
                    turn.fault = error
                    break
        return False

    async def _send_all(self, turn: SpokenTurn) -> None:
        link = await self._line.open()
        if self._has_rest:
            self._has_rest = False
            await link.clear()
        async for frame in turn.recording.stream():
            await link.append(turn.number, frame)
        turn.sent_to = link
        await link.commit(turn.number)

    async def _finish_take(self, turn: LiveTurn) -> str:
        if not isinstance(turn, SpokenTurn):
            return await super()._finish_take(turn)
        if turn.take is not None:
            await turn.take.close()
        await over(turn.record_task)
        turn.recording.end()
        turn.mark(Mark.LAST_FRAME)
        if turn.send_task is None:
            turn.words_known.set()
            await self._hearing.forget_silence(turn)
        elif not await turn.send_task and turn.fault is not None:
            turn.words_known.set()
            turn.fail(turn.fault, Role.HEARS)
            await turn.set_aside()
            self._failed = turn
        was_sent = turn.fault is None and any(each.sent_to is not None for each in turn.chain())
        self._feed(machine.Heard(turn.number, SPOKEN if was_sent else ""))
        return ""

    async def _drop(self, turn: LiveTurn, *, keep: bool) -> None:
        if not isinstance(turn, SpokenTurn):
            await super()._drop(turn, keep=keep)
            return
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
        if self._offline or not isinstance(kept, SpokenTurn):  # a recogniser of the usual kind hears it
            super()._rehear(number)
            return
        turn = self._new_turn(number, kept.recording)
        turn.spool, turn.began, self._turn, self._failed = kept.spool, kept.began, turn, None
        if isinstance(kept.before, SpokenTurn) and kept.before.words:
            turn.before = kept.before
        self._forget(kept)
        turn.recording.end()
        self.events.emit(TroubleCleared())
        turn.mark(Mark.RELEASED)
        self._begin_sending(turn)
        turn.finish_task = self._work(turn, self._finish_take(turn), "finish take")

    # -- the answer -----------------------------------------------------------------------------------------

    def _ask(self, command: machine.Ask) -> None:
        turn = self._turn if self._turn is not None and self._turn.number == command.turn else None
        if self._offline or (turn is not None and turn.stays_here):
            super()._ask(command)
            return
        if not isinstance(turn, SpokenTurn):
            heard, turn = turn, self._new_turn(command.turn, Recording())
            turn.before = heard
            turn.mark(Mark.RELEASED)
            turn.text = command.text
            turn.words_known.set()
        if command.again and isinstance(failed := self._failed, SpokenTurn):
            turn.spool, turn.words, turn.before = failed.spool, command.text, failed.before
        self._begin_answer(turn, command)
        turn.answer = self._new_answer(turn)
        turn.keep_task = spawn(turn.keep(turn.answer, self._ending), name="keep turn")
        turn.answer_task = self._work(turn, self._answer_aloud(turn, turn.answer), "answer")
        turn.end_task = self._ending = turn.answer_task

    def _new_answer(self, turn: SpokenTurn) -> SpokenAnswer:
        return SpokenAnswer(
            turn=turn.number,
            player=self._organs.player(),
            events=self.events,
            mark=turn.mark,
            on_sentence=turn.sentences.put_nowait,
            on_sound=lambda: self._feed(machine.SoundStarted(turn.number)),
            kept=kept_of(turn.continues.heard_text) if turn.continues is not None else "",
        )

    def _flush(self, turn: LiveTurn) -> None:
        if not isinstance(turn, SpokenTurn):
            super()._flush(turn)
        elif turn.answer is not None:
            turn.answer.flush()

    def _cancel_answer(self, turn: LiveTurn, answering: asyncio.Task[None]) -> None:
        if not isinstance(turn, SpokenTurn):
            super()._cancel_answer(turn, answering)
            return
        self._interrupting = spawn(turn.interrupt(), name="interrupt the answer")
        # Not at once: a task that is cancelled before its first step never comes to its `finally`.
        asyncio.get_running_loop().call_soon(answering.cancel)

    async def _answer_aloud(self, turn: SpokenTurn, answer: SpokenAnswer) -> None:
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
            await self._end_aloud(turn, answer)
        self._over(turn)

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
        if turn.continues is not None:
            await turn.keeping.reopen(turn, answer.text)
            self.events.emit(ReplyContinued(turn=turn.number, text=answer.text))
            await link.add(Message(Speaker.ASSISTANT, answer.text))
            await link.add(Message(Speaker.USER, GO_ON))
        await link.respond(turn.number)
        turn.mark(Mark.ASKED)

    async def _end_aloud(self, turn: SpokenTurn, answer: SpokenAnswer) -> None:
        """What is left to do for a turn that ended, however it did."""
        turn.sentences.put_nowait(None)
        if not await turn.words_came() and answer.error is None:
            hint = "Your recording is kept; try again."
            error = CompanionError(Kind.HEARING_FAILED, "The words of this take did not come.", hint=hint)
            turn.fail(error, Role.HEARS)
        await over(turn.keep_task)
        for each in turn.chain():
            self._live.pop(each.number, None)
        is_bad = answer.error is not None and (answer.state is not ReplyState.INTERRUPTED or turn.then)
        if is_bad or turn.has_slept or not turn.has_words:
            self._failed = turn
            self._line.hang_up(turn.sent_to)  # another try begins with a conversation that is whole
        if not turn.text:
            return
        name = turn.sent_to.name if turn.sent_to is not None else ""
        cost_usd = self._cost_usd(name, answer.usage) if answer.usage is not None else None
        turn.record = turn.recorded(answer, cost_usd)
        turn.history.append(turn.record)
        saved = await turn.keeping.save(turn)
        self.events.emit(TurnFinished(turn=turn.number, record=turn.record, saved=saved))
        self.tell_practice()
