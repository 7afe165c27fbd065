"""Piper itself, in the app's engine process, with a voice of random weights that the test makes."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.flow import Audio, SpeakRequest
from companion.providers import AIProviderFactory
from companion.providers.here.models.store import ModelStore
from companion.providers.here.piper import PiperProvider
from tests.environments import environment

pytestmark = pytest.mark.long
PACKAGES = ("piper-tts==1.8.0", "onnx==1.23.2")


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "piper").mkdir()
    maker = Path(__file__).parent / "tiny_piper.py"
    for voice in (["en_US-tiny-low"], ["en_US-choir-low", "ann", "bob"]):
        subprocess.run([environment("piper", *PACKAGES), maker, folder / "piper", *voice], check=True)
    return folder


@pytest.fixture
async def piper(voices: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PiperProvider]:
    """Piper's packages are where this process and the engine process find them."""
    packages = next((environment("piper", *PACKAGES).parent.parent / "lib").glob("python*/site-packages"))
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    async with AIProviderFactory.create("piper", models_dir=voices) as provider:
        assert isinstance(provider, PiperProvider)
        yield provider


async def said(piper: PiperProvider, text: str, voice: str = "en_US-tiny-low", speed: float = 1.0) -> Audio:
    request = SpeakRequest(text=text, voice=voice, speed=speed)
    chunks = [chunk async for chunk in piper.stacked(piper.speak)(request)]
    return Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=chunks[0].rate_hz)


async def test_it_speaks_at_the_voice_s_own_rate(piper: PiperProvider) -> None:
    sound = await said(piper, "It was a long day.")
    assert sound.rate_hz == 16_000
    assert 1.0 < len(sound.pcm) / 2 / sound.rate_hz < 5.0
    assert any(sound.pcm), "not silence"


async def test_twice_the_speed_is_half_the_time(piper: PiperProvider) -> None:
    usual, quick = await said(piper, "It was a long day."), await said(piper, "It was a long day.", speed=2.0)
    assert len(quick.pcm) == pytest.approx(len(usual.pcm) / 2, rel=0.02)


async def test_it_can_be_stopped_in_the_middle_and_speaks_again(piper: PiperProvider) -> None:
    stream = piper.speak(SpeakRequest(text="A sentence that goes on. " * 40))
    await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(20):
        assert (await said(piper, "And again.")).pcm


async def test_its_voices_are_those_in_the_folder_then_those_to_be_fetched(piper: PiperProvider) -> None:
    listed = [voice.id for voice in await piper.voices()]
    assert listed[:3] == ["en_US-choir-low#ann", "en_US-choir-low#bob", "en_US-tiny-low"]
    assert "en_US-joe-medium" in listed
    assert (await said(piper, "Hello.", voice="en_US-choir-low#bob")).pcm
    assert (await piper.check()).detail == "Piper is ready with 2 voices."


async def test_the_plain_voice_speaks_in_the_same_process(piper: PiperProvider) -> None:
    async with AIProviderFactory.create("builtin") as plain:
        chunks = [chunk async for chunk in plain.speak(SpeakRequest(text="Hello."))]
        assert (await said(piper, "Hello.")).pcm
        again = [chunk async for chunk in plain.speak(SpeakRequest(text="Hello."))]
    before, after = (sum(len(chunk.pcm) for chunk in each) for each in (chunks, again))
    assert after == pytest.approx(before, rel=0.02), "it never says it quite the same way"


async def test_a_damaged_voice_is_told(piper: PiperProvider, tmp_path: Path) -> None:
    folder = tmp_path / "voice" / "en_US-broken-low"
    folder.mkdir(parents=True)
    (folder / "en_US-broken-low.onnx").write_bytes(b"no model")
    (folder / "en_US-broken-low.onnx.json").write_text("{}")
    piper.store = ModelStore(tmp_path)
    with pytest.raises(CompanionError) as caught:
        await said(piper, "Hello.", voice="en_US-broken-low")
    assert caught.value.kind is Kind.VOICE_FAILED
