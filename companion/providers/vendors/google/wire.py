"""Gemini's `generateContent`, the words of the wire: bodies of requests, and what comes back put together.

Knows nothing of sockets. Every event of the stream is a whole response with the next piece in it; there is no last word
but a finish reason. Facts that no vendor page settles are constants here (ai.google.dev/api/generate-content).
"""

from __future__ import annotations

import base64
import json
import math
import re
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderEmptyReplyError, AIProviderError, AIProviderInvalidRequestError
from companion.flow import ChatDelta, ChatRequest, Message, Speaker, Usage
from companion.providers.catalogue import Catalogue
from companion.providers.fitting import kept_by, kept_for, left_out, notice, require_abilities
from companion.providers.wire.usage import figure, tokens, usage_of
from companion.providers.wire.words import Words, whole

if TYPE_CHECKING:
    from companion.calls import DrawRequest, EmbedRequest, Picture, SoundFile, Tool, ToolCall
    from companion.providers.catalogue import ModelEntry
    from companion.providers.provider import Spec
    from companion.providers.wire.faults import CallContext

THOUGHT_TOKENS: Mapping[str, int] = {"none": 1000, "minimal": 1000, "low": 2000, "medium": 4000}
MOST_THOUGHT_TOKENS = 16_000
"""Room for thoughts by effort: the vendor counts them against the longest answer, people do not."""
USUAL_EFFORT = "medium"
"""What a model does that is not told."""
LEVELS: Mapping[str, str] = {"low": "LOW", "medium": "MEDIUM"}
"""Less is the least a model has, more is HIGH."""
TAKES_MINIMAL = re.compile(r"gemini-3(\.[0-6])?-(?!pro)")
"""For "none" these models may be told MINIMAL; all others refuse it and think at least at LOW."""
BUDGETS: Mapping[str, int] = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192}
MOST_BUDGET = 24_576
"""Models up to 2.5 take a number of tokens instead of a level."""
LEAST_BUDGET_OF_PRO = 128
"""2.5 Pro cannot stop thinking."""
LACKING = ("user", "metadata", "name")
"""What a request has no place for."""
FOREIGN_SIGNATURE = "skip_thought_signature_validator"
"""Goes with a tool call that another vendor's model made: without any signature the request is refused."""
_OURS = "google"
"""Marks what `ToolCall.opaque` holds as a signature of this vendor."""
OWN_ID = "companion-"
"""Begins the ids of calls that came without one; such an id stays here."""
_BUDGETED = re.compile(r"gemini-(1|2)\b")
_THOUGHTLESS = ({"thinkingBudget": 0}, {"thinkingLevel": "MINIMAL"})
_FINISH: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "ESCALATION",
            "PUP_LIMITED_DISABLED",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ),
        "content_filter",
    ),
}
_BROKEN = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
    }
)
"""Finish reasons that say that the model failed, not that it is done."""
_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"
_NOTHING: Mapping[str, Any] = {}


# -- the question -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it goes out."""

    body: dict[str, Any]
    notices: tuple[str, ...] = ()


def compose(request: ChatRequest, spec: Spec, model: str) -> Asked:
    """The body for `model`.

    Raises:
        AIProviderNotSupportedError: something that must not be left out is asked of a model that cannot do it.
        AIProviderInvalidRequestError: `tool_choice` names a tool that is not there.
    """
    entry = Catalogue.load().find(model, spec.name)
    label = entry.label if entry else model
    require_abilities(request, spec, entry)
    missing = left_out(request, entry, LACKING)
    notices = [notice(label, name) for name in missing]
    body: dict[str, Any] = {"contents": contents(request.messages)}
    system = [m.content for m in request.messages if m.role is Speaker.SYSTEM and m.content]
    if system:
        body["systemInstruction"] = {"parts": [{"text": text} for text in system]}
    config = _config(request, missing)
    if request.reasoning_effort and "reasoning_effort" not in missing:
        config["thinkingConfig"] = thinking = _thinking(request.reasoning_effort, model)
        if request.reasoning_effort == "none" and thinking not in _THOUGHTLESS:
            notices.append(f"{label} cannot do without thinking; it thinks as little as it can.")
    if request.max_tokens is not None:
        config["maxOutputTokens"] = _room(request, request.max_tokens, model, entry)
    if config:
        body["generationConfig"] = config
    _add_tools(body, request, spec)
    return Asked(body, tuple(notices))


def _config(request: ChatRequest, missing: Collection[str]) -> dict[str, Any]:
    wanted = {
        "temperature": ("temperature", request.temperature),
        "top_p": ("topP", request.top_p),
        "frequency_penalty": ("frequencyPenalty", request.frequency_penalty),
        "presence_penalty": ("presencePenalty", request.presence_penalty),
        "seed": ("seed", request.seed),
        "stop": ("stopSequences", list(request.stop) or None),
    }
    config: dict[str, Any] = {
        wire: value for name, (wire, value) in wanted.items() if value is not None and name not in missing
    }
    if request.schema is not None:
        config |= {
            "responseMimeType": "application/json",
            "responseJsonSchema": dict(request.schema.schema),
        }
    elif request.json:
        config["responseMimeType"] = "application/json"
    return config


def _thinking(effort: str, model: str) -> dict[str, Any]:
    """What is sent for an effort; thoughts are told only where some were asked for."""
    told = {} if effort == "none" else {"includeThoughts": True}
    if _BUDGETED.match(model):
        least = LEAST_BUDGET_OF_PRO if "-pro" in model else 0
        return {"thinkingBudget": max(least, BUDGETS.get(effort, MOST_BUDGET)), **told}
    if effort in ("none", "minimal"):
        return {"thinkingLevel": "MINIMAL" if TAKES_MINIMAL.match(model) else "LOW", **told}
    return {"thinkingLevel": LEVELS.get(effort, "HIGH"), **told}


def _room(request: ChatRequest, answer: int, model: str, entry: ModelEntry | None) -> int:
    """The longest answer in the vendor's count, which includes thoughts."""
    thinks = "reasoning" in entry.abilities if entry and entry.abilities else model.startswith("gemini-")
    thoughts = THOUGHT_TOKENS.get(request.reasoning_effort or USUAL_EFFORT, MOST_THOUGHT_TOKENS)
    room = answer + thoughts * thinks
    return min(room, entry.max_output) if entry and entry.max_output else room


def _add_tools(body: dict[str, Any], request: ChatRequest, spec: Spec) -> None:
    if not request.tools:
        return
    body["tools"] = [{"functionDeclarations": [_declared(tool) for tool in request.tools]}]
    names, choice = [tool.name for tool in request.tools], request.tool_choice
    calling: dict[str, Any] = {"mode": {"none": "NONE", "auto": "AUTO"}.get(choice, "ANY")}
    if choice not in ("auto", "none", "required"):
        if choice not in names:
            raise AIProviderInvalidRequestError(
                f"The request wants the tool {choice!r} and has no such tool.", spec.name
            )
        calling["allowedFunctionNames"] = [choice]
    if choice != "auto":
        body["toolConfig"] = {"functionCallingConfig": calling}


def _declared(tool: Tool) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.parameters:
        declared["parametersJsonSchema"] = dict(tool.parameters)
    return declared


# -- messages -----------------------------------------------------------------------------------------------


def contents(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The conversation without its system messages; neighbours of one role are one, as answers to parallel calls must."""
    found: list[dict[str, Any]] = []
    tools: dict[str, str] = {}
    for message in messages:
        tools |= {call.id: call.name for call in message.tool_calls}
        role = "model" if message.role is Speaker.ASSISTANT else "user"
        parts = [] if message.role is Speaker.SYSTEM else _parts(message, tools)
        if not parts:
            continue
        if found and found[-1]["role"] == role:
            found[-1]["parts"] += parts
        else:
            found.append({"role": role, "parts": parts})
    return found


def _parts(message: Message, tools: Mapping[str, str]) -> list[dict[str, Any]]:
    if message.role is Speaker.TOOL:
        return [_answered(message, message.name or tools.get(message.tool_call_id, ""))]
    parts: list[dict[str, Any]] = [{"text": message.content}] if message.content else []
    parts += map(_picture, message.images)
    parts += map(_sound, message.sounds)
    parts += (_called(call, is_first=n == 0) for n, call in enumerate(message.tool_calls))
    return parts


def _picture(picture: Picture) -> dict[str, Any]:
    if picture.url:
        return {"fileData": {"mimeType": picture.media_type, "fileUri": picture.url}}
    return inline(picture.media_type, picture.data)


def _sound(sound: SoundFile) -> dict[str, Any]:
    return inline(sound.media_type, sound.data)


def inline(media_type: str, data: bytes) -> dict[str, Any]:
    """A part that is a file."""
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(data).decode()}}


def _called(call: ToolCall, *, is_first: bool) -> dict[str, Any]:
    """Of calls made together the vendor signs the first."""
    wanted = {"name": call.name, "args": _object(call.arguments, "arguments"), **_known_id(call.id)}
    signature = kept_by(_OURS, call.opaque) or (FOREIGN_SIGNATURE if is_first else "")
    return {"functionCall": wanted, **({"thoughtSignature": signature} if signature else {})}


def _answered(message: Message, name: str) -> dict[str, Any]:
    response = _object(message.content, "result")
    return {"functionResponse": {"name": name, "response": response, **_known_id(message.tool_call_id)}}


def _known_id(call_id: str) -> dict[str, str]:
    return {} if not call_id or call_id.startswith(OWN_ID) else {"id": call_id}


def _object(text: str, otherwise: str) -> dict[str, Any]:
    """The JSON object in `text`, or one that holds it."""
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        found = text
    return found if isinstance(found, dict) else {otherwise: found}


# -- the answer ---------------------------------------------------------------------------------------------


class Reading:
    """What a stream has told so far, whatever it is made of; subclasses read the parts."""

    def __init__(self, call: CallContext) -> None:
        self.call = call
        self.finish = ""
        self.last: Mapping[str, Any] = _NOTHING
        self._is_open = True
        """More may come: no finish reason yet, or content came after it."""
        self._blocked = ""
        self._usage: object = None

    def is_over(self) -> bool:
        return not self._is_open

    def parts(self, event: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """The parts of one event; notes the rest.

        Raises:
            AIProviderError: it is a failure.
        """
        if not isinstance(event, dict) or "candidates" not in event:
            raise_failure(self.call, event)
        self.last = event
        self._usage = event.get("usageMetadata") or self._usage
        if feedback := event.get("promptFeedback"):
            self._blocked = feedback.get("blockReason") or self._blocked
        candidates = event.get("candidates")
        if not candidates:
            return ()
        finish = candidates[0].get("finishReason")
        self._is_open = finish in (None, "", _UNSPECIFIED)
        if finish and (finish != _UNSPECIFIED or not self.finish):
            self.finish = finish
        return (candidates[0].get("content") or _NOTHING).get("parts") or ()

    def require_end(self) -> str:
        """How it ended, in the words of `ChatDelta.finish_reason`.

        Raises:
            AIProviderError: it did not end, the model failed, or it was refused before a word.
        """
        call = self.call
        if self._blocked and not call.said:
            raise call.inside({"code": "content_filter"})
        if not self.finish:
            raise call.cut()
        if self.finish == "MISSING_THOUGHT_SIGNATURE":
            raise call.inside({"type": "invalid_request_error", "message": "A thought signature is missing."})
        if self.finish in _BROKEN:
            raise call.cut() if call.said else call.inside({"code": "server_error"})
        reason = _FINISH.get(self.finish, "stop")
        if reason == "content_filter" and not call.said:
            raise call.inside({"code": "content_filter"})
        return reason

    @property
    def usage(self) -> Usage | None:
        return usage(self._usage)


class Reply(Reading):
    """A chat under way."""

    def __init__(self, call: CallContext, asked: Asked, model: str) -> None:
        super().__init__(call)
        self._asked, self._model = asked, model
        self._words = Words()
        self._calls: list[ToolCall] = []

    def take(self, event: Mapping[str, Any]) -> ChatDelta | None:
        """What one event adds, if anything."""
        text = reasoning = ""
        for part in self.parts(event):
            if "functionCall" in part:
                self._calls.append(_call(part))
                self.call.said = True
            elif part.get("thought"):
                reasoning += part.get("text") or ""
            elif said := part.get("text"):
                text += said
        delta = self._words.take(text, reasoning)
        return delta if self.call.said else self._said(delta)

    def _said(self, delta: ChatDelta | None) -> ChatDelta | None:
        if not self.call.said and self._words.has_words:
            self.call.said = True
        return delta

    def rest(self) -> ChatDelta | None:
        """What was held back until the end."""
        return self._said(self._words.rest())

    def end(self) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: as `require_end`; EMPTY_REPLY when nothing was said.
        """
        finish = self.require_end()
        if not self.call.said:
            raise self.call.empty(finish, thought=True)  # all of them think, most without telling
        return ChatDelta(
            finish_reason="tool_calls" if self._calls and finish == "stop" else finish,
            usage=self.usage,
            model=self.last.get("modelVersion") or self._model,
            id=self.last.get("responseId") or "",
            tool_calls=tuple(self._calls),
            notices=self._asked.notices,
            raw=self.last,
        )


def _call(part: Mapping[str, Any]) -> ToolCall:
    from companion.calls import ToolCall

    called = part["functionCall"]
    return ToolCall(
        id=called.get("id") or f"{OWN_ID}{uuid.uuid4().hex[:12]}",
        name=called.get("name") or "",
        arguments=whole(json.dumps(called.get("args") or {}, ensure_ascii=False)),
        opaque=kept_for(_OURS, part.get("thoughtSignature") or ""),
    )


def usage(counted: object) -> Usage | None:
    """Tokens; what was thought is output too."""

    def of(*names: str) -> int | None:
        return tokens(*(figure(counted, name) for name in names))

    return usage_of(
        read=of("promptTokenCount", "toolUsePromptTokenCount"),
        written=of("candidatesTokenCount", "responseTokenCount", "thoughtsTokenCount"),
        cached=of("cachedContentTokenCount"),
        heard=_sound_in(counted, "promptTokensDetails"),
        spoken=_sound_in(counted, "responseTokensDetails") or _sound_in(counted, "candidatesTokensDetails"),
        cached_heard=_sound_in(counted, "cacheTokensDetails"),
    )


def _sound_in(counted: object, details: str) -> int | None:
    """The part of the tokens that was sound, where the vendor splits them by modality."""
    parts = figure(counted, details)
    if not isinstance(parts, list):
        return None
    return tokens(*(figure(part, "tokenCount") for part in parts if figure(part, "modality") == "AUDIO"))


# -- vectors and pictures -----------------------------------------------------------------------------------

TASK_TYPES = re.compile(r"(gemini-embedding-001|text-embedding-|embedding-001)")
"""These models are told by a field what a text is for; all others by words before it."""
QUERY, KEPT = "task: search result | query: ", "title: none | text: "
SHAPES: Mapping[str, float] = {
    "1:1": 1, "2:3": 2 / 3, "3:2": 3 / 2, "3:4": 3 / 4, "4:3": 4 / 3, "9:16": 9 / 16, "16:9": 16 / 9, "21:9": 21 / 9,
}  # fmt: skip
"""Pictures come in these proportions."""


def embed_body(request: EmbedRequest, model: str, texts: Iterable[str]) -> dict[str, Any]:
    """One request per text; several texts in one would make one vector of them all."""
    extra: dict[str, Any] = {}
    if request.dimensions is not None:
        extra["outputDimensionality"] = request.dimensions
    if TASK_TYPES.match(model):
        extra["taskType"] = "RETRIEVAL_QUERY" if request.is_query else "RETRIEVAL_DOCUMENT"
        before = ""
    else:
        before = QUERY if request.is_query else KEPT
    return {
        "requests": [
            {"model": f"models/{model}", "content": {"parts": [{"text": before + text}]}, **extra}
            for text in texts
        ]
    }


def draw_body(request: DrawRequest) -> dict[str, Any]:
    """What is sent for a picture; its size becomes the nearest proportion and step the vendor has."""
    config: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    if size := re.fullmatch(r"(\d+)x(\d+)", request.size):
        width, height = max(1, int(size[1])), max(1, int(size[2]))
        proportion = math.log(width / height)
        shape = min(SHAPES, key=lambda name: abs(math.log(SHAPES[name]) - proportion))
        longest = max(width, height)
        step = {} if longest < 1536 else {"imageSize": "2K" if longest < 3072 else "4K"}
        config["imageConfig"] = {"aspectRatio": shape, **step}
    return {"contents": [{"role": "user", "parts": [{"text": request.prompt}]}], "generationConfig": config}


class Drawing(Reading):
    """An answer with pictures in it."""

    def take(self, answer: Mapping[str, Any]) -> list[Picture]:
        from companion.calls import Picture

        found = []
        for part in self.parts(answer):
            if (blob := part.get("inlineData")) and not part.get("thought"):
                data = base64.b64decode(blob["data"], validate=True)
                found.append(Picture(data=data, media_type=blob.get("mimeType") or "image/png"))
        self.call.said = bool(found)
        if not found and self.finish in ("STOP", "NO_IMAGE", "IMAGE_OTHER"):
            spec = self.call.spec
            raise AIProviderEmptyReplyError("", spec.name, who=spec.display_name)
        return found


# -- failures -----------------------------------------------------------------------------------------------

_BY_REASON: Mapping[str, str] = {
    "API_KEY_INVALID": "invalid_api_key",
    "API_KEY_EXPIRED": "invalid_api_key",
    "BILLING_DISABLED": "billing_not_active",
}
"""What the details of a refusal say -> the word `faults` knows it by."""
_BY_STATUS: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 403,  # the country, or a project without billing: nothing that another request would mend
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 503,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""google.rpc.Code as the HTTP status that means the same."""
_BY_WORDS = (("input token count", "context_length_exceeded"), ("api key not valid", "invalid_api_key"))
_DAILY = "daily_quota"
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


def raise_failure(call: CallContext, event: object) -> None:
    """Raises for an error object in an open stream, in whatever shape it comes; lets everything else pass."""
    if isinstance(event, list) and event:
        event = event[0]
    if not isinstance(event, dict):
        raise TypeError("an event of the stream is no object")
    if event.get("error") or ("code" in event and "message" in event):
        raise refusal(call, None, event, {})


def refusal(
    call: CallContext, status: int | None, body: object, headers: Mapping[str, str]
) -> AIProviderError:
    """An error in Google's shape, alone or in a list: `{"error": {"code", "message", "status", "details"}}`."""
    inner = _error_in(body)
    named = _BY_STATUS.get(str(inner.get("status"))) if inner else None
    if named is not None and status in (None, 400):
        status = named
    word, delay = _details(inner.get("details")) if inner else ("", "")
    if delay and word != _DAILY:  # for the day's allowance it asks for the pause of the minute's
        headers = {**headers, "retry-after": delay}
    return call.status(status, reason_of(body), headers)


def reason_of(body: object) -> object:
    """A refusal in the words of `faults`; what is none in Google's shape stays as it is."""
    inner = _error_in(body)
    if inner is None:
        return body
    message = inner.get("message") if isinstance(inner.get("message"), str) else ""
    word = _details(inner.get("details"))[0]
    word = word or next((known for words, known in _BY_WORDS if words in str(message).lower()), "")
    return {"error": {"code": word or inner.get("code"), "message": message}}


def _error_in(body: object) -> dict[str, Any] | None:
    if isinstance(body, list) and body:
        body = body[0]
    inner = body.get("error", body) if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else None


def _details(details: object) -> tuple[str, str]:
    """What the details give away: a word of `faults`, and how long to wait."""
    word = delay = ""
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        if any(
            "PerDay" in str(each.get("quotaId"))
            for each in detail.get("violations") or ()
            if isinstance(each, dict)
        ):
            word = _DAILY
        word = _BY_REASON.get(str(detail.get("reason")), word)
        if wait := _DELAY.fullmatch(str(detail.get("retryDelay", ""))):
            delay = wait[1]
    return word, delay
