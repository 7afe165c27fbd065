"""The Messages API, contract 2026-10-21, the words of the wire: `compose` makes a request's body, `Reply` reads its events.

Knows nothing of sockets. The contract has no sampling parameters. Thoughts that led to a tool call travel with the call
(`ToolCall.opaque`) and go back unread and in their order, as the API demands. An answer is whole after `message_stop`, or
with a reason to stop.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderNotSupportedError
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.providers.fitting import (
    fitting_id,
    kept_by,
    kept_for,
    left_out,
    notice,
    require_abilities,
)
from companion.providers.provider import Spec
from companion.providers.wire.faults import CallContext
from companion.providers.wire.sse import ServerSentEvent, parsed, says_nothing
from companion.providers.wire.usage import figure, tokens, usage_of
from companion.providers.wire.words import Words, whole

if TYPE_CHECKING:
    from companion.calls import Picture, Tool, ToolCall
    from companion.providers.catalogue import ModelEntry

MAX_TOKENS = 4096
"""Longest answer when the request does not say; the API has no default of its own."""
MAX_TOKENS_THINKING = 32_000
"""The same where the model thinks first: its thoughts count."""
_LACKING = frozenset(
    {"temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "metadata", "name"}
)
_EFFORTS = {"minimal": "low"}
"""Levels the API calls by another name."""
_THINKS_BY_BUDGET = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[0-5])?(-\d{8})?$)")
"""Models that are given a number of tokens to think with; the newer ones decide by themselves."""
_BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 31_744}
_OURS = "anthropic"
"""Marks what `ToolCall.opaque` holds as this vendor's; a conversation may have begun with another."""
_CALL_IDS = "[a-zA-Z0-9_-]+"
_OPENING = "…"
"""What the user says in a conversation that the assistant begins: the API takes none that does not begin with the user."""
_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
_FORMATS = frozenset(
    "date-time time date duration email hostname uri ipv4 ipv6 uuid".split()  # noqa: SIM905 - reads as one list
)
_KEPT = ("$ref", "enum", "const", "title")


# -- the question -------------------------------------------------------------------------------------------


def compose(
    request: ChatRequest, spec: Spec, model: str, entry: ModelEntry | None = None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body for `model`, and what was left out of it. `entry`: what the catalogue knows of the model.

    Raises:
        AIProviderNotSupportedError: something that must not be left out is asked of a model that cannot do it.
    """
    require_abilities(request, spec, entry, frozenset({"sounds"}))
    if request.json and request.schema is None:
        raise AIProviderNotSupportedError(
            f"{spec.display_name} answers in JSON only when it is told the form.",
            spec.name,
            who=spec.display_name,
            hint="Give the request a schema. Nothing was sent.",
        )
    missing = set(left_out(request, entry, _LACKING))
    if request.tools and request.tool_choice not in ("auto", "none"):  # the API refuses both together
        missing |= {"reasoning_effort"} if request.reasoning_effort else set()
    if request.reasoning_effort not in ("", "none") and _began_without_thoughts(request.messages, model):
        missing.add("reasoning_effort")
    effort = "" if "reasoning_effort" in missing else request.reasoning_effort
    thinks = effort not in ("", "none")
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_tokens or _room(entry, thinks),
        "messages": _messages(request.messages),
        "stream": True,
    }
    if system := "\n\n".join(m.content for m in request.messages if m.role is Speaker.SYSTEM):
        body["system"] = system
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.user:
        body["metadata"] = {"user_id": request.user}
    if request.cache:
        body["cache_control"] = {"type": "ephemeral"}
    _add_tools(body, request)
    output: dict[str, Any] = {}
    if request.schema is not None:
        output["format"] = {"type": "json_schema", "schema": accepted(request.schema.schema)}
    if effort:
        output |= _add_thinking(body, model, effort)
    if output:
        body["output_config"] = output
    label = entry.label if entry else model
    if request.reasoning_effort == "none":  # a model that cannot think does what was asked
        missing.discard("reasoning_effort")
    return body, tuple(notice(label, name) for name in sorted(missing))


def _began_without_thoughts(messages: Sequence[Message], model: str) -> bool:
    """Whether a turn is under way that another vendor began: models with a budget refuse to think from its middle on."""
    if not _THINKS_BY_BUDGET.match(model) or messages[-1].role is not Speaker.TOOL:
        return False
    calls = next((m.tool_calls for m in reversed(messages) if m.role is Speaker.ASSISTANT), ())
    return not (calls and _kept(calls[0].opaque))


def _room(entry: ModelEntry | None, thinks: bool) -> int:
    usual = MAX_TOKENS_THINKING if thinks else MAX_TOKENS
    return min(usual, entry.max_output) if entry and entry.max_output else usual


def _add_tools(body: dict[str, Any], request: ChatRequest) -> None:
    if not request.tools:
        return
    body["tools"] = [_tool(tool) for tool in request.tools]
    match request.tool_choice:
        case "auto":
            return
        case "none":
            body["tool_choice"] = {"type": "none"}
        case "required":
            body["tool_choice"] = {"type": "any"}
        case name:
            body["tool_choice"] = {"type": "tool", "name": name}


def _add_thinking(body: dict[str, Any], model: str, effort: str) -> dict[str, Any]:
    """Has the model think, or not; returns what belongs to `output_config`."""
    if effort == "none":
        body["thinking"] = {"type": "disabled"}
        return {}
    effort = _EFFORTS.get(effort, effort)
    if _THINKS_BY_BUDGET.match(model):
        budget = _BUDGETS[effort]
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        body["max_tokens"] = max(body["max_tokens"], budget + 1024)  # the budget must be smaller
        return {}
    body["thinking"] = {"type": "adaptive", "display": "summarized"}
    return {"effort": effort}


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    schema = dict(tool.parameters) or {"type": "object", "properties": {}}
    return {"name": tool.name, **described, "input_schema": schema}


def _messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Without the system's. The answers to a round of calls are one message of the user, its words after them."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if message.role is Speaker.SYSTEM:
            continue
        role = "assistant" if message.role is Speaker.ASSISTANT else "user"
        content = _content(message)
        if found and found[-1]["role"] == role == "user" and isinstance(found[-1]["content"], list):
            found[-1]["content"] += [_text(content)] if isinstance(content, str) else content
        else:
            found.append({"role": role, "content": content})
    if found and found[0]["role"] == "assistant":
        found.insert(0, {"role": "user", "content": _OPENING})
    return found


def _content(message: Message) -> str | list[dict[str, Any]]:
    if message.role is Speaker.TOOL:
        result: Any = message.content
        if message.images:
            result = [*([_text(message.content)] if message.content else []), *map(_picture, message.images)]
        call_id = fitting_id(message.tool_call_id, _CALL_IDS)
        return [{"type": "tool_result", "tool_use_id": call_id, "content": result}]
    if not message.images and not message.tool_calls:
        return message.content
    if message.tool_calls:
        return _turn(message, message.tool_calls)
    text = [_text(message.content)] if message.content.strip() else []
    return [*map(_picture, message.images), *text]


def _turn(message: Message, calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """Thoughts, words and calls, in the order they came in if they came from here."""
    kept, uses = _kept(calls[0].opaque), {call.id: _tool_use(call) for call in calls}
    written = "".join(block["text"] for block in kept if block["type"] == "text")
    ids = [block["id"] for block in kept if block["type"] == "tool_use"]
    if written == message.content and ids == list(uses):
        blocks = (uses[block["id"]] if block["type"] == "tool_use" else block for block in kept)
        return [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    thoughts = [block for block in kept if block["type"] in _THOUGHTS]
    text = [_text(message.content)] if message.content.strip() else []
    return [*thoughts, *text, *uses.values()]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(picture: Picture) -> dict[str, Any]:
    if picture.url:
        return {"type": "image", "source": {"type": "url", "url": picture.url}}
    data = base64.b64encode(picture.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": picture.media_type, "data": data}}


def _tool_use(call: ToolCall) -> dict[str, Any]:
    try:
        given = json.loads(call.arguments or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        # The API takes nothing but an object, and the model should see what it wrote.
        given = {"INVALID_JSON": call.arguments}
    call_id = fitting_id(call.id, _CALL_IDS)
    return {"type": "tool_use", "id": call_id, "name": call.name, "input": given}


_THOUGHTS = ("thinking", "redacted_thinking")


def _kept(opaque: str) -> list[dict[str, Any]]:
    """The blocks of a turn with thoughts; of calls only their ids."""
    try:
        blocks: list[dict[str, Any]] = json.loads(kept_by(_OURS, opaque) or "[]")
    except (ValueError, RecursionError):
        return []
    return blocks


def accepted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema as structured outputs take it; what they do not take becomes words for the model.

    The answer is checked against the whole schema later, so nothing is lost. (platform.claude.com, structured outputs)
    """
    rest = dict(schema)
    kept: dict[str, Any] = {name: rest.pop(name) for name in _KEPT if name in rest}
    if "$defs" in rest:
        kept["$defs"] = {name: accepted(each) for name, each in rest.pop("$defs").items()}
    for name, kept_as in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
        if name in rest:
            kept[kept_as] = [accepted(each) for each in rest.pop(name)]
    kind = rest.pop("type", None)
    if kind is not None and "enum" not in kept and "const" not in kept:
        kept["type"] = kind
    if kind == "object" or "properties" in rest:
        kept["properties"] = {name: accepted(each) for name, each in rest.pop("properties", {}).items()}
        kept["required"] = list(rest.pop("required", ()))
        kept["additionalProperties"] = False
        rest.pop("additionalProperties", None)
    if isinstance(rest.get("items"), dict):
        kept["items"] = accepted(rest.pop("items"))
    if rest.get("minItems") in (0, 1):
        kept["minItems"] = rest.pop("minItems")
    if rest.get("format") in _FORMATS:
        kept["format"] = rest.pop("format")
    described = rest.pop("description", "")
    rest.pop("$schema", None)
    if rest:
        described = f"{described}\n\n{json.dumps(rest, ensure_ascii=False)}".strip()
    return {**kept, "description": described} if described else kept


# -- the answer ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Block:
    """A block of content under way."""

    start: Mapping[str, Any]
    pieces: list[str] = field(default_factory=list)
    signature: str = ""

    def call(self, opaque: str) -> ToolCall:
        from companion.calls import ToolCall

        arguments = whole("".join(self.pieces)) or json.dumps(self.start.get("input") or {})
        return ToolCall(
            id=str(self.start["id"]), name=str(self.start["name"]), arguments=arguments, opaque=opaque
        )

    def kept(self) -> dict[str, Any] | None:
        """As it goes back; None: it does not. Thoughts without a signature would be refused."""
        match self.start["type"]:
            case "redacted_thinking":
                return dict(self.start)
            case "thinking" if self.signature:
                text = whole("".join(self.pieces))
                return {"type": "thinking", "thinking": text, "signature": self.signature}
            case "text":
                return _text(whole("".join(self.pieces)))
            case "tool_use":
                return {"type": "tool_use", "id": str(self.start["id"])}
        return None


class Reply:
    """What an event stream has told so far."""

    def __init__(self, call: CallContext) -> None:
        self._call = call
        self._words = Words()
        self._stopped = False
        self._reason = ""
        self._model = self._id = ""
        self._input: int | None = None
        self._output: int | None = None
        self._cached: object = None
        self._blocks: dict[int, _Block] = {}
        self._last: Mapping[str, Any] | None = None

    def is_over(self) -> bool:
        return self._stopped

    def take(self, told: ServerSentEvent) -> ChatDelta | None:
        """What one event adds; notes the rest. Unknown events are passed over.

        Raises:
            AIProviderError: the event is a failure.
        """
        if told.event == "error":
            raise self._call.inside(_parsed(told.data))
        try:
            event = parsed(told.data)
        except ValueError:
            if self._stopped or says_nothing(told.data):
                return None
            raise
        match event.get("type"):
            case "content_block_delta":
                return self._take_delta(event["index"], event["delta"])
            case "content_block_start":
                return self._begin(event["index"], event["content_block"])
            case "error":
                raise self._call.inside(event)
            case "message":
                return self._take_whole(event)
            case None if event.get("error"):
                raise self._call.inside(event)
            case "message_start":
                message = event["message"]
                self._model, self._id = message.get("model") or "", message.get("id") or ""
                self._count(message.get("usage"))
            case "message_delta":
                self._last = event
                self._reason = event["delta"].get("stop_reason") or self._reason
                self._count(event.get("usage"))
            case "message_stop":
                self._stopped = True
        return None

    def _take_delta(self, index: int, delta: Mapping[str, Any]) -> ChatDelta | None:
        kind = delta["type"]
        block = self._blocks.get(index)
        if kind == "text_delta":
            text: str = delta["text"]
            if block is not None:
                block.pieces.append(text)
            return self._words.take(text) if self._call.said else self._said(self._words.take(text))
        if kind == "thinking_delta":
            thought: str = delta["thinking"]
            if block is not None:
                block.pieces.append(thought)
            return self._words.take("", thought)
        if block is not None and kind == "input_json_delta":
            block.pieces.append(delta["partial_json"])
        elif block is not None and kind == "signature_delta":
            block.signature += delta["signature"]
        return None

    def _begin(self, index: int, start: Mapping[str, Any]) -> ChatDelta | None:
        block = self._blocks[index] = _Block(start)
        if start["type"] == "text" and (text := start.get("text")):
            block.pieces.append(text)
            return self._said(self._words.take(text))
        return None

    def _said(self, delta: ChatDelta | None) -> ChatDelta | None:
        if not self._call.said and self._words.has_words:
            self._call.said = True
        return delta

    def _take_whole(self, message: Mapping[str, Any]) -> ChatDelta | None:
        """An answer in one piece, from a server that does not stream."""
        self._model, self._id = message.get("model") or "", message.get("id") or ""
        self._reason, self._stopped, self._last = message.get("stop_reason") or "", True, message
        self._count(message.get("usage"))
        said = thought = ""
        for index, start in enumerate(message.get("content") or ()):
            block = self._blocks[index] = _Block(start, signature=start.get("signature") or "")
            text = start.get(start["type"])
            if start["type"] in ("text", "thinking") and isinstance(text, str):
                block.pieces.append(text)
                said, thought = (said + text, thought) if start["type"] == "text" else (said, thought + text)
        return self._said(self._words.take(said, thought))

    def rest(self) -> ChatDelta | None:
        """What was held back until the end."""
        return self._said(self._words.rest())

    def _count(self, told: object) -> None:
        """Takes the newest figures; those of `message_delta` are cumulative and may leave the input out."""
        fresh, cached = figure(told, "input_tokens"), figure(told, "cache_read_input_tokens")
        if fresh is not None:
            self._input = tokens(fresh, cached, figure(told, "cache_creation_input_tokens"))
            self._cached = cached
        written = figure(told, "output_tokens")
        self._output = self._output if written is None else tokens(written)

    def last(self, notices: Sequence[str] = ()) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: the stream did not stop properly, was refused, or said nothing.
        """
        call = self._call
        if not self._stopped and not self._reason:
            raise call.cut()
        finish = _FINISH.get(self._reason, "stop")
        calls = self._calls() if finish == "stop" else ()  # what ran out of room in a call is no call
        if not self._words.has_words and not calls:
            if finish == "content_filter":
                raise call.inside({"code": "content_filter"})
            raise call.empty(finish, thought=self._words.has_thoughts)
        usage = usage_of(read=self._input, written=self._output, cached=self._cached)
        finish = "tool_calls" if calls else finish
        return ChatDelta(
            finish_reason=finish,
            usage=usage,
            model=self._model,
            id=self._id,
            tool_calls=calls,
            notices=tuple(notices),
            raw=self._last,
        )

    def _calls(self) -> tuple[ToolCall, ...]:
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        kept = [found for block in blocks if (found := block.kept()) is not None]
        has_thoughts = any(block["type"] in _THOUGHTS for block in kept)
        opaque = kept_for(_OURS, json.dumps(kept, ensure_ascii=False) if has_thoughts else "")
        uses = [block for block in blocks if block.start["type"] == "tool_use"]
        return tuple(block.call("" if number else opaque) for number, block in enumerate(uses))


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
