"""What the privacy page shows is what crossed the wire: the gate's books against a tap that knows nothing of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from companion.app.pool import ProviderPool, instead
from companion.events import DataSent, Events
from companion.flow import Message, Speaker
from companion.hosts import origin
from companion.kinds import Role
from companion.ledger import Cargo, destinations
from companion.log import Secret
from companion.net import Net
from companion.settings import Settings, changed
from companion.vault import EnvironmentKey, MemoryVault
from tests.reliability.capture import tapped_servers
from tests.reliability.proof import prove
from tests.servers.anthropic import AnthropicServer
from tests.servers.deepgram import DeepgramServer
from tests.servers.openai import OpenAIServer
from tests.vaults import given

KEY = "sk-ant-0123456789abcdef0123456789abcdef"


async def _frames(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"\x05\x01" * 320


async def _turn(staff: ProviderPool, number: int) -> None:
    """One turn; the vendors take turns, too."""
    chosen = {
        Role.THINKS: ("openai", "anthropic")[number % 2],
        Role.HEARS: ("deepgram", "openai")[number % 2],
        Role.SPEAKS: ("openai", "deepgram")[number // 2 % 2],
    }
    with instead(chosen):
        engines = staff.engines(frozenset())
    heard = [transcript async for transcript in engines.hear(_frames(40 + number % 60))]
    words = f"{heard[-1].text} Turn {number}, with some “signs” that take more than a byte — ä."
    reply = [delta.text async for delta in engines.think((Message(Speaker.USER, words),), "")]
    assert engines.speak is not None
    for sentence in "".join(reply).split(". "):
        assert [audio async for audio in engines.speak(sentence)]


@pytest.mark.parametrize("turns", [12, pytest.param(500, marks=pytest.mark.long)])
async def test_the_page_shows_what_crossed_the_wire(
    turns: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[DataSent] = []
    async with (
        OpenAIServer() as openai,
        AnthropicServer() as anthropic,
        DeepgramServer() as deepgram,
        tapped_servers(monkeypatch, openai=openai.url, anthropic=anthropic.url, deepgram=deepgram.url) as (
            relays,
            addresses,
        ),
    ):
        net = Net()
        net.trusts_own_network = True
        staff = _staff(net, addresses, tmp_path, told.append)
        for number in range(turns):
            await _turn(staff, number)
        await staff.check("openai", Role.THINKS, None)
        await staff.aclose()
        await net.aclose()

    shown = destinations(net.ledger.today)
    assert {destination.host for destination in shown} == {f"{name}.lan" for name in relays}, (
        "0 unknown hosts"
    )
    sent_off = received_off = unexplained = framing = 0
    for name, relay in relays.items():
        seen = relay.content()
        mine = [each.total for each in shown if each.host == f"{name}.lan"]
        sent_off += abs(seen.sent - sum(total.sent for total in mine))
        received_off += abs(seen.received - sum(total.received for total in mine))
        unexplained += seen.unexplained
        framing += seen.framing
        assert seen.sent > 1000
    requests = sum(destination.total.requests for destination in shown)
    print(f"{turns} turns, {requests} requests, {framing / requests:.0f} bytes of framing each")
    prove(39, "bytes sent that the page does not show", sent_off, 0, cases=turns)
    prove(39, "bytes received that the page does not show", received_off, 0, cases=turns)
    prove(39, "bytes on the wire that are neither content nor framing", unexplained, 0, cases=turns)

    by_kind = {cargo for destination in shown for cargo in destination.kinds}
    assert by_kind >= {Cargo.VOICE, Cargo.WORDS, Cargo.ANSWERS}
    receipts = sum(receipt.sent_bytes for receipt in told)
    of_theirs = sum(
        traffic.sent
        for destination in shown
        for cargo, traffic in destination.kinds.items()
        if cargo is not Cargo.OTHER
    )
    assert receipts == of_theirs, "every byte of theirs has its receipt"


def _staff(
    net: Net, addresses: dict[str, str], folder: Path, tell: Callable[[DataSent], None]
) -> ProviderPool:
    changes = {
        f"providers.{role}.{name}.base_url": address
        for name, address in addresses.items()
        for role in ("llm", "stt", "tts")
    }
    settings = changed(Settings(), {**changes, "providers.llm.stand_ins": "", "network.max_retries": 0})
    keys = {
        name: EnvironmentKey(secret=Secret(KEY), origin=origin(address), variable="KEY")
        for name, address in addresses.items()
    }
    vault = MemoryVault(environment=keys)

    def report(error: BaseException) -> None:
        raise error

    events = Events(report)
    events.watch(lambda event: tell(event) if isinstance(event, DataSent) else None)
    return ProviderPool(settings=lambda: settings, vault=given(vault), net=net, events=events, models=folder)
