"""A turn that a voice model hears and answers in one go: its words are known later than its end.

The take is sealed on disk while it is recorded and sent while it is spoken, once the local gate has heard speech in it. The
answer is asked for the moment the take ends, so the words come after the sound was sent: they are committed as soon as they
are known, the sentences of the answer after them, and the recording goes only then. Typed words are committed before they
are sent. Runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from companion.conversation import turn as machine
from companion.conversation.continuation import GO_ON, kept_of
from companion.conversation.earlier import told
from companion.conversation.live_turn import RECALL_S, LiveTurn, over
from companion.conversation.prompt import messages_of
from companion.conversation.spoken_answer import SpokenAnswer
from companion.conversation.voice_link import VoiceLink
from companion.errors import CompanionError, Kind
from companion.events import EarlierRecalled, Mark, ReplyContinued, TranscriptHeard
from companion.flow import Message, Sentence, Speaker, Transcript
from companion.kinds import TURN_ROLES, ReplyState
from companion.language import mark, tr
from companion.ports import Conversation, VoiceModelEvent
from companion.records import Earlier
from companion.tasks import spawn, stop

WORDS_S = 5.0
"""How long the words of a take are waited for once its answer is over."""
SPOKEN = "(spoken)"
"""What the turn machine is told was said, since the words come later."""
UNKNOWN_WORDS = mark("(What was said here is not known; the recording is kept.)")


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class SpokenTurn(LiveTurn):
    """One turn in a conversation with a voice model."""

    link: VoiceLink
    words_known: asyncio.Event = field(default_factory=asyncio.Event)
    """Or known not to come."""
    is_kept: asyncio.Event = field(default_factory=asyncio.Event)
    """The words are committed, or it was said that they could not be."""
    sentences: asyncio.Queue[Sentence | None] = field(default_factory=asyncio.Queue)  # bounded by the answer
    send_task: asyncio.Task[bool] | None = None
    sent_to: Conversation | None = None
    """Where its take was committed, or its words went."""
    fault: CompanionError | None = None
    """Why it was not."""
    spoken_answer: SpokenAnswer | None = None
    head: SpokenTurn | None = None
    """The turn that its words are answered in."""

    def __post_init__(self) -> None:
        self.link.join(self)

    @property
    def has_words(self) -> bool:
        return self.text not in ("", tr(UNKNOWN_WORDS))

    # -- the take -------------------------------------------------------------------------------------------

    def hear(self) -> None:
        self.send_task = self.link.sending = self.context.work(
            self, self._send(self.link.sending), "send take"
        )

    def hearing_tasks(self) -> tuple[asyncio.Task[Any] | None, ...]:
        return (self.send_task,)

    async def _send(self, previous: asyncio.Task[bool] | None) -> bool:
        """Streams the take and commits it; False when it could not be sent (`fault`)."""
        await over(previous)  # one take at a time goes into the vendor's buffer
        self.link.connection.hang_up_if_old()
        for attempt in (1, 2):
            try:
                await self._send_all()
                return True
            except CompanionError as error:
                self.link.connection.hang_up()
                if attempt == 2 or not error.retryable:
                    self.fault = error
                    break
        return False

    async def _send_all(self) -> None:
        conversation = await self.link.connection.open()
        if self.link.has_rest:
            self.link.has_rest = False
            await conversation.clear()
        async for frame in self.recording.stream():
            await conversation.append(self.number, frame)
        self.sent_to = conversation
        await conversation.commit(self.number)

    async def finish(self) -> None:
        await self.end_take()
        self.mark(Mark.LAST_FRAME)
        if self.own_words is not None:
            self.words_known.set()
        elif self.send_task is None:
            self.own_words = ""
            self.words_known.set()
            if self.recording.frames:
                await self.forget_silence()
        elif not await self.send_task and self.fault is not None:
            self.words_known.set()
            self.fail(self.fault)
            await self.keep()
            self.context.wants_retry(self)
        if self.before is not None:
            await over(self.before.finish_task)
        was_sent = self.fault is None and any(each.sent_to is not None for each in self._takes())
        if self.is_left and not self.is_carried:
            await self._keep_words()
        elif not self.is_carried:
            self.context.feed(machine.Heard(self.number, SPOKEN if was_sent else ""))

    async def halt(self) -> None:
        self.link.has_rest = True
        await LiveTurn.halt(self)
        for each in self._takes():
            self.link.leave(each)

    def _takes(self) -> list[SpokenTurn]:
        return [each for each in self.chain() if isinstance(each, SpokenTurn)]

    # -- what the voice model tells -------------------------------------------------------------------------

    def heard(self, what: VoiceModelEvent) -> None:
        """Something came from the vendor for this turn."""
        if isinstance(what, Transcript):
            self._hear_words(what)
        elif isinstance(what, CompanionError) and what.kind is Kind.HEARING_FAILED:
            self.words_known.set()
        elif self.spoken_answer is not None and isinstance(what, CompanionError):
            self.spoken_answer.end(what)
        elif self.spoken_answer is not None and not isinstance(what, CompanionError):
            was_stopped = self.spoken_answer.is_stopped
            self.spoken_answer.take(what)
            if self.spoken_answer.is_stopped and not was_stopped:
                self.link.interrupting = spawn(self._interrupt(), name="stop the answer")

    def _hear_words(self, transcript: Transcript) -> None:
        if self.words_known.is_set():
            return
        self.context.events.emit(TranscriptHeard(turn=self.number, transcript=transcript))
        if transcript.is_final:
            self.own_words = transcript.text.strip() or None
            self.words_known.set()
            self.mark(Mark.TRANSCRIPT)
            if self.head is not None:
                self.head.look_after_words()

    def look_after_words(self) -> None:
        """The words are known, maybe later than the answer began: help is shown, and offered as soon as it can be said."""
        if self.has_cared or not all(each.words_known.is_set() for each in self._takes()):
            return
        self.take_care(self.text or self._words())
        answer = self.spoken_answer
        if answer is not None and self.beginning and not answer.offer(self.beginning):
            self._owe()

    def _owe(self) -> None:
        """What was to be said did not come into the answer: the next one begins with it."""
        if self.care is not None:
            self.session.care.owe(self.care)

    def lost(self, error: CompanionError) -> None:
        """Nothing more will come from the vendor."""
        self.words_known.set()
        if self.spoken_answer is not None:
            self.spoken_answer.end(error)

    # -- the answer -----------------------------------------------------------------------------------------

    def ask(self, previous: asyncio.Task[None] | None) -> None:
        if self.text == SPOKEN:
            self.text = ""
        if self.text:
            self.words_known.set()
        for each in self._takes():
            each.head = self
        self.look_after_words()
        self.answer = self.spoken_answer = answer = SpokenAnswer(
            turn=self.number,
            player=self.player(),
            events=self.context.events,
            mark=self.mark,
            on_sentence=self.sentences.put_nowait,
            on_sound=lambda: self.context.feed(machine.SoundStarted(self.number)),
            on_silence=lambda: self.context.feed(machine.SoundFailed(self.number)),
            on_progress=self.progressed,
            on_hand=self.raise_hand,
            speak=self.providers.speak,
            opening=self.beginning,
            is_opening_heard=self.has_begun_before,
            kept=kept_of(self.continues.heard_text) if self.continues is not None else "",
        )
        self.save_task = spawn(self._keep(answer, previous), name="keep turn")
        self.answer_task = self.context.work(self, self._answer(answer), "answer")
        self.end_task = self.answer_task

    def interrupt(self) -> None:
        if self.answer_task is None:
            return
        self.link.interrupting = spawn(self._interrupt(), name="interrupt the answer")
        # Not at once: a task that is cancelled before its first step never comes to its `finally`.
        asyncio.get_running_loop().call_soon(self.answer_task.cancel)

    async def _interrupt(self) -> None:
        """Tells the vendor that the person went on, and what they heard."""
        heard_s = self.spoken_answer.flushed_s if self.spoken_answer is not None else None
        if self.sent_to is not None:
            with suppress(CompanionError):  # whoever listens hears of it
                await self.sent_to.interrupt(self.number, heard_s or 0.0)

    async def _answer(self, answer: SpokenAnswer) -> None:
        try:
            try:
                await self._request(answer)
            except CompanionError as error:
                answer.end(error)
            await answer.run()
        except asyncio.CancelledError:
            answer.interrupt()
            raise
        finally:
            await self._finish(answer)
            self.context.is_over(self)

    async def _request(self, answer: SpokenAnswer) -> None:
        is_spoken = not self.is_again and any(each.send_task is not None for each in self._takes())
        if not is_spoken:
            await self.is_kept.wait()
        conversation = await self.link.connection.open()
        if is_spoken and all(each.sent_to is not conversation for each in self._takes()):
            raise CompanionError(Kind.UNAVAILABLE)  # the one that heard the take is gone
        self.sent_to, answer.is_aloud = conversation, conversation.is_spoken
        await over(self.link.interrupting)
        more = self.care.instruction if self.care is not None else self.session.care.standing
        prompt = messages_of(self.session, "", more=more, earlier=await self._earlier())
        await conversation.instruct(told(prompt, may_know=True).messages[0].content)
        if not is_spoken:
            await conversation.add(Message(Speaker.USER, self.text))
        if self.continues is not None:
            await self.context.saver.reopen(self, answer.text)
            self.context.events.emit(ReplyContinued(turn=self.number, text=answer.text))
            await conversation.add(Message(Speaker.ASSISTANT, answer.text))
            await conversation.add(Message(Speaker.USER, GO_ON))
        await conversation.respond(self.number)
        self.mark(Mark.ASKED)

    async def _earlier(self) -> tuple[Earlier, ...]:
        """What was said on other days and bears on these words; on those before, where a take's own are not known yet."""
        history = self.session.history
        words = self.text or self._words() or (history[-1].user_text if history else "")
        recalling = spawn(self.recall(words, by_voice=True), name="recall")
        await asyncio.wait([recalling], timeout=RECALL_S)
        if not recalling.done():
            recalling.cancel()
            return ()
        if earlier := recalling.result():
            self.context.events.emit(EarlierRecalled(turn=self.number, passages=earlier))
        return earlier

    # -- what is kept ---------------------------------------------------------------------------------------

    async def _keep(self, answer: SpokenAnswer, previous: asyncio.Task[None] | None) -> None:
        """Commits the words as soon as they are known, then the answer sentence by sentence.

        Args:
            answer: what the vendor answers.
            previous: the turn before; turns are kept in the order in which they were said.
        """
        await over(previous)
        for take in self._takes():
            await take.words_known.wait()
            await over(take.spool_task)
        self.text = self.text or self._words()
        if not self.text:
            await answer.is_over.wait()
            await self.keep()
            if not answer.text:
                return
            self.text = tr(UNKNOWN_WORDS)
        await self.context.saver.save_user(self)
        self.is_kept.set()
        while (sentence := await self.sentences.get()) is not None:
            await self.context.saver.save_sentence(self, sentence)

    def _words(self) -> str:
        return " ".join(each.own_words for each in self.chain() if each.own_words)

    async def _words_came(self) -> bool:
        """Whether the words of this turn are known; waits for them a little, and then no more."""
        takes = self._takes()
        with suppress(TimeoutError):
            async with asyncio.timeout(WORDS_S):
                for take in takes:
                    await take.words_known.wait()
        for take in takes:
            take.words_known.set()
        return self.has_words or bool(self._words())

    async def _keep_words(self) -> None:
        """Another session has begun: what was said goes into its own, and nobody is asked."""
        if not await self._words_came():
            await self.keep()
            return
        self.text = self._words()
        self.take_care(self.text)
        await self.context.saver.save_user(self)
        self._leave_link()
        await self._record()

    async def _finish(self, answer: SpokenAnswer) -> None:
        """What is left to do for a turn that ended, however it did."""
        self.sentences.put_nowait(None)
        if not await self._words_came() and answer.error is None:
            hint = tr("Your recording is kept; try again.")
            self.fail(
                CompanionError(
                    Kind.HEARING_FAILED, tr("The words of this recording did not arrive."), hint=hint
                )
            )
        self.look_after_words()
        if self.beginning and self.beginning not in answer.text:
            self._owe()
        await over(self.save_task)
        self._leave_link()
        is_bad = answer.error is not None and (answer.state is not ReplyState.INTERRUPTED or self.then)
        if is_bad or self.has_slept or not self.has_words:
            self.context.wants_retry(self)
            self.link.connection.hang_up(self.sent_to)  # another try begins with a conversation that is whole
        if self.text:
            await self._record()

    async def _record(self) -> None:
        name = self.sent_to.name if self.sent_to is not None else ""
        usage = self.answer.usage if self.answer is not None else None
        cost_usd = self.link.cost_usd(name, usage) if usage is not None else None
        self.record = self.recorded({role.value: name for role in TURN_ROLES} if name else {}, cost_usd)
        self.session.remember(self.record)
        await self.saved()
        await self.finished()

    def _leave_link(self) -> None:
        for each in self._takes():
            self.link.leave(each)

    async def close(self) -> None:
        tasks = (self.record_task, self.send_task, self.finish_task, self.answer_task)
        if waiting := [task for task in tasks if task is not None]:
            await asyncio.wait(waiting, timeout=2)
            self.link.expect_no_more_words()  # they come too late; the recording keeps them
            await asyncio.wait(waiting, timeout=1)
        await stop(*waiting)
        await LiveTurn.close(self)
