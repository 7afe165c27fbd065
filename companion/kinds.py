"""The kinds that the nouns of a turn are of, and that the settings name: what a provider does, how an answer ended.

They live apart from `flow`, which is made of them: a window that is being painted has no turn yet, and waits for none.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from companion.frozen import Frozen
from companion.language import mark, tr


class Role(StrEnum):
    """What a provider can do. Values are the settings' names."""

    THINKS = "llm"
    HEARS = "stt"
    SPEAKS = "tts"
    EMBEDS = "embeddings"
    DRAWS = "images"
    FILMS = "videos"


TURN_ROLES = (Role.THINKS, Role.HEARS, Role.SPEAKS)
"""The three choices a person makes for a turn: who thinks, who hears, who speaks."""


class VoiceInfo(Frozen):
    """A voice a person can choose."""

    id: str
    name: str
    language: str = "en"
    description: str = ""


class ReplyState(StrEnum):
    """How an answer ended."""

    PARTIAL = "partial"
    """Still being written, or the app ended in the middle."""
    WHOLE = "whole"
    INTERRUPTED = "interrupted"
    """The person talked over it: `heard` is what they heard."""
    CUT_OFF = "cut_off"
    """The provider's stream ended early."""


class Concern(StrEnum):
    """What a person may be in danger from, or carry."""

    SUICIDE = "suicide"
    SELF_HARM = "selfharm"
    VIOLENCE = "violence"
    """Suffered."""
    THREAT = "threat"
    """Violence that is threatened."""
    EATING = "eating"
    MEDICAL = "medical"
    REALITY = "reality"
    """Losing touch with it."""
    CHILD = "child"
    BEREAVEMENT = "bereavement"


class Severity(IntEnum):
    """How much a person needs others now."""

    CARE = 1
    """No alarm: something heavy that is borne, or is long past."""
    UNCLEAR = 2
    """It may be danger: it is asked for directly."""
    HIGH = 3
    IMMINENT = 4


class KeepSound(StrEnum):
    """How long the recording of what was said is kept; the settings' names."""

    NEVER = "never"
    """Not even until its words are known: it is in memory only."""
    WRITTEN = "until_written"
    DAYS = "days"
    ALWAYS = "always"

    @property
    def stays(self) -> bool:
        """It is kept with its words."""
        return self in (KeepSound.DAYS, KeepSound.ALWAYS)


MOODS = (
    mark("very unpleasant"),
    mark("unpleasant"),
    mark("slightly unpleasant"),
    mark("neither"),
    mark("slightly pleasant"),
    mark("pleasant"),
    mark("very pleasant"),
)
"""What the marks from -3 to 3 are called."""


def mood_name(value: int) -> str:
    """A mark from -3 to 3 in words."""
    return tr(MOODS[value + 3])
