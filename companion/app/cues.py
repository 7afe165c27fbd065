"""Soft sounds at the instant of truth: the microphone has opened, the take has ended (a setting).

Played through the speaker of the answers, never through a file or a virtual speaker. A cue that fails is no trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from companion.errors import CompanionError
from companion.events import Event, Events, Phase, PhaseChanged
from companion.flow import Audio
from companion.pcm import scaled, tone
from companion.ports import Player
from companion.tasks import spawn

CUE_TURN = -2
"""The cues' own turn number: an answer that begins replaces them."""
_HZ = {Phase.LISTENING: 660.0, Phase.TRANSCRIBING: 440.0}


class Cues:
    """Plays as long as `are_wanted()` says so."""

    def __init__(self, events: Events, player: Callable[[], Player], are_wanted: Callable[[], bool]) -> None:
        self._player = player
        self._are_wanted = are_wanted
        self._last = Phase.READY
        events.watch(self._watch)

    def _watch(self, event: Event) -> None:
        if not isinstance(event, PhaseChanged) or event.phase is self._last:
            return
        self._last = event.phase
        if event.phase in _HZ and self._are_wanted():
            spawn(self._play(event.phase), name="cue")

    async def _play(self, phase: Phase) -> None:
        player = self._player()
        try:
            player.begin(CUE_TURN)
            await player.write(CUE_TURN, _cue(_HZ[phase]))
        except CompanionError:  # without a speaker the state is still seen
            return


@lru_cache
def _cue(hz: float) -> Audio:
    return scaled(tone(0.09, hz), 0.4)
