"""Promise 13: of two that start at the same moment one has the home, and what either says was kept is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from companion.journal.store import SqlJournal
from tests.reliability import pair_child
from tests.reliability.point_child import disk
from tests.reliability.proof import prove

Child = subprocess.Popen[str]


@contextmanager
def pair(home: Path, *more: str) -> Iterator[tuple[Child, Child]]:
    """Two that are ready, and begin together."""
    with ExitStack() as stack:
        both = []
        for name in ("one", "two"):
            command = [sys.executable, pair_child.__file__, str(home), name, *more]
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            both.append(stack.enter_context(child))
            stack.callback(child.kill)
        for child in both:
            assert line(child) == "ready"
        for child in both:
            go_on(child)
        yield both[0], both[1]


def line(child: Child) -> str:
    assert child.stdout is not None
    return child.stdout.readline().rstrip("\n")


def go_on(child: Child) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


async def texts(journal: SqlJournal) -> list[str]:
    sessions = await journal.list.page(limit=100)
    return [turn.user_text for each in sessions for turn in await journal.turns(each.id)]


@pytest.mark.parametrize("count", [3, pytest.param(100, marks=pytest.mark.long)])
async def test_two_first_reflections_at_once_lose_nothing_that_was_called_saved(
    tmp_path: Path, count: int
) -> None:
    wrong: list[tuple[int, Any]] = []
    for number in range(count):
        home = tmp_path / str(number)
        home.mkdir()
        with pair(home) as both:
            told = [json.loads(line(child)) for child in both]
        journal = await disk(home).with_keyring()
        kept = await texts(journal)
        await journal.close()
        for name, each in zip(("one", "two"), told, strict=True):
            if (f"said by {name}" in kept) != each["kept"] or (not each["kept"] and not each["troubles"]):
                wrong.append((number, told))
        if not kept:
            wrong.append((number, "nobody kept anything"))
    assert wrong == []
    prove(13, "words called saved and lost by two first starts at once", len(wrong), 0, cases=count)


@pytest.mark.parametrize("count", [3, pytest.param(100, marks=pytest.mark.long)])
def test_two_windows_at_once_are_one(tmp_path: Path, count: int) -> None:
    """Also beside the lock of a window that was killed, which is on every second disk."""
    inside = []
    for number in range(count):
        home = tmp_path / str(number)
        if number % 2:
            with pair(home, "door") as dying:
                for child in dying:
                    line(child)
                    child.kill()
        with pair(home, "door") as both:
            inside.append(sum(json.loads(line(child))["in"] for child in both))
    assert set(inside) == {1}
    prove(13, "pairs of starts with other than one writer", sum(n != 1 for n in inside), 0, cases=count)
