"""A thousand interruptions at random moments, through the real SDK and a real socket: nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
from pathlib import Path

import pytest

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.events import Event, Phase, TurnFinished
from companion.kinds import ReplyState
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.settings import changed
from companion.vault import EnvironmentKey, MemoryVault, Vault
from tests.servers import OpenAIServer
from tests.servers.google_live import GeminiLiveServer
from tests.servers.openai_realtime import RealtimeServer
from tests.servers.script import Script

STORM = 1000
SPOKEN_STORM = 150
REPLY = (
    "You told me about a long day. It sounds as if it was heavy. What stayed with you, now that it is over?"
)


async def app_on(server: OpenAIServer, home: Home) -> Companion:
    async def vault() -> Vault:
        key = EnvironmentKey(secret=Secret("sk-storm-0123456789abc"), origin=origin(server.url), variable="")
        return MemoryVault(environment={"openai": key})

    app = Companion(home, vault=vault, player=CapturingPlayer(realtime=True), in_memory=True)
    choice = {f"providers.{role}.openai.base_url": server.url for role in ("llm", "tts")}
    app.settings = changed(
        app.settings, {**choice, "providers.llm.active": "openai", "providers.tts.active": "openai"}
    )
    await app.open()
    return app


async def test_a_thousand_interruptions_leave_nothing_behind(home: Home) -> None:
    dice = random.Random(7)
    async with OpenAIServer() as server:
        server.script.reply, server.script.token_delay_s = REPLY, 0.001
        app = await app_on(server, home)
        finished: list[TurnFinished] = []

        def watch(event: Event) -> None:
            if isinstance(event, TurnFinished):
                finished.append(event)

        app.events.watch(watch)
        await whole_turn(app, finished)
        await asyncio.sleep(0.1)
        before = counts()
        for index in range(STORM):
            app.submit(f"turn {index}")
            await asyncio.sleep(dice.choice((0, 0, 0.001, 0.003, 0.008, 0.02)))
            if index % 3 == 0:
                app.cancel()
                app.cancel()  # twice is once
        app.cancel()
        await app.engine.settle()
        await server.until(lambda: server.open_sockets <= 6, limit_s=10)
        assert app.engine.state.phase is Phase.READY
        record = await whole_turn(app, finished)
        assert record.record.reply_text == REPLY
        await asyncio.sleep(0.2)
        after = counts()
        print(f"before {before}, after {STORM} interruptions {after}")
        assert after["tasks"] <= before["tasks"] + 1
        assert after["threads"] <= before["threads"]
        assert after["files"] <= before["files"] + 6, "kept connections, no more"
        numbers = [event.turn for event in finished]
        assert numbers == sorted(numbers), "no turn ends after a later one"
        await app.close()


@pytest.mark.parametrize("vendor", ["openai", "google"])
async def test_a_voice_model_that_is_interrupted_again_and_again_is_left_clean(
    home: Home, vendor: str
) -> None:
    dice = random.Random(11)
    server_class = {"openai": RealtimeServer, "google": GeminiLiveServer}[vendor]
    async with server_class(Script(reply="You told me.", token_delay_s=0.001)) as server:

        async def vault() -> Vault:
            secret = Secret(
                {"openai": "sk-storm-0123456789abc", "google": "AIzaStorm0123456789abcdefghijklm"}[vendor]
            )
            key = EnvironmentKey(secret=secret, origin=origin(server.url), variable="")
            return MemoryVault(environment={vendor: key})

        app = Companion(home, vault=vault, player=CapturingPlayer(realtime=True), in_memory=True)
        place = {f"providers.llm.{vendor}.base_url": server.url, "talk.engine": f"{vendor}-realtime"}
        app.settings = changed(app.settings, place)
        await app.open()
        finished: list[TurnFinished] = []
        app.events.watch(lambda event: finished.append(event) if isinstance(event, TurnFinished) else None)
        await whole_turn(app, finished)
        await asyncio.sleep(0.1)
        before = counts()
        for index in range(SPOKEN_STORM):
            app.submit(f"turn {index}")
            await asyncio.sleep(dice.choice((0, 0, 0.001, 0.003, 0.008, 0.02)))
            if index % 3 == 0:
                app.cancel()
                app.cancel()
        await app.engine.settle()
        assert app.engine.state.phase is Phase.READY
        await whole_turn(app, finished)
        await asyncio.sleep(0.2)
        after = counts()
        print(f"{vendor}: before {before}, after {SPOKEN_STORM} interruptions {after}")
        assert after["tasks"] <= before["tasks"] + 1
        assert after["threads"] <= before["threads"] + 2, (
            "the loop's own workers, which come when they are needed"
        )
        assert after["files"] <= before["files"] + 4
        numbers = [event.turn for event in finished]
        assert numbers == sorted(numbers)
        await app.close()


async def whole_turn(app: Companion, finished: list[TurnFinished]) -> TurnFinished:
    over = asyncio.Event()
    stop = app.events.watch(lambda event: over.set() if isinstance(event, TurnFinished) else None)
    app.submit("a whole turn")
    async with asyncio.timeout(30):
        await over.wait()
    stop()
    assert finished[-1].record.reply_state is ReplyState.WHOLE
    return finished[-1]


def counts() -> dict[str, int]:
    """Without the loop's own pool of threads, which grows to its size and keeps them."""
    gc.collect()
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate()),
        "files": len(list(Path(f"/proc/{os.getpid()}/fd").iterdir())) if Path("/proc").exists() else 0,
    }
