"""What every answer is, whoever gives it: text that grows, cut into sentences, the sound of it, and what was heard.

`WrittenAnswer` streams from a model and has it spoken; `SpokenAnswer` takes words and sound from a voice model. What is
left here afterwards is the truth about the turn. Runs on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from companion.conversation.continuation import Continuation
from companion.conversation.following import Following
from companion.conversation.heard import GuessedTrack, SpokenTrack
from companion.conversation.sentences import SentenceCutter
from companion.errors import Action, CompanionError, Kind
from companion.events import Events, Mark, ReplyDelta, Trouble
from companion.flow import ReplyState, Role, Sentence, Usage
from companion.ports import Player


class Answer:
    """The answer of one turn, under way or over."""

    def __init__(
        self,
        track: SpokenTrack | GuessedTrack,
        *,
        turn: int,
        player: Player,
        events: Events,
        mark: Callable[[Mark], None],
        on_sentence: Callable[[Sentence], None],
        on_sound: Callable[[], None],
        on_progress: Callable[[], None],
        kept: str = "",
    ) -> None:
        """`kept`: the beginning of an answer that was cut off and goes on now; `text` and places in it include it."""
        self.text = kept
        self.state = ReplyState.PARTIAL
        self.usage: Usage | None = None
        self.error: CompanionError | None = None
        """Why there is no whole answer."""
        self.is_aloud = True
        """False: it has no sound, or the voice failed, and it is read instead."""
        self.flushed_s: float | None = None
        """How much of its sound was heard when it was silenced; None: it was not."""
        self._turn, self._player, self._events, self._mark = turn, player, events, mark
        self._on_sentence, self._on_sound, self._on_progress = on_sentence, on_sound, on_progress
        self._kept = kept
        self._continuation = Continuation(kept) if kept else None
        self._cutter = SentenceCutter()
        self._has_begun = False
        self._sound_along(track)

    def flush(self) -> None:
        """Silences playback and remembers what was heard up to now."""
        heard_s = self._player.flush() if self._has_begun else 0.0
        if self.flushed_s is None:
            self.flushed_s = heard_s

    @property
    def heard_text(self) -> str:
        """What the person heard; all that was written where nothing is spoken or nothing was cut."""
        if not self.is_aloud or self.flushed_s is None:
            return self.text
        return self.text[: max(len(self._kept), self._track.chars_until(self.flushed_s))].rstrip()

    @property
    def _has_come(self) -> bool:
        """There is more than what was kept of an earlier try."""
        return bool(self.text[len(self._kept) :].strip())

    def _begin(self) -> None:
        """From now on this answer sounds."""
        self._player.begin(self._turn)
        self._has_begun = True

    def _sound_along(self, track: SpokenTrack | GuessedTrack) -> None:
        """The sound of this answer is followed along `track` from now on."""
        self._track = track
        self._following = Following(
            turn=self._turn,
            player=self._player,
            track=track,
            events=self._events,
            on_sound=self._sounds,
            on_progress=self._on_progress,
            on_stall=lambda: self._fall_silent(CompanionError(Kind.SPEAKER_LOST)),
        )

    def _begin_anew(self) -> None:
        """Nothing has come yet after what was kept."""
        self.text = self._kept
        self._continuation = Continuation(self._kept) if self._kept else None
        self._cutter = SentenceCutter()

    def _take(self, text: str) -> bool:
        """More of the text as it comes; whether it completed a sentence."""
        if text and self._continuation is not None:
            text = self._continuation.feed(text)
        found = self._cutter.feed(text) if text else []
        if text:
            self._write(text, found)
        return bool(found)

    def _take_rest(self) -> None:
        """What was held back where the answer goes on, where it ended there."""
        if self._continuation is not None and (text := self._continuation.finish()):
            self._write(text, self._cutter.feed(text))

    def _finish_sentences(self) -> None:
        """The text is complete: its last words are a sentence too."""
        if self.text:
            self._write("", self._cutter.finish())

    def _write(self, text: str, found: list[Sentence]) -> None:
        sentences = [replace(each, start=each.start + len(self._kept)) for each in found]
        if text:
            self._mark(Mark.FIRST_TOKEN)
            self.text += text
            self._on_progress()
        for sentence in sentences:
            if sentence.index == 0:
                self._mark(Mark.FIRST_CLAUSE)
        self._written(text, sentences)
        if text:
            self._events.emit(ReplyDelta(turn=self._turn, text=text))
        for sentence in sentences:
            self._on_sentence(sentence)

    def _written(self, text: str, sentences: list[Sentence]) -> None:
        """More of the text, and the sentences that are whole by now; before anybody else is told."""
        raise NotImplementedError

    def _sounds(self) -> None:
        self._mark(Mark.FIRST_SOUND)
        self._on_sound()

    def _look_once_more(self) -> None:
        """All of it was played: the last sentence may just have been missed."""
        self._following.look()
        if self._following.has_sounded:
            self._mark(Mark.LAST_SOUND)

    def _fall_silent(self, error: CompanionError) -> None:
        """Text never waits for speech: the answer goes on to be read. Nothing needs to be asked again."""
        if not self.is_aloud:
            return
        self.is_aloud = False
        self._player.flush()
        own = {Action.RETRY: None, Action.ANSWER_OFFLINE: Action.SPEAK_OFFLINE}
        helps = [own.get(action, action) for action in error.actions]
        error.actions = tuple(action for action in helps if action is not None)
        self._events.emit(Trouble(error=error, turn=self._turn, role=Role.SPEAKS))
