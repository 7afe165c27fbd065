"""Gemini's videos: interactions in the background and the files they leave, as the SDK describes them."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.servers.openai_jobs import MP4
from tests.servers.script import SCRIPT, SEEN
from tests.servers.stream import Body

if TYPE_CHECKING:
    from tests.servers.google import GoogleServer

_FIELDS = {"model", "input", "background", "store", "response_format", "stream", "response_modalities"}
_FORM = {"type", "delivery", "aspect_ratio", "resolution", "duration"}
_VALUES = {
    "delivery": ("uri", "inline"), "aspect_ratio": ("16:9", "9:16"), "resolution": ("360p", "720p", "1080p", "4k")
}  # fmt: skip


@dataclass
class GoogleVideos:
    server: GoogleServer
    looks: int = 2
    """How often a job is asked for before it is over, and its file before it is stored."""
    outcome: str = "completed"
    errors: list[dict[str, Any]] = field(default_factory=list)
    step_error: dict[str, Any] | None = None
    is_inline: bool = False
    """The video comes in the answer, whatever was asked for."""
    speaks: str = ""
    """Says this instead of making a video."""
    uri: str = "https://generativelanguage.googleapis.com/v1beta/files/{name}:download?alt=media"
    video: bytes = MP4
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    _looked: Counter[str] = field(default_factory=Counter)

    def add_routes(self, router: web.UrlDispatcher, root: str) -> None:
        router.add_post(f"{root}/interactions", self._begin)
        router.add_get(f"{root}/interactions/{{id}}", self._look)
        router.add_post(f"{root}/interactions/{{id}}/cancel", self._cancel)
        router.add_delete(f"{root}/interactions/{{id}}", self._delete)
        router.add_get(f"{root}/files/{{name}}", self._file)

    async def _begin(self, request: web.Request) -> web.Response:
        asked = request[SEEN].body
        if not isinstance(asked, dict) or not asked.get("input"):
            return self.server.error(400, "", "input is required.")
        form = asked.get("response_format") or {}
        if unknown := sorted((asked.keys() - _FIELDS) | (form.keys() - _FORM)):
            return self.server.error(400, "", f"Invalid JSON payload received. Unknown name {unknown[0]!r}.")
        if any(form.get(name, values[0]) not in values for name, values in _VALUES.items()):
            return self.server.error(400, "", "Invalid value in response_format.")
        if not self.server.knows_model(asked.get("model"), request[SCRIPT]):
            return self.server.error(404, "", f"models/{asked.get('model')} is not found.")
        name = f"v1_{len(self.made) + 1}"
        self.made[name] = {
            "id": name, "object": "interaction", "model": asked["model"], "status": "in_progress",
            "created": "2026-11-20T10:00:00Z", "updated": "2026-11-20T10:00:00Z", "steps": [],
        }  # fmt: skip
        return web.json_response(self.made[name])

    async def _look(self, request: web.Request) -> web.Response:
        told = self.made.get(request.match_info["id"])
        if told is None:
            return self.server.error(404, "", "Interaction not found.")
        self._looked[told["id"]] += 1
        if told["status"] == "in_progress" and self._looked[told["id"]] >= self.looks:
            self._finish(told)
        return web.json_response(told)

    def _finish(self, told: dict[str, Any]) -> None:
        told["status"] = self.outcome
        if self.errors:
            told["errors"] = self.errors
        output: dict[str, Any] = {"type": "model_output", "content": []}
        if self.step_error:
            output["error"] = self.step_error
        elif self.speaks:
            output["content"] = [{"type": "text", "text": self.speaks}]
        elif self.outcome == "completed":
            video: dict[str, Any] = {"type": "video", "mime_type": "video/mp4"}
            if self.is_inline:
                video["data"] = base64.b64encode(self.video).decode()
            else:
                video["uri"] = self.uri.format(name=f"clip{told['id'][3:]}")
            output["content"] = [video]
        told["steps"] = [{"type": "thought", "signature": "c2lnbmVk"}, output]
        told["usage"] = {
            "total_input_tokens": 12, "total_output_tokens": 57_920, "total_thought_tokens": 0, "total_tokens": 57_932,
            "output_tokens_by_modality": [{"modality": "video", "tokens": 57_920}],
        }  # fmt: skip

    async def _cancel(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if name not in self.made:
            return self.server.error(404, "", "Interaction not found.")
        self.cancelled.append(name)
        self.made[name]["status"] = "cancelled"
        return web.json_response(self.made[name])

    async def _delete(self, request: web.Request) -> web.Response:
        self.made.pop(request.match_info["id"], None)
        return web.json_response({})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name, _, verb = request.match_info["name"].partition(":")
        self._looked[name] += 1
        if verb != "download":
            state = "ACTIVE" if self._looked[name] >= self.looks else "PROCESSING"
            told = {"name": f"files/{name}", "mimeType": "video/mp4", "state": state, "source": "GENERATED"}
            return web.json_response({**told, "downloadUri": self.uri.format(name=name)})
        if request.query.get("alt") != "media":
            return self.server.error(400, "", "alt=media is required.")
        body = Body(request, "video/mp4")
        await body.open()
        await body.contents(self.video[at : at + 4096] for at in range(0, len(self.video), 4096))
        return await body.close()
