"""HTTP/1.1 by hand, because what goes wrong goes wrong below every library: requests read, answers written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MOST_BODY = 64 * 2**20
_TLS = b"\x16"
"""How a handshake begins."""


class Way(StrEnum):
    """What is asked for, and how it travels."""

    CHAT = "chat"
    HEAR = "hear"
    SPEAK = "speak"
    LIVE_HEAR = "live_hear"
    LIVE_SPEAK = "live_speak"


HTTP = frozenset({Way.CHAT, Way.HEAR, Way.SPEAK})
LIVE = frozenset({Way.LIVE_HEAR, Way.LIVE_SPEAK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    head: bytes
    """The request up to the empty line, for a WebSocket's handshake."""

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def wants_websocket(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "websocket"


class Line:
    """One connection. `head`, `part`… and `end` make a proper answer; the rest makes none."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.is_open = True
        """False: nothing more can be said on this connection."""

    async def request(self) -> Asked | None:
        """The next request; None when there is none any more."""
        try:
            head = await self.reader.readexactly(1)
            if head == _TLS:  # as real servers do with somebody who encrypts where nothing is
                await self.raw(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
                return None
            head += await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, *_ = [*first.split(" "), "", ""]
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        size = headers.get("content-length", "0")
        body = await self._body(int(size) if size.isdecimal() else 0, headers)
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        return Asked(method=method, path=parts.path, query=query, headers=headers, body=body, head=head)

    async def _body(self, size: int, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return await self.reader.readexactly(min(size, MOST_BODY))
        body = b""
        while len(body) < MOST_BODY and (length := int(await self.reader.readline(), 16)):
            body += (await self.reader.readexactly(length + 2))[:-2]
        await self.reader.readline()
        return body

    async def head(
        self,
        status: int = 200,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """The beginning of an answer whose length nobody knows yet."""
        lines = {"content-type": media_type, "transfer-encoding": "chunked", **(headers or {})}
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.raw(f"HTTP/1.1 {status} Chaos\r\n{told}\r\n".encode("latin-1"))

    async def part(self, part: bytes) -> None:
        if part:
            await self.raw(b"%x\r\n%b\r\n" % (len(part), part))

    async def parts(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            await self.part(part)

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def whole(
        self,
        status: int,
        body: bytes,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """An answer in one piece."""
        await self.head(status, media_type, headers)
        await self.part(body)
        await self.end()

    async def raw(self, raw: bytes) -> None:
        """Bytes as they are.

        Raises:
            ConnectionError: the other side has gone.
        """
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(raw)
        await self.writer.drain()
        # Draining alone never waits while the other side keeps up, and that side is on this loop.
        await asyncio.sleep(0)

    def cut(self) -> None:
        """The connection breaks, without a goodbye."""
        self.is_open = False
        self.writer.transport.abort()

    async def hang_up(self) -> None:
        """What was written goes out, then the connection ends."""
        self.is_open = False
        self.writer.close()

    async def silence(self) -> None:
        """Nothing more, until the other side has had enough."""
        self.is_open = False
        while await self.reader.read(65_536):
            pass
