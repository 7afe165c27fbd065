"""An OpenAI-shaped vendor whose delays are fixed to the millisecond, so that what remains of a turn is the client's own.

    python -m tests.benchmarks.scripted_vendor

Prints `{"port": N}` and serves until killed. `POST /_control/script` takes fields of `Delays`; `GET /_control/records`
gives and forgets what was asked. All times are `time.monotonic()`, one clock for all processes of a Linux machine.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

SPEECH_HZ = 24_000
MS_PER_CHAR = 60
WORDS = "What is on my calendar for tomorrow?"
SPIN_S = 0.0015
"""The end of each wait is spent yielding: the poll's own grain is a millisecond."""
REPLY = (
    "Sure, I can help you with that right now. The meeting starts at nine in the morning. "
    "There is also a short break around noon."
)


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds; `pace` is seconds of work per second of speech, 0 sends it all at once."""

    hear: float = 0.0
    hear_rest: float = 0.0
    """Of a recogniser that has listened along: from the end of the take to its last words."""
    first_token: float = 0.0
    token: float = 0.0
    first_sound: float = 0.0
    pace: float = 0.0


PROFILES = {
    "zero": Delays(),
    "realistic": Delays(hear=200, hear_rest=60, first_token=150, token=15, first_sound=90),
    "quarter": Delays(hear=200, hear_rest=60, first_token=150, token=15, first_sound=90, pace=0.25),
}


async def until(deadline: float) -> None:
    while (left := deadline - time.monotonic()) > 0:  # noqa: ASYNC110 - it spins on purpose
        await asyncio.sleep(left - SPIN_S if left > SPIN_S else 0)


class Vendor:
    def __init__(self) -> None:
        self.delays = Delays()
        self.records: list[dict[str, Any]] = []
        self.tokens = re.findall(r" ?\w+|[^\w\s]", REPLY)

    def _begin(self, kind: str, **more: Any) -> dict[str, Any]:
        record = {"kind": kind, "body_s": time.monotonic(), "first_s": None, **more}
        self.records.append(record)
        return record

    async def hear(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        record = self._begin("hear")
        await until(record["body_s"] + self.delays.hear / 1e3)
        record["first_s"] = time.monotonic()
        return web.json_response({"text": WORDS})

    async def hear_along(self, request: web.Request) -> web.WebSocketResponse:
        """A transcription session of the Realtime API: what was appended becomes words at `commit`."""
        link = web.WebSocketResponse(max_msg_size=0)
        await link.prepare(request)
        await link.send_json({"type": "session.created", "session": {}})
        async for message in link:
            kind = json.loads(message.data)["type"]
            if kind == "session.update":
                await link.send_json({"type": "session.updated", "session": {}})
            elif kind == "input_audio_buffer.commit":
                record = self._begin("hear")
                await link.send_json({"type": "input_audio_buffer.committed", "item_id": "i"})
                await until(record["body_s"] + self.delays.hear_rest / 1e3)
                record["first_s"] = time.monotonic()
                kind = "conversation.item.input_audio_transcription.completed"
                await link.send_json({"type": kind, "item_id": "i", "transcript": WORDS})
        return link

    async def chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        record = self._begin("chat", messages=len(asked["messages"]), token_s=[])

        def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            data = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": asked["model"]}
            return b"data: " + json.dumps({**data, "choices": [choice]}).encode() + b"\n\n"

        last = event({}, "stop") + b"data: [DONE]\n\n"
        return await self._tell(request, record, lambda token: event({"content": token}), last)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """The same in the words of the Responses API."""
        asked = await request.json()
        record = self._begin("chat", messages=len(asked["input"]) + ("instructions" in asked), token_s=[])

        def event(kind: str, **fields: Any) -> bytes:
            return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

        def delta(token: str) -> bytes:
            place = {"item_id": "m", "output_index": 0, "content_index": 0}
            return event("response.output_text.delta", **place, delta=token, logprobs=[])

        whole = {
            "id": "r",
            "object": "response",
            "model": asked["model"],
            "status": "completed",
            "output": [],
        }
        return await self._tell(request, record, delta, event("response.completed", response=whole))

    async def _tell(
        self, request: web.Request, record: dict[str, Any], event: Callable[[str], bytes], last: bytes
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        start = record["body_s"] + self.delays.first_token / 1e3
        for index, token in enumerate(self.tokens):
            await until(start + index * self.delays.token / 1e3)
            if index == 0:
                await response.prepare(request)
            record["token_s"].append(time.monotonic())
            await response.write(event(token))
        await response.write(last)
        await response.write_eof()
        return response

    async def speak(self, request: web.Request) -> web.StreamResponse:
        text = (await request.json())["input"]
        record = self._begin("speak", text=text)
        pcm = b"\x10\x00\xf0\xff" * (len(text) * MS_PER_CHAR * SPEECH_HZ // 2000)
        step = SPEECH_HZ // 25 * 2
        start = record["body_s"] + self.delays.first_sound / 1e3
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        for index, at in enumerate(range(0, len(pcm), step)):
            await until(start + index * 0.04 * self.delays.pace)
            if index == 0:
                await response.prepare(request)
                record["first_s"] = time.monotonic()
            await response.write(pcm[at : at + step])
        await response.write_eof()
        return response

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": []})

    async def set_script(self, request: web.Request) -> web.Response:
        self.delays = replace(Delays(), **await request.json())
        return web.json_response({})

    async def take_records(self, request: web.Request) -> web.Response:
        records, self.records = self.records, []
        return web.json_response({"tokens": self.tokens, "records": records})


async def serve() -> None:
    vendor, app = Vendor(), web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/audio/transcriptions", vendor.hear)
    app.router.add_get("/v1/realtime", vendor.hear_along)
    app.router.add_post("/v1/chat/completions", vendor.chat)
    app.router.add_post("/v1/responses", vendor.respond)
    app.router.add_post("/v1/audio/speech", vendor.speak)
    app.router.add_get("/v1/models", vendor.models)
    app.router.add_post("/_control/script", vendor.set_script)
    app.router.add_get("/_control/records", vendor.take_records)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, keepalive_timeout=600)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
