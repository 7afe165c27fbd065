"""The egress gate: the only room that can open a socket to the world.

Adapters and vendor SDKs are handed clients made here. The gate counts bytes per host, can be shut, sends no key over
plain http except to this computer, follows no redirect, reads no proxy from the environment, and bounds what a hostile
server can make us hold in memory. Belongs to one event loop.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from companion.errors import AIProviderError, AIProviderUnavailableError, CompanionError, Kind

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 5.0
READ_S = 60.0
"""Longest silence on the wire; the shorter clocks of a turn are the middleware's."""
KEEP_ALIVE_S = 300.0
MAX_LINE = 256 * 1024
"""Longest line of an event stream, bytes."""
MAX_BODY = 8 * 2**20
"""Longest body that is neither sound nor a stream of events, bytes."""
MAX_STREAM = 64 * 2**20
"""Longest sound or stream of events, bytes."""
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "xi-api-key", "x-goog-api-key")


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
        """The shared connections; the TLS context is built at the first call (tens of milliseconds)."""
        import httpx2

        if self._pool is None:
            self._pool = httpx2.AsyncHTTPTransport(
                trust_env=False,
                limits=httpx2.Limits(
                    max_connections=50, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE_S
                ),
            )
        return self._pool

    def admit(self, url: str, headers: Mapping[str, str]) -> Traffic:
        """Lets a request pass and returns its host's account.

        Raises:
            CompanionError: NETWORK_SHUT; UNSAFE_ADDRESS for a key over plain http to another computer.
        """
        host = urlsplit(url).hostname or ""
        if self.shut and not is_this_computer(url):
            raise CompanionError(Kind.NETWORK_SHUT, who=host)
        if (
            url.startswith("http:")
            and not is_this_computer(url)
            and any(name in headers for name in _KEY_HEADERS)
        ):
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


def is_this_computer(url: str) -> bool:
    """Whether an address can only be this machine: `localhost` or a loopback number, as the connector reads it."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> str:
    """Scheme, host and port of an address, which is what a key is bound to."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80, "wss": 443, "ws": 80}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname or ''}:{port}"


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
            response.stream = _bounded(httpx2, response, account, request.url.host)
            return response

    return Gate()


def _refuse_what_is_no_api(host: str, response: httpx2.Response) -> None:
    kind = response.headers.get("content-type", "")
    if response.headers.get("content-encoding", "identity") not in ("", "identity"):
        raise AIProviderError("", host, kind=Kind.NOT_AN_API, who=host)
    if response.status_code == 200 and kind.startswith("text/html"):
        raise AIProviderError("", host, kind=Kind.NOT_AN_API, who=host)
    if 300 <= response.status_code < 400:
        target = urlsplit(response.headers.get("location", "")).hostname or "another address"
        raise AIProviderError(
            f"{host} sends the request on to {target}; the key was not sent there.",
            host,
            kind=Kind.NOT_AN_API,
            who=host,
        )


def _bounded(
    httpx2: object, response: httpx2.Response, account: Traffic, host: str
) -> httpx2.AsyncByteStream:
    from httpx2 import AsyncByteStream

    kind = response.headers.get("content-type", "")
    lines = kind.startswith(("text/event-stream", "application/x-ndjson"))
    limit = MAX_STREAM if lines or kind.startswith(("audio/", "application/octet-stream")) else MAX_BODY
    source = response.stream

    class Bounded(AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            total = line = 0
            assert hasattr(source, "__aiter__")
            async for part in source:
                account.received += len(part)
                total += len(part)
                if lines:
                    end = part.rfind(b"\n")
                    line = line + len(part) if end < 0 else len(part) - end - 1
                if total > limit or line > MAX_LINE:
                    raise AIProviderUnavailableError(
                        f"{host} sent more than an answer can be; it was stopped.",
                        host,
                        who=host,
                        retryable=False,
                    )
                yield part

        async def aclose(self) -> None:
            await source.aclose()  # type: ignore[union-attr]  # a transport answers an async client with async streams

    return Bounded()
