"""Whisper on this computer, on its real weights and human speech: words, when they come, and what gives none."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from companion.decoding import read_file
from companion.errors import AIProviderError, Kind
from companion.flow import HearRequest, SpeakRequest, Transcript
from companion.providers.here.builtin import BuiltinProvider
from companion.providers.here.process.engines import shared_engines
from companion.providers.here.whisper import WhisperProvider
from tests.weights import weights

pytestmark = pytest.mark.asyncio(loop_scope="module")
DATA = Path(__file__).parents[1] / "data"
READINGS = {
    "austen-0870.wav": "and mr john dashwood had then leisure to consider how much there might be prudently in his "
    "power to do for them",
    "austen-0890.wav": "unless to be rather cold hearted and rather selfish is to be ill disposed",
    "jfk.flac": "and so my fellow americans ask not what your country can do for you ask what you can do for your country",
}
SPEECH_FROM_S = {"austen-0890.wav": 0.1, "jfk.flac": 0.3}
FRAME, PER_S = 640, 32_000


def recording(name: str) -> bytes:
    return read_file(DATA / name, 16_000).pcm


def plain(text: str) -> list[str]:
    return re.sub(r"[^\w\s]", "", text.lower().replace("-", " ")).split()


def word_error_rate(said: str, heard: str) -> float:
    """Edits from one to the other, per word said (Levenshtein over words)."""
    expected, got = plain(said), plain(heard)
    row = list(range(len(got) + 1))
    for i, word in enumerate(expected, 1):
        above, row[0] = row[:], i
        for j, other in enumerate(got, 1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word != other))
    return row[-1] / len(expected)


async def frames(pcm: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(pcm), FRAME):
        yield pcm[start : start + FRAME]


async def final(provider: WhisperProvider | BuiltinProvider, pcm: bytes, language: str = "") -> Transcript:
    request = HearRequest(frames=frames(pcm), language=language)
    return [heard async for heard in provider.transcribe(request)][-1]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's folder with the two models of the tests; their sums are read once."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("base", "tiny.en"):
        place = folder / "hearing" / name
        place.mkdir(parents=True)
        for file in weights(f"whisper-{name}").iterdir():
            (place / file.name).symlink_to(file)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whisper(models: Path) -> AsyncIterator[WhisperProvider]:
    """One for all tests: to load a model takes longer than most of them."""
    async with WhisperProvider(models_dir=models) as provider:
        assert isinstance(provider, WhisperProvider)
        yield provider
    assert shared_engines().pid is None


# -- words --------------------------------------------------------------------------------------------------


async def test_human_speech_is_heard_word_for_word(whisper: WhisperProvider) -> None:
    for name, said in READINGS.items():
        heard = await final(whisper, recording(name))
        assert word_error_rate(said, heard.text) <= 0.02, name
        assert (heard.language, heard.is_final) == ("en", True)
        assert heard.confidence is not None
        assert heard.confidence > 0.7
        assert heard.text[0].isupper()
        assert heard.text.endswith(".")
    told = {each.model.name: each.figure for each in whisper.store.all("hearing")}
    assert told["base"] is not None, "its pace on this machine is known from now on"
    assert told["small"] is None


async def test_a_small_english_model_hears_english_and_nothing_else(whisper: WhisperProvider) -> None:
    async def asked(language: str) -> Transcript:
        request = HearRequest(frames=frames(recording("jfk.flac")), language=language, model="tiny.en")
        return [heard async for heard in whisper.transcribe(request)][-1]

    assert word_error_rate(READINGS["jfk.flac"], (await asked("en-GB")).text) <= 0.02
    with pytest.raises(AIProviderError) as caught:
        await asked("de")
    assert caught.value.kind is Kind.NOT_SUPPORTED
    assert "only understands English" in caught.value.message


@pytest.mark.parametrize("name", SPEECH_FROM_S)
async def test_the_first_word_is_seen_within_a_second_and_a_half_of_speech(
    whisper: WhisperProvider, name: str
) -> None:
    """The clock is the sound itself: no more of it comes until the word is there."""
    pcm, seen = recording(name), asyncio.Event()

    async def microphone() -> AsyncIterator[bytes]:
        heard = int((SPEECH_FROM_S[name] + 1.5) * PER_S)
        for start in range(0, heard, FRAME):
            yield pcm[start : start + FRAME]
        await seen.wait()
        async for frame in frames(pcm[heard:]):
            yield frame

    told: list[Transcript] = []
    async with asyncio.timeout(60):
        async for transcript in whisper.transcribe(HearRequest(frames=microphone())):
            told.append(transcript)
            if transcript.text:
                seen.set()
    assert plain(told[0].text or told[1].text)[0] in ("unless", "and")
    assert [each.is_final for each in told] == [False] * (len(told) - 1) + [True]
    assert told[-1].committed_chars == len(told[-1].text)


async def test_words_become_firm_while_they_are_spoken(whisper: WhisperProvider) -> None:
    pcm, told = recording("austen-0890.wav"), asyncio.Queue[Transcript]()

    async def microphone() -> AsyncIterator[bytes]:
        for second in range(5):  # after each second the words so far are waited for
            async for frame in frames(pcm[second * PER_S : (second + 1) * PER_S]):
                yield frame
            await told.get()

    firm = ""
    async with asyncio.timeout(60):
        async for transcript in whisper.transcribe(HearRequest(frames=microphone())):
            told.put_nowait(transcript)
            if not transcript.is_final:
                assert transcript.text.startswith(firm)
                firm = transcript.text[: transcript.committed_chars]
    assert len(firm.split()) >= 4
    assert word_error_rate(READINGS["austen-0890.wav"], transcript.text) <= 0.02


async def test_german_is_recognised_as_german_whatever_is_set(whisper: WhisperProvider, models: Path) -> None:
    said = "Heute war ein langer Tag. Ich bin müde und möchte ein wenig ausruhen."
    async with BuiltinProvider(models_dir=models) as voice:
        spoken = [audio async for audio in voice.speak(SpeakRequest(text=said, voice="de"))]
    from companion.pcm import Resampler

    pcm = Resampler(spoken[0].rate_hz, 16_000).process(b"".join(each.pcm for each in spoken), last=True)
    heard = await final(whisper, pcm)
    assert heard.language == "de"
    assert {"heute", "ein", "tag", "ich", "und"} <= set(plain(heard.text))
    assert (await final(whisper, pcm, "en")).language == "de", "what was heard is told, whatever is set"


def noise(kind: str) -> bytes:
    dice, size = np.random.default_rng(7), 4 * 16_000
    sounds: dict[str, Callable[[], np.ndarray]] = {
        "silence": lambda: np.zeros(size),
        "hiss": lambda: dice.normal(0, 900, size),
        "rumble": lambda: np.cumsum(dice.normal(0, 60, size)),
        "hum": lambda: 3000 * np.sin(np.arange(size) / 16_000 * 2 * np.pi * 100),
        "clicks": lambda: np.where(np.arange(size) % 9000 < 40, dice.normal(0, 9000, size), 0),
    }
    return bytes(sounds[kind]().clip(-32_000, 32_000).astype("<i2"))


async def test_silence_and_noise_give_no_words(whisper: WhisperProvider) -> None:
    for kind in ("silence", "hiss", "rumble", "hum", "clicks"):
        heard = [each async for each in whisper.transcribe(HearRequest(frames=frames(noise(kind))))]
        assert [each.text for each in heard] == [""] * len(heard), kind
    assert (await final(whisper, b"")).text == ""


# -- several, cancelled, crashed ----------------------------------------------------------------------------


async def test_two_takes_are_heard_at_once(whisper: WhisperProvider) -> None:
    names = ("austen-0890.wav", "jfk.flac")
    heard = await asyncio.gather(*(final(whisper, recording(name)) for name in names))
    for name, transcript in zip(names, heard, strict=True):
        assert word_error_rate(READINGS[name], transcript.text) <= 0.02


async def test_takes_that_are_cancelled_hold_up_nobody(whisper: WhisperProvider) -> None:
    async def held() -> AsyncIterator[bytes]:
        async for frame in frames(recording("jfk.flac")):
            yield frame
        await asyncio.Event().wait()

    for _ in range(3):
        async with aclosing(whisper.transcribe(HearRequest(frames=held()))) as words:
            while not (await anext(words)).text:
                pass
    assert (
        word_error_rate(
            READINGS["austen-0890.wav"], (await final(whisper, recording("austen-0890.wav"))).text
        )
        < 0.02
    )


async def test_the_engine_starts_again_after_it_was_ended_in_a_take(whisper: WhisperProvider) -> None:
    await whisper.warm()
    pid = shared_engines().pid
    assert pid is not None

    async def fatal() -> AsyncIterator[bytes]:
        yield bytes(FRAME)
        os.kill(pid, 9)
        await asyncio.Event().wait()

    with pytest.raises(AIProviderError) as caught:
        async for _ in whisper.transcribe(HearRequest(frames=fatal())):
            pass
    assert caught.value.kind is Kind.ENGINE_CRASHED
    assert (await final(whisper, recording("austen-0890.wav"))).text


# -- this computer picks the best that is there ---------------------------------------------------------------


async def test_this_computer_hears_with_whisper_as_soon_as_its_model_is_there(
    tmp_path: Path, models: Path
) -> None:
    async with BuiltinProvider(models_dir=tmp_path) as here:
        pcm = recording("austen-0890.wav")
        assert word_error_rate(READINGS["austen-0890.wav"], (await final(here, pcm)).text) > 0.02
        assert here.recogniser == ""
        assert "rough" in (await here.check()).detail
        (tmp_path / "hearing").symlink_to(models / "hearing")
        assert word_error_rate(READINGS["austen-0890.wav"], (await final(here, pcm)).text) <= 0.02
        assert here.recogniser == "base"
        assert "Whisper base" in (await here.check()).detail
