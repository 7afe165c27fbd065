"""Promise 9: killed at any moment, the app has kept everything it said it kept. The acknowledgements are this process's."""

from __future__ import annotations

import base64
import math
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from companion.flow import TurnRecord
from companion.journal.store import SqlJournal, open_journal
from companion.kinds import ReplyState
from companion.paths import find_home
from companion.records import Selection
from tests.journal.conftest import bytes_on_disk
from tests.reliability import kill_child
from tests.reliability.kill_child import SOUND
from tests.reliability.proof import prove

SEED = 9
Told = dict[str, set[str]]
"""Acknowledgement -> the words it is of."""


async def make(home: Path) -> None:
    await (await open_journal(find_home(home), wrapping_key=kill_child.KEY)).close()


def killed(home: Path, told: Told, *, lines: int = 10_000, wait_s: float = 0.0, point: str = "") -> int:
    """One run, killed so long after so many acknowledgements or at a point of its own; how it ended."""
    command = [sys.executable, kill_child.__file__, str(home), *([point] if point else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        whole = list(islice(process.stdout, lines))
        timer = threading.Timer(wait_s, process.kill)
        timer.start()
        whole += process.stdout
        timer.cancel()
    for line in (each.rstrip("\n") for each in whole if each.endswith("\n")):
        what, _, words = line.partition(" ")
        told[what].add(words)
    return process.returncode


async def wrongs(home: Path, told: Told) -> list[str]:
    """What is not as it was said to be."""
    journal = await open_journal(find_home(home), wrapping_key=kill_child.KEY)
    try:
        shown = await _turns(journal, Selection())
        kept = shown | await _turns(journal, Selection(is_deleted=True))
        draft = await journal.draft()
        check = "PRAGMA integrity_check"
        whole = await journal.tables.read(lambda connection: connection.execute(check).fetchone()[0])
    finally:
        await journal.close()
    found = [] if whole == "ok" else [f"damaged: {whole}"]
    found += [
        f"lost: {words}" for words in told["said"] if words not in kept and not words.startswith("gone")
    ]
    found += [f"came back: {words}" for words in told["gone"] if words in kept]
    unanswered = (
        words for words in told["whole"] & kept.keys() if kept[words].reply_state is not ReplyState.WHOLE
    )
    found += [f"answer lost: {words}" for words in unanswered]
    found += [f"wrong again: {words}" for words in told["right"] if kept[words].said_text != words]
    if told["draft"] and not draft:
        found.append("draft lost")
    return found


async def _turns(journal: SqlJournal, selection: Selection) -> dict[str, TurnRecord]:
    """By what the recogniser wrote."""
    listed = await journal.list.page(limit=100_000, selection=selection)
    turns = [turn for session in listed for turn in await journal.turns(session.id)]
    return {turn.said_text or turn.user_text: turn for turn in turns}


@pytest.mark.parametrize("rounds", [3, pytest.param(200, marks=pytest.mark.long)])
async def test_random_kills_of_the_app_lose_nothing(tmp_path: Path, rounds: int) -> None:
    dice, told = Random(SEED), defaultdict[str, set[str]](set)
    await make(tmp_path)
    for _ in range(rounds):
        ended = killed(tmp_path, told, lines=dice.randint(0, 30), wait_s=dice.uniform(0.0, 0.03))
        assert ended == -9, "it ended by itself"
    wrong = await wrongs(tmp_path, told)
    assert len(told["said"]) > rounds
    prove(9, "acknowledged words and changes lost to random kills of the app", len(wrong), 0, cases=rounds)
    content = bytes_on_disk(tmp_path)
    assert len(content) > 100_000
    known = sorted({words for said in told.values() for words in said if words})
    chosen = dice.sample(known, min(300, len(known)))
    traces = [words for words in chosen if written_in(content, words)]
    heard = sum(SOUND[at : at + 64] in content for at in range(0, len(SOUND) - 64, 64))
    prove(
        5, "words and sounds found as they are in any file, after kills", len(traces) + heard, 0, cases=rounds
    )
    database = bytes_on_disk(find_home(tmp_path).data, "journal.db")
    counts = (count / len(database) for count in Counter(database).values())
    entropy = -sum(share * math.log2(share) for share in counts)
    prove(5, "entropy of the journal's file", entropy, 7.9, cases=1, unit="bits/byte", at_least=True)


def written_in(content: bytes, words: str) -> bool:
    raw = words.encode()
    return any(
        form in content
        for form in (raw, words.encode("utf-16-le"), base64.b64encode(raw)[:-4], raw.hex().encode())
    )


FEW = ("words, before COMMIT", "gone, before the log is emptied")


@pytest.mark.parametrize(
    ("points", "times"), [(FEW, 1), pytest.param(tuple(kill_child.POINTS), 10, marks=pytest.mark.long)]
)
async def test_kills_at_every_point_lose_nothing(tmp_path: Path, points: tuple[str, ...], times: int) -> None:
    wrong: list[str] = []
    for number, point in enumerate(points * times):
        home, told = tmp_path / str(number), defaultdict[str, set[str]](set)
        await make(home)
        assert killed(home, told, point=point) == -9, f"it never came to: {point}"
        wrong += [f"{point}: {each}" for each in await wrongs(home, told)]
    assert wrong == []
    prove(9, "acknowledged words and changes lost to kills at named points", 0, 0, cases=len(points) * times)
