"""What a vendor server is told to do, and what it remembers of one request."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

REPLY = "That sounds like a full day. What stayed with you the most?"
TRANSCRIPT = "I had a long day and I am a little tired."


@dataclass(slots=True, kw_only=True)
class Script:
    """What the server says and does. Counts are of content chunks: tokens, partial words, blocks of sound."""

    reply: str = REPLY
    transcript: str = TRANSCRIPT
    keys: list[str] = field(default_factory=list)
    """Keys that are accepted; empty: any."""
    models: list[str] = field(default_factory=list)
    """Models that exist; empty: the server's own list."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Names and arguments (JSON) of the tools the model uses instead of words, where it is offered any."""
    thoughts: str = ""
    """What the model thinks aloud before it answers."""
    cached_tokens: int = 0
    """How much of the prompt came out of the vendor's cache."""
    finish: str = ""
    """Finish reason in the vendor's words; empty: its ordinary one."""
    header_delay_s: float = 0.0
    token_delay_s: float = 0.0

    only: str = ""
    """Failures apply to paths that contain this."""
    times: int | None = None
    """Failures apply to this many requests, then never again."""
    status: int = 0
    """Answer with this HTTP status and the vendor's error body."""
    code: str = ""
    """Vendor's error code; empty: the usual one of the status."""
    message: str = ""
    html: bool = False
    """The body is a web page: with `status` 502 a gateway's, without a status a captive portal's."""
    retry_after: str = ""
    retry_after_ms: str = ""
    redirect_to: str = ""
    cut_after: int | None = None
    """The connection breaks after so many chunks."""
    end_after: int | None = None
    """The body ends properly after so many chunks, without the vendor's last words."""
    error_after: int | None = None
    """An error object instead of the next chunk."""
    error_shape: str = "nested"
    """`nested`, `flat` or `string`."""
    stall_after: int | None = None
    """Silence after so many chunks, connection open."""
    comments_only: bool = False
    """Only signs of life, for ever."""
    garbage_after: int | None = None
    """Half a chunk, then the proper end: JSON that is none."""
    split: bool = False
    """Bytes arrive in odd little pieces: inside lines, characters and samples."""
    crlf: bool = False
    empty: bool = False
    """Everything in order, and nothing said."""
    raw: str = ""
    """The whole body, word for word."""
    hang_at_end: bool = False
    """All is said, and the connection stays open."""
    content_type: str = ""
    """Instead of the proper one."""


ANSWERS = (
    "reply", "transcript", "keys", "models", "calls", "thoughts", "cached_tokens", "finish", "header_delay_s",
    "token_delay_s",
)  # fmt: skip
"""What is no failure."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """One request as it arrived, and how it ended."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: Any
    """Parsed JSON, or the fields of a form with files as {"filename", "content_type", "size"}."""
    at: float
    """`time.monotonic()` at arrival."""
    peer: int
    """Port of the client: the same for two requests over one connection."""
    chunks: int = 0
    """Content chunks sent."""
    first_chunk_at: float | None = None
    ended_at: float | None = None
    disconnected: bool = False
    """The client went away before the end."""
    files: dict[str, bytes] = field(default_factory=dict)


SEEN = web.RequestKey("seen", Seen)
SCRIPT = web.RequestKey("script", Script)
"""What applies to the request."""


def pieces(text: str) -> list[str]:
    """Tokens, roughly: words with the space before them, long ones in halves."""
    words = re.findall(r"\s*\S+|\s+$", text)
    return [part for word in words for part in (word[:6], word[6:]) if part]
