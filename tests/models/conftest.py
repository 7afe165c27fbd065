"""A small list of models in place of the real one, a server that has their files, a store and the gate."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from companion.net import Net
from companion.providers.here.models import listing
from companion.providers.here.models.fetcher import Fetcher
from companion.providers.here.models.listing import LocalModel, ModelFile, ModelKind
from companion.providers.here.models.store import ModelStore
from tests.servers.files import FileServer

FILES = {
    "config.json": b'{"layers": 2}',
    "model.bin": random.Random(7).randbytes(700_000),
    "vocabulary.txt": b"one\ntwo\n",
}


def described(name: str, content: bytes) -> ModelFile:
    return ModelFile(name, len(content), hashlib.sha256(content).hexdigest())


def a_model(*homes: str, name: str = "base", files: dict[str, bytes] = FILES) -> LocalModel:
    return LocalModel(
        kind=ModelKind.HEARING,
        name=name,
        label=f"Whisper {name}",
        homes=tuple(f"{home}/models/{{file}}" for home in homes),
        files=tuple(described(*each) for each in files.items()),
        is_usual=name == "base",
    )


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with FileServer(dict(FILES)) as server:
        yield server


@pytest.fixture
def know(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LocalModel]:
    """Puts models on the list in place of all others; returns the first."""

    def know(*models: LocalModel) -> LocalModel:
        monkeypatch.setattr(listing, "listed", lambda: models)
        return models[0]

    return know


@pytest.fixture
def model(server: FileServer, know: Callable[..., LocalModel]) -> LocalModel:
    return know(a_model(server.url))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    net = Net()
    yield net
    await net.aclose()


@pytest.fixture
def fetcher(store: ModelStore, net: Net) -> Fetcher:
    return Fetcher(store, net, stall_s=0.3, pause_s=0.001)
