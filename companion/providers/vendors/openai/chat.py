"""Chat completions, the words of the wire: `compose` makes the body of a request, `Reply` puts its stream together.

Knows nothing of sockets. What a model does not take is left out and told in a notice, or refused where the answer would
mean something else without it. The stream is read as leniently as servers differ; it ends with a finish reason, or with
`[DONE]`. What a vendor wants back with the result of a tool travels with the call (`ToolCall.opaque`).
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from companion.errors import AIProviderInvalidRequestError
from companion.flow import ChatDelta, ChatRequest, Message, Speaker, Usage
from companion.providers.fitting import (
    fitting_id,
    kept_by,
    kept_for,
    left_out,
    notice,
    require_abilities,
)
from companion.providers.provider import Spec
from companion.providers.vendors.openai.dialect import Dialect
from companion.providers.wire.faults import CallContext
from companion.providers.wire.sse import AnswerSplitter, parsed, says_nothing
from companion.providers.wire.usage import figure, tokens, usage_of
from companion.providers.wire.words import Characters, Thoughts, Words, thinks_aloud

if TYPE_CHECKING:
    from companion.calls import JsonSchema, Picture, SoundFile, Tool, ToolCall
    from companion.providers.catalogue import ModelEntry

_FINISH = {
    **dict.fromkeys(
        ("length", "model_length", "max_length", "max_tokens", "token_limit", "context_length"), "length"
    ),
    **dict.fromkeys(
        ("content_filter", "content-filter", "safety", "sensitive", "refusal", "recitation"), "content_filter"
    ),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), "tool_calls"),
}
"""Finish reasons in lower case; all others mean that the answer is whole."""
_BROKEN = frozenset(
    ("error", "insufficient_system_resource", "network_error", "abort", "aborted", "cancelled", "timeout")
)
"""Finish reasons that say that the server failed."""
_NO_FINISH = (None, "", "null", "None", "none")
"""What servers write for "not yet"."""
THOUGHTS = ("reasoning_content", "reasoning")
"""Fields in which servers tell thoughts and take them back."""
DETAILS, EXTRA = "reasoning_details", "extra_content"
WANTS_THOUGHTS = "thoughts_back"
"""Among the refused: the server wants thoughts with every message that calls tools."""
_UNSIGNED = "skip_thought_signature_validator"
"""Stands for the signature of a tool call that another vendor's model made; without one Gemini refuses the request."""

THOUGHTLESS = "reasoning_effort to 'none'"
"""What a model that uses tools here only without thinking says one should set."""


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
    messages = _Messages(spec, dialect, model, refused, nameless="name" in missing)
    streams = "stream" not in refused
    body: dict[str, Any] = {"model": model, "messages": messages.all(request.messages), "stream": streams}
    optional = ["stream", *messages.optional] if streams else [*messages.optional]
    if request.tools and request.reasoning_effort != "none":
        optional.append(THOUGHTLESS)
    if streams and dialect.asks_for_usage and "stream_options" not in refused:
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
    if THOUGHTLESS in refused and request.tools:
        missing |= {"reasoning_effort"} if request.reasoning_effort not in ("", "none") else set()
        body["reasoning_effort"] = "none"
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


class _Messages:
    """The conversation as one server takes it, wherever it began."""

    def __init__(
        self, spec: Spec, dialect: Dialect, model: str, refused: frozenset[str], *, nameless: bool
    ) -> None:
        self._dialect, self._refused, self._nameless = dialect, refused, nameless
        self._origin = origin_of(spec, model)
        self._signs = "gemini" in model.lower()
        self._by_details = dialect.reasoning == "reasoning.effort"
        self._thoughts_back = dialect.thoughts_back or (THOUGHTS[0] if WANTS_THOUGHTS in refused else "")
        self.optional: set[str] = set()
        """Fields that were added and can be left out."""

    def all(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for message in messages:
            if (
                self._dialect.answers_first
                and message.role is Speaker.USER
                and found
                and found[-1]["role"] == "tool"
            ):
                found.append({"role": "assistant", "content": "…"})
            found.append(self._message(message))
        return found

    def _message(self, message: Message) -> dict[str, Any]:
        wire: dict[str, Any] = {"role": str(message.role), "content": message.content}
        if message.images or message.sounds:
            text = [{"type": "text", "text": message.content}] if message.content else []
            wire["content"] = [*text, *map(_picture, message.images), *map(_sound, message.sounds)]
        if message.role == Speaker.TOOL:
            wire["tool_call_id"] = self._id(message.tool_call_id)
        elif message.name and not self._nameless:
            wire["name"] = message.name
        if message.tool_calls:
            wire["content"] = message.content or None
            wire["tool_calls"] = [self._call(call, n == 0) for n, call in enumerate(message.tool_calls)]
            wire |= self._kept(message.tool_calls)
        return wire

    def _call(self, call: ToolCall, is_first: bool) -> dict[str, Any]:
        function = {"name": call.name, "arguments": call.arguments}
        wire: dict[str, Any] = {"id": self._id(call.id), "type": "function", "function": function}
        extra = _object(kept_by(self._origin, call.opaque)).get(EXTRA)
        if extra is None and self._signs and is_first and not self._by_details:
            extra = {"google": {"thought_signature": _UNSIGNED}}
        if extra is not None and EXTRA not in self._refused:
            wire[EXTRA] = extra
            self.optional.add(EXTRA)
        return wire

    def _kept(self, calls: Sequence[ToolCall]) -> dict[str, Any]:
        """What goes back with a message beside its calls: thoughts, as the server told them itself."""
        kept = _object(kept_by(self._origin, calls[0].opaque))
        found = {name: kept[name] for name in (*THOUGHTS, DETAILS) if name in kept}
        if self._signs and self._by_details and not found.get(DETAILS):
            found[DETAILS] = [
                {"type": "reasoning.encrypted", "data": _UNSIGNED, "id": self._id(calls[0].id),
                 "format": "google-gemini-v1", "index": 0}
            ]  # fmt: skip
        if self._thoughts_back:
            return {**found, self._thoughts_back: found.get(self._thoughts_back, "")}
        found = {name: value for name, value in found.items() if name not in self._refused}
        self.optional |= found.keys()
        return found

    def _id(self, call_id: str) -> str:
        return fitting_id(call_id, self._dialect.call_ids)


def origin_of(spec: Spec, model: str) -> str:
    """Whose thoughts a model's are: the server's, and of a router the vendor's behind it."""
    vendor, slash, _ = model.partition("/")
    return f"{spec.name} {vendor}" if slash else spec.name


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else _NOTHING
    except (ValueError, RecursionError):
        found = _NOTHING
    return found if isinstance(found, dict) else _NOTHING


def _picture(picture: Picture) -> dict[str, Any]:
    url = picture.url or f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _sound(sound: SoundFile) -> dict[str, Any]:
    kind = "mp3" if sound.media_type in ("audio/mpeg", "audio/mp3") else "wav"
    data = base64.b64encode(sound.data).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}


# -- the answer ---------------------------------------------------------------------------------------------


class Reply:
    """What a chat stream has told so far.

    Args:
        model: the one that was asked.
        begins_in_thought: whether it is known to; None: its name says.
    """

    def __init__(self, call: CallContext, model: str = "", *, begins_in_thought: bool | None = None) -> None:
        if begins_in_thought is None:
            begins_in_thought = thinks_aloud(model)
        self._call = call
        self._origin = origin_of(call.spec, model)
        self._words = Words(Thoughts(begins_in_thought=begins_in_thought))
        self._thoughts = _KeptThoughts()
        self._finish = ""
        self._is_open = True
        """Words may follow: no finish reason, or words came after it."""
        self._is_done = False
        self._is_counted = False
        """Tokens were told in an event of their own, as they are at the end."""
        self._usage: Usage | None = None
        self._last: Mapping[str, Any] | None = None
        self._tools = _ToolCalls()

    def is_over(self) -> bool:
        return self._is_done or not self._is_open

    def is_closed(self) -> bool:
        """Whether the server said itself that nothing follows."""
        return self._is_done

    def begins_in_thought(self) -> bool | None:
        """What was learned of the model; None: nothing."""
        return self._words.began_in_thought if self._words.has_words else None

    def take(self, data: str, event: str = "message") -> ChatDelta | None:
        """What one event adds; notes the rest. Events without choices are usual.

        Raises:
            AIProviderError: the event is a failure, or no event of a chat.
        """
        if data[0] != "{" and says_nothing(data):
            self._is_done = self._is_done or "DONE" in data
            return None
        if event == "error":
            raise self._call.inside(_parsed(data))
        try:
            chunk = parsed(data)
        except ValueError:
            if self._is_done:  # whatever it is, the answer was whole before
                return None
            raise
        if not isinstance(chunk, dict):
            raise self._not_a_chunk(chunk)
        choices = chunk.get("choices")
        if not choices or "error" in chunk:
            self._take_bare(chunk)
        self._last = chunk
        if usage := chunk.get("usage") or ("x_groq" in chunk and figure(chunk, "x_groq", "usage")):
            self._usage = _usage(usage)
            self._is_counted = not choices
        if not choices:
            return None
        choice = choices[0]
        finish = choice.get("finish_reason")
        if finish not in _NO_FINISH:
            self._end(finish, choice)
        delta = choice.get("delta") or choice.get("message")
        if not delta:
            return None
        self._is_counted = False  # words after the count: it was not the end
        if not self._is_open and finish in _NO_FINISH:
            self._is_open = True
        content = delta.get("content")
        if self._call.said and len(delta) == 1 and type(content) is str:  # nearly all of them
            return self._words.take(content)
        return self._take_delta(delta)

    def _end(self, finish: object, choice: Mapping[str, Any]) -> None:
        self._finish, self._is_open = str(finish).lower(), False
        if self._finish in _BROKEN:
            raise self._call.inside(choice if choice.get("error") else {"code": "server_error"})

    def _take_delta(self, delta: Mapping[str, Any]) -> ChatDelta | None:
        content = delta.get("content") or delta.get("refusal")
        thought = self._thoughts.take(delta)
        if isinstance(content, list):
            content, thought = _text_of(content, "text"), _text_of(content, "thinking") or thought
        if calls := delta.get("tool_calls"):
            self._tools.take(calls)
            self._call.said = True
        elif isinstance(function := delta.get("function_call"), dict):  # what calls were in older servers
            self._tools.take([{"index": 0, "function": function}])
            self._call.said = True
        return self._said(self._words.take(content if isinstance(content, str) else "", thought))

    def _said(self, delta: ChatDelta | None) -> ChatDelta | None:
        if not self._call.said and delta is not None and self._words.has_words:
            self._call.said = True
        return delta

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

    def rest(self) -> ChatDelta | None:
        """What was held back until the end."""
        return self._said(self._words.rest())

    def last(self, notices: Sequence[str] = ()) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: the stream did not finish, refused, or said nothing.
        """
        call = self._call
        if not self._finish and not self._is_done and not (self._is_counted and call.said):
            raise call.cut()
        finish = _FINISH.get(self._finish, "stop")
        tools = self._tools.whole(self._origin, self._thoughts, only_finished=finish == "length")
        if not (self._words.has_words or tools):
            if finish == "content_filter":
                raise call.inside({"code": "content_filter"})
            raise call.empty(finish, thought=self._words.has_thoughts)
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


class Ending(Protocol):
    """What `ended` asks of a reply."""

    def take(self, data: str, event: str = ...) -> ChatDelta | None: ...
    def rest(self) -> ChatDelta | None: ...


def ended(reply: Ending, splitter: AnswerSplitter) -> Iterator[ChatDelta]:
    """What the end of the stream brings: its last event, even one that broke off, and what was held back."""
    for event in splitter.rest():
        with suppress(*[ValueError] * splitter.is_events):
            if delta := reply.take(event.data, event.event):
                yield delta
    if delta := reply.rest():
        yield delta


class _KeptThoughts:
    """The thoughts of one answer as the server told them, to be given back with the results of its tools."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._details: list[dict[str, Any]] = []

    def take(self, delta: Mapping[str, Any]) -> str:
        """Notes what a delta tells; returns its words."""
        found = ""
        for name in THOUGHTS:
            text = delta.get(name)
            if isinstance(text, str) and text:
                self._texts.setdefault(name, []).append(text)
                found = found or text
        details = delta.get(DETAILS)
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict):
                self._merge(detail)
                words = detail.get("text") or detail.get("summary")
                found = found or (words if isinstance(words, str) else "")
        return found

    def _merge(self, detail: Mapping[str, Any]) -> None:
        """A piece of the newest part, or a part of its own."""
        newest = self._details[-1] if self._details else _NOTHING
        same = all(detail.get(name) in (None, newest.get(name)) for name in ("type", "index"))
        ids = {each for each in (detail.get("id"), newest.get("id")) if each is not None}
        if not newest or not same or len(ids) > 1:
            self._details.append(dict(detail))
            return
        kept = self._details[-1]
        for name, value in detail.items():
            if (
                name in ("text", "summary", "data")
                and isinstance(kept.get(name), str)
                and isinstance(value, str)
            ):
                kept[name] += value
            elif value is not None:
                kept[name] = value

    def kept(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: _joined(pieces) for name, pieces in self._texts.items()}
        return {**found, DETAILS: self._details} if self._details else found


def _joined(pieces: Sequence[str]) -> str:
    characters = Characters()
    return characters.feed("".join(pieces)) + characters.rest()


class _ToolCalls:
    """Calls in pieces. Some servers give every piece the index 0, none at all, or no id."""

    def __init__(self) -> None:
        self._calls: list[_Pieces] = []

    def take(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        for piece in pieces:
            function = piece.get("function") or _NOTHING
            call = self._of(piece.get("id") or "", piece.get("index"), function.get("name") or "")
            if (extra := piece.get(EXTRA)) is not None:
                call.extra = extra
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

    def whole(self, origin: str, thoughts: _KeptThoughts, *, only_finished: bool) -> tuple[ToolCall, ...]:
        """The calls, each with what the vendor wants back; with the first, the thoughts that led to them."""
        from companion.calls import ToolCall

        found = [call for call in self._calls if call.is_whole() or not (only_finished and call.arguments)]
        kept = thoughts.kept() if found else {}
        made = []
        for call in found:
            if call.extra is not None:
                kept[EXTRA] = call.extra
            made.append(
                ToolCall(
                    id=call.id or f"call_{uuid.uuid4().hex[:16]}",
                    name=call.name,
                    arguments=_joined([call.arguments]) or "{}",
                    opaque=kept_for(origin, json.dumps(kept, ensure_ascii=False) if kept else ""),
                )
            )
            kept = {}
        return tuple(made)


@dataclass(slots=True)
class _Pieces:
    id: str
    index: object
    name: str
    arguments: str = ""
    extra: object = None
    """What belongs to the call beside its function (Google's signature, through compatible addresses)."""

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


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _name(chunk: Mapping[str, Any], key: str) -> str:
    value = chunk.get(key)
    return value if isinstance(value, str) else ""
