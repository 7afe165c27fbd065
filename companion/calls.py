"""The nouns of provider calls that go beyond a spoken turn: pictures, sound files, tools, vectors.

Values only. They live apart from `flow` because the window never needs them: a program that starts does not pay for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from companion.media import LONGEST_HEAD, is_textual, media_type_of


class Spelling(type):
    """Of a class that is only another way to write one of ours: calling it gives ours, and ours are its instances."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__base__ or object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image: in a message, or as a model made it. Exactly one of `data` and `url` is set."""

    data: bytes = b""
    """The file's bytes."""
    media_type: str = "image/png"
    """What the bytes are counts, whatever is given here."""
    url: str = ""
    """An address the vendor fetches itself; nothing here ever opens it."""
    prompt: str = ""
    """What the model made of the request, where it says so."""
    input_tokens: int = 0
    output_tokens: int = 0
    """Of one that a model made: what it took, where the vendor says so; on the first of several."""

    def __post_init__(self) -> None:
        _named_by_bytes(self)


def _named_by_bytes(file: Picture | SoundFile) -> None:
    """Sets the media type that the bytes have: labels and endings are often wrong, and vendors refuse the whole request."""
    found = media_type_of(file.data[:LONGEST_HEAD]) if file.data else ""
    if found and (not is_textual(found) or found == "image/svg+xml"):
        object.__setattr__(file, "media_type", found)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFile:
    """Sound in a message, for models that listen."""

    data: bytes
    media_type: str = "audio/wav"
    """`audio/wav` or `audio/mpeg`; what the bytes are counts, whatever is given here."""

    def __post_init__(self) -> None:
        _named_by_bytes(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Something a model may ask the program to do."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of the arguments, an object."""

    @property
    def type(self) -> str:
        return "function"

    @property
    def function(self) -> Tool:
        """The same: name, description and parameters."""
        return self

    @staticmethod
    def of(value: Any) -> Tool:
        """A tool written as a dictionary: OpenAI's shape, with or without its `function`, or Anthropic's."""
        if isinstance(value, Tool):
            return value
        if not isinstance(value, Mapping):
            from companion.errors import AIProviderInvalidRequestError

            raise AIProviderInvalidRequestError(
                f"{value!r} is no description of a tool.", hint="Give functions to Client.request().tools()."
            )
        inner = value.get("function") or value
        parameters = inner.get("parameters") or inner.get("input_schema") or {}
        return Tool(
            name=str(inner.get("name") or ""),
            description=str(inner.get("description") or ""),
            parameters=parameters,
        )


ToolFunction = Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to use a tool; answered by a message of the speaker `tool` with the same `id`."""

    id: str
    name: str
    arguments: str
    """JSON as the model wrote it, which need not be valid."""
    opaque: str = ""
    """What the vendor wants back with it, unread (Gemini's thought signature)."""

    @property
    def type(self) -> str:
        return "function"

    @property
    def function(self) -> ToolCall:
        """The same: name and arguments."""
        return self

    @staticmethod
    def of(value: ToolCall | Mapping[str, Any]) -> ToolCall:
        """A call written as a dictionary: OpenAI's shape, with or without its `function`."""
        if isinstance(value, ToolCall):
            return value
        inner = value.get("function") or value
        arguments = inner.get("arguments") or ""
        if not isinstance(arguments, str):
            import json

            arguments = json.dumps(arguments, ensure_ascii=False)
        return ToolCall(id=str(value.get("id") or ""), name=str(inner.get("name") or ""), arguments=arguments)


Function = ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchema:
    """The shape an answer must have."""

    schema: Mapping[str, Any]
    name: str = "answer"
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """How to ask: what of `ChatRequest` is no message. None and empty: as the model or the provider has it."""

    model: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: Sequence[str] = ()
    tools: Sequence[Tool | Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] = ""
    response_format: Mapping[str, Any] | None = None
    """OpenAI's shape: `{"type": "json_object"}`, or `json_schema` with its schema."""
    reasoning_effort: str = ""
    user: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """What is set, by the names of `ChatRequest`."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        form = found.pop("response_format") or {}
        if form.get("type") == "json_object":
            found["json"] = True
        elif form.get("type") == "json_schema":
            inner = form.get("json_schema") or form
            given = {name: inner[name] for name in ("name", "strict") if name in inner}
            found["schema"] = JsonSchema(schema=inner["schema"], **given)
        return {name: value for name, value in found.items() if value not in (None, "", (), [], {})}


GenerationSettings = ChatOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class VADInfo:
    """Whether somebody speaks, as a recogniser that follows turns told last."""

    is_speaking: bool
    at_s: float = 0.0
    """Where in the take that was."""
    confidence: float | None = None
    """0..1, where it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """Ask for the vectors of texts."""

    texts: tuple[str, ...]
    model: str = ""
    """Empty: the provider's default."""
    dimensions: int | None = None
    """Shorter vectors, of models that can."""
    is_query: bool = False
    """Something looked for, not something kept: some models tell them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """The vectors of one request, in the order of its texts, each of length 1."""

    vectors: tuple[tuple[float, ...], ...]
    model: str = ""
    input_tokens: int = 0


EmbeddingRequest, EmbeddingResponse = EmbedRequest, Embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawRequest:
    """Ask for a picture."""

    prompt: str
    model: str = ""
    """Empty: the provider's default."""
    size: str = ""
    """"WIDTHxHEIGHT" in pixels; empty: the model's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeChoice:
    """What a person chose for a conversation with one voice model that hears, thinks and speaks."""

    model: str = ""
    """Empty: the provider's default, the first of `Spec.realtime`."""
    voice: str = ""
    """Empty: the provider's default."""
    speed: float = 1.0
    """1 is the voice's own pace; vendors take 0.25..1.5, or none at all."""
    language: str = "en"
    """BCP 47 tag of what is said to it."""
    hearing_model: str = ""
    """Who writes down what was said, where the vendor lets it be chosen; the answer does not wait for it."""
    is_spoken: bool = True
    """False: it answers in writing only."""
    follows_turns: bool = False
    """The vendor decides when the person is done and answers by itself; False: `commit` and `respond` decide."""
