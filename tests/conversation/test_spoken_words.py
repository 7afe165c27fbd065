"""The words of voices that time them: from the vendor's socket, through the app, to what the page is told."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.events import Event, SentenceHeard, Trouble, TurnFinished, WordHeard
from companion.kinds import ReplyState
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.settings import changed
from companion.vault import EnvironmentKey, MemoryVault, Vault
from tests.servers import OpenAIServer
from tests.servers.cartesia import CartesiaServer
from tests.servers.elevenlabs import ElevenLabsServer
from tests.servers.server import VendorServer
from tests.waiting import until

pytestmark = pytest.mark.virtual_clock
REPLY = "You kept the **promise**, today. The walk was real, and so were the emails you wrote."
VOICES: dict[str, type[VendorServer]] = {"cartesia": CartesiaServer, "elevenlabs": ElevenLabsServer}


@dataclass
class Room:
    app: Companion
    player: CapturingPlayer
    voice: Any
    seen: list[Event] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        return [REPLY[event.start : event.end] for event in self.seen if isinstance(event, WordHeard)]

    @property
    def finished(self) -> list[TurnFinished]:
        return [event for event in self.seen if isinstance(event, TurnFinished)]


@pytest.fixture(params=VOICES)
async def room(request: pytest.FixtureRequest, home: Home) -> AsyncIterator[Room]:
    name = request.param
    async with OpenAIServer() as openai, VOICES[name]() as voice:
        openai.script.reply = REPLY
        places = {"openai": openai.url, name: voice.url}

        async def vault() -> Vault:
            keys = {
                each: EnvironmentKey(secret=Secret("sk-words-0123456789abc"), origin=origin(url), variable="")
                for each, url in places.items()
            }
            return MemoryVault(environment=keys)

        player = CapturingPlayer(realtime=True)
        app = Companion(home, vault=vault, player=player, in_memory=True)
        app.settings = changed(
            app.settings,
            {
                "providers.llm.active": "openai",
                "providers.llm.openai.base_url": openai.url,
                "providers.llm.stand_ins": "",
                "providers.tts.active": name,
                f"providers.tts.{name}.base_url": voice.url,
            },
        )
        made = Room(app, player, voice)
        app.events.watch(made.seen.append)
        await app.open()
        yield made
        await app.close()


def said(text: str) -> list[str]:
    return re.findall(r"\w+", text)


async def test_every_word_is_told_in_its_place_while_it_sounds(room: Room) -> None:
    room.app.submit("I left early today.")
    await until(lambda: bool(room.finished))
    assert not [event for event in room.seen if isinstance(event, Trouble)]
    told, whole = room.words, said(REPLY)
    places = [(event.start, event.end) for event in room.seen if isinstance(event, WordHeard)]
    assert places == sorted(set(places)), "each once, in order"
    assert set(told) <= set(whole)
    assert len(told) > 0.8 * len(whole), "very short words may pass between two looks"
    current = None
    for event in room.seen:
        if isinstance(event, SentenceHeard):
            current = event.sentence
        elif isinstance(event, WordHeard):
            assert current is not None
            assert current.start <= event.start < current.start + len(current.text)


async def test_an_interrupted_answer_ends_with_the_last_word_that_was_told(room: Room) -> None:
    room.app.submit("I left early today.")
    await until(lambda: len(room.words) >= 6)
    room.app.cancel()
    await until(lambda: bool(room.finished))
    record = room.finished[0].record
    assert record.reply_state is ReplyState.INTERRUPTED
    heard = said(record.heard_text)
    assert heard == said(REPLY)[: len(heard)]
    last = said(REPLY).index(room.words[-1])
    assert abs(len(heard) - 1 - last) <= 1, "to the word, not to a share of the sentence"
