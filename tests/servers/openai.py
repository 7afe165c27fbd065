"""OpenAI: /v1/chat/completions, /v1/audio/transcriptions, /v1/audio/speech, /v1/models, byte for byte as documented."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from aiohttp import web

from companion.flow import Audio
from companion.pcm import to_mp3
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


class OpenAIServer(VendorServer):
    name = "openai"
    base_path = "/v1"
    default_models: ClassVar[tuple[str, ...]] = (
        "gpt-6-luna", "gpt-6.1-terra", "gpt-7", "gpt-transcribe", "whisper-1", "gpt-4o-mini-tts", "tts-1",
    )  # fmt: skip

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/models", self._models)
        router.add_post("/v1/chat/completions", self._chat)
        router.add_post("/v1/audio/transcriptions", self._transcribe)
        router.add_post("/v1/audio/speech", self._speak)

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        scheme, _, key = seen.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and key and (not script.keys or key in script.keys):
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
        return {"error": error}

    def _inside(self, script: Script) -> bytes:
        """An error inside an open stream, in the three shapes compatible servers have."""
        nested = self.error_body(script.status or 500, script.code, script.message)
        match script.error_shape:
            case "flat":
                return sse({"object": "error", **nested["error"]})
            case "string":
                return sse({"error": nested["error"]["message"]})
            case _:
                return sse(nested)

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
        tokens = [] if script.empty else pieces(script.reply)
        usage = {
            "prompt_tokens": sum(len(str(m.get("content")).split()) for m in asked["messages"]),
            "completion_tokens": len(tokens),
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
        base = {"id": "chatcmpl-test1", "created": int(time.time()), "model": asked["model"]}
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "".join(tokens), "refusal": None}
            choice = {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": script.finish or "stop",
            }
            whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
            return web.json_response(whole, headers={"x-request-id": "req_test_1"})
        return await self._stream_chat(request, base, tokens, usage)

    async def _stream_chat(
        self, request: web.Request, base: dict[str, Any], tokens: list[str], usage: dict[str, Any]
    ) -> web.StreamResponse:
        asked, script = request[SEEN].body, request[SCRIPT]
        counts = bool((asked.get("stream_options") or {}).get("include_usage"))

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            data = {
                **base,
                "object": "chat.completion.chunk",
                "system_fingerprint": None,
                "choices": [choice],
            }
            return sse({**data, "usage": None} if counts else data)

        body = Body(request, "text/event-stream; charset=utf-8", {"x-request-id": "req_test_1"})
        await body.open()
        if script.comments_only:
            await body.comment_for_ever(b": keep-alive\n\n")
        await body.frame(chunk({"role": "assistant", "content": "", "refusal": None}))
        await body.contents((chunk({"content": token}) for token in tokens), self._inside(script))
        await body.frame(chunk({}, script.finish or "stop"))
        if counts:
            await body.frame(sse({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage}))
        await body.frame(sse("[DONE]"))
        return await body.close()

    # -- hearing --------------------------------------------------------------------------------------------

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        form, script, files = request[SEEN].body, request[SCRIPT], request[SEEN].files
        if bad := self._bad(form, script, "model", "file"):
            return bad
        if not (files["file"].startswith(b"RIFF") and form["file"]["filename"].endswith(".wav")):
            return self.error(400, "invalid_value", "Audio file might be corrupted or unsupported.")
        text = "" if script.empty else script.transcript
        seconds = max(1, round(len(files["file"]) / 32_000))
        if form.get("stream") == "true" and form["model"] != "whisper-1":
            return await self._stream_words(request, text)
        if form.get("response_format") == "text":
            return web.Response(text=text + "\n")
        return web.json_response({"text": text, "usage": {"type": "duration", "seconds": seconds}})

    async def _stream_words(self, request: web.Request, text: str) -> web.StreamResponse:
        body = Body(request, "text/event-stream; charset=utf-8", {"x-request-id": "req_test_1"})
        await body.open()
        deltas = (sse({"type": "transcript.text.delta", "delta": piece}) for piece in pieces(text))
        await body.contents(deltas, self._inside(request[SCRIPT]))
        usage = {"type": "tokens", "input_tokens": 40, "output_tokens": 12, "total_tokens": 52}
        await body.frame(sse({"type": "transcript.text.done", "text": text, "usage": usage}))
        await body.frame(sse("[DONE]"))
        return await body.close()

    # -- speaking -------------------------------------------------------------------------------------------

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        asked, script = request[SEEN].body, request[SCRIPT]
        if bad := self._bad(asked, script, "model", "input", "voice"):
            return bad
        if asked["voice"] not in _VOICES or len(asked["input"]) > 4096:
            return self.error(400, "invalid_value", "Invalid value for voice or input.")
        pcm = b"" if script.empty else say(asked["input"], SPEECH_HZ, asked.get("speed", 1.0))
        if asked.get("response_format", "mp3") == "mp3":
            body = Body(request, "audio/mpeg")
            raw = to_mp3(Audio(pcm=pcm, rate_hz=SPEECH_HZ)) if pcm else b""
        else:
            body, raw = Body(request, "audio/pcm"), pcm
        await body.open()
        step = _BLOCK - 1 if script.split else _BLOCK  # an odd step splits samples
        await body.contents(raw[at : at + step] for at in range(0, len(raw), step))
        return await body.close()
