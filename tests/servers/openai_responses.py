"""OpenAI's Responses API: POST /v1/responses, whole or as an event stream in the documented order.

As strict as the API: fields of chat completions, calls nobody made, thoughts that are not its own or led to nothing, limits
below the least, and tools or forms in another shape are refused with 400.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from tests.servers.script import SCRIPT, SEEN, Script, pieces
from tests.servers.stream import Body, sse

Item = dict[str, Any]
_FIELDS = {
    "background", "context_management", "conversation", "image", "include", "input", "instructions", "max_output_tokens",
    "max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier",
    "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p",
    "truncation", "user",
}  # fmt: skip
_PARTS = {
    "user": {"input_text": {"text"}, "input_image": {"image_url", "detail"}, "input_file": set()},
    "assistant": {"output_text": {"text"}, "refusal": {"refusal"}},
}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_UNTHINKING = ("gpt-4", "gpt-3")
"""How the names of models begin that do not think first."""
_LEAST_TOKENS = 16
_LONGEST_ID = 64


def sealed(thought: str) -> str:
    """A thought as only the vendor can read it."""
    return "gAAAA" + base64.b64encode(thought.encode()).decode()


def is_sealed(value: object) -> bool:
    return isinstance(value, str) and value.startswith("gAAAA")


def problem(asked: Item) -> tuple[str, str, str] | None:
    """The field of a question that is not as it should be, the code, and why."""
    if unknown := sorted(asked.keys() - _FIELDS):
        return unknown[0], "unknown_parameter", f"Unknown parameter: '{unknown[0]}'."
    for name in ("temperature", "top_p"):
        if name in asked and asked["model"].startswith(("gpt-6", "gpt-5", "o")):
            why = f"Unsupported parameter: '{name}' is not supported with this model."
            return name, "unsupported_parameter", why
    if asked.get("max_output_tokens", _LEAST_TOKENS) < _LEAST_TOKENS:
        why = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16."
        return "max_output_tokens", "integer_below_min_value", why
    if "include" in asked and asked["model"].startswith(_UNTHINKING):
        return "include", "unsupported_value", "Encrypted content is not supported with this model."
    if (asked.get("reasoning") or {}).get("effort") not in (None, *_EFFORTS):
        return "reasoning.effort", "invalid_value", "Invalid value for 'reasoning.effort'."
    for name in ("safety_identifier", "prompt_cache_key"):
        if len(asked.get(name) or "") > _LONGEST_ID:
            return name, "string_above_max_length", f"Invalid '{name}': string too long."
    return _problem_of_form(asked) or _problem_of_items(asked["input"])


def _problem_of_form(asked: Item) -> tuple[str, str, str] | None:
    for index, tool in enumerate(asked.get("tools", ())):
        if tool.get("type") != "function" or "name" not in tool or "parameters" not in tool:
            name = f"tools[{index}].name"
            return name, "missing_required_parameter", f"Missing required parameter: '{name}'."
    choice = asked.get("tool_choice", "auto")
    if isinstance(choice, dict):
        if choice.get("name") not in {tool["name"] for tool in asked.get("tools", ())}:
            return "tool_choice", "invalid_value", f"Tool choice '{choice.get('name')}' not found in 'tools'."
    elif choice not in ("auto", "none", "required"):
        return "tool_choice", "invalid_value", f"Invalid value: '{choice}'."
    form = (asked.get("text") or {}).get("format") or {}
    if form.get("type") == "json_schema" and not {"name", "schema"} <= form.keys():
        return (
            "text.format.name",
            "missing_required_parameter",
            "Missing required parameter: 'text.format.name'.",
        )
    if form.get("type") == "json_object" and "json" not in json.dumps(asked["input"]).lower():
        why = (
            "Response input messages must contain the word 'json' to use 'text.format' of type 'json_object'."
        )
        return "input", "invalid_value", why
    return None


def _problem_of_items(given: str | list[Item]) -> tuple[str, str, str] | None:
    if isinstance(given, str):
        return None
    open_calls: set[str] = set()
    for at, item in enumerate(given):
        where = f"input[{at}]"
        match item.get("type", "message"):
            case "message":
                if wrong := _problem_of_message(item):
                    return where, "invalid_value", wrong
            case "reasoning":
                if not str(item.get("id")).startswith("rs_") or not isinstance(item.get("summary"), list):
                    return f"{where}.id", "invalid_value", f"Invalid '{where}.id'."
                if "status" in item:
                    return f"{where}.status", "unknown_parameter", f"Unknown parameter: '{where}.status'."
                if not is_sealed(item.get("encrypted_content")):
                    why = f"The encrypted content for item {item['id']} could not be verified."
                    return where, "invalid_encrypted_content", why
                after = given[at + 1] if at + 1 < len(given) else {}
                if (
                    after.get("type") not in ("function_call", "reasoning")
                    and after.get("role") != "assistant"
                ):
                    why = f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
                    return where, "invalid_value", why
            case "function_call":
                if not {"call_id", "name", "arguments"} <= item.keys() or len(item["call_id"]) > _LONGEST_ID:
                    return f"{where}.call_id", "invalid_value", f"Invalid '{where}.call_id'."
                open_calls.add(item["call_id"])
            case "function_call_output":
                if item.get("call_id") not in open_calls:
                    why = f"No tool call found for function call output with call_id {item.get('call_id')}."
                    return where, "invalid_value", why
                if isinstance(item["output"], list) and (wrong := _problem_of_parts(item["output"], "user")):
                    return where, "invalid_value", wrong
                open_calls.discard(item["call_id"])
            case other:
                return f"{where}.type", "invalid_value", f"Invalid value: '{other}'."
    if open_calls:
        return "input", "invalid_value", f"No tool output found for function call {min(open_calls)}."
    return None


def _problem_of_message(item: Item) -> str:
    role, content = item.get("role"), item.get("content")
    if role not in ("user", "assistant", "system", "developer"):
        return f"Invalid value: '{role}'."
    if unknown := item.keys() - {"type", "role", "content", "phase", "id", "status"}:
        return f"Unknown parameter: '{min(unknown)}'."
    if isinstance(content, list):
        return _problem_of_parts(content, "assistant" if role == "assistant" else "user")
    return "" if isinstance(content, str) else "Invalid type for 'content'."


def _problem_of_parts(parts: list[Item], role: str) -> str:
    for part in parts:
        if part.get("type") not in _PARTS[role] or not _PARTS[role][part["type"]] <= part.keys():
            return f"Invalid value: '{part.get('type')}'."
        if part["type"] == "input_file" and not (
            {"file_data", "filename"} <= part.keys() or "file_url" in part
        ):
            return "Missing required parameter: 'filename'."
    return ""


# -- the answer ---------------------------------------------------------------------------------------------


def answer_of(asked: Item, script: Script) -> Item:
    """The whole response as it is at its end."""
    is_asked = asked.get("tools") and asked.get("tool_choice") != "none"
    calls = script.calls if is_asked else []
    output: list[Item] = [_reasoning(asked, script.thoughts)] if script.thoughts else []
    words = "" if script.empty else script.reply
    for index, (name, arguments) in enumerate(calls, 1):
        call = {"id": f"fc_test{index}", "type": "function_call", "call_id": f"call_{index}", "name": name}
        output.append({**call, "arguments": arguments, "status": "completed"})
    if not calls and words:
        output.append(_message(words, is_refusal=script.finish == "refusal"))
    cut_short = script.finish not in ("", "stop", "refusal")
    counted = len(pieces(words)) + len(pieces(script.thoughts))
    read = len(str(asked["input"]).split()) + len(str(asked.get("instructions") or "").split())
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": script.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": counted,
        "output_tokens_details": {"reasoning_tokens": len(pieces(script.thoughts))},
        "total_tokens": read + counted,
    }
    return {
        **_bare(asked),
        "status": "incomplete" if cut_short else "completed",
        "incomplete_details": {"reason": script.finish} if cut_short else None,
        "output": output,
        "usage": usage,
    }


def _bare(asked: Item) -> Item:
    """A response that has only begun."""
    return {
        "id": "resp_test1", "object": "response", "created_at": int(time.time()), "status": "in_progress",
        "background": False, "error": None, "incomplete_details": None, "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"), "model": asked["model"], "output": [],
        "parallel_tool_calls": True, "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
        "store": asked.get("store", True), "temperature": 1.0, "text": asked.get("text", {"format": {"type": "text"}}),
        "tool_choice": asked.get("tool_choice", "auto"), "tools": asked.get("tools", []), "top_p": 1.0,
        "truncation": "disabled", "usage": None, "metadata": asked.get("metadata", {}),
    }  # fmt: skip


def _reasoning(asked: Item, thoughts: str) -> Item:
    told = (asked.get("reasoning") or {}).get("summary") is not None
    item: Item = {"id": "rs_test1", "type": "reasoning", "summary": []}
    if told:
        item["summary"] = [{"type": "summary_text", "text": thoughts}]
    if "reasoning.encrypted_content" in asked.get("include", ()):
        item["encrypted_content"] = sealed(thoughts)
    return item


def _message(words: str, *, is_refusal: bool) -> Item:
    part: Item = {"type": "output_text", "annotations": [], "logprobs": [], "text": words}
    if is_refusal:
        part = {"type": "refusal", "refusal": words}
    return {
        "id": "msg_test1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


class Events:
    """Events with their sequence numbers."""

    def __init__(self) -> None:
        self._count = 0

    def event(self, kind: str, **fields: Any) -> bytes:
        self._count += 1
        return sse({"type": kind, **fields, "sequence_number": self._count - 1}, kind)

    def before(self, asked: Item) -> bytes:
        bare = _bare(asked)
        return self.event("response.created", response=bare) + self.event(
            "response.in_progress", response=bare
        )

    def thoughts(self, index: int, item: Item) -> Iterator[bytes]:
        where = {"item_id": item["id"], "output_index": index, "summary_index": 0}
        yield self.event(
            "response.output_item.added",
            output_index=index,
            item={**item, "summary": [], "encrypted_content": ""},
        )
        for part in item["summary"]:
            kind = "response.reasoning_summary"
            yield self.event(f"{kind}_part.added", **where, part={"type": "summary_text", "text": ""})
            for piece in pieces(part["text"]):
                yield self.event(f"{kind}_text.delta", **where, delta=piece, obfuscation="x1y2")
            yield self.event(f"{kind}_text.done", **where, text=part["text"])
            yield self.event(f"{kind}_part.done", **where, part=part)
        yield self.event("response.output_item.done", output_index=index, item=item)

    def call(self, index: int, item: Item) -> Iterator[bytes]:
        where = {"item_id": item["id"], "output_index": index}
        begun = {**item, "arguments": "", "status": "in_progress"}
        yield self.event("response.output_item.added", output_index=index, item=begun)
        half = len(item["arguments"]) // 2
        for piece in (item["arguments"][:half], item["arguments"][half:]):
            yield self.event("response.function_call_arguments.delta", **where, delta=piece)
        yield self.event("response.function_call_arguments.done", **where, arguments=item["arguments"])
        yield self.event("response.output_item.done", output_index=index, item=item)

    def message_begins(self, index: int, item: Item) -> bytes:
        part = item["content"][0]
        empty = {**part, _said_in(part): ""}
        begun = {**item, "status": "in_progress", "content": []}
        return self.event("response.output_item.added", output_index=index, item=begun) + self.event(
            "response.content_part.added", **_place(index, item), part=empty
        )

    def words(self, index: int, item: Item) -> Iterator[bytes]:
        part = item["content"][0]
        name = _said_in(part)
        kind, more = ("refusal", {}) if name == "refusal" else ("output_text", {"logprobs": []})
        for piece in pieces(part[name]):
            yield self.event(f"response.{kind}.delta", **_place(index, item), delta=piece, **more)

    def message_ends(self, index: int, item: Item) -> Iterator[bytes]:
        part = item["content"][0]
        name = _said_in(part)
        kind, more = ("refusal", {}) if name == "refusal" else ("output_text", {"logprobs": []})
        yield self.event(f"response.{kind}.done", **_place(index, item), **{name: part[name]}, **more)
        yield self.event("response.content_part.done", **_place(index, item), part=part)
        yield self.event("response.output_item.done", output_index=index, item=item)

    def after(self, answer: Item) -> bytes:
        return self.event(f"response.{answer['status']}", response=answer)

    def failure(self, asked: Item, error: Item, script: Script) -> bytes:
        """An error inside the stream: the response failed, an event of its own, or what a gateway makes of it."""
        number = {"sequence_number": self._count + (script.error_after or 0)}
        match script.error_shape:
            case "flat":
                told = {name: error[name] for name in ("code", "message", "param")}
                return sse({"type": "error", **told, **number}, "error")
            case "string":
                return sse({"error": error["message"]}, "error")
            case _:
                failed = {"code": error["code"] or error["type"], "message": error["message"]}
                response = {**_bare(asked), "status": "failed", "error": failed}
                kind = "response.failed"
                return sse({"type": kind, "response": response, **number}, kind)


def _place(index: int, item: Item) -> Item:
    return {"item_id": item["id"], "output_index": index, "content_index": 0}


def _said_in(part: Item) -> str:
    return "refusal" if part["type"] == "refusal" else "text"


async def stream(request: web.Request, error: Item) -> web.StreamResponse:
    """The answer, event by event. `error`: what is told inside the stream where the script wants that."""
    asked, script = request[SEEN].body, request[SCRIPT]
    answer, events = answer_of(asked, script), Events()
    body = Body(request, "text/event-stream; charset=utf-8", {"x-request-id": "req_test_1"})
    await body.open()
    if script.comments_only:
        await body.comment_for_ever(b": keep-alive\n\n")
    await body.frame(events.before(asked))
    has_words = False
    for index, item in enumerate(answer["output"]):
        match item["type"]:
            case "reasoning":
                for raw in events.thoughts(index, item):
                    await body.frame(raw)
            case "function_call":
                for raw in events.call(index, item):
                    await body.frame(raw)
            case _:
                has_words = True
                await body.frame(events.message_begins(index, item))
                await body.contents(events.words(index, item), events.failure(asked, error, script))
                for raw in events.message_ends(index, item):
                    await body.frame(raw)
    if not has_words:
        await body.contents([], events.failure(asked, error, script))
    await body.frame(events.after(answer))
    return await body.close()
