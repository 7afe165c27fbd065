"""What the person heard: the sentence and the word that sound now, and the reply up to a moment. Pure.

Playback's `heard_s` is the truth; this maps it back to places in the reply. Where the voice says when each word sounds
that decides, elsewhere the share of the sentence's sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from companion.flow import Audio, Sentence, SpokenWord

CHARS_PER_S = 15.0
"""Usual pace of English read aloud."""
_NEAR_CHARS = 160
"""How far ahead in its sentence a word is looked for: between two words may be markup that is not said."""
_SLACK_S = 1.0
"""Times that stop so long before the sound does say nothing about the rest."""


@dataclass(frozen=True, slots=True)
class _Word:
    start_s: float
    end_s: float
    start: int
    end: int
    """Offsets in the reply."""


@dataclass(slots=True)
class _Span:
    sentence: Sentence
    start_s: float
    end_s: float
    is_complete: bool = False
    words: list[_Word] = field(default_factory=list)
    searched: int = 0
    """Up to here in the sentence words have been found."""

    def place(self, word: SpokenWord, start_s: float) -> bool:
        """Finds the next place of `word`, which begins to sound at `start_s`."""
        core = word.text.strip(" \t\n.,;:!?…\"'“”‘’()[]*_—–-")
        if not core:
            return True
        edge = r"(?<!\w){}(?!\w)" if core.isascii() else "{}"
        text, begin = self.sentence.text, self.searched
        found = re.compile(edge.format(re.escape(core)), re.IGNORECASE).search(
            text, begin, min(len(text), begin + _NEAR_CHARS)
        )
        if found is None:
            return False
        self.searched = found.end()
        first = self.sentence.start
        end_s = start_s + max(0.0, word.end_s - word.start_s)
        self.words.append(_Word(start_s, end_s, first + found.start(), first + found.end()))
        return True


class SpokenTrack:
    """The sentences of one reply along the sound that was made of them."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []
        self._total_s = 0.0
        self._origin_s = 0.0
        """Where the sound of the present request begins: its words count from here."""
        self._early: list[SpokenWord] = []
        """Words told before their sound."""

    @property
    def total_s(self) -> float:
        """Seconds of sound made so far."""
        return self._total_s

    def request(self) -> None:
        """The sound that follows is that of another request."""
        self._origin_s, self._early = self._total_s, []

    def begin(self, sentence: Sentence) -> None:
        """The sound that follows belongs to `sentence`."""
        self._spans.append(_Span(sentence, self._total_s, self._total_s))

    def add(self, audio: Audio) -> None:
        """More sound of the sentence begun last, and words of the request."""
        self._total_s += audio.seconds
        self._spans[-1].end_s = self._total_s
        words, self._early = [*self._early, *audio.words], []
        for word in words:
            self._place(word)

    def end(self) -> None:
        """All sound of the sentence begun last is made."""
        self._spans[-1].is_complete = True

    def at(self, heard_s: float) -> Sentence | None:
        """The sentence that sounds at `heard_s`."""
        for span in self._spans:
            if span.start_s <= heard_s < span.end_s:
                return span.sentence
        return None

    def word_at(self, heard_s: float) -> tuple[int, int] | None:
        """Where in the reply the word stands that sounds at `heard_s`; None: the voice does not say."""
        for span in self._spans:
            if span.start_s <= heard_s < span.end_s:
                said = [word for word in span.words if word.start_s <= heard_s]
                return (said[-1].start, said[-1].end) if said else None
        return None

    def chars_until(self, heard_s: float) -> int:
        """How much of the reply was heard by `heard_s`: whole sentences, and whole words of the one that was cut."""
        end = 0
        for span in self._spans:
            if heard_s >= span.end_s - 0.05 and span.is_complete:
                end = span.sentence.start + len(span.sentence.text)
            elif heard_s > span.start_s:
                return max(end, span.sentence.start + _chars_of(span, heard_s))
            else:
                break
        return end

    def _place(self, word: SpokenWord) -> None:
        start_s = self._origin_s + word.start_s
        if start_s >= self._total_s:
            self._early.append(word)
            return
        here = next((at for at, span in enumerate(self._spans) if start_s < span.end_s), len(self._spans) - 1)
        for at in (here, here + 1, here - 1):  # at a seam the times may be a little off
            if 0 <= at < len(self._spans) and self._spans[at].place(word, start_s):
                return


def _chars_of(span: _Span, heard_s: float) -> int:
    """How many characters of a sentence that was cut were heard."""
    words: Sequence[_Word] = span.words
    if words and heard_s <= words[-1].end_s + _SLACK_S:
        return _end_of_words(span, heard_s)
    return _end_of_share(span.sentence.text, (heard_s - span.start_s) / _length_s(span))


def _end_of_words(span: _Span, heard_s: float) -> int:
    """Up to the last word of which more than half was heard, with the signs that follow it."""
    said = [word.end for word in span.words if (word.start_s + word.end_s) / 2 <= heard_s]
    if not said:
        return 0
    end, text = said[-1] - span.sentence.start, span.sentence.text
    while end < len(text) and not text[end].isspace() and not text[end].isalnum():
        end += 1
    return end


def _length_s(span: _Span) -> float:
    """Seconds the whole sentence takes; estimated while its sound is still being made."""
    made_s = max(span.end_s - span.start_s, 0.001)
    return made_s if span.is_complete else max(made_s, len(span.sentence.text) / CHARS_PER_S)


def _end_of_share(text: str, share: float) -> int:
    """The end of the leading whole words of `text` that make up about `share` of it."""
    end = int(len(text) * min(share, 1.0))
    if end >= len(text):
        return len(text)
    return max(0, text.rfind(" ", 0, end + 1))


class GuessedTrack:
    """The same for an answer whose words and sound come unaligned: places are told by the share of its sound."""

    def __init__(self, start: int = 0) -> None:
        """`start`: where in the reply it begins."""
        self.total_s = 0.0
        self._start = start
        self._text = ""
        self._sentences: list[Sentence] = []
        self._is_complete = False

    def write(self, text: str, sentences: Sequence[Sentence]) -> None:
        """More of the reply, and the sentences that are whole by now."""
        self._text += text
        self._sentences += sentences

    def add(self, audio: Audio) -> None:
        self.total_s += audio.seconds

    def end(self) -> None:
        """All words and all sound are there."""
        self._is_complete = True

    def at(self, heard_s: float) -> Sentence | None:
        """The sentence that probably sounds at `heard_s`."""
        if not 0 < heard_s < self.total_s:
            return None
        place = self._start + self._share(heard_s) * len(self._text)
        begun = [sentence for sentence in self._sentences if sentence.start <= place]
        return begun[-1] if begun else None

    def word_at(self, heard_s: float) -> tuple[int, int] | None:
        """Nobody knows."""
        return None

    def chars_until(self, heard_s: float) -> int:
        """How much of the reply was probably heard by `heard_s`, in whole words."""
        if self._is_complete and heard_s >= self.total_s - 0.05:
            return self._start + len(self._text)
        return self._start + (_end_of_share(self._text, self._share(heard_s)) if heard_s > 0 else 0)

    def _share(self, heard_s: float) -> float:
        usual_s = 0.0 if self._is_complete else len(self._text) / CHARS_PER_S
        return heard_s / max(self.total_s, usual_s, 0.001)


Track = SpokenTrack | GuessedTrack


class MixedTrack:
    """An answer in parts: what a voice model says, unaligned, and written words that an ordinary voice says."""

    def __init__(self, part: GuessedTrack) -> None:
        self._parts: list[Track] = [part]
        self._ends: dict[int, int] = {}
        """Parts of which all sound is made, and where in the reply they end."""

    def set(self, *parts: Track) -> None:
        """In the order in which they sound."""
        self._parts = list(parts)

    def close(self, part: Track, end: int) -> None:
        """No more sound of `part` will be made; it ends at `end` in the reply."""
        self._ends[id(part)] = end

    @property
    def total_s(self) -> float:
        """Seconds of sound that can be played on end."""
        total_s = 0.0
        for part in self._parts:
            total_s += part.total_s
            if id(part) not in self._ends:
                break
        return total_s

    def at(self, heard_s: float) -> Sentence | None:
        part, since_s = self._part_at(heard_s)
        return part.at(since_s)

    def word_at(self, heard_s: float) -> tuple[int, int] | None:
        part, since_s = self._part_at(heard_s)
        return part.word_at(since_s)

    def chars_until(self, heard_s: float) -> int:
        """How much of the reply was heard: the parts before, and of this one what was probably heard."""
        part, since_s = self._part_at(heard_s)
        before = self._parts[: self._parts.index(part)]
        done = max((self._ends[id(each)] for each in before), default=0)
        if id(part) in self._ends and since_s >= part.total_s - 0.05:
            done = max(done, self._ends[id(part)])
        return max(done, part.chars_until(since_s)) if since_s > 0 else done

    def _part_at(self, heard_s: float) -> tuple[Track, float]:
        for part in self._parts[:-1]:
            if id(part) not in self._ends or heard_s < part.total_s:
                return part, heard_s
            heard_s -= part.total_s
        return self._parts[-1], heard_s
