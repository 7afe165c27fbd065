"""What left today survives a restart, but not midnight, and never leaves a trace where nothing is to be kept."""

from __future__ import annotations

import json
import socket
from datetime import datetime
from typing import Any

import pytest

from companion.app.outgoing import Outgoing
from companion.events import DataSent, Events
from companion.hosts import origin
from companion.ledger import Booking, Cargo, Errand, on_errand
from companion.log import Secret
from companion.paths import Home
from companion.vault import EnvironmentKey
from tests.app.test_companion import KeepingVault, running
from tests.servers.openai_realtime import RealtimeServer

NOON = datetime(2026, 11, 20, 12).astimezone().timestamp()
DAY_S = 86_400


def outgoing(home: Home, *, at: float = NOON, is_kept: bool = True) -> Outgoing:
    def report(error: BaseException) -> None:
        raise error

    return Outgoing(home, Events(report), is_kept=lambda: is_kept, now=lambda: at)


def send(run: Outgoing, count: int, host: str = "api.example") -> None:
    with on_errand(Errand(who="Vendor", cargo=Cargo.WORDS)):
        Booking(run.ledger, host).sent(count)


def shown(run: Outgoing) -> dict[str, int]:
    return {each.host: each.total.sent for each in run.destinations()}


def test_a_restart_goes_on_counting(home: Home) -> None:
    first = outgoing(home)
    send(first, 100)
    first.save()
    second = outgoing(home, at=NOON + 60)
    assert shown(second) == {"api.example": 100}
    send(second, 11)
    second.save()
    assert shown(outgoing(home, at=NOON + 120)) == {"api.example": 111}


def test_the_next_day_begins_empty(home: Home) -> None:
    first = outgoing(home)
    send(first, 100)
    first.save()
    assert shown(outgoing(home, at=NOON + DAY_S)) == {}


def test_this_computer_is_no_destination(home: Home) -> None:
    run = outgoing(home)
    for host in ("127.0.0.1", "::1", "localhost"):
        send(run, 5, host)
    assert shown(run) == {}


def test_who_keeps_nothing_leaves_no_file(home: Home) -> None:
    run = outgoing(home, is_kept=False)
    send(run, 100)
    run.save()
    assert not home.state.exists()
    assert shown(outgoing(home)) == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[",
        "[" * 100_000,
        "null",
        '{"day": "2026-11-20"}',
        '{"day": "2026-11-20", "accounts": 3}',
        '{"day": "2026-11-20", "accounts": [["a", "b", "gold", 1, 1, 1, 1]]}',
        '{"day": "2026-11-20", "accounts": [["a", "b", "words", "x", 1, 1, 1]]}',
        '{"day": "2026-11-20", "accounts": [' + '["a", "b", "words", 1, 1, 1, 1],' * 20_000 + "0]}",
    ],
)
def test_a_broken_file_is_an_empty_page(home: Home, content: str) -> None:
    home.state.mkdir(parents=True)
    (home.state / "sent-today.json").write_text(content)
    run = outgoing(home)
    assert shown(run) == {}
    send(run, 7)
    run.save()
    assert json.loads((home.state / "sent-today.json").read_text())["accounts"][0][3] == 7


async def test_speech_to_speech_is_booked_and_told_turn_by_turn(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def here(host: Any, *rest: Any, **more: Any) -> Any:
        return look_up("127.0.0.1" if str(host).endswith(".lan") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    async with RealtimeServer() as server:
        address = server.url.replace("127.0.0.1", "voice.lan")
        key = EnvironmentKey(secret=Secret("sk-test-0123456789abc"), origin=origin(address), variable="")
        chosen = {
            "providers__llm__openai__base_url": address,
            "talk__engine": "openai-realtime",
            "network__keys_in_own_network": True,
        }
        async with running(home, KeepingVault(environment={"openai": key}), **chosen) as watched:
            for words in ("One turn.", "And another one."):
                assert (await watched.turn(words)).reply_text
            (there,) = watched.app.outgoing.destinations()
            assert (there.who, there.host, set(there.kinds)) == ("OpenAI", "voice.lan", {Cargo.VOICE})
            receipts = watched.of(DataSent)
            assert len(receipts) == 2
            assert sum(receipt.sent_bytes for receipt in receipts) <= there.total.sent
            assert receipts[0].what == "your voice and the conversation"
            assert list(watched.app.outgoing.receipts) == receipts
