"""Anthropic: /v1/messages as an event stream in the documented order, /v1/messages/count_tokens, /v1/models.

It is as strict as the contract: unknown fields, sampling parameters, answers to calls nobody made, thoughts that were not
sent back as they came, and schemas beyond what structured outputs take are refused with 400.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from aiohttp import web

from tests.servers.anthropic_batches import AnthropicBatches
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
_FIELDS = {
    "model",
    "max_tokens",
    "messages",
    "system",
    "stream",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "service_tier",
    "speed",
    "cache_control",
    "metadata",
    "inference_geo",
    "container",
}
_CHOICES = {"auto": set(), "any": set(), "none": set(), "tool": {"name"}}
_THINKING = {
    "adaptive": {"display"},
    "enabled": {"budget_tokens", "display"},
    "between_tools": set(),
    "disabled": set(),
}
_SCHEMA_WORDS = {
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "anyOf",
    "allOf",
    "$ref",
    "$defs",
    "description",
    "title",
    "format",
    "minItems",
}
_PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def sign(thought: str) -> str:
    """What comes with a thought and must come back with it."""
    return base64.b64encode(hashlib.sha256(thought.encode()).digest()).decode()


class AnthropicServer(VendorServer):
    name = "anthropic"
    default_models: ClassVar[tuple[str, ...]] = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
    request_id_header: ClassVar[str] = "request-id"

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        super().__init__(script, port=port)
        self._kept: set[str] = set()
        """Prompts in the cache."""
        self.batches = AnthropicBatches(self)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/models", self._models)
        router.add_post("/v1/messages/count_tokens", self._count)
        router.add_post("/v1/messages", self._messages)
        self.batches.add_routes(router)

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
        if unknown := asked.keys() - _FIELDS:
            return self.error(400, "", f"{min(unknown)}: Extra inputs are not permitted")
        if any(m["role"] not in ("user", "assistant") for m in asked["messages"]):
            return self.error(400, "", 'messages: Unexpected role "system".')
        for complaint in (*_wrong_messages(asked), *_wrong_options(asked)):
            return self.error(400, "", complaint)
        if not self.knows_model(asked["model"], script):
            return self.error(404, "", f"model: {asked['model']}")
        return None

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        seen, script = request[SEEN], request[SCRIPT]
        asked = seen.body
        if bad := self._bad(asked, seen, script):
            return bad
        blocks = self._answer(asked, script)
        message = {
            "id": "msg_test1",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._usage(asked),
        }
        used = any(block["type"] == "tool_use" for block in blocks)
        stop = script.finish or ("tool_use" if used else "end_turn")
        if not asked.get("stream"):
            return web.json_response(
                {**message, "content": blocks, "stop_reason": stop}, headers={"request-id": "req_test_1"}
            )
        return await self._stream(request, message, blocks, stop)

    def _answer(self, asked: dict[str, Any], script: Script) -> list[dict[str, Any]]:
        """The blocks of content."""
        blocks: list[dict[str, Any]] = []
        thoughts = script.thoughts
        if thoughts and asked.get("thinking", {}).get("type") in ("adaptive", "enabled"):
            blocks.append({"type": "thinking", "thinking": thoughts, "signature": sign(thoughts)})
        wants = asked.get("tools") and asked.get("tool_choice", {}).get("type") != "none"
        answered = any(block["type"] == "tool_result" for block in _blocks(asked["messages"][-1]))
        if wants and script.calls and not answered:
            if not script.empty:
                blocks.append({"type": "text", "text": "Let me look."})
            return blocks + [
                {"type": "tool_use", "id": f"toolu_{number:02}", "name": name, "input": json.loads(arguments)}
                for number, (name, arguments) in enumerate(script.calls, 1)
            ]
        return [*blocks, {"type": "text", "text": "" if script.empty else script.reply}]

    def _usage(self, asked: dict[str, Any]) -> dict[str, Any]:
        words = _words(asked)
        prompt = json.dumps([asked.get("system"), asked.get("tools"), asked["messages"][:1]])
        wanted, is_kept = "cache_control" in asked, prompt in self._kept
        if wanted:
            self._kept.add(prompt)
        return {
            "input_tokens": 0 if wanted else words,
            "cache_creation_input_tokens": words if wanted and not is_kept else 0,
            "cache_read_input_tokens": words if wanted and is_kept else 0,
            "output_tokens": 1,
            "service_tier": "standard",
        }

    async def _count(self, request: web.Request) -> web.Response:
        seen = request[SEEN]
        if not isinstance(seen.body, dict) or "max_tokens" in seen.body or "stream" in seen.body:
            return self.error(400, "", "max_tokens: Extra inputs are not permitted")
        if bad := self._bad({**seen.body, "max_tokens": 1}, seen, request[SCRIPT]):
            return bad
        return web.json_response({"input_tokens": _words(seen.body)}, headers={"request-id": "req_test_1"})

    async def _stream(
        self, request: web.Request, message: dict[str, Any], blocks: list[dict[str, Any]], stop: str
    ) -> web.StreamResponse:
        script = request[SCRIPT]
        body = Body(request, "text/event-stream; charset=utf-8", {"request-id": "req_test_1"})

        async def say(kind: str, **fields: Any) -> None:
            await body.frame(sse({"type": kind, **fields}, kind))

        await body.open()
        if script.comments_only:
            await body.comment_for_ever(sse({"type": "ping"}, "ping"))
        await say("message_start", message=message)
        for index, block in enumerate(blocks):
            await say("content_block_start", index=index, content_block=_beginning(block))
            if index == 0:
                await say("ping")
            kind = "content_block_delta"
            deltas = (sse({"type": kind, "index": index, "delta": delta}, kind) for delta in _deltas(block))
            await body.contents(deltas, self._inside(script))
            await say("content_block_stop", index=index)
        usage = {"output_tokens": sum(len(list(_deltas(block))) for block in blocks)}
        await say("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage)
        await say("message_stop")
        return await body.close()


def _beginning(block: dict[str, Any]) -> dict[str, Any]:
    match block["type"]:
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "tool_use":
            return {**block, "input": {}}
        case _:
            return {**block, "text": ""}


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            text = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
            for at in range(0, len(text), 9):
                yield {"type": "input_json_delta", "partial_json": text[at : at + 9]}
        case _:
            yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _words(asked: dict[str, Any]) -> int:
    said = [asked.get("system", ""), *(m["content"] for m in asked["messages"])]
    return sum(len(str(each).split()) for each in said)


def _wrong_messages(asked: dict[str, Any]) -> Iterator[str]:
    waiting: set[str] = set()
    if asked["messages"][0]["role"] != "user":
        yield "messages: first message must use the user role"
    for number, message in enumerate(asked["messages"]):
        at = f"messages.{number}"
        blocks = _blocks(message)
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            yield f"{at}: text content blocks must contain non-whitespace text"
        for block in blocks:
            if block["type"] == "image" and (complaint := _wrong_picture(block["source"])):
                yield f"{at}.content: {complaint}"
            if block["type"] == "thinking" and block.get("signature") != sign(block["thinking"]):
                yield f"{at}: Invalid `signature` in `thinking` block"
        answered = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if answered != waiting:
            yield f"{at}: `tool_use` ids were found without `tool_result` blocks immediately after, or the reverse"
        used = [block for block in blocks if block["type"] == "tool_use"]
        if any(not re.fullmatch("[a-zA-Z0-9_-]+", block["id"]) for block in used):
            yield f"{at}: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if any(not isinstance(block["input"], dict) for block in used):
            yield f"{at}: tool_use.input: Input should be a valid dictionary"
        if used and asked.get("thinking", {}).get("type") == "enabled" and blocks[0]["type"] != "thinking":
            yield f"{at}: Expected `thinking` or `redacted_thinking`, but found `{blocks[0]['type']}`"
        waiting = {block["id"] for block in used}
    if waiting:
        yield "messages: `tool_use` ids were found without `tool_result` blocks immediately after"


def _wrong_picture(source: dict[str, Any]) -> str:
    if source["type"] == "url":
        return "" if source["url"].startswith("https://") else "Only HTTPS URLs are supported."
    if source["media_type"] not in _PICTURES:
        return "media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
    return "" if base64.b64decode(source["data"], validate=True) else "image cannot be empty"


def _wrong_options(asked: dict[str, Any]) -> Iterator[str]:
    choice = asked.get("tool_choice")
    if (
        choice is not None
        and choice.keys() - {"type", "disable_parallel_tool_use"} != _CHOICES[choice["type"]]
    ):
        yield "tool_choice: Extra inputs are not permitted"
    if choice is not None and not asked.get("tools"):
        yield "tool_choice may only be specified while providing tools"
    for tool in asked.get("tools", ()):
        if tool.get("input_schema", {}).get("type") != "object":
            yield "tools.0.input_schema.type: Field required"
    thinking = asked.get("thinking")
    if thinking is not None and thinking.keys() - {"type"} - _THINKING[thinking["type"]]:
        yield "thinking: Extra inputs are not permitted"
    if (
        thinking is not None
        and thinking["type"] == "enabled"
        and not 1024 <= thinking["budget_tokens"] < asked["max_tokens"]
    ):
        yield "`max_tokens` must be greater than `thinking.budget_tokens`"
    if (
        thinking is not None
        and thinking["type"] != "disabled"
        and (choice or {}).get("type") in ("any", "tool")
    ):
        yield "Thinking may not be enabled when tool_choice forces tool use."
    output = asked.get("output_config", {})
    if output.get("effort", "low") not in ("low", "medium", "high", "xhigh", "max"):
        yield "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'"
    if "format" in output:
        if output["format"]["type"] != "json_schema":
            yield "output_config.format.type: Input should be 'json_schema'"
        yield from _wrong_schema(output["format"]["schema"])
    if asked.get("cache_control", {"type": "ephemeral"})["type"] != "ephemeral":
        yield "cache_control.type: Input should be 'ephemeral'"
    if asked.get("metadata", {}).keys() - {"user_id"}:
        yield "metadata: Extra inputs are not permitted"


def _wrong_schema(schema: dict[str, Any]) -> Iterator[str]:
    if unknown := schema.keys() - _SCHEMA_WORDS:
        yield f"output_config.format.schema: For '{schema.get('type')}' type, property '{min(unknown)}' is not supported"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
    inner = [
        *schema.get("properties", {}).values(),
        *schema.get("$defs", {}).values(),
        *schema.get("anyOf", ()),
    ]
    inner += [*schema.get("allOf", ()), *([schema["items"]] if "items" in schema else [])]
    for each in inner:
        yield from _wrong_schema(each)
