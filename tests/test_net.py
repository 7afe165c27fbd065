"""The egress gate: what it counts, what it refuses, what it bounds, and which addresses it takes for this computer."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web

from companion import bounds as bounds_module, net as net_module
from companion.errors import AIProviderUnavailableError, CompanionError, Kind
from companion.flow import ChatRequest, Message, Speaker
from companion.ledger import Cargo, Errand, on_errand
from companion.net import Net, is_this_computer, origin
from companion.providers.provider import AIProvider
from companion.providers.vendors.anthropic.provider import AnthropicProvider
from companion.providers.vendors.ollama import OllamaProvider
from companion.providers.vendors.openai.provider import OpenAIProvider

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """A bare server whose one handler the test writes."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.handler = handler
        self.seen: list[web.Request] = []
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        self._tls = tls
        self.url = ""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.seen.append(request)
        return await self.handler(request)

    async def __aenter__(self) -> Site:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def open_sockets(self) -> int:
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    async def until_quiet(self) -> None:
        """Returns when no client holds a connection; fails after five seconds."""
        async with asyncio.timeout(5):
            while self.open_sockets:  # noqa: ASYNC110 - a socket closes without an event
                await asyncio.sleep(0.01)


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    net = Net()
    yield net
    await net.aclose()


async def _hello(_: web.Request) -> web.StreamResponse:
    return web.json_response({"hello": "there"})


def _answers(body: bytes, kind: str, **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Type": kind, **headers})

    return handler


async def _refused(net: Net, site: Site, **asking: object) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await net.client(site.url).get("/", **asking)  # type: ignore[arg-type]
    return caught.value


# -- counting and closing -----------------------------------------------------------------------------------


async def test_bytes_are_counted_per_host(net: Net) -> None:
    async with Site(_hello) as site:
        client = net.client(site.url)
        await client.post("/", content=b"x" * 1000)
        await client.get("/")
    account = net.traffic["127.0.0.1"]
    assert account.requests == 2
    assert account.sent == 1000
    assert account.received == 2 * len(b'{"hello": "there"}')
    assert account.last_at > 0


async def test_a_socket_outlives_errands_and_each_has_its_own_account(net: Net) -> None:
    async with Site(_echoes) as site:
        link = await net.websocket(site.url.replace("http", "ws"))
        for who, message in (("A", "héard"), ("B", b"\0" * 10)):
            with on_errand(Errand(who=who, cargo=Cargo.VOICE)):
                await link.send(message)
                assert await link.receive() == message
        await link.close()
    booked = {account.who: (each.sent, each.received) for account, each in net.ledger.today.items()}
    assert booked == {"": (0, 0), "A": (6, 6), "B": (10, 10)}


async def test_a_body_that_is_written_as_it_goes_is_counted_too(net: Net) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 100

    async with Site(_hello) as site:
        await net.client(site.url).post("/", content=body())
    assert net.traffic["127.0.0.1"].sent == 500


async def test_all_clients_share_the_connections_and_closing_the_gate_closes_them(net: Net) -> None:
    async with Site(_hello) as site:
        for _ in range(3):
            await net.client(site.url).get("/")
        assert site.open_sockets == 1
        await net.aclose()
        await site.until_quiet()
        await net.client(site.url).get("/")  # and it opens again
        assert len(site.seen) == 4


async def test_warming_opens_the_connection_the_next_request_uses(net: Net) -> None:
    async with Site(_hello) as site:
        await net.warm(site.url)
        await net.client(site.url).get("/")
        assert site.open_sockets == 1
        assert not any("authorization" in request.headers for request in site.seen)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "nonsense", "http://[", "https://a.invalid:99999"])
async def test_warming_never_raises(net: Net, address: str) -> None:
    await net.warm(address)
    net.shut = True
    await net.warm("https://service.invalid")


# -- shut ---------------------------------------------------------------------------------------------------


async def test_a_shut_gate_lets_nothing_out_and_still_reaches_this_computer(net: Net) -> None:
    net.shut = True
    with pytest.raises(CompanionError) as caught:
        await net.client().get("https://service.invalid/v1/models")
    assert caught.value.kind is Kind.NETWORK_SHUT
    assert "service.invalid" not in net.traffic
    async with Site(_hello) as site:
        assert (await net.client(site.url).get("/")).status_code == 200


class Away:
    """Names that are other computers to the gate and lead to this one."""

    HOST = "vendor.example"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        look_up = socket.getaddrinfo
        self.asked: list[str] = []

        def here(host: Any, *rest: Any, **more: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else str(host)
            self.asked.append(name)
            return look_up("127.0.0.1" if name.endswith((".example", ".lan")) else host, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", here)

    def url(self, site: Site, host: str = HOST) -> str:
        return site.url.replace("127.0.0.1", host)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    return Away(monkeypatch)


async def _hangs(request: web.Request) -> web.StreamResponse:
    """An answer of one word and then silence."""
    response = web.StreamResponse(headers={"Content-Type": EVENTS})
    await response.prepare(request)
    await response.write(b"data: one\n\n")
    await asyncio.sleep(60)
    return response


async def _echoes(request: web.Request) -> web.StreamResponse:
    line = web.WebSocketResponse()
    await line.prepare(request)
    async for message in line:
        await (line.send_bytes if message.type is web.WSMsgType.BINARY else line.send_str)(message.data)
    return line


async def test_shutting_the_gate_ends_an_answer_under_way(net: Net, away: Away) -> None:
    async with Site(_hangs) as site:
        async with net.client(away.url(site)).stream("GET", "/") as response:
            parts = response.aiter_bytes()
            assert await anext(parts) == b"data: one\n\n"
            waiting = asyncio.create_task(anext(parts))  # type: ignore[arg-type]
            await asyncio.sleep(0.05)
            assert not waiting.done()
            net.shut = True
            with pytest.raises(CompanionError) as caught:
                await asyncio.wait_for(waiting, 2)
        assert caught.value.kind is Kind.NETWORK_SHUT
        await site.until_quiet()


async def test_shutting_the_gate_ends_a_request_that_waits_for_its_answer(net: Net, away: Away) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async with Site(never) as site:
        waiting = asyncio.create_task(net.client(away.url(site)).get("/"))
        while not site.seen:  # noqa: ASYNC110 - the request arrives without an event
            await asyncio.sleep(0.01)
        net.shut = True
        with pytest.raises(CompanionError) as caught:
            await asyncio.wait_for(waiting, 2)
        assert caught.value.kind is Kind.NETWORK_SHUT
        await site.until_quiet()


async def test_shutting_the_gate_closes_idle_connections_and_open_sockets(net: Net, away: Away) -> None:
    async with Site(_hello) as site, Site(_echoes) as line:
        await net.client(away.url(site)).get("/")
        link = await net.websocket(away.url(line).replace("http", "ws"))
        waiting = asyncio.create_task(link.receive())
        await asyncio.sleep(0.05)
        assert site.open_sockets == line.open_sockets == 1
        net.shut = True
        with pytest.raises(CompanionError) as caught:
            await asyncio.wait_for(waiting, 2)
        assert caught.value.kind is Kind.NETWORK_SHUT
        with pytest.raises(CompanionError):
            await link.send("more")
        assert not link.is_open
        await site.until_quiet()
        await line.until_quiet()


async def test_a_shut_gate_asks_no_name_server(net: Net, away: Away) -> None:
    net.shut = True
    for ask in (net.client().get("https://vendor.example/v1"), net.websocket("wss://vendor.example/v1")):
        with pytest.raises(CompanionError) as caught:
            await ask
        assert caught.value.kind is Kind.NETWORK_SHUT
    await net.warm("https://vendor.example/v1")
    assert away.asked == []


async def test_what_is_on_this_computer_goes_on_while_the_gate_shuts(net: Net) -> None:
    async with Site(_hangs) as site, net.client(site.url).stream("GET", "/") as response:
        parts = response.aiter_bytes()
        await anext(parts)
        waiting = asyncio.create_task(anext(parts))  # type: ignore[arg-type]
        net.shut = True
        await asyncio.sleep(0.1)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_gate_that_opens_again_lets_things_pass(net: Net, away: Away) -> None:
    async with Site(_hello) as site:
        net.shut = True
        net.shut = False
        assert (await net.client(away.url(site)).get("/")).status_code == 200


async def test_connections_nobody_uses_close_themselves(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_module, "KEEP_ALIVE_S", 0.1)
    async with Site(_hello) as site:
        await net.client(site.url).get("/")
        assert site.open_sockets == 1
        await site.until_quiet()


async def test_a_key_may_cross_the_own_network_where_a_person_said_so(net: Net, away: Away) -> None:
    async with Site(_hello) as site:
        client = net.client(away.url(site, "box.lan"), {"Authorization": "Bearer secret-value"})
        with pytest.raises(CompanionError) as caught:
            await client.get("/")
        assert caught.value.kind is Kind.UNSAFE_ADDRESS
        net.trusts_own_network = True
        assert (await client.get("/")).status_code == 200
        with pytest.raises(CompanionError):
            await net.client(away.url(site), {"Authorization": "Bearer secret-value"}).get("/")


async def test_the_proxy_of_the_environment_holds_where_a_person_said_so(
    net: Net, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Site(_hello) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "not-this.example")
        for shown, expected in (
            ("http://vendor.example/", proxy.url),
            ("http://not-this.example/", ""),
            ("http://127.0.0.1:9/", ""),
            ("http://box.lan/", ""),
        ):
            assert net.proxy_for(shown) == ""
            net.uses_proxy = True
            assert net.proxy_for(shown) == expected
            net.uses_proxy = False
        net.uses_proxy = True
        await net.client("http://vendor.example").get("/")
        assert [str(seen.url) for seen in proxy.seen] == ["http://vendor.example/"]
        monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
        with pytest.raises(AIProviderUnavailableError, match="proxy"):
            await net.client("http://vendor.example").get("/")


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key", "api-key", "xi-api-key", "x-goog-api-key"])
async def test_a_key_does_not_travel_in_the_open(net: Net, header: str) -> None:
    with pytest.raises(CompanionError) as caught:
        await net.client(headers={header: "secret-value"}).get("http://service.invalid/")
    assert caught.value.kind is Kind.UNSAFE_ADDRESS
    with pytest.raises(CompanionError):
        net.admit("ws://service.invalid/", {header: "secret-value"})
    net.admit("https://service.invalid/", {header: "secret-value"})
    net.admit("http://service.invalid/", {})


async def test_a_key_in_the_address_does_not_either(net: Net) -> None:
    with pytest.raises(CompanionError):
        net.admit("http://service.invalid/?key=secret", {})


async def test_the_environment_has_no_say(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    async with Site(_hello) as site:
        assert (await net.client(site.url).get("/")).status_code == 200


# -- what is no API -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_no_key_arrives_elsewhere(net: Net, status: int) -> None:
    async with Site(_hello) as elsewhere:

        async def send_on(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": elsewhere.url})

        async with Site(send_on) as site:
            error = await _refused(net, site, headers={"Authorization": "Bearer secret-value"})
        assert error.kind is Kind.NOT_AN_API
        assert "127.0.0.1" in error.message
        assert not elsewhere.seen


@pytest.mark.parametrize("location", ["", "/relative", "http://[", "//"])
async def test_a_redirect_to_nowhere_is_refused_all_the_same(net: Net, location: str) -> None:
    async def send_on(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location})

    async with Site(send_on) as site:
        assert (await _refused(net, site)).kind is Kind.NOT_AN_API


@pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8"])
async def test_a_web_page_is_not_an_answer(net: Net, kind: str) -> None:
    async with Site(_answers(b"<html>Please sign in</html>", kind)) as site:
        assert (await _refused(net, site)).kind is Kind.NOT_AN_API


async def test_a_compressed_body_is_refused_unread(net: Net) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    handler = _answers(bomb, "application/json", **{"Content-Encoding": "GZip"})
    async with Site(handler) as site:
        assert (await _refused(net, site, headers={"Accept-Encoding": "gzip"})).kind is Kind.NOT_AN_API
        assert site.seen[0].headers["Accept-Encoding"] == "identity"
    assert net.traffic["127.0.0.1"].received == 0


async def test_a_refused_answer_leaves_no_connection_behind(net: Net) -> None:
    async with Site(_answers(b"<html>" + b"x" * 3_000_000, "text/html")) as site:
        for _ in range(60):  # more than the pool holds
            await _refused(net, site)
        await site.until_quiet()


# -- bounds -------------------------------------------------------------------------------------------------


def _pours(kind: str, *parts: bytes, times: int = 1) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        for _ in range(times):
            for part in parts:
                await response.write(part)
        await response.write_eof()
        return response

    return handler


async def _stopped(net: Net, site: Site) -> bool:
    """Whether the gate stopped the body before its end."""
    try:
        async with net.client(site.url).stream("GET", "/") as response:
            async for _ in response.aiter_bytes():
                pass
    except AIProviderUnavailableError as error:
        return "more than an answer can be" in error.message and not error.retryable
    return False


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds a test can reach quickly."""
    monkeypatch.setattr(bounds_module, "MAX_LINE", 10_000)
    monkeypatch.setattr(bounds_module, "MAX_EVENT", 40_000)
    monkeypatch.setattr(bounds_module, "MAX_BODY", 100_000)
    monkeypatch.setattr(bounds_module, "MAX_STREAM", 1_000_000)


EVENTS = "text/event-stream"
LINES = "application/x-ndjson"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("kind", "part", "times", "stops"),
    [
        ("application/json", b"x" * 1000, 99, False),
        ("application/json", b"x" * 1000, 101, True),
        ("audio/pcm", b"x" * 50_000, 19, False),
        ("audio/pcm", b"x" * 50_000, 21, True),
        (EVENTS, b"data: x\n\n", 20_000, False),
        ("Text/Event-Stream; charset=utf-8", b"x" * 1000, 12, True),
        (EVENTS, b"x" * 1000, 9, False),
        (LINES, b"x" * 1000, 12, True),
        (LINES, b"x" * 5000 + b"\n", 100, False),
        (LINES, b"x" * 5000 + b"\n", 201, True),
        (EVENTS, b"data: " + b"x" * 990 + b"\n", 39, False),
        (EVENTS, b"data: " + b"x" * 990 + b"\n", 42, True),
        (EVENTS, b"data: " + b"x" * 990 + b"\r\n\r\n", 90, False),
        (EVENTS, b": sign of life\n\n", 5000, False),
    ],
)
async def test_a_body_has_bounds(net: Net, kind: str, part: bytes, times: int, stops: bool) -> None:
    async with Site(_pours(kind, part, times=times)) as site:
        assert await _stopped(net, site) is stops


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("blank", [b"\n\n", b"\r\n\r\n", b"\r\r"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_event_ends_wherever_the_blank_line_is_cut(blank: bytes, at: int) -> None:
    bounds = bounds_module.Bounds(EVENTS)
    event = b"data: " + b"x" * 900 + blank
    for _ in range(200):
        cut = len(event) - at
        assert not bounds.exceeded_by(event[:cut])
        assert not bounds.exceeded_by(event[cut:])


async def test_an_endless_body_is_stopped_and_the_server_sees_it(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds_module, "MAX_STREAM", 300_000)
    async with Site(_pours("audio/pcm", b"\0" * 65_536, times=100_000)) as site:
        assert await _stopped(net, site)
        await site.until_quiet()


# -- TLS ----------------------------------------------------------------------------------------------------


def _self_signed(folder: Path) -> ssl.SSLContext:
    """The server's side; its certificate stands in `certificate.pem`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize("vendor", [OllamaProvider, OpenAIProvider, AnthropicProvider])
async def test_a_certificate_nobody_vouches_for_is_named(tmp_path: Path, vendor: type[AIProvider]) -> None:
    async with (
        Site(_hello, tls=_self_signed(tmp_path)) as site,
        vendor(base_url=site.url, model="any", api_key="a-key-for-this-test") as provider,
    ):
        request = ChatRequest(messages=(Message(Speaker.USER, "Hello"),))
        with pytest.raises(AIProviderUnavailableError) as caught:
            [delta async for delta in provider.chat(request)]
        assert "certificate" in caught.value.message
        assert "settings under Privacy" in caught.value.hint
        assert not caught.value.retryable
        assert not site.seen


async def test_a_certificate_a_person_vouches_for_is_trusted(net: Net, tmp_path: Path) -> None:
    async with Site(_hello, tls=_self_signed(tmp_path)) as site:
        net.certificates = str(tmp_path / "certificate.pem")
        assert (await net.client(site.url).get("/")).status_code == 200


async def test_a_certificate_file_that_is_none_is_named(net: Net, tmp_path: Path) -> None:
    net.certificates = str(tmp_path / "nothing.pem")
    with pytest.raises(AIProviderUnavailableError, match="certificate"):
        await net.client("https://127.0.0.1:1").get("/")


# -- addresses ----------------------------------------------------------------------------------------------


ADDRESSES = {
    "http://localhost:11434": True,
    "http://LOCALHOST/": True,
    "http://127.0.0.1": True,
    "http://127.0.0.1:8080/v1": True,
    "http://127.255.255.254/": True,
    "http://[::1]:11434/api": True,
    "http://user:word@127.0.0.1/": True,
    "https://evil.example@127.0.0.1/": True,
    "ws://127.0.0.1/socket": True,
    "http://127.0.0.1@evil.example/": False,
    "http://127.0.0.1:80@evil.example/": False,
    "http://localhost@evil.example": False,
    "http://localhost:1@evil.example#@127.0.0.1": False,
    "http://evil.example#@127.0.0.1/": False,
    "http://evil.example?@127.0.0.1/": False,
    "http://evil.example/@127.0.0.1": False,
    "http://evil.example\\@127.0.0.1/x": None,
    "http://127.0.0.1.evil.example/": False,
    "http://localhost.evil.example/": False,
    "http://notlocalhost/": False,
    "http://localhost./": False,
    "http://127.0.0.1./": False,
    "http://127.1/": False,
    "http://2130706433/": False,
    "http://0x7f000001/": False,
    "http://0177.0.0.1/": False,
    "http://0.0.0.0/": False,
    "http://[::]/": False,
    "http://[::ffff:10.0.0.1]/": False,
    "http://１２７.0.0.1/": False,
    "http://127。0。0。1/": False,
    "http://ⓛocalhost/": False,
    "http://10.0.0.5/": False,
    "http://192.168.1.20:11434": False,
    "http://169.254.169.254/": False,
    "http://xn--lcalhost-54a/": False,
    "http://evil.example\t127.0.0.1/": False,
    "http://127.0.0.1%2eevil.example/": False,
    "http://[::1": False,
    "http://[127.0.0.1]/": None,
    "http://": False,
    "": False,
    "127.0.0.1": False,
    "file:///etc/passwd": False,
}


@pytest.mark.parametrize(("address", "verdict"), [(a, v) for a, v in ADDRESSES.items() if v is not None])
def test_which_addresses_are_this_computer(address: str, verdict: bool) -> None:
    assert is_this_computer(address) is verdict


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_verdict_is_never_kinder_than_the_connector(address: str) -> None:
    """Whatever we call this computer, httpx2 must either connect to loopback or refuse."""
    if not is_this_computer(address):
        return
    try:
        host = httpx2.URL(address).host
    except httpx2.InvalidURL:
        return
    assert host == "localhost" or ipaddress.ip_address(host).is_loopback


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com:443"),
        ("https://api.openai.com:443/v1/", "https://api.openai.com:443"),
        ("https://API.OpenAI.com", "https://api.openai.com:443"),
        ("https://api.openai.com@evil.example/v1", "https://evil.example:443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("wss://api.openai.com/v1/realtime", "wss://api.openai.com:443"),
        ("https://host:99999/", ""),
        ("https://[::1", ""),
        ("api.openai.com", ""),
        ("https://", ""),
        ("", ""),
    ],
)
def test_the_origin_a_key_is_bound_to(address: str, expected: str) -> None:
    assert origin(address) == expected
