"""Message batches under /v1/messages/batches, as the SDK's types describe them. Belongs to an `AnthropicServer`."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.servers.script import SCRIPT, SEEN, Seen
from tests.servers.stream import Body

if TYPE_CHECKING:
    from tests.servers.anthropic import AnthropicServer

PATH = "/v1/messages/batches"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NONE = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}


@dataclass
class AnthropicBatches:
    server: AnthropicServer
    looks: int = 2
    """How often a batch is asked for before it has ended."""
    outcome: dict[int, str] = field(default_factory=dict)
    """Requests that do not succeed: their place -> `errored`, `expired`, or `refused`."""
    is_silent: bool = False
    """The results have no lines."""
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: dict[str, tuple[Seen, list[dict[str, Any]]]] = field(default_factory=dict)
    _looked: Counter[str] = field(default_factory=Counter)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post(PATH, self._begin)
        router.add_get(f"{PATH}/{{id}}", self._look)
        router.add_post(f"{PATH}/{{id}}/cancel", self._cancel)
        router.add_get(f"{PATH}/{{id}}/results", self._results)

    async def _begin(self, request: web.Request) -> web.Response:
        seen = request[SEEN]
        requests = seen.body.get("requests") if isinstance(seen.body, dict) else None
        if not requests or seen.body.keys() - {"requests"}:
            return self.server.error(400, "", "requests: Field required")
        ids = [each.get("custom_id", "") for each in requests]
        if len(set(ids)) < len(ids) or not all(_ID.fullmatch(each) for each in ids):
            return self.server.error(400, "", "requests.custom_id: must be unique")
        if any(each["params"].get("stream") for each in requests):
            return self.server.error(400, "", "requests.params.stream: not permitted")
        name = f"msgbatch_{len(self.batches) + 1}"
        self.asked[name] = seen, requests
        self.batches[name] = {
            "id": name, "type": "message_batch", "processing_status": "in_progress", "results_url": None,
            "request_counts": {**_NONE, "processing": len(requests)},
            "created_at": "2026-11-20T10:00:00Z", "expires_at": "2026-11-21T10:00:00Z", "ended_at": None,
            "archived_at": None, "cancel_initiated_at": None,
        }  # fmt: skip
        return web.json_response(self.batches[name], headers={"request-id": "req_test_1"})

    def _of(self, request: web.Request) -> dict[str, Any] | None:
        return self.batches.get(request.match_info["id"])

    async def _look(self, request: web.Request) -> web.Response:
        batch = self._of(request)
        if batch is None:
            return self.server.error(404, "", "Batch not found.")
        self._looked[batch["id"]] += 1
        if batch["processing_status"] != "ended" and self._looked[batch["id"]] >= self.looks:
            is_cancelled = batch["processing_status"] == "canceling"
            rows = self._rows(batch, request, is_cancelled=is_cancelled)
            counts = Counter(row["result"]["type"] for row in rows)
            batch |= {"processing_status": "ended", "request_counts": {**_NONE, **counts}}
            batch["results_url"] = f"https://api.anthropic.com{PATH}/{batch['id']}/results"
            batch["ended_at"] = "2026-11-20T11:00:00Z"
            batch["rows"] = [] if self.is_silent else rows
        return web.json_response({name: batch[name] for name in batch if name != "rows"})

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self._of(request)
        if batch is None:
            return self.server.error(404, "", "Batch not found.")
        batch |= {"processing_status": "canceling", "cancel_initiated_at": "2026-11-20T10:30:00Z"}
        return web.json_response(batch)

    async def _results(self, request: web.Request) -> web.StreamResponse:
        batch = self._of(request)
        if batch is None or batch["processing_status"] != "ended":
            return self.server.error(404, "", "The batch has no results yet.")
        body = Body(request, "application/x-jsonl")
        await body.open()
        await body.contents(json.dumps(row).encode() + b"\n" for row in batch["rows"][::-1])  # in no order
        return await body.close()

    def _rows(
        self, batch: dict[str, Any], request: web.Request, *, is_cancelled: bool
    ) -> list[dict[str, Any]]:
        seen, requests = self.asked[batch["id"]]
        return [
            {
                "custom_id": each["custom_id"],
                "result": self._result(n, each["params"], seen, request, is_cancelled),
            }
            for n, each in enumerate(requests)
        ]

    def _result(
        self, index: int, asked: dict[str, Any], seen: Seen, request: web.Request, is_cancelled: bool
    ) -> dict[str, Any]:
        script, outcome = request[SCRIPT], self.outcome.get(index, "")
        if is_cancelled or outcome == "expired":
            return {"type": "canceled" if is_cancelled else "expired"}
        if bad := self.server._bad(asked, seen, script):
            return {"type": "errored", "error": json.loads(bad.text or "{}")}
        if outcome == "errored":
            return {"type": "errored", "error": self.server.error_body(500, "", "")}
        blocks = [] if outcome == "refused" else self.server._answer(asked, script)
        for block in blocks:
            if block["type"] == "text":
                block["text"] += f" ({asked['messages'][-1]['content']})"
        used = any(block["type"] == "tool_use" for block in blocks)
        stop = "refusal" if outcome == "refused" else "tool_use" if used else "end_turn"
        message = {
            "id": f"msg_{index}", "type": "message", "role": "assistant", "model": asked["model"],
            "content": blocks, "stop_reason": stop, "stop_sequence": None, "usage": self.server._usage(asked),
        }  # fmt: skip
        message["usage"]["output_tokens"] = 20
        return {"type": "succeeded", "message": message}
