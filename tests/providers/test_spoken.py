"""Which voice of this computer reads a text: one of its language, and the interface's where a word or two do not tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from companion import language
from companion.errors import AIProviderError, Kind
from companion.flow import HearRequest, SpeakRequest
from companion.language import Catalogue
from companion.providers.here.builtin import VOICES
from companion.providers.here.builtin.provider import BuiltinProvider
from companion.providers.here.guide.wording import load_wordings
from companion.providers.here.models.listing import ModelKind, usual
from companion.providers.here.spoken import language_of, voice_for
from companion.providers.here.whisper import WhisperProvider


@pytest.fixture(params=["de", "hi"])
def interface(request: pytest.FixtureRequest) -> Iterator[str]:
    language.use(Catalogue(request.param))
    yield request.param
    language.use(None)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Heute hattest du Streit mit deiner Schwester.", "de"),
        ("आप किस बारे में बात करना चाहेंगे?", "hi"),
        ("What would you like to talk about?", "en"),
        ("Qu'est-ce que tu veux dire avec ça ?", "fr"),
        ("¿Qué es lo que más te pesa hoy?", "es"),
        ("Hm.", "en"),
        ("", "en"),
    ],
)
def test_a_text_is_read_in_its_language(text: str, tag: str) -> None:
    assert language_of(text) == tag
    assert (voice_for(tag, VOICES)).startswith(tag)


@pytest.mark.parametrize("code", ["", "de", "hi"])
def test_what_the_guide_says_is_read_in_its_own_language(code: str) -> None:
    lines = [line for pool in load_wordings(code).values() for line in pool]
    before, wrong = "", []
    for line in lines:
        found = language_of(line, before or code or "en")
        wrong += [(line, found)] if found != (code or "en") else []
    assert wrong == []


def test_a_word_that_does_not_tell_is_read_as_the_sentence_before_it_or_as_the_window_speaks(
    interface: str,
) -> None:
    assert language_of("Hm.") == interface
    assert language_of("Hm.", "fr") == "fr"
    assert language_of("What would you like to talk about?") == "en"


def test_whisper_takes_an_unclear_first_word_to_be_in_the_language_of_the_window(
    interface: str, tmp_path: Path
) -> None:
    assert WhisperProvider(models_dir=tmp_path)._usual_language == interface


async def test_without_whisper_a_window_that_is_not_english_hears_no_english_nonsense(
    interface: str, tmp_path: Path
) -> None:
    async def frames() -> AsyncIterator[bytes]:
        yield b"\0" * 640

    async with BuiltinProvider(models_dir=tmp_path) as here:
        assert isinstance(here, BuiltinProvider)
        with pytest.raises(AIProviderError) as caught:
            await anext(here.transcribe(HearRequest(frames=frames())))
    assert caught.value.kind is Kind.NOT_SUPPORTED
    assert "Whisper" in caught.value.hint


def test_the_voice_that_is_fetched_reads_the_language_of_the_window(interface: str) -> None:
    assert usual(ModelKind.VOICE).speaks(interface) is (interface == "de"), (
        "Hindi has none that is quick enough"
    )
    assert usual(ModelKind.HEARING).speaks(interface)


async def test_two_texts_that_are_read_at_once_are_each_read_in_their_language(tmp_path: Path) -> None:
    class Noting(BuiltinProvider):
        async def start_job(self, work: str, **given: Any) -> Any:
            voices.append((given["text"][:5], given["voice"][:2]))
            return await super().start_job(work, **given)

    async def read(text: str) -> None:
        async for _ in here.speak(SpeakRequest(text=text)):
            pass

    voices: list[tuple[str, str]] = []
    async with Noting(models_dir=tmp_path) as here:
        await asyncio.gather(read("Heute hattest du Streit mit ihr."), read("What would you like to say?"))
    assert sorted(voices) == [("Heute", "de"), ("What ", "en")]
