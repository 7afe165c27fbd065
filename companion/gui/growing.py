"""The answer that is being written: plain words as they come, Markdown with what is open closed. Main thread."""

from __future__ import annotations

from companion.gui import markdown, unfinished
from companion.gui.clean import breakable, clean_text, signs_in
from companion.gui.marked import Marked
from companion.gui.theme import Look
from companion.gui.typesetting import Typesetter, units

_LONGEST_PARAGRAPH = 3_000


class Growing:
    """One answer, from an empty paragraph at the end of the page on."""

    def __init__(self, setter: Typesetter, look: Look) -> None:
        self._setter, self._look = setter, look
        self.start = setter.begin("told")
        """Where its words start in the document."""
        self.is_exact = True
        """What stands on the page is the raw answer, character for character, and Qt counts them as Python does."""
        self.chars = self.signs = 0
        """Of the raw answer, how much is set."""
        self._run = self._paragraph = 0
        """Characters since the last space, and in the last paragraph, of what was written plainly."""
        self._tail = ""
        """The paragraph, or with Markdown the block, that may still change."""
        self._is_whole = False
        """Nothing of it waits or is closed for the moment."""
        self._marked: Marked | None = None

    def put(self, raw: str, *, is_last: bool = False) -> int:
        """The next words; returns from where on the page has changed.

        Args:
            is_last: no more comes, so that nothing of it has to wait.
        """
        self.chars += len(raw)
        self.signs += signs_in(raw)
        cleaned = clean_text(raw)
        text, self._run = breakable(cleaned, self._run)
        tail = self._tail + text
        if self._marked is not None:
            return self._set(tail, is_last=is_last)
        start = tail.rfind("\n\n") + 2 if "\n\n" in tail else 0
        if markdown.is_plain(tail) and not unfinished.waits(tail):
            self._tail = tail[start:]
            return self._write(text, is_exact=text == raw and units(raw) == len(raw))
        return self._begin_marked(tail, is_last=is_last)

    def finish(self) -> int:
        """No more comes: nothing waits any longer."""
        if self._marked is None:
            return self._setter.end
        return self._setter.end if self._is_whole else self._marked.set(markdown.paragraphs(self._tail))

    def set_whole(self, raw: str) -> None:
        """Other words, and all there are."""
        self._setter.cut(self.start)
        self.chars, self.signs, self.is_exact = len(raw), signs_in(raw), False
        self._marked = Marked(self._setter, self._look)
        self._tail = breakable(clean_text(raw))[0]
        self._marked.set(markdown.paragraphs(self._tail))

    def _write(self, text: str, *, is_exact: bool) -> int:
        end = self._setter.end
        self.is_exact = self.is_exact and is_exact
        self._setter.write("told", self._in_paragraphs(text))
        return end

    def _in_paragraphs(self, text: str) -> str:
        """A paragraph that never ends begins a new line after a page of words: it is laid out whole at every piece."""
        self._paragraph = len(text) - text.rfind("\n") - 1 if "\n" in text else self._paragraph + len(text)
        if self._paragraph > _LONGEST_PARAGRAPH and (space := text.rfind(" ")) >= 0:
            self._paragraph = len(text) - space - 1
            return f"{text[:space]}\n{text[space + 1 :]}"
        return text

    def _begin_marked(self, tail: str, *, is_last: bool) -> int:
        """From the open paragraph on the answer is Markdown; what stands above it stays."""
        place = self._setter.end - units(self._tail)
        self._setter.cut(place)
        self._marked, self.is_exact = Marked(self._setter, self._look), False
        self._set(tail, is_last=is_last)
        return place

    def _set(self, tail: str, *, is_last: bool) -> int:
        assert self._marked is not None
        changed = self._setter.end
        place, finished, last = markdown.parted(tail)
        if place:
            changed = self._marked.set(finished)
            self._marked.settle()
        self._tail = tail[place:]
        for_now = self._tail if is_last else unfinished.closed(self._tail)
        self._is_whole = for_now == self._tail
        return min(changed, self._marked.set(last if self._is_whole else markdown.paragraphs(for_now)))
