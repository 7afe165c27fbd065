"""A model that is fetched while the app runs is used from the next turn on, and the pills say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from companion.app import Companion
from companion.app.headless import reflect_once
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.events import EngineInUse, Event
from companion.kinds import Role
from companion.paths import Home
from companion.providers.here.models import listing
from companion.providers.here.models.fetcher import Progress
from companion.providers.here.models.listing import LocalModel, ModelKind
from companion.vault import MemoryVault, Vault
from tests import tiny_voice
from tests.models.conftest import described
from tests.servers.files import FileServer

SPEECH = Path(__file__).parent.parent / "data" / "austen-0890.wav"


class Running:
    """An app that hears a recording, and what its pills say."""

    def __init__(self, home: Home) -> None:
        self.microphone = FileMicrophone(SPEECH, realtime=False)
        self.app = Companion(home, vault=self._vault, microphone=self.microphone, player=CapturingPlayer())
        self.pills: dict[Role, str] = {}
        self.app.events.watch(self._watch)

    async def _vault(self) -> Vault:
        return MemoryVault()

    def _watch(self, event: Event) -> None:
        if isinstance(event, EngineInUse):
            self.pills[event.role] = event.label


def a_voice(name: str, files: dict[str, bytes], home: str) -> LocalModel:
    return LocalModel(
        kind=ModelKind.VOICE,
        name=name,
        label="Tiny",
        homes=(f"{home}/{{file}}",),
        files=tuple(described(*each) for each in files.items()),
        is_usual=True,
    )


async def test_whisper_hears_the_take_after_it_arrived(
    home: Home, weights: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = weights("whisper-tiny.en")
    real = listing.find(ModelKind.HEARING, "tiny.en")
    assert real is not None
    home.settings.parent.mkdir(parents=True)
    home.settings.write_text("sound: {speak_answers: false}\n")
    async with FileServer({path.name: path.read_bytes() for path in folder.iterdir()}) as server:
        model = replace(real, homes=(f"{server.url}/{{file}}",))
        monkeypatch.setattr(listing, "listed", lambda: (model,))
        running = Running(home)
        running.app.tell()
        assert running.pills[Role.HEARS] == "This computer"
        told: list[Progress] = []
        await running.app.settings_backend.fetch_model(model, told.append)
        assert running.pills[Role.HEARS] == "This computer, Whisper tiny, English"
        after = await reflect_once(running.app, running.microphone)
        await running.app.close()
    assert told[-1].bytes_done == model.size
    assert after.engines["stt"] == "builtin/tiny.en"
    assert "cold-hearted and rather selfish" in after.transcript


async def test_a_voice_that_arrived_is_named_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "en_US-tiny-low"
    written = tiny_voice.write(home.data / "elsewhere", name).parent
    files = {path.name: path.read_bytes() for path in written.iterdir()}
    async with FileServer(files) as server:
        model = a_voice(name, files, server.url)
        monkeypatch.setattr(listing, "listed", lambda: (model,))
        running = Running(home)
        running.app.tell()
        assert running.pills[Role.SPEAKS] == "This computer"
        await running.app.settings_backend.fetch_model(model, lambda _: None)
        assert running.pills[Role.SPEAKS] == "This computer, Tiny"
        await running.app.close()
