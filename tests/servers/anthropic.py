"""Anthropic: /v1/messages as an event stream in the documented order, /v1/models."""

from __future__ import annotations

from typing import Any, ClassVar

from aiohttp import web

from tests.servers.script import SCRIPT, SEEN, Script, Seen, pieces
from tests.servers.server import VendorServer
from tests.servers.stream import Body, sse

_ERRORS = {
    400: ("invalid_request_error", "Invalid request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is a problem with your billing."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    413: ("request_too_large", "Request exceeds the maximum size."),
    429: ("rate_limit_error", "This request would exceed your rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "Request timed out."),
    529: ("overloaded_error", "Overloaded"),
}
_VERSIONS = ("2026-10-21", "2023-06-01")
_SAMPLING = ("temperature", "top_p", "top_k")


class AnthropicServer(VendorServer):
    name = "anthropic"
    default_models: ClassVar[tuple[str, ...]] = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
    request_id_header: ClassVar[str] = "request-id"

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/models", self._models)
        router.add_post("/v1/messages", self._messages)

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        scheme, _, bearer = seen.headers.get("authorization", "").partition(" ")
        key = bearer if scheme == "Bearer" else seen.headers.get("x-api-key", "")
        if seen.headers.get("anthropic-version") not in _VERSIONS:
            return self.error(400, "", "anthropic-version: header is required")
        if not key or (script.keys and key not in script.keys):
            return self.error(401, "", f"invalid x-api-key {key}")
        return None

    def error_body(self, status: int, code: str, message: str) -> dict[str, Any]:
        usual_kind = "invalid_request_error" if status < 500 else "api_error"
        kind, usual = _ERRORS.get(status, (usual_kind, "Error"))
        error = {"type": code or kind, "message": message or usual}
        return {"type": "error", "error": error, "request_id": "req_test_1"}

    def _inside(self, script: Script) -> bytes:
        body = self.error_body(script.status or 529, script.code, script.message)
        match script.error_shape:
            case "flat":
                return sse({**body["error"], "request_id": "req_test_1"}, "error")
            case "string":
                return sse(body["error"]["message"], "error")
            case _:
                return sse(body, "error")

    async def _models(self, request: web.Request) -> web.Response:
        models = request[SCRIPT].models or self.default_models
        listed = [
            {"type": "model", "id": m, "display_name": m, "created_at": "2026-09-01T00:00:00Z"}
            for m in models
        ]
        page = {"data": listed, "has_more": False, "first_id": models[0], "last_id": models[-1]}
        return web.json_response(page, headers={"request-id": "req_test_1"})

    def _bad(self, asked: Any, seen: Seen, script: Script) -> web.Response | None:
        if not isinstance(asked, dict):
            return self.error(400, "", "The body is not JSON.")
        for name in ("model", "messages", "max_tokens"):
            if not asked.get(name):
                return self.error(400, "", f"{name}: Field required")
        if seen.headers["anthropic-version"] == _VERSIONS[0] and any(name in asked for name in _SAMPLING):
            return self.error(400, "", "temperature: Extra inputs are not permitted")
        if any(m["role"] not in ("user", "assistant") for m in asked["messages"]):
            return self.error(400, "", 'messages: Unexpected role "system".')
        if not self.knows_model(asked["model"], script):
            return self.error(404, "", f"model: {asked['model']}")
        return None

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        seen, script = request[SEEN], request[SCRIPT]
        asked = seen.body
        if bad := self._bad(asked, seen, script):
            return bad
        tokens = [] if script.empty else pieces(script.reply)
        words = sum(len(str(m["content"]).split()) for m in asked["messages"])
        usage = {
            "input_tokens": words,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
            "service_tier": "standard",
        }
        message = {
            "id": "msg_test1",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        stop = script.finish or "end_turn"
        if not asked.get("stream"):
            whole = {"content": [{"type": "text", "text": "".join(tokens)}], "stop_reason": stop}
            return web.json_response({**message, **whole}, headers={"request-id": "req_test_1"})
        return await self._stream(request, message, tokens, stop)

    async def _stream(
        self, request: web.Request, message: dict[str, Any], tokens: list[str], stop: str
    ) -> web.StreamResponse:
        script = request[SCRIPT]
        body = Body(request, "text/event-stream; charset=utf-8", {"request-id": "req_test_1"})

        async def say(kind: str, **fields: Any) -> None:
            await body.frame(sse({"type": kind, **fields}, kind))

        await body.open()
        if script.comments_only:
            await body.comment_for_ever(sse({"type": "ping"}, "ping"))
        await say("message_start", message=message)
        await say("content_block_start", index=0, content_block={"type": "text", "text": ""})
        await say("ping")
        kind = "content_block_delta"
        deltas = (
            sse({"type": kind, "index": 0, "delta": {"type": "text_delta", "text": token}}, kind)
            for token in tokens
        )
        await body.contents(deltas, self._inside(script))
        await say("content_block_stop", index=0)
        usage = {"output_tokens": len(tokens)}
        await say("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage)
        await say("message_stop")
        return await body.close()
