"""Google Gemini: generateContent and its stream, batchEmbedContents, models and voices in pages; answers end by EOF.

What a request holds decides what comes back: sound where `responseModalities` wants sound, a picture where it wants one, a
transcript for `audioTranscriptionConfig` or a recording, tool calls where tools are declared. Names are read in either case
of writing, as the service does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterable
from typing import Any, ClassVar

from aiohttp import web

from tests.servers.google_video import GoogleVideos
from tests.servers.script import SCRIPT, SEEN, Script, Seen, pieces
from tests.servers.server import VendorServer
from tests.servers.speech import say
from tests.servers.stream import Body, sse

SPEECH_HZ = 24_000
_BLOCK = 4800
_DIMENSIONS = 3072
_SIGNATURE = base64.b64encode(b"a thought that only its vendor can read").decode()
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_GOOD_FINISHES = ("STOP", "MAX_TOKENS")


class GoogleServer(VendorServer):
    name = "google"
    versions: ClassVar[tuple[str, ...]] = ("v1", "v1beta")
    default_models: ClassVar[tuple[str, ...]] = (
        "gemini-3.8-flash", "gemini-2.5-pro", "gemini-3.5-transcribe", "gemini-3.8-flash-tts",
        "gemini-3.8-flash-lite-tts", "gemini-embedding-2", "gemini-embedding-001", "gemini-3.1-flash-lite-image",
        "gemini-omni-1.2-flash",
    )  # fmt: skip

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        super().__init__(script, port=port)
        self.retry_delay = ""
        """RetryInfo in the details of a refusal: "1s"."""
        self.reason = ""
        """ErrorInfo in the details of a refusal: API_KEY_INVALID."""
        self.numbers_calls = False
        """Tool calls have ids; most have none."""
        self.videos = GoogleVideos(self)
        self.block_reason = ""
        """The prompt is refused."""
        self.own_voices: list[dict[str, Any]] = []
        self.page = 0
        """Entries on one page of a list; 0: as asked."""
        self.media_type = f"audio/L16;codec=pcm;rate={SPEECH_HZ}"

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for version in self.versions:
            router.add_get(f"/{version}/models", self._models)
            router.add_get(f"/{version}/voices", self._voices)
            router.add_post(f"/{version}/models/{{model}}:{{method}}", self._method)
            self.videos.add_routes(router, f"/{version}")

    # -- refusals -------------------------------------------------------------------------------------------

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        key = seen.headers.get("x-goog-api-key", "")
        if key and (not script.keys or key in script.keys):
            return None
        if not key:
            return self.error(403, "", "Method doesn't allow unregistered callers.")
        body = self.error_body(400, "", "API key not valid. Please pass a valid API key.")
        body["error"]["details"] = [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        ]  # fmt: skip
        return web.json_response(body, status=400)

    def error_body(self, status: int, code: str, message: str) -> dict[str, Any]:
        named = code or _STATUS.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
        error: dict[str, Any] = {"code": status, "message": message or "Something is wrong.", "status": named}
        details = []
        if self.retry_delay:
            details.append(
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": self.retry_delay}
            )
        if self.reason:
            details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.reason})
        if details:
            error["details"] = details
        return {"error": error}

    def _inside(self, script: Script) -> bytes:
        nested = self.error_body(
            script.status or 503, script.code, script.message or "The model is overloaded."
        )
        match script.error_shape:
            case "flat":
                return sse(nested["error"])
            case "string":
                return sse({"error": nested["error"]["message"]})
            case "list":
                return sse([nested])
            case "bare":  # no event at all: an object among the lines
                return json.dumps(nested).encode() + b"\n"
            case _:
                return sse(nested)

    # -- lists ----------------------------------------------------------------------------------------------

    async def _models(self, request: web.Request) -> web.Response:
        listed = [
            {
                "name": f"models/{name}",
                "version": "001",
                "displayName": name,
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            }
            for name in request[SCRIPT].models or self.default_models
        ]
        return self._paged(request, "models", listed, ("pageSize", "pageToken", "nextPageToken"))

    async def _voices(self, request: web.Request) -> web.Response:
        prebuilt = {"id": "Kore", "type": "prebuilt", "display_name": "Kore", "description": "Firm"}
        listed = [prebuilt, *self.own_voices]
        return self._paged(request, "voices", listed, ("page_size", "page_token", "next_page_token"))

    def _paged(
        self, request: web.Request, what: str, listed: list[dict[str, Any]], names: tuple[str, str, str]
    ) -> web.Response:
        size, token, following = names
        start = int(request.query.get(token, "0"))
        count = self.page or int(request.query.get(size, "50"))
        page: dict[str, Any] = {what: listed[start : start + count]}
        if start + count < len(listed):
            page[following] = str(start + count)
        return web.json_response(page)

    # -- generating -----------------------------------------------------------------------------------------

    async def _method(self, request: web.Request) -> web.StreamResponse:
        asked, script = request[SEEN].body, request[SCRIPT]
        model, method = request.match_info["model"], request.match_info["method"]
        if not isinstance(asked, dict):
            return self.error(400, "", "The body is not JSON.")
        asked = _camel(asked)
        if not self.knows_model(model, script):
            return self.error(404, "", f"models/{model} is not found for API version v1.")
        match method:
            case "batchEmbedContents":
                return self._embed(asked, model)
            case "countTokens":
                return web.json_response(
                    {"totalTokens": _words(asked.get("generateContentRequest") or asked)}
                )
            case "generateContent" | "streamGenerateContent":
                return await self._generate(request, asked, model, is_stream=method.startswith("stream"))
        return self.error(404, "", f"Unknown method {method}.")

    async def _generate(
        self, request: web.Request, asked: dict[str, Any], model: str, *, is_stream: bool
    ) -> web.StreamResponse:
        if bad := _invalid(asked, model):
            return self.error(400, "", bad)
        if is_stream and request.query.get("alt") != "sse":
            return self.error(400, "", "This server streams with alt=sse only.")
        script = request[SCRIPT]
        base = {"modelVersion": model, "responseId": "resp_test_1"}
        counted = {"promptTokenCount": _words(asked), "totalTokenCount": _words(asked)}
        if self.block_reason:
            parts: list[list[dict[str, Any]]] = []
            last: dict[str, Any] = {
                "promptFeedback": {"blockReason": self.block_reason},
                "usageMetadata": counted,
            }
        else:
            parts = [] if script.empty else [[part] for part in self._parts(asked, script)]
            finish = script.finish or "STOP"
            usage = {**counted, "candidatesTokenCount": len(parts)}
            usage["cachedContentTokenCount"] = script.cached_tokens
            if script.thoughts:
                usage["thoughtsTokenCount"] = 7
            candidate: dict[str, Any] = {"finishReason": finish, "index": 0}
            if finish in _GOOD_FINISHES:
                candidate["content"] = {"role": "model", "parts": [{"text": ""}]}
            last = {"candidates": [candidate], "usageMetadata": usage}
        if not is_stream:
            whole = [part for each in parts for part in each]
            if "candidates" in last:
                last["candidates"][0]["content"] = {"role": "model", "parts": whole}
            return web.json_response({**last, **base})
        body = Body(request, "text/event-stream")
        event = sse if script.crlf else _crlf
        await body.open()
        if script.comments_only:
            await body.comment_for_ever(b": keep-alive\n\n")
        chunks = (
            event({"candidates": [{"content": {"role": "model", "parts": each}, "index": 0}],
                    "usageMetadata": counted, **base})
            for each in parts
        )  # fmt: skip
        await body.contents(chunks, self._inside(script))
        await body.frame(event({**last, **base}))
        return await body.close()

    def _parts(self, asked: dict[str, Any], script: Script) -> Iterable[dict[str, Any]]:
        """What the model says, piece by piece."""
        config = asked.get("generationConfig") or {}
        modalities = config.get("responseModalities") or ["TEXT"]
        if "AUDIO" in modalities:
            return self._sound(asked, script)
        if "IMAGE" in modalities:
            picture = base64.b64encode(_png()).decode()
            return [{"text": "Here it is."}, {"inlineData": {"mimeType": "image/png", "data": picture}}]
        said = asked["contents"][-1]["parts"]
        if "audioTranscriptionConfig" in config:
            return [{"audioTranscription": {"text": each}} for each in _utterances(script.transcript)]
        if any("audio/" in _media_type(part) for part in said):
            return [{"text": word} for word in pieces(script.transcript)]
        if asked.get("tools") and script.calls and not any("functionResponse" in part for part in said):
            calls = [{"functionCall": self._call(n, *call)} for n, call in enumerate(script.calls, 1)]
            return [{**calls[0], "thoughtSignature": _SIGNATURE}, *calls[1:]]
        thoughts: list[dict[str, Any]] = []
        if (config.get("thinkingConfig") or {}).get("includeThoughts"):
            thoughts = [{"text": thought, "thought": True} for thought in pieces(script.thoughts)]
        return [*thoughts, *({"text": word} for word in pieces(script.reply))]

    def _call(self, number: int, name: str, arguments: str) -> dict[str, Any]:
        call = {"name": name, "args": json.loads(arguments)}
        return {"id": f"fc_{number}", **call} if self.numbers_calls else call

    def _sound(self, asked: dict[str, Any], script: Script) -> Iterable[dict[str, Any]]:
        text = "".join(part.get("text", "") for part in asked["contents"][-1]["parts"])
        pcm = say(text, SPEECH_HZ)
        step = _BLOCK - 1 if script.split else _BLOCK  # an odd step splits samples
        for at in range(0, len(pcm), step):
            data = base64.b64encode(pcm[at : at + step]).decode()
            yield {"inlineData": {"mimeType": self.media_type, "data": data}}

    # -- vectors --------------------------------------------------------------------------------------------

    def _embed(self, asked: dict[str, Any], model: str) -> web.Response:
        requests = asked.get("requests") or []
        if not 1 <= len(requests) <= 100:
            return self.error(400, "", "at most 100 requests can be in one batch")
        if any(each.get("model") != f"models/{model}" for each in requests):
            return self.error(400, "", "The model of a request must match the model of the batch.")
        if model == "gemini-embedding-2" and any("taskType" in each for each in requests):
            return self.error(400, "", "task_type is not supported for this model.")
        made = [
            {
                "values": _vector(
                    each["content"]["parts"][0]["text"], each.get("outputDimensionality") or _DIMENSIONS
                )
            }
            for each in requests
        ]
        return web.json_response({"embeddings": made, "usageMetadata": {"promptTokenCount": _words(asked)}})


def _invalid(asked: dict[str, Any], model: str) -> str:
    """Why the service would refuse it."""
    contents, config = asked.get("contents") or [], asked.get("generationConfig") or {}
    if not contents:
        return "contents is not specified"
    if any(content.get("role", "user") not in ("user", "model") for content in contents):
        return "Please use a valid role: user, model."
    if any(not content.get("parts") for content in contents):
        return "contents.parts must not be empty."
    thinking = config.get("thinkingConfig") or {}
    if "3.8" in model and (thinking.get("thinkingLevel") == "MINIMAL" or "thinkingBudget" in thinking):
        return "Thinking level is not supported for this model."
    if "3.8" in model and any(name in config for name in ("frequencyPenalty", "presencePenalty")):
        return "Penalty is not enabled for this model"
    calls = [
        [part for part in content["parts"] if "functionCall" in part]
        for content in contents
        if content.get("role") == "model"
    ]
    if any(each and not each[0].get("thoughtSignature") for each in calls):
        return "Function call is missing a thought_signature in functionCall parts."
    return ""


def _camel(found: Any) -> Any:
    """The names of a body as the reference writes them; schemas and arguments are left alone."""
    if isinstance(found, list):
        return [_camel(each) for each in found]
    if not isinstance(found, dict):
        return found
    made = {}
    for name, value in found.items():
        first, *rest = name.split("_")
        key = first + "".join(word.capitalize() for word in rest)
        is_free = key in ("args", "response", "parametersJsonSchema", "responseJsonSchema")
        made[key] = value if is_free else _camel(value)
    return made


def _crlf(data: dict[str, Any]) -> bytes:
    """An event with the line ends of this vendor."""
    return sse(data).replace(b"\n", b"\r\n")


def _media_type(part: dict[str, Any]) -> str:
    return str((part.get("inlineData") or {}).get("mimeType", ""))


def _utterances(text: str) -> list[str]:
    """A recogniser tells whole utterances, without the white space around them."""
    words = text.split()
    third = max(1, len(words) // 3)
    return [" ".join(words[at : at + third]) for at in range(0, len(words), third)]


def _words(asked: dict[str, Any]) -> int:
    return sum(len(str(content).split()) for content in asked.get("contents") or asked.get("requests") or ())


def _vector(text: str, dimensions: int) -> list[float]:
    """The same numbers for the same text; not of length 1."""
    seed = hashlib.shake_128(text.encode()).digest(dimensions * 2)
    return [value / 10_000 for value in struct.unpack(f"<{dimensions}h", seed)]


def _png() -> bytes:
    """One white dot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\xff")) + chunk(b"IEND", b"")
