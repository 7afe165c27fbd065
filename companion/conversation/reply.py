"""One answer: the model's stream is cut into sentences, each is spoken while the next is written.

In: the prompt and this turn's engines. Out: events, sound in the player, and what was written and heard. Runs on the
event loop; cancelling `run` is barge-in, and what is left here afterwards is the truth about the turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from companion.conversation.following import Following
from companion.conversation.heard import SpokenTrack
from companion.conversation.seam import Seam
from companion.conversation.sentences import SentenceCutter
from companion.errors import Action, CompanionError, Kind
from companion.events import Events, Mark, ReplyDelta, ReplyEnded, Trouble
from companion.flow import Audio, ChatDelta, Message, ReplyState, Role, Sentence, Transcript, Usage
from companion.ports import Player
from companion.tasks import spawn, stop

GUIDE = "guide/"
"""Begins the name of the written rules that stand in for a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Who thinks, hears and speaks in one turn; taken once, so that switching never tears a turn."""

    think: Callable[[tuple[Message, ...], str], AsyncGenerator[ChatDelta, None]]
    """(messages, practice) -> the answer."""
    hear: Callable[[AsyncIterator[bytes]], AsyncGenerator[Transcript, None]]
    speak: Callable[[str], AsyncGenerator[Audio, None]] | None
    """None: answers are not spoken."""
    speak_stream: Callable[[AsyncIterator[str]], AsyncGenerator[Audio, None]] | None = None
    """For a voice that takes the text while it is written; it then speaks instead of `speak`."""
    hears_live: bool = True
    """Its recogniser works while the person speaks; another is given a long take in stretches."""
    names: Mapping[str, str]
    """Role value -> "provider/model"."""
    cost_usd: Callable[[Usage], float | None] = lambda _: None


class Reply:
    """The answer of one turn, under way or over."""

    def __init__(
        self,
        *,
        turn: int,
        engines: Engines,
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
        self.model = ""
        self.error: CompanionError | None = None
        """Why there is no whole answer."""
        self._turn = turn
        self._engines = engines
        self._player = player
        self._events = events
        self._mark = mark
        self._on_sentence = on_sentence
        self._on_sound = on_sound
        self._track = SpokenTrack()
        self._following = Following(
            turn=turn,
            player=player,
            track=self._track,
            events=events,
            on_sound=self._sounds,
            on_stall=self._stalls,
        )
        self._is_spoken = engines.speak is not None
        self._flushed_s: float | None = None

    def flush(self) -> None:
        """Silences playback and remembers what was heard up to now."""
        heard_s = self._player.flush()
        if self._flushed_s is None:
            self._flushed_s = heard_s

    @property
    def heard_text(self) -> str:
        """What the person heard; all that was written where nothing is spoken or nothing was cut."""
        if not self._is_spoken or self._flushed_s is None:
            return self.text
        return self.text[: max(len(self._kept), self._track.chars_until(self._flushed_s))].rstrip()

    async def run(self, messages: tuple[Message, ...], practice: str) -> None:
        """Returns when the last sound was heard. Failures end in `error` and a `Trouble` event, never raise."""
        queue: asyncio.Queue[Sentence | None] = (
            asyncio.Queue()
        )  # bounded by the longest reply, 32,000 characters
        voice = spawn(self._speak(queue), name="speak") if self._is_spoken else None
        follow = spawn(self._following.run(), name="follow playback")
        self._player.begin(self._turn)
        try:
            try:
                await self._think(messages, practice, queue)
            except CompanionError as error:
                self._end_badly(error)
            queue.put_nowait(None)
            self._mark(Mark.REPLY_DONE)
            self._events.emit(ReplyEnded(turn=self._turn, text=self.text, state=self.state))
            if voice is not None:
                await voice
            self._following.look()
            if self._following.has_sounded:
                self._mark(Mark.LAST_SOUND)
        finally:
            await stop(voice, follow)

    async def _think(
        self, messages: tuple[Message, ...], practice: str, queue: asyncio.Queue[Sentence | None]
    ) -> None:
        cutter = SentenceCutter()
        self._mark(Mark.ASKED)
        finish = ""
        try:
            async with aclosing(self._engines.think(messages, practice)) as deltas:
                async for delta in deltas:
                    self._refuse_stand_in()
                    if text := self._joined(delta.text):
                        found = cutter.feed(text)
                        self._write(text, found, queue)
                        if found:  # the voice begins now, also where the model writes faster than we read
                            await asyncio.sleep(0)
                    finish = delta.finish_reason or finish
                    self.usage = delta.usage or self.usage
                    self.model = delta.model or self.model
        finally:
            if text := self._seam.finish() if self._seam is not None else "":
                self._write(text, cutter.feed(text), queue)
            if self.text:
                self._write("", cutter.finish(), queue)
        if not self.text[len(self._kept) :].strip():
            raise CompanionError(Kind.EMPTY_REPLY)
        if not finish:
            raise CompanionError(Kind.CUT_OFF)
        if finish == "length":
            raise _too_long()
        self.state = ReplyState.WHOLE

    def _refuse_stand_in(self) -> None:
        """The offline guide answers instead of a model, but does not end its sentence."""
        if self._kept and self._engines.names.get(Role.THINKS.value, "").startswith(GUIDE):
            raise CompanionError(Kind.UNAVAILABLE)

    def _joined(self, text: str) -> str:
        return self._seam.feed(text) if text and self._seam is not None else text

    def _write(self, text: str, found: list[Sentence], queue: asyncio.Queue[Sentence | None]) -> None:
        sentences = [replace(each, start=each.start + len(self._kept)) for each in found]
        if text:
            self._mark(Mark.FIRST_TOKEN)
            self.text += text
        for sentence in sentences:
            if sentence.index == 0:
                self._mark(Mark.FIRST_CLAUSE)
            queue.put_nowait(sentence)
        if text:
            self._events.emit(ReplyDelta(turn=self._turn, text=text))
        for sentence in sentences:
            self._on_sentence(sentence)

    def _end_badly(self, error: CompanionError) -> None:
        self.error = error
        self.state = ReplyState.CUT_OFF if self.text else ReplyState.PARTIAL
        self._events.emit(Trouble(error=error, turn=self._turn, role=Role.THINKS))

    async def _speak(self, queue: asyncio.Queue[Sentence | None]) -> None:
        try:
            if self._engines.speak_stream is not None:
                await self._say_stream(queue, self._engines.speak_stream)
            else:
                while (sentence := await queue.get()) is not None:
                    if sentence.spoken:
                        await self._say(sentence)
            await self._player.drain(self._turn)
        except CompanionError as error:  # text never waits for speech: the answer goes on, silently
            self._is_spoken = False
            self._player.flush()
            self._tell(error)

    async def _say(self, sentence: Sentence) -> None:
        assert self._engines.speak is not None
        self._track.request()
        self._track.begin(sentence)
        async with aclosing(self._engines.speak(sentence.spoken)) as chunks:
            async for audio in chunks:
                await self._play(audio)
        self._track.end()

    async def _say_stream(
        self,
        queue: asyncio.Queue[Sentence | None],
        speak_stream: Callable[[AsyncIterator[str]], AsyncGenerator[Audio, None]],
    ) -> None:
        given: list[Sentence] = []

        async def pieces() -> AsyncGenerator[str, None]:
            while (sentence := await queue.get()) is not None:
                if sentence.spoken:
                    given.append(sentence)
                    yield sentence.spoken

        sounding = -1
        async with aclosing(speak_stream(pieces())) as chunks:
            async for audio in chunks:
                while sounding < audio.piece:
                    if sounding >= 0:
                        self._track.end()
                    sounding += 1
                    self._track.begin(given[sounding])
                await self._play(audio)
        if sounding >= 0:
            self._track.end()

    async def _play(self, audio: Audio) -> None:
        if not self._track.total_s:
            self._mark(Mark.FIRST_AUDIO)
        self._track.add(audio)
        await self._player.write(self._turn, audio)
        self._following.made()

    def _sounds(self) -> None:
        self._mark(Mark.FIRST_SOUND)
        self._on_sound()

    def _stalls(self) -> None:
        if not self._is_spoken:  # the voice has failed before, and was told
            return
        self._is_spoken = False
        self._player.flush()
        self._tell(CompanionError(Kind.SPEAKER_LOST))

    def _tell(self, error: CompanionError) -> None:
        """A voice that fails has its own help: nothing needs to be asked again."""
        own = {Action.RETRY: None, Action.ANSWER_OFFLINE: Action.SPEAK_OFFLINE}
        helps = [own.get(action, action) for action in error.actions]
        error.actions = tuple(action for action in helps if action is not None)
        self._events.emit(Trouble(error=error, turn=self._turn, role=Role.SPEAKS))


def _too_long() -> CompanionError:
    error = CompanionError(
        Kind.CUT_OFF,
        "The answer has reached the longest length that is set.",
        hint="What arrived is kept; the limit is in the settings under Thinking.",
    )
    error.actions = (Action.CONTINUE,)
    return error
