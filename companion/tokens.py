"""How long a conversation is for a model, and what of it to keep. Pure, any thread, no vocabulary on disk.

Vendors count with tables of their own, so a number from here is an estimate: within a quarter of a modern multilingual
tokeniser's for running text of the languages in `tests/test_tokens.py`, and usually within a tenth.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from companion.errors import AIProviderInvalidRequestError
from companion.flow import ChatRequest, Message, Speaker

IMAGE_TOKENS = 1_500
"""What vendors charge for one large picture, about."""
SOUND_TOKENS_PER_KB = 1.0
"""32 tokens a second of 16 kHz speech in a WAV file, about."""
MESSAGE_TOKENS = 4
"""Role and separators of a message."""

_WORDS, _DIGITS = re.compile(r"[A-Za-z]+"), re.compile(r"[0-9]")
_MARKS = re.compile(r"[^\w\s\x80-\U0010ffff]|_", re.ASCII)
_BREAKS = re.compile(r"(?! (?!\s))\s+", re.ASCII)
"""White space but for a single space, which belongs to the word after it."""
_WORD, _LETTER, _DIGIT, _MARK, _BREAK = 0.65, 0.12, 1.0, 0.85, 0.6
_SCRIPTS = (
    (0x0, 0.9),  # accented Latin
    (0x250, 0.8),
    (0x370, 0.5),  # Greek
    (0x400, 0.35),  # Cyrillic
    (0x590, 0.56),  # Hebrew
    (0x600, 0.36),  # Arabic
    (0x780, 0.6),
    (0x900, 0.43),  # Devanagari
    (0xE00, 0.58),  # Thai
    (0x1E00, 0.7),  # Vietnamese, polytonic Greek
    (0x2000, 0.85),  # punctuation
    (0x2070, 1.0),
    (0x3040, 0.62),  # Kana
    (0x3100, 0.78),  # Han
    (0xA000, 1.0),
    (0xAC00, 0.6),  # Hangul
    (0xD7B0, 1.0),
    (0x1F000, 3.0),  # emoji
    (0x20000, 2.0),
)
"""Where scripts begin, and the tokens of one of their letters, fitted to a multilingual tokeniser of 131,072 entries."""
_STARTS = tuple(start for start, _ in _SCRIPTS)


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is; never 0 for a text that is not empty."""
    words, digits, marks = _WORDS.findall(text), _DIGITS.findall(text), _MARKS.findall(text)
    total = _WORD * len(words) + _LETTER * sum(map(len, words)) + _DIGIT * len(digits) + _MARK * len(marks)
    total += _BREAK * len(_BREAKS.findall(text))
    if not text.isascii():
        total += sum(_SCRIPTS[bisect_right(_STARTS, ord(sign)) - 1][1] for sign in text if sign > "\x7f")
    return max(round(total), 1) if text else 0


def estimate_message(message: Message) -> int:
    """About how many tokens a message is, with what it carries."""
    calls = sum(estimate_tokens(call.name + call.arguments) + MESSAGE_TOKENS for call in message.tool_calls)
    sounds = sum(round(len(sound.data) / 1000 * SOUND_TOKENS_PER_KB) for sound in message.sounds)
    return (
        MESSAGE_TOKENS
        + estimate_tokens(message.content)
        + calls
        + IMAGE_TOKENS * len(message.images)
        + sounds
    )


def estimate_request(request: ChatRequest) -> int:
    """About how many tokens a request is before its answer: messages, tools and the shape of the answer."""
    import json

    told = [tool.name + tool.description + json.dumps(dict(tool.parameters)) for tool in request.tools]
    if request.schema is not None:
        told.append(json.dumps(dict(request.schema.schema)))
    return sum(map(estimate_message, request.messages)) + sum(map(estimate_tokens, told))


def first_kept(sizes: Sequence[int], limit: int, block: int = 1) -> int:
    """Index of the first item to keep so that the newest fit; `len(sizes)` where not even the last one does.

    Args:
        sizes: oldest first.
        block: what is left out grows by steps of so much, so that the beginning stays the same from call to call and a
            vendor's prompt cache finds it again.
    """
    excess = sum(sizes) - limit
    if excess <= 0:
        return 0
    to_drop = -(-excess // block) * block
    first = 0
    while to_drop > 0 and first < len(sizes):
        to_drop -= sizes[first]
        first += 1
    return first


def trim_messages(
    messages: Iterable[Message],
    limit: int,
    *,
    block: int = 1,
    count: Callable[[Message], int] = estimate_message,
) -> tuple[Message, ...]:
    """The messages that fit into `limit` tokens, each whole: system messages first, the others in their order.

    System messages and the newest turn are always kept. Older turns go oldest first; a turn begins with the person's
    message. Where the newest turn alone is too long, its oldest rounds of tool calls go, each with its answers.

    Args:
        block: as in `first_kept`.
        count: size of a message, where the vendor's own count is known.

    Raises:
        AIProviderInvalidRequestError: the system messages and the newest turn do not fit.
    """
    messages = tuple(messages)
    system = [message for message in messages if message.role is Speaker.SYSTEM]
    turns = _turns(message for message in messages if message.role is not Speaker.SYSTEM)
    if not turns:
        return messages
    left = limit - sum(map(count, system))
    sizes = [sum(map(count, turn)) for turn in turns]
    kept = min(first_kept(sizes, left, block), len(turns) - 1)
    if kept == len(turns) - 1 and sizes[-1] > left:
        turns[-1] = _shortened(turns[-1], left, count)
    return (*system, *(message for turn in turns[kept:] for message in turn))


def _turns(messages: Iterable[Message]) -> list[list[Message]]:
    turns: list[list[Message]] = []
    for message in messages:
        if not turns or message.role is Speaker.USER:
            turns.append([])
        turns[-1].append(message)
    return turns


def _shortened(turn: list[Message], limit: int, count: Callable[[Message], int]) -> list[Message]:
    """A turn without its oldest rounds: the person's words, then what fits of the rest."""
    asked = [message for message in turn[:1] if message.role is Speaker.USER]
    rounds: list[list[Message]] = []
    for message in turn[len(asked) :]:
        if not rounds or message.role is not Speaker.TOOL:
            rounds.append([])
        rounds[-1].append(message)
    sizes = [sum(map(count, one)) for one in rounds]
    first = first_kept(sizes, limit - sum(map(count, asked)))
    if first == len(rounds):
        raise AIProviderInvalidRequestError(
            "The newest message is longer than the model can read at once.",
            hint="Shorten it, or choose a model with more room.",
        )
    return [*asked, *(message for one in rounds[first:] for message in one)]
