"""Ollama: /api/chat and /api/pull as lines of JSON, /api/embed, /api/tags, /api/show, /api/version. No key.

A prompt longer than the window (`options.num_ctx`, 4096 words here) loses its beginning without a word, as it does there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any, ClassVar

from aiohttp import web

from tests.servers.script import SCRIPT, SEEN, Script, Seen, pieces
from tests.servers.server import VendorServer
from tests.servers.stream import Body, ndjson

_WHEN = "2026-11-20T10:00:00.000000Z"
NO_MODELS = "-"
"""As the only entry of `Script.models`: nothing is installed."""
USUAL_WINDOW = 4096
_OPTIONS = {
    "num_ctx": int,
    "num_predict": int,
    "temperature": (int, float),
    "top_p": (int, float),
    "top_k": int,
    "seed": int,
    "stop": list,
    "frequency_penalty": (int, float),
    "presence_penalty": (int, float),
}
_LAYERS = (("sha256:" + "a" * 64, 1_000), ("sha256:" + "b" * 64, 50))
_LIBRARY = ("llama3.2", "qwen3:4b", "gemma4")
"""What can be pulled."""


class OllamaServer(VendorServer):
    name = "ollama"
    default_models: ClassVar[tuple[str, ...]] = ("llama3.2:latest", "qwen3:4b")

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        super().__init__(script, port=port)
        self.lacks: set[str] = set()
        """Of tools, thinking, embeddings: what no model here can do."""
        self.seen_words = 0
        """How much of the last prompt fitted into the window."""
        self.pulled: list[str] = []

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", self._alive)
        router.add_get("/api/version", self._version)
        router.add_get("/api/tags", self._tags)
        router.add_post("/api/chat", self._chat)
        router.add_post("/api/show", self._show)
        router.add_post("/api/embed", self._embed)
        router.add_post("/api/pull", self._pull)

    def refuse_key(self, seen: Seen, script: Script) -> web.Response | None:
        return None

    def error_body(self, status: int, code: str, message: str) -> dict[str, Any]:
        usual = {404: "model 'absent' not found", 500: "llama runner process has terminated"}
        return {"error": message or code or usual.get(status, f"error {status}")}

    def knows_model(self, model: object, script: Script) -> bool:
        known = script.models or self.default_models
        return model in known or f"{model}:latest" in known

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="Ollama is running")

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": "0.30.1"})

    async def _tags(self, request: web.Request) -> web.Response:
        models = request[SCRIPT].models or self.default_models
        details = {"format": "gguf", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"}
        families = {m: "nomic-bert" if "embed" in m else "llama" for m in models}
        listed = [
            {
                "name": m,
                "model": m,
                "modified_at": _WHEN,
                "size": 2_019_393_189,
                "digest": "a" * 64,
                "details": {**details, "family": families[m]},
            }
            for m in models
            if m != NO_MODELS
        ]
        return web.json_response({"models": listed})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked, script = request[SEEN].body, request[SCRIPT]
        if not isinstance(asked, dict) or not asked.get("model"):
            return self.error(400, "", "model is required")
        if not self.knows_model(asked["model"], script):
            return self.error(404, "", f"model '{asked['model']}' not found")
        base = {"model": asked["model"], "created_at": _WHEN}
        if not asked.get("messages"):
            load = {"message": {"role": "assistant", "content": ""}, "done_reason": "load", "done": True}
            return web.json_response({**base, **load})
        for complaint in self._wrong(asked):
            return self.error(400, "", complaint)
        words = sum(len(str(m["content"]).split()) for m in asked["messages"])
        self.seen_words = min(words, asked.get("options", {}).get("num_ctx", USUAL_WINDOW))
        body = Body(request, "application/x-ndjson")
        await body.open()
        if script.comments_only:
            await body.comment_for_ever(b"\n")
        messages = [] if script.empty else list(self._answer(asked, script))
        lines = (
            ndjson({**base, "message": {"role": "assistant", "content": "", **message}, "done": False})
            for message in messages
        )
        await body.contents(lines, ndjson(self.error_body(500, script.code, script.message)))
        end = {
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": script.finish or "stop",
            "total_duration": 900_000_000,
            "load_duration": 20_000_000,
            "prompt_eval_count": self.seen_words,
            "prompt_eval_duration": 100_000_000,
            "eval_count": len(messages),
            "eval_duration": 500_000_000,
        }
        await body.frame(ndjson({**base, **end}))
        return await body.close()

    def _answer(self, asked: dict[str, Any], script: Script) -> Iterator[dict[str, Any]]:
        if script.thoughts and asked.get("think"):
            yield from ({"thinking": piece} for piece in pieces(script.thoughts))
        if asked.get("tools") and script.calls and asked["messages"][-1]["role"] != "tool":
            for name, arguments in script.calls:
                yield {"tool_calls": [{"function": {"name": name, "arguments": json.loads(arguments)}}]}
            return
        yield from ({"content": piece} for piece in pieces(script.reply))

    def _wrong(self, asked: dict[str, Any]) -> Iterator[str]:
        name = f"registry.ollama.ai/library/{asked['model']}"
        if asked.get("tools") and "tools" in self.lacks:
            yield f"{name} does not support tools"
        if asked.get("think") and "thinking" in self.lacks:
            yield f'"{asked["model"]}" does not support thinking'
        if asked.get("think", False) not in (True, False, "low", "medium", "high"):
            yield "invalid think value"
        if not (asked.get("format") in (None, "", "json") or isinstance(asked["format"], dict)):
            yield "invalid format"
        for option, value in asked.get("options", {}).items():
            if option not in _OPTIONS or not isinstance(value, _OPTIONS[option]):
                yield f"option {option} is not valid"
        for message in asked["messages"]:
            if message["role"] not in ("system", "user", "assistant", "tool"):
                yield "invalid role"
            for image in message.get("images", ()):
                try:
                    base64.b64decode(image, validate=True)
                except ValueError:
                    yield "illegal base64 data at input byte 4"
            for call in message.get("tool_calls", ()):
                if not isinstance(call["function"]["arguments"], dict):
                    yield "json: cannot unmarshal string into Go struct field .arguments"

    async def _show(self, request: web.Request) -> web.Response:
        asked, script = request[SEEN].body, request[SCRIPT]
        if not self.knows_model(asked.get("model"), script):
            return self.error(404, "", f"model '{asked.get('model')}' not found")
        abilities = [each for each in ("completion", "tools", "thinking", "vision") if each not in self.lacks]
        details = {"format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "3.2B"}
        return web.json_response({"details": details, "model_info": {}, "capabilities": abilities})

    async def _embed(self, request: web.Request) -> web.Response:
        asked, script = request[SEEN].body, request[SCRIPT]
        if not self.knows_model(asked.get("model"), script):
            return self.error(404, "", f"model '{asked.get('model')}' not found, try pulling it first")
        if "embeddings" in self.lacks:
            return self.error(400, "", "this model does not support embeddings")
        given = asked["input"]
        texts = [given] if isinstance(given, str) else given
        answer = {
            "model": asked["model"],
            "embeddings": [_vector(text, asked.get("dimensions") or 8) for text in texts],
            "total_duration": 14_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": sum(len(text.split()) for text in texts),
        }
        return web.json_response(answer)

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        asked = request[SEEN].body
        model = asked.get("model") or asked.get("name")
        if not model:
            return self.error(400, "", "invalid model name")
        body = Body(request, "application/x-ndjson")
        await body.open()
        await body.frame(ndjson({"status": "pulling manifest"}))
        if model not in _LIBRARY:
            await body.frame(ndjson({"error": "pull model manifest: file does not exist"}))
            return await body.close()
        steps = (
            {
                "status": f"pulling {digest[7:19]}",
                "digest": digest,
                "total": size,
                "completed": size * part // 4,
            }
            for digest, size in _LAYERS
            for part in range(5)
        )
        await body.contents(map(ndjson, steps), ndjson({"error": "max retries exceeded"}))
        for status in ("verifying sha256 digest", "writing manifest", "success"):
            await body.frame(ndjson({"status": status}))
        if not body.ended:
            self.pulled.append(model)
        return await body.close()


def _vector(text: str, size: int) -> list[float]:
    """Numbers that depend on the text alone."""
    digest = hashlib.sha256(json.dumps(text).encode()).digest()
    return [digest[n % 32] / 100 - 1 for n in range(size)]
