"""OpenAI's jobs: files, batches and videos under /v1, as the SDK's types describe them. Belongs to an `OpenAIServer`."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.servers import openai_responses as responses
from tests.servers.script import SCRIPT, SEEN, pieces
from tests.servers.stream import Body

if TYPE_CHECKING:
    from tests.servers.openai import OpenAIServer

MP4 = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2\0\0\0\x08mdat" + bytes(range(256)) * 64
_ENDPOINTS = ("/v1/responses", "/v1/chat/completions", "/v1/embeddings")
_SIZES = ("720x1280", "1280x720", "1024x1792", "1792x1024")
_FORM = {"prompt", "model", "seconds", "size", "input_reference"}


@dataclass
class OpenAIJobs:
    server: OpenAIServer
    looks: int = 2
    """How often a job is asked for before it is over."""
    outcome: str = "completed"
    """How jobs end."""
    error: dict[str, Any] = field(default_factory=lambda: {"code": "server_error", "message": "It broke."})
    failing: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Requests of a batch that fail: their place -> status and code."""
    unasked: int = 0
    """So many of the last requests of a batch are not got to."""
    is_silent: bool = False
    """The results of a batch have no lines."""
    video: bytes = MP4
    poll_after_ms: str = ""
    """When the next question is wanted."""
    videos: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    _looked: Counter[str] = field(default_factory=Counter)

    def add_routes(self, router: web.UrlDispatcher, root: str) -> None:
        router.add_post(f"{root}/files", self._store)
        router.add_get(f"{root}/files/{{id}}/content", self._content)
        router.add_post(f"{root}/batches", self._begin_batch)
        router.add_get(f"{root}/batches/{{id}}", self._look_at_batch)
        router.add_post(f"{root}/batches/{{id}}/cancel", self._cancel_batch)
        router.add_post(f"{root}/videos", self._begin_video)
        router.add_get(f"{root}/videos/{{id}}", self._look_at_video)
        router.add_delete(f"{root}/videos/{{id}}", self._delete_video)
        router.add_get(f"{root}/videos/{{id}}/content", self._video)

    def _missing(self, what: str) -> web.Response:
        return self.server.error(404, "", f"No {what} found with that id.")

    # -- files ----------------------------------------------------------------------------------------------

    async def _store(self, request: web.Request) -> web.Response:
        seen = request[SEEN]
        if not isinstance(seen.body, dict) or seen.body.get("purpose") != "batch" or "file" not in seen.files:
            return self.server.error(400, "", "'purpose' and 'file' are required.")
        name = self._keep(seen.files["file"])
        told = {
            "id": name, "object": "file", "bytes": len(self.files[name]), "created_at": 1_790_000_000,
            "filename": seen.body["file"]["filename"], "purpose": "batch", "status": "processed",
        }  # fmt: skip
        return web.json_response(told)

    def _keep(self, content: bytes) -> str:
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return name

    async def _content(self, request: web.Request) -> web.StreamResponse:
        content = self.files.get(request.match_info["id"])
        if content is None:
            return self._missing("file")
        body = Body(request, "application/octet-stream")
        await body.open()
        await body.contents(line + b"\n" for line in content.splitlines())
        return await body.close()

    # -- batches --------------------------------------------------------------------------------------------

    async def _begin_batch(self, request: web.Request) -> web.Response:
        asked = request[SEEN].body
        if asked.get("endpoint") not in _ENDPOINTS or asked.get("completion_window") != "24h":
            return self.server.error(400, "", "Invalid value: 'endpoint' or 'completion_window'.")
        if asked.get("input_file_id") not in self.files:
            return self._missing("file")
        name = f"batch_{len(self.batches) + 1}"
        total = self.files[asked["input_file_id"]].count(b"\n")
        self.batches[name] = {
            "id": name, "object": "batch", "endpoint": asked["endpoint"], "completion_window": "24h",
            "input_file_id": asked["input_file_id"], "created_at": 1_790_000_000, "status": "validating",
            "errors": None, "output_file_id": None, "error_file_id": None,
            "request_counts": {"total": total, "completed": 0, "failed": 0},
        }  # fmt: skip
        return self._told(self.batches[name])

    async def _look_at_batch(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return self._missing("batch")
        self._looked[batch["id"]] += 1
        if batch["status"] in ("validating", "in_progress", "cancelling"):
            if self._looked[batch["id"]] < self.looks:
                batch["status"] = "cancelling" if batch["status"] == "cancelling" else "in_progress"
            else:
                self._finish(batch, request)
        return self._told(batch)

    async def _cancel_batch(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return self._missing("batch")
        batch["status"] = "cancelling"
        return web.json_response(batch)

    def _finish(self, batch: dict[str, Any], request: web.Request) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        if errors := self._wrong(lines, batch["endpoint"]):
            batch |= {"status": "failed", "errors": {"object": "list", "data": errors}}
            return
        status = "cancelled" if batch["status"] == "cancelling" else self.outcome
        left = {"cancelled": "batch_cancelled", "expired": "batch_expired"}.get(status, "")
        good, bad = [], []
        asked_count = len(lines) - (
            self.unasked or (len(lines) if status == "cancelled" else 0) if left else 0
        )
        for index, line in enumerate(lines):
            row = {
                "id": f"batch_req_{index}",
                "custom_id": line["custom_id"],
                "response": None,
                "error": None,
            }
            if index >= asked_count:
                row["error"] = {"code": left, "message": "This request could not be executed."}
                bad.append(row)
                continue
            code, body = self._answer(index, line, request)
            row["response"] = {"status_code": code, "request_id": f"req_{index}", "body": body}
            (good if code == 200 else bad).append(row)
        batch["status"] = status
        batch["request_counts"] = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        for name, rows in (("output_file_id", good), ("error_file_id", bad)):
            if rows and not self.is_silent:  # in no order
                batch[name] = self._keep(b"".join(json.dumps(row).encode() + b"\n" for row in rows[::-1]))

    def _wrong(self, lines: list[dict[str, Any]], endpoint: str) -> list[dict[str, Any]]:
        """Why a file is not taken."""
        ids = Counter(line.get("custom_id") for line in lines)
        models = {line.get("body", {}).get("model") for line in lines}
        for number, line in enumerate(lines, 1):
            why = ""
            if not line.get("custom_id") or ids[line["custom_id"]] > 1:
                why = "duplicate_custom_id"
            elif line.get("method") != "POST" or line.get("url") != endpoint:
                why = "mismatched_endpoint"
            elif line["body"].get("stream"):
                why = "invalid_request"
            elif len(models) > 1:
                why = "mismatched_model"
            elif not self.server.knows_model(line["body"].get("model"), self.server.script):
                why = "model_not_found"
            if why:
                return [{"code": why, "message": f"Line refused: {why}.", "line": number, "param": None}]
        return []

    def _answer(self, index: int, line: dict[str, Any], request: web.Request) -> tuple[int, dict[str, Any]]:
        server, script, url, asked = self.server, request[SCRIPT], line["url"], line["body"]
        if index in self.failing:
            status, code = self.failing[index]
            return status, server.error_body(status, code, "")
        is_response = url.endswith("/responses")
        if problem := responses.problem(asked) if is_response else server._problem(asked):
            return 400, server.error_body(400, "invalid_value", problem[-1])
        said = asked["input"] if is_response else asked["messages"]
        script = replace(script, reply=f"{script.reply} ({_words(said[-1]['content'])})")
        if is_response:
            return 200, responses.answer_of(asked, script)
        words = pieces(script.reply)
        message = {"role": "assistant", "content": "".join(words), "refusal": None}
        usage = {"prompt_tokens": 10, "completion_tokens": len(words), "total_tokens": 10 + len(words)}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        base = {"id": f"chatcmpl-{index}", "object": "chat.completion", "created": 1, "model": asked["model"]}
        return 200, {**base, "choices": [choice], "usage": usage}

    # -- videos ---------------------------------------------------------------------------------------------

    async def _begin_video(self, request: web.Request) -> web.Response:
        asked, script = request[SEEN].body, request[SCRIPT]
        if not isinstance(asked, dict) or not asked.get("prompt"):
            return self.server.error(400, "", "Missing required parameter: 'prompt'.")
        if unknown := sorted(asked.keys() - _FORM):
            return self.server._refuse_field(unknown[0], f"Unknown parameter: '{unknown[0]}'.")
        model, size = asked.get("model", "sora-2"), asked.get("size", "720x1280")
        if not self.server.knows_model(model, script):
            return self.server.error(404, "model_not_found", f"The model `{model}` does not exist.")
        if size not in _SIZES or asked.get("seconds", "4") not in ("4", "8", "12"):
            return self.server.error(400, "invalid_value", "Invalid value for 'size' or 'seconds'.")
        name = f"video_{len(self.videos) + 1}"
        self.videos[name] = {
            "id": name, "object": "video", "model": model, "status": "queued", "progress": 0, "size": size,
            "created_at": 1_790_000_000, "seconds": asked.get("seconds", "4"), "prompt": asked["prompt"],
            "error": None, "completed_at": None, "expires_at": None, "remixed_from_video_id": None,
        }  # fmt: skip
        return self._told(self.videos[name])

    def _told(self, job: dict[str, Any]) -> web.Response:
        name = "openai-poll-after-ms" if job["object"] == "video" else "retry-after-ms"
        return web.json_response(job, headers={name: self.poll_after_ms} if self.poll_after_ms else {})

    async def _look_at_video(self, request: web.Request) -> web.Response:
        video = self.videos.get(request.match_info["id"])
        if video is None:
            return self._missing("video")
        self._looked[video["id"]] += 1
        looked = self._looked[video["id"]]
        if looked < self.looks:
            video |= {"status": "in_progress", "progress": 100 * looked // self.looks}
        elif self.outcome == "failed":
            video |= {"status": "failed", "error": self.error}
        else:
            video |= {"status": "completed", "progress": 100, "completed_at": 1_790_000_060}
        return self._told(video)

    async def _delete_video(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if name not in self.videos:
            return self._missing("video")
        if self.videos[name]["status"] in ("queued", "in_progress"):
            return self.server.error(400, "", "Only a completed or failed video can be deleted.")
        del self.videos[name]
        return web.json_response({"id": name, "object": "video.deleted", "deleted": True})

    async def _video(self, request: web.Request) -> web.StreamResponse:
        video = self.videos.get(request.match_info["id"])
        if video is None or video["status"] != "completed":
            return self._missing("video")
        body = Body(request, "video/mp4")
        await body.open()
        await body.contents(self.video[at : at + 4096] for at in range(0, len(self.video), 4096))
        return await body.close()


def _words(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
