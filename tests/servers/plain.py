"""A server of one answer for everything, byte for byte, for what the vendors' own servers would never send."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = Callable[[str, bytes], tuple[int, str, bytes]]
"""Path and body -> status, content type and body."""


@dataclass
class Plain:
    """What it was asked, and where it is."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def plain_server(answer: Answer, *, block: int = 4096) -> AsyncIterator[Plain]:
    """Answers in blocks of `block` bytes."""
    seen = Plain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(size[1])) if size else b""
                seen.bodies.append(body)
                status, kind, data = answer(head.split()[1].decode(), body)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                )
                for at in range(0, len(data), block):
                    part = data[at : at + block]
                    writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield seen
    finally:
        server.close()
