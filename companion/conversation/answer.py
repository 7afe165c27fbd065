"""What every answer is, whoever gives it: text that grows, cut into sentences, the sound of it, and what was heard.

`WrittenAnswer` streams from a model and has it spoken; `SpokenAnswer` takes words and sound from a voice model. What is
left here afterwards is the truth about the turn. Runs on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from companion.conversation.continuation import Continuation
from companion.conversation.following import Following
from companion.conversation.heard import MixedTrack, SpokenTrack
from companion.conversation.sentences import SentenceCutter
from companion.errors import Action, CompanionError, Kind
from companion.events import Events, Mark, ReplyDelta, Trouble
from companion.flow import Sentence, Usage
from companion.kinds import ReplyState, Role
from companion.language import tr
from companion.ports import Player


class Answer:
    """The answer of one turn, under way or over."""

    def __init__(
        self,
        track: SpokenTrack | MixedTrack,
        *,
        turn: int,
        player: Player,
        events: Events,
        mark: Callable[[Mark], None],
        on_sentence: Callable[[Sentence], None],
        on_sound: Callable[[], None],
        on_silence: Callable[[], None],
        on_progress: Callable[[], None],
        on_hand: Callable[[], None] = lambda: None,
        opening: str = "",
        is_opening_heard: bool = False,
        kept: str = "",
    ) -> None:
        """A new answer.

        Args:
            on_hand: whoever thinks marked that somebody may be in danger.
            opening: written words with which it begins, said like the rest, whatever becomes of the rest.
            is_opening_heard: an earlier try has said them; they are not said again.
            kept: the beginning of an answer that was cut off and goes on now; `text` and places in it include it.
        """
        from companion.care.replies import Mark as Hand

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
        self._on_silence = on_silence
        self._kept = kept
        self._continuation = Continuation(kept) if kept else None
        self._cutter = SentenceCutter()
        self._base, self._count = len(kept), 0
        """Where in the text the words begin that come now, and how many sentences there are before them."""
        self._opening = opening
        self._heard_before = kept or (opening if is_opening_heard else "")
        self._hand, self._on_hand = Hand(), on_hand
        self._has_begun = False
        self._sound_along(track)

    def flush(self) -> None:
        """Silences playback and remembers what was heard up to now."""
        heard_s = self._player.flush() if self._has_begun else 0.0
        if self.flushed_s is None:
            self.flushed_s = heard_s

    def read_on(self) -> None:
        """The voice falls silent; what is written, and what is still to come, is read instead and counts as heard."""
        self.is_aloud = False
        self._following.end()
        self._player.flush()

    @property
    def heard_text(self) -> str:
        """What the person heard; all that was written where nothing is spoken or nothing was cut."""
        if not self.is_aloud or self.flushed_s is None:
            return self.text
        return self.text[: max(len(self._heard_before), self._track.chars_until(self.flushed_s))].rstrip()

    @property
    def _has_come(self) -> bool:
        """There is more than what was kept of an earlier try, and than what was written before."""
        return bool(self.text[self._base :].strip())

    def _begin(self) -> None:
        """From now on this answer sounds."""
        self._player.begin(self._turn)
        self._has_begun = True

    def _say_written(self, text: str) -> None:
        """Words of ours, before or after those of whoever thinks."""
        self._finish_sentences()
        self._begin_part()
        is_heard = bool(text) and text == self._heard_before
        for piece, found in ((text, self._cutter.feed(text)), ("", self._cutter.finish())):
            self._write(piece, [replace(each, spoken="") for each in found] if is_heard else found)
        self._begin_part()
        self._continuation = Continuation(self.text)

    def _begin_part(self) -> None:
        """What comes now is cut into sentences by itself."""
        self._cutter, self._base = SentenceCutter(), len(self.text)

    def _sound_along(self, track: SpokenTrack | MixedTrack) -> None:
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
        """Nothing has come yet after what was kept, and after the written words."""
        from companion.care.replies import Mark as Hand

        self.text = self.text[: self._base]
        self._continuation = Continuation(self.text) if self.text else None
        self._cutter, self._hand = SentenceCutter(), Hand()

    def _take(self, text: str) -> bool:
        """More of the text as it comes; whether it completed a sentence.

        Raises:
            CompanionError: CONTENT_REFUSED, it must not be said; the text ends before it.
        """
        if text:
            was_raised, text = self._hand.is_raised, self._hand.feed(text)
            if self._hand.is_raised and not was_raised:
                self._on_hand()
        if text and self._continuation is not None:
            text = self._continuation.feed(text)
        found = self._cutter.feed(text) if text else []
        if text:
            self._write_checked(text, found)
        return bool(found)

    def _take_rest(self) -> None:
        """What was held back where the answer begins or goes on, where it ended there. Raises as `_take`."""
        text = self._hand.finish()
        if self._continuation is not None:
            text = self._continuation.feed(text) + self._continuation.finish()
        if text:
            self._write_checked(text, self._cutter.feed(text))

    def _finish_sentences(self, *, is_cut: bool = False) -> None:
        """The text is complete: its last words are a sentence too. Raises as `_take`, but not where the person cut it."""
        if self.text:
            (self._write if is_cut else self._write_checked)("", self._cutter.finish())

    def _write_checked(self, text: str, found: list[Sentence]) -> None:
        """As `_write`, but nothing that must not be said.

        Raises:
            CompanionError: as `_take`.
        """
        from companion.care.replies import STOPPED, fault_of

        for at, sentence in enumerate(found):
            if (fault := fault_of(sentence.text)) is None:
                continue
            begins = sentence.start + self._base
            self._write(text[: max(0, begins - len(self.text))], found[:at])
            self.text = self.text[:begins]
            self._cutter, self._continuation = SentenceCutter(), None
            said = tr(STOPPED)
            self._say_written(said if not self.text or self.text[-1].isspace() else f" {said}")
            raise CompanionError(
                Kind.CONTENT_REFUSED,
                tr("This answer was stopped: {fault}.", fault=tr(fault.value)),
                hint=tr("What you said is kept."),
            )
        self._write(text, found)

    def _write(self, text: str, found: list[Sentence]) -> None:
        sentences = [
            replace(each, start=each.start + self._base, index=self._count + at)
            for at, each in enumerate(found)
        ]
        self._count += len(found)
        if text:
            self._mark(Mark.FIRST_TOKEN)
            self.text += text
            self._on_progress()
        for sentence in sentences:
            if sentence.index == 0 and self.is_aloud:
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
        Answer.read_on(self)
        self._on_silence()
        own = {Action.RETRY: None, Action.ANSWER_OFFLINE: Action.SPEAK_OFFLINE}
        helps = [own.get(action, action) for action in error.actions]
        error.actions = tuple(action for action in helps if action is not None)
        self._events.emit(Trouble(error=error, turn=self._turn, role=Role.SPEAKS))
