"""A key is told to nobody: no log of any library, no repr, no exception and no traceback shows it, however a call ends.

Every provider that thinks, hears or speaks over the network is asked with a key made for this test, through a proper answer
and through failures that echo the key; what could be read afterwards is searched for it in five spellings.
"""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from companion.errors import CompanionError
from companion.kinds import Role
from companion.providers import registry
from companion.providers.provider import AIProvider
from tests.providers.test_contract import LONG, REQUEST, SERVERS
from tests.providers.test_contract_sound import SIDES, Line
from tests.servers import VendorServer

CANARY = "canary/Yg7+53q==0123456789abcdefQrZ"
SPELLINGS = (
    CANARY,
    base64.b64encode(CANARY.encode()).decode().rstrip("=")[2:-2],
    quote(CANARY, safe=""),
    CANARY.encode().hex(),
    CANARY[::-1],
)
WAYS: dict[str, dict[str, object]] = {
    "well": {},
    **{
        f"status {status}": {"status": status, "message": f"the key {CANARY} is not welcome"}
        for status in (400, 401, 403, 404, 429, 500)
    },
    "web page": {"status": 502, "html": True},
    "cut": {"cut_after": 1},
    "error inside": {"error_after": 1, "message": f"key {CANARY}"},
}
each_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def read_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything any library logs, also what nobody would usually see."""
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx2", "httpcore2", "websockets", "openai", "anthropic", "companion", "asyncio"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        yield caplog
    for name in ("httpx2", "httpcore2", "websockets", "openai", "anthropic", "companion", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def prepare(server: VendorServer, way: str) -> None:
    for name, value in WAYS[way].items():
        setattr(server.script, name, value)


def shown_below(error: BaseException) -> BaseException | None:
    """What a traceback shows as the reason of `error`."""
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def search(provider: AIProvider, error: CompanionError | None, log: pytest.LogCaptureFixture) -> None:
    """Fails where the key is found."""
    readable = [repr(provider), str(vars(provider)), log.text]
    readable += [str(vars(record)) for record in log.records]
    if error is not None:
        links: list[BaseException] = [error]
        while (below := shown_below(links[-1])) is not None and below not in links:
            links.append(below)
        readable += [str(error), repr(error), error.hint, *map(repr, links)]
        readable += traceback.format_exception(error)
    for text in readable:
        for spelling in SPELLINGS:
            assert spelling not in text


async def test_the_server_did_get_the_key() -> None:
    """Otherwise the searches below would find nothing because there is nothing."""
    async with SERVERS["openai"]() as server:
        async with registry.provider_class("openai")(base_url=server.url, api_key=CANARY) as provider:
            assert [delta async for delta in provider.chat(REQUEST)]
        assert CANARY in str(server.asked("")[-1].headers)


@each_way
@pytest.mark.parametrize("name", [name for name in SERVERS if name not in LONG])
async def test_who_thinks_tells_no_key(name: str, way: str, read_log: pytest.LogCaptureFixture) -> None:
    async with SERVERS[name]() as server:
        prepare(server, way)
        async with registry.provider_class(name)(base_url=server.url, api_key=CANARY) as provider:
            error = None
            try:
                async for _ in provider.chat(REQUEST):
                    pass
            except CompanionError as caught:
                error = caught
            assert (error is None) is (way == "well")
            search(provider, error, read_log)
            health = await provider.check()
            assert all(spelling not in str(health) for spelling in SPELLINGS)
            search(provider, None, read_log)


@each_way
@pytest.mark.parametrize("name", SIDES)
async def test_who_hears_or_speaks_tells_no_key(
    name: str, way: str, read_log: pytest.LogCaptureFixture
) -> None:
    side = SIDES[name]
    async with side.server() as server:
        prepare(server, way)
        made = registry.provider_class(side.provider)(base_url=server.url, api_key=CANARY)
        async with made as provider:
            # attempts that mend themselves are made once here: what is looked at is what they leave behind
            provider.policy = replace(provider.policy, attempts=1)
            error = None
            try:
                await Line(side, provider, server).use()
            except CompanionError as caught:
                error = caught
            if way == "well":
                assert error is None
            search(provider, error, read_log)


def test_everybody_over_the_network_is_searched() -> None:
    searched = {*SERVERS, *(side.provider for side in SIDES.values())}
    for role in (Role.THINKS, Role.HEARS, Role.SPEAKS):
        for spec in registry.with_role(role):
            if spec.needs_key:
                assert spec.name in searched, spec.name
