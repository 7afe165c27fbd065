"""A key goes to the address it was entered for and to no other: over redirects, changed addresses and odd spellings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from companion.app.pool import ProviderPool
from companion.errors import CompanionError, Kind
from companion.events import Events
from companion.flow import ChatRequest, HearRequest, Message, Speaker, SpeakRequest
from companion.hosts import origin
from companion.kinds import Role
from companion.log import Secret
from companion.net import Net
from companion.providers import registry
from companion.providers.provider import AIProvider, Policy, Spec
from companion.providers.wire import sockets
from companion.settings import Settings, changed
from companion.settings.address import normalise_base_url
from companion.vault import EnvironmentKey, MemoryVault
from tests.reliability.proof import prove
from tests.vaults import given

KEY = "sk-ant-0123456789abcdef0123456789abcdef"
STATUSES = (301, 302, 303, 307, 308)
KEYED = [spec for spec in registry.specs() if spec.needs_key and spec.base_url]
_AUTH = ("authorization", "x-api-key", "api-key", "xi-api-key", "x-goog-api-key", "cookie")


class Site:
    """A server that answers everything with one status and remembers who came."""

    def __init__(self, status: int = 500, location: str = "") -> None:
        self.status, self.location = status, location
        self.seen: list[dict[str, str]] = []
        self._runner: web.AppRunner | None = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append({**headers, ":query": request.query_string})
        return web.Response(status=self.status, headers={"Location": self.location} if self.location else {})

    async def __aenter__(self) -> Site:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def with_key(self) -> int:
        return sum(any(name in seen for name in _AUTH) or KEY in str(seen) for seen in self.seen)


async def _frames() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b"\x01\x02" * 320


async def use_all(provider: AIProvider) -> int:
    """Everything the provider can do, each once; how many requests were tried."""
    tried = 0
    requests: dict[Role, tuple[Any, Any]] = {
        Role.THINKS: (provider.chat, ChatRequest(messages=(Message(Speaker.USER, "Hello"),))),
        Role.HEARS: (provider.transcribe, HearRequest(frames=_frames())),
        Role.SPEAKS: (provider.speak, SpeakRequest(text="Hello.", voice=_voice(provider.spec))),
    }
    for role, (call, request) in requests.items():
        if role in provider.spec.roles:
            tried += 1
            with pytest.raises(CompanionError):
                [chunk async for chunk in call(request)]
    assert not (await provider.check()).ok
    await provider.voices()
    await provider.warm()
    return tried + 1


def _voice(spec: Spec) -> str:
    return spec.voices[0].id if spec.voices else ""


@pytest.mark.parametrize("spec", KEYED, ids=lambda spec: spec.name)
async def test_no_key_arrives_where_a_redirect_leads(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RECONNECT_S", 0.001)
    tried = 0
    async with Site() as second:
        for status in STATUSES:
            async with Site(status, f"{second.url}/v1") as first:
                provider = registry.provider_class(spec.name)(api_key=KEY, base_url=f"{first.url}/v1")
                provider.policy = Policy(attempts=1, breaker=False)
                async with provider:
                    tried += await use_all(provider)
                assert first.with_key, "the vendor's own address got the key"
        prove(3, f"requests at a second origin over redirects, {spec.name}", len(second.seen), 0, cases=tried)


# -- another address ----------------------------------------------------------------------------------------


def staff_of(settings: Settings, vault: MemoryVault, folder: Path) -> ProviderPool:
    def report(error: BaseException) -> None:
        raise error

    return ProviderPool(
        settings=lambda: settings, vault=given(vault), net=Net(), events=Events(report), models=folder
    )


@pytest.mark.parametrize("where", ["keyring", "environment"])
async def test_a_changed_address_gets_no_key_until_it_is_entered_again(tmp_path: Path, where: str) -> None:
    tried = 0
    async with Site() as own, Site() as other:
        for spec in KEYED:
            role = next(each for each in (Role.THINKS, Role.HEARS, Role.SPEAKS) if each in spec.roles)
            setting = f"providers.{role.value}.{spec.name}.base_url"
            kept = EnvironmentKey(secret=Secret(KEY), origin=origin(own.url), variable="KEY")
            vault = MemoryVault(environment={spec.name: kept} if where == "environment" else {})
            if where == "keyring":
                await vault.put(spec.name, Secret(KEY), origin(own.url))
            for address in (
                other.url,
                other.url.replace("127.0.0.1", "localhost"),
                own.url.replace("http", "https"),
            ):
                settings = changed(
                    Settings(), {setting: address, f"providers.{role.value}.active": spec.name}
                )
                settings = changed(settings, {"providers.llm.stand_ins": ""})
                staff = staff_of(settings, vault, tmp_path)
                with pytest.raises(CompanionError) as caught:
                    await staff.provider(role, spec.name)
                assert caught.value.kind is Kind.KEY_ELSEWHERE
                assert "127.0.0.1" in caught.value.message
                assert not (await staff.check(spec.name, role, None)).ok
                await staff.warm(role)
                tried += 3
                await staff.aclose()
        prove(3, f"requests with a key after a changed address, {where}", other.with_key, 0, cases=tried)
        assert own.seen == other.seen == []


# -- odd spellings ------------------------------------------------------------------------------------------

SENT, ANEW, REFUSED = "the key is sent", "the key is asked for anew", "no address for a key"
VERDICTS = {
    "https://api.openai.com": SENT,
    "https://api.openai.com/v1": SENT,
    "https://api.openai.com/v1/": SENT,
    "https://API.OpenAI.com/v1": SENT,
    "https://api.openai.com:443/v1": SENT,
    "https://api.openai.com./v1": SENT,
    "api.openai.com/v1": SENT,
    " https://api.openai.com/v1 ": SENT,
    "https://api.openai.com/v1/chat/completions": SENT,
    "https://anyone@api.openai.com/v1": SENT,
    "https://ａｐｉ.openai.com/v1": SENT,
    "https://api.openai.com:8443/v1": ANEW,
    "https://api.openai.com.evil.example/v1": ANEW,
    "https://api.openai.com@evil.example/v1": ANEW,
    "https://api.openai.com:443@evil.example/v1": ANEW,
    "https://evil.example/api.openai.com": ANEW,
    "https://evil.example?api.openai.com": ANEW,
    "https://evil.example#@api.openai.com": ANEW,
    "https://api-openai.com": ANEW,
    "https://openai.com": ANEW,
    "https://\u0430pi.openai.com/v1": ANEW,
    "https://xn--pi-6kc.openai.com": ANEW,
    "https://api.openai.com.": SENT,
    "https://127.0.0.1@evil.example": ANEW,
    "http://127.0.0.1:8080/v1": ANEW,
    "http://[::1]:8080/v1": ANEW,
    "http://localhost:8080/v1": ANEW,
    "localhost:8080": ANEW,
    "https://[2001:db8::1]/v1": ANEW,
    "https://10.0.0.5/v1": ANEW,
    "http://api.openai.com/v1": REFUSED,
    "http://10.0.0.5:8080/v1": REFUSED,
    "http://box.lan/v1": REFUSED,
    "http://127.0.0.1.evil.example/v1": REFUSED,
    "http://localhost.evil.example": REFUSED,
    "http://127.0.0.1@evil.example": REFUSED,
    "http://api.openai.com:443": REFUSED,
    "ftp://api.openai.com": REFUSED,
    "https://api.openai.com\\@evil.example": REFUSED,
    "https://2130706433/": REFUSED,
    "https://[::1": REFUSED,
    "https://api.openai.com:99999": REFUSED,
    "https://": REFUSED,
    "javascript:alert(1)": REFUSED,
}


async def verdict_on(text: str, vault: MemoryVault) -> str:
    """What becomes of OpenAI's key when this is entered as its address."""
    try:
        address = normalise_base_url(text, with_key=True)
    except CompanionError as error:
        return REFUSED if error.kind is Kind.UNSAFE_ADDRESS else str(error.kind)
    try:
        return SENT if await vault.get("openai", origin(address.url)) is not None else "no key"
    except CompanionError as error:
        return ANEW if error.kind is Kind.KEY_ELSEWHERE else str(error.kind)


async def test_every_spelling_of_an_address_has_its_verdict() -> None:
    vault = MemoryVault()
    await vault.put("openai", Secret(KEY), origin("https://api.openai.com/v1"))
    found = {text: await verdict_on(text, vault) for text in VERDICTS}
    wrong = {text: found[text] for text in VERDICTS if found[text] != VERDICTS[text]}
    prove(3, "addresses with the wrong verdict", len(wrong), 0, cases=len(VERDICTS))
    assert wrong == {}
    assert len(VERDICTS) >= 40


def test_the_gate_itself_sends_no_key_in_the_open() -> None:
    """Whatever an adapter does: the last door knows the headers that hold keys."""
    net, passed = Net(), 0
    for header in _AUTH:
        for address in ("http://evil.example/", "ws://evil.example/", "http://10.0.0.5/", "http://box.lan/"):
            with suppress(CompanionError):
                net.admit(address, {header.title(): KEY})
                passed += 1
    prove(3, "keys over plain http", passed, 0, cases=24)
