"""Where the words stand that sound now: sentence, word, and what waits behind them. Main thread.

Where the page is not the raw answer, letters are counted: marks, numbers of a list and addresses are not among them.
"""

from __future__ import annotations

from PySide6.QtGui import QTextCharFormat

from companion.flow import Sentence
from companion.gui import markdown, unfinished
from companion.gui.clean import clean_text
from companion.gui.growing import Growing
from companion.gui.theme import Look
from companion.gui.typesetting import Typesetter

Span = tuple[int, int]


def letters_in(raw: str) -> int:
    """How many letters and digits the beginning of an answer shows."""
    text = clean_text(raw)
    if markdown.is_plain(text):
        return sum(map(str.isalnum, text))
    place, finished, last = markdown.parted(text)
    rest = unfinished.closed(text[place:])
    shown = (*finished, *(last if rest == text[place:] else markdown.paragraphs(rest)))
    return sum(sum(map(str.isalnum, each.text)) for each in shown)


def place_of(setter: Typesetter, told_from: int, raw: str, start: int, end: int) -> Span:
    """Where the part from `start` to `end` of the raw answer stands that begins at `told_from` on the page."""
    before = letters_in(raw[:start])
    return setter.letters(told_from, before, letters_in(raw[:end]))


class Sounding:
    """Of one page."""

    def __init__(self, setter: Typesetter, look: Look) -> None:
        self._setter, self._look = setter, look
        self._sentence: Sentence | None = None
        self._word: Span | None = None
        self.span: Span | None = None
        """Of the sentence."""

    def begin(self, sentence: Sentence, growing: Growing | None, told: str) -> None:
        """This sentence of the raw answer `told` sounds now."""
        self._sentence, self._word = sentence, None
        self.find(growing, told)

    def find(self, growing: Growing | None, told: str) -> None:
        """Finds it again, where the page was set anew."""
        self._word, sentence = None, self._sentence
        if sentence is None or growing is None:
            self.span = None
            return
        start, end = sentence.start, sentence.start + len(sentence.text.rstrip())
        if growing.is_exact:
            self.span = growing.start + start, growing.start + end
        else:
            self.span = place_of(self._setter, growing.start, told, start, end)

    def begin_word(self, growing: Growing | None, told: str, start: int, end: int) -> None:
        """This word of it sounds now; offsets are those of the raw answer."""
        if self.span is None or growing is None:
            return
        if growing.is_exact:
            self._word = growing.start + start, growing.start + end
        else:
            found = self._setter.find(told[start:end], self._word[1] if self._word else self.span[0])
            self._word = found if found and found[1] <= self.span[1] else self._word

    def end(self) -> None:
        """Nothing sounds any more."""
        self._sentence = self.span = self._word = None

    def marks(self) -> list[tuple[int, int, QTextCharFormat]]:
        """What is painted over the page: the sentence, its word, and paler what comes after them."""
        if self.span is None:
            return []
        made = [(*part, self._paper("accent_soft")) for part in self._setter.parts(*self.span)]
        if self._word:
            made.append((*self._word, self._paper("accent", 0.26)))
        rest = self._setter.behind(self.span[1])
        if rest < self._setter.end:
            pale = QTextCharFormat()
            pale.setForeground(self._look.colour("faint"))
            made.append((rest, self._setter.end, pale))
        return made

    def _paper(self, token: str, alpha: float = 1.0) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setBackground(self._look.colour(token, alpha))
        return style
