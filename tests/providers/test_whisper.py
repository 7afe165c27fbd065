"""Whisper on this computer: what is said when it is missing, and how takes flow when it is there.

faster-whisper itself is 463 MB; the engine process imports a stand-in with its interface that these tests write to disk.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.errors import AIProviderError, Kind
from companion.flow import HearRequest
from companion.paths import Home
from companion.providers.here.whisper import INSTALL, PROVIDER, SPEC, WhisperProvider

FASTER_WHISPER = """
import os, types, wave
from pathlib import Path

class WhisperModel:
    def __init__(self, model_size_or_path, device, compute_type):
        self.words = (Path(model_size_or_path) / "model.bin").read_text()
        assert os.environ["HF_HUB_OFFLINE"] == "1"

    def transcribe(self, audio, language, initial_prompt, vad_filter, condition_on_previous_text):
        with wave.open(audio) as take:
            form, samples = (take.getframerate(), take.getnchannels(), take.getsampwidth()), take.getnframes()
        assert form == (16_000, 1, 2)
        if self.words == "broken":
            raise RuntimeError("no such operator")
        def segments():
            for start, words in enumerate(self.words.split("|")):
                yield types.SimpleNamespace(start=start, end=start + 1, text=f" {words}", avg_logprob=-0.5)
            told = f" ({language}, {samples}, {initial_prompt})"
            yield types.SimpleNamespace(start=9, end=10, text=told, avg_logprob=-0.5)
        return segments(), None
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for faster-whisper, where this process and the engine process find it."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "faster_whisper.py").write_text(FASTER_WHISPER)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture
async def whisper(tmp_path: Path) -> AsyncIterator[WhisperProvider]:
    async with WhisperProvider(stt_model="mine", models_dir=tmp_path / "models") as provider:
        assert isinstance(provider, WhisperProvider)
        yield provider


def put_model(whisper: WhisperProvider, words: str) -> None:
    folder = whisper.store.folder / "hearing" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_text(words)
    (folder / "config.json").write_text("{}")


async def frames(count: int = 50) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"\1\2" * 320


async def test_without_the_library_it_says_how_to_get_it(
    whisper: WhisperProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.here.whisper.importlib.util.find_spec", lambda _: None)
    put_model(whisper, "hello")
    health = await whisper.check()
    assert not health.ok
    assert "pip install 'reflection-companion[whisper]'" in health.detail
    with pytest.raises(AIProviderError) as caught:
        await anext(whisper.transcribe(HearRequest(frames=frames())))
    assert caught.value.kind is Kind.ENGINE_MISSING
    assert INSTALL in caught.value.hint


async def test_a_take_is_heard_piece_by_piece(engine: Path, whisper: WhisperProvider) -> None:
    put_model(whisper, "I went home.|It was late.")
    request = HearRequest(frames=frames(), language="de-AT", context="Oma")
    heard = [transcript async for transcript in whisper.transcribe(request)]
    texts = [transcript.text for transcript in heard if not transcript.is_final]
    assert texts[:2] == ["I went home.", "I went home. It was late."]
    assert heard[-1].text == "I went home. It was late. (de, 16000, Oma)"
    assert heard[-1].confidence == pytest.approx(0.607, abs=0.01)
    assert [transcript.is_final for transcript in heard].count(True) == 1
    assert (await whisper.check()).ok


async def test_silence_without_frames_asks_no_model(engine: Path, whisper: WhisperProvider) -> None:
    put_model(whisper, "broken")
    heard = [transcript async for transcript in whisper.transcribe(HearRequest(frames=frames(0)))]
    assert [(transcript.text, transcript.is_final) for transcript in heard] == [("", True)]


async def test_an_engine_that_fails_is_told_as_such(engine: Path, whisper: WhisperProvider) -> None:
    put_model(whisper, "broken")
    with pytest.raises(AIProviderError) as caught:
        async for _ in whisper.transcribe(HearRequest(frames=frames())):
            pass
    assert caught.value.kind is Kind.HEARING_FAILED
    assert "Whisper on this computer" in caught.value.message


async def test_a_model_that_is_not_there_is_named(engine: Path, whisper: WhisperProvider) -> None:
    with pytest.raises(AIProviderError) as caught:
        await anext(whisper.transcribe(HearRequest(frames=frames())))
    assert caught.value.kind is Kind.MODEL_UNKNOWN
    with pytest.raises(AIProviderError) as caught:
        await anext(whisper.transcribe(HearRequest(frames=frames(), model="tiny.en")))
    assert caught.value.kind is Kind.ENGINE_MISSING
    assert "'tiny.en' is not on this computer yet" in caught.value.message
    with pytest.raises(AIProviderError) as caught:
        await anext(whisper.transcribe(HearRequest(frames=frames(), model="../../huge")))
    assert caught.value.kind is Kind.MODEL_UNKNOWN
    assert "base, small, tiny, tiny.en" in caught.value.message
    assert not (await whisper.check()).ok


def test_models_live_in_the_home_unless_told_otherwise(home: Home) -> None:
    assert WhisperProvider().store.folder == home.models
    assert PROVIDER.spec is SPEC
    assert SPEC.install == INSTALL


def test_the_app_never_imports_the_engine() -> None:
    code = "from companion.providers.here import builtin, whisper; import sys, json; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    heavy = {"faster_whisper", "huggingface_hub", "pocketsphinx", "espeakng_loader", "numpy", "soxr"}
    assert not heavy & set(loaded)
