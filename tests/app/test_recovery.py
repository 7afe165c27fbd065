"""Recordings that wait: failing ones stay, another recogniser finds their words, discarded ones can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from companion.app import Companion, recovery
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.events import Phase, PhaseChanged, Trouble, TurnFinished, UserSaid
from companion.hosts import origin
from companion.log import Secret
from companion.paths import Home
from companion.settings import changed
from companion.vault import EnvironmentKey
from tests.app.test_companion import KeepingVault, Watched
from tests.servers.openai import OpenAIServer

TAKE = Path(__file__).parent.parent / "data" / "austen-0890.wav"


@asynccontextmanager
async def running(home: Home, server: OpenAIServer, vault: KeepingVault) -> AsyncIterator[Watched]:
    async def opened() -> KeepingVault:
        return vault

    player = CapturingPlayer(realtime=False)
    microphone = FileMicrophone(read_file(TAKE), realtime=False)
    app = Companion(home, vault=opened, player=player, microphone=microphone)
    app.settings = changed(
        app.settings,
        {
            "providers.stt.active": "openai",
            "providers.stt.openai.base_url": server.url,
            "network.max_retries": 0,
            "network.circuit_breaker": False,
        },
    )
    watched = Watched(app)
    await app.open()
    yield watched
    await app.close()


def vault_for(server: OpenAIServer) -> KeepingVault:
    key = EnvironmentKey(secret=Secret("sk-test-0123456789abc"), origin=origin(server.url), variable="KEY")
    return KeepingVault(environment={"openai": key})


async def fail_to_hear(watched: Watched) -> None:
    """One take that the recogniser cannot make out."""
    seen = len(watched.of(Trouble))
    watched.app.press_talk()
    await watched.until(lambda: any(e.phase is Phase.LISTENING for e in watched.of(PhaseChanged)))
    await asyncio.sleep(0.3)
    watched.app.release_talk()
    await watched.until(lambda: len(watched.of(Trouble)) > seen)
    await watched.until(lambda: watched.of(PhaseChanged)[-1].phase is Phase.READY)


async def test_a_recording_that_failed_finds_its_words_with_another_recogniser(home: Home) -> None:
    async with OpenAIServer() as server:
        vault = vault_for(server)
        async with running(home, server, vault) as first:
            server.script.status = 503
            await fail_to_hear(first)
            (take,) = await first.app.recovery.waiting()
            assert take.seconds > 1
        async with running(home, server, vault) as second:
            assert [each.id for each in await second.app.recovery.waiting()] == [take.id]
            assert {"builtin", "openai"} <= set(await second.app.recovery.hearers())

            await second.app.recovery.hear(take.id)  # the same one fails again
            await second.until(lambda: any(t.error.kind is Kind.UNAVAILABLE for t in second.of(Trouble)))
            await second.until(lambda: second.of(PhaseChanged)[-1].phase is Phase.READY)
            assert [each.id for each in await second.app.recovery.waiting()] == [take.id]

            await second.app.recovery.hear(take.id, "builtin")
            await second.until(lambda: second.of(TurnFinished))
            record = second.of(TurnFinished)[-1].record
            assert record.engines["stt"] == "builtin"
            assert second.of(UserSaid)[-1].saved
            assert await second.app.recovery.waiting() == []


async def test_playing_sounds_and_a_new_one_stops_the_last(home: Home) -> None:
    async with OpenAIServer() as server, running(home, server, vault_for(server)) as watched:
        server.script.status = 503
        await fail_to_hear(watched)
        (take,) = await watched.app.recovery.waiting()
        await watched.app.recovery.play(take.id)
        player = watched.app.player()
        assert isinstance(player, CapturingPlayer)
        assert abs(player.audio().seconds - take.seconds) < 0.5
        with pytest.raises(CompanionError) as caught:
            await watched.app.recovery.play("1700000000000-00000000")
        assert caught.value.kind is Kind.BAD_FILE


async def test_a_discarded_recording_can_be_taken_back_for_a_moment(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OpenAIServer() as server:
        vault = vault_for(server)
        async with running(home, server, vault) as watched:
            server.script.status = 503
            await fail_to_hear(watched)
            keeper = watched.app.recovery
            (take,) = await keeper.waiting()
            keeper.discard(take.id)
            assert await keeper.waiting() == []
            assert list(home.takes.glob("*.take")), "it is still there"
            assert keeper.take_back(take.id)
            assert len(await keeper.waiting()) == 1

            monkeypatch.setattr(recovery, "UNDO_S", 0.05)
            keeper.discard(take.id)
            await asyncio.sleep(0.4)
            assert not list(home.takes.glob("*.take")), "now it is gone"
            assert not keeper.take_back(take.id)


async def test_the_end_of_the_app_ends_the_time_to_take_it_back(home: Home) -> None:
    async with OpenAIServer() as server:
        async with running(home, server, vault_for(server)) as watched:
            server.script.status = 503
            await fail_to_hear(watched)
            (take,) = await watched.app.recovery.waiting()
            watched.app.recovery.discard(take.id)
        assert not list(home.takes.glob("*.take"))
