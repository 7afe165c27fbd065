"""One answer of a model that writes: its stream is cut into sentences, each is spoken while the next is written.

In: the prompt and who thinks and speaks in this turn. Out: events, sound in the player, and what was written and heard.
Runs on the event loop; cancelling `run` is barge-in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from companion.conversation.answer import Answer
from companion.conversation.heard import SpokenTrack
from companion.errors import Action, CompanionError, Kind
from companion.events import Mark, ReplyEnded, ReplyTakenBack, Trouble
from companion.flow import Audio, ChatDelta, Message, Sentence, Transcript, Usage
from companion.kinds import ReplyState, Role
from companion.language import tr
from companion.tasks import spawn, stop

GUIDE = "guide/"
"""Begins the name of the written rules that stand in for a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnProviders:
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


class WrittenAnswer(Answer):
    """An answer that is written, and spoken by a voice of its own."""

    def __init__(
        self, providers: TurnProviders, *, on_taken_back: Callable[[], None] = lambda: None, **shared: Any
    ) -> None:
        """`shared`: as `Answer`; `on_taken_back`: the sentences told so far are none of the answer's."""
        self._sound = SpokenTrack()
        super().__init__(self._sound, **shared)
        self._providers = providers
        self._on_taken_back = on_taken_back
        self.is_aloud = providers.speak is not None
        self._queue: asyncio.Queue[Sentence | None] = asyncio.Queue()  # bounded by the longest reply
        self._voice: asyncio.Task[None] | None = None
        self._follow: asyncio.Task[None] | None = None

    async def run(self, messages: tuple[Message, ...], practice: str) -> None:
        """Returns when the last sound was heard. Failures end in `error` and a `Trouble` event, never raise."""
        self._begin_to_speak()
        try:
            try:
                if self._opening:
                    self._say_written(self._opening)
                    await asyncio.sleep(0)  # the voice begins now
                await self._think(messages, practice)
            except CompanionError as error:
                self._end_badly(error)
            self._queue.put_nowait(None)
            self._mark(Mark.REPLY_DONE)
            self._events.emit(ReplyEnded(turn=self._turn, text=self.text, state=self.state))
            if self._voice is not None:
                await self._spoken(self._voice)
            self._look_once_more()
        finally:
            await stop(self._voice, self._follow)

    def read_on(self) -> None:
        super().read_on()
        if self._voice is not None:
            self._voice.cancel()

    async def _spoken(self, voice: asyncio.Task[None]) -> None:
        """All of it is said, or the person reads on."""
        await asyncio.wait((voice,))
        if not voice.cancelled():
            voice.result()

    def _begin_to_speak(self) -> None:
        self._begin()
        self._voice = spawn(self._speak(), name="speak") if self.is_aloud else None
        self._follow = spawn(self._following.run(), name="follow playback")

    async def _think(self, messages: tuple[Message, ...], practice: str) -> None:
        self._mark(Mark.ASKED)
        if self._opening and self._is_guide:  # it says all that rules can say
            self.state = ReplyState.WHOLE
            return
        finish = ""
        try:
            async with aclosing(self._providers.think(messages, practice)) as deltas:
                async for delta in deltas:
                    self._refuse_stand_in()
                    if self._opening and self._is_guide:
                        finish = "stop"
                        break
                    if delta.retracts:
                        await self._take_back()
                    if delta.text and self._take(delta.text):
                        await asyncio.sleep(
                            0
                        )  # the voice begins now, also where a model writes faster than we read
                    finish = delta.finish_reason or finish
                    self.usage = delta.usage or self.usage
        except asyncio.CancelledError:
            with suppress(CompanionError):
                self._take_rest()
            self._finish_sentences(is_cut=True)
            raise
        except CompanionError:
            self._take_rest()
            self._finish_sentences()
            raise
        self._take_rest()
        self._finish_sentences()
        if not self._has_come and not (self._opening and self._is_guide):
            raise CompanionError(Kind.EMPTY_REPLY)
        if not finish:
            raise CompanionError(Kind.CUT_OFF)
        if finish == "length":
            raise _too_long()
        self.state = ReplyState.WHOLE

    async def _take_back(self) -> None:
        """What came so far was thought: it falls silent, leaves the page, and nothing more of it is said."""
        is_told = self._has_come
        self._begin_anew()
        if not is_told:
            return
        if self._opening and self._track.chars_until(self._player.heard_s) >= len(self._opening):
            self._heard_before = self._opening
        self._player.flush()
        self._on_taken_back()
        self.text, self._base, self._count = self._kept, len(self._kept), 0
        self._events.emit(ReplyTakenBack(turn=self._turn, text=self.text))
        await stop(self._voice, self._follow)
        self._queue = asyncio.Queue()
        self._sound = SpokenTrack()
        self._sound_along(self._sound)
        self._begin_to_speak()
        if self._opening:
            self._say_written(self._opening)

    def _refuse_stand_in(self) -> None:
        """The offline guide answers instead of a model, but does not end its sentence."""
        if self._kept and self._is_guide:
            raise CompanionError(Kind.UNAVAILABLE)

    @property
    def _is_guide(self) -> bool:
        return self._providers.names.get(Role.THINKS.value, "").startswith(GUIDE)

    def _written(self, text: str, sentences: list[Sentence]) -> None:
        for sentence in sentences:
            self._queue.put_nowait(sentence)

    def _end_badly(self, error: CompanionError) -> None:
        self.error = error
        self.state = ReplyState.CUT_OFF if self.text else ReplyState.PARTIAL
        self._events.emit(Trouble(error=error, turn=self._turn, role=Role.THINKS))

    async def _speak(self) -> None:
        try:
            if self._providers.speak_stream is not None:
                await self._say_stream(self._providers.speak_stream)
            else:
                while (sentence := await self._queue.get()) is not None:
                    if sentence.spoken:
                        await self._say(sentence)
            await self._player.drain(self._turn)
        except CompanionError as error:
            self._fall_silent(error)

    async def _say(self, sentence: Sentence) -> None:
        assert self._providers.speak is not None
        self._sound.request()
        self._sound.begin(sentence)
        async with aclosing(self._providers.speak(sentence.spoken)) as chunks:
            async for audio in chunks:
                await self._play(audio)
        self._sound.end()

    async def _say_stream(
        self, speak_stream: Callable[[AsyncIterator[str]], AsyncGenerator[Audio, None]]
    ) -> None:
        given: list[Sentence] = []

        async def pieces() -> AsyncGenerator[str, None]:
            while (sentence := await self._queue.get()) is not None:
                if sentence.spoken:
                    given.append(sentence)
                    yield sentence.spoken

        sounding = -1
        async with aclosing(speak_stream(pieces())) as chunks:
            async for audio in chunks:
                while sounding < audio.piece:
                    if sounding >= 0:
                        self._sound.end()
                    sounding += 1
                    self._sound.begin(given[sounding])
                await self._play(audio)
        if sounding >= 0:
            self._sound.end()

    async def _play(self, audio: Audio) -> None:
        if not self._sound.total_s:
            self._mark(Mark.FIRST_AUDIO)
        self._sound.add(audio)
        await self._player.write(self._turn, audio)
        self._following.made()


def _too_long() -> CompanionError:
    error = CompanionError(
        Kind.CUT_OFF,
        tr("The answer reached the longest length you allow."),
        hint=tr("What arrived is kept; the limit is in the settings under Thinking."),
    )
    error.actions = (Action.CONTINUE,)
    return error
