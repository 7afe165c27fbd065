"""Killed at any moment, the journal keeps every word it said it kept."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from companion.errors import CompanionError
from companion.flow import FRAME_BYTES, TurnRecord
from companion.journal.store import SqlJournal, open_journal
from companion.kinds import ReplyState
from companion.paths import find_home
from companion.records import Selection
from tests.journal import child
from tests.reliability.proof import prove


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


@pytest.mark.parametrize("rounds", [8, pytest.param(200, marks=pytest.mark.long)])
async def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, rounds: int) -> None:
    root = tmp_path / "kills"
    random_ = random.Random(20)
    said: dict[int, str] = {}
    sentences: dict[int, int] = {}
    of: dict[str, set[int]] = defaultdict(set)
    """Acknowledgement -> the turns it is of."""
    for _ in range(rounds):
        for line in lines_until_killed(root, random_.uniform(0.0, 0.12)):
            what, row, *rest = line.split(" ", 2)
            if what == "said":
                said[int(row)] = rest[0]
            elif what == "sentence":
                sentences[int(row)] = int(rest[0]) + 1
            else:
                of[what].add(int(row))
    journal = await open_journal(find_home(root), wrapping_key=child.KEY)
    shown, hidden = await turns_of(journal, Selection()), await turns_of(journal, Selection(is_deleted=True))
    labelled = {each.id for each in await journal.sessions() if each.tags and each.people}
    await journal.close()
    turns = shown | hidden
    lost = said.keys() - turns.keys()
    changed = {
        turn_id for turn_id in said.keys() - lost if not turns[turn_id].user_text.startswith(said[turn_id])
    }
    unfinished = {
        turn_id for turn_id in of["whole"] - lost if turns[turn_id].reply_state is not ReplyState.WHOLE
    }
    unedited = {turn_id for turn_id in of["edited"] - lost if turns[turn_id].said_text != said[turn_id]}
    came_back = (of["hidden"] - of["shown"]).intersection(shown) - at_the_end(of, said)
    away = of["shown"].intersection(hidden)
    cut = {n for n, count in sentences.items() if turns[n].reply_text.count("Sentence") < count}
    unlabelled = of["labelled"] - labelled
    assert len(said) > rounds
    assert min(len(of["edited"]), len(of["hidden"]), len(of["labelled"])) >= rounds // 10
    assert any(turn.reply_state is ReplyState.PARTIAL and turn.reply_text for turn in turns.values())
    wrong = (lost, changed, unfinished, unedited, came_back, away, cut, unlabelled)
    prove(
        9, "acknowledged words and changes lost to kills of the store", sum(map(len, wrong)), 0, cases=rounds
    )


def at_the_end(of: dict[str, set[int]], said: dict[int, str]) -> set[int]:
    """Turns that were being brought back: every tenth of a run."""
    return {turn_id for turn_id in of["hidden"] if int(said[turn_id].rsplit(" ", 1)[1]) % 10 == 0}


async def turns_of(journal: SqlJournal, selection: Selection) -> dict[int, TurnRecord]:
    listed = await journal.list.page(limit=100_000, selection=selection)
    return {turn.id: turn for session in listed for turn in await journal.turns(session.id)}


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


@pytest.mark.parametrize("times", [1, pytest.param(25, marks=pytest.mark.long)])
async def test_killed_while_its_passphrase_changes_the_old_or_the_new_one_opens_it(
    tmp_path: Path, times: int
) -> None:
    root = tmp_path / "journal"
    made = await open_journal(find_home(root), passphrase=child.OLD, cost=child.CHEAP)
    await made.save_user(await made.begin_session("open"), "Kept.", 1.0)
    await made.close()
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, child.__file__, "rekey", str(root), str(times)],
        stdout=subprocess.PIPE,
        check=True,
    )
    copies = done.stdout.decode().split()
    opened = 0
    for copy in copies:
        for passphrase in (child.OLD, child.NEW):
            with suppress(CompanionError):
                journal = await open_journal(find_home(tmp_path / copy), passphrase=passphrase)
                opened += len(await journal.sessions())
                await journal.close()
                break
    prove(
        8,
        "journals that open after a kill while the passphrase changes",
        opened,
        len(copies),
        cases=len(copies),
        at_least=True,
    )
    assert len(copies) >= 8 * times
