"""A turn with nothing but this computer's own engines: Whisper base hears, SmolLM2 answers, Piper's Joe speaks.

    python -m tests.benchmarks.local_turn [TURNS]

Ours (the whole app without its window, a microphone in real time) and a plain script that calls the same engines one after
the other (`local_script`) take turns, first on a quiet computer, then with one process beside them that never rests.
Five turns each unless told otherwise; the first of each does not count. Medians; asserts nothing about time.

    transcript, first token, first sound    ms after the talk key is let go
    cpu       seconds of processor time from there to the end of the turn, all processes
    memory    MB of all processes, what they share counted once
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from companion.app import Companion
from companion.audio.virtual import FileMicrophone
from companion.events import Event, Phase, PhaseChanged, TurnFinished
from companion.flow import TurnRecord
from companion.paths import find_home
from tests.benchmarks.local_script import MOST_TOKENS
from tests.benchmarks.pipelines import Sink
from tests.weights import FOLDER

TAKES = [Path(__file__).parents[1] / "data" / name for name in ("austen-0890.wav", "austen-0870.wav")]
"""By turns: of words that were asked before, everything would be known already."""
MARKS = ("transcript", "first_token", "first_sound")
NEEDED = {
    "whisper-base": "hearing/base",
    "piper-joe": "voice/en_US-joe-medium",
    "smollm2": "mind/smollm2-135m",
}
Row = dict[str, float]


class Ours:
    """The app, with its own engines."""

    async def setup(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        home = find_home(self._folder.name)
        for weights, place in NEEDED.items():
            (home.models / place).parent.mkdir(parents=True, exist_ok=True)
            (home.models / place).symlink_to(FOLDER / weights)
        home.config.mkdir(parents=True)
        home.settings.write_text(
            "providers:\n  llm: {active: mind, mind: {model: smollm2-135m}}\n"
            f"reply: {{longest_answer: {MOST_TOKENS}}}\ntalk: {{tail_ms: 0, tap_ms: 100, mode: hold}}\n"
        )
        self._over, self._listening = asyncio.Event(), asyncio.Event()
        self._microphone = FileMicrophone(TAKES[0])
        self.app = Companion(home, microphone=self, player=Sink())
        self.app.events.watch(self._watch)
        await self.app.open()
        await asyncio.gather(*self.app._warming._running)

    async def open(self) -> Any:
        return await self._microphone.open()

    def _watch(self, event: Event) -> None:
        if isinstance(event, TurnFinished):
            self._record: TurnRecord = event.record
            self._over.set()
        elif isinstance(event, PhaseChanged) and event.phase is Phase.LISTENING:
            self._listening.set()

    @property
    def messages(self) -> list[dict[str, str]]:
        return [{"role": str(each.role), "content": each.content} for each in self.app.engine.next_question()]

    async def turn(self, take: Path) -> Row:
        self._microphone = FileMicrophone(take)
        self.app.new_session()
        self._over.clear()
        self._listening.clear()
        self.app.press_talk()
        await self._listening.wait()
        await self._microphone.ended.wait()
        before_s = processor_s(os.getpid())
        self.app.release_talk()
        await self._over.wait()
        spent_s = processor_s(os.getpid()) - before_s
        assert self._record.engines["stt"].startswith("builtin")
        times = {mark: self._record.timeline_ms[mark] for mark in MARKS}
        return {**times, "cpu": spent_s, "memory": memory_mb(os.getpid())}

    async def close(self) -> None:
        await self.app.close()
        self._folder.cleanup()


class Plain:
    """The script, in a process of its own."""

    async def setup(self, messages: list[dict[str, str]]) -> None:
        voice = next((FOLDER / "piper-joe").glob("*.onnx"))
        model = next((FOLDER / "smollm2").glob("*.gguf"))
        self._messages = messages
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.local_script",
            str(voice), str(FOLDER / "whisper-base"), str(model),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"},
        )  # fmt: skip
        assert self._process.stdout is not None
        await self._process.stdout.readline()

    async def turn(self, take: Path) -> Row:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        before_s = processor_s(self._process.pid)
        order = json.dumps({"take": str(take), "messages": self._messages})
        self._process.stdin.write(order.encode() + b"\n")
        times: Row = json.loads(await self._process.stdout.readline())
        spent_s = processor_s(self._process.pid) - before_s
        return {**times, "cpu": spent_s, "memory": memory_mb(self._process.pid)}

    async def close(self) -> None:
        self._process.kill()
        await self._process.wait()


# -- what they take -------------------------------------------------------------------------------------------


def tree(pid: int) -> list[int]:
    """A process and those it started, but none that only keeps the computer busy."""
    parents: dict[int, list[int]] = {}
    for each in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parent = (each / "stat").read_text().rpartition(") ")[2].split()[1]
            if b"local_script" not in (each / "cmdline").read_bytes() or int(each.name) == pid:
                parents.setdefault(int(parent), []).append(int(each.name))
    found = [pid]
    for each_pid in found:
        found += parents.get(each_pid, [])
    return [each_pid for each_pid in found if each_pid not in _busy]


_busy: set[int] = set()


def processor_s(pid: int) -> float:
    ticks = 0
    for each in tree(pid):
        with suppress(OSError):
            numbers = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
            ticks += int(numbers[11]) + int(numbers[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    kilobytes = 0
    for each in tree(pid):
        with suppress(OSError):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


@contextmanager
def busy_process() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    _busy.add(process.pid)
    try:
        yield
    finally:
        process.kill()
        process.wait()


# -- both, by turns -------------------------------------------------------------------------------------------


async def compare(pipelines: dict[str, Any], turns: int) -> dict[str, Row]:
    rows: dict[str, list[Row]] = {name: [] for name in pipelines}
    for number in range(turns + 1):
        for name, pipeline in pipelines.items():
            rows[name].append(await pipeline.turn(TAKES[number % len(TAKES)]))
    return {
        name: {key: statistics.median(row[key] for row in found[1:]) for key in found[0]}
        for name, found in rows.items()
    }


def show(title: str, medians: dict[str, Row]) -> None:
    print(f"\n{title:<18}{'transcript':>12}{'first token':>13}{'first sound':>13}{'cpu s':>8}{'memory':>9}")
    for name, row in medians.items():
        times = f"{row['transcript']:>12.0f}{row['first_token']:>13.0f}{row['first_sound']:>13.0f}"
        print(f"  {name:<16}{times}{row['cpu']:>8.2f}{row['memory']:>9.0f}")
    ours, plain = medians["companion"], medians["plain script"]
    print(f"  companion / plain script: first sound {ours['first_sound'] / plain['first_sound']:.2f}")


async def measure(turns: int) -> None:
    print(f"load of the computer before: {os.getloadavg()[0]:.1f}")
    ours, plain = Ours(), Plain()
    await ours.setup()
    await plain.setup(ours.messages)
    pipelines = {"companion": ours, "plain script": plain}
    try:
        quiet = await compare(pipelines, turns)
        show("quiet", quiet)
        with busy_process():
            busy = await compare(pipelines, turns)
        show("one busy process", busy)
        for name in pipelines:
            print(f"  {name}: busy / quiet {busy[name]['first_sound'] / quiet[name]['first_sound']:.2f}")
    finally:
        await ours.close()
        await plain.close()


def main() -> None:
    if missing := [name for name in NEEDED if not (FOLDER / name).is_dir()]:
        print(f"local_turn: {', '.join(missing)} not in {FOLDER}: .ci/setup test fetches them")
        return
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5))


if __name__ == "__main__":
    main()
