"""The egress gate: the only room that can open a socket to the world.

Adapters and vendor SDKs are handed clients made here. The gate books every byte (`ledger`), can be shut at any moment,
sends no key over plain http except to this computer (and to the own network where a person said so), follows no redirect,
reads no proxy from the environment unless it was told to, and bounds what a hostile server can make us hold in memory.
Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

from companion.bounds import MAX_BODY, MAX_MESSAGE, Bounds
from companion.errors import (
    AIProviderError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.hosts import host_of, is_own_network, is_this_computer, origin
from companion.language import tr
from companion.ledger import Booking, Ledger, Traffic, current_errand
from companion.tasks import Fairness, Wait, spawn
from companion.websocket import connector, discreet

if TYPE_CHECKING:
    import ssl

    import httpx2
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

__all__ = [
    "HandshakeRefused",
    "Net",
    "Socket",
    "SocketClosed",
    "Traffic",
    "is_own_network",
    "is_this_computer",
    "media_type",
    "origin",
]

CONNECT_S = 5.0
READ_S = 660.0
"""Longest silence on the wire, longer than a person may want to wait; the clocks that end a turn are the middleware's."""
KEEP_ALIVE_S = 300.0
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


class Net:
    """One gate per app. `client()` is cheap; all clients share one pool of connections per way out."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.trusts_own_network = False
        """True: a key may go to a server of the same private network without encryption."""
        self.uses_proxy = False
        """True: the proxies in the environment hold, except for this computer and its network."""
        self.certificates = ""
        """A file of certificates that are trusted besides the system's; empty: none."""
        self._is_shut = False
        self._pools: dict[tuple[str, str], _Pool] = {}
        """By the way out and the certificates that are trusted on it."""
        self._leashes: set[_Leash] = set()
        self._sockets: WeakSet[Socket] = WeakSet()
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def shut(self) -> bool:
        """True: nothing leaves this computer, not even the question where a host is; loopback still works."""
        return self._is_shut

    @shut.setter
    def shut(self, is_shut: bool) -> None:
        self._is_shut = is_shut
        if is_shut:
            for leash in tuple(self._leashes):
                leash.pull()
            for link in tuple(self._sockets):
                link.cut()
            for way in [way for way in self._pools if way[0] != _HERE]:
                self._close_pool(way)

    @property
    def traffic(self) -> Mapping[str, Traffic]:
        """Host -> what went there and came from there in this run."""
        return self.ledger.hosts

    def client(
        self,
        base_url: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        max_line: int = 0,
        max_body: int = 0,
        file_bytes: int = 0,
    ) -> httpx2.AsyncClient:
        """An HTTP client behind the gate. Close it or not: the pool is the gate's.

        Args:
            base_url: what relative addresses stand below.
            headers: go with every request.
            max_line: longest line of an event stream instead of `bounds.MAX_LINE`: sound comes as base64 in some.
            max_body: longest body of any kind, for what is not held in memory: a video, the results of a batch.
            file_bytes: size of the one file that is fetched; the caller looks at pages and redirects itself.
        """
        import httpx2

        return httpx2.AsyncClient(
            base_url=base_url,
            headers={"Accept-Encoding": "identity", **(headers or {})},
            timeout=httpx2.Timeout(READ_S, connect=CONNECT_S, pool=CONNECT_S),
            transport=_gate_transport(self, max_line, max_body, file_bytes),
            trust_env=False,
            follow_redirects=False,
        )

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

        booking = self.admit(url, headers or {})
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            async with self.leash(url):
                link = await connector()(
                    url,
                    ssl=_trust(self.certificates) if parts.scheme == "wss" else None,
                    additional_headers=dict(headers or {}),
                    proxy=self.proxy_for(url) or None,
                    compression=None,
                    open_timeout=CONNECT_S,
                    close_timeout=1,
                    max_size=MAX_MESSAGE,
                    max_queue=64,
                    logger=discreet(),
                )
        except InvalidStatus as error:
            answer = error.response
            raise HandshakeRefused(
                answer.status_code, dict(answer.headers.raw_items()), bytes(answer.body or b"")
            ) from None  # its repr has the body, and some servers say the key back
        except TimeoutError as error:
            raise AIProviderTimeoutError("", host, error, who=who or host) from error
        except ssl.SSLError:
            raise
        except (OSError, InvalidHandshake) as error:
            raise AIProviderUnavailableError(
                "", host, error, kind=Kind.UNREACHABLE, who=who or host
            ) from error
        socket = Socket(link, host, booking, self.ledger)
        if not is_this_computer(url):
            self._sockets.add(socket)
        return socket

    def admit(self, url: str, headers: Mapping[str, str]) -> Booking:
        """Lets a request pass and begins to book it.

        Raises:
            CompanionError: NETWORK_SHUT; UNSAFE_ADDRESS for a key over plain http to another computer.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not is_this_computer(url):
            if self.shut:
                raise CompanionError(Kind.NETWORK_SHUT, who=host)
            carries_key = any(name.lower() in _KEY_HEADERS for name in headers) or "key=" in parts.query
            may_be_read = parts.scheme in ("http", "ws") and not (
                self.trusts_own_network and is_own_network(host)
            )
            if carries_key and may_be_read:
                raise CompanionError(Kind.UNSAFE_ADDRESS, who=host)
        return Booking(self.ledger, host)

    def leash(self, url: str) -> _Leash:
        """`async with net.leash(url)`: what waits inside ends when the gate is shut.

        For work outside the pool, such as a process that fetches a file; `admit` it first.

        Raises:
            CompanionError: NETWORK_SHUT, from the block.
        """
        return _Leash("" if is_this_computer(url) else host_of(url), self._leashes)

    def proxy_for(self, url: str) -> str:
        """The proxy that a request to `url` goes through; empty: none.

        Raises:
            CompanionError: UNREACHABLE for a kind of proxy that is not known here; the request must not go around it.
        """
        host = host_of(url)
        if not self.uses_proxy or is_this_computer(url) or is_own_network(host):
            return ""
        from urllib.request import getproxies, proxy_bypass

        if proxy_bypass(host):
            return ""
        found = getproxies()
        proxy = found.get("http" if urlsplit(url).scheme in ("http", "ws") else "https") or found.get(
            "all", ""
        )
        if proxy and urlsplit(proxy).scheme not in ("http", "https"):
            message = tr("The proxy in the environment is of a kind that Companion cannot use.")
            hint = tr(
                "Set HTTPS_PROXY to an http:// address, or turn the use of proxies off in the settings."
            )
            raise AIProviderUnavailableError(message, host, kind=Kind.UNREACHABLE, who=host, hint=hint)
        return proxy

    async def aclose(self) -> None:
        """Closes every connection."""
        for way in tuple(self._pools):
            self._close_pool(way)
        if self._ending:
            await asyncio.wait(self._ending)

    # -- connections ----------------------------------------------------------------------------------------

    def _pool(self, url: str) -> _Pool:
        """The shared connections of the way that leads to `url`."""
        import httpx2

        out = _HERE if is_this_computer(url) else self.proxy_for(url) or _AWAY
        way = (out, self.certificates)
        if way not in self._pools:
            transport = httpx2.AsyncHTTPTransport(
                verify=_trust(self.certificates),
                trust_env=False,
                proxy=out if out not in (_HERE, _AWAY) else None,
                limits=httpx2.Limits(
                    max_connections=50, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE_S
                ),
            )
            self._pools[way] = _Pool(transport, lambda: self._close_pool(way))
        return self._pools[way]

    def _close_pool(self, way: tuple[str, str]) -> None:
        pool = self._pools.pop(way, None)
        if pool is not None:
            task = spawn(pool.close(), name="close connections")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


def environment_proxy() -> str:
    """Host and port of the proxy the environment names for secure connections; empty: none."""
    from urllib.request import getproxies

    found = getproxies()
    return urlsplit(found.get("https") or found.get("all", "")).netloc.rpartition("@")[2]


_HERE, _AWAY = "here", "away"
"""The two ways out that are no proxy."""


class _Pool:
    """Connections and how many requests are under way on them; when none was for `KEEP_ALIVE_S`, `idle` is called."""

    def __init__(self, transport: httpx2.AsyncHTTPTransport, idle: Callable[[], None]) -> None:
        self.transport = transport
        self._idle = idle
        self._under_way = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._under_way += 1
        if self._timer is not None:
            self._timer.cancel()

    def end(self) -> None:
        self._under_way -= 1
        if self._under_way == 0:
            self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._idle)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self.transport.aclose()


class _Leash:
    """`async with`, or `hold` and `release`, any number of times: ends with NETWORK_SHUT when it is pulled meanwhile."""

    def __init__(self, host: str, leashes: set[_Leash]) -> None:
        """`host`: where to; empty: this computer, which may always be asked."""
        self._host, self._leashes = host, leashes
        self._wait = Wait()

    def pull(self) -> None:
        self._leashes.discard(self)
        self._wait.break_off()

    def hold(self) -> None:
        if self._host:
            self._wait.begin()
            self._leashes.add(self)

    def release(self, error: BaseException | None = None) -> None:
        """Ends what `hold` began. Idempotent.

        Raises:
            CompanionError: NETWORK_SHUT, where `error` is what the pull has caused.
        """
        self._leashes.discard(self)
        if self._wait.end() and isinstance(error, asyncio.CancelledError):
            raise CompanionError(Kind.NETWORK_SHUT, who=self._host) from None

    async def __aenter__(self) -> None:
        self.hold()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release(error)


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

    def __init__(self, link: ClientConnection, host: str, opened: Booking, ledger: Ledger) -> None:
        """`opened`: how the opening was booked; so is what passes while nobody is named."""
        self._link = link
        self._host, self._opened, self._ledger = host, opened, ledger
        self._booking = opened
        self._is_cut = False

    @property
    def is_open(self) -> bool:
        return self._link.close_code is None and not self._is_cut

    def cut(self) -> None:
        """Ends it at once: the gate was shut."""
        self._is_cut = True
        self._link.transport.abort()

    async def send(self, message: str | bytes) -> None:
        """Sends a text or binary message; waits while the network is slower than we are.

        Raises:
            SocketClosed: it has ended.
            CompanionError: NETWORK_SHUT.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            await self._link.send(message)
        except ConnectionClosed as error:
            raise self._closed(error) from error
        self._book().sent(_size(message))

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            SocketClosed: there is none any more.
            CompanionError: NETWORK_SHUT.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            message: str | bytes = await self._link.recv()
        except ConnectionClosed as error:
            raise self._closed(error) from error
        self._book().received(_size(message))
        return message

    async def close(self, code: int = 1000) -> None:
        """Ends it and waits at most a second for the other side. Idempotent."""
        await self._link.close(code)

    def _book(self) -> Booking:
        """The account of the errand under way; a connection outlives errands."""
        errand = current_errand() or self._opened.errand
        if errand is not self._booking.errand:
            self._booking = Booking(self._ledger, self._host, errand)
        return self._booking

    def _closed(self, error: ConnectionClosed) -> SocketClosed | CompanionError:
        if self._is_cut:
            return CompanionError(Kind.NETWORK_SHUT, who=self._host)
        frame = error.rcvd
        return SocketClosed(frame.code, frame.reason) if frame is not None else SocketClosed(1006, "")


def _size(message: str | bytes) -> int:
    """Bytes on the wire."""
    return len(message) if isinstance(message, bytes) or message.isascii() else len(message.encode())


@cache
def _trust(certificates: str) -> ssl.SSLContext:
    """Whom this computer trusts; reading it takes tens of milliseconds, so once per process."""
    import httpx2

    context = httpx2.create_ssl_context(trust_env=False)
    try:
        if certificates:
            context.load_verify_locations(certificates)
    except OSError as error:  # ssl.SSLError is one
        message = tr("The file with your own server's certificate could not be read.")
        hint = tr("Choose another in the settings under Privacy. What you said is kept.")
        raise AIProviderUnavailableError(
            message, kind=Kind.UNREACHABLE, original_error=error, hint=hint
        ) from error
    return context


def _gate_transport(net: Net, max_line: int, max_body: int, file_bytes: int) -> httpx2.AsyncBaseTransport:
    import httpx2

    most = max(file_bytes, MAX_BODY) if file_bytes else max_body

    class Gate(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            url = str(request.url)
            booking, leash, pool = net.admit(url, request.headers), net.leash(url), net._pool(url)
            request.headers["Accept-Encoding"] = "identity"  # an SDK may have asked for gzip: bombs
            request.stream = _counted()(request.stream, booking)
            pool.begin()
            try:
                async with leash:
                    response = await pool.transport.handle_async_request(request)
                    source: Any = response.stream
                    bounds = Bounds(media_type(response), max_line, most)
                    response.stream = _bounded()(source, bounds, booking, leash, pool)
                    try:
                        if not file_bytes:
                            _refuse_what_is_no_api(request.url.host, response)
                    except AIProviderError:
                        await source.aclose()
                        raise
            except BaseException:
                pool.end()
                raise
            return response

    return Gate()


@cache
def _counted() -> Callable[[Any, Booking], httpx2.AsyncByteStream]:
    """The class of the body of a request, booked as it goes; made when the library is there."""
    from httpx2 import AsyncByteStream

    class Counted(AsyncByteStream):
        def __init__(self, source: Any, booking: Booking) -> None:
            self._source, self._booking = source, booking

        async def __aiter__(self) -> AsyncGenerator[bytes, None]:
            async for part in self._source:
                self._booking.sent(len(part))
                yield part

        async def aclose(self) -> None:
            await self._source.aclose()

    return Counted


def _refuse_what_is_no_api(host: str, response: httpx2.Response) -> None:
    kind = media_type(response)
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity") or (response.status_code == 200 and kind == "text/html"):
        raise AIProviderError("", host, kind=Kind.NOT_AN_API, who=host)
    if 300 <= response.status_code < 400:
        target = host_of(response.headers.get("location", "")) or "another address"
        raise AIProviderError(
            tr(
                "{host} sends the request on to {target}; the key was not sent there.",
                host=host,
                target=target,
            ),
            host,
            kind=Kind.NOT_AN_API,
            who=host,
        )


def media_type(response: httpx2.Response) -> str:
    """What the answer says it is, without parameters, in lower case."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


@cache
def _bounded() -> Callable[[Any, Bounds, Booking, _Leash, _Pool], httpx2.AsyncByteStream]:
    """The class of the body of an answer: booked, held within bounds, and ended when the gate is shut."""
    from httpx2 import AsyncByteStream

    class Bounded(AsyncByteStream):
        def __init__(self, source: Any, bounds: Bounds, booking: Booking, leash: _Leash, pool: _Pool) -> None:
            self._source, self._pool, self._is_over = source, pool, False
            self._kept = bounds, booking, leash

        async def __aiter__(self) -> AsyncGenerator[bytes, None]:
            bounds, booking, leash = self._kept
            parts = aiter(self._source)
            fairness = Fairness()
            while True:
                if fairness.is_due():
                    await asyncio.sleep(0)
                leash.hold()
                try:
                    part = await anext(parts)
                except StopAsyncIteration:
                    return
                except asyncio.CancelledError as error:
                    leash.release(error)
                    raise
                finally:
                    leash.release()
                booking.received(len(part))
                if bounds.exceeded_by(part):
                    host = booking.host
                    raise AIProviderUnavailableError(
                        tr("{host} sent more than an answer can be; it was stopped.", host=host),
                        host,
                        who=host,
                        retryable=False,
                    )
                yield part

        async def aclose(self) -> None:
            if not self._is_over:
                self._is_over = True
                self._pool.end()
            await self._source.aclose()

    return Bounded
