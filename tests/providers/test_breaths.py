"""Whatever a text holds, espeak-ng survives it: texts that end its process are broken up before they get there."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from companion.providers.here.builtin import SPEC
from companion.providers.here.process.breaths import LONGEST_BREATH, LONGEST_WORD, breaths, speakable
from companion.providers.here.process.engines import EngineProcess

CORPUS = (
    "A.B.C." * 67,
    "A.B. " * 100,
    "d.d.d.d.d. " * 60,
    "s'" * 100,
    "'s" * 200,
    "é." * 150,
    "a" * 5000,
    "Donaudampfschifffahrtsgesellschaft" * 20,
    "1234567890" * 60,
    "\x01\x02\x1b[31m" * 80,
    "😀" * 700,
    "🤠繿 🇩🇪👨\u200d👩\u200d👧 " * 60,
    "https://www.example.com/" + "a/b?c=d&" * 60,
    "漢字。" * 200,
    "a\u0301\u0302" * 300,
    "%$5½x²№" * 80,
    "aяאあक" * 100,
    "[[" + "a" * 300,
    "“-Anna” (-u) '-U _-u _-は %-é well-known -5",
    "It was a long day. " * 526,
)
PARTS = (
    *(
        "A.",
        "b.",
        "s'",
        "'s",
        "é.",
        "1.",
        "-",
        "_",
        "/",
        "😀",
        "漢",
        "字",
        "。",
        "ह",
        "\u0301",
        "ß",
        "$5",
        "%",
        "&",
        "<b>",
    ),
    *(
        "[[",
        "]]",
        "(",
        '"',
        "“",
        "…",
        "—",
        " ",
        "  ",
        "\n",
        "\t",
        "\x01",
        "\u200b",
        "\u00a0",
        "Dr.",
        "U.S.A.",
        "XVI",
        "3.5",
    ),
    *(
        "1,000",
        "10:30",
        "a@b.c",
        "word",
        "Hello",
        "it's",
        "ABC",
        "x²",
        "½",
        "№",
        "ق",
        "ש",
        "ไทย",
        "한국어",
        "\ufeff",
        "\u202e",
    ),
)
LANGUAGES = (
    "en-us",
    "de",
    "fr-fr",
    "es",
    "pl",
    "uk",
    "hi",
    "cmn",
    "pt-br",
    "tr",
    "ar",
    "ja",
    "ko",
    "vi",
    "he",
)


def random_text(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return "".join(chance.choices(PARTS, k=chance.randint(1, 120)))
    unit = "".join(chance.choices(PARTS, k=chance.randint(1, 4)))
    return unit * chance.randint(1, 400 // len(unit) + 1)


@pytest.mark.parametrize("text", CORPUS)
def test_a_text_is_broken_up_and_nothing_of_it_is_lost(text: str) -> None:
    parts = list(breaths(text))
    assert all(len(part) <= LONGEST_BREATH for part in parts)
    assert all(len(word) <= LONGEST_WORD for part in parts for word in part.split())
    kept = "".join("".join(parts).split())
    said = [character for character in text if character.isalnum()]
    assert [character for character in kept if character.isalnum()] == said


def test_an_ordinary_text_stays_as_it_is() -> None:
    text = (
        "Dr. Smith, who is 3.5 years old, doesn't live in the U.S.A. any more; „Grüße“ — he's well (really)!"
    )
    assert list(breaths(text)) == [text]


def test_words_are_joined_as_their_script_wants_it() -> None:
    assert list(breaths("می\u200cخواهم co\u00adoperate")) == ["می\u200cخواهم cooperate"]


@pytest.mark.parametrize(("text", "said"), [("\x01 \ud800", ""), ("…", ""), ("a\x07b", "a b"), ("😀", "")])
def test_what_cannot_be_said_is_nothing(text: str, said: str) -> None:
    assert speakable(text) == said


@pytest.fixture
async def engines() -> AsyncIterator[EngineProcess]:
    engines = EngineProcess()
    yield engines
    await engines.aclose()


async def pronounce(engines: EngineProcess, texts: list[tuple[str, str]]) -> None:
    for text, language in texts:
        job = await engines.job(SPEC, "pronounce", text=text, voice=language)
        async for _ in job:
            pass


async def test_no_text_ends_the_process(engines: EngineProcess) -> None:
    await engines.start()
    pid = engines.pid
    chance = random.Random(11)
    texts = [(text, language) for text in CORPUS for language in ("en-us", "de", "fr-fr", "vi", "hi", "da")]
    texts += [(random_text(chance), chance.choice(LANGUAGES)) for _ in range(300)]
    await pronounce(engines, texts)
    assert engines.pid == pid


@pytest.mark.long
async def test_no_text_of_many_ends_the_process(engines: EngineProcess) -> None:
    await engines.start()
    pid = engines.pid
    chance = random.Random(12)
    await pronounce(engines, [(random_text(chance), chance.choice(LANGUAGES)) for _ in range(2000)])
    assert engines.pid == pid
