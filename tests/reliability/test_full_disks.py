"""Promise 12: on a disk that fills every turn ends, and what could not be saved is, in its order, once there is room."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journal.test_full_disk import on_a_small_disk
from tests.reliability import full_child, reserve_child
from tests.reliability.proof import prove


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.long)])
def test_a_disk_that_fills_and_empties_loses_nothing(tmp_path: Path, count: int) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    prefix = on_a_small_disk(folder, 24) or []
    command = [*prefix, sys.executable, full_child.__file__, str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["refused"] > count // 2, "the disk was full indeed"
    assert told["wrong"] == []
    prove(12, "turns, recordings and settings lost or out of order on a full disk", 0, 0, cases=count)


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.long)])
def test_with_room_set_aside_the_turn_at_hand_is_saved_at_once(tmp_path: Path, times: int) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    prefix = on_a_small_disk(folder, 24)
    assert prefix is not None, "a small disk can be mounted here"
    command = [*prefix, sys.executable, reserve_child.__file__, str(folder), str(times)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["whole"]
    assert len(told["cards"]) == times
    assert "set aside" in told["cards"][0]
    assert told["cleared"] >= times - 1, "and the card goes when there is room again"
    prove(12, "turns not saved at once on a disk that others filled", told["unsaved"], 0, cases=times)
