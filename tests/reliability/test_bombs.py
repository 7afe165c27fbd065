"""Promise 24: answers made to exhaust memory, in a process of its own: it hardly grows, and is rid of them soon."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from companion.chaos import FAULTS, Chaos, Fault, Way
from companion.chaos.faults import BLOCK_OF_NOTHING, CHAT, LIVE, SPEAK, Scene
from companion.chaos.talk import Message, Over, Talk
from companion.errors import Kind
from tests.reliability.proof import ROOT, prove

MEGABYTE = b"x" * (1 << 20)


def http(name: str, act: object, card: Kind | None) -> Fault:
    return Fault(name=name, row=45, what="", ways=CHAT | SPEAK, card=card, act=act)  # type: ignore[arg-type]


async def _headers(scene: Scene) -> None:
    await scene.line.raw(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        await scene.line.raw(b"x-%d: %b\r\n" % (number, BLOCK_OF_NOTHING[:2000]))


async def _event(scene: Scene) -> None:
    """One event of endless lines, each of a decent length."""
    await scene.begin()
    for _ in range(5000):
        await scene.line.part(b"data: " + BLOCK_OF_NOTHING + b"\n")


async def _refusal(scene: Scene) -> None:
    await scene.line.head(500)
    for _ in range(300):
        await scene.line.part(MEGABYTE)


async def _plain_json(scene: Scene) -> None:
    await scene.line.head(200, "application/json")
    await scene.line.part(b'{"x": "')
    for _ in range(300):
        await scene.line.part(MEGABYTE)


async def _chunk(scene: Scene) -> None:
    """One HTTP chunk that says it is four gigabytes long."""
    await scene.line.head(200, scene.answer.media_type)
    await scene.line.raw(b"ffffffff\r\n")
    for _ in range(300):
        await scene.line.raw(MEGABYTE)


async def _frames(talk: Talk, message: Message) -> Message:
    """Small live messages without end."""
    while True:
        await talk.send('{"type": "Nothing", "of": "' + "x" * 60_000 + '"}')


async def _fragments(talk: Talk, message: Message) -> Message:
    """One live message in pieces without end."""
    await talk.line.raw(b"\x01\x7f" + (60_000).to_bytes(8, "big") + b"x" * 60_000)
    for _ in range(5000):
        await talk.line.raw(b"\x00\x7f" + (60_000).to_bytes(8, "big") + b"x" * 60_000)
    raise Over


async def _crumbs(scene: Scene) -> None:
    """A long line in HTTP chunks of one byte."""
    await scene.line.head(200, scene.answer.media_type)
    await scene.line.raw(b"6\r\ndata: \r\n")
    for _ in range(40):
        await scene.line.raw(b"1\r\nx\r\n" * 10_000)


async def _json_of_lists(scene: Scene) -> None:
    await scene.line.head(200, "application/json")
    await scene.line.part(b"[")
    for _ in range(7):
        await scene.line.part(b"[]," * (1 << 18))
    await scene.line.part(b"1]")


async def _many_events(scene: Scene) -> None:
    """Events that say nothing, thousands in each packet."""
    await scene.begin()
    for _ in range(300):
        await scene.line.part(b"data: {}\n\n" * 6000)


async def _heads(scene: Scene) -> None:
    """A WAV file whose sound never begins."""
    await scene.line.head(200, "audio/wav")
    await scene.line.part(b"RIFF\xff\xff\xff\xffWAVE")
    for _ in range(300):
        await scene.line.part(b"LIST\x00\x00\x01\x00" + bytes(1 << 16))


async def _hollow(talk: Talk, message: Message) -> Message:
    """Empty messages, thirty thousand in each packet."""
    for _ in range(200):
        await talk.line.raw(b"\x81\x00" * 30_000)
    raise Over


async def _pings(talk: Talk, message: Message) -> Message:
    for _ in range(200):
        await talk.line.raw(b"\x89\x00" * 30_000)
    raise Over


def live(name: str, slip: object, card: Kind) -> Fault:
    return Fault(name=name, row=56, what="", ways=LIVE, card=card, slip=slip)  # type: ignore[arg-type]


BOMBS: tuple[tuple[str, Way, Fault], ...] = (
    ("openai", Way.CHAT, FAULTS["gzip_bomb"]),
    ("openai", Way.CHAT, FAULTS["giant_line"]),
    ("ollama", Way.CHAT, FAULTS["giant_line"]),
    ("anthropic", Way.CHAT, http("endless event", _event, Kind.UNAVAILABLE)),
    ("openai", Way.CHAT, http("endless headers", _headers, Kind.NOT_AN_API)),
    ("anthropic", Way.CHAT, http("endless refusal", _refusal, Kind.UNAVAILABLE)),
    ("openai", Way.CHAT, http("endless JSON", _plain_json, Kind.UNAVAILABLE)),
    ("ollama", Way.CHAT, http("chunk of four gigabytes", _chunk, Kind.UNAVAILABLE)),
    ("openai", Way.CHAT, FAULTS["endless"]),
    ("openai", Way.SPEAK, FAULTS["voice_endless"]),
    ("deepgram", Way.LIVE_HEAR, live("endless messages", _frames, Kind.TIMEOUT)),
    ("deepgram", Way.LIVE_SPEAK, live("endless fragments", _fragments, Kind.UNAVAILABLE)),
    ("openai", Way.CHAT, http("chunks of one byte", _crumbs, Kind.TIMEOUT)),
    ("openai", Way.CHAT, http("JSON of a million lists", _json_of_lists, Kind.UNAVAILABLE)),
    ("anthropic", Way.CHAT, http("thousands of events in a packet", _many_events, Kind.TIMEOUT)),
    ("openai", Way.SPEAK, http("a WAV file of heads", _heads, Kind.VOICE_FAILED)),
    ("deepgram", Way.LIVE_HEAR, live("messages without content", _hollow, Kind.UNAVAILABLE)),
    ("deepgram", Way.LIVE_SPEAK, live("pings without end", _pings, Kind.UNAVAILABLE)),
)


async def test_no_answer_can_fill_the_memory() -> None:
    found: dict[str, dict[str, Any]] = {}
    async with Chaos() as chaos:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.reliability.bomb_child", chaos.url, cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None

        async def drop(vendor: str, way: Way) -> dict[str, Any]:
            child.stdin.write(f"{vendor} {way}\n".encode())  # type: ignore[union-attr]
            line = await asyncio.wait_for(child.stdout.readline(), 60)  # type: ignore[union-attr]
            assert line, (await child.stderr.read()).decode()  # type: ignore[union-attr]
            return json.loads(line)  # type: ignore[no-any-return]

        for vendor in ("openai", "anthropic", "ollama"):  # imports and pools are not what is measured
            await drop(vendor, Way.CHAT)
        await drop("openai", Way.SPEAK)
        await drop("deepgram", Way.LIVE_HEAR)
        before_mb = float((await drop("deepgram", Way.LIVE_SPEAK))["peak_mb"])
        for vendor, way, bomb in BOMBS:
            chaos.then = bomb
            found[f"{bomb.name} ({vendor} {way})"] = await drop(vendor, way)
        child.stdin.close()
        assert await child.wait() == 0
    for (name, seen), (_, _, bomb) in zip(found.items(), BOMBS, strict=True):
        # a quick machine comes to the longest line before the clock
        cards = (Kind.TIMEOUT, Kind.UNAVAILABLE) if bomb.act is _crumbs else (bomb.card or "",)
        assert seen["card"] in cards, name
        if bomb.card is None and "voice" not in name:
            assert seen["finish"] == "length", name
    most_mb = max(seen["peak_mb"] for seen in found.values()) - before_mb
    longest_s = max(seen["took_s"] for seen in found.values())
    gaps = sorted(gap for seen in found.values() for gap in seen["gaps_s"])
    prove(24, "growth of memory under a bomb", most_mb, 64, cases=len(BOMBS), unit="MB")
    prove(24, "until a bomb is ended", longest_s, 15, cases=len(BOMBS), unit="s", clock="real")
    longest_ms = max((seen["held_ms"], name) for name, seen in found.items())
    prove(
        24,
        f"longest hold of the loop ({longest_ms[1]}), processor time",
        longest_ms[0],
        50,
        cases=len(BOMBS),
        unit="ms",
    )
    held_up_ms = gaps[len(gaps) * 99 // 100] * 1000
    prove(
        24,
        "loop held up by a bomb (99 of 100 times)",
        held_up_ms,
        100,
        cases=len(gaps),
        unit="ms",
        clock="real",
    )
