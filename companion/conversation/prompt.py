"""What a model is sent: the system prompt, then the turns as they were heard, then the person's new words. Pure.

The system prompt changes only with the step, the part of day and the date, and old turns are left out in large blocks, so
that a vendor's prompt cache finds the same beginning again from turn to turn. `messages_of` looks at the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from companion import days
from companion.conversation.continuation import going_on
from companion.conversation.earlier import with_note
from companion.conversation.session import Session
from companion.conversation.speech_text import clean_text
from companion.days import WEEKDAYS
from companion.flow import Message, Speaker, TurnRecord
from companion.paths import resources
from companion.practices import Practice, part_of_day, steps_done
from companion.records import Earlier
from companion.templates import PromptTemplate
from companion.tokens import first_kept

HISTORY_CHARS = 40_000
"""Most characters of earlier turns that are sent, about 10,000 tokens."""
_BLOCK_CHARS = 10_000
_REMEMBERED_CHARS, _REMEMBERED_OF_EACH = 3_000, 120
"""Of what is not sent any more: in all, and of one message."""
_REMEMBERED = (
    "\n\nEarlier in this conversation they said, in short, the oldest first. Do not ask for it again:"
)
_VARIABLES = {"part", "date", "title", "summary", "pace", "closing", "steps", "standing"}
_PACES = {
    "slow": "Go slowly: one short sentence, then the question, and no hurry.",
    "easy": "Go at an easy pace.",
    "brisk": "Keep it short and light.",
}


def build_messages(
    practice: Practice, step: int, history: Sequence[TurnRecord], user_text: str, *, now: datetime
) -> tuple[Message, ...]:
    """The prompt for the next answer: system first, then user and assistant strictly in turn, user last.

    Args:
        step: index into the practice's steps; the one after the last is the closing.
        history: the session's earlier turns, oldest first.
        now: local time.
    """
    first = _first_sent(history)
    pairs = [(Speaker.USER, user_text)]
    for turn in reversed(history[first:]):
        pairs += [(Speaker.ASSISTANT, turn.heard_text), (Speaker.USER, turn.user_text)]
    system = f"{system_prompt(practice, step, now)}{_remembered(history[:first])}"
    return (Message(Speaker.SYSTEM, system), *_alternating(reversed(pairs)))


def messages_of(
    session: Session, words: str, kept: str = "", more: str = "", earlier: Sequence[Earlier] = ()
) -> tuple[Message, ...]:
    """What the model is sent now.

    Args:
        kept: the beginning of an answer that it is to go on with.
        more: what it is told besides, at the end of the system prompt.
        earlier: what was said on other days and bears on this.
    """
    now = days.now().local
    step = steps_done([*(turn.user_text for turn in session.history), words]) - 1
    messages = build_messages(session.practice, step, session.history, words, now=now)
    if more:
        messages = (Message(Speaker.SYSTEM, f"{messages[0].content}{more}"), *messages[1:])
    messages = with_note(messages, earlier)
    return going_on(messages, kept) if kept.strip() else messages


def system_prompt(practice: Practice, step: int, now: datetime) -> str:
    """What the model is told about its part, the day and the practice."""
    steps = (f"{n}. {each.title}: {each.guidance}".rstrip(": ") for n, each in enumerate(practice.steps, 1))
    now_at = _standing(practice, step)
    return _template().render(
        part=part_of_day(now.hour),
        date=f"{WEEKDAYS[now.weekday()]}, {now.date().isoformat()}",
        title=practice.title,
        summary=practice.summary,
        pace=_PACES[practice.pace],
        closing=practice.closing or "Close warmly.",
        steps="\n".join(steps),
        standing=now_at,
    )


def _standing(practice: Practice, step: int) -> str:
    """Where the practice stands, as the model is told."""
    if step > len(practice.steps):
        return (
            "The practice is over. They go on of their own accord: follow them, and end whenever they wish."
        )
    if practice.is_over(step):
        return "They have answered the last step: close the practice now, as told above."
    index = practice.step_index(step)
    current = practice.steps[index]
    return f'Now you are at step {index + 1} of {len(practice.steps)}, "{current.title}". {current.guidance}'.rstrip()


@lru_cache(maxsize=1)
def _template() -> PromptTemplate:
    return PromptTemplate.load(resources() / "prompts" / "companion.md", variables=_VARIABLES)


def _first_sent(history: Sequence[TurnRecord]) -> int:
    """Index of the oldest turn that is sent. What is left out grows in blocks, so it stays the same for many turns."""
    sizes = [len(turn.user_text) + len(turn.heard_text) for turn in history]
    return first_kept(sizes, HISTORY_CHARS, _BLOCK_CHARS)


def _remembered(left_out: Sequence[TurnRecord]) -> str:
    """How each message that is not sent any more began, so that what was told at the beginning is not asked again."""
    lines: list[str] = []
    room = _REMEMBERED_CHARS
    for turn in left_out:
        line = " ".join(clean_text(turn.user_text).split())
        line = line if len(line) <= _REMEMBERED_OF_EACH else f"{line[:_REMEMBERED_OF_EACH].rstrip()} ..."
        room -= len(line)
        if line and room >= 0:
            lines.append(f"\n- {line}")
    return f"{_REMEMBERED}{''.join(lines)}" if lines else ""


def _alternating(pairs: Iterable[tuple[Speaker, str]]) -> list[Message]:
    """Messages without empty ones; neighbours of one speaker become one, because vendors refuse two in a row."""
    merged: list[tuple[Speaker, list[str]]] = []
    for speaker, text in pairs:
        content = clean_text(text).strip()
        if not content or (not merged and speaker is Speaker.ASSISTANT):
            continue
        if merged and merged[-1][0] is speaker:
            merged[-1][1].append(content)
        else:
            merged.append((speaker, [content]))
    return [Message(speaker, "\n\n".join(texts)) for speaker, texts in merged]
