"""A reflection outside the database: what an import brings, what an export writes, what a program is given. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from companion.days import When
from companion.kinds import ReplyState
from companion.records import SoundSide

PRACTICE = "open-reflection"
"""Of what was written elsewhere, where no practice led."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySound:
    """A recording that was kept."""

    side: SoundSide
    seconds: float
    take_id: str = ""
    """Which sealed recording it is; empty outside this journal."""
    kept_at: float = 0.0
    file: str = ""
    """Where it lies in an export, "sound/....flac"; empty where sound was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTurn:
    """The person's words and what was answered."""

    at: float
    """Seconds since the epoch."""
    words: str
    uid: str = ""
    """Names it for good; empty: it gets a name when it is kept."""
    offset_s: int | None = None
    """How far the person's clock was ahead of UTC; None: not known."""
    said: str | None = None
    """The recogniser's words, where the person has changed them."""
    edited_at: float | None = None
    answer: str = ""
    heard: str = ""
    """What the person heard or read of the answer."""
    state: ReplyState = ReplyState.WHOLE
    answered_at: float | None = None
    engines: Mapping[str, str] = field(default_factory=dict)
    """Role -> "provider/model"."""
    timeline_ms: Mapping[str, float] = field(default_factory=dict)
    cost_usd: float | None = None
    sounds: tuple[EntrySound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reflection, whole."""

    began: float
    """Seconds since the epoch."""
    turns: tuple[EntryTurn, ...]
    offset_s: int | None = None
    uid: str = ""
    title: str = ""
    """The person's own; empty: its first words stand for it."""
    summary: str = ""
    practice: str = PRACTICE
    mood_before: int | None = None
    """From -3, very unpleasant, to 3, very pleasant."""
    mood_after: int | None = None
    mood_word: str = ""
    is_starred: bool = False
    tags: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    source: str = ""
    """Where it was imported from and its name there, "dayone:8F3A"; empty: said or written here."""

    @property
    def when(self) -> When:
        return When.of(self.began, self.offset_s)

    @property
    def day(self) -> date:
        """The person's, where they were when it began."""
        return self.when.day

    @property
    def words(self) -> str:
        """All that the person said or wrote."""
        return "\n\n".join(turn.words for turn in self.turns if turn.words)
