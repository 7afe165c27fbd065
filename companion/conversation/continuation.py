"""Where an answer that was cut off goes on: what is kept of it, how the model is asked, how the parts join. Pure."""

from __future__ import annotations

from companion.flow import Message, Speaker

GO_ON = (
    "You were cut off there. Go on from exactly where you stopped: repeat nothing, begin nothing anew, and do not "
    "mention the interruption."
)
_LEAST_OVERLAP = 8
"""Fewer equal characters where they join are chance."""
_MOST_OVERLAP = 400
_UNSPACED = "\u2e80"
"""From here on scripts write without spaces between words."""


def kept_of(text: str) -> str:
    """The part of a cut answer that stays: its last word may be half of one and is written again."""
    if not text or text[-1].isspace() or text[-1] in '.!?…,;:)"”’':
        return text
    cut = max(text.rfind(" "), text.rfind("\n"))
    return text[: cut + 1] if cut >= 0 else "" if text.isascii() else text


def going_on(messages: tuple[Message, ...], kept: str) -> tuple[Message, ...]:
    """The prompt of the turn, and what the model is to go on with."""
    return (*messages, Message(Speaker.ASSISTANT, kept.strip()), Message(Speaker.USER, GO_ON))


class Continuation:
    """Joins what comes to what is kept: without the words that a model repeats, with a space where one is missing."""

    def __init__(self, kept: str) -> None:
        self._kept = kept
        self._held: str | None = ""
        """What came so far, while it may still be a repetition; None: the place where they join is passed."""

    def feed(self, text: str) -> str:
        """What to add to the answer."""
        if self._held is None:
            return text
        self._held += text
        begun = self._held.lstrip()
        end = self._kept.rstrip()[-_MOST_OVERLAP:]
        if not begun or begun in end:
            return ""
        return self.finish()

    def finish(self) -> str:
        """What is still held back."""
        held, self._held = self._held, None
        if not held:
            return ""
        end, begun = self._kept.rstrip()[-_MOST_OVERLAP:], held.lstrip()
        same = next((n for n in range(min(len(end), len(begun)), 0, -1) if end.endswith(begun[:n])), 0)
        if same >= min(_LEAST_OVERLAP, len(end)):
            held = begun[same:]
        if not self._kept or self._kept[-1].isspace():
            return held.lstrip() if self._kept else held
        is_spaced = held[:1].isalnum() and held[0] < _UNSPACED
        return f" {held}" if is_spaced else held
