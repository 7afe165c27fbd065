"""What a healthy service would answer, in the words of each vendor, cut into the pieces in which it would come.

Shapes: developers.openai.com (chat completions, audio), docs.anthropic.com (messages), Ollama's API page.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import pi, sin
from typing import Any

from companion.chaos.wire import LIVE, Asked, Way

REPLY = (
    "That sounds like a full day. What stayed with you the most, now that it is quiet? Äpfel, ein Café, 静か."
)
TRANSCRIPT = "I had a long day and I am a little tired."
SPEECH_HZ = 24_000
BLOCK = 4_800
"""Bytes of sound in one piece: a tenth of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A stream in pieces: frames before, content, frames after."""

    vendor: str
    way: Way
    media_type: str
    first: tuple[bytes, ...] = ()
    content: tuple[bytes, ...] = ()
    last: tuple[bytes, ...] = ()

    @property
    def parts(self) -> tuple[bytes, ...]:
        return (*self.first, *self.content, *self.last)

    @property
    def alive(self) -> bytes:
        """A sign of life that says nothing."""
        if self.vendor == "anthropic":
            return sse({"type": "ping"}, "ping")
        return ndjson(_ollama("")) if self.vendor == "ollama" else b": keep-alive\n\n"

    def saying(self, text: str) -> bytes:
        """One more piece of content."""
        if self.way is Way.HEAR:
            return sse({"type": "transcript.text.delta", "delta": text})
        match self.vendor:
            case "anthropic":
                return _anthropic_delta(text)
            case "ollama":
                return ndjson(_ollama(text))
            case _:
                return _openai_chunk({"content": text})

    def wishing(self, tool: str, arguments: str) -> bytes:
        """The model's wish to use a tool."""
        match self.vendor:
            case "anthropic":
                block = {"type": "tool_use", "id": "toolu_chaos", "name": tool, "input": {}}
                delta = {"type": "input_json_delta", "partial_json": arguments}
                return b"".join(
                    sse({"type": kind, "index": 1, **fields}, kind)
                    for kind, fields in (
                        ("content_block_start", {"content_block": block}),
                        ("content_block_delta", {"delta": delta}),
                        ("content_block_stop", {}),
                    )
                )
            case "ollama":
                asked = {"function": {"name": tool, "arguments": json.loads(arguments)}}
                return ndjson(
                    _ollama("", message={"role": "assistant", "content": "", "tool_calls": [asked]})
                )
            case _:
                function = {"name": tool, "arguments": arguments}
                call = {"index": 0, "id": "call_chaos", "type": "function", "function": function}
                return _openai_chunk({"tool_calls": [call]})

    def odd(self, value: str) -> bytes:
        """A piece that holds a field nobody knows, with `value` as it stands, be it JSON or not."""
        empty = self.saying("").rstrip()
        return empty[:-1] + f', "x_new": {value}}}'.encode("utf-8", "surrogatepass") + self.gap

    @property
    def gap(self) -> bytes:
        return b"\n" if self.vendor == "ollama" else b"\n\n"

    def framed(self, text: bytes) -> bytes:
        """`text` where an event would stand."""
        return text + self.gap if self.vendor == "ollama" else b"data: " + text + self.gap

    def refusal(self, status: int, code: str = "", message: str = "") -> bytes:
        """The body of a refusal with that status."""
        return json.dumps(error_body(self.vendor, status, code, message)).encode()

    def error_inside(self, status: int, code: str = "") -> bytes:
        """The vendor's error in the middle of a stream that began well."""
        body = error_body(self.vendor, status, code, "")
        match self.vendor:
            case "anthropic":
                return sse(body, "error")
            case "ollama":
                return ndjson(body)
            case _:
                return sse(body)


def healthy(vendor: str, way: Way, asked: Asked, reply: str, transcript: str) -> Answer:
    """What should come back for a request."""
    if way in LIVE:  # only the handshake is HTTP
        return Answer(vendor=vendor, way=way, media_type="application/json")
    if way is Way.HEAR:
        return _words(asked, transcript)
    if way is Way.SPEAK:
        sound = tone(0.05 * max(4, len(asked.json.get("input", ""))))
        blocks = tuple(sound[at : at + BLOCK] for at in range(0, len(sound), BLOCK))
        return Answer(vendor=vendor, way=way, media_type="audio/pcm", content=blocks)
    model = str(asked.json.get("model") or "chaos")
    return _CHATS[vendor](model, pieces(reply))


def pieces(text: str) -> list[str]:
    """Tokens, roughly: words with the space before them."""
    return re.findall(r"\s*\S+|\s+$", text)


def tone(seconds: float, hz: float = 220.0) -> bytes:
    """A quiet hum, int16 mono."""
    wave = (int(3000 * sin(2 * pi * hz * n / SPEECH_HZ)) for n in range(int(seconds * SPEECH_HZ)))
    return array("h", wave).tobytes()


def sse(data: object, event: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}data: {text}\n\n".encode()


def ndjson(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# -- refusals -----------------------------------------------------------------------------------------------

_ANTHROPIC = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 408: "timeout_error", 413: "request_too_large", 422: "invalid_request_error",
    429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
_OPENAI = {
    400: ("invalid_request_error", None), 401: ("invalid_request_error", "invalid_api_key"),
    402: ("billing_error", "billing_not_active"), 403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"), 408: ("timeout_error", None),
    413: ("request_too_large", None), 422: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"), 504: ("timeout_error", None),
}  # fmt: skip


def error_body(vendor: str, status: int, code: str, message: str) -> dict[str, Any]:
    """A refusal as the vendor words it."""
    message = message or f"Chaos says {status}."
    match vendor:
        case "anthropic":
            kind = code or _ANTHROPIC.get(status, "api_error")
            return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_chaos"}
        case "ollama":
            return {"error": message}
        case "deepgram":
            return {"err_code": code, "err_msg": message, "request_id": "req_chaos"}
        case _:
            kind, usual = _OPENAI.get(status, ("server_error", None))
            return {"error": {"message": message, "type": code or kind, "param": None, "code": code or usual}}


# -- chat ---------------------------------------------------------------------------------------------------


def _openai_chunk(delta: dict[str, Any], finish: str | None = None, model: str = "chaos") -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    base = {
        "id": "chatcmpl-chaos",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": model,
    }
    return sse({**base, "choices": [choice], "usage": None})


def _openai(model: str, tokens: Sequence[str]) -> Answer:
    usage = {"prompt_tokens": 9, "completion_tokens": len(tokens), "total_tokens": 9 + len(tokens)}
    base = {
        "id": "chatcmpl-chaos",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": model,
    }
    return Answer(
        vendor="openai",
        way=Way.CHAT,
        media_type="text/event-stream; charset=utf-8",
        first=(_openai_chunk({"role": "assistant", "content": ""}, model=model),),
        content=tuple(_openai_chunk({"content": token}, model=model) for token in tokens),
        last=(_openai_chunk({}, "stop", model), sse({**base, "choices": [], "usage": usage}), sse("[DONE]")),
    )


def _anthropic_delta(text: str) -> bytes:
    kind = "content_block_delta"
    return sse({"type": kind, "index": 0, "delta": {"type": "text_delta", "text": text}}, kind)


def _anthropic(model: str, tokens: Sequence[str]) -> Answer:
    def event(kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, **fields}, kind)

    usage = {
        "input_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1,
        "service_tier": "standard",
    }  # fmt: skip
    message: dict[str, Any] = {
        "id": "msg_chaos", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    return Answer(
        vendor="anthropic",
        way=Way.CHAT,
        media_type="text/event-stream; charset=utf-8",
        first=(
            event("message_start", message=message),
            event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            event("ping"),
        ),
        content=tuple(_anthropic_delta(token) for token in tokens),
        last=(
            event("content_block_stop", index=0),
            event("message_delta", delta=stop, usage={"output_tokens": len(tokens)}),
            event("message_stop"),
        ),
    )


def _ollama(text: str, **fields: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": text}
    base = {"model": "chaos", "created_at": "2026-11-20T10:00:00.000Z", "message": said}
    return {**base, "done": False, **fields}


def _ollama_chat(model: str, tokens: Iterable[str]) -> Answer:
    content = tuple(ndjson(_ollama(token, model=model)) for token in tokens)
    end = _ollama(
        "", model=model, done=True, done_reason="stop", prompt_eval_count=9, eval_count=len(content)
    )
    return Answer(
        vendor="ollama", way=Way.CHAT, media_type="application/x-ndjson", content=content, last=(ndjson(end),)
    )


_CHATS = {"openai": _openai, "anthropic": _anthropic, "ollama": _ollama_chat}


# -- hearing ------------------------------------------------------------------------------------------------


def _words(asked: Asked, transcript: str) -> Answer:
    deltas = tuple(sse({"type": "transcript.text.delta", "delta": piece}) for piece in pieces(transcript))
    usage = {"type": "tokens", "input_tokens": 40, "output_tokens": 12, "total_tokens": 52}
    done = sse({"type": "transcript.text.done", "text": transcript, "usage": usage})
    if b'name="stream"\r\n\r\ntrue' not in asked.body:
        whole = json.dumps({"text": transcript, "usage": {"type": "duration", "seconds": 3}}).encode()
        return Answer(vendor="openai", way=Way.HEAR, media_type="application/json", content=(whole,))
    return Answer(
        vendor="openai",
        way=Way.HEAR,
        media_type="text/event-stream; charset=utf-8",
        content=deltas,
        last=(done, sse("[DONE]")),
    )
