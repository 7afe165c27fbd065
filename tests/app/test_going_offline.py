"""Offline mode chosen in the middle of a turn: what is under way ends at once, and somebody here goes on."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from companion.errors import Kind
from companion.events import DataSent, EngineInUse, ReplyDelta, Trouble, TurnFinished
from companion.hosts import origin
from companion.log import Secret
from companion.paths import Home
from companion.vault import EnvironmentKey
from tests.app.test_companion import KeepingVault, running
from tests.servers.openai import OpenAIServer


@pytest.fixture(autouse=True)
def names_lead_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`vendor.lan` is another computer to the gate and this one to the network; the names that were looked up."""
    look_up, asked = socket.getaddrinfo, list[str]()

    def here(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(host.decode() if isinstance(host, bytes) else str(host))
        return look_up("127.0.0.1" if asked[-1].endswith(".lan") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    return asked


@pytest.mark.parametrize("said", [0, 3])
async def test_an_answer_under_way_ends_at_once(home: Home, names_lead_here: list[str], said: int) -> None:
    async with OpenAIServer() as server:
        server.script.stall_after = said
        address = server.url.replace("127.0.0.1", "vendor.lan")
        key = EnvironmentKey(secret=Secret("sk-test-0123456789abc"), origin=origin(address), variable="KEY")
        chosen = {
            "providers__llm__active": "openai",
            "providers__llm__openai__base_url": address,
            "network__keys_in_own_network": True,
            "network__max_retries": 0,
        }
        async with running(home, KeepingVault(environment={"openai": key}), **chosen) as watched:
            app = watched.app
            assert app.submit("Is anybody there?")
            await watched.until(lambda: server.requests or watched.of(Trouble))
            await watched.until(lambda: said == 0 or watched.of(ReplyDelta))
            await asyncio.sleep(0.2)
            await app.change({"network.offline": True})
            await watched.until(lambda: watched.of(TurnFinished))

            record, trouble = watched.of(TurnFinished)[-1].record, watched.of(Trouble)[-1]
            assert trouble.error.kind is Kind.NETWORK_SHUT
            if said:
                assert record.reply_text, "what came is kept"
            else:
                assert trouble.error.hint == "Offline guide answered instead."
                assert record.engines["llm"] == "guide/guide"
            assert watched.of(EngineInUse)[-1].host == ""
            assert watched.of(DataSent)[-1].host == "vendor.lan", "what had been sent is told"

            names_lead_here.clear()
            before = len(server.requests)
            assert (await watched.turn("And now?")).engines["llm"] == "guide/guide"
            assert len(server.requests) == before
            assert "vendor.lan" not in names_lead_here
