"""Promise 38: whatever ends the program, the next start says so, with nobody's words; twice, and it is a plain one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from companion.app.crashes import AGAIN_S, Crashes, plain_settings
from companion.paths import Home, find_home
from companion.settings import Settings, changed
from tests.reliability import crash_child
from tests.reliability.proof import prove

ENDS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
SECRETS = (b"sister", b"secret", b"canary")


def one_run(home: Path, ends_by: str = "") -> dict[str, Any]:
    command = [sys.executable, crash_child.__file__, str(home), *([ends_by] if ends_by else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode != 0) is bool(ends_by), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=pytest.mark.long)])
def test_an_end_by_an_error_is_told_at_the_next_start_and_holds_nobodys_words(
    tmp_path: Path, count: int
) -> None:
    untold, leaks = 0, 0
    for number, ends_by in enumerate(islice(cycle(ENDS), count)):
        home = tmp_path / str(number)
        assert one_run(home, ends_by)["kind"] is None, "nothing happened before"
        told = one_run(home)
        note = Path(told["hint"].partition(" is noted in ")[2].partition(",")[0]) if told["kind"] else None
        untold += note is None or b"crash_child.py" not in note.read_bytes()
        leaks += note is not None and any(secret in note.read_bytes() for secret in SECRETS)
        assert one_run(home)["kind"] is None, "once is enough"
    prove(38, "ends by an error that the next start did not tell", untold, 0, cases=count)
    prove(38, "notes of an end that hold somebody's words", leaks, 0, cases=count)


@pytest.mark.parametrize("count", [1, pytest.param(20, marks=pytest.mark.long)])
def test_twice_in_a_minute_the_next_start_is_a_plain_one(tmp_path: Path, count: int) -> None:
    other = 0
    for number in range(count):
        home = tmp_path / str(number)
        again = [one_run(home, ENDS[number % len(ENDS)])["is_again"] for _ in range(3)]
        other += again != [False, False, True]
        other += one_run(home)["is_again"] is not True
        other += one_run(home)["is_again"] is not False
    prove(38, "crash loops that did not end in a plain start, or lasted longer", other, 0, cases=count)


def test_two_ends_far_apart_change_nothing(home: Home) -> None:
    home.state.mkdir(parents=True)
    for hours in (3, 1):
        note = home.state / "crash.txt"
        note.write_bytes(b"Fatal Python error: Aborted\n")
        at = time.time() - hours * 3600
        os.utime(note, (at, at))
        crashes = Crashes(home)
        assert crashes.trouble is not None
        assert not crashes.is_again
    assert len(list(home.state.glob("crash-*.txt"))) == 2
    assert AGAIN_S < 3600


def test_a_place_that_cannot_be_written_costs_only_the_note(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in its place")
    crashes = Crashes(find_home(tmp_path))
    crashes.begin()
    crashes.end()
    assert crashes.trouble is None


def test_plain_settings_reach_for_nothing_and_keep_looks_and_journal() -> None:
    chosen = changed(
        Settings(),
        {
            "appearance.theme": "dark",
            "journal.backup_folder": "/somewhere",
            "talk.mode": "free",
            "providers.llm.active": "openai",
        },
    )
    plain = plain_settings(chosen)
    assert (plain.appearance.theme, plain.journal.backup_folder) == ("dark", "/somewhere")
    assert plain.network.offline
    assert plain.talk.mode == "hold"
    assert not plain.sound.speak_answers
    assert plain.providers.llm.active == "guide"


def test_the_window_tells_it(tmp_path: Path) -> None:
    home = find_home(tmp_path)
    home.state.mkdir(parents=True)
    (home.state / "crash.txt").write_bytes(b"Fatal Python error: Segmentation fault\n")
    command = [sys.executable, "-m", "companion", "--home", str(tmp_path), "-D", "events"]
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as app:
        assert app.stderr is not None
        told = next(line for line in app.stderr if "crashed" in line)
        assert any("JournalOpened" in line for line in app.stderr)
        app.terminate()
        rest = app.stderr.read()
    assert app.returncode == 0, rest
    assert "crash-" in told
    assert not (home.state / "crash.txt").exists(), "it ended as it should"
