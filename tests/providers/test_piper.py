"""Natural voices on this computer, in the app's own engine process: with a tiny voice that the tests make."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion import language
from companion.errors import CompanionError, Kind
from companion.flow import Audio, SpeakRequest
from companion.providers import registry
from companion.providers.here.builtin import BuiltinProvider
from companion.providers.here.piper import INSTALL, PROVIDER, SPEC, PiperProvider
from companion.providers.here.process.engines import shared_engines
from companion.providers.here.process.onnx_notes import DamagedModel, encoded_notes, read_notes
from companion.providers.here.voices import label_of
from tests import tiny_voice

VOICE = "en_US-lessac-medium"
TEXT = "It was a long day."


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_voice.write(folder / "voice" / "en_US-tiny-low", "en_US-tiny-low")
    tiny_voice.write(folder / "voice" / "en_US-choir-low", "en_US-choir-low", ["ann", "bob"])
    tiny_voice.write(folder / "voice" / "de_DE-wald-low", "de_DE-wald-low", language="de_DE", voice="de")
    return folder


@pytest.fixture
async def piper(models: Path) -> AsyncIterator[PiperProvider]:
    async with PiperProvider(models_dir=models) as provider:
        assert isinstance(provider, PiperProvider)
        yield provider


@pytest.fixture
async def here(models: Path) -> AsyncIterator[BuiltinProvider]:
    async with BuiltinProvider(models_dir=models) as provider:
        assert isinstance(provider, BuiltinProvider)
        yield provider


async def said(
    provider: PiperProvider | BuiltinProvider,
    text: str = TEXT,
    voice: str = "en_US-tiny-low",
    speed: float = 1.0,
) -> Audio:
    chunks = [chunk async for chunk in provider.speak(SpeakRequest(text=text, voice=voice, speed=speed))]
    return Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=chunks[0].rate_hz if chunks else 0)


def loudness(sound: Audio) -> int:
    return max(array("h", sound.pcm))


async def refusal(piper: PiperProvider, voice: str = VOICE) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await said(piper, "Hello.", voice)
    return caught.value


# -- speaking -----------------------------------------------------------------------------------------------


async def test_it_speaks_at_the_voice_s_own_rate(piper: PiperProvider) -> None:
    sound = await said(piper)
    assert sound.rate_hz == tiny_voice.RATE_HZ
    assert 1.0 < len(sound.pcm) / 2 / sound.rate_hz < 5.0
    assert any(sound.pcm), "not silence"


@pytest.mark.parametrize("speed", [0.5, 2.0])
async def test_the_speed_is_the_one_asked_for(piper: PiperProvider, speed: float) -> None:
    usual, other = await said(piper), await said(piper, speed=speed)
    assert len(other.pcm) == pytest.approx(len(usual.pcm) / speed, rel=0.02)


async def test_each_speaker_of_a_voice_has_a_sound_of_its_own(piper: PiperProvider) -> None:
    ann, bob = await said(piper, voice="en_US-choir-low#ann"), await said(piper, voice="en_US-choir-low#bob")
    assert loudness(ann) == pytest.approx(loudness(bob) * 2, rel=0.01)
    assert await said(piper, voice="en_US-choir-low") == ann


async def test_a_voice_reads_in_its_own_language(piper: PiperProvider) -> None:
    english, german = await said(piper, "Zeit"), await said(piper, "Zeit", voice="de_DE-wald-low")
    assert len(english.pcm) != len(german.pcm)


@pytest.mark.parametrize(
    ("language", "text", "phonemes"),
    [
        ("en-us", "It was a long day, wasn't it? Yes.", "ɪt wʌzɐ lˈɔŋ dˈeɪ, wˈʌzn̩t ɪt? jˈɛs."),
        ("de", "Guten Morgen — schöne Zeit!", "ɡˈuːtən mˈɔɾɡən, ʃˈøːnə tsˈaɪt!"),
        ("de", "Ein Download", "aɪn dˈaʊnləʊd"),
        ("fr", "Bonjour…", "bɔ̃ʒˈuʁ."),
    ],
)
async def test_the_stops_of_a_text_are_kept_among_its_phonemes(
    piper: PiperProvider, language: str, text: str, phonemes: str
) -> None:
    told = (await piper.run_job("pronounce", text=text, voice=language))["phonemes"]
    assert told == phonemes


async def test_it_can_be_stopped_in_the_middle_and_speaks_again(piper: PiperProvider) -> None:
    stream = piper.speak(SpeakRequest(text="A sentence that goes on. " * 400))
    await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(20):
        assert (await said(piper, "And again.")).pcm


async def test_two_sentences_at_once_are_both_spoken(piper: PiperProvider) -> None:
    alone = await said(piper)
    together = await asyncio.gather(said(piper), said(piper), said(piper, voice="de_DE-wald-low"))
    assert [together[0], together[1]] == [alone, alone]
    assert together[2].pcm


async def test_the_plain_voice_speaks_in_the_same_process(
    piper: PiperProvider, here: BuiltinProvider
) -> None:
    before = await said(here, "Hello.", voice="en-gb")
    pid = shared_engines().pid
    assert (await said(piper, "Hello.")).pcm
    after = await said(here, "Hello.", voice="en-gb")
    assert len(after.pcm) == pytest.approx(len(before.pcm), rel=0.02), "it never says it quite the same way"
    assert shared_engines().pid == pid


@pytest.mark.parametrize(
    "text", ["A.B.C." * 67, "s'" * 100, "😀" * 300, "word" * 120, "\x01\x02", "…", "漢字。" * 20]
)
async def test_no_text_ends_the_process(piper: PiperProvider, text: str) -> None:
    assert (await said(piper, "Hello.")).pcm
    pid = shared_engines().pid
    await said(piper, text)
    assert (await said(piper, "Hello.")).pcm
    assert shared_engines().pid == pid


async def test_a_voice_that_is_damaged_is_told_apart_from_one_that_is_not_there(tmp_path: Path) -> None:
    async with PiperProvider(models_dir=tmp_path) as natural:
        assert isinstance(natural, PiperProvider)
        assert "is not on this computer yet" in (await refusal(natural)).message
        (tmp_path / "voice" / VOICE).mkdir(parents=True)
        (tmp_path / "voice" / VOICE / f"{VOICE}.onnx").write_bytes(b"half a voice")
        error = await refusal(natural)
        assert (error.kind, "is damaged" in error.message) == (Kind.ENGINE_MISSING, True)
        assert "again" in error.hint


# -- this computer ------------------------------------------------------------------------------------------


async def test_this_computer_speaks_with_a_natural_voice_once_one_is_here(tmp_path: Path) -> None:
    async with BuiltinProvider(models_dir=tmp_path) as here:
        assert isinstance(here, BuiltinProvider)
        plain = await said(here, voice="")
        assert (plain.rate_hz, here.speaker) == (22_050, "")
        tiny_voice.write(tmp_path / "voice" / "en_US-tiny-low", "en_US-tiny-low")
        natural = await said(here, voice="")
        assert (natural.rate_hz, here.speaker) == (tiny_voice.RATE_HZ, "Tiny")


async def test_an_answer_is_read_by_a_voice_of_its_language(tmp_path: Path) -> None:
    german = "Heute ist es hier ganz still."
    async with BuiltinProvider(models_dir=tmp_path) as here:
        assert isinstance(here, BuiltinProvider)
        tiny_voice.write(tmp_path / "voice" / "en_US-tiny-low", "en_US-tiny-low")
        assert (await said(here, german, voice="")).rate_hz == 22_050, (
            "a plain voice that can, not one that cannot"
        )
        tiny_voice.write(
            tmp_path / "voice" / "de_DE-wald-low", "de_DE-wald-low", language="de_DE", voice="de"
        )
        await said(here, german, voice="")
        assert here.speaker == "Wald"
        await said(here, "What would you like to say about it?", voice="")
        assert here.speaker == "Tiny"


async def test_a_plain_voice_that_was_chosen_stays(here: BuiltinProvider) -> None:
    assert (await said(here, voice="en-gb")).rate_hz == 22_050
    assert here.speaker == ""
    assert (await said(here, voice="de_DE-wald-low")).rate_hz == tiny_voice.RATE_HZ
    assert here.speaker == "Wald"


async def test_its_voices_are_listed_by_name_and_language_before_the_plain_ones(
    here: BuiltinProvider,
) -> None:
    listed = {voice.name: voice.language for voice in await here.voices()}
    assert [*listed.items()][:3] == [("Wald", "de-DE"), ("Choir ann", "en-US"), ("Choir bob", "en-US")]
    assert listed["American"] == "en"


@pytest.mark.parametrize(
    ("window", "text", "speaks"), [("en", TEXT, "Choir"), ("de", "Hm.", "Wald"), ("hi", "हाँ।", "")]
)
async def test_where_no_voice_was_chosen_one_in_the_language_of_the_window_speaks(
    window: str, text: str, speaks: str, models: Path
) -> None:
    language.use(language.Catalogue(window))
    try:
        async with BuiltinProvider(models_dir=models) as here:
            assert isinstance(here, BuiltinProvider)
            await said(here, text, voice="")
            assert here.speaker == speaks, "the plain one where there is no natural one"
    finally:
        language.use(None)


async def test_a_natural_voice_that_cannot_be_loaded_is_replaced_by_the_plain_one(tmp_path: Path) -> None:
    file = tiny_voice.write(tmp_path / "voice" / "en_US-tiny-low", "en_US-tiny-low")
    file.write_bytes(file.read_bytes()[:100_000])
    async with BuiltinProvider(models_dir=tmp_path) as here:
        assert isinstance(here, BuiltinProvider)
        assert (await said(here, voice="")).rate_hz == 22_050
        assert here.speaker == ""


# -- what is missing or damaged -----------------------------------------------------------------------------


async def test_without_the_engine_it_says_how_to_get_it(
    piper: PiperProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.here.voices.can_speak", lambda: False)
    health = await piper.check()
    assert not health.ok
    assert INSTALL in health.detail
    error = await refusal(piper)
    assert error.kind is Kind.ENGINE_MISSING
    assert INSTALL in error.hint


@pytest.mark.parametrize("voice", [VOICE, "../../etc/passwd", "nobody#3"])
async def test_a_voice_that_is_not_here_is_told_with_what_to_do(piper: PiperProvider, voice: str) -> None:
    error = await refusal(piper, voice)
    assert error.kind is Kind.ENGINE_MISSING
    assert "is not on this computer yet" in error.message
    assert "Fetch it in Settings under Voice" in error.hint


async def test_those_that_are_here_are_listed_before_those_to_be_fetched(piper: PiperProvider) -> None:
    listed = await piper.voices()
    assert [voice.id for voice in listed[:4]] == [
        "de_DE-wald-low",
        "en_US-choir-low#ann",
        "en_US-choir-low#bob",
        "en_US-tiny-low",
    ]
    assert any("not fetched yet, 63 MB" in voice.description for voice in listed[4:])
    assert (await piper.check()).detail == "Ready with 3 voices."


@pytest.mark.parametrize(
    ("model", "about"),
    [
        (b"no model", None),
        (b"", None),
        (tiny_voice.model()[:90_000], None),
        (tiny_voice.model(), {"espeak": {"voice": "en-us"}}),
        (
            tiny_voice.model(),
            {"espeak": {"voice": "en-us"}, "phoneme_id_map": [], "audio": {"sample_rate": "x"}},
        ),
    ],
)
async def test_a_damaged_voice_is_told(tmp_path: Path, model: bytes, about: object) -> None:
    file = tiny_voice.write(tmp_path / "voice" / "en_US-broken-low", "en_US-broken-low")
    file.write_bytes(model)
    if about is not None:
        file.with_name(f"{file.name}.json").write_text(json.dumps(about))
    async with PiperProvider(models_dir=tmp_path) as piper:
        assert isinstance(piper, PiperProvider)
        error = await refusal(piper, "en_US-broken-low")
    assert error.kind is Kind.VOICE_FAILED
    assert "damaged" in error.message


def test_it_is_a_provider_like_any_other() -> None:
    assert registry.provider_class("piper") is PROVIDER
    assert SPEC in registry.specs()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("en_US-joe-medium", "Joe"),
        ("uk_UA-ukrainian_tts-medium", "Ukrainian tts"),
        ("my own voice", "my own voice"),
    ],
)
def test_a_voice_is_known_by_its_name(name: str, label: str) -> None:
    assert label_of(name) == label


# -- notes in a model ---------------------------------------------------------------------------------------


def test_notes_are_added_behind_a_model_and_the_later_one_counts() -> None:
    model = tiny_voice.model()
    assert read_notes(model) == {}
    noted = (
        model
        + encoded_notes({"voice": "de", "comment": "p" * 300})
        + encoded_notes({"voice": "en-us", "": "é"})
    )
    assert read_notes(noted) == {"voice": "en-us", "comment": "p" * 300, "": "é"}
    assert noted.startswith(model)


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 100, 100_000, -1])
def test_half_a_model_is_told(cut: int) -> None:
    with pytest.raises(DamagedModel):
        read_notes(tiny_voice.model()[:cut])


@pytest.mark.parametrize("model", [b"", b"\x08\x08", b"\xff" * 40, b"<html>not found</html>", b"\x0b\x00"])
def test_what_is_no_model_is_told(model: bytes) -> None:
    with pytest.raises(DamagedModel):
        read_notes(model)
