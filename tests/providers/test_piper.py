"""Piper on this computer: what is said when it or a voice is missing, and which voices there are.

That Piper itself loads a voice and speaks is shown in `tests/own_servers/test_piper.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.flow import SpeakRequest
from companion.providers import registry
from companion.providers.here.piper import INSTALL, PROVIDER, SPEC, PiperProvider

VOICE = "en_US-lessac-medium"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program called piper is found; nothing here loads it."""
    (tmp_path / "packages" / "piper").mkdir(parents=True)
    (tmp_path / "packages" / "piper" / "__init__.py").write_text("raise ImportError('must not be imported')")
    monkeypatch.syspath_prepend(tmp_path / "packages")


@pytest.fixture
async def piper(tmp_path: Path) -> AsyncIterator[PiperProvider]:
    async with PiperProvider(models_dir=tmp_path / "models") as provider:
        assert isinstance(provider, PiperProvider)
        yield provider


async def refusal(piper: PiperProvider, voice: str = VOICE) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        _ = [audio async for audio in piper.speak(SpeakRequest(text="Hello.", voice=voice))]
    return caught.value


async def test_without_the_program_it_says_how_to_get_it(
    piper: PiperProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.here.piper.importlib.util.find_spec", lambda _: None)
    health = await piper.check()
    assert not health.ok
    assert INSTALL in health.detail
    error = await refusal(piper)
    assert error.kind is Kind.ENGINE_MISSING
    assert INSTALL in error.hint


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("voice", [VOICE, "../../etc/passwd", "nobody#3", ""])
async def test_a_voice_that_is_not_here_is_told_with_what_to_do(piper: PiperProvider, voice: str) -> None:
    error = await refusal(piper, voice)
    assert error.kind is Kind.ENGINE_MISSING
    assert "is not on this computer yet" in error.message
    assert "Fetch it in Settings under Voice" in error.hint


@pytest.mark.usefixtures("installed")
async def test_a_voice_that_is_here_is_listed_before_those_to_be_fetched(piper: PiperProvider) -> None:
    folder = piper.store.folder / "voice" / "en_US-mine-low"
    folder.mkdir(parents=True)
    (folder / "en_US-mine-low.onnx").write_bytes(b"x")
    (folder / "en_US-mine-low.onnx.json").write_text('{"espeak": {"voice": "en-us"}}')
    assert (await piper.check()).ok
    voices = await piper.voices()
    assert (voices[0].id, voices[0].language) == ("en_US-mine-low", "en-us")
    assert any("not fetched yet, 63 MB" in voice.description for voice in voices[1:])


def test_it_is_a_provider_like_any_other() -> None:
    assert registry.provider_class("piper") is PROVIDER
    assert SPEC in registry.specs()
