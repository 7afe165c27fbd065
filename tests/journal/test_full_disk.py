"""A full disk is told as one, loses nothing that was saved, and saving goes on once there is room."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from tests.journal import child
from tests.journal.conftest import Opener

SMALL_DISK = 'mount -t tmpfs -o size=%dm none "$1" && shift && exec "$@"'


def on_a_small_disk(folder: Path, size_mb: int = 6) -> list[str] | None:
    """The command prefix that gives a program a small disk at `folder`, where this system lets us make one."""
    for options in (["--mount"], ["--mount", "--map-root-user"]):
        prefix = ["unshare", *options, "sh", "-c", SMALL_DISK % size_mb, "sh", str(folder)]
        if shutil.which("unshare") and works([*prefix, "true"]):
            return prefix
    return None


def works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def fill(prefix: list[str], home: Path, limit: str) -> dict[str, object]:
    command = [*prefix, sys.executable, child.__file__, "fill", str(home), limit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not done.returncode, done.stderr
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    result = fill([], tmp_path, "1500000")
    assert result["faults"] == [Kind.JOURNAL_UNSAVED] * 5
    assert result["kept_all"]
    assert result["take_whole"]
    assert int(str(result["saved"])) > 10


def test_a_disk_without_room(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    prefix = on_a_small_disk(folder)
    if prefix is None:  # no rights to mount: the limit on one file stands in for it, recording included
        result = fill([], tmp_path, "600000")
        assert result["faults"] == [Kind.JOURNAL_UNSAVED] * 5 + [f"take {Kind.DISK_FULL}"]
    else:
        result = fill(prefix, folder, "tmpfs")
        assert result["faults"] == [Kind.DISK_FULL] * 5 + [f"take {Kind.DISK_FULL}"]
    assert result["kept_all"]
    assert result["take_whole"]


async def test_the_database_says_that_the_disk_is_full(opened: Opener) -> None:
    journal = await opened()
    session_id = await journal.begin_session("open")
    await journal.save_user(session_id, "before", 1.0)

    def limit(pages: int) -> None:
        journal.tables.connection.execute(f"PRAGMA max_page_count = {pages}")

    await journal._writer.run(lambda: limit(1))
    with pytest.raises(CompanionError) as caught:
        await journal.save_user(session_id, "x" * 100_000, 1.0)
    assert caught.value.kind is Kind.DISK_FULL
    await journal._writer.run(lambda: limit(1_000_000))
    await journal.save_user(session_id, "after", 1.0)
    assert [turn.user_text for turn in await journal.turns(session_id)] == ["before", "after"]
