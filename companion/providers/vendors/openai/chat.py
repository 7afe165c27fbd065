"""Chat completions, the words of the wire: `compose` makes the body of a request, `Reply` puts its stream together.

Knows nothing of sockets. What a model does not take is left out and told in a notice, or refused where the answer would
mean something else without it. The stream is read as leniently as servers differ and ends only with a finish reason.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderEmptyReplyError, AIProviderInvalidRequestError
from companion.flow import ChatDelta, ChatRequest, Message, Speaker, Usage
from companion.providers.fitting import left_out, notice, require_abilities
from companion.providers.provider import Spec
from companion.providers.vendors.openai.dialect import Dialect
from companion.providers.wire.faults import Told
from companion.providers.wire.sse import parsed
from companion.providers.wire.usage import figure, tokens, usage_of

if TYPE_CHECKING:
    from companion.calls import JsonSchema, Picture, SoundFile, Tool, ToolCall
    from companion.providers.catalogue import ModelEntry

_FINISH = {
    "length": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


# -- the question -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it goes out."""

    body: dict[str, Any]
    notices: tuple[str, ...]
    optional: tuple[str, ...]
    """Names in the body that can be left out."""


def compose(
    request: ChatRequest,
    spec: Spec,
    dialect: Dialect,
    model: str,
    *,
    entry: ModelEntry | None = None,
    refused: frozenset[str] = frozenset(),
) -> Asked:
    """The body for `model`. `entry`: what the catalogue knows of it; `refused`: wire names it did not take before.

    Raises:
        AIProviderNotSupportedError: something that must not be left out is asked of a model that cannot do it.
        AIProviderInvalidRequestError: `tool_choice` names a tool that is not there.
    """
    require_abilities(request, spec, entry, dialect.cannot)
    missing = _left_out(request, dialect, entry)
    messages = [_message(message, "name" in missing) for message in request.messages]
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": True}
    optional: list[str] = []
    if dialect.asks_for_usage and "stream_options" not in refused:
        body["stream_options"] = {"include_usage": True}
        optional.append("stream_options")
    for name, value in _options(request):
        wire = _wire_name(name, dialect, refused)
        if name in missing or not wire or wire in refused:
            missing.add(name)
        elif wire == "reasoning.effort":
            body["reasoning"] = {"effort": value}
        else:
            body[wire] = value
            optional.append(wire)
    _add_form(body, request, spec, dialect)
    label = entry.label if entry else model
    notices = tuple(notice(label, name) for name in sorted(missing))
    return Asked(body, notices, tuple(optional))


def _options(request: ChatRequest) -> list[tuple[str, Any]]:
    """What is asked for and could be left out, by its name in the request."""
    found: list[tuple[str, Any]] = [
        (name, value)
        for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty", "max_tokens", "seed")
        if (value := getattr(request, name)) is not None
    ]
    if request.stop:
        found.append(("stop", list(request.stop)))
    if request.metadata:
        found.append(("metadata", dict(request.metadata)))
    found += [(name, value) for name in ("user", "reasoning_effort") if (value := getattr(request, name))]
    return found


def _left_out(request: ChatRequest, dialect: Dialect, entry: ModelEntry | None) -> set[str]:
    """Names of what is asked for and not sent."""
    missing = set(left_out(request, entry, dialect.leaves_out))
    if entry is not None and entry.efforts and request.reasoning_effort not in ("", *entry.efforts):
        missing.add("reasoning_effort")
    return missing


def _wire_name(name: str, dialect: Dialect, refused: frozenset[str]) -> str:
    match name:
        case "max_tokens":
            other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
            wire = dialect.max_tokens
            return other.get(wire, "") if wire in refused else wire
        case "seed":
            return dialect.seed
        case "reasoning_effort":
            return dialect.reasoning
    return name


def _add_form(body: dict[str, Any], request: ChatRequest, spec: Spec, dialect: Dialect) -> None:
    """Tools and the form of the answer."""
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        choice = request.tool_choice
        if choice == "required":
            body["tool_choice"] = dialect.required_tool
        elif choice == "none":
            body["tool_choice"] = "none"
        elif choice != "auto":
            if choice not in {tool.name for tool in request.tools}:
                raise AIProviderInvalidRequestError(
                    f"The request wants the tool {choice!r} and has no such tool.", spec.name
                )
            body["tool_choice"] = {"type": "function", "function": {"name": choice}}
    if request.schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": _schema(request.schema)}
    elif request.json:
        body["response_format"] = {"type": "json_object"}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = dict(tool.parameters) or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _schema(form: JsonSchema) -> dict[str, Any]:
    return {"name": form.name, "schema": dict(form.schema), "strict": form.strict}


def _message(message: Message, nameless: bool) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.images or message.sounds:
        text = [{"type": "text", "text": message.content}] if message.content else []
        wire["content"] = [*text, *map(_picture, message.images), *map(_sound, message.sounds)]
    if message.role is Speaker.TOOL:
        wire["tool_call_id"] = message.tool_call_id
    elif message.name and not nameless:
        wire["name"] = message.name
    if message.tool_calls:
        wire["content"] = message.content or None
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return wire


def _picture(picture: Picture) -> dict[str, Any]:
    url = picture.url or f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _sound(sound: SoundFile) -> dict[str, Any]:
    kind = "mp3" if sound.media_type in ("audio/mpeg", "audio/mp3") else "wav"
    data = base64.b64encode(sound.data).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}


# -- the answer ---------------------------------------------------------------------------------------------


class Reply:
    """What a chat stream has told so far."""

    def __init__(self, call: Told) -> None:
        self._call = call
        self._finish = ""
        self._usage: Usage | None = None
        self._model = ""
        self._id = ""
        self._last: Mapping[str, Any] | None = None
        self._tools = _ToolCalls()

    def is_over(self) -> bool:
        return bool(self._finish)

    def take(self, data: str) -> ChatDelta | None:
        """What one event adds; notes the rest. Events without choices are usual.

        Raises:
            AIProviderError: the event is a failure, or no event of a chat.
        """
        if data == "[DONE]":
            return None
        chunk = parsed(data)
        if not isinstance(chunk, dict):
            raise self._not_a_chunk(chunk)
        choices = chunk.get("choices")
        if not choices or "error" in chunk:
            self._take_bare(chunk)
        self._last = chunk
        if usage := chunk.get("usage") or figure(chunk, "x_groq", "usage"):
            self._usage = _usage(usage)
        if not choices:
            return None
        choice = choices[0]
        if finish := choice.get("finish_reason"):
            self._finish = finish
        delta = choice.get("delta") or choice.get("message")
        return self._take_delta(delta) if delta else None

    def _take_delta(self, delta: Mapping[str, Any]) -> ChatDelta | None:
        content = delta.get("content") or delta.get("refusal")
        reasoning = delta.get("reasoning_content") or delta.get("reasoning") or ""
        if isinstance(content, list):
            content, reasoning = _text_of(content, "text"), _text_of(content, "thinking") or reasoning
        if calls := delta.get("tool_calls"):
            self._tools.take(calls)
            self._call.said = True
        if not isinstance(reasoning, str):
            reasoning = ""
        if not isinstance(content, str) or not content:
            return ChatDelta(reasoning=reasoning) if reasoning else None
        if not self._call.said and not content.isspace():
            self._call.said = True
        return ChatDelta(text=content, reasoning=reasoning) if reasoning else ChatDelta(text=content)

    def _take_bare(self, chunk: Mapping[str, Any]) -> None:
        """An event without choices: a failure in one of its shapes, or nothing but counts."""
        flat = "choices" not in chunk and "message" in chunk and ("code" in chunk or "type" in chunk)
        if chunk.get("error") or chunk.get("object") == "error" or flat:
            raise self._call.inside(chunk)
        if failure := (chunk.get("x_groq") or _NOTHING).get("error"):
            raise self._call.inside({"error": failure})

    def _not_a_chunk(self, chunk: object) -> Exception:
        if isinstance(chunk, list) and chunk and isinstance(chunk[0], dict) and chunk[0].get("error"):
            return self._call.inside(chunk)
        return ValueError("an event of the stream is no object")

    def last(self, notices: Sequence[str] = ()) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: the stream did not finish, failed by its finish reason, refused, or said nothing.
        """
        call = self._call
        if not self._finish:
            raise call.cut()
        if self._finish == "error":
            raise call.inside({"code": "server_error"})
        if not call.said and self._finish == "content_filter":
            raise call.inside({"code": "content_filter"})
        if not call.said:
            raise AIProviderEmptyReplyError("", call.spec.name, who=call.spec.display_name)
        tools = self._tools.whole()
        finish = _FINISH.get(self._finish, "stop")
        if finish in ("stop", "tool_calls"):  # servers say either of them with and without calls
            finish = "tool_calls" if tools else "stop"
        last = self._last or _NOTHING
        return ChatDelta(
            finish_reason=finish,
            usage=self._usage,
            model=_name(last, "model"),
            id=_name(last, "id"),
            tool_calls=tools,
            notices=tuple(notices),
            raw=self._last,
        )


_NOTHING: Mapping[str, Any] = {}


class _ToolCalls:
    """Calls in pieces. Some servers give every piece the index 0, none at all, or no id."""

    def __init__(self) -> None:
        self._calls: list[_Pieces] = []

    def take(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        for piece in pieces:
            function = piece.get("function") or _NOTHING
            call = self._of(piece.get("id") or "", piece.get("index"), function.get("name") or "")
            arguments = function.get("arguments")
            if isinstance(arguments, str):
                call.arguments += arguments
            elif arguments:  # an object where a string belongs
                call.arguments += json.dumps(arguments)

    def _of(self, call_id: str, index: object, name: str) -> _Pieces:
        """The call a piece belongs to: by its id, else the newest of its index; a name that is not its own begins one."""
        known = next((call for call in self._calls if call_id and call.id == call_id), None)
        if known is not None:
            return known
        newest = next((call for call in reversed(self._calls) if index in (None, call.index)), None)
        if newest is None or (name and (call_id or name != newest.name or newest.is_whole())):
            newest = _Pieces(call_id, index, name)
            self._calls.append(newest)
        return newest

    def whole(self) -> tuple[ToolCall, ...]:
        from companion.calls import ToolCall

        return tuple(
            ToolCall(
                id=call.id or f"call_{uuid.uuid4().hex[:16]}",
                name=call.name,
                arguments=call.arguments or "{}",
            )
            for call in self._calls
        )


@dataclass(slots=True)
class _Pieces:
    id: str
    index: object
    name: str
    arguments: str = ""

    def is_whole(self) -> bool:
        try:
            json.loads(self.arguments)
        except ValueError:
            return False
        return True


def _usage(counted: object) -> Usage | None:
    cached = figure(counted, "prompt_tokens_details", "cached_tokens")
    return usage_of(
        read=tokens(figure(counted, "prompt_tokens")),
        written=tokens(figure(counted, "completion_tokens")),
        cached=cached if cached is not None else figure(counted, "prompt_cache_hit_tokens"),
        heard=figure(counted, "prompt_tokens_details", "audio_tokens"),
        spoken=figure(counted, "completion_tokens_details", "audio_tokens"),
    )


def _text_of(parts: Sequence[Any], kind: str) -> str:
    """The text of all parts of a kind; a part holds it as a string or as parts again."""
    found = [part.get(kind) for part in parts if isinstance(part, dict) and part.get("type") == kind]
    return "".join(_text_of(text, "text") if isinstance(text, list) else text or "" for text in found)


def _name(chunk: Mapping[str, Any], key: str) -> str:
    value = chunk.get(key)
    return value if isinstance(value, str) else ""
