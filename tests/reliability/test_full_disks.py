"""Promise 12: on a disk that fills every turn ends, and what could not be saved is, in its order, once there is room."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journal.test_full_disk import on_a_small_disk
from tests.reliability import full_child
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
