"""Streams to be spoiled: the exact bytes of a good one, and what a careful reader may have of its beginning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random

from companion.chaos import Fault, Way
from companion.chaos.answers import Answer, healthy
from companion.chaos.faults import Scene
from companion.chaos.talk import Message, Talk
from companion.chaos.wire import Asked

STREAMS = (("openai", Way.CHAT), ("anthropic", Way.CHAT), ("ollama", Way.CHAT), ("openai", Way.HEAR))
ENDINGS = {
    ("openai", Way.CHAT): b'"finish_reason":"',
    ("anthropic", Way.CHAT): b'"message_stop"',
    ("ollama", Way.CHAT): b'"done":true',
    ("openai", Way.HEAR): b"transcript.text.done",
}
"""What a stream must hold to be whole."""
ENOUGH = {
    ("openai", Way.CHAT): b"[DONE]",
    ("anthropic", Way.CHAT): b'"stop_reason":"end_turn"',
    ("openai", Way.HEAR): b"[DONE]",
}
"""What says as much where that was lost on the way."""


def good(vendor: str, way: Way, reply: str) -> Answer:
    body = b'name="stream"\r\n\r\ntrue' if way is Way.HEAR else b'{"model": "chaos"}'
    asked = Asked(method="POST", path="", query={}, headers={}, body=body, head=b"")
    return healthy(vendor, way, asked, reply, reply)


def text_in(vendor: str, way: Way, raw: bytes) -> str:
    """The text of all events that are complete in `raw`: what must not be lost of it."""
    said = ""
    for line in raw.split(b"\n")[:-1]:
        data = (
            line
            if vendor == "ollama"
            else line.removeprefix(b"data: ")
            if line.startswith(b"data: ")
            else b""
        )
        if data[:1] != b"{":
            continue
        event = json.loads(data)
        match vendor, way:
            case "openai", Way.HEAR:
                said += event.get("delta", "")
            case "openai", _:
                said += "".join(choice["delta"].get("content") or "" for choice in event["choices"])
            case "anthropic", _:
                said += (
                    event.get("delta", {}).get("text", "") if event["type"] == "content_block_delta" else ""
                )
            case _:
                said += event["message"]["content"]
    return said


def spoiled(
    way: Way, raw: bytes, then: Callable[[Scene], Awaitable[None]], dice: Random | None = None
) -> Fault:
    """A stream of exactly these bytes, in pieces by chance, and then whatever happens."""

    async def act(scene: Scene) -> None:
        await scene.line.head(200, scene.answer.media_type)
        at = 0
        while at < len(raw):
            step = dice.randint(1, 400) if dice is not None else len(raw)
            await scene.line.part(raw[at : at + step])
            at += step
        await then(scene)

    return Fault(name="spoiled", row=39, what="", ways=frozenset({way}), card=None, act=act)


async def properly(scene: Scene) -> None:
    await scene.line.end()


async def hung_up(scene: Scene) -> None:
    await scene.line.hang_up()


async def torn(scene: Scene) -> None:
    await asyncio.sleep(0.02)  # a reset overtakes what was written
    scene.line.cut()


async def silent(scene: Scene) -> None:
    await scene.line.silence()


def live_cut(after: int, *, silent: bool) -> Fault:
    """A live recogniser that breaks off, or falls silent, instead of its message `after`."""

    async def slip(talk: Talk, message: Message) -> Message:
        if talk.said >= after:
            if silent:
                await talk.line.silence()
            talk.line.cut()
            raise ConnectionResetError
        return message

    return Fault(name="live cut", row=54, what="", ways=frozenset({Way.LIVE_HEAR}), card=None, slip=slip)
