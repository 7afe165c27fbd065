"""The open microphone of hands-free mode: one long take in, the person's turns out, each as a take of its own.

Frames lose the echo of the app's own voice, keep half a second of pre-roll, and pass the speech model and the endpointing
(`segment.Endpoints`); whoever reads `signals` drives all of it, on the loop's thread, at about 2.5 ms per 32 ms of sound.
While that voice sounds, and a little longer, a turn needs more evidence to begin; without a canceller none begins then.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from companion import tasks
from companion.audio.echo import EchoCanceller
from companion.audio.remarks import ignore
from companion.errors import CompanionError, Kind
from companion.events import Event, Trouble, TroubleCleared
from companion.flow import FRAME_MS, Audio, TurnSignal
from companion.kinds import Role
from companion.pcm import SILENCE_DB, level_db
from companion.ports import Microphone, Take
from companion.segment import WINDOW_S, Endpoint, Endpointing, Endpoints, Probabilities

GUARD_S = 0.4
"""The guard outlasts the last sound: rooms ring on, and speakers are later than they say."""
LOST_AFTER_S = 3.0
"""No frame for this long: the microphone is gone, whatever it says of itself. A take that finds another needs two."""
SILENT_FRAMES = 2500 // FRAME_MS
"""Digital silence for this long means a muted microphone."""
KEPT_S = 30
"""How much of an utterance waits for a reader before the oldest is dropped."""
_FRAME_S = FRAME_MS / 1000


class Sounding(Protocol):
    """A player that tells what it plays."""

    def played(self) -> list[tuple[float, Audio]]:
        """What was handed to the device since the last call, and when each piece leaves the speaker (monotonic clock)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something about the person's turn."""

    signal: TurnSignal
    utterance: Utterance
    at_s: float
    """When it happened, on the monotonic clock: STARTED and RESUMED the first sound of speech, the others the last."""
    speech_s: float
    """Speech in the turn so far."""


class Utterance:
    """What was said in one turn, pre-roll first: a take that ends by itself when the turn does."""

    def __init__(self, ear: OpenMicrophone, pre_roll: list[bytes]) -> None:
        self._ear = ear
        self._frames = deque(pre_roll)
        self._news = asyncio.Event()
        self.is_open = True
        self.dropped_frames = 0

    @property
    def level_db(self) -> float:
        return self._ear.level_db if self.is_open else SILENCE_DB

    @property
    def is_silent(self) -> bool:
        return False

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """As a take's, without an error of its own: a microphone that is lost ends the turn and is told by `signals`."""
        while True:
            while self._frames:
                yield self._frames.popleft()
            if not self.is_open:
                return
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Ends the turn unsignalled: nothing more is wanted of it. The microphone stays open."""
        if self.is_open:
            self._ear.give_up(self)

    def add(self, frame: bytes) -> None:
        if len(self._frames) >= KEPT_S * 1000 // FRAME_MS:
            self._frames.popleft()
            self.dropped_frames += 1
        self._frames.append(frame)
        self._news.set()

    def end(self) -> None:
        self.is_open = False
        self._news.set()


class OpenMicrophone:
    """Listens until it is muted or closed. One reader of `signals`, who is quick."""

    def __init__(
        self,
        microphone: Microphone,
        player: Sounding | None = None,
        *,
        rules: Endpointing | None = None,
        canceller: EchoCanceller | None = None,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[Event], None] = ignore,
    ) -> None:
        """Loads the speech model and, with a player, the echo canceller.

        Args:
            player: whose sound the microphone hears. None: the person wears headphones, and there is no guard.
            clock: seconds, the same that `player` tells its times by.
            tell: is given what a person should know of the microphone.
        """
        self._microphone = microphone
        self._player = player
        self._canceller = (canceller or EchoCanceller()) if player else None
        self._rules = rules or Endpointing()
        self._probabilities = Probabilities()
        self._endpoints = Endpoints(self._rules)
        self._pre_roll: deque[bytes] = deque(maxlen=_longest_pre_roll(self._rules))
        self._utterance: Utterance | None = None
        self._take: Take | None = None
        self._followed: Take | None = None
        self._now_s, self._tell = clock, tell
        self._clock = _CaptureClock()
        self._sounds_until_s = 0.0
        self._frames_heard = 0
        self._frames_of_take = 0
        self._is_silence_told = False
        self._is_waiting = True
        """For a frame, and not for whoever reads `signals`."""
        self._is_lost = False
        self._is_closed = False
        self._changing = asyncio.Lock()
        self._news = asyncio.Event()
        self.is_muted = True

    @property
    def cancels_echo(self) -> bool:
        """False: over a loudspeaker nobody can talk over the app's voice; headphones are recommended."""
        return self._canceller is None or self._canceller.cancels

    @property
    def _hears_over_itself(self) -> bool:
        """What sounds now is taken out of what is heard."""
        return self._canceller is None or (self._canceller.cancels and not self._canceller.relearns)

    @property
    def is_open(self) -> bool:
        return self._take is not None and self._take.is_open

    @property
    def is_silent(self) -> bool:
        """Nothing but digital silence has come so far: a muted or refused microphone, not a quiet person."""
        return self._take is not None and self._take.is_silent

    @property
    def level_db(self) -> float:
        """Loudness of what was heard last, without the app's own voice."""
        return level_db(self._pre_roll[-1]) if self.is_open and self._pre_roll else SILENCE_DB

    async def open(self) -> None:
        """Opens the microphone, at first and after `mute`. Returns once samples arrive; idempotent.

        Raises:
            CompanionError: NO_AUDIO_SYSTEM, NO_MICROPHONE, MICROPHONE_BUSY, MICROPHONE_DENIED.
        """
        async with self._changing:
            if self._is_closed or self.is_open:
                return
            self._take = await self._microphone.open()
            self.is_muted = False
            self._news.set()

    async def mute(self) -> None:
        """Closes the device, so that the system's own sign goes off too. Ends a turn under way, but not the app's voice."""
        self.is_muted = True
        async with self._changing:
            if self._take is not None:
                await self._take.close()

    async def close(self) -> None:
        """Closes for good; `signals` ends. Idempotent."""
        self._is_closed = True
        await self.mute()
        self._news.set()

    async def signals(self) -> AsyncGenerator[Signal, None]:
        """The person's turns, as they begin, pause, go on and end. Closing the iterator closes the microphone.

        Raises:
            CompanionError: MICROPHONE_LOST, after the turn under way was ended; `open` and a new iterator start again.
        """
        try:
            while take := await self._next_take():
                async with aclosing(self._follow(take)) as signals:
                    async for signal in signals:
                        yield signal
        finally:
            await self.mute()

    def give_up(self, utterance: Utterance) -> None:
        """The turn of `utterance` is of no interest any more; the next begins after some quiet."""
        utterance.end()
        if utterance is self._utterance:
            self._utterance = None
            self._endpoints.close()

    async def _next_take(self) -> Take | None:
        while not self._is_closed:
            if self._take is not None and self._take is not self._followed:
                self._followed = self._take
                return self._take
            self._news.clear()
            await self._news.wait()
        return None

    async def _follow(self, take: Take) -> AsyncGenerator[Signal]:
        """One stretch between opening and muting."""
        self._clock, self._endpoints, self._is_lost = _CaptureClock(), Endpoints(self._rules), False
        self._is_waiting, self._frames_of_take = True, 0
        self._pre_roll.clear()
        watchdog = tasks.spawn(self._watch(take), name="watch the open microphone")
        fault: Exception | None = None
        try:
            async with aclosing(take.frames()) as frames:
                async for frame in frames:
                    self._is_waiting = False
                    for signal in self._hear(frame, take):
                        yield signal
                    self._is_waiting = True
        except Exception as error:  # noqa: BLE001 - raised below, once the turn under way has ended
            fault = error
        finally:
            await tasks.stop(watchdog)
            await take.close()
        if endpoint := self._endpoints.close():
            yield self._signal(endpoint)
        if fault or self._is_lost:
            self.is_muted = True
            raise fault or CompanionError(Kind.MICROPHONE_LOST)

    async def _watch(self, take: Take) -> None:
        """Closes a take that brings nothing. Looks twice: a loop that was busy finds its frames at the first look."""
        missed = 0
        while missed < 2:
            before = self._frames_heard
            await asyncio.sleep(LOST_AFTER_S / 2)
            missed = missed + 1 if self._is_waiting and self._frames_heard == before else 0
        self._is_lost = take.is_open
        await take.close()

    def _hear(self, frame: bytes, take: Take) -> Iterator[Signal]:
        self._frames_heard += 1
        self._frames_of_take += 1
        if self._frames_of_take == SILENT_FRAMES and take.is_silent:
            self._is_silence_told = True
            self._tell(Trouble(error=CompanionError(Kind.MICROPHONE_SILENT), role=Role.HEARS))
        elif self._is_silence_told and not take.is_silent:
            self._is_silence_told = False
            self._tell(TroubleCleared(kinds=frozenset({Kind.MICROPHONE_SILENT})))
        at_s = self._clock.tick(self._now_s(), take.dropped_frames)
        frame, is_guarded = self._without_echo(frame, at_s)
        is_deaf = is_guarded and not self._hears_over_itself and self._utterance is None
        if is_deaf:  # no turn brings the app's own last words with it
            self._pre_roll.clear()
        self._pre_roll.append(frame)
        if self._utterance is not None:
            self._utterance.add(frame)
        for probability in self._probabilities.feed(frame):
            endpoint = self._endpoints.add(0.0 if is_deaf else probability, is_guarded=is_guarded)
            if endpoint is not None:
                yield self._signal(endpoint)

    def _without_echo(self, frame: bytes, at_s: float) -> tuple[bytes, bool]:
        """The frame, and whether the app's own voice may still be in it."""
        if self._player is None or self._canceller is None:
            return frame, False
        for starts_s, audio in self._player.played():
            self._canceller.far(audio, starts_s)
            self._sounds_until_s = starts_s + audio.seconds
        return self._canceller.near(frame, at_s), at_s < self._sounds_until_s + GUARD_S

    def _signal(self, endpoint: Endpoint) -> Signal:
        ago_s = endpoint.at_s - endpoint.since_s
        if endpoint.signal is TurnSignal.STARTED:
            whole = round((ago_s + endpoint.pre_roll_s) / _FRAME_S)
            first = -whole - 1  # a window ends in the middle of a frame
            self._utterance = Utterance(self, list(self._pre_roll)[first:])
        utterance = self._utterance
        assert utterance is not None
        if endpoint.signal is TurnSignal.ENDED:
            utterance.end()
            self._utterance = None
        at_s = self._clock.at_s - ago_s
        return Signal(signal=endpoint.signal, utterance=utterance, at_s=at_s, speech_s=endpoint.speech_s)


class _CaptureClock:
    """When each frame came, as the device would tell it: the loop may be late, but never early."""

    WINDOW_S = 5.0
    SETTLES_S = 0.2
    STEADY_S = 0.045
    """A stream of samples has one beginning. Blocks of other sizes make it seem to move by so much, and an echo canceller
    would begin anew each time; only more than this is true: sound was lost, or two clocks have drifted apart."""

    def __init__(self) -> None:
        self._frames = 0
        self._least_s = (float("inf"), float("inf"))
        """When the take would have begun, by the least late frame of this stretch of time and of the one before."""
        self._since_s = 0.0
        self._began_s = 0.0
        self.at_s = 0.0
        """When the newest frame ended."""

    def tick(self, now_s: float, dropped: int) -> float:
        self._frames += 1
        lasted_s = (self._frames + dropped) * _FRAME_S
        now_least_s, before_s = self._least_s
        if lasted_s - self._since_s > self.WINDOW_S:  # clocks drift apart: old frames say nothing of now
            now_least_s, before_s, self._since_s = float("inf"), now_least_s, lasted_s
        self._least_s = (min(now_least_s, now_s - lasted_s), before_s)
        began_s = min(self._least_s)
        if lasted_s < self.SETTLES_S or abs(began_s - self._began_s) > self.STEADY_S:
            self._began_s = began_s
        self.at_s = self._began_s + lasted_s
        return self.at_s


def _longest_pre_roll(rules: Endpointing) -> int:
    """Frames between the beginning of the pre-roll and the moment speech is certain."""
    certain_s = max(rules.onset_windows, rules.guarded_windows) * WINDOW_S
    return round((rules.pre_roll_s + certain_s) / _FRAME_S) + 2
