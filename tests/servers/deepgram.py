"""Deepgram: /v2/listen (Flux), /v1/listen (Nova), /v1/speak (Aura), /v2/speak (Flux voices) and /v1/auth/token.

Words come in proportion to the sound that arrives, one per `word_s`. In the script's transcript `/` after a word is a pause
that looks like the end (EagerEndOfTurn, withdrawn by the next word) and `|` is where the model ends the turn or segment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any, ClassVar

from aiohttp import WSMsgType, web

from tests.servers.deepgram_peers import REQUEST_ID, Aura, Flux, FluxVoice, Nova, Peer
from tests.servers.script import SCRIPT, Script, Seen
from tests.servers.server import VendorServer
from tests.servers.talk import Talk

_ERRORS = {
    400: ("Bad Request", "Bad Request: No such model/language/tier combination found."),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: ("ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request."),
    403: ("INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later."),
}
_FLUX_NAMES = {
    "model", "encoding", "sample_rate", "eager_eot_threshold", "eot_threshold", "eot_timeout_ms", "keyterm",
    "language_hint", "profanity_filter", "numerals", "redact", "mip_opt_out", "tag",
}  # fmt: skip
_NOVA_NAMES = {
    "model", "encoding", "sample_rate", "channels", "multichannel", "language", "interim_results", "endpointing",
    "utterance_end_ms", "vad_events", "smart_format", "punctuate", "numerals", "keyterm", "keywords", "mip_opt_out", "tag",
}  # fmt: skip
_SPEAK_NAMES = {"model", "encoding", "sample_rate", "speed", "expressivity", "mip_opt_out"}


class DeepgramServer(VendorServer):
    name = "deepgram"
    default_models: ClassVar[tuple[str, ...]] = (
        "flux-general-en", "flux-general-multi", "nova-3", "nova-3-general", "nova-3-medical", "nova-2",
    )  # fmt: skip
    request_id_header = "dg-request-id"
    word_s = 0.08
    """How much sound a word takes; people take three times as long."""
    lag_s = 0.0
    """How far decoding is behind the sound; a forced end does not wait for it, CloseStream does."""
    patience_s = 10.0
    """How long Nova waits for a message."""
    close_with: tuple[int, str] = (1011, "NET-0000")
    """How the server hangs up when the script ends a conversation early."""
    is_odd = False
    """Unknown messages, unknown fields, and JSON or rubbish in binary messages besides."""
    hangs_up = "bare"
    """How Flux ends after CloseStream: `bare`, a close frame without a code, or `torn`, without any."""
    answers_finalize = True
    """`from_finalize` comes only when much sound was waiting."""

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        super().__init__(script, port=port)
        self.log: list[tuple[str, str, float]] = []
        """("in" or "out", type or "sound", `time.monotonic()`) of every message of all connections."""
        self.spoken: list[tuple[str, bytes]] = []
        """Every stretch of text and the sound that was made of it."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/auth/token", self._token)
        router.add_get("/v2/listen", self._flux)
        router.add_get("/v1/listen", self._nova)
        router.add_get("/v1/speak", self._aura)
        router.add_get("/v2/speak", self._flux_voice)

    def kinds(self, way: str = "") -> list[str]:
        """Types of the messages that came `in` or went `out`, in order; runs of sound as one."""
        found: list[str] = []
        for direction, kind, _ in self.log:
            if way in ("", direction) and not (kind == "sound" and found[-1:] == ["sound"]):
                found.append(kind)
        return found

    # -- refusals -------------------------------------------------------------------------------------------

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        scheme, _, key = seen.headers.get("authorization", "").partition(" ")
        if scheme.lower() in ("token", "bearer") and key and (not script.keys or key in script.keys):
            return None
        return self.error(401, "", "")

    def error(self, status: int, code: str, message: str, script: Script | None = None) -> web.Response:
        refusal = super().error(status, code, message, script)
        refusal.headers["dg-error"] = message or _ERRORS.get(status, ("", "Error."))[1]
        if script is not None and script.error_shape == "string":
            refusal.text, refusal.content_type = message or "Unauthorized", "text/plain"
        if script is not None and script.error_shape == "flat":
            usual = _ERRORS.get(status, ("error", "Error."))
            flat = {
                "category": code or usual[0],
                "message": message or usual[1],
                "details": "See the documentation.",
            }
            refusal.text = json.dumps({**flat, "request_id": REQUEST_ID})
        return refusal

    def error_body(self, status: int, code: str, message: str) -> dict[str, Any]:
        usual, text = _ERRORS.get(status, ("INTERNAL_SERVER_ERROR", "Something went wrong."))
        return {"err_code": code or usual, "err_msg": message or text, "request_id": REQUEST_ID}

    def _bad_query(self, request: web.Request, names: set[str], *begins: str) -> web.Response | None:
        query = request.query
        if unknown := set(query) - names:
            return self.error(400, "", f"Unknown parameter {', '.join(sorted(unknown))}.")
        model = query.get("model", "")
        if not model.startswith(begins) or (
            "listen" in request.path and not self.knows_model(model, request[SCRIPT])
        ):
            return self.error(400, "", "")
        if query.get("encoding") != "linear16" or not query.get("sample_rate", "").isdecimal():
            return self.error(400, "", "Raw audio needs encoding and sample_rate.")
        return None

    async def _token(self, _: web.Request) -> web.Response:
        return web.json_response({"api_key_id": "k1", "scopes": ["usage:write"], "accessor": "a1"})

    # -- conversations --------------------------------------------------------------------------------------

    async def _flux(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if bad := self._bad_query(request, _FLUX_NAMES, "flux-"):
            return bad
        eager, end = float(query.get("eager_eot_threshold", 0.3)), float(query.get("eot_threshold", 0.7))
        if not (0.3 <= eager <= 0.9 and 0.5 <= end <= 1.0 and eager <= end):
            return self.error(400, "", "Threshold out of range.")
        if "language_hint" in query and not query["model"].endswith("-multi"):
            return self.error(400, "", "language_hint needs flux-general-multi.")
        line = Line(self, request)
        return await line.converse(Flux(self, line, request))

    async def _nova(self, request: web.Request) -> web.StreamResponse:
        if bad := self._bad_query(request, _NOVA_NAMES, "nova"):
            return bad
        line = Line(self, request)
        return await line.converse(Nova(self, line, request), patience_s=self.patience_s)

    async def _aura(self, request: web.Request) -> web.StreamResponse:
        bad = self._bad_query(request, _SPEAK_NAMES - {"expressivity"}, "aura-")
        if bad or not 0.7 <= float(request.query.get("speed", 1)) <= 1.5:
            return bad or self.error(400, "", "speed must be between 0.7 and 1.5.")
        line = Line(self, request)
        return await line.converse(Aura(self, line, request))

    async def _flux_voice(self, request: web.Request) -> web.StreamResponse:
        bad = self._bad_query(request, _SPEAK_NAMES, "flux-")
        if bad or not 0.5 <= float(request.query.get("speed", 1)) <= 1.5:
            return bad or self.error(400, "", "speed must be between 0.5 and 1.5.")
        line = Line(self, request)
        return await line.converse(FluxVoice(self, line, request))


class Line(Talk):
    """A conversation that writes down when what was said."""

    def __init__(self, server: DeepgramServer, request: web.Request) -> None:
        super().__init__(request, server.close_with)
        self._server = server
        self.last_at = time.monotonic()

    async def converse(self, peer: Peer, *, patience_s: float | None = None) -> web.WebSocketResponse:
        await self.open()
        watch = asyncio.ensure_future(self._watch(patience_s)) if patience_s else None
        try:
            await peer.greet()
            if self._server.is_odd:
                await self.frame({"type": "SomethingNew", "fields": [1, {"a": None}]})
                await self.frame(b"\x00\xff rubbish")
            async for asked in self.received():
                self.last_at = time.monotonic()
                kind = (
                    "sound"
                    if isinstance(asked, bytes)
                    else asked.get("type", "?")
                    if isinstance(asked, dict)
                    else "?"
                )
                self._server.log.append(("in", kind, self.last_at))
                await peer.take(asked)
                self._server.note()
                if self.ended:
                    break
        finally:
            await peer.stop()
            if watch is not None:
                watch.cancel()
        return self._socket

    async def frame(self, data: dict[str, Any] | bytes) -> None:
        if self.ended or self._socket.closed:
            return
        kind = "sound" if isinstance(data, bytes) else data["type"]
        if kind == "TurnInfo":
            kind = data["event"]
        self._server.log.append(("out", kind, time.monotonic()))
        with contextlib.suppress(ConnectionError):
            if isinstance(data, bytes):
                await self._socket.send_bytes(data)
            else:
                await self._socket.send_str(
                    json.dumps({**data, "brand_new": True} if self._server.is_odd else data)
                )

    async def hang_up(self, code: int, reason: str = "") -> None:
        self.ended = True
        await self._socket.close(code=code, message=reason.encode())

    async def hang_up_bare(self) -> None:
        """A close frame without a code, as Flux does."""
        self.ended = True
        writer = self._socket._writer
        assert writer is not None
        await writer.send_frame(b"", WSMsgType.CLOSE)
        await asyncio.sleep(0.05)

    async def tear(self) -> None:
        self.ended = True
        assert self.request.transport is not None
        self.request.transport.abort()

    async def _watch(self, patience_s: float) -> None:
        while not self.ended:
            await asyncio.sleep(max(0.01, self.last_at + patience_s - time.monotonic()))
            if time.monotonic() >= self.last_at + patience_s:
                await self.hang_up(1011, "NET-0001")
