"""Vectors of a provider: only where the person chose one, of what is kept, under a receipt of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from companion.events import DataSent, JournalRead
from companion.kinds import Role
from companion.ledger import Cargo
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.vault import EnvironmentKey
from tests.app.test_companion import KeepingVault, Watched, running
from tests.servers.openai import OpenAIServer


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for a window."""
    monkeypatch.setattr("companion.app.recall.SETTLES_S", 0.0)


def vault_for(server: OpenAIServer) -> KeepingVault:
    key = EnvironmentKey(secret=Secret("sk-test-0123456789abc"), origin=origin(server.url), variable="KEY")
    return KeepingVault(environment={"openai": key})


def sent(server: OpenAIServer) -> list[str]:
    """Every text that vectors were made of."""
    return [
        text
        for each in server.requests
        if each.path.endswith("/embeddings")
        for text in each.body["input"]
        if text != "day"
    ]


async def all_read(watched: Watched) -> None:
    """What is due has been sent, and nothing more is on its way."""
    watched.app.recall.read_on()
    assert watched.app.recall._filling is not None
    await asyncio.wait([watched.app.recall._filling], timeout=20)


async def test_nothing_goes_anywhere_until_a_provider_is_chosen_and_nothing_after(
    home: Home, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.app.borrowed_vectors.is_this_host", lambda _: False)
    address = {"providers__llm__openai__base_url": server.url}
    async with running(home, vault_for(server), **address) as watched:
        watched.app.recall.open()
        await watched.turn("The heron stood by the weir.")
        await all_read(watched)
        assert sent(server) == []
        await watched.app.change({"journal.meaning_by": "openai"})
        await all_read(watched)
        assert sent(server) == ["The heron stood by the weir."]
        receipt = watched.of(DataSent)[-1]
        assert (receipt.role, receipt.who) == (Role.EMBEDS, "OpenAI")
        assert receipt.what == "7 words of your journal, to find it by meaning"
        booked = watched.app.outgoing.ledger.today
        assert {account.cargo for account, each in booked.items() if each.sent} == {Cargo.JOURNAL}
        await watched.turn("A second thought.")
        await all_read(watched)
        hits = await watched.app.journal_desk.search("bird at the water")
        assert sent(server)[1:] == ["A second thought.", "bird at the water"]
        assert {hit.passage for hit in hits} == {"The heron stood by the weir.", "A second thought."}
        assert watched.of(JournalRead) == [] or watched.of(JournalRead)[-1].done >= 1
        await watched.app.change({"journal.meaning_by": "here"})
        await watched.turn("A third one.")
        await all_read(watched)
        await watched.app.journal_desk.search("bird at the weir")
        assert len(sent(server)) == 3


async def test_what_is_private_and_what_is_recalled_never_go_there(home: Home, server: OpenAIServer) -> None:
    chosen = {"providers__llm__openai__base_url": server.url, "journal__meaning_by": "openai"}
    async with running(home, vault_for(server), **chosen) as watched:
        watched.app.recall.open()
        await watched.turn("Kept words.")
        await all_read(watched)
        await watched.app.change({"journal.keep": False})
        await watched.turn("Private words.")
        await all_read(watched)
        await watched.app.journal_desk.search("private question")
        assert sent(server) == ["Kept words."]


async def test_where_it_does_not_answer_this_computer_finds_and_the_rest_follows_later(
    home: Home, server: OpenAIServer
) -> None:
    chosen = {
        "providers__llm__openai__base_url": server.url,
        "journal__meaning_by": "openai",
        "network__max_retries": 0,
        "network__circuit_breaker": False,
    }
    async with running(home, vault_for(server), **chosen) as watched:
        watched.app.recall.open()
        server.script.status = 503
        await watched.turn("The heron stood by the weir.")
        await all_read(watched)
        assert [hit.passage for hit in await watched.app.journal_desk.search("heron")]
        server.script.status = 0
        await watched.turn("It flew.")
        await all_read(watched)
        assert sorted(sent(server)[-2:]) == ["It flew.", "The heron stood by the weir."]
        server.script.status = 503
        hits = await watched.app.journal_desk.search("the heron's weir")
        assert next(hit.passage for hit in hits) == "The heron stood by the weir."
        await watched.app.change({"network.offline": True})
        assert await watched.app.journal_desk.search("weir")


async def test_once_the_budget_is_spent_nothing_more_is_sent(home: Home, server: OpenAIServer) -> None:
    chosen = {
        "providers__llm__openai__base_url": server.url,
        "journal__meaning_by": "openai",
        "reply__monthly_budget_usd": 0.000001,
    }
    async with running(home, vault_for(server), **chosen) as watched:
        watched.app.recall.open()
        watched.app.staff.budget.add(1.0)
        await watched.turn("The heron stood by the weir.")
        await all_read(watched)
        assert sent(server) == []


async def test_a_long_journal_is_sent_in_requests_that_every_vendor_takes(
    home: Home, server: OpenAIServer
) -> None:
    chosen = {"providers__llm__openai__base_url": server.url}
    async with running(home, vault_for(server), **chosen) as watched:
        async with watched.app.archive.using() as journal:
            for number in range(40):
                session = await journal.begin_session("open")
                await journal.save_user(
                    session, f"{number} " + "and so on we went along the river " * 30, 1_000.0
                )
        watched.app.recall.open()
        await watched.app.change({"journal.meaning_by": "openai"})
        await all_read(watched)
        sizes = [
            sum(map(len, each.body["input"])) for each in server.requests if each.path.endswith("/embeddings")
        ]
        assert len(sizes) > 3
        assert max(sizes) <= 12_000
        async with watched.app.archive.using() as journal:
            count = "SELECT count(DISTINCT turn_id) FROM passage WHERE model LIKE 'openai/%'"
            assert await journal.tables.read(lambda db: db.execute(count).fetchone()) == (40,)
