"""Promises 8 and 9: killed before any single step on the disk, everything said to be safe is there at the next start.

The steps are the system's own calls, counted and killed by a tracer: every write, sync, rename, removal and cut.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.journal.store import SqlJournal, open_journal
from companion.kinds import ReplyState
from companion.paths import find_home
from companion.settings.layers import load_settings
from tests.reliability import point_child
from tests.reliability.point_child import CHEAP, NEW, OLD, SCENARIOS, SOUND, disk
from tests.reliability.proof import prove
from tests.whole.tracer import need_strace

STEPS = "write,pwrite64,fsync,fdatasync,ftruncate,rename,unlink,mkdir,link"
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(", re.MULTILINE)
_STEP = re.compile(r"^(\w+)\((\d+)?(.*)$", re.MULTILINE)
Point = tuple[str, int]
"""A system call, and which of them."""


def traced(home: Path, scenario: str, log: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["strace", "-o", str(log), "-e", f"trace={STEPS}", *options]
    command += [sys.executable, point_child.__file__, str(home), scenario]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)


def points_of(home: Path, scenario: str, log: Path) -> list[Point]:
    """Every step of an undisturbed run, in its order."""
    done = traced(home, scenario, log)
    assert done.stdout.endswith("end\n"), done.stderr
    seen, points = Counter[str](), []
    for call in _CALL.findall(log.read_text(errors="replace")):
        seen[call] += 1
        points.append((call, seen[call]))
    return points


async def prepare(home: Path, scenario: str) -> None:
    if scenario == "first start":
        return
    journal = await disk(home).with_keyring()
    await journal.set_passphrase(OLD, cost=CHEAP)
    await point_child.a_turn(journal, "earlier words")
    await journal.close()
    find_home(home).config.mkdir(exist_ok=True)
    find_home(home).settings.write_text("appearance:\n  theme: light  # as it was\n")


async def wrongs(home: Path, scenario: str, told: Sequence[str]) -> list[str]:
    """What is not as it was said to be, at the next start."""
    try:
        journal = await disk(home).with_keyring()
    except CompanionError as error:
        return [f"it does not open: {error.kind}"]
    try:
        found = await _wrong_in(journal, scenario, told)
        await point_child.a_turn(journal, "words of the next start")
    finally:
        await journal.close()
    if scenario == "passphrase":
        found += await _wrong_passphrases(home, told)
    loaded = load_settings(find_home(home), {})
    if loaded.problems or loaded.settings.appearance.theme not in (
        ("dark",) if "settings" in told else ("light", "dark", "system")
    ):
        found.append("settings")
    return found


async def _wrong_in(journal: SqlJournal, scenario: str, told: Sequence[str]) -> list[str]:
    sessions = await journal.list.page(limit=100)
    turns = {turn.user_text: turn for each in sessions for turn in await journal.turns(each.id)}
    words = "first words" if scenario == "first start" else "later words"
    found = [] if scenario == "first start" or "earlier words" in turns else ["earlier words"]
    if "words" in told and words not in turns:
        found.append("words")
    if "answer" in told and turns[words].reply_state is not ReplyState.WHOLE:
        found.append("answer")
    if "sound" in told:
        (take,) = await journal.waiting_takes()
        found += [] if await journal.read_take(take.id) == SOUND else ["sound"]
    return found


async def _wrong_passphrases(home: Path, told: Sequence[str]) -> list[str]:
    opens = []
    for passphrase in (OLD, NEW):
        try:
            await (await open_journal(find_home(home), passphrase=passphrase)).close()
            opens.append(passphrase)
        except CompanionError as error:
            if error.kind is not Kind.WRONG_PASSPHRASE:
                raise
    return [] if (NEW in opens if "passphrase" in told else opens) else ["passphrase"]


async def killed_at(folder: Path, made: Path, scenario: str, point: Point) -> list[str]:
    """One run that is killed before it takes the step; what is wrong at the next start."""
    home, (call, number) = folder / "killed", point
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(made, home)
    kill = f"--inject={call}:error=EIO:signal=KILL:when={number}"
    done = traced(home, scenario, folder / "log", kill)
    assert not done.stdout.endswith("end\n"), f"it never came to {point}"
    assert "Traceback" not in done.stderr, (point, done.stderr)
    return [
        f"{scenario}, {call} {number}: {each}" for each in await wrongs(home, scenario, done.stdout.split())
    ]


def test_nothing_is_called_safe_before_it_is_synced(tmp_path: Path) -> None:
    """Promise 10: between the last write of anything and its acknowledgement lies a sync."""
    need_strace()
    early, acks = [], 0
    for scenario in SCENARIOS:
        home, log = tmp_path / scenario, tmp_path / "log"
        home.mkdir()
        asyncio.run(prepare(home, scenario))
        points_of(home, scenario, log)
        unsynced = False
        for call, descriptor, line in _STEP.findall(log.read_text(errors="replace")):
            if call == "write" and descriptor == "1":
                acks += 1
                early += [f"{scenario}: {line}"] if unsynced else []
            elif call in ("write", "pwrite64"):
                unsynced = True
            elif call in ("fsync", "fdatasync"):
                unsynced = False
    prove(10, "words called safe before they were synced", len(early), 0, cases=acks)


@pytest.mark.parametrize("stride", [48, pytest.param(1, marks=pytest.mark.long)])
async def test_killed_before_any_step_on_the_disk_nothing_is_lost(tmp_path: Path, stride: int) -> None:
    need_strace()
    wrong: list[str] = []
    count = 0
    for scenario in SCENARIOS:
        made = tmp_path / scenario
        made.mkdir()
        await prepare(made, scenario)
        shutil.copytree(made, tmp_path / "undisturbed", dirs_exist_ok=False)
        points = points_of(tmp_path / "undisturbed", scenario, tmp_path / "log")
        shutil.rmtree(tmp_path / "undisturbed")
        chosen = points[count % stride :: stride]
        for point in chosen:
            wrong += await killed_at(tmp_path, made, scenario, point)
            count += 1
        if scenario == "passphrase":
            what = "points of a passphrase change at which a kill locks a journal"
            prove(8, what, len(wrong), 0, cases=len(chosen))
    assert wrong == []
    prove(9, "points of the disk at which a kill loses what was safe", len(wrong), 0, cases=count)
