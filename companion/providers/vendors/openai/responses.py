"""The Responses API, the words of the wire: `compose` makes the body of a request, `Reply` puts its event stream together.

Knows nothing of sockets. Nothing is stored at the vendor; the thoughts that led to a tool call travel with the call,
encrypted (`ToolCall.opaque`), and go back unread with its answer. An answer is whole only after its last event.
Shapes: openai/types/responses of the vendor's SDK.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import uuid
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderContentRefusedError, AIProviderInvalidRequestError
from companion.flow import ChatDelta, ChatRequest, Message, Speaker, Usage
from companion.language import tr
from companion.log import redact
from companion.providers.fitting import fitting_id, kept_by, kept_for, left_out, notice, require_abilities
from companion.providers.provider import Spec
from companion.providers.vendors.openai.chat import Asked
from companion.providers.vendors.openai.endpoints import Elsewhere
from companion.providers.vendors.openai.requests import STALE_THOUGHTS, UNASKED
from companion.providers.wire.faults import CallContext
from companion.providers.wire.sse import parsed, says_nothing
from companion.providers.wire.usage import figure, tokens, usage_of
from companion.providers.wire.words import Thoughts, Words, thinks_aloud, whole

if TYPE_CHECKING:
    from companion.calls import JsonSchema, Picture, Tool, ToolCall
    from companion.providers.catalogue import ModelEntry

_LACKING = frozenset({"frequency_penalty", "presence_penalty", "seed", "stop", "name"})
_LEAST_TOKENS = 16
"""A smaller limit is refused."""
_OF_THINKING = frozenset({"reasoning.summary", "include"})
"""Goes along for a model that thinks; who knows no effort does not."""
_IDS = r".{1,64}"
"""The shape of the ids and names it takes."""
_QUOTED = 300
"""Characters of a refusal that are shown."""
_Item = Mapping[str, Any]


# -- the question -------------------------------------------------------------------------------------------


def compose(
    request: ChatRequest,
    spec: Spec,
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
    require_abilities(request, spec, entry, frozenset({"sounds"}))
    missing = set(left_out(request, entry, _LACKING))
    if entry is not None and entry.efforts and request.reasoning_effort not in ("", *entry.efforts):
        missing.add("reasoning_effort")
    body: dict[str, Any] = {"model": model, "stream": "stream" not in refused, "store": False}
    _add_conversation(body, request, "" if STALE_THOUGHTS in refused else _origin(spec))
    optional = ["stream", STALE_THOUGHTS] if body["stream"] else [STALE_THOUGHTS]
    for name, wire, value in _options(request, entry):
        whole = wire.partition(".")[0]
        if name in missing or (wire in _OF_THINKING and refused & {"reasoning", "reasoning.effort"}):
            continue
        if not refused & {wire, whole}:
            _put(body, wire, value)
            optional += dict.fromkeys((wire, whole))
        elif wire not in UNASKED:
            missing.add(name)
    _add_form(body, request, spec)
    label = entry.label if entry else model
    notices = tuple(notice(label, name) for name in sorted(missing))
    return Asked(body, notices, tuple(optional))


def _options(request: ChatRequest, entry: ModelEntry | None) -> Iterable[tuple[str, str, Any]]:
    """What can be left out: its name in the request, on the wire, and the value."""
    for name in ("temperature", "top_p"):
        if (value := getattr(request, name)) is not None:
            yield name, name, value
    if request.max_tokens is not None:
        yield "max_tokens", "max_output_tokens", max(request.max_tokens, _LEAST_TOKENS)
    if request.metadata:
        yield "metadata", "metadata", dict(request.metadata)
    if request.user:  # what `user` was for is two fields now
        yield "user", "safety_identifier", fitting_id(request.user, _IDS)
        yield "user", "prompt_cache_key", fitting_id(request.user, _IDS)
    if effort := request.reasoning_effort:
        yield "reasoning_effort", "reasoning.effort", effort
        if effort != "none":
            yield "reasoning_effort", "reasoning.summary", "auto"
    reasons = entry is None or not entry.abilities or "reasoning" in entry.abilities
    if request.tools and request.tool_choice != "none" and reasons:
        yield "", "include", ["reasoning.encrypted_content"]


def _put(body: dict[str, Any], wire: str, value: Any) -> None:
    whole, _, part = wire.partition(".")
    if part:
        body.setdefault(whole, {})[part] = value
    else:
        body[whole] = value


def _add_form(body: dict[str, Any], request: ChatRequest, spec: Spec) -> None:
    """Tools and the form of the answer."""
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        choice = request.tool_choice
        if choice in ("required", "none"):
            body["tool_choice"] = choice
        elif choice != "auto":
            if choice not in {tool.name for tool in request.tools}:
                raise AIProviderInvalidRequestError(
                    tr("The request wants the tool {choice!r} and has no such tool.", choice=choice),
                    spec.name,
                )
            body["tool_choice"] = {"type": "function", "name": choice}
    if request.schema is not None:
        body["text"] = {"format": _schema(request.schema)}
    elif request.json:
        body["text"] = {"format": {"type": "json_object"}}


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    parameters = dict(tool.parameters) or {"type": "object", "properties": {}}
    # Said outright: where it is missing the API makes the schema strict, and what was optional is required.
    return {"type": "function", "name": tool.name, **described, "parameters": parameters, "strict": False}


def _schema(form: JsonSchema) -> dict[str, Any]:
    return {"type": "json_schema", "name": form.name, "schema": dict(form.schema), "strict": form.strict}


def _origin(spec: Spec) -> str:
    """Whose thoughts those are that can be read here."""
    return f"responses {spec.name}"


def _add_conversation(body: dict[str, Any], request: ChatRequest, origin: str) -> None:
    """The system's words at the beginning are instructions, everything after them items. `origin`: of thoughts to send."""
    messages = list(request.messages)
    head = list(takewhile(lambda message: message.role == Speaker.SYSTEM, messages))
    # JSON of any shape is given only where the items themselves speak of JSON, and items there must be.
    if head and len(head) < len(messages) and not (request.json and request.schema is None):
        body["instructions"] = "\n\n".join(message.content for message in head)
        messages = messages[len(head) :]
    body["input"] = [item for message in messages for item in _items(message, origin)]


def _items(message: Message, origin: str) -> Iterable[_Item]:
    if message.tool_calls:
        yield from _with_calls(message, origin)
    elif message.role == Speaker.TOOL:
        content = _content(message) if message.images else message.content
        yield {
            "type": "function_call_output",
            "call_id": fitting_id(message.tool_call_id, _IDS),
            "output": content,
        }
    else:
        yield {"role": str(message.role), "content": _content(message) if message.images else message.content}


def _content(message: Message) -> list[_Item]:
    text = [{"type": "input_text", "text": message.content}] if message.content else []
    return [*text, *map(_picture, message.images)]


def _picture(picture: Picture) -> _Item:
    """A picture, or a file that a model reads like one."""
    link = picture.url or f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
    if picture.media_type.startswith("image/"):
        return {"type": "input_image", "image_url": link, "detail": "auto"}
    if picture.url:
        return {"type": "input_file", "file_url": link}
    name = f"file{mimetypes.guess_extension(picture.media_type) or ''}"
    return {"type": "input_file", "filename": name, "file_data": link}


def _with_calls(message: Message, origin: str) -> Iterable[_Item]:
    """What an answer with tool calls was: thoughts, words and calls in the order in which they came, where it is known."""
    before = [_kept(call.opaque, origin) for call in message.tool_calls]
    words = "".join(item["content"] for items in before for item in items if item.get("role"))
    if words != message.content:  # it was cut to what was heard, or comes from elsewhere
        before = [[item for item in items if not item.get("role")] for items in before]
        if message.content:
            before[0].append({"role": "assistant", "content": message.content})
    for items, call in zip(before, message.tool_calls, strict=True):
        yield from items
        arguments = call.arguments or "{}"
        yield {
            "type": "function_call",
            "call_id": fitting_id(call.id, _IDS),
            "name": call.name,
            "arguments": arguments,
        }


def _kept(opaque: str, origin: str) -> list[_Item]:
    """The items that came before a call; none of another vendor's, or where they are not to be sent."""
    try:
        items = json.loads((origin and kept_by(origin, opaque)) or "[]")
    except (ValueError, RecursionError):
        return []
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


# -- the answer ---------------------------------------------------------------------------------------------

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class Reply:
    """What an event stream has told so far. Sequence numbers are not looked at: events come in order or not at all.

    Args:
        model: the one that was asked.
        begins_in_thought: whether it is known to, in its words; None: its name says.
    """

    def __init__(self, call: CallContext, model: str = "", *, begins_in_thought: bool | None = None) -> None:
        if begins_in_thought is None:
            begins_in_thought = thinks_aloud(model)
        self._call = call
        self._words = Words(Thoughts(begins_in_thought=begins_in_thought))
        self._pieces: list[str] = []
        """All text as it came."""
        self._pieces_before = 0
        """How many of them the finished parts have."""
        self._has_thought = False
        self._refusal = ""
        self._begun: dict[object, dict[str, Any]] = {}
        """Tool calls under way, by their place in the answer."""
        self._done: list[_Item] = []
        """Whole items, in the order in which they came."""
        self._response: _Item | None = None
        """The answer at its end."""
        self._last: _Item | None = None

    def is_over(self) -> bool:
        return self._response is not None

    def is_closed(self) -> bool:
        """Whether the server said itself that nothing follows."""
        return self._response is not None

    def begins_in_thought(self) -> bool | None:
        """What was learned of the model; None: nothing."""
        return self._words.began_in_thought if self._words.has_words else None

    def take(self, data: str, event: str = "message") -> ChatDelta | None:
        """What one event adds; notes the rest. Unknown events are passed over. A whole response is an event too.

        Raises:
            AIProviderError: the event is a failure.
            Elsewhere: it is an event of chat completions.
        """
        if data[0] != "{" and says_nothing(data):
            return None
        told = self._last = parsed(data)
        kind = told.get("type")
        if kind == "response.output_text.delta":
            self._pieces.append(text := told["delta"])
            delta = self._words.take(text)
            return delta if self._call.said else self._said(delta)
        if kind is None or event == "error":
            return self._take_bare(told)
        match kind:
            case "response.output_text.done":
                return self._finish_part(told["text"])
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return self._think(told["delta"])
            case "response.reasoning_summary_part.added" if told.get("summary_index") and self._has_thought:
                return self._think("\n\n")
            case "response.refusal.delta":
                self._refusal += told["delta"]
            case "response.refusal.done":
                self._refusal = told.get("refusal") or self._refusal
            case "response.output_item.done":
                self._done.append(told["item"])
            case "error":
                raise self._call.inside(told)
            case _ if kind in _ENDS:
                return self._end(told["response"])
            case _:
                self._take_call(kind, told)
        return None

    def _say(self, text: str) -> ChatDelta | None:
        if not text:
            return None
        self._pieces.append(text)
        return self._said(self._words.take(text))

    def _said(self, delta: ChatDelta | None) -> ChatDelta | None:
        if not self._call.said and delta is not None and self._words.has_words:
            self._call.said = True
        return delta

    def _finish_part(self, text: str) -> ChatDelta | None:
        """The text of a part that came in one piece."""
        told = self._say(text) if len(self._pieces) == self._pieces_before else None
        self._pieces_before = len(self._pieces)
        return told

    def _think(self, text: str) -> ChatDelta | None:
        self._has_thought = self._has_thought or bool(text)
        return self._said(self._words.take("", text)) if text else None

    def _take_call(self, kind: str, event: _Item) -> None:
        """What is told of a tool call before it is whole."""
        place = event.get("output_index")
        if kind == "response.output_item.added" and event["item"].get("type") == "function_call":
            self._begun[place] = dict(event["item"])
            self._call.said = True
        elif (call := self._begun.get(place)) is not None:
            if kind == "response.function_call_arguments.delta":
                call["arguments"] = (call.get("arguments") or "") + event["delta"]
            elif kind == "response.function_call_arguments.done":
                call["arguments"] = event["arguments"]

    def _take_bare(self, event: _Item) -> ChatDelta | None:
        """What has no type: a whole response, a failure in the shape of a refusal, or another API's words."""
        if event.get("object") == "response":
            return self._end(event)
        if "choices" in event or event.get("object") == "chat.completion.chunk":
            raise Elsewhere(for_all=True)
        if event.get("error") or "message" in event:
            raise self._call.inside(event)
        return None

    def _end(self, response: _Item) -> ChatDelta | None:
        """Notes the end and gives what was not told before it."""
        status = response.get("status")
        if status == "failed":
            raise self._call.inside(response.get("error") or {"code": "server_error"})
        if status not in ("completed", "incomplete"):
            return None
        self._response = response
        items = response.get("output") or ()
        parts = [
            part for item in items if item.get("type") == "message" for part in item.get("content") or ()
        ]
        self._refusal = self._refusal or "".join(part.get("refusal") or "" for part in parts)
        told = "".join(self._pieces)
        words = "".join(part.get("text") or "" for part in parts if part.get("type") == "output_text")
        rest = words.removeprefix(told) if words.startswith(told) else ""
        thought = "" if self._has_thought else "\n\n".join(_thoughts(items))
        return self._said(self._words.take(rest, thought))

    def rest(self) -> ChatDelta | None:
        """What was held back until the end."""
        return self._said(self._words.rest())

    def last(self, notices: Sequence[str] = ()) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: the stream did not come to its end, the model refused, or it said nothing.
        """
        call, response = self._call, self._response
        if response is None:
            raise call.cut()
        if self._refusal:
            quoted = redact(" ".join(self._refusal.split()))[:_QUOTED]
            hint = tr("It says: “{quoted}” What you said is kept.", quoted=quoted)
            raise AIProviderContentRefusedError("", call.spec.name, who=call.spec.display_name, hint=hint)
        finish = "stop"
        if response["status"] == "incomplete":
            reason = figure(response, "incomplete_details", "reason")
            finish = "content_filter" if reason == "content_filter" else "length"
        calls = self._calls(response) if finish == "stop" else ()  # those of an incomplete answer may be half
        if not (self._words.has_words or calls):
            if finish == "content_filter":
                raise call.inside({"code": "content_filter"})
            raise call.empty(finish, thought=self._words.has_thoughts)
        return ChatDelta(
            finish_reason="tool_calls" if calls else finish,
            usage=_usage(response.get("usage")),
            model=_name(response, "model"),
            id=_name(response, "id"),
            tool_calls=calls,
            notices=tuple(notices),
            raw=self._last,
        )

    def _calls(self, response: _Item) -> tuple[ToolCall, ...]:
        """The tool calls, each with the thoughts and words that came before it."""
        from companion.calls import ToolCall

        found: list[ToolCall] = []
        before: list[_Item] = []
        for item in self._items(response):
            if item.get("type") != "function_call":
                before += _to_keep(item)
                continue
            call = ToolCall(
                id=item.get("call_id") or item.get("id") or f"call_{uuid.uuid4().hex[:16]}",
                name=item["name"],
                arguments=whole(item.get("arguments") or "{}"),
                opaque=kept_for(_origin(self._call.spec), json.dumps(before) if before else ""),
            )
            found.append(call)
            before = []
        return tuple(found)

    def _items(self, response: _Item) -> Sequence[_Item]:
        """The whole answer as it is told at the end, else as it came. Not every server tells all of it again."""
        told = (response.get("output") or (), self._done, list(self._begun.values()))
        return max(told, key=lambda items: sum(item.get("type") == "function_call" for item in items))


def _to_keep(item: _Item) -> list[_Item]:
    """An item as it is sent back with the call it led to; thoughts that nobody could read there are not."""
    match item.get("type"):
        case "reasoning" if item.get("encrypted_content") or item.get("content"):
            kept = {name: item[name] for name in ("id", "content", "encrypted_content") if item.get(name)}
            return [{"type": "reasoning", "summary": item.get("summary") or [], **kept}]
        case "message":
            words = "".join(part.get("text") or "" for part in item.get("content") or ())
            phase = {"phase": item["phase"]} if item.get("phase") else {}
            return [{"role": "assistant", "content": words, **phase}] if words else []
    return []


def _thoughts(items: Iterable[_Item]) -> Iterable[str]:
    for item in items:
        if item.get("type") == "reasoning":
            for part in item.get("summary") or item.get("content") or ():
                if text := part.get("text"):
                    yield text


def _usage(counted: object) -> Usage | None:
    return usage_of(
        read=tokens(figure(counted, "input_tokens")),
        written=tokens(figure(counted, "output_tokens")),
        cached=figure(counted, "input_tokens_details", "cached_tokens"),
    )


def _name(response: _Item, key: str) -> str:
    value = response.get(key)
    return value if isinstance(value, str) else ""
