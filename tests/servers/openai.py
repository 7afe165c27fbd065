"""OpenAI: chat, transcriptions, speech, embeddings, images and models under /v1, byte for byte as documented.

`Ways` says how a vendor that speaks the same dialect differs; `tests.servers.compatible` has one server for each of them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp import web

from companion.flow import Audio
from companion.pcm import to_mp3, to_wav
from tests.servers import openai_responses as responses
from tests.servers.openai_jobs import OpenAIJobs
from tests.servers.script import SCRIPT, SEEN, Script, Seen, pieces
from tests.servers.server import VendorServer
from tests.servers.speech import say
from tests.servers.stream import Body, sse

SPEECH_HZ = 24_000
_BLOCK = 4800
"""Bytes of one block of sound: a tenth of a second."""
_ERRORS = {
    400: ("invalid_request_error", None, "Invalid request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    402: ("billing_error", None, "Payment required."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Country not supported."),
    404: (
        "invalid_request_error",
        "model_not_found",
        "The model does not exist or you do not have access to it.",
    ),
    408: ("server_error", "request_timeout", "Request timed out."),
    413: ("invalid_request_error", None, "Maximum content size limit exceeded."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}
_PARTS = {"text": "text", "image_url": "image_url", "input_audio": "input_audio"}
_VOICES = [
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "onyx",
    "nova",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How a vendor's service differs from another's."""

    key_header: str = "authorization"
    wants_key: bool = True
    unknown: frozenset[str] = frozenset({"max_tokens", "random_seed", "reasoning"})
    """Fields of a question that are refused."""
    refusal: int = 400
    """Status of such a refusal; with 422 the body has a `detail` list."""
    usage: str = "asked"
    """Where tokens are told: `asked` (a chunk of its own, if asked for), `last` (with the last words), `x_groq`."""
    error_shape: str = "nested"
    """Of a refusal: `nested`, `flat` or `list`."""
    parts: bool = False
    """The words come in lists of parts."""
    empty_first: bool = False
    """The first chunk has no choices."""
    comments: bool = False
    any_tool: str = "required"
    call_ids: str = ".{1,40}"
    """Pattern of the ids of tool calls."""
    thoughts_back: str = ""
    """Field that an answer with tool calls must bring back: `reasoning_content`, `reasoning_details`, `extra_content`."""
    answers_first: bool = False
    """The user may not speak right after a tool."""
    numbers_tools: bool = True
    """Pieces of tool calls have an id and an index of their own."""
    whole_tools: bool = False
    """A tool call comes in one piece."""
    form_fields: frozenset[str] = frozenset(
        {"file", "model", "language", "prompt", "response_format", "stream"}
    )
    word_events: str = "transcript.text"
    streams_words: bool = True
    sound: str = "pcm"
    """What is sent for speech that is not MP3: `pcm`, `wav`, or `json`."""
    voice_field: str = "voice"
    any_voice: bool = False
    sound_query: str = ""
    """Needed in the address of hearing and speaking."""
    longest_text: int = 4096
    responses: bool = False
    """Has the Responses API too, and uses tools at chat completions only without thinking."""
    dimensions: str = "dimensions"
    vectors_id: str = ""
    """Of an answer with vectors."""
    query_field: str = ""


class OpenAIServer(VendorServer):
    name = "openai"
    base_path = "/v1"
    default_models: ClassVar[tuple[str, ...]] = (
        "gpt-6-luna", "gpt-6.1-terra", "gpt-7", "gpt-transcribe", "whisper-1", "gpt-4o-mini-tts", "tts-1",
        "text-embedding-3-small", "gpt-image-2.5-flare", "sora-2",
    )  # fmt: skip
    voices: ClassVar[tuple[str, ...]] = tuple(_VOICES)
    ways: ClassVar[Ways] = Ways(responses=True)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        root = self.base_path
        router.add_get(f"{root}/models", self._models)
        router.add_post(f"{root}/chat/completions", self._chat)
        if self.ways.responses:
            router.add_post(f"{root}/responses", self._respond)
        router.add_post(f"{root}/audio/transcriptions", self._transcribe)
        router.add_post(f"{root}/audio/speech", self._speak)
        router.add_get(f"{root}/audio/voices", self._list_voices)
        router.add_post(f"{root}/embeddings", self._embed)
        router.add_post(f"{root}/images/generations", self._draw)
        self.jobs = OpenAIJobs(self)
        if self.name == "openai":
            self.jobs.add_routes(router, root)

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        given = seen.headers.get(self.ways.key_header, "")
        scheme, _, key = (
            given.partition(" ") if self.ways.key_header == "authorization" else ("Bearer", "", given)
        )
        if scheme == "Bearer" and key and (not script.keys or key in script.keys):
            return None
        if not given and not self.ways.wants_key and not script.keys:
            return None
        return self.error(
            401, "", f"Incorrect API key provided: {key}. You can find your API key in your account."
        )

    def error_body(self, status: int, code: str, message: str) -> dict[str, Any]:
        usual_kind = "invalid_request_error" if status < 500 else "server_error"
        kind, usual_code, usual_message = _ERRORS.get(status, (usual_kind, None, "Error."))
        if code == "insufficient_quota":
            kind = code
        error = {"message": message or usual_message, "type": kind, "param": None, "code": code or usual_code}
        return {"object": "error", **error} if self.ways.error_shape == "flat" else {"error": error}

    def _inside(self, script: Script) -> bytes:
        """An error inside an open stream, in the three shapes compatible servers have."""
        body = self.error_body(script.status or 500, script.code, script.message)
        error = body.get("error") or body
        match script.error_shape:
            case "flat":
                return sse({**error, "object": "error"})
            case "string":
                return sse({"error": error["message"]})
            case _:
                return sse({"error": error})

    async def _models(self, request: web.Request) -> web.Response:
        models = request[SCRIPT].models or self.default_models
        listed = [
            {"id": m, "object": "model", "created": 1_780_000_000, "owned_by": "openai"} for m in models
        ]
        return web.json_response({"object": "list", "data": listed})

    def _bad(self, body: Any, script: Script, *needed: str) -> web.Response | None:
        if not isinstance(body, dict) or any(not body.get(name) for name in needed):
            return self.error(400, "", f"Missing one of: {', '.join(needed)}.")
        if not self.knows_model(body["model"], script):
            return self.error(404, "model_not_found", f"The model `{body['model']}` does not exist.")
        return None

    # -- chat -----------------------------------------------------------------------------------------------

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked, script = request[SEEN].body, request[SCRIPT]
        if bad := self._bad(asked, script, "model", "messages"):
            return bad
        if problem := self._problem(asked):
            return self._refuse_field(*problem)
        tokens = [] if script.empty else pieces(script.reply)
        usage = {
            "prompt_tokens": sum(len(str(m.get("content")).split()) for m in asked["messages"]),
            "completion_tokens": len(tokens),
            "prompt_tokens_details": {"cached_tokens": script.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
        base = {"id": "chatcmpl-test1", "created": int(time.time()), "model": asked["model"]}
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "".join(tokens), "refusal": None}
            finish = script.finish or "stop"
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
            whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
            return web.json_response(whole, headers={"x-request-id": "req_test_1"})
        return await self._stream_chat(request, base, tokens, usage)

    def _problem(self, asked: dict[str, Any]) -> tuple[str, str] | None:
        """The field of a question that is not as it should be, and why."""
        for name in asked:
            if name in self.ways.unknown:
                return name, f"Unsupported parameter: '{name}' is not supported with this model."
        if self.ways.responses and asked.get("tools") and asked.get("reasoning_effort") != "none":
            return "reasoning_effort", (
                f"Function tools with reasoning_effort are not supported for {asked['model']} in /v1/chat/completions. "
                "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
            )
        if asked["model"].startswith("gpt-6") and (name := next(iter(_SAMPLING & asked.keys()), "")):
            return name, f"Unsupported value: '{name}' does not support {asked[name]} with this model."
        offered = {tool["function"]["name"] for tool in asked.get("tools", ())}
        choice = asked.get("tool_choice", "auto")
        if isinstance(choice, dict):
            choice = choice["function"]["name"]
            if choice not in offered:
                return "tool_choice", f"Tool choice '{choice}' not found in 'tools'."
        elif choice not in ("auto", "none", self.ways.any_tool):
            return "tool_choice", f"Invalid value: '{choice}'."
        form = asked.get("response_format") or {}
        if form.get("type") == "json_schema" and not {"name", "schema"} <= form["json_schema"].keys():
            return "response_format", "Missing required parameter: 'response_format.json_schema'."
        return _problem_of_messages(asked["messages"], self.ways)

    def _refuse_field(self, name: str, why: str) -> web.Response:
        if self.ways.refusal == 422:
            detail = [{"type": "extra_forbidden", "loc": ["body", name], "msg": why, "input": "..."}]
            return web.json_response({"object": "error", "detail": detail}, status=422)
        body = self.error_body(400, "unsupported_parameter", why)
        (body.get("error") or body)["param"] = name
        return web.json_response(body, status=400, headers={"x-request-id": "req_test_1"})

    async def _stream_chat(
        self, request: web.Request, base: dict[str, Any], tokens: list[str], usage: dict[str, Any]
    ) -> web.StreamResponse:
        asked, script, ways = request[SEEN].body, request[SCRIPT], self.ways
        counts = ways.usage == "asked" and bool((asked.get("stream_options") or {}).get("include_usage"))
        calls = script.calls if asked.get("tools") and asked.get("tool_choice") != "none" else []

        def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            data = {
                **base,
                "object": "chat.completion.chunk",
                "system_fingerprint": None,
                "choices": [choice],
            }
            return sse({**data, **({"usage": None} if counts else {}), **more})

        def word(token: str) -> bytes:
            return chunk({"content": [{"type": "text", "text": token}] if ways.parts else token})

        body = Body(request, "text/event-stream; charset=utf-8", {"x-request-id": "req_test_1"})
        await body.open()
        if script.comments_only:
            await body.comment_for_ever(b": keep-alive\n\n")
        if ways.comments:
            await body.frame(b": PROCESSING\n\n: PROCESSING\n\n")
        if ways.empty_first:
            await body.frame(sse({**base, "object": "", "choices": [], "prompt_filter_results": []}))
        await body.frame(chunk({"role": "assistant", "content": "", "refusal": None}))
        if script.thoughts:
            await body.frame(chunk({"reasoning_content": script.thoughts}))
        await body.contents([] if calls else map(word, tokens), self._inside(script))
        for delta in _tool_deltas(calls, ways):
            await body.frame(chunk(delta))
        more = {"last": {"usage": usage}, "x_groq": {"x_groq": {"id": "req_test_1", "usage": usage}}}
        finish = script.finish or ("tool_calls" if calls else "stop")
        await body.frame(chunk({}, finish, **more.get(ways.usage, {})))
        if counts:
            await body.frame(sse({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage}))
        await body.frame(sse("[DONE]"))
        return await body.close()

    def _problem_of_response(self, asked: dict[str, Any]) -> tuple[str, str, str] | None:
        """The field that is not as it should be, the code, and why."""
        return responses.problem(asked)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        asked, script = request[SEEN].body, request[SCRIPT]
        if bad := self._bad(asked, script, "model", "input"):
            return bad
        if wrong := self._problem_of_response(asked):
            name, code, why = wrong
            body = self.error_body(400, code, why)
            body["error"]["param"] = name
            return web.json_response(body, status=400, headers={"x-request-id": "req_test_1"})
        if not asked.get("stream"):
            whole = responses.answer_of(asked, script)
            return web.json_response(whole, headers={"x-request-id": "req_test_1"})
        error = self.error_body(script.status or 500, script.code, script.message)["error"]
        return await responses.stream(request, error)

    # -- hearing --------------------------------------------------------------------------------------------

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        form, script, files = request[SEEN].body, request[SCRIPT], request[SEEN].files
        if bad := self._bad(form, script, "model", "file"):
            return bad
        if not (files["file"].startswith(b"RIFF") and form["file"]["filename"].endswith(".wav")):
            return self.error(400, "invalid_value", "Audio file might be corrupted or unsupported.")
        if unknown := sorted(form.keys() - self.ways.form_fields):
            return self._refuse_field(unknown[0], "Extra inputs are not permitted")
        if self.ways.sound_query not in request.query_string:
            return self.error(404, "", "Resource not found.")
        text = "" if script.empty else script.transcript
        seconds = max(1, round(len(files["file"]) / 32_000))
        if form.get("stream") == "true" and form["model"] != "whisper-1" and self.ways.streams_words:
            return await self._stream_words(request, text)
        if form.get("response_format") == "text":
            return web.Response(text=text + "\n")
        return web.json_response({"text": text, "usage": {"type": "duration", "seconds": seconds}})

    async def _stream_words(self, request: web.Request, text: str) -> web.StreamResponse:
        body = Body(request, "text/event-stream; charset=utf-8", {"x-request-id": "req_test_1"})
        await body.open()
        usage: dict[str, Any] = {
            "type": "tokens",
            "input_tokens": 40,
            "output_tokens": 12,
            "total_tokens": 52,
        }
        if self.ways.word_events == "transcript.text":
            deltas = (sse({"type": "transcript.text.delta", "delta": piece}) for piece in pieces(text))
            last = sse({"type": "transcript.text.done", "text": text, "usage": usage}) + sse("[DONE]")
        else:
            kind = self.ways.word_events
            deltas = (
                sse({"type": f"{kind}.text.delta", "text": p}, f"{kind}.text.delta") for p in pieces(text)
            )
            usage = {
                "prompt_tokens": 4,
                "completion_tokens": 12,
                "total_tokens": 16,
                "prompt_audio_seconds": 1,
            }
            whole = {"model": request[SEEN].body["model"], "text": text, "language": None, "usage": usage}
            last = sse({"type": f"{kind}.done", **whole}, f"{kind}.done")
        await body.contents(deltas, self._inside(request[SCRIPT]))
        await body.frame(last)
        return await body.close()

    # -- speaking -------------------------------------------------------------------------------------------

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        asked, script, ways = request[SEEN].body, request[SCRIPT], self.ways
        if bad := self._bad(asked, script, "model", "input", *([] if ways.any_voice else [ways.voice_field])):
            return bad
        voice = asked.get(ways.voice_field)
        if (not ways.any_voice and voice not in self.voices) or len(asked["input"]) > ways.longest_text:
            return self.error(400, "invalid_value", "Invalid value for voice or input.")
        if ways.sound_query not in request.query_string:
            return self.error(404, "", "Resource not found.")
        sound = Audio(pcm=b"", rate_hz=SPEECH_HZ)
        if not script.empty:
            pcm = say(asked["input"], SPEECH_HZ, asked.get("speed", 1.0))
            sound = Audio(pcm=pcm, rate_hz=SPEECH_HZ)
        if ways.sound == "json":
            data = base64.b64encode(to_wav(sound)).decode() if sound.pcm else ""
            return web.json_response(
                {"audio_data": data}, content_type=script.content_type or "application/json"
            )
        if asked.get("response_format", "mp3") == "mp3":
            body, raw = Body(request, "audio/mpeg"), to_mp3(sound) if sound.pcm else b""
        elif ways.sound == "wav":
            body, raw = Body(request, "audio/wav"), to_wav(sound)
        else:
            body, raw = Body(request, "audio/pcm"), sound.pcm
        await body.open()
        step = _BLOCK - 1 if script.split else _BLOCK  # an odd step splits samples
        await body.contents(raw[at : at + step] for at in range(0, len(raw), step))
        return await body.close()

    async def _list_voices(self, request: web.Request) -> web.Response:
        return web.json_response({"voices": [{"id": voice, "name": voice.title()} for voice in self.voices]})

    # -- vectors and pictures -------------------------------------------------------------------------------

    async def _embed(self, request: web.Request) -> web.Response:
        asked, script, ways = request[SEEN].body, request[SCRIPT], self.ways
        if bad := self._bad(asked, script, "model", "input", *filter(None, [ways.query_field])):
            return bad
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        vectors = [_vector(text, asked.get(ways.dimensions, 8)) for text in texts]
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _encoded(vector, asked.get("encoding_format")),
            }
            for index, vector in enumerate(vectors)
        ]
        count = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": count, "total_tokens": count}
        answer = {"object": "list", "data": data[::-1], "model": asked["model"], "usage": usage}
        return web.json_response({"id": ways.vectors_id, **answer} if ways.vectors_id else answer)

    async def _draw(self, request: web.Request) -> web.Response:
        asked = request[SEEN].body
        if bad := self._bad(asked, request[SCRIPT], "model", "prompt"):
            return bad
        picture = {
            "b64_json": base64.b64encode(_PNG).decode(),
            "revised_prompt": f"{asked['prompt']}, in soft light",
        }
        usage = {"input_tokens": 12, "output_tokens": 1056, "total_tokens": 1068}
        drawn = {"created": 1, "data": [picture], "output_format": "png", "usage": usage}
        return web.json_response(drawn)


_SAMPLING = {"temperature", "top_p", "frequency_penalty", "presence_penalty"}


def _problem_of_messages(messages: list[dict[str, Any]], ways: Ways) -> tuple[str, str] | None:
    open_calls: set[str] = set()
    last = ""
    for message in messages:
        if message.get("role") not in ("system", "user", "assistant", "tool"):
            return "messages", f"Invalid value: '{message.get('role')}'."
        if "name" in message and "name" in ways.unknown:
            return "name", "property 'name' is unsupported"
        content = message.get("content")
        if isinstance(content, list):
            if any(part.get("type") not in _PARTS or _PARTS[part["type"]] not in part for part in content):
                return "messages", "Invalid content part."
        elif not isinstance(content, str) and not message.get("tool_calls"):
            return "messages", "Invalid type for 'content'."
        if problem := _problem_of_calls(message, last, ways):
            return "messages", problem
        last = message["role"]
        if message["role"] == "tool" and message.get("tool_call_id") not in open_calls:
            return "messages", "'tool' must be a response to a preceding message with 'tool_calls'."
        open_calls |= {call["id"] for call in message.get("tool_calls", ())}
    return None


def _problem_of_calls(message: dict[str, Any], last: str, ways: Ways) -> str:
    """What a strict vendor has against a message that calls tools or answers one."""
    if ways.answers_first and (last, message["role"]) == ("tool", "user"):
        return "Unexpected role 'user' after role 'tool'"
    calls = message.get("tool_calls", ())
    for call_id in [*(call["id"] for call in calls), *filter(None, [message.get("tool_call_id")])]:
        if not re.fullmatch(ways.call_ids, call_id):
            return f"Tool call id was {call_id} but must be of the form {ways.call_ids}."
    name = ways.thoughts_back
    if calls and name and not (message.get(name) is not None or all(call.get(name) for call in calls)):
        return f"The {name} in the thinking mode must be passed back to the API."
    return ""


def _tool_deltas(calls: list[tuple[str, str]], ways: Ways) -> Iterator[dict[str, Any]]:
    for index, (name, arguments) in enumerate(calls):
        if ways.whole_tools:
            whole = {"name": name, "arguments": arguments}
            yield {"tool_calls": [{"index": index, "id": f"call{index + 1:05}", "function": whole}]}
            continue
        half = len(arguments) // 2
        first: dict[str, Any] = {"function": {"name": name, "arguments": ""}, "type": "function"}
        rest: list[dict[str, Any]] = [
            {"function": {"arguments": a}} for a in (arguments[:half], arguments[half:])
        ]
        if ways.numbers_tools:
            first |= {"id": f"call_{index + 1}"}
        for piece in (first, *rest):
            yield {"tool_calls": [{"index": index if ways.numbers_tools else 0, **piece}]}


def _vector(text: str, size: int) -> list[float]:
    """The same for the same words, in any order; not of length one."""
    sums = [0.0] * size
    for word in text.lower().split():
        digest = hashlib.sha256(word.encode()).digest()
        for at in range(size):
            sums[at] += digest[at % 32] / 64 - 2
    return sums


def _encoded(vector: list[float], how: str | None) -> Any:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if how == "base64" else vector


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\x80\x60\x40"))
    + _chunk(b"IEND", b"")
)
"""A picture of one brown point."""
