"""One answer of a voice model: words and sound arrive together, unaligned.

In: the vendor's deltas and sound. Out: events, sound in the player, and what was heard of it all. Runs on the loop's
thread; cancelling `run` is barge-in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from companion.conversation.answer import Answer
from companion.conversation.heard import GuessedTrack, MixedTrack, SpokenTrack
from companion.errors import CompanionError, Kind
from companion.events import Mark, ReplyEnded, Trouble
from companion.flow import Audio, ChatDelta, Sentence
from companion.kinds import ReplyState, Role
from companion.tasks import spawn, stop

FIRST_S = 15.0
"""Longest wait for the first word or sound of an answer."""
IDLE_S = 10.0
"""Longest wait between two."""


@dataclass(frozen=True, slots=True)
class Written:
    """Words of ours, said by an ordinary voice between what the voice model says."""

    sentences: tuple[Sentence, ...]
    track: SpokenTrack
    end: int
    """Where they end in the reply."""


class SpokenAnswer(Answer):
    """An answer that arrives as words and sound at once."""

    def __init__(
        self,
        *,
        speak: Callable[[str], AsyncGenerator[Audio, None]] | None = None,
        opening: str = "",
        kept: str = "",
        **shared: Any,
    ) -> None:
        """`speak` says written words, None: they are read; the others as `Answer`."""
        self._sound = GuessedTrack(len(kept))
        self._mixed = MixedTrack(self._sound)
        super().__init__(self._mixed, kept=kept, **shared)
        self.is_over = asyncio.Event()
        """Nothing more of it will come; what came may still sound."""
        self.is_stopped = False
        """It said what must not be said: nothing more of it is played."""
        self._speak = speak
        self._queue: asyncio.Queue[Audio | ChatDelta | Written | None] = (
            asyncio.Queue()
        )  # bounded by the longest answer
        self._has_answered = self._is_played = False
        self._afterword = ""
        self._own: list[Sentence] | None = None
        """Sentences of ours, while they are written."""
        if opening:
            self.offer(opening)

    def offer(self, words: str) -> bool:
        """Has written words said: first, where nothing has come yet, else at its end; False when that has sounded."""
        if self._is_played or self.state is ReplyState.INTERRUPTED:
            return False
        if self.is_over.is_set():
            self._add_written(words, is_first=False)
            self._events.emit(ReplyEnded(turn=self._turn, text=self.text, state=self.state))
        elif self._has_answered:
            self._afterword = words
        else:
            self._add_written(words, is_first=True)
        return True

    def take(self, what: ChatDelta | Audio) -> None:
        """More of it. What comes after its end is left out."""
        if self.is_over.is_set():
            return
        self._has_answered = True
        if isinstance(what, Audio):
            self._queue.put_nowait(what)
            self._mark(Mark.FIRST_AUDIO)
            self._sound.add(what)
            return
        self.usage = what.usage or self.usage
        try:
            self._take(what.text)
            if what.finish_reason is not None:
                self._take_rest()
                self._finish_sentences()
                self.end(None if self._has_come else CompanionError(Kind.EMPTY_REPLY))
        except CompanionError as error:
            self._stop(error)

    def _stop(self, error: CompanionError) -> None:
        """It must not go on: what was heard stays, the rest is silence and what is written instead."""
        self.is_stopped = True
        self.flush()
        self.end(error)

    def end(self, error: CompanionError | None = None) -> None:
        """It is complete, or as complete as it will be."""
        if self.is_over.is_set():
            return
        with suppress(CompanionError):  # it ends here anyway
            self._take_rest()
            self._finish_sentences()
        self.state = (
            ReplyState.WHOLE if error is None else ReplyState.CUT_OFF if self.text else ReplyState.PARTIAL
        )
        self.error = error
        if error is None:
            self._sound.end()
        else:
            if self.text and error.kind in (Kind.UNAVAILABLE, Kind.UNREACHABLE):
                error = CompanionError(Kind.CUT_OFF, who=error.who, cause=error)
            self._events.emit(Trouble(error=error, turn=self._turn, role=Role.THINKS))
        self._mixed.close(self._sound, len(self.text))
        if self._afterword:
            self._add_written(self._afterword, is_first=False)
        self._mark(Mark.REPLY_DONE)
        self.is_over.set()
        self._queue.put_nowait(None)
        self._events.emit(ReplyEnded(turn=self._turn, text=self.text, state=self.state))

    def interrupt(self) -> None:
        """The person went on; whatever comes now is of no interest."""
        if not self.is_over.is_set():
            self._finish_sentences(is_cut=True)
        self.state = ReplyState.INTERRUPTED
        self.is_over.set()

    async def run(self) -> None:
        """Returns when the last sound was heard. Failures end in `error` and a `Trouble` event, never raise."""
        self._begin()
        follow = spawn(self._following.run(), name="follow playback")
        try:
            while (what := await self._next()) is not None:
                if isinstance(what, Written):
                    await self._say(what)
                elif isinstance(what, Audio) and self.is_aloud and not self.is_stopped:
                    await self._play(self._player.write(self._turn, what))
                    self._following.made()
            await self._play(self._player.drain(self._turn))
            while not self._queue.empty():  # what was to be said was known only now
                if isinstance(late := self._queue.get_nowait(), Written):
                    await self._say(late)
                    await self._play(self._player.drain(self._turn))
            self._is_played = True
            self._look_once_more()
        except asyncio.CancelledError:
            self.interrupt()
            raise
        finally:
            await stop(follow)

    async def _next(self) -> Audio | ChatDelta | Written | None:
        try:
            async with asyncio.timeout(IDLE_S if self._has_answered else FIRST_S):
                return await self._queue.get()
        except TimeoutError:
            self.end(CompanionError(Kind.TIMEOUT))
            return await self._queue.get()

    async def _play(self, playing: Coroutine[Any, Any, None]) -> None:
        try:
            await playing
        except CompanionError as error:
            self._fall_silent(error)

    # -- written words --------------------------------------------------------------------------------------

    def _add_written(self, words: str, *, is_first: bool) -> None:
        gap = " " if self.text and not self.text[-1].isspace() else ""
        self._own = []
        self._say_written(gap + words)
        track, sentences, self._own = SpokenTrack(), tuple(self._own), None
        if is_first:
            self._sound = GuessedTrack(len(self.text))
            self._mixed.set(track, self._sound)
        else:
            self._mixed.set(self._sound, track)
        self._queue.put_nowait(Written(sentences, track, len(self.text)))

    async def _say(self, what: Written) -> None:
        """By the ordinary voice; where it fails they have been read, and the voice model's own sound goes on."""
        try:
            for sentence in what.sentences if self._speak is not None and self.is_aloud else ():
                if self._speak is None or not self.is_aloud or not sentence.spoken:
                    continue
                what.track.request()
                what.track.begin(sentence)
                async with aclosing(self._speak(sentence.spoken)) as chunks:
                    async for audio in chunks:
                        what.track.add(audio)
                        await self._player.write(self._turn, audio)
                        self._following.made()
                what.track.end()
        except CompanionError as error:
            self._events.emit(Trouble(error=error, turn=self._turn, role=Role.SPEAKS))
        finally:
            self._mixed.close(what.track, what.end)

    def _written(self, text: str, sentences: list[Sentence]) -> None:
        if self._own is not None:
            self._own += sentences
        else:
            self._sound.write(text, sentences)
