"""Whether the app is talking to itself: hands-free turns in, yes or no out. Pure.

A microphone that hears the loudspeaker (a monitor, no echo cancellation, a speaker that is later than it says) begins
turns nobody spoke, and each answer begins the next one. Two signs, each several times in a row: the words are those the
app has just spoken, or the turn began with its voice. A person who quotes the answer, or interrupts it, now and then
gives neither.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from companion.events import Event, Mark, PhaseChanged, SentenceHeard, TimelineMarked, UserSaid

ECHOES = 3
"""So many turns in a row of the app's own words."""
NO_PAUSES = 6
"""So many turns in a row that began with the app's voice, whatever a recogniser made of them."""
WITH_VOICE_S = 1.0
"""A turn that begins this soon after the voice did; nobody has heard enough by then to interrupt it."""
AFTER_VOICE_S = 0.5
"""Or this soon after it ended."""
ALIKE = 0.6
"""Share of what was heard that is in what was spoken. Unrelated English texts reach 0.2."""
_LETTERS = 4
"""Length of the pieces that are compared: some letters in a row, so that any language and half-heard words count."""
_LEAST = 8
"""Fewer letters prove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeTurn:
    """A turn that began by itself."""

    words: str
    spoken: str = ""
    """What the app had said between the turn before and this one."""
    after_begin_s: float = float("inf")
    """From the beginning of the app's voice to the beginning of the turn."""
    after_end_s: float = float("inf")
    """From the end of that voice; infinite where it was interrupted."""

    @property
    def is_echo(self) -> bool:
        return _alike(self.words, self.spoken) >= ALIKE

    @property
    def has_no_pause(self) -> bool:
        return 0 <= self.after_begin_s <= WITH_VOICE_S or 0 <= self.after_end_s <= AFTER_VOICE_S


def answers_itself(turns: Sequence[FreeTurn]) -> bool:
    """Whether the newest of `turns` (oldest first, nothing between them that a person typed or held the key for) are
    the app's own."""
    echoes, hurried = turns[-ECHOES:], turns[-NO_PAUSES:]
    return (len(echoes) == ECHOES and all(turn.is_echo for turn in echoes)) or (
        len(hurried) == NO_PAUSES and all(turn.has_no_pause for turn in hurried)
    )


def _alike(heard: str, spoken: str) -> float:
    pieces = _pieces(heard)
    return len(pieces & _pieces(spoken)) / len(pieces) if len(pieces) > _LEAST - _LETTERS else 0.0


def _pieces(text: str) -> set[str]:
    letters = " ".join(re.findall(r"\w+", text.casefold()))
    return {letters[at : at + _LETTERS] for at in range(len(letters) - _LETTERS + 1)}


class OwnVoice:
    """Follows the events of a conversation, turn after turn."""

    def __init__(self) -> None:
        self._turns: deque[FreeTurn] = deque(maxlen=NO_PAUSES)
        self._pauses: dict[int, tuple[float, float]] = {}
        """Of turns that began by themselves and whose words are not known yet: since the voice began, and ended."""
        self._spoken: list[str] = []
        self._voice_s = (float("inf"), float("inf"))
        """When the newest voice began and ended."""
        self._newest_turn = 0

    def turn_began(self, at_s: float) -> None:
        """The newest turn began by itself at that moment of the monotonic clock."""
        began_s, ended_s = self._voice_s
        self._pauses[self._newest_turn] = (at_s - began_s, at_s - ended_s)

    def hears_itself(self, event: Event) -> bool:
        """Takes every event; True once the app is talking to itself, and begins to count anew."""
        match event:
            case PhaseChanged():
                self._newest_turn = event.turn
            case TimelineMarked(mark=Mark.FIRST_SOUND):
                self._voice_s = (event.at_s, float("inf"))
            case TimelineMarked(mark=Mark.LAST_SOUND):
                self._voice_s = (self._voice_s[0], event.at_s)
            case SentenceHeard():
                self._spoken.append(event.sentence.spoken)
            case UserSaid():
                return self._take(event)
        return False

    def _take(self, said: UserSaid) -> bool:
        spoken, self._spoken = " ".join(self._spoken), []
        pause = self._pauses.get(said.turn)
        self._pauses.clear()
        if pause is None:  # typed, or with the key: a person
            self._turns.clear()
            return False
        self._turns.append(
            FreeTurn(words=said.text, spoken=spoken, after_begin_s=pause[0], after_end_s=pause[1])
        )
        is_own = answers_itself(tuple(self._turns))
        if is_own:
            self._turns.clear()
        return is_own
