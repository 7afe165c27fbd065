"""The built-in voice and recogniser on real speech: what is heard, what sounds, and what stops when it should."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from companion.decoding import read_file
from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import Audio, HearRequest, SpeakRequest, Transcript
from companion.kinds import Role
from companion.pcm import level_db
from companion.providers.here.builtin import PROVIDER, SPEC, VOICES, BuiltinProvider
from companion.providers.here.builtin.provider import readable, speakable, words_per_minute
from companion.providers.here.process.engines import shared_engines

DATA = Path(__file__).parents[1] / "data"
READINGS = {
    "austen-0870.wav": "and mister john dashwood had then leisure to consider how much there might be prudently in his "
    "power to do for them",
    "austen-0890.wav": "unless to be rather cold hearted and rather selfish is to be ill disposed",
}
SENTENCE = "I hear that you are tired, and that you would like to rest."
LONG_TEXT = (SENTENCE + " ") * 60
"""Three minutes of speech, far more than the window of one job."""


@pytest.fixture
async def here() -> AsyncIterator[BuiltinProvider]:
    async with BuiltinProvider() as provider:
        assert isinstance(provider, BuiltinProvider)
        yield provider
    assert shared_engines().pid is None


class Take:
    """A recording fed as fast as it is read; notices when all of it was."""

    def __init__(self, pcm: bytes, rate_hz: int = 16_000, frame_bytes: int = 640) -> None:
        self.pcm, self.rate_hz, self.frame_bytes = pcm, rate_hz, frame_bytes
        self.has_ended = False

    async def frames(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.pcm), self.frame_bytes):
            yield self.pcm[start : start + self.frame_bytes]
        self.has_ended = True

    def request(self, language: str = "en") -> HearRequest:
        return HearRequest(frames=self.frames(), rate_hz=self.rate_hz, language=language)


def recording(name: str = "austen-0890.wav", rate_hz: int = 16_000, seconds: float = 60) -> Take:
    return Take(read_file(DATA / name, rate_hz).pcm[: int(seconds * rate_hz) * 2], rate_hz)


async def endless() -> AsyncIterator[bytes]:
    """A microphone that is never closed."""
    while True:
        yield b"\0" * 640
        await asyncio.sleep(0.005)


async def final(provider: BuiltinProvider, take: Take) -> str:
    return [heard async for heard in provider.transcribe(take.request())][-1].text


async def sound(
    provider: BuiltinProvider, text: str = SENTENCE, voice: str = "", speed: float = 1.0
) -> Audio:
    request = SpeakRequest(text=text, voice=voice, speed=speed)
    chunks = [chunk async for chunk in provider.speak(request)]
    rates = {chunk.rate_hz for chunk in chunks} or {0}
    assert len(rates) == 1
    return Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=rates.pop())


def word_error_rate(said: str, heard: str) -> float:
    """Edits from one to the other, per word said (Levenshtein over words)."""
    expected, got = said.split(), heard.lower().split()
    row = list(range(len(got) + 1))
    for i, word in enumerate(expected, 1):
        above, row[0] = row[:], i
        for j, other in enumerate(got, 1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word != other))
    return row[-1] / len(expected)


# -- hearing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READINGS)
async def test_a_clear_reading_is_mostly_understood_while_it_is_read(
    here: BuiltinProvider, name: str
) -> None:
    take = recording(name)
    heard: list[tuple[bool, Transcript]] = []
    async for transcript in here.transcribe(take.request()):
        heard.append((take.has_ended, transcript))
    assert word_error_rate(READINGS[name], heard[-1][1].text) < 0.5
    assert [transcript.is_final for _, transcript in heard] == [False] * (len(heard) - 1) + [True]
    early = {transcript.text for ended, transcript in heard if not ended}
    assert len(early) >= 5, "words must appear before the take ends"
    assert heard[-1][1].text[0].isupper()
    assert "<" not in heard[-1][1].text


async def test_a_take_is_heard_the_same_whatever_came_before(here: BuiltinProvider) -> None:
    first = await final(here, recording("austen-0870.wav", seconds=3))
    await final(here, recording(seconds=2))
    assert await final(here, recording("austen-0870.wav", seconds=3)) == first
    assert len(first.split()) > 3


async def test_frames_of_any_rate_and_size_are_heard(here: BuiltinProvider) -> None:
    take = recording(rate_hz=48_000)
    take.frame_bytes = 70_001  # not even whole samples
    assert word_error_rate(READINGS["austen-0890.wav"], await final(here, take)) < 0.5


@pytest.mark.parametrize("pcm", [b"", b"\0", b"\0" * 320, b"\0" * 64_000])
async def test_nothing_said_is_one_final_without_words(here: BuiltinProvider, pcm: bytes) -> None:
    heard = [transcript async for transcript in here.transcribe(Take(pcm).request())]
    assert heard == [Transcript(text="", is_final=True)]


async def test_two_takes_are_heard_at_once(here: BuiltinProvider) -> None:
    takes = [recording(seconds=1.5), recording(seconds=1.5)]
    one, other = (aiter(here.transcribe(take.request())) for take in takes)
    async for heard in one:  # neither waits for the end of the other
        assert (await anext(other)).is_final is heard.is_final


async def test_other_languages_are_declined_with_a_way_out(here: BuiltinProvider) -> None:
    with pytest.raises(AIProviderError) as caught:
        await anext(here.transcribe(recording().request("de-DE")))
    assert caught.value.kind is Kind.NOT_SUPPORTED
    assert "English" in caught.value.message
    assert "Whisper" in caught.value.hint
    assert [heard async for heard in here.transcribe(Take(b"").request("en_GB"))][-1].is_final


async def test_a_lost_microphone_reaches_who_reads_the_words(here: BuiltinProvider) -> None:
    async def frames() -> AsyncIterator[bytes]:
        yield b"\0" * 640
        raise CompanionError(Kind.MICROPHONE_LOST)

    with pytest.raises(CompanionError) as caught:
        async for _ in here.transcribe(HearRequest(frames=frames())):
            pass
    assert caught.value.kind is Kind.MICROPHONE_LOST
    assert (await sound(here)).seconds > 1


async def test_a_take_given_up_stops_the_microphone_and_frees_the_recogniser(here: BuiltinProvider) -> None:
    for _ in range(4):  # more than there are recognisers
        listening = asyncio.ensure_future(anext(here.transcribe(HearRequest(frames=endless()))))
        await asyncio.sleep(0.02)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    assert len((await final(here, recording(seconds=2))).split()) > 2


# -- speaking -----------------------------------------------------------------------------------------------


async def test_a_sentence_sounds_for_about_as_long_as_it_takes_to_say(here: BuiltinProvider) -> None:
    spoken = await sound(here)
    assert spoken.rate_hz == 22_050
    assert 2.0 < spoken.seconds < 5.0
    assert level_db(spoken.pcm) > -35
    chunks = [chunk async for chunk in here.speak(SpeakRequest(text=SENTENCE))]
    assert len(chunks) > 10
    assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks)


async def test_speed_shortens_and_lengthens(here: BuiltinProvider) -> None:
    slow, usual, fast = [(await sound(here, speed=speed)).seconds for speed in (0.5, 1.0, 2.0)]
    assert slow > usual * 1.5
    assert fast < usual * 0.7


async def test_every_voice_offered_is_there(here: BuiltinProvider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "companion.providers.here.builtin")
    for voice in VOICES:
        assert level_db((await sound(here, "Good morning, one two three.", voice.id)).pcm) > -40
    assert not caplog.records, "none was replaced by the default"
    assert len({voice.name for voice in VOICES}) == len({voice.id for voice in VOICES}) == len(VOICES)


@pytest.mark.parametrize("voice", ["alloy", "../../../etc/passwd", "en-us+../x", "x" * 5000, "\0"])
async def test_a_voice_of_somebody_else_does_not_silence_this_one(
    here: BuiltinProvider, voice: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "companion.providers.here.builtin")
    assert (await sound(here, voice=voice)).seconds > 2
    assert "en-us spoke" in caplog.text


@pytest.mark.parametrize("text", ["", "  \n ", "\0\x01\x07", "...", "—", "***"])
async def test_nothing_to_say_is_silence_and_no_error(here: BuiltinProvider, text: str) -> None:
    assert (await sound(here, text)).pcm == b""


async def test_markup_and_control_characters_command_nothing(here: BuiltinProvider) -> None:
    plain = await sound(here, "hello you")
    paused = await sound(here, 'hello <break time="9s"/> you')
    assert paused.seconds < plain.seconds + 3
    assert (
        await sound(here, "\x01450Shello\0 you")
    ).seconds > plain.seconds  # the figures are read, not obeyed
    assert (await sound(here, "half a \ud83d smile")).seconds > 0.5


async def test_a_text_without_end_is_declined(here: BuiltinProvider) -> None:
    with pytest.raises(AIProviderError) as caught:
        await sound(here, "la " * 40_000)
    assert caught.value.kind is Kind.INVALID_REQUEST


async def test_speech_that_is_cut_short_stops_and_the_next_is_whole(here: BuiltinProvider) -> None:
    whole = await sound(here)
    for _ in range(5):
        async with aclosing(here.speak(SpeakRequest(text=LONG_TEXT))) as chunks:  # type: ignore[type-var]
            await anext(chunks)
        assert (await sound(here)).seconds == pytest.approx(whole.seconds, abs=0.1)


async def test_two_speeches_read_in_turn_do_not_block_each_other(here: BuiltinProvider) -> None:
    one, other = (here.speak(SpeakRequest(text=LONG_TEXT)) for _ in range(2))
    seconds = [0.0, 0.0]
    async for chunk in one:
        seconds[0] += chunk.seconds
        seconds[1] += (await anext(other)).seconds
    seconds[1] += sum([chunk.seconds async for chunk in other])
    assert seconds[0] == pytest.approx(seconds[1], abs=0.5)
    assert seconds[0] > 120


async def test_a_slow_listener_does_not_make_the_process_run_ahead(here: BuiltinProvider) -> None:
    async with aclosing(here.speak(SpeakRequest(text=LONG_TEXT))) as chunks:  # type: ignore[type-var]
        await anext(chunks)
        await asyncio.sleep(0.3)  # all three minutes would be ready by now
        job = next(iter(shared_engines()._child._jobs.values()))  # type: ignore[union-attr]
        assert job._inbox.qsize() <= 32


# -- the process --------------------------------------------------------------------------------------------


async def test_both_providers_share_one_process_that_goes_with_the_last() -> None:
    hearing, speaking = BuiltinProvider(), BuiltinProvider()
    assert shared_engines().pid is None, "constructing starts nothing"
    await speaking.warm()
    pid = shared_engines().pid
    assert pid is not None
    await final_and_sound(hearing, speaking)
    assert shared_engines().pid == pid
    await hearing.aclose()
    assert shared_engines().pid == pid
    await speaking.aclose()
    await speaking.aclose()
    assert not is_alive(pid)


async def final_and_sound(hearing: BuiltinProvider, speaking: BuiltinProvider) -> None:
    await asyncio.gather(final(hearing, Take(b"\0" * 6400)), sound(speaking))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_crash_ends_the_jobs_and_the_next_one_works(
    here: BuiltinProvider, how: signal.Signals
) -> None:
    speaking = here.speak(SpeakRequest(text=LONG_TEXT))
    await anext(speaking)
    hearing = asyncio.ensure_future(anext(here.transcribe(HearRequest(frames=endless()))))
    await asyncio.sleep(0.1)
    pid = shared_engines().pid
    assert pid is not None
    os.kill(pid, how)
    with pytest.raises(AIProviderError) as caught:
        async for _ in speaking:
            pass
    assert caught.value.kind is Kind.ENGINE_CRASHED
    assert "The built-in voice stopped" in caught.value.message
    with pytest.raises(AIProviderError) as caught:
        await hearing
    assert caught.value.kind is Kind.ENGINE_CRASHED
    assert "The built-in recogniser stopped" in caught.value.message
    assert (await sound(here)).seconds > 2
    assert shared_engines().pid not in (None, pid)


async def test_check_starts_the_engines_and_says_what_they_are(here: BuiltinProvider) -> None:
    health = await here.check()
    assert health.ok
    assert health.latency_ms is not None
    assert "rough" in health.detail


def test_what_settings_show_is_honest() -> None:
    assert PROVIDER.spec is SPEC
    assert SPEC.roles == {Role.HEARS, Role.SPEAKS, Role.EMBEDS}
    assert not SPEC.needs_key
    assert "44 of 100 words are wrong" in SPEC.summary
    assert "Whisper" in SPEC.summary


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", ""),
        ("i think i'm fine and i know it", "I think I'm fine and I know it"),
        ("<s> hello <sil> you(2) ++noise++ [noise] there </s>", "Hello you there"),
        ("in italy", "In italy"),
    ],
)
def test_bare_words_become_readable(words: str, text: str) -> None:
    assert readable(words) == text


@pytest.mark.parametrize(("speed", "pace"), [(0.25, 80), (1.0, 175), (2.0, 350), (4.0, 450), (-1.0, 80)])
def test_speed_stays_within_what_the_voice_can_do(speed: float, pace: int) -> None:
    assert words_per_minute(speed) == pace


def test_line_breaks_are_kept_for_the_voice() -> None:
    assert speakable("one.\ntwo.\ttabbed\r\n") == "one.\ntwo.\ttabbed"
