"""A try of the microphone: levels, words through whoever hears, and a plain fault for everything that can be amiss."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from companion.app import microphone_check
from companion.app.microphone_check import listen
from companion.audio.virtual import FileMicrophone
from companion.errors import CompanionError, Kind
from companion.flow import Audio, Transcript
from companion.ports import Take
from companion.segment import SpeechGate

SPEECH = Path(__file__).parent.parent / "data" / "austen-0890.wav"


class Recogniser:
    """Hears the same whatever is said; remembers how much it was given."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.frames = texts, 0
        self.fault: CompanionError | None = None

    async def hear(self, frames: AsyncIterator[bytes]) -> AsyncGenerator[Transcript, None]:
        if self.fault is not None:
            raise self.fault
        async for _ in frames:
            self.frames += 1
            if self.frames == 5 and len(self.texts) > 1:
                yield Transcript(text=self.texts[0])
        yield Transcript(text=self.texts[-1], is_final=True)


def said(path: Path = SPEECH) -> FileMicrophone:
    return FileMicrophone(path, realtime=False, tail_silence_s=4.0)


def sounds(seconds: float, amplitude: int) -> FileMicrophone:
    """A hum, or digital silence."""
    values = [
        round(amplitude * math.sin(2 * math.pi * 120 * n / 16_000)) for n in range(int(seconds * 16_000))
    ]
    return FileMicrophone(
        Audio(pcm=struct.pack(f"<{len(values)}h", *values), rate_hz=16_000), realtime=False, tail_silence_s=0
    )


async def found(microphone: FileMicrophone, recogniser: Recogniser) -> tuple[list[float], list[Transcript]]:
    levels: list[float] = []
    words: list[Transcript] = []
    async for each in listen(microphone, SpeechGate(), recogniser.hear, 5.0):
        levels.append(each) if isinstance(each, float) else words.append(each)
    return levels, words


async def test_levels_come_and_then_the_words_and_a_pause_ends_it() -> None:
    recogniser = Recogniser("one", "one two")
    levels, words = await found(said(), recogniser)
    assert max(levels) > -40
    assert [each.text for each in words] == ["one", "one two"]
    assert words[-1].is_final
    whole = (SPEECH.stat().st_size - 44) // 640
    assert whole < recogniser.frames < whole + 4.0 / 0.02, "it ends by itself after the last word"


async def test_silence_and_noise_go_to_nobody() -> None:
    for microphone, kind in ((sounds(16, 0), Kind.MICROPHONE_SILENT), (sounds(16, 400), Kind.HEARD_NOTHING)):
        recogniser = Recogniser("never")
        with pytest.raises(CompanionError) as fault:
            await found(microphone, recogniser)
        assert fault.value.kind is kind
        assert recogniser.frames == 0


async def test_what_a_recogniser_says_is_wrong_is_told() -> None:
    recogniser = Recogniser("never")
    recogniser.fault = CompanionError(Kind.UNREACHABLE, who="Deepgram")
    with pytest.raises(CompanionError, match="Deepgram cannot be reached"):
        await found(said(), recogniser)


async def test_who_leaves_in_the_middle_leaves_a_closed_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    takes: list[Take] = []
    microphone = said()
    opened = microphone.open

    async def open_it() -> Take:
        takes.append(await opened())
        return takes[-1]

    monkeypatch.setattr(microphone, "open", open_it)
    listening = listen(microphone, SpeechGate(), Recogniser("never").hear, 5.0)
    assert isinstance(await anext(listening), float)
    assert takes[0].is_open
    await listening.aclose()
    assert not takes[0].is_open


async def test_a_recogniser_that_says_nothing_is_not_waited_for_for_ever() -> None:
    class Mute(Recogniser):
        async def hear(self, frames: AsyncIterator[bytes]) -> AsyncGenerator[Transcript, None]:
            await microphone_check.asyncio.Event().wait()
            yield Transcript(text="never")

    with pytest.raises(CompanionError) as fault:
        async for _ in listen(said(), SpeechGate(), Mute("").hear, 0.01):
            pass
    assert fault.value.kind is Kind.HEARING_FAILED
