"""A wire-tap: relays between the product and the test servers, and what crossed them, taken apart without its own code.

Every byte of a connection is either content (bodies, WebSocket messages) or framing (request and status lines, headers,
chunk sizes, WebSocket frame headers, control frames). Names such as `vendor.lan` lead to the relays.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import h11
import pytest


@dataclass(slots=True)
class Tapped:
    """One connection: the bytes both ways."""

    out: bytearray = field(default_factory=bytearray)
    back: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Content:
    """What a connection's bytes were."""

    sent: int = 0
    received: int = 0
    framing: int = 0
    unexplained: int = 0


class Relay:
    """Listens, and passes on to one server."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self.path = parts.path
        self.connections: list[Tapped] = []
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Relay]:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tapped = Tapped()
        self.connections.append(tapped)
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, there_writer, tapped.out))
            group.create_task(_pump(there_reader, writer, tapped.back))

    def content(self) -> Content:
        """Everything that crossed, summed up."""
        total = Content()
        for tapped in self.connections:
            one = taken_apart(tapped)
            total.sent += one.sent
            total.received += one.received
            total.framing += one.framing
            total.unexplained += one.unexplained
        return total


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    try:
        while data := await reader.read(65_536):
            kept += data
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def taken_apart(tapped: Tapped) -> Content:
    """Content and framing of a connection, which was HTTP or became a WebSocket."""
    found, methods, upgraded_at = Content(), [], 0
    asking = h11.Connection(h11.SERVER, max_incomplete_event_size=2**20)
    asking.receive_data(bytes(tapped.out))
    while isinstance(event := asking.next_event(), h11.Request | h11.Data | h11.EndOfMessage):
        if isinstance(event, h11.Request):
            methods.append(event.method)
            if any(name == b"upgrade" for name, _ in event.headers):
                upgraded_at = bytes(tapped.out).index(b"\r\n\r\n") + 4
                break
        elif isinstance(event, h11.Data):
            found.sent += len(event.data)
        else:
            asking.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            asking.send(h11.EndOfMessage())
            asking.start_next_cycle()
    if upgraded_at:
        answered_at = bytes(tapped.back).index(b"\r\n\r\n") + 4
        found.sent = _messages(tapped.out, upgraded_at, found)
        found.received = _messages(tapped.back, answered_at, found)
        found.framing += upgraded_at + answered_at
        return found
    found.received = _bodies(tapped.back, methods)
    found.unexplained += len(asking.trailing_data[0])
    found.framing = len(tapped.out) + len(tapped.back) - found.sent - found.received
    return found


def _bodies(data: bytearray, methods: list[bytes]) -> int:
    count = 0
    client: Any = None
    rest = bytes(data)
    for method in methods:
        client = h11.Connection(h11.CLIENT, max_incomplete_event_size=2**20)
        headers = [("Host", "x")]
        client.send(h11.Request(method=method, target="/", headers=headers))
        client.send(h11.EndOfMessage())
        client.receive_data(rest)
        while isinstance(event := client.next_event(), h11.Response | h11.Data | h11.InformationalResponse):
            if isinstance(event, h11.Data):
                count += len(event.data)
        rest = client.trailing_data[0]
    return count


def _messages(data: bytearray, at: int, found: Content) -> int:
    """Payload of the data frames from `at` on (RFC 6455, 5.2); headers and control frames are framing."""
    count = 0
    while at + 2 <= len(data):
        opcode, length = data[at] & 0x0F, data[at + 1] & 0x7F
        head = 2 + {126: 2, 127: 8}.get(length, 0) + (4 if data[at + 1] & 0x80 else 0)
        if length >= 126:
            length = int.from_bytes(data[at + 2 : at + (4 if length == 126 else 10)], "big")
        if at + head + length > len(data):
            break
        count += length if opcode < 8 else 0
        found.framing += head + (0 if opcode < 8 else length)
        at += head + length
    found.unexplained += len(data) - at
    return count


@asynccontextmanager
async def tapped_servers(
    monkeypatch: pytest.MonkeyPatch, **targets: str
) -> AsyncIterator[tuple[dict[str, Relay], dict[str, str]]]:
    """Relays by name, and the addresses that lead through them: `http://NAME.lan:PORT/...`."""
    look_up = socket.getaddrinfo

    def here(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        return look_up("127.0.0.1" if name.endswith(".lan") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    async with AsyncExitStack() as stack:
        relays = {
            name: await stack.enter_async_context(Relay(url).listening()) for name, url in targets.items()
        }
        addresses = {
            name: f"http://{name}.lan:{relay.port}{relay.path}".rstrip("/") for name, relay in relays.items()
        }
        yield relays, addresses
