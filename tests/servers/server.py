"""What the vendor servers share: listening, remembering requests, refusing them as scripted, and the control paths.

One `Script` says what a server answers and how it fails. Failures can be limited to some paths (`only`) and to the next
so many requests (`times`), after which the server is well again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar, Self

from aiohttp import web

from tests.servers.script import ANSWERS, SCRIPT, SEEN, Script, Seen
from tests.servers.stream import Body


class VendorServer:
    """A vendor on 127.0.0.1. Subclasses add routes, their error bodies and their streams."""

    name: ClassVar[str]
    base_path: ClassVar[str] = ""
    """What a `base_url` has after host and port."""
    default_models: ClassVar[tuple[str, ...]] = ()

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        self.script = script or Script()
        self.requests: list[Seen] = []
        self.port = port
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Event()

    # -- life -----------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base_path}"

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 2**20, middlewares=[self._around])
        app.router.add_post("/_control/script", self._set_script)
        app.router.add_get("/_control/requests", self._list_requests)
        app.router.add_post("/_control/reset", self._reset)
        self.add_routes(app.router)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        raise NotImplementedError

    # -- what tests look at ---------------------------------------------------------------------------------

    @property
    def open_sockets(self) -> int:
        """Connections that clients hold open now."""
        assert self._runner is not None
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    def asked(self, part: str) -> list[Seen]:
        """Requests whose path contains `part`, oldest first; connection warmers (HEAD) left out."""
        return [seen for seen in self.requests if part in seen.path and seen.method != "HEAD"]

    async def until(self, holds: Callable[[], bool], *, limit_s: float = 5.0) -> None:
        """Returns when `holds`; fails after `limit_s`."""
        async with asyncio.timeout(limit_s):
            while not holds():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.02):  # sockets close without telling
                        await self._changed.wait()
                except TimeoutError:
                    continue

    def note(self) -> None:
        self._changed.set()

    # -- every request --------------------------------------------------------------------------------------

    @web.middleware
    async def _around(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/_control/"):
            return await handler(request)  # type: ignore[no-any-return]
        seen = await _read(request)
        self.requests.append(seen)
        request[SEEN] = seen
        request[SCRIPT] = script = self._script_for(request.path)
        self.note()
        try:
            await asyncio.sleep(script.header_delay_s)
            if refusal := self.refuse(seen, script):
                return refusal
            return await (self._recite(request) if script.raw else handler(request))
        except (asyncio.CancelledError, ConnectionError):
            seen.disconnected = True
            raise asyncio.CancelledError from None  # as the server itself ends a handler whose client went away
        finally:
            seen.ended_at = time.monotonic()
            self.note()

    async def _recite(self, request: web.Request) -> web.StreamResponse:
        body = Body(request, "text/event-stream")
        await body.open()
        await body.write(request[SCRIPT].raw.encode("utf-8", "surrogateescape"))
        return await body.close()

    def _script_for(self, path: str) -> Script:
        """The script with its failures taken out where they do not apply to this request."""
        script = self.script
        if script.only in path and script.times != 0:
            if script.times is not None:
                script.times -= 1
            return script
        return Script(**{name: getattr(script, name) for name in ANSWERS})

    def refuse(self, seen: Seen, script: Script) -> web.Response | None:
        """A scripted refusal, or the server's own for a wrong key; None where the request is let in."""
        if script.redirect_to:
            return web.Response(status=307, headers={"Location": script.redirect_to})
        if script.html:
            page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
            return web.Response(status=script.status or 200, text=page, content_type="text/html")
        if script.status:
            return self.error(script.status, script.code, script.message, script)
        return self.refuse_key(seen, script)

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        raise NotImplementedError

    def error(self, status: int, code: str, message: str, script: Script | None = None) -> web.Response:
        headers = {self.request_id_header: "req_test_1"}
        if script is not None and script.retry_after:
            headers["retry-after"] = script.retry_after
        if script is not None and script.retry_after_ms:
            headers["retry-after-ms"] = script.retry_after_ms
        return web.json_response(self.error_body(status, code, message), status=status, headers=headers)

    request_id_header: ClassVar[str] = "x-request-id"

    def error_body(self, status: int, code: str, message: str) -> dict[str, Any]:
        raise NotImplementedError

    def knows_model(self, model: object, script: Script) -> bool:
        return model in (script.models or self.default_models)

    # -- control --------------------------------------------------------------------------------------------

    async def _set_script(self, request: web.Request) -> web.Response:
        for name, value in (await request.json()).items():
            if name not in Script.__dataclass_fields__:
                return web.json_response({"unknown": name}, status=400)
            setattr(self.script, name, value)
        return web.json_response(asdict(self.script))

    async def _list_requests(self, _: web.Request) -> web.Response:
        listed = [{k: v for k, v in asdict(seen).items() if k != "files"} for seen in self.requests]
        return web.json_response(listed)

    async def _reset(self, _: web.Request) -> web.Response:
        self.script = Script()
        self.requests.clear()
        return web.json_response({})


async def _read(request: web.Request) -> Seen:
    files: dict[str, bytes] = {}
    body: Any = None
    if request.content_type == "multipart/form-data":
        body = {}
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                with value.file:  # a request that is given up would leave it open
                    files[name] = value.file.read()
                body[name] = {
                    "filename": value.filename,
                    "content_type": value.content_type,
                    "size": len(files[name]),
                }
            else:
                body[name] = value
    elif request.can_read_body:
        raw = await request.read()
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw.decode("utf-8", "replace")
    peer = request.transport.get_extra_info("peername")[1] if request.transport else 0
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Seen(
        method=request.method,
        path=request.path_qs,
        headers=headers,
        body=body,
        at=time.monotonic(),
        peer=peer,
        files=files,
    )
