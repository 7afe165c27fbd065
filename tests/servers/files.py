"""A server of large files that misbehaves on request: cuts, lies, stalls, changes a file, sends zeros or pages.

`async with FileServer({"model.bin": b"..."}) as server:`; files are served below any folder of `server.url`. `server.fault`
holds for `server.times` answers (None: always). What was asked stands in `server.asked` as path, Range, If-Range. It is a
proxy as well: requests for whole addresses are answered like those for its own.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

PIECE = 64 * 1024


@dataclass(slots=True)
class FileServer:
    """Serves files by their last name, whatever folder is asked for."""

    files: dict[str, bytes]
    fault: str = ""
    """`cut`, `stall`, `short` (announces too little), `long` (announces too much), `more` (sends more than the file),
    `zeros`, `html`, `gzip`, `status-503` and its like, `no-range`, `416`, `elsewhere` (another part), `redirect`,
    `redirect-loop`, `weak` (a weak etag)."""
    times: int | None = None
    cut_after: int = PIECE
    pause_s: float = 0.0
    """Between pieces."""
    version: int = 1
    """Part of the etag."""
    tls: ssl.SSLContext | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    sent: int = 0
    """Bytes of bodies."""
    url: str = ""
    _runner: Any = None

    async def __aenter__(self) -> Self:
        server = web.Server(self._answer, access_log=None)
        self._runner = web.ServerRunner(server, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _next_fault(self) -> str:
        if not self.fault or self.times == 0:
            return ""
        if self.times is not None:
            self.times -= 1
        return self.fault

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path, ranged = request.path, request.headers.get("Range", "")
        self.asked.append((path, ranged, request.headers.get("If-Range", "")))
        name = path.rsplit("/", 1)[1]
        if name not in self.files:
            return web.Response(status=404, text="no such file")
        fault = self._next_fault()
        if answer := self._refusal(fault, path):
            return answer
        content = bytes(len(self.files[name])) if fault == "zeros" else self.files[name]
        etag = f'"{name}-{self.version}"'
        condition = request.headers.get("If-Range", etag)
        start = int(ranged[6:-1]) if ranged and fault != "no-range" and condition == etag else 0
        if start >= len(content) and start:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
        return await self._send(request, content, start, etag, fault)

    def _refusal(self, fault: str, path: str) -> web.Response | None:
        if fault.startswith("status-"):
            return web.Response(status=int(fault[7:]))
        if fault == "416":
            return web.Response(status=416)
        if fault == "html":
            return web.Response(text="<html>Please sign in</html>", content_type="text/html")
        if fault == "redirect" and not path.startswith("/storage/"):
            return web.Response(status=302, headers={"Location": f"/storage{path}"})
        if fault == "redirect-loop":
            return web.Response(status=302, headers={"Location": path})
        return None

    async def _send(
        self, request: web.BaseRequest, content: bytes, start: int, etag: str, fault: str
    ) -> web.StreamResponse:
        length = len(content) - start
        headers = {
            "ETag": f"W/{etag}" if fault == "weak" else etag,
            "Content-Type": "application/octet-stream",
            "Content-Length": str(length + {"short": -1000, "long": 1000}.get(fault, 0)),
        }
        if start:
            first = start + 7 if fault == "elsewhere" else start
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if fault == "gzip":
            headers["Content-Encoding"] = "gzip"
        if fault == "more":
            del headers["Content-Length"]  # chunked
            content += bytes(5 * PIECE)
        answer = web.StreamResponse(status=206 if start else 200, headers=headers)
        await answer.prepare(request)
        for at in range(start, len(content), PIECE):
            piece = content[at : at + PIECE]
            with suppress(ConnectionError):
                await answer.write(piece)
            self.sent += len(piece)
            if fault in ("cut", "stall") and at + PIECE - start >= self.cut_after:
                if fault == "stall":
                    await asyncio.sleep(60)
                assert request.transport is not None
                request.transport.close()
                break
            await asyncio.sleep(self.pause_s)
        return answer
