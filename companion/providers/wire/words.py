"""What a model writes, made fit to be said: characters whole, and thoughts apart from words. Pure.

    Characters   halves of a character wait for each other
    Thoughts     what stands between <think> and </think>, or in another channel, is told from the answer
    Words        both, for one answer: pieces of the wire in, `ChatDelta`s out

Marks count only where an answer begins: a text that talks about <think> further on stays as it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from companion.flow import ChatDelta, text_delta

# -- characters ---------------------------------------------------------------------------------------------

_HALF = re.compile(
    "(?:[\ud800-\udbff]|[\udcc2-\udcdf]|[\udce0-\udcef][\udc80-\udcbf]?|[\udcf0-\udcf4][\udc80-\udcbf]{0,2})$"
)
"""What the next piece may make whole: the first half of a pair, or escaped bytes that begin a character of UTF-8."""
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class Characters:
    """Joins what was cut inside a character: pairs of JSON's `\\u` escapes, and bytes of UTF-8 (`Splitter.escapes`)."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """What can be shown by now."""
        text = self._half + text
        self._half = ""
        if text.isascii():
            return text
        if half := _HALF.search(text):
            text, self._half = text[: half.start()], half[0]
        return whole(text)

    def rest(self) -> str:
        rest, self._half = self._half, ""
        return whole(rest)

    @property
    def is_waiting(self) -> bool:
        return bool(self._half)


def whole(text: str) -> str:
    """`text` with pairs of halves joined; a half that is alone becomes the replacement character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        joined = _NO_BYTE.sub("\ufffd", joined)
        return joined.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text


# -- thoughts -----------------------------------------------------------------------------------------------

_TAGS = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think", "antthinking")
_OPENING = (
    *(f"<{tag}>" for tag in _TAGS),
    "[think]",
    "◁think▷",
    "<|begin_of_thought|>",
    "<|channel>thought",
)
_CLOSING = (*(f"</{tag}>" for tag in _TAGS), "[/think]", "◁/think▷", "<|end_of_thought|>", "<channel|>")
_CHANNELS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>", "<|constrain|>")
_LEAK, _LEAK_ENDS = "analysis", "assistantfinal"
"""What is left of the marks of channels where a server takes the special tokens out and leaves their words."""
_LONGEST = max(map(len, (*_OPENING, *_CLOSING, *_CHANNELS)))


def _any_of(marks: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True))), re.IGNORECASE)


_OPENS, _CLOSES, _CHANNEL = _any_of(_OPENING), _any_of(_CLOSING), _any_of(_CHANNELS)
_THINKS_ALOUD = re.compile(
    r"(^|[/_-])r1([-_:.]|$)|qwq|qvq|-thinking|reasoner|magistral|glm-z1|exaone-deep|marco-o1|openthinker|smallthinker",
    re.IGNORECASE,
)
_SENTENCE_ENDS = ".!?…。！？:)]}*"


def thinks_aloud(model: str) -> bool:
    """Whether a model, by its name, is one whose template opens the thoughts: its answer has only the closing mark."""
    return bool(_THINKS_ALOUD.search(model))


class Split(NamedTuple):
    """What a piece brings."""

    said: str = ""
    thought: str = ""
    retracts: bool = False
    """All that was said in pieces before is thought after all, and comes before `thought`."""


class Thoughts:
    """Tells thoughts from the answer, however the text is cut into pieces.

    Args:
        begins_in_thought: everything is held back until a closing mark, or the end, shows what it was.
    """

    def __init__(self, *, begins_in_thought: bool = False) -> None:
        self._read = self._read_held if begins_in_thought else self._read_start
        self._buffer = ""
        self._is_opened = False
        """A thought has just been opened: space before it is no part of it."""
        self._is_after = False
        """A thought has been closed: space before the answer is no part of it."""
        self._in_header = False
        self._header = ""
        self._is_final = True
        self.last = ""
        """What was said last, while it may still turn out to be thought."""
        self.is_calm = False
        """Nothing is held back, and a piece without `<`, `[` and `◁` can only be words."""
        self.was_lone = False
        """The answer began in thought and had only the closing mark."""

    def feed(self, text: str) -> Split:
        """What is known by now of the text so far."""
        self._buffer += text
        said, thought, retracts = "", "", False
        while self._buffer:
            before = (self._buffer, self._read)
            step = self._read()
            if step.retracts:
                said, thought, retracts = "", said + thought, True
            said, thought = said + step.said, thought + step.thought
            if (self._buffer, self._read) == before:
                break
        self.is_calm = not self._buffer and self._read in (self._read_text, self._read_plain)
        return Split(said, thought, retracts)

    def rest(self) -> Split:
        """What is left when the answer has ended."""
        rest, self._buffer = self._buffer, ""
        if self._read in (self._read_thought, self._read_leak):
            return Split(thought=rest.rstrip())
        if self._read == self._read_channels:
            return Split() if self._in_header else self._in_channel(rest)
        return Split(said="" if self._is_after and not rest.strip() else rest)

    def release(self) -> None:
        """The server tells thoughts apart itself: nothing needs to be held back."""
        if self._read == self._read_held:
            self._read = self._read_start

    # -- one state each: take what is clear from the buffer; without change, more is needed -----------------

    def _read_start(self) -> Split:
        text = self._buffer.lstrip()
        lowered = text.lower()
        if not text or _is_prefix(lowered, (*_OPENING, *_CLOSING, *_CHANNELS)) or _LEAK.startswith(text):
            return Split()
        if opening := _OPENS.match(text):
            self._buffer, self._read, self._is_opened = text[opening.end() :], self._read_thought, True
        elif _CHANNEL.match(text):
            self._buffer, self._read = text, self._read_channels
        elif closing := _CLOSES.match(text):
            self._buffer, self._is_after = text[closing.end() :], True
        elif text.startswith(_LEAK) and text[len(_LEAK)].isupper():
            self._buffer, self._read = text[len(_LEAK) :], self._read_leak
        else:
            self._buffer = text if self._is_after else self._buffer
            self._read = self._read_plain if self._is_after else self._read_text
        return Split()

    def _read_held(self) -> Split:
        text = self._buffer.lstrip()
        if _OPENS.match(text) or _CHANNEL.match(text):
            self._read = self._read_start
            return Split()
        closing = _CLOSES.search(self._buffer)
        if closing is None:
            return Split()
        thought, self._buffer = self._buffer[: closing.start()].strip(), self._buffer[closing.end() :]
        self._read, self._is_after, self.was_lone = self._read_start, True, True
        return Split(thought=thought)

    def _read_thought(self) -> Split:
        if self._is_opened:
            self._buffer = self._buffer.lstrip()
            self._is_opened = not self._buffer
        if closing := _CLOSES.search(self._buffer):
            thought, self._buffer = self._buffer[: closing.start()].rstrip(), self._buffer[closing.end() :]
            self._read, self._is_after = self._read_start, True
            return Split(thought=thought)
        return Split(thought=self._thought_up_to(_unfinished(self._buffer, _CLOSING)))

    def _read_leak(self) -> Split:
        at = self._buffer.find(_LEAK_ENDS)
        if at >= 0:
            thought, self._buffer = self._buffer[:at].rstrip(), self._buffer[at + len(_LEAK_ENDS) :]
            self._read, self._is_after = self._read_start, True
            return Split(thought=thought)
        end = next(
            (n for n in range(max(0, len(self._buffer) - len(_LEAK_ENDS) + 1), len(self._buffer))
             if _LEAK_ENDS.startswith(self._buffer[n:])), len(self._buffer),
        )  # fmt: skip
        return Split(thought=self._thought_up_to(end))

    def _thought_up_to(self, end: int) -> str:
        """The thought in the buffer without the space at its ends; that at its end waits for what follows."""
        end = len(self._buffer[:end].rstrip())
        thought, self._buffer = self._buffer[:end], self._buffer[end:]
        return thought

    def _read_text(self) -> Split:
        """Words, unless a closing mark that nobody opened shows that they were none."""
        text = self._buffer
        mark = _OPENS.search(text)
        closing = _CLOSES.search(text)
        if mark and (closing is None or mark.start() < closing.start()):
            self._read = self._read_plain  # it talks about marks
            return Split()
        if closing is None:
            return self._say(_unfinished(text, (*_OPENING, *_CLOSING)))
        before, after = self.last + text[: closing.start()], text[closing.end() :]
        is_lone = _is_lone(before, after)
        if is_lone is None:
            return self._say(closing.start())
        if not is_lone:
            self._read = self._read_plain
            return Split()
        thought = text[: closing.start()].rstrip()
        self._buffer, self._read = after, self._read_start
        self._is_after, self.was_lone = True, True
        return Split(thought=thought, retracts=True)

    def _say(self, end: int) -> Split:
        said, self._buffer = self._buffer[:end], self._buffer[end:]
        self.last = said or self.last
        return Split(said=said)

    def _read_plain(self) -> Split:
        said, self._buffer = self._buffer, ""
        return Split(said=said)

    def _read_channels(self) -> Split:
        token = _CHANNEL.search(self._buffer)
        end = _unfinished(self._buffer, _CHANNELS) if token is None else token.start()
        text, self._buffer = self._buffer[:end], self._buffer[end if token is None else token.end() :]
        found = Split()
        if self._in_header:
            self._header += text
        elif text:
            found = self._in_channel(text)
        if token is not None:
            self._turn_to(token[0].lower())
        return found

    def _turn_to(self, mark: str) -> None:
        match mark:
            case "<|start|>" | "<|channel|>":
                self._in_header, self._header = True, mark if mark == "<|channel|>" else ""
            case "<|message|>":
                words = self._header.removeprefix("<|channel|>").split()
                name = words[0] if words and self._header.startswith("<|channel|>") else "final"
                is_to_a_tool = any(word.startswith("to=") for word in words)
                self._is_final = name != "analysis" and not is_to_a_tool
                self._in_header = False
            case "<|end|>" | "<|return|>" | "<|call|>":
                self._in_header, self._is_final = False, True

    def _in_channel(self, text: str) -> Split:
        if not self._is_final:
            return Split(thought=text)
        if not self._is_after:
            text = text.lstrip()
            self._is_after = bool(text)
        return Split(said=text)


def _is_prefix(text: str, marks: tuple[str, ...]) -> bool:
    return len(text) < _LONGEST and any(mark.startswith(text) and mark != text for mark in marks)


def _unfinished(text: str, marks: tuple[str, ...]) -> int:
    """Where a mark may begin that the text does not hold whole; its length where none may."""
    at = max(text.rfind(first, max(0, len(text) - _LONGEST)) for first in "<[◁")
    return at if at >= 0 and _is_prefix(text[at:].lower(), marks) else len(text)


def _is_lone(before: str, after: str) -> bool | None:
    """Whether a closing mark ends thoughts, and is not talked about; None: what follows it must be seen first."""
    bare = before.rstrip()
    if "\n" in before[len(bare) :] or (bare and bare[-1] in _SENTENCE_ENDS):
        return True
    if before[-1:] in "`\"'“‘«":
        return False
    return after[0] in "\r\n" if after else None


# -- both ---------------------------------------------------------------------------------------------------


class Words:
    """The words and thoughts of one answer.

    Args:
        thoughts: looks for marks; None: the vendor never writes any.
    """

    def __init__(self, thoughts: Thoughts | None = None) -> None:
        self.has_words = False
        """Something was said that is not only space."""
        self.has_thoughts = False
        self._thoughts = thoughts
        self._said, self._thought = Characters(), Characters()
        self._is_calm = thoughts is None

    def take(self, text: str, thought: str = "") -> ChatDelta | None:
        """What a piece of text, and one of what the vendor itself calls thought, add."""
        if self._is_calm and not thought and text.isascii():
            if not text:
                return None
            thoughts = self._thoughts
            if thoughts is None:
                if not self.has_words:
                    self.has_words = not text.isspace()
                return text_delta(text)
            if "<" not in text and "[" not in text:
                thoughts.last = text
                return text_delta(text)
        return self._take(text, thought)

    def _take(self, text: str, thought: str) -> ChatDelta | None:
        if thought:
            thought = self._thought.feed(thought)
            if self._thoughts is not None:
                self._thoughts.release()
        return self._delta(self._said.feed(text), thought)

    def _delta(self, text: str, thought: str) -> ChatDelta | None:
        retracts = False
        if self._thoughts is not None:
            split = self._thoughts.feed(text)
            text, thought, retracts = split.said, thought + split.thought, split.retracts
        self._is_calm = not self._said.is_waiting and (self._thoughts is None or self._thoughts.is_calm)
        return self._noted(text, thought, retracts)

    def _noted(self, text: str, thought: str, retracts: bool) -> ChatDelta | None:
        self.has_words = (self.has_words and not retracts) or bool(text and not text.isspace())
        self.has_thoughts = self.has_thoughts or bool(thought)
        if retracts:
            return ChatDelta(text=text, reasoning=thought, retracts=True)
        if thought:
            return ChatDelta(text=text, reasoning=thought)
        return text_delta(text) if text else None

    def rest(self) -> ChatDelta | None:
        """What was held back when the answer ended."""
        text, thought = self._said.rest(), self._thought.rest()
        retracts = False
        if self._thoughts is not None:
            split, last = self._thoughts.feed(text), self._thoughts.rest()
            text, thought = split.said + last.said, thought + split.thought + last.thought
            retracts = split.retracts
        return self._noted(text, thought, retracts)

    @property
    def began_in_thought(self) -> bool:
        """There was a closing mark that nobody opened: the model's next answer will begin the same way."""
        return self._thoughts is not None and self._thoughts.was_lone
