"""How a server's OpenAI dialect differs from OpenAI's own, as data: the rows of `resources/vendors.yaml` become these.

The defaults are what OpenAI's own chat completions, hearing and speaking take. No vendor is named in code; what one needs
that has no field here yet is a new field, with the reason in its docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One server's ways. Names of parameters are those of the wire; empty: it has no such parameter."""

    key_header: str = ""
    """Header that carries the key as it is; empty: `Authorization: Bearer`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request."""
    sound_query: Mapping[str, str] = field(default_factory=dict)
    """Added to the addresses of hearing and speaking."""

    lists_models: bool = True
    """Has a list of the models it can be asked for; False: what it lists are not the names it takes."""

    # chat
    responses: bool = False
    """Is asked at the Responses API first; False: at chat completions, and there only where it sends us."""
    max_tokens: str = "max_completion_tokens"
    seed: str = "seed"
    reasoning: str = "reasoning_effort"
    """`reasoning.effort`: an object of that name with the effort in it."""
    asks_for_usage: bool = True
    """Counts tokens of a stream only when asked (`stream_options`)."""
    call_ids: str = r".{1,40}"
    """Pattern of the ids of tool calls that it takes; those of other vendors may be longer or of other signs."""
    thoughts_back: str = ""
    """Field for the model's thoughts that every message with tool calls must have, if only empty."""
    answers_first: bool = False
    """After the answers of tools the assistant speaks, nobody else."""
    required_tool: str = "required"
    """The word for "use any of the tools"."""
    leaves_out: frozenset[str] = frozenset()
    """Fields of a `ChatRequest` or `Message` it does not take and that can be left out: `user`, `metadata`, `name` …"""
    cannot: frozenset[str] = frozenset()
    """What it cannot do and what must not be left out: `tools`, `schema`, `images`, `sounds`."""

    # hearing
    hears_in_stream: bool = True
    """Sends the words of a recording as it finds them, to models that can."""
    hearing_prompt: str = "prompt"
    hearing_format: str = "json"
    """Value of `response_format`."""

    longest_take_s: float = 1380.0
    """Longest recording of one request; longer ones go out in parts."""
    longest_take_bytes: int = 25_000_000
    """Largest file of one request."""

    # speaking
    sound_format: str = "pcm"
    """What is asked for; `wav` where the rate of bare samples is not known."""
    voice_field: str = "voice"
    longest_text: int = 4096
    """Longest text of one request, characters."""
    voices_path: str = ""
    """Where it lists its voices."""

    # vectors
    dimensions: str = "dimensions"
    query_field: str = ""
    """Parameter that tells what is looked for (`query`) from what is kept (`passage`)."""


OPENAI = Dialect(responses=True)
