"""What the person heard: which sentence sounds now, and the text up to a moment. Pure.

Playback's `heard_s` is the truth; this maps it back to the words of the reply.
"""

from __future__ import annotations

from dataclasses import dataclass

from companion.flow import Sentence

CHARS_PER_S = 15.0
"""Usual pace of English read aloud."""


@dataclass(slots=True)
class _Span:
    sentence: Sentence
    start_s: float
    end_s: float
    is_complete: bool = False


class SpokenTrack:
    """The sentences of one reply along the sound that was made of them."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []
        self._total_s = 0.0

    @property
    def total_s(self) -> float:
        """Seconds of sound made so far."""
        return self._total_s

    def begin(self, sentence: Sentence) -> None:
        """The sound that follows belongs to `sentence`."""
        self._spans.append(_Span(sentence, self._total_s, self._total_s))

    def add(self, seconds: float) -> None:
        """That much more sound of the sentence begun last."""
        self._total_s += seconds
        self._spans[-1].end_s = self._total_s

    def end(self) -> None:
        """All sound of the sentence begun last is made."""
        self._spans[-1].is_complete = True

    def at(self, heard_s: float) -> Sentence | None:
        """The sentence that sounds at `heard_s`."""
        for span in self._spans:
            if span.start_s <= heard_s < span.end_s:
                return span.sentence
        return None

    def text_until(self, heard_s: float) -> str:
        """The words heard by `heard_s`: whole sentences, and of the one that was cut the words in proportion."""
        heard = []
        for span in self._spans:
            if heard_s >= span.end_s - 0.05 and span.is_complete:
                heard.append(span.sentence.text)
            elif heard_s > span.start_s:
                heard.append(_words(span.sentence.text, (heard_s - span.start_s) / _length_s(span)))
                break
            else:
                break
        return "".join(heard).rstrip()


def _length_s(span: _Span) -> float:
    """Seconds the whole sentence takes; estimated while its sound is still being made."""
    made_s = max(span.end_s - span.start_s, 0.001)
    return made_s if span.is_complete else max(made_s, len(span.sentence.text) / CHARS_PER_S)


def _words(text: str, share: float) -> str:
    """The leading whole words of `text` that make up about `share` of it."""
    end = int(len(text) * min(share, 1.0))
    if end >= len(text):
        return text
    cut = text.rfind(" ", 0, end + 1)
    return text[:cut] if cut > 0 else ""
