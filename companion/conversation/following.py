"""Follows the sound of one answer: when it begins, which sentence and word it has come to, and whether it stands still.

In: the player's clock and the track of what was made. Out: events, and two calls. Runs on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from companion.conversation.heard import MixedTrack, SpokenTrack
from companion.events import Events, LevelMeasured, Phase, PhaseLingers, SentenceHeard, WordHeard
from companion.flow import Sentence
from companion.ports import Player

FOLLOW_S = 0.04
"""How often playback is looked at while it sounds."""
FIRST_S = 0.004
"""And between the first sound that was made and the first that is heard, so that this moment is told as it happens."""
STARVED_S = 2.5
"""All sound has been heard and no more has come for so long, though the answer goes on: the person is told."""
STALL_S = 10.0
"""Sound that is queued and does not move for this long means that the speaker is gone."""


class Following:
    """The ear on one answer's sound.

    Args:
        on_sound: the first sound has left the speaker.
        on_progress: something new of it is heard.
        on_stall: nothing moves though there is something to play; nothing is followed any more.
    """

    def __init__(
        self,
        *,
        turn: int,
        player: Player,
        track: SpokenTrack | MixedTrack,
        events: Events,
        on_sound: Callable[[], None],
        on_progress: Callable[[], None],
        on_stall: Callable[[], None],
    ) -> None:
        self.has_sounded = False
        self._turn, self._player, self._track, self._events = turn, player, track, events
        self._on_sound, self._on_progress, self._on_stall = on_sound, on_progress, on_stall
        self._made = asyncio.Event()
        self._is_over = False
        self._starved_s = 0.0
        self._heard_s = 0.0
        self._sentence: Sentence | None = None
        self._word: tuple[int, int] | None = None

    def made(self) -> None:
        """There is sound to play."""
        self._made.set()

    def end(self) -> None:
        """It has fallen silent: nothing is followed, and nothing waited for."""
        self._is_over = True

    def look(self) -> None:
        """Tells how far it has come now; whoever waited for the last sound asks once more."""
        if (heard_s := self._player.heard_s) > 0 and not self._is_over:
            self._tell(heard_s)

    async def run(self) -> None:
        """Until it is cancelled, or the sound stands still."""
        await self._made.wait()
        heard_s, still_s = 0.0, 0.0
        while still_s <= STALL_S:
            pause_s = FOLLOW_S if self.has_sounded or still_s > 1.0 else FIRST_S
            await asyncio.sleep(pause_s)
            if self._is_over:
                return
            now_s = self._player.heard_s
            is_moving = now_s > heard_s or now_s >= self._track.total_s - 0.2
            still_s, heard_s = 0.0 if is_moving else still_s + pause_s, now_s
            if heard_s > 0:
                self._tell(heard_s)
                self._notice_hunger(heard_s, pause_s)
        self._on_stall()

    def _notice_hunger(self, heard_s: float, pause_s: float) -> None:
        """Tells once when "speaking" is shown and nothing is there to be heard."""
        before_s = self._starved_s
        self._starved_s = before_s + pause_s if heard_s >= self._track.total_s - 0.05 else 0.0
        if before_s < STARVED_S <= self._starved_s:
            self._events.emit(
                PhaseLingers(turn=self._turn, phase=Phase.SPEAKING, lasted_s=STARVED_S, left_s=0.0)
            )

    def _tell(self, heard_s: float) -> None:
        if not self.has_sounded:
            self.has_sounded = True
            self._on_sound()
        if heard_s > self._heard_s:
            self._heard_s = heard_s
            self._on_progress()
        self._events.emit(LevelMeasured(level_db=self._player.level_db, is_input=False))
        sentence = self._track.at(heard_s)
        if sentence is not None and sentence is not self._sentence:
            self._sentence, self._word = sentence, None
            self._events.emit(SentenceHeard(turn=self._turn, sentence=sentence))
        word = self._track.word_at(heard_s)
        if word is not None and word != self._word:
            self._word = word
            self._events.emit(WordHeard(turn=self._turn, start=word[0], end=word[1]))
