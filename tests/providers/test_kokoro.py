"""Kokoro, a finer voice, ten times slower: tried on this machine before it speaks, refused if it is slow."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.flow import Audio, SpeakRequest
from companion.providers.here import piper, voices
from companion.providers.here.builtin import BuiltinProvider
from companion.providers.here.models import measured
from companion.providers.here.models.listing import ModelKind
from companion.providers.here.models.store import ModelStore, State
from companion.providers.here.piper import PiperProvider
from tests import tiny_voice

NAME = "kokoro"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    tiny_voice.write_kokoro(tmp_path / "voice" / NAME)
    return tmp_path


@pytest.fixture
async def natural(models: Path) -> AsyncIterator[PiperProvider]:
    async with PiperProvider(models_dir=models) as provider:
        assert isinstance(provider, PiperProvider)
        yield provider


def found(models: Path, seconds: float) -> None:
    measured.keep(models / "voice", NAME, seconds)


async def said(provider: PiperProvider | BuiltinProvider, voice: str, text: str = "Rest now.") -> Audio:
    chunks = [chunk async for chunk in provider.speak(SpeakRequest(text=text, voice=voice))]
    return Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=chunks[0].rate_hz)


def loudness(sound: Audio) -> int:
    return max(array("h", sound.pcm))


async def test_where_it_is_quick_it_speaks_with_all_its_speakers(
    natural: PiperProvider, models: Path
) -> None:
    trial = await natural.trial(NAME)
    assert (trial.objection, trial.voice.is_quick) == ("", True)
    assert measured.figures(models / "voice")[NAME] == trial.voice.factor
    heart, george = await said(natural, f"{NAME}#af_heart"), await said(natural, f"{NAME}#bm_george")
    assert heart.rate_hz == 24_000
    assert loudness(heart) == pytest.approx(2 * loudness(george), rel=0.01)
    assert await said(natural, NAME) == heart, "the makers' best where nobody chose"
    listed = {voice.id: (voice.name, voice.language) for voice in await natural.voices()}
    assert listed[f"{NAME}#bm_george"] == ("George", "en-GB")
    assert f"{NAME}#jf_alpha" not in listed, "espeak-ng does not read Japanese for it"


async def test_where_it_is_slow_it_is_refused_with_its_figure(natural: PiperProvider, models: Path) -> None:
    found(models, 1.1)
    with pytest.raises(CompanionError) as caught:
        await said(natural, f"{NAME}#af_heart")
    assert caught.value.kind is Kind.NOT_SUPPORTED
    assert "1.1 s for a second of speech" in caught.value.message
    assert NAME not in {voice.id.partition("#")[0] for voice in await natural.voices()}
    assert "1.1 s for a second of speech" in (await natural.check()).detail


async def test_who_was_never_tried_is_tried_by_the_first_sentence(
    natural: PiperProvider, models: Path
) -> None:
    assert (await said(natural, f"{NAME}#af_heart")).pcm
    assert measured.figures(models / "voice")[NAME] < voices.QUICK


async def test_a_trial_has_a_deadline(natural: PiperProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piper, "TRIAL_S", 0.0)
    trial = await natural.trial(NAME)
    assert "too slow on this computer" in trial.objection


@pytest.mark.parametrize(("seconds", "speaks"), [(0.1, "Kokoro"), (0.9, "Tiny"), (None, "Tiny")])
async def test_this_computer_speaks_with_it_only_where_it_is_quick(
    models: Path, seconds: float | None, speaks: str
) -> None:
    tiny_voice.write(models / "voice" / "en_US-tiny-low", "en_US-tiny-low")
    if seconds is not None:
        found(models, seconds)
    async with BuiltinProvider(models_dir=models) as here:
        assert isinstance(here, BuiltinProvider)
        await said(here, f"{NAME}#af_heart")
        assert here.speaker.casefold() == speaks.casefold()


def test_a_figure_of_another_machine_does_not_count(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(models, 0.1)
    assert measured.figures(models / "voice") == {NAME: 0.1}
    monkeypatch.setattr(measured, "this_machine", lambda: "another, 2")
    assert measured.figures(models / "voice") == {}


async def test_a_damaged_archive_of_styles_is_told_and_the_process_lives(
    natural: PiperProvider, models: Path
) -> None:
    found(models, 0.1)
    styles = models / "voice" / NAME / "voices-tiny.bin"
    tiny_voice.write_styles(styles, {"af_heart": (510, 1, 128)})
    with pytest.raises(CompanionError) as caught:
        await said(natural, NAME)
    assert (caught.value.kind, "damaged" in caught.value.message) == (Kind.VOICE_FAILED, True)
    styles.write_bytes(b"PK no archive")
    with pytest.raises(CompanionError) as caught:
        await said(natural, NAME)
    assert caught.value.kind is Kind.ENGINE_MISSING


def test_its_two_files_are_a_model_of_ones_own(tmp_path: Path) -> None:
    tiny_voice.write_kokoro(tmp_path / "mine")
    standing = ModelStore(tmp_path / "models").import_from(tmp_path / "mine", name="mine")
    assert (standing.state, standing.model.kind) == (State.READY, ModelKind.VOICE)
