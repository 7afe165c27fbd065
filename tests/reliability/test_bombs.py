"""Promise 24: answers made to exhaust memory, in a process of its own: it hardly grows, and is rid of them soon."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from companion.chaos import FAULTS, Chaos, Fault, Way
from companion.chaos.faults import BLOCK_OF_NOTHING, CHAT, LIVE, SPEAK, Scene
from companion.chaos.talk import Message, Over, Talk
from companion.errors import Kind
from tests.reliability.clients import VENDORS
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


class Sufferer:
    """A process that asks, one answer after the other."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def asks(self, *what: str) -> dict[str, Any]:
        """What came of one request: `vendor way [URL]`."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{' '.join(what)}\n".encode())
        line = await asyncio.wait_for(self._child.stdout.readline(), 60)
        if not line:
            assert self._child.stderr is not None
            raise AssertionError((await self._child.stderr.read()).decode())
        told: dict[str, Any] = json.loads(line)
        return told


@asynccontextmanager
async def sufferer(url: str) -> AsyncIterator[tuple[Sufferer, float]]:
    """One that has imported and pooled all it needs, and its memory in MB."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.reliability.bomb_child", url, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    made = Sufferer(child)
    for vendor in ("openai", "anthropic", "ollama"):
        await made.asks(vendor, Way.CHAT)
    await made.asks("openai", Way.SPEAK)
    await made.asks("deepgram", Way.LIVE_HEAR)
    yield made, float((await made.asks("deepgram", Way.LIVE_SPEAK))["peak_mb"])
    child.stdin.close()
    assert await child.wait() == 0


async def test_no_answer_can_fill_the_memory() -> None:
    found: dict[str, dict[str, Any]] = {}
    async with Chaos() as chaos, sufferer(chaos.url) as (child, before_mb):
        for vendor, way, bomb in BOMBS:
            chaos.then = bomb
            found[f"{bomb.name} ({vendor} {way})"] = await child.asks(vendor, way)
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


# -- every fault, and Wyoming ---------------------------------------------------------------------------------


def event(kind: str, data: dict[str, object] | None = None, **more: object) -> bytes:
    return json.dumps({"type": kind, "data": data or {}, **more}).encode() + b"\n"


SOUND = {"rate": 16_000, "width": 2, "channels": 1}
CHUNK = event("audio-chunk", SOUND, payload_length=32_000) + bytes(32_000)
START = event("audio-start", SOUND)
WYOMING: dict[str, tuple[bytes, bytes]] = {
    "silence": (b"", b""),
    "empty lines": (b"", b"\n" * 60_000),
    "a line without end": (b"{", b"x" * 60_000),
    "words without end": (b"", event("transcript-chunk", {"text": "and so on "}) * 600),
    "a transcript of a megabyte": (event("transcript", {"text": "word " * 200_000}), b""),
    "events nobody knows": (b"", event("weather") * 2_000),
    "pings": (b"", event("ping") * 2_000),
    "descriptions": (b"", event("info", {"asr": [], "tts": []}) * 1_000),
    "four gigabytes of data": (event("transcript", data_length=2**32), b"x" * 60_000),
    "four gigabytes of sound": (START + event("audio-chunk", SOUND, payload_length=2**32), b"x" * 60_000),
    "sound without end": (START, CHUNK * 4),
    "sound of a rate nobody has": (event("audio-start", {**SOUND, "rate": 10**9}), CHUNK),
    "starts without end": (b"", START * 1_000),
    "deep data": (b'{"type": "transcript", "data": ' + b"[" * 200_000 + b"\n", b""),
    "half of everything": (CHUNK[:-1], b""),
    "numbers out of reach": (event("audio-start", {"rate": 1e308, "width": -1, "channels": 10**12}), CHUNK),
}


@asynccontextmanager
async def wyoming(first: bytes, then: bytes) -> AsyncIterator[str]:
    """A server that answers so, and goes on with `then` as long as somebody listens."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.readline()
            writer.write(first)
            while then:
                writer.write(then)
                await writer.drain()
            while await reader.read(65_536):
                pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("every", [24, pytest.param(1, marks=pytest.mark.long)])
async def test_no_hostile_answer_holds_the_loop_or_grows_or_lasts(every: int) -> None:
    found: dict[str, dict[str, Any]] = {}
    measured = ("gzip_bomb", "giant_line", "voice_endless", "endless")  # above, at their real limits
    cases = [
        (name, way, vendor)
        for name, fault in FAULTS.items()
        for way in sorted(fault.ways)
        for vendor in VENDORS[way]
        if name not in measured
    ]
    async with Chaos(tick_s=0.1) as chaos, sufferer(chaos.url) as (child, before_mb):
        for name, way, vendor in cases[::every]:
            chaos.then = FAULTS[name]
            found[f"{name} ({vendor} {way})"] = await child.asks(vendor, way, chaos.url)
        for name, (first, then) in [*WYOMING.items()][:: min(every, 4)]:
            for way in (Way.HEAR, Way.SPEAK):
                async with wyoming(first, then) as url:
                    found[f"{name} (wyoming {way})"] = await child.asks("wyoming", way, url)
    held_ms, where = max((seen["held_ms"], name) for name, seen in found.items())
    print(f"held longest by {where}")
    count, most_mb = len(found), max(seen["peak_mb"] for seen in found.values()) - before_mb
    prove(
        24,
        "longest hold of the loop by any hostile answer, processor time",
        held_ms,
        50,
        cases=count,
        unit="ms",
    )
    prove(24, "growth of memory by any hostile answer", most_mb, 64, cases=count, unit="MB")
    longest_s = max(seen["took_s"] for seen in found.values())
    prove(
        24,
        "until any hostile answer is ended (clocks of 2 s)",
        longest_s,
        4,
        cases=count,
        unit="s",
        clock="real",
    )
