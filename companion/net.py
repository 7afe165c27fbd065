"""The egress gate: the only room that can open a socket to the world.

Adapters and vendor SDKs are handed clients made here. The gate counts bytes per host, can be shut, sends no key over
plain http except to this computer, follows no redirect, reads no proxy from the environment, and bounds what a hostile
server can make us hold in memory. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from companion.errors import (
    AIProviderError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)

if TYPE_CHECKING:
    import ssl

    import httpx2
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import ConnectionClosed

CONNECT_S = 5.0
READ_S = 60.0
"""Longest silence on the wire; the shorter clocks of a turn are the middleware's."""
KEEP_ALIVE_S = 300.0
MAX_LINE = 256 * 1024
"""Longest line of an event stream, bytes."""
MAX_BODY = 8 * 2**20
"""Longest body that is neither sound nor a stream of events, bytes."""
MAX_MESSAGE = 4 * 2**20
"""Longest WebSocket message, bytes; sound comes as base64 in some."""
MAX_STREAM = 64 * 2**20
"""Longest sound or stream of events, bytes."""
MAX_EVENT = 2**20
"""Longest event of an event stream (lines up to an empty one), bytes."""
_KEY_HEADERS = frozenset(
    {
        "authorization",
        "x-api-key",
        "api-key",
        "xi-api-key",
        "x-goog-api-key",
        "ocp-apim-subscription-key",
        "cookie",
    }
)


@dataclass(slots=True)
class Traffic:
    """What went to and came from one host in this run."""

    sent: int = 0
    received: int = 0
    requests: int = 0
    last_at: float = 0.0
    """Seconds since the epoch."""


class Net:
    """One gate per app. `client()` is cheap; all clients share one connection pool."""

    def __init__(self) -> None:
        self.shut = False
        """True: nothing leaves this computer; loopback still works."""
        self.traffic: dict[str, Traffic] = {}
        self._pool: httpx2.AsyncHTTPTransport | None = None

    def client(self, base_url: str = "", headers: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
        """An HTTP client behind the gate. Close it or not: the pool is the gate's."""
        import httpx2

        return httpx2.AsyncClient(
            base_url=base_url,
            headers={"Accept-Encoding": "identity", **(headers or {})},
            timeout=httpx2.Timeout(READ_S, connect=CONNECT_S, pool=CONNECT_S),
            transport=_gate_transport(self),
            trust_env=False,
            follow_redirects=False,
        )

    def pool(self) -> httpx2.AsyncHTTPTransport:
        """The shared connections."""
        import httpx2

        if self._pool is None:
            self._pool = httpx2.AsyncHTTPTransport(
                verify=_trust(),
                trust_env=False,
                limits=httpx2.Limits(
                    max_connections=50, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE_S
                ),
            )
        return self._pool

    async def warm(self, url: str) -> None:
        """Has a connection to the host of `url` ready for the next request. Carries no key, never raises."""
        import httpx2

        try:
            async with asyncio.timeout(CONNECT_S):
                await self.client().head(url)
        except (CompanionError, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError):
            pass  # the request itself will say what is wrong

    async def websocket(self, url: str, headers: Mapping[str, str] | None = None, *, who: str = "") -> Socket:
        """Opens a WebSocket behind the gate; close it.

        Raises:
            HandshakeRefused: the server answered something else than a WebSocket.
            ssl.SSLError: no secure connection can be made.
            CompanionError: NETWORK_SHUT, UNSAFE_ADDRESS; UNREACHABLE and TIMEOUT as AIProviderUnavailableError.
        """
        import ssl

        from websockets.exceptions import InvalidHandshake, InvalidStatus

        account = self.admit(url, headers or {})
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            link = await _direct()(
                url,
                ssl=_trust() if parts.scheme == "wss" else None,
                additional_headers=dict(headers or {}),
                proxy=None,  # the environment's proxies are ignored
                compression=None,
                open_timeout=CONNECT_S,
                close_timeout=1,
                max_size=MAX_MESSAGE,
                max_queue=64,
            )
        except InvalidStatus as error:
            answer = error.response
            raise HandshakeRefused(
                answer.status_code, dict(answer.headers.raw_items()), bytes(answer.body or b"")
            ) from error
        except TimeoutError as error:
            raise AIProviderTimeoutError("", host, error, who=who or host) from error
        except ssl.SSLError:
            raise
        except (OSError, InvalidHandshake) as error:
            raise AIProviderUnavailableError(
                "", host, error, kind=Kind.UNREACHABLE, who=who or host
            ) from error
        return Socket(link, account)

    def admit(self, url: str, headers: Mapping[str, str]) -> Traffic:
        """Lets a request pass and returns its host's account.

        Raises:
            CompanionError: NETWORK_SHUT; UNSAFE_ADDRESS for a key over plain http to another computer.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not is_this_computer(url):
            if self.shut:
                raise CompanionError(Kind.NETWORK_SHUT, who=host)
            carries_key = any(name.lower() in _KEY_HEADERS for name in headers) or "key=" in parts.query
            if carries_key and parts.scheme in ("http", "ws"):
                raise CompanionError(Kind.UNSAFE_ADDRESS, who=host)
        account = self.traffic.setdefault(host, Traffic())
        account.requests += 1
        account.last_at = time.time()
        return account

    async def aclose(self) -> None:
        """Closes every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()


class HandshakeRefused(Exception):
    """The server did not open a WebSocket; its HTTP answer says why."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.headers, self.body = status, headers, body


class SocketClosed(Exception):
    """The WebSocket ended, well (1000, 1001) or not; 1006: without a word."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed {code} {reason}")
        self.code, self.reason = code, reason


class Socket:
    """An open WebSocket. One reader at a time."""

    def __init__(self, link: ClientConnection, account: Traffic) -> None:
        self._link = link
        self._account = account

    @property
    def is_open(self) -> bool:
        return self._link.close_code is None

    async def send(self, message: str | bytes) -> None:
        """Sends a text or binary message; waits while the network is slower than we are.

        Raises:
            SocketClosed: it has ended.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            await self._link.send(message)
        except ConnectionClosed as error:
            raise self._closed(error) from error
        self._account.sent += len(message)

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            SocketClosed: there is none any more.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            message: str | bytes = await self._link.recv()
        except ConnectionClosed as error:
            raise self._closed(error) from error
        self._account.received += len(message)
        self._account.last_at = time.time()
        return message

    async def close(self, code: int = 1000) -> None:
        """Ends it and waits at most a second for the other side. Idempotent."""
        await self._link.close(code)

    def _closed(self, error: ConnectionClosed) -> SocketClosed:
        frame = error.rcvd
        return SocketClosed(frame.code, frame.reason) if frame is not None else SocketClosed(1006, "")


def is_this_computer(url: str) -> bool:
    """Whether an address can only be this machine: `localhost` or a loopback number in its usual spelling.

    Spellings that some connectors read as loopback and others do not ("127.1", "localhost.") count as elsewhere.
    """
    host = _host(url)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> str:
    """Scheme, host and port of an address, which is what a key is bound to; empty for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80, "wss": 443, "ws": 80}[parts.scheme]
    except (ValueError, KeyError):
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@cache
def _trust() -> ssl.SSLContext:
    """Whom this computer trusts; reading it takes tens of milliseconds, so once per process."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


@cache
def _direct() -> type[connect]:
    from websockets.asyncio.client import connect

    class Direct(connect):
        def process_redirect(self, exc: Exception) -> Exception:
            return exc  # the library would go there, with every key that is not in an Authorization header

    return Direct


def _gate_transport(net: Net) -> httpx2.AsyncBaseTransport:
    import httpx2

    class Gate(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            account = net.admit(str(request.url), request.headers)
            request.headers["Accept-Encoding"] = "identity"  # an SDK may have asked for gzip: bombs
            account.sent += int(request.headers.get("content-length") or 0)
            response = await net.pool().handle_async_request(request)
            try:
                _refuse_what_is_no_api(request.url.host, response)
            except AIProviderError:
                await response.aclose()
                raise
            response.stream = _bounded(response, account, request.url.host)
            return response

    return Gate()


def _refuse_what_is_no_api(host: str, response: httpx2.Response) -> None:
    kind = _media_type(response)
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity") or (response.status_code == 200 and kind == "text/html"):
        raise AIProviderError("", host, kind=Kind.NOT_AN_API, who=host)
    if 300 <= response.status_code < 400:
        target = _host(response.headers.get("location", "")) or "another address"
        raise AIProviderError(
            f"{host} sends the request on to {target}; the key was not sent there.",
            host,
            kind=Kind.NOT_AN_API,
            who=host,
        )


def _media_type(response: httpx2.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


class _Bounds:
    """Watches one body go by and says when it is more than an answer can be."""

    def __init__(self, kind: str) -> None:
        self._events = kind == "text/event-stream"
        self._lines = self._events or kind == "application/x-ndjson"
        sound = kind.startswith("audio/") or kind == "application/octet-stream"
        self._limit = MAX_STREAM if self._lines or sound else MAX_BODY
        self._total = self._line = self._event = 0
        self._tail = b""

    def exceeded_by(self, part: bytes) -> bool:
        self._total += len(part)
        if self._lines:
            self._line = _since(part, max(part.rfind(b"\n"), part.rfind(b"\r")), self._line)
        if self._events:
            seam = self._tail + part
            ends = (seam.rfind(blank) + len(blank) - 1 for blank in _BLANK_LINES if blank in seam)
            end = max(ends, default=-1)
            self._event = _since(part, end - len(self._tail), self._event)
            self._tail = seam[-3:]
        return self._total > self._limit or self._line > MAX_LINE or self._event > MAX_EVENT


_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")


def _since(part: bytes, end: int, before: int) -> int:
    """Bytes since the last mark, which is at `end` of `part` or, where that is negative, `before` its beginning."""
    return before + len(part) if end < 0 else len(part) - end - 1


def _bounded(response: httpx2.Response, account: Traffic, host: str) -> httpx2.AsyncByteStream:
    from httpx2 import AsyncByteStream

    source = response.stream
    bounds = _Bounds(_media_type(response))

    class Bounded(AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            assert isinstance(source, AsyncByteStream)
            async for part in source:
                account.received += len(part)
                if bounds.exceeded_by(part):
                    raise AIProviderUnavailableError(
                        f"{host} sent more than an answer can be; it was stopped.",
                        host,
                        who=host,
                        retryable=False,
                    )
                yield part

        async def aclose(self) -> None:
            assert isinstance(source, AsyncByteStream)
            await source.aclose()

    return Bounded()
