"""A streamed body, event by event or block by block, with the scripted ways of going wrong on the way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from tests.servers.script import SCRIPT, SEEN, Script, Seen


class Body:
    """A chunked answer under way. `content` counts; `frame` (first and last words) does not."""

    def __init__(
        self, request: web.Request, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        self.request = request
        self.script: Script = request[SCRIPT]
        self.seen: Seen = request[SEEN]
        kind = self.script.content_type or content_type
        self.response = web.StreamResponse(headers={**(headers or {}), "Content-Type": kind})
        self.response.enable_chunked_encoding()
        self.ended = False
        """The stream is over before its proper end: whoever writes should stop."""

    async def open(self) -> None:
        await self.response.prepare(self.request)

    async def write(self, raw: bytes) -> None:
        if self.script.crlf:
            raw = raw.replace(b"\n", b"\r\n")
        step = 7 if self.script.split else len(raw) or 1
        for at in range(0, len(raw), step):
            await self.response.write(raw[at : at + step])
            if self.script.split:
                await asyncio.sleep(0)  # each piece is a read of its own at the client

    async def content(self, raw: bytes, error: bytes = b"") -> None:
        """One chunk, or what the script has in its place. `error` is the vendor's error inside a stream."""
        if self.ended:
            return
        await self._misfortune(raw, error)
        if self.ended:
            return
        if self.script.token_delay_s:
            await asyncio.sleep(self.script.token_delay_s)
        await self.write(raw)
        self.seen.chunks += 1
        if self.seen.first_chunk_at is None:
            self.seen.first_chunk_at = time.monotonic()

    async def _misfortune(self, raw: bytes, error: bytes) -> None:
        script, sent = self.script, self.seen.chunks
        if script.stall_after == sent:
            await asyncio.Event().wait()
        if script.garbage_after == sent:
            await self.write(raw[: len(raw) // 2].rstrip() + b"\n\n")
            self.ended = True
        if script.error_after == sent:
            await self.write(error)
            self.ended = True
        if script.end_after == sent:
            self.ended = True
        if script.cut_after == sent:
            self.ended = True
            assert self.request.transport is not None
            self.request.transport.close()  # what was written goes out, the final chunk never comes

    async def contents(self, raws: Iterable[bytes], error: bytes = b"") -> None:
        for raw in raws:
            await self.content(raw, error)
        if not self.ended:
            await self._misfortune(b"", error)  # a script may place it after the last chunk

    async def frame(self, raw: bytes) -> None:
        if not self.ended:
            await self.write(raw)

    async def comment_for_ever(self, comment: bytes) -> None:
        while True:
            await self.write(comment)
            await asyncio.sleep(0.02)

    async def close(self) -> web.StreamResponse:
        if self.script.hang_at_end:
            await asyncio.Event().wait()
        if self.request.transport is not None and not self.request.transport.is_closing():
            await self.response.write_eof()
        return self.response


def sse(data: Any, event: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}data: {text}\n\n".encode()


def ndjson(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
