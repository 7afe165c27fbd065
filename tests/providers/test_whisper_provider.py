"""Whisper on this computer where there are no weights: what is said when a model is missing, and what is never loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.decoding import read_file
from companion.errors import AIProviderError, Kind
from companion.flow import HearRequest, Transcript
from companion.paths import Home
from companion.providers.here.builtin import BuiltinProvider
from companion.providers.here.process.engines import shared_engines
from companion.providers.here.whisper import PROVIDER, SPEC, WhisperProvider, label_of, understands

SPEECH = Path(__file__).parents[1] / "data" / "austen-0890.wav"


async def frames(pcm: bytes = b"") -> AsyncIterator[bytes]:
    for start in range(0, len(pcm), 640):
        yield pcm[start : start + 640]


async def final(provider: WhisperProvider | BuiltinProvider, pcm: bytes = b"", model: str = "") -> Transcript:
    request = HearRequest(frames=frames(pcm), model=model)
    return [heard async for heard in provider.transcribe(request)][-1]


async def test_a_model_that_is_damaged_leaves_the_built_in_recogniser(tmp_path: Path) -> None:
    place = tmp_path / "hearing" / "mine"
    place.mkdir(parents=True)
    for name in ("model.bin", "config.json", "vocabulary.txt"):
        (place / name).write_text("{}")
    async with BuiltinProvider(models_dir=tmp_path) as here:
        assert (await final(here, read_file(SPEECH, 16_000).pcm)).text
        assert here.recogniser == ""
    async with WhisperProvider(models_dir=tmp_path, stt_model="mine") as whisper:
        health = await whisper.check()
        assert (health.ok, health.kind) == (False, Kind.ENGINE_MISSING)
        assert "damaged" in health.detail


async def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with WhisperProvider(models_dir=tmp_path) as whisper:
        with pytest.raises(AIProviderError) as caught:
            await final(whisper)
        assert caught.value.kind is Kind.ENGINE_MISSING
        assert "'base'" in caught.value.message
        with pytest.raises(AIProviderError) as caught:
            await final(whisper, model="../../huge")
        assert caught.value.kind is Kind.MODEL_UNKNOWN
        assert "base, small, tiny" in caught.value.message
        health = await whisper.check()
        assert (health.ok, health.models) == (False, ())
        await whisper.warm()
    assert shared_engines().pid is None


async def test_where_the_library_is_not_built_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.here.whisper.LIBRARY", "no_such_library")
    async with WhisperProvider(models_dir=tmp_path) as whisper:
        health = await whisper.check()
    assert (health.ok, health.kind) == (False, Kind.ENGINE_MISSING)
    assert "CTranslate2, is not installed" in health.detail


def test_models_live_in_the_home_unless_told_otherwise(home: Home) -> None:
    assert WhisperProvider().store.folder == home.models
    assert PROVIDER.spec is SPEC
    assert SPEC.hears_live
    assert (label_of("base"), label_of("/models/mine")) == ("Whisper base", "Whisper mine")


@pytest.mark.parametrize(
    ("model", "language", "is_understood"),
    [("base", "de", True), ("tiny.en", "", True), ("tiny.en", "en_US", True), ("small.en", "de-AT", False)],
)
def test_a_model_of_english_is_not_asked_for_german(model: str, language: str, is_understood: bool) -> None:
    assert understands(model, language) is is_understood


def test_the_app_never_imports_the_engine() -> None:
    code = "from companion.providers.here import builtin, whisper; import sys, json; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert not {"ctranslate2", "pocketsphinx", "espeakng_loader", "numpy", "soxr"} & set(loaded)
