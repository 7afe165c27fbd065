"""The sound of an answer on its way to the speaker, remembered as far as it is heard, to be kept with its words."""

from __future__ import annotations

from companion.flow import CAPTURE_RATE_HZ, Audio
from companion.pcm import Resampler
from companion.ports import Player

_MOST_S = 600.0
"""What a journal keeps in one recording."""


class AnswerSound:
    """A `Player` of one answer, in front of the one it sounds from."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._sound: list[Audio] = []
        self._seconds = 0.0
        self._is_cut = False

    def begin(self, turn: int) -> None:
        self._sound, self._seconds, self._is_cut = [], 0.0, False  # what came before was taken back
        self._player.begin(turn)

    async def write(self, turn: int, audio: Audio) -> None:
        await self._player.write(turn, audio)
        if not self._is_cut and self._seconds < _MOST_S:
            self._sound.append(audio)
            self._seconds += audio.seconds

    async def drain(self, turn: int) -> None:
        await self._player.drain(turn)

    def flush(self) -> float:
        heard_s = self._player.flush()
        if not self._is_cut:
            self._is_cut, self._seconds = True, min(self._seconds, heard_s)
        return heard_s

    @property
    def heard_s(self) -> float:
        return self._player.heard_s

    @property
    def level_db(self) -> float:
        return self._player.level_db

    async def close(self) -> None:
        await self._player.close()

    def heard(self) -> bytes:
        """What was heard, int16 mono at 16 kHz; empty: nothing. Takes a moment: for a thread."""
        pcm, resampler, rate_hz = bytearray(), Resampler(CAPTURE_RATE_HZ, CAPTURE_RATE_HZ), CAPTURE_RATE_HZ
        for audio in self._sound:
            if audio.rate_hz != rate_hz:
                pcm += resampler.process(b"", last=True)
                resampler, rate_hz = Resampler(audio.rate_hz, CAPTURE_RATE_HZ), audio.rate_hz
            pcm += resampler.process(audio.pcm)
        pcm += resampler.process(b"", last=True)
        return bytes(pcm[: round(self._seconds * CAPTURE_RATE_HZ) * 2])
