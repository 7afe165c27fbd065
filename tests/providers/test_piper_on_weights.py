"""A real voice of Piper: what it says is written down again, it is quick, and it stops when it is told to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.flow import CAPTURE_RATE_HZ, Audio, HearRequest, SpeakRequest
from companion.pcm import Resampler
from companion.providers.here.builtin import BuiltinProvider
from companion.providers.here.process.engines import shared_engines
from tests.weights import weights

SENTENCES = (
    "It was a long day, and I am glad that it is over.",
    "What would you tell a friend who felt the way you do tonight?",
    "You said that the morning was quiet; perhaps that is worth keeping.",
    "The garden behind the old house was full of apples that year.",
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with ears and a voice."""
    folder = tmp_path_factory.mktemp("models")
    for place, name in (("voice/en_US-joe-medium", "piper-joe"), ("hearing/base", "whisper-base")):
        (folder / place).parent.mkdir(parents=True)
        (folder / place).symlink_to(weights(name))
    return folder


@pytest.fixture
async def here(models: Path) -> AsyncIterator[BuiltinProvider]:
    async with BuiltinProvider(models_dir=models) as provider:
        assert isinstance(provider, BuiltinProvider)
        yield provider


async def said(here: BuiltinProvider, text: str) -> Audio:
    chunks = [chunk async for chunk in here.speak(SpeakRequest(text=text))]
    return Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=chunks[0].rate_hz)


async def written_down(here: BuiltinProvider, sound: Audio) -> str:
    pcm = Resampler(sound.rate_hz, CAPTURE_RATE_HZ).process(sound.pcm, last=True)

    async def frames() -> AsyncIterator[bytes]:
        for start in range(0, len(pcm), 6400):
            yield pcm[start : start + 6400]

    heard = [each async for each in here.transcribe(HearRequest(frames=frames(), language="en"))]
    return heard[-1].text


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def errors(said: list[str], heard: list[str]) -> int:
    """Words put in, left out or changed."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(said, start=1):
        above, row[0] = row[0], count
        for place, other in enumerate(heard, start=1):
            above, row[place] = row[place], min(above + (word != other), row[place] + 1, row[place - 1] + 1)
    return row[-1]


async def test_what_it_says_is_understood(here: BuiltinProvider) -> None:
    wrong = total = 0
    for sentence in SENTENCES:
        heard = await written_down(here, await said(here, sentence))
        wrong += errors(words(sentence), words(heard))
        total += len(words(sentence))
    assert (here.speaker, here.recogniser) == ("Joe", "base")
    assert wrong / total <= 0.05


async def test_a_sentence_is_as_long_as_a_person_takes_for_it(here: BuiltinProvider) -> None:
    sound = await said(here, SENTENCES[0])
    assert 2.0 < len(sound.pcm) / 2 / sound.rate_hz < 4.5


async def test_who_interrupts_it_waits_for_no_more_than_one_part(here: BuiltinProvider) -> None:
    stream = here.speak(SpeakRequest(text=" ".join(SENTENCES) * 20))
    await anext(stream)
    await stream.aclose()
    sound = await said(here, "Yes.")
    assert 0.2 < len(sound.pcm) / 2 / sound.rate_hz < 2.0
    assert shared_engines().pid is not None
