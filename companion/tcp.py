"""Plain connections behind the egress gate, for protocols that are neither HTTP nor WebSocket.

Bytes in and out of one TCP connection, booked and ended like everything else that leaves through `net`. Belongs to one
event loop; one reader at a time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from companion.bounds import MAX_LINE
from companion.errors import AIProviderTimeoutError, AIProviderUnavailableError, Kind
from companion.net import CONNECT_S, Net
from companion.tasks import Fairness

if TYPE_CHECKING:
    from companion.ledger import Booking


async def dial(net: Net, url: str, *, who: str = "") -> Connection:
    """Opens a connection to `tcp://host:port`; close it.

    Raises:
        CompanionError: NETWORK_SHUT; UNREACHABLE and TIMEOUT as AIProviderUnavailableError.
    """
    booking = net.admit(url, {})
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        async with net.leash(url), asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, parts.port, limit=MAX_LINE)
    except TimeoutError as error:
        raise AIProviderTimeoutError("", host, error, who=who or host) from error
    except OSError as error:
        raise AIProviderUnavailableError("", host, error, kind=Kind.UNREACHABLE, who=who or host) from error
    return Connection(net, url, booking, reader, writer)


class Connection:
    """An open connection. Reading and writing raise CompanionError NETWORK_SHUT when the gate is shut meanwhile."""

    def __init__(
        self,
        net: Net,
        url: str,
        booking: Booking,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._reader, self._writer, self._booking = reader, writer, booking
        self._reading, self._writing = net.leash(url), net.leash(url)
        self._fairness = Fairness()

    async def line(self) -> bytes:
        """The next line with its end; empty at the end of the connection.

        Raises:
            ValueError: it is longer than `bounds.MAX_LINE`.
            OSError: the connection broke.
        """
        async with self._reading:
            if self._fairness.is_due():
                await asyncio.sleep(0)
            line = await self._reader.readline()
        self._booking.received(len(line))
        return line

    async def exactly(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            EOFError: it ended before.
            OSError: the connection broke.
        """
        async with self._reading:
            found = await self._reader.readexactly(count)
        self._booking.received(count)
        return found

    async def send(self, data: bytes) -> None:
        """Waits while the network is slower than we are.

        Raises:
            OSError: the connection broke.
        """
        self._writer.write(data)
        self._booking.sent(len(data))
        async with self._writing:
            await self._writer.drain()

    async def close(self) -> None:
        """Hangs up without waiting for the other side. Idempotent."""
        self._writer.transport.abort()
