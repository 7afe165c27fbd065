"""The nouns of provider calls that go beyond a spoken turn: pictures, sound files, tools, vectors.

Values only. They live apart from `flow` because the window never needs them: a program that starts does not pay for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from companion.media import LONGEST_HEAD, is_textual, media_type_of


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to use a tool; answered by a message of the speaker `tool` with the same `id`."""

    id: str
    name: str
    arguments: str
    """JSON as the model wrote it, which need not be valid."""
    opaque: str = ""
    """What the vendor wants back with it, unread (Gemini's thought signature)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchema:
    """The shape an answer must have."""

    schema: Mapping[str, Any]
    name: str = "answer"
    strict: bool = True


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
