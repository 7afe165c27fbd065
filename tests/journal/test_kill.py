"""Killed at any moment, the journal keeps every word it said it kept."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from companion.flow import FRAME_BYTES, ReplyState
from companion.journal.store import open_journal
from companion.paths import find_home
from tests.journal import child


@contextmanager
def running(what: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, child.__file__, what, str(home)], stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until_killed(home: Path, after_s: float) -> list[str]:
    """What the writer said was safe before it was killed, `after_s` after it had opened the journal."""
    with running("write", home) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        threading.Timer(after_s, process.kill).start()
        *whole, _ = process.stdout.read().decode().split("\n")
    return whole


@pytest.mark.parametrize("rounds", [8, pytest.param(30, marks=pytest.mark.long)])
async def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, rounds: int) -> None:
    root = tmp_path / "kills"
    random_ = random.Random(20)
    said: dict[int, str] = {}
    sentences: dict[int, int] = {}
    whole: set[int] = set()
    for _ in range(rounds):
        for line in lines_until_killed(root, random_.uniform(0.0, 0.12)):
            what, turn, *rest = line.split(" ", 2)
            if what == "said":
                said[int(turn)] = rest[0]
            elif what == "sentence":
                sentences[int(turn)] = int(rest[0]) + 1
            else:
                whole.add(int(turn))
    journal = await open_journal(find_home(root), wrapping_key=child.KEY)
    turns = {
        turn.id: turn for session in await journal.sessions() for turn in await journal.turns(session.id)
    }
    await journal.close()
    assert len(said) > rounds
    assert {turn_id: turns[turn_id].user_text for turn_id in said} == said
    assert {turn_id for turn_id, turn in turns.items() if turn.reply_state is ReplyState.WHOLE} >= whole
    for turn_id, count in sentences.items():
        assert turns[turn_id].reply_text.count("Sentence") >= count
    assert any(turn.reply_state is ReplyState.PARTIAL and turn.reply_text for turn in turns.values())


async def test_killed_while_it_is_made_a_journal_can_be_made_again(tmp_path: Path) -> None:
    random_ = random.Random(21)
    for number in range(8):
        root = tmp_path / str(number)
        with running("write", root) as process:
            threading.Timer(random_.uniform(0.1, 0.4), process.kill).start()
            process.wait()
        journal = await open_journal(find_home(root), wrapping_key=child.KEY)
        await journal.save_user(await journal.begin_session("open"), "First words.", 1.0)
        await journal.close()


async def test_a_killed_recording_is_at_most_a_second_short(tmp_path: Path) -> None:
    root = tmp_path / "recording"
    with running("record", root) as process:
        assert process.stdout is not None
        frames = 0
        for line in process.stdout:
            frames = 0 if line == b"open\n" else int(line)
            if frames == 90:
                process.kill()
    journal = await open_journal(find_home(root), wrapping_key=child.KEY)
    (take,) = await journal.waiting_takes()
    heard = await journal.read_take(take.id)
    await journal.close()
    assert len(heard) / 32_000 == take.seconds >= frames * 0.02 - 1.0
    assert heard == b"".join(child.frame(number) for number in range(len(heard) // FRAME_BYTES))
