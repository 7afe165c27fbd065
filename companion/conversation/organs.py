"""What a conversation works with: microphone, speaker, journal, and who hears, thinks and speaks.

Functions, because a choice may change between two turns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from companion.conversation import turn as machine
from companion.conversation.written_answer import TurnProviders
from companion.errors import CompanionError, Kind
from companion.flow import Help, Usage
from companion.kinds import KeepSound, Role
from companion.ports import Gate, Journal, Microphone, Player, SpeechToSpeech
from companion.records import Earlier


async def _nobody() -> SpeechToSpeech:
    raise CompanionError(Kind.PROVIDER_UNKNOWN)


def _anywhere() -> tuple[Help, str]:
    from companion.care.help import find

    return find(""), ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known when something is to be recalled."""

    session_id: int | None
    """Of this conversation, where it is kept already."""
    began: float
    """What was said from then on belongs to it."""
    by_voice: bool = False
    """A voice model answers."""


async def _nothing(words: str, context: Context) -> tuple[Earlier, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Organs:
    """What an engine is given."""

    microphone: Callable[[], Microphone]
    player: Callable[[], Player]
    gate: Callable[[], Gate]
    journal: Callable[[], AbstractAsyncContextManager[Journal]]
    """The journal that is open, in memory where none could be; nothing is moved while it is used."""
    providers: Callable[[frozenset[Role]], TurnProviders]
    """Who has which role in this turn; the roles named stay on this computer, whatever is chosen."""
    limits: Callable[[], machine.Limits]
    review_first: Callable[[], bool]
    """Whether a transcript waits in the composer before it is sent."""
    voice_choice: Callable[[], Hashable] = lambda: None
    """Which voice model hears and answers in one go; None: recogniser, model and voice are three."""
    voice_model: Callable[[], Awaitable[SpeechToSpeech]] = _nobody
    """The one that is chosen."""
    voice_cost_usd: Callable[[str, Usage], float | None] = lambda *_: None
    """What an answer of "provider/model" cost."""
    recall: Callable[[str, Context], Awaitable[tuple[Earlier, ...]]] = _nothing
    """(the person's words, what is known of them) -> what they said on other days and bears on this; nothing where nobody
    who answers may know the journal. Never raises; comes back soon."""
    keeps_sound: Callable[[], KeepSound] = lambda: KeepSound.WRITTEN
    """How long recordings stay that are made from now on."""
    help: Callable[[], tuple[Help, str]] = _anywhere
    """Who can be reached where the person is, and whom they trust, if they said so. Care itself cannot be left out."""
