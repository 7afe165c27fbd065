"""faster-whisper itself, in the app's engine process, with a model of random weights that the test makes."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.decoding import read_file
from companion.flow import HearRequest
from companion.providers import AIProviderFactory
from tests.environments import environment
from tests.own_servers.test_wyoming import HEARS, HERE, SPEECH

pytestmark = pytest.mark.long


async def spoken() -> AsyncIterator[bytes]:
    pcm = read_file(Path(SPEECH)).pcm
    for start in range(0, len(pcm), 640):
        yield pcm[start : start + 640]


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Its interpreter; a model called `mine` is made in the folder of the test."""
    python = environment("wyoming-whisper", *HEARS)
    subprocess.run([python, HERE / "tiny_whisper.py", tmp_path / "hearing" / "mine"], check=True)
    return python


async def test_a_take_becomes_words(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = next((python.parent.parent / "lib").glob("python*/site-packages"))
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", str(packages))  # of the engine process
    async with AIProviderFactory.create("whisper", models_dir=tmp_path, stt_model="mine") as whisper:
        assert (await whisper.check()).detail == "Whisper (mine) is ready on this computer."
        request = HearRequest(frames=spoken(), language="en")
        heard = [each async for each in whisper.stacked(whisper.transcribe)(request)]
    assert heard[-1].is_final
    assert set(heard[-1].text.split()) <= {"the", "river", "calm", "evening", "walk", "and", "slow", "more"}
    assert heard[-1].text
