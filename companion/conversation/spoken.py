"""What lives of a turn whose answer comes as words and sound at once: `SpokenAnswer`, and `SpokenTurn` around it.

In: the vendor's deltas and sound. Out: events, sound in the player, sentences to keep, and what was heard of it all. Runs
on the loop's thread; cancelling `SpokenAnswer.run` is barge-in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from companion.conversation.following import Following
from companion.conversation.heard import GuessedTrack
from companion.conversation.live_turn import LiveTurn
from companion.conversation.seam import Seam
from companion.conversation.sentences import SentenceCutter
from companion.errors import CompanionError, Kind
from companion.events import (
    Events,
    Mark,
    ReplyDelta,
    ReplyEnded,
    TranscriptHeard,
    Trouble,
)
from companion.flow import (
    TURN_ROLES,
    Audio,
    ChatDelta,
    ReplyState,
    Role,
    Sentence,
    Transcript,
    TurnRecord,
    Usage,
)
from companion.ports import Conversation, Player, Spool, Told
from companion.tasks import spawn, stop

FIRST_S = 15.0
"""Longest wait for the first word or sound of an answer."""
IDLE_S = 10.0
"""Longest wait between two."""
WORDS_S = 5.0
"""How long the words of a take are waited for once its answer is over."""
UNKNOWN_WORDS = "(The words of this take are not known; its recording is kept.)"


class SpokenAnswer:
    """An answer that arrives as words and sound at once."""

    def __init__(
        self,
        *,
        turn: int,
        player: Player,
        events: Events,
        mark: Callable[[Mark], None],
        on_sentence: Callable[[Sentence], None],
        on_sound: Callable[[], None],
        kept: str = "",
    ) -> None:
        """`kept`: the beginning of an answer that was cut off and goes on now; `text` and places in it include it."""
        self.text = kept
        self._kept = kept
        self._seam = Seam(kept) if kept else None
        self.state = ReplyState.PARTIAL
        self.usage: Usage | None = None
        self.error: CompanionError | None = None
        self.is_over = asyncio.Event()
        """Nothing more of it will come; what came may still sound."""
        self.flushed_s: float | None = None
        self.is_heard = True
        """False: it has no sound, or the speaker failed, and it is read instead."""
        self._turn = turn
        self._player = player
        self._events = events
        self._mark = mark
        self._on_sentence = on_sentence
        self._on_sound = on_sound
        self._cutter = SentenceCutter()
        self._queue: asyncio.Queue[Audio | ChatDelta | None] = (
            asyncio.Queue()
        )  # bounded by the longest answer
        self._track = GuessedTrack(len(kept))
        self._following = Following(
            turn=turn,
            player=player,
            track=self._track,
            events=events,
            on_sound=self._sounds,
            on_stall=lambda: self._fall_silent(CompanionError(Kind.SPEAKER_LOST)),
        )
        self._has_begun = self._has_come = False

    def take(self, what: ChatDelta | Audio) -> None:
        """More of it. What comes after its end is left out."""
        if self.is_over.is_set():
            return
        self._has_come = True
        self._queue.put_nowait(what)
        if isinstance(what, Audio):
            self._mark(Mark.FIRST_AUDIO)
            self._track.add(what)
            return
        self.usage = what.usage or self.usage
        if text := self._seam.feed(what.text) if self._seam is not None else what.text:
            self._write(text)
        if what.finish_reason is not None:
            self._write_rest()
            came = self.text[len(self._kept) :].strip()
            self.end(None if came else CompanionError(Kind.EMPTY_REPLY))

    def end(self, error: CompanionError | None = None) -> None:
        """It is complete, or as complete as it will be."""
        if self.is_over.is_set():
            return
        self._write_rest()
        self._cut(self._cutter.finish())
        self.state = (
            ReplyState.WHOLE if error is None else ReplyState.CUT_OFF if self.text else ReplyState.PARTIAL
        )
        self.error = error
        if error is None:
            self._track.end()
        else:
            if self.text and error.kind in (Kind.UNAVAILABLE, Kind.UNREACHABLE):
                error = CompanionError(Kind.CUT_OFF, who=error.who, cause=error)
            self._events.emit(Trouble(error=error, turn=self._turn, role=Role.THINKS))
        self._mark(Mark.REPLY_DONE)
        self.is_over.set()
        self._queue.put_nowait(None)
        self._events.emit(ReplyEnded(turn=self._turn, text=self.text, state=self.state))

    def interrupt(self) -> None:
        """The person went on; whatever comes now is of no interest."""
        if not self.is_over.is_set():
            self._cut(self._cutter.finish())
        self.state = ReplyState.INTERRUPTED
        self.is_over.set()

    def flush(self) -> None:
        """Silences playback and remembers what was heard up to now."""
        heard_s = self._player.flush() if self._has_begun else 0.0
        if self.flushed_s is None:
            self.flushed_s = heard_s

    @property
    def heard_text(self) -> str:
        """What the person heard: of an answer that was cut, the words in proportion to its sound."""
        if self.flushed_s is None or not self.is_heard:
            return self.text
        return self.text[: self._track.chars_until(self.flushed_s)].rstrip()

    async def run(self) -> None:
        """Returns when the last sound was heard. Failures end in `error` and a `Trouble` event, never raise."""
        self._player.begin(self._turn)
        self._has_begun = True
        follow = spawn(self._following.run(), name="follow playback")
        try:
            while (what := await self._next()) is not None:
                if isinstance(what, Audio) and self.is_heard:
                    await self._play(self._player.write(self._turn, what))
                    self._following.made()
            await self._play(self._player.drain(self._turn))
            self._following.look()
            if self._following.has_sounded:
                self._mark(Mark.LAST_SOUND)
        except asyncio.CancelledError:
            self.interrupt()
            raise
        finally:
            await stop(follow)

    async def _next(self) -> Audio | ChatDelta | None:
        try:
            async with asyncio.timeout(IDLE_S if self._has_come else FIRST_S):
                return await self._queue.get()
        except TimeoutError:
            self.end(CompanionError(Kind.TIMEOUT))
            return None

    async def _play(self, playing: Coroutine[Any, Any, None]) -> None:
        try:
            await playing
        except CompanionError as error:  # the words go on, silently
            self._fall_silent(error)

    def _fall_silent(self, error: CompanionError) -> None:
        if not self.is_heard:
            return
        self.is_heard = False
        self._player.flush()
        self._events.emit(Trouble(error=error, turn=self._turn, role=Role.SPEAKS))

    def _write_rest(self) -> None:
        """What was held back at the seam, where the answer ended in it."""
        if self._seam is not None and (text := self._seam.finish()):
            self._write(text)

    def _write(self, text: str) -> None:
        self._mark(Mark.FIRST_TOKEN)
        self.text += text
        self._events.emit(ReplyDelta(turn=self._turn, text=text))
        self._cut(self._cutter.feed(text), text)

    def _cut(self, found: list[Sentence], text: str = "") -> None:
        sentences = [replace(each, start=each.start + len(self._kept)) for each in found]
        self._track.write(text, sentences)
        for sentence in sentences:
            if sentence.index == 0:
                self._mark(Mark.FIRST_CLAUSE)
            self._on_sentence(sentence)

    def _sounds(self) -> None:
        self._mark(Mark.FIRST_SOUND)
        self._on_sound()


@dataclass(slots=True)
class SpokenTurn(LiveTurn):
    """A turn whose words are known later than its end."""

    words: str = ""
    """What the vendor heard in its take."""
    words_known: asyncio.Event = field(default_factory=asyncio.Event)
    """Or known not to come."""
    is_kept: asyncio.Event = field(default_factory=asyncio.Event)
    """The words are committed, or it was said that they could not be."""
    sentences: asyncio.Queue[Sentence | None] = field(default_factory=asyncio.Queue)  # bounded by the answer
    send_task: asyncio.Task[bool] | None = None
    keep_task: asyncio.Task[None] | None = None
    sent_to: Conversation | None = None
    """Where its take was committed, or its words went."""
    fault: CompanionError | None = None
    """Why it was not."""
    answer: SpokenAnswer | None = None

    def chain(self) -> list[SpokenTurn]:
        """The takes whose words this turn carries, oldest first."""
        before = self.before.chain() if isinstance(self.before, SpokenTurn) else []
        return [*before, self]

    def spools(self) -> list[Spool]:
        """The sealed copies that may go once the words of this turn are committed: those whose words are known."""
        first = self.chain()[0].before  # words that an ordinary recogniser heard
        heard = first.spools() if first is not None else []
        return [*heard, *(spool for take in self.chain() if take.words for spool in take.own_spools())]

    @property
    def has_words(self) -> bool:
        """It is known what was said."""
        return self.text not in ("", UNKNOWN_WORDS)

    @property
    def has_failed(self) -> bool:
        return self.answer is not None and self.answer.error is not None

    def told(self, what: Told) -> None:
        """Something came from the vendor for this turn."""
        if isinstance(what, Transcript):
            self._hear(what)
        elif isinstance(what, CompanionError) and what.kind is Kind.HEARING_FAILED:
            self.words_known.set()
        elif self.answer is not None:
            self.answer.end(what) if isinstance(what, CompanionError) else self.answer.take(what)

    def _hear(self, transcript: Transcript) -> None:
        if self.words_known.is_set():
            return
        self.events.emit(TranscriptHeard(turn=self.number, transcript=transcript))
        if transcript.is_final:
            self.words = transcript.text.strip()
            self.words_known.set()
            self.mark(Mark.TRANSCRIPT)

    def lost(self, error: CompanionError) -> None:
        """Nothing more will come from the vendor."""
        self.words_known.set()
        if self.answer is not None:
            self.answer.end(error)

    async def interrupt(self) -> None:
        """Tells the vendor that the person went on, and what they heard."""
        heard_s = self.answer.flushed_s if self.answer is not None else None
        if self.sent_to is not None:
            with suppress(CompanionError):  # whoever listens hears of it
                await self.sent_to.interrupt(self.number, heard_s or 0.0)

    async def set_aside(self) -> None:
        """The recording stays sealed on disk until its words are known."""
        await over(self.spool_task)
        if self.spool is not None:
            await self.keeping.finish(self.spool, self.number)

    async def keep(self, answer: SpokenAnswer, previous: asyncio.Task[None] | None) -> None:
        """Commits the words as soon as they are known, then the answer sentence by sentence.

        Args:
            answer: what the vendor answers.
            previous: the turn before; turns are kept in the order in which they were said.
        """
        await over(previous)
        takes = self.chain()
        for take in takes:
            await take.words_known.wait()
            await over(take.spool_task)
        self.text = self.text or " ".join(take.words for take in takes if take.words)
        if not self.text:
            await answer.is_over.wait()
            for take in takes:
                await take.set_aside()
            if not answer.text:
                return
            self.text = UNKNOWN_WORDS
        await self.keeping.save_user(self)
        self.is_kept.set()
        while (sentence := await self.sentences.get()) is not None:
            await self.keeping.save_sentence(self, sentence)

    async def words_came(self) -> bool:
        """Whether the words of this turn are known; waits for them a little, and then no more."""
        takes = self.chain()
        with suppress(TimeoutError):
            async with asyncio.timeout(WORDS_S):
                for take in takes:
                    await take.words_known.wait()
        for take in takes:
            take.words_known.set()
        return self.has_words or any(take.words for take in takes)

    def recorded(self, answer: SpokenAnswer, cost_usd: float | None) -> TurnRecord:
        """The turn as it ended."""
        before = self.continues
        if before is not None and before.cost_usd is not None:
            cost_usd = before.cost_usd + (cost_usd or 0.0)
        name = self.sent_to.name if self.sent_to is not None else ""
        return TurnRecord(
            id=self.id or 0,
            session_id=self.keeping.session_id or 0,
            at=self.at,
            offset_s=self.offset_s,
            user_text=self.text,
            reply_text=answer.text,
            heard_text=answer.heard_text,
            reply_state=answer.state,
            reply_at=time.time(),
            engines={role.value: name for role in TURN_ROLES} if name else {},
            timeline_ms=before.timeline_ms if before is not None else self.timeline_ms(),
            cost_usd=cost_usd,
        )


async def over(task: asyncio.Task[Any] | None) -> None:
    """Returns when `task` is done, however it ended."""
    if task is not None and not task.done():
        await asyncio.wait([task])
