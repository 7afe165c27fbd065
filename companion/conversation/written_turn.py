"""A turn of three parts: a recogniser hears it, a model writes the answer, a voice speaks it.

Nothing goes to a recogniser before the local gate has heard speech, and the words are committed before they are sent. Runs
on the event loop's thread; what fails is told here, whether the machine moves on is the engine's affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from companion.care.wording import MAY_RAISE_A_HAND
from companion.conversation import turn as machine
from companion.conversation.continuation import kept_of
from companion.conversation.live_turn import RECALL_S, LiveTurn, over
from companion.conversation.prompt import messages_of
from companion.conversation.segments import hear_in_segments
from companion.conversation.speculative import SpeculativeAnswer
from companion.conversation.written_answer import WrittenAnswer
from companion.errors import CompanionError, Kind
from companion.events import DraftOffered, EarlierRecalled, Mark, ReplyContinued, TranscriptHeard
from companion.flow import ChatDelta, Sentence, Transcript
from companion.kinds import ReplyState
from companion.language import tr
from companion.records import Earlier
from companion.tasks import spawn


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class WrittenTurn(LiveTurn):
    """One turn, heard and answered in writing."""

    hear_task: asyncio.Task[str | None] | None = None
    recall_task: asyncio.Task[tuple[Earlier, ...]] | None = None
    """What was said on other days and bears on this."""
    speculative: SpeculativeAnswer | None = None
    """An answer asked for before the turn was certainly over."""

    # -- hearing --------------------------------------------------------------------------------------------

    def hear(self) -> None:
        self.hear_task = self.context.work(self, self._hear(), "hear")

    def hearing_tasks(self) -> tuple[asyncio.Task[Any] | None, ...]:
        return (self.hear_task,)

    async def finish(self) -> None:
        await self.end_take()
        if self.own_words is None:
            self.own_words = await self._words()
        if self.own_words is None and self.gate.heard_speech:
            self.context.wants_retry(self)
        words = [*(await self._carried_words()), self.own_words or ""]
        self.text = " ".join(part for part in words if part)
        if self.is_carried:  # the next take brings these words with it
            return
        if self.is_left:
            await self._keep_words()
        elif self.text and self.context.organs.review_first():
            await self._offer_draft()
        else:
            self.context.feed(machine.Heard(self.number, self.text))

    async def _carried_words(self) -> list[str]:
        if self.before is None:
            return []
        await over(self.before.finish_task)
        return [each.own_words for each in self.before.chain() if each.own_words]

    async def _words(self) -> str | None:
        """What the ended take says; empty when it holds no speech, None when it must be kept."""
        if not self.recording.frames and self.before is not None:  # only what it carries is wanted
            return ""
        if not self.gate.heard_speech:
            await self.forget_silence()
            return "" if self.take is not None else None
        self.mark(Mark.LAST_FRAME)
        assert self.hear_task is not None
        text = await self.hear_task
        if text:
            return text
        if text == "":
            hint = tr("Your recording is kept; try again.")
            self.fail(CompanionError(Kind.HEARD_NOTHING, tr("I could not make out any words."), hint=hint))
        await over(self.spool_task)
        if self.spool is not None:
            await self.context.saver.finish(self.spool, self.number)
        return None

    async def _hear(self) -> str | None:
        """The final words of the take; None when hearing failed and the take is to be kept."""
        text = ""
        try:
            async with aclosing(self._transcripts()) as transcripts:
                async for transcript in transcripts:
                    self.heard_so_far = text = transcript.text
                    heard = TranscriptHeard(turn=self.number, transcript=transcript)
                    self.context.events.emit(heard)
        except CompanionError as error:
            self.fail(error)
            return None
        self.mark(Mark.TRANSCRIPT)
        return text.strip()

    def _transcripts(self) -> AsyncGenerator[Transcript, None]:
        frames, hear = self.recording.stream(), self.providers.hear
        if self.providers.hears_live or self.take is None:
            return hear(frames)
        return hear_in_segments(hear, frames, self.context.organs.gate)

    async def _offer_draft(self) -> None:
        """The words wait in the composer; until they are sent, the recordings are the safe copy."""
        saver, spools = self.context.saver, self.spools()
        for spool in spools:
            await saver.finish(spool, self.number)
        saver.unsent += spools
        self.context.events.emit(DraftOffered(turn=self.number, text=self.text))
        self.context.feed(machine.Heard(self.number, ""))

    async def _keep_words(self) -> None:
        """Another session has begun: what was said goes into its own, and nobody is asked."""
        if self.text:
            self.take_care(self.text)
            await self.context.saver.save_user(self)
            await self._finish(is_interrupted=True)

    # -- a pause --------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Asks with the words so far, where there are any and nothing stands before them."""
        words = self.heard_so_far.strip()
        if (
            words
            and self.speculative is None
            and self.before is None
            and not self.context.organs.review_first()
            and not self.session.care.may_act(words)
        ):
            self.recall_task = spawn(self.recall(words), name="recall")
            self.speculative = SpeculativeAnswer(words, self._thought_ahead(words, self.recall_task))

    async def _thought_ahead(
        self, words: str, recalling: asyncio.Task[tuple[Earlier, ...]]
    ) -> AsyncGenerator[ChatDelta, None]:
        earlier = await recalling
        messages = messages_of(self.session, words, more=MAY_RAISE_A_HAND, earlier=earlier)
        async with aclosing(self.providers.think(messages, self.session.practice.name)) as deltas:
            async for delta in deltas:
                yield delta

    def drop_prepared(self) -> None:
        speculative, self.speculative = self.speculative, None
        if speculative is not None:
            speculative.cancel()

    # -- answering ------------------------------------------------------------------------------------------

    def ask(self, previous: asyncio.Task[None] | None) -> None:
        # Not the turn's own work: the words are saved and help is shown whatever becomes of the answer. They are on their
        # way to the disk while they are looked at.
        self.save_task = spawn(self.context.saver.save_user(self), name="save words")
        caring = spawn(self._care(), name="care")
        if self.speculative is None or self.speculative.words != self.text:
            self.recall_task = spawn(self._recall(caring), name="recall")
        self.answer_task = self.context.work(self, self._answer(self.save_task, caring, previous), "answer")
        self.end_task = self.context.work(self, self._end(self.answer_task, previous), "end turn")

    def interrupt(self) -> None:
        if self.answer_task is not None:
            self.answer_task.cancel()

    async def _care(self) -> None:
        self.take_care(self.text)

    async def _recall(self, caring: asyncio.Task[None]) -> tuple[Earlier, ...]:
        await over(caring)
        return await self.recall(self.text)

    async def _answer(
        self, saving: asyncio.Task[None], caring: asyncio.Task[None], previous: asyncio.Task[None] | None
    ) -> None:
        await over(caring)
        caring.result()  # where it failed nobody is asked
        # What was heard of the turn before belongs into this prompt, and the words are committed before they are sent.
        kept = kept_of(self.continues.heard_text) if self.continues is not None else ""
        is_alone = previous is None or previous.done()
        more = MAY_RAISE_A_HAND + (self.care.instruction if self.care is not None else "")
        messages = (
            messages_of(self.session, self.text, kept, more) if is_alone else ()
        )  # while words are committed
        await asyncio.wait([saving, *([previous] if previous is not None else [])])
        if earlier := await self._recalled():
            self.context.events.emit(EarlierRecalled(turn=self.number, passages=earlier))
            messages = messages_of(self.session, self.text, kept, more, earlier)
        if self.speculative is not None and self.speculative.words == self.text:
            speculative, self.speculative = self.speculative, None
            self.providers = replace(self.providers, think=lambda *_: speculative.take())
        self.drop_prepared()
        if self.continues is not None:
            await self.context.saver.reopen(self, kept)
            self.context.events.emit(ReplyContinued(turn=self.number, text=kept))
        self.answer = answer = WrittenAnswer(
            self.providers,
            turn=self.number,
            player=self.player(),
            events=self.context.events,
            mark=self.mark,
            on_sentence=self._save_sentence,
            on_taken_back=lambda: self._take_back(kept),
            on_sound=lambda: self.context.feed(machine.SoundStarted(self.number)),
            on_silence=lambda: self.context.feed(machine.SoundFailed(self.number)),
            on_progress=self.progressed,
            on_hand=self.raise_hand,
            opening=self.beginning,
            is_opening_heard=self.has_begun_before,
            kept=kept,
        )
        messages = messages or messages_of(self.session, self.text, kept, more)
        await answer.run(messages, self.session.practice.name)

    async def _recalled(self) -> tuple[Earlier, ...]:
        """What was found in time: an answer is not held up by it."""
        if self.recall_task is None:
            return ()
        await asyncio.wait([self.recall_task], timeout=RECALL_S)
        if not self.recall_task.done():
            self.recall_task.cancel()
            return ()
        return self.recall_task.result()

    def _take_back(self, kept: str) -> None:
        self.saves.append(spawn(self.context.saver.reopen(self, kept), name="take sentences back"))

    def _save_sentence(self, sentence: Sentence) -> None:
        self.saves.append(spawn(self.context.saver.save_sentence(self, sentence), name="save sentence"))

    async def _end(self, answering: asyncio.Task[None], previous: asyncio.Task[None] | None) -> None:
        """Turns end in the order they began, each with what was heard of it; cancelling the answer does not skip this."""
        await asyncio.wait([answering, *([previous] if previous is not None else [])])
        if answering.cancelled() and self.answer is not None:
            self.answer.state = ReplyState.INTERRUPTED
        try:
            await self._finish(is_interrupted=answering.cancelled())
        finally:
            self.context.is_over(self)

    async def _finish(self, *, is_interrupted: bool) -> None:
        """What is left to do for a turn that ended, however it did."""
        self.drop_prepared()  # nobody came to use it
        await self.saved()
        answer = self.answer
        cost_usd = self.providers.cost_usd(answer.usage) if answer is not None and answer.usage else None
        self.record = self.recorded(dict(self.providers.names), cost_usd)
        self.session.remember(self.record)
        is_bad = (not is_interrupted or self.then) and (answer is None or self.has_failed)
        if is_bad or self.has_slept:
            self.context.wants_retry(self)
        await self.finished()
