"""The first frame shows who had each role last, when the settings are the same; what is true is told after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from companion.app import Companion, roles, shown_roles
from companion.audio.virtual import CapturingPlayer
from companion.events import EngineInUse
from companion.kinds import TURN_ROLES
from companion.paths import Home
from companion.settings import Settings, changed
from companion.vault import Vault
from tests.app.test_companion import KeepingVault, Watched, running

OLLAMA = {"providers.llm.active": "ollama", "providers.llm.ollama.model": "llama3.2"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "roles.json"


def told(settings: Settings) -> tuple[EngineInUse, ...]:
    return tuple(roles.in_use(settings, role) for role in TURN_ROLES)


def test_what_was_kept_counts_for_the_same_settings_only(file: Path) -> None:
    settings = changed(Settings(), OLLAMA)
    assert shown_roles.read(file, settings) == ()
    shown_roles.keep(file, settings, told(settings))
    assert shown_roles.read(file, settings) == told(settings)
    assert shown_roles.read(file, changed(settings, {"appearance.font_scale": 1.5})) == told(settings)
    for other in (
        {"providers.llm.active": "guide"},
        {"providers.llm.ollama.base_url": "http://10.0.0.7:11434"},
        {"network.offline": True},
        {"talk.engine": "openai-realtime"},
        {"servers.attic.address": "http://10.0.0.8/v1"},
    ):
        assert shown_roles.read(file, changed(settings, other)) == (), other


@pytest.mark.parametrize("change", ["", "{", "[]", '{"of": 1}', "cut", "other role"])
def test_a_file_that_makes_no_sense_is_no_file(file: Path, change: str) -> None:
    settings = Settings()
    shown_roles.keep(file, settings, told(settings))
    kept = file.read_text()
    spoilt = {"cut": kept[:-9], "other role": kept.replace('"stt"', '"films"')}
    file.write_text(spoilt.get(change, change))
    assert shown_roles.read(file, settings) == ()


async def test_it_is_kept_when_the_app_closes_and_put_right_when_it_opens(home: Home) -> None:
    home.settings.parent.mkdir(parents=True, exist_ok=True)
    home.settings.write_text("providers:\n  llm:\n    active: ollama\n    ollama:\n      model: llama3.2\n")
    async with running(home) as first:
        settings = first.app.settings
    kept = home.state / "roles.json"
    right = shown_roles.read(kept, settings)
    assert right == told(settings)
    kept.write_text(kept.read_text().replace(right[0].label, "Somebody of before"))

    async def vault() -> Vault:
        return KeepingVault()

    again = Watched(Companion(home, vault=vault, player=CapturingPlayer(realtime=False)))
    again.app.tell()
    assert again.of(EngineInUse)[0].label == "Somebody of before"
    await again.app.open()
    assert [each for each in again.of(EngineInUse) if each.role is TURN_ROLES[0]][-1] == right[0]
    await again.app.close()


def test_who_comes_back_waits_for_no_vendor(home: Home) -> None:
    """Before the first frame: neither what an address needs, nor what a model is called."""
    settings = changed(Settings(), OLLAMA)
    shown_roles.keep(home.state / "roles.json", settings, told(settings))
    home.settings.parent.mkdir(parents=True, exist_ok=True)
    home.settings.write_text("providers:\n  llm:\n    active: ollama\n    ollama:\n      model: llama3.2\n")
    heavy = (
        "asyncio",
        "ssl",
        "companion.flow",
        "companion.providers.provider",
        "companion.providers.catalogue",
    )
    code = (
        "import sys; from companion.app import Companion; from companion.paths import find_home\n"
        "app = Companion(find_home()); seen = []; app.events.watch(seen.append); app.tell()\n"
        "assert [each.provider for each in seen[:3]] == ['ollama', 'builtin', 'builtin'], seen\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
