"""Whisper on this computer: what is said when it is missing, and how takes and downloads flow when it is there.

faster-whisper itself is 463 MB; the engine process imports a stand-in with its interface that these tests write to disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import HearRequest
from companion.net import Net
from companion.paths import Home
from companion.providers.here.whisper import INSTALL, MODELS, PROVIDER, SPEC, Progress, WhisperProvider

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
HUB = """
import errno, time, types
from pathlib import Path

class LocalEntryNotFoundError(FileNotFoundError): pass

SIZES = {"config.json": 10, "tokenizer.json": 20, "vocabulary.txt": 30, "model.bin": 4000, "README.md": 999_999}

class HfApi:
    def __init__(self, token): assert token is False
    def model_info(self, repository, files_metadata, timeout):
        if "base" in repository:
            raise ConnectionError("Name or service not known")
        return types.SimpleNamespace(siblings=[types.SimpleNamespace(rfilename=n, size=s) for n, s in SIZES.items()])

def snapshot_download(repository, local_dir, allow_patterns, token):
    if "small" in repository:
        raise LocalEntryNotFoundError("cannot find the appropriate snapshot folder")
    if "turbo" in repository:
        raise OSError(errno.ENOSPC, "No space left on device")
    local_dir = Path(local_dir)
    (local_dir / ".cache").mkdir(parents=True, exist_ok=True)
    for part in range(4):
        with open(local_dir / "model.bin.incomplete", "ab") as file:
            file.write(bytes(1000))
        time.sleep(0.3 if not (local_dir / "hold").exists() else 60)
    (local_dir / "model.bin.incomplete").rename(local_dir / "model.bin")
    (local_dir / "config.json").write_bytes(bytes(10))
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for faster-whisper and the hub's client, where this process and the engine process find it."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "faster_whisper.py").write_text(FASTER_WHISPER)
    (folder / "huggingface_hub.py").write_text(HUB)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture
async def whisper(tmp_path: Path) -> AsyncIterator[WhisperProvider]:
    async with WhisperProvider(stt_model="tiny", models_dir=tmp_path / "models") as provider:
        assert isinstance(provider, WhisperProvider)
        yield provider


def put_model(whisper: WhisperProvider, words: str, name: str = "tiny") -> None:
    (whisper.models_dir / name).mkdir(parents=True)
    (whisper.models_dir / name / "model.bin").write_text(words)


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
    with pytest.raises(AIProviderError) as caught:
        await whisper.download("tiny")
    assert caught.value.kind is Kind.ENGINE_MISSING


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
    assert caught.value.kind is Kind.ENGINE_MISSING
    assert "'tiny'" in caught.value.message
    with pytest.raises(AIProviderError) as caught:
        await anext(whisper.transcribe(HearRequest(frames=frames(), model="../../huge")))
    assert caught.value.kind is Kind.MODEL_UNKNOWN
    assert "tiny, base, small, turbo" in caught.value.message
    assert not (await whisper.check()).ok


async def test_a_model_is_fetched_with_progress_and_is_whole(engine: Path, whisper: WhisperProvider) -> None:
    told: list[Progress] = []
    await whisper.download("tiny", told.append)
    assert whisper.has_model("tiny")
    assert {progress.bytes_total for progress in told} == {4060}, "only the files of the model count"
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert any(0 < fraction < 0.9 for fraction in fractions)
    assert os.listdir(whisper.models_dir) == ["tiny"]
    await whisper.download("tiny", told.append)  # there already: nothing happens
    assert (await whisper.check()).models == ("tiny",)


async def test_a_download_is_cancelled_at_once_and_goes_on_later(
    engine: Path, whisper: WhisperProvider
) -> None:
    part = whisper.models_dir / "tiny.part"
    part.mkdir(parents=True)
    (part / "hold").touch()
    begun = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.bytes_done:
            begun.set()

    fetching = asyncio.ensure_future(whisper.download("tiny", watch))
    await begun.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert not whisper.has_model("tiny")
    assert (part / "model.bin.incomplete").stat().st_size == 1000


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [
        ("base", Kind.DOWNLOAD_FAILED, "'base' could not be fetched from huggingface.co"),
        ("small", Kind.DOWNLOAD_FAILED, "'small' could not be fetched from huggingface.co"),
        ("turbo", Kind.DISK_FULL, "no room on the disk"),
        ("enormous", Kind.MODEL_UNKNOWN, "no Whisper model 'enormous'"),
    ],
)
async def test_a_download_that_fails_says_why(
    engine: Path, whisper: WhisperProvider, model: str, kind: Kind, words: str
) -> None:
    with pytest.raises(AIProviderError) as caught:
        await whisper.download(model)
    assert caught.value.kind is kind
    assert words in caught.value.message
    assert caught.value.hint
    assert not whisper.has_model(model)


async def test_offline_mode_fetches_nothing(engine: Path, tmp_path: Path) -> None:
    net = Net()
    net.shut = True
    whisper = WhisperProvider(net=net, models_dir=tmp_path / "models")
    with pytest.raises(CompanionError) as caught:
        await whisper.download("tiny")
    assert caught.value.kind is Kind.NETWORK_SHUT
    assert not (tmp_path / "models").exists()


async def test_a_download_under_way_ends_when_offline_mode_begins(engine: Path, tmp_path: Path) -> None:
    net = Net()
    whisper = WhisperProvider(net=net, models_dir=tmp_path / "models")
    with pytest.raises(CompanionError) as caught:
        await whisper.download("tiny", lambda _: setattr(net, "shut", True))
    assert caught.value.kind is Kind.NETWORK_SHUT
    assert not whisper.has_model("tiny")
    assert "huggingface.co" in net.traffic


def test_models_live_in_the_home_unless_told_otherwise(home: Home) -> None:
    assert WhisperProvider().models_dir == home.models / "whisper"
    assert PROVIDER.spec is SPEC
    assert SPEC.install == INSTALL
    assert list(MODELS) == ["tiny", "base", "small", "turbo"]


def test_the_app_never_imports_the_engine() -> None:
    code = "from companion.providers.here import builtin, whisper; import sys, json; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    heavy = {"faster_whisper", "huggingface_hub", "pocketsphinx", "espeakng_loader", "numpy", "soxr"}
    assert not heavy & set(loaded)
