"""Ollama: /api/chat as lines of JSON, /api/tags, /api/version. No key."""

from __future__ import annotations

from typing import Any, ClassVar

from aiohttp import web

from tests.servers.script import SCRIPT, SEEN, Script, Seen, pieces
from tests.servers.server import VendorServer
from tests.servers.stream import Body, ndjson

_WHEN = "2026-11-20T10:00:00.000000Z"
NO_MODELS = "-"
"""As the only entry of `Script.models`: nothing is installed."""


class OllamaServer(VendorServer):
    name = "ollama"
    default_models: ClassVar[tuple[str, ...]] = ("llama3.2:latest", "qwen3:4b")

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", self._alive)
        router.add_get("/api/version", self._version)
        router.add_get("/api/tags", self._tags)
        router.add_post("/api/chat", self._chat)

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
        body = Body(request, "application/x-ndjson")
        await body.open()
        if script.comments_only:
            await body.comment_for_ever(b"\n")
        tokens = [] if script.empty else pieces(script.reply)
        lines = (
            ndjson({**base, "message": {"role": "assistant", "content": token}, "done": False})
            for token in tokens
        )
        await body.contents(lines, ndjson(self.error_body(500, script.code, script.message)))
        end = {
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": script.finish or "stop",
            "total_duration": 900_000_000,
            "load_duration": 20_000_000,
            "prompt_eval_count": sum(len(str(m["content"]).split()) for m in asked["messages"]),
            "prompt_eval_duration": 100_000_000,
            "eval_count": len(tokens),
            "eval_duration": 500_000_000,
        }
        await body.frame(ndjson({**base, **end}))
        return await body.close()
