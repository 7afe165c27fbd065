"""Release of the talk key to the first sound handed over, minus the vendor's scripted delays.

    python -m tests.benchmarks.voice_loop [TURNS] [PROFILE ...]

`zero`: the vendor answers at once; `realistic`: as fast as good vendors do; `quarter`: the same, with speech made at a
quarter of real time. 30 turns each unless told otherwise.

Our engine (also with a recogniser that listens along and then needs 60 ms for its last words), a hand-written httpx2
pipeline and the vendor's SDK take turns in blocks against one vendor in a process of its own (`scripted_vendor`). Prints
medians and 95th percentiles in ms and ratios of the same run; asserts nothing about time.

    total   release -> first sound handed over
    own     the client's parts of it: upload (release -> recording complete at the vendor), ask (transcript sent -> prompt
            complete there), cut (token that completes what is spoken first -> that text complete there), sound (first
            sound sent -> handed over)
    cpu     milliseconds of processor time of a turn, all threads; only ours keeps a journal, looks for danger and listens
            to the recording for speech
    memory  kilobytes by which the process has grown per turn
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.pipelines import PIPELINES, Pipeline, recording
from tests.benchmarks.scripted_vendor import PROFILES

PARTS = ("upload", "ask", "cut", "sound")
BLOCK = 5
HISTORIES = (2, 200)
"""Messages of earlier turns in the prompt."""


class Server:
    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.scripted_vendor"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.root = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"

    def call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.root + path, data=data, timeout=10) as answer:
            return json.load(answer)


async def one_turn(pipeline: Pipeline, server: Server, take: Any) -> dict[str, float]:
    marks: dict[str, float] = {}
    cpu, memory = time.process_time(), memory_kb()
    await pipeline.turn(
        take,
        lambda: marks.setdefault("release", time.monotonic()),
        lambda pcm: marks.setdefault("audio", time.monotonic()),
    )
    cpu_ms = (time.process_time() - cpu) * 1000
    grown_kb = memory_kb() - memory
    seen = await asyncio.to_thread(server.call, "/_control/records")
    return {**dissect(marks, seen["records"], seen["tokens"]), "cpu": cpu_ms, "memory": grown_kb}


def memory_kb() -> float:
    """Resident memory of this process."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize() / 1024


def dissect(marks: dict[str, float], records: list[dict[str, Any]], tokens: list[str]) -> dict[str, float]:
    """One turn's parts in ms, from the vendor's record of it."""
    hear, chat, speak = (next(r for r in records if r["kind"] == kind) for kind in ("hear", "chat", "speak"))
    said, completing = "", 0
    for completing, token in enumerate(tokens):  # noqa: B007 - the index is what is looked for
        said += token
        if len(said.strip()) >= len(speak["text"].strip()):
            break
    points = {
        "upload": (marks["release"], hear["body_s"]),
        "ask": (hear["first_s"], chat["body_s"]),
        "cut": (chat["token_s"][completing], speak["body_s"]),
        "sound": (speak["first_s"], marks["audio"]),
    }
    parts = {name: (end - start) * 1000 for name, (start, end) in points.items()}
    total = (marks["audio"] - marks["release"]) * 1000
    return {**parts, "own": sum(parts.values()), "total": total}


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


async def measure(turns: int, profiles: list[str]) -> None:
    server, take = Server(), recording()
    try:
        pipelines: dict[str, Pipeline] = {name: make() for name, make in PIPELINES.items()}
        for pipeline in pipelines.values():
            await pipeline.setup(server.root + "/v1")
        for profile in profiles:
            server.call("/_control/script", asdict(PROFILES[profile]))
            for history in HISTORIES:
                rows: dict[str, list[dict[str, float]]] = {name: [] for name in pipelines}
                for _ in range((turns + BLOCK - 1) // BLOCK):
                    for name, pipeline in pipelines.items():
                        pipeline.reset(history)
                        server.call("/_control/records")
                        block = [await one_turn(pipeline, server, take) for _ in range(BLOCK + 1)]
                        rows[name] += block[1:]  # the first one opens connections
                show(profile, history, rows)
        for pipeline in pipelines.values():
            await pipeline.close()
    finally:
        server.process.kill()
        server.process.wait()
    print(
        f"memory of this process, all three in it: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


def show(profile: str, history: int, rows: dict[str, list[dict[str, float]]]) -> None:
    count = len(next(iter(rows.values())))
    print(f"\n{profile}, {history} messages of history, {count} turns each (median / p95, ms)")
    print(
        f"  {'':<16}{'total':>16}{'own':>14}"
        + "".join(f"{part:>9}" for part in PARTS)
        + f"{'cpu':>8}{'memory':>8}"
    )
    medians = {}
    for name, turns in rows.items():
        own, total = [t["own"] for t in turns], [t["total"] for t in turns]
        medians[name] = (statistics.median(own), statistics.median(total))
        parts = "".join(f"{statistics.median(t[part] for t in turns):>9.1f}" for part in PARTS)
        totals = f"{medians[name][1]:>8.1f} /{p95(total):>6.1f}"
        cpu = statistics.median(t["cpu"] for t in turns)
        memory = statistics.mean(t["memory"] for t in turns)
        print(
            f"  {name:<16}{totals}{medians[name][0]:>7.1f} /{p95(own):>5.1f}{parts}{cpu:>8.1f}{memory:>8.1f}"
        )
    base = medians["httpx2 by hand"]
    ours, live = medians["companion"], medians["companion live"]
    print(f"  companion / httpx2 by hand: own {ours[0] / base[0]:.2f}, total {ours[1] / base[1]:.2f}")
    print(f"  companion live / httpx2 by hand: own {live[0] / base[0]:.2f}, total {live[1] / base[1]:.2f}")


if __name__ == "__main__":
    chosen = [name for name in sys.argv[1:] if name in PROFILES] or list(PROFILES)
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    asyncio.run(measure(numbers[0] if numbers else 30, chosen))
