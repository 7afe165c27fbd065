"""The nouns of the journal: a reflection as it is listed, its recordings, and which of them are meant. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


class SoundSide(StrEnum):
    """Who speaks in a kept recording."""

    SAID = "said"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSound:
    """A recording that is kept with its turn."""

    take_id: str
    side: SoundSide
    seconds: float
    kept_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One reflection as the journal lists it."""

    id: int
    started_at: float
    practice: str
    title: str
    """The person's own, else the first words said, or empty."""
    turns: int
    seconds: float
    """From first words to last answer."""
    offset_s: int | None = None
    """How far the person's clock was ahead of UTC when it began; None: not kept."""
    uid: str = ""
    """Its name for good, in exports too."""
    has_own_title: bool = False
    summary: str = ""
    mood_before: int | None = None
    """-3 very unpleasant .. 3 very pleasant, as the person marked it; None: not marked."""
    mood_after: int | None = None
    mood_word: str = ""
    is_starred: bool = False
    tags: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    source: str = ""
    """Where an imported one came from, "format:its id there"."""
    deleted_at: float | None = None
    """Set: it is among the recently deleted, and goes for good some days later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which reflections: all that fit everything that is asked for; nothing asked: every one that is not deleted."""

    ids: frozenset[int] | None = None
    first_day: date | None = None
    """The first of the person's days, as their clock showed it where they were."""
    last_day: date | None = None
    """This day is still among them."""
    practices: frozenset[str] = frozenset()
    """Any of them."""
    moods: frozenset[int] = frozenset()
    """Any of them, afterwards, or before where only that was marked."""
    tags: frozenset[str] = frozenset()
    """All of them."""
    people: frozenset[str] = frozenset()
    """All of them."""
    is_starred: bool = False
    batch_id: int | None = None
    """Came with this import."""
    is_deleted: bool = False
    """Those that were deleted, instead of those that were not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTake:
    """A recording whose words are not known yet; sealed on disk until they are."""

    id: str
    recorded_at: float
    seconds: float
    offset_s: int | None = None
    """How far the person's clock was ahead of UTC then; None: not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage that a search has found."""

    session_id: int
    turn_id: int | None = None
    """None: it is the title of the reflection."""
    at: float = 0.0
    offset_s: int | None = None
    passage: str
    """In one line."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where the words stand in `passage`."""
    begin: int = 0
    """Where the passage stands in what was said, or in the answer."""
    score: float = 0.0
    """0..1, of this search."""
    is_answer: bool = False
    """It is from an answer, not from what the person said."""
    is_by_words: bool = False
    """False: it shares no word with the question, only meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """Something the person said before, as it is brought up again."""

    turn_id: int | None = None
    """None: they wrote it themselves, to be remembered."""
    session_id: int | None = None
    text: str
    at: float
    offset_s: int | None = None
    strength: float = 1.0
    """How strongly it bears on what is said now; 1 is very much."""
    is_asked: bool = False
    """The person asked about what was before."""
    is_pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One thing that is remembered, or is not to be, as the person sees and changes it."""

    id: int
    text: str
    """As it is told: the words of then, or as the person put them right."""
    at: float
    """When it was said or written."""
    offset_s: int | None = None
    turn_id: int | None = None
    session_id: int | None = None
    told_at: float | None = None
    """When it was last brought up."""
    is_pinned: bool = False
    """Always brought up."""
    is_corrected: bool = False
    is_forgotten: bool = False
    """Never brought up again."""
