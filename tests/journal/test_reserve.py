"""Room set aside for a full disk: only where there is plenty, given once, and the write that needed it is done again."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from companion.app import checkup
from companion.errors import CompanionError, Kind
from companion.journal import reserve
from companion.journal.reserve import Reserve
from companion.journal.writer import Writer
from companion.paths import Home

GB = 2**30


@pytest.mark.parametrize(
    ("free", "size"), [(0, 0), (GB - 1, 0), (GB, 32), (2 * GB, 64), (900 * GB, 64)], ids=str
)
def test_it_takes_little_and_nothing_where_little_is_free(tmp_path: Path, free: int, size: int) -> None:
    aside = Reserve(tmp_path / "reserve", free=lambda _: free)
    assert aside.make() is (size > 0)
    assert aside.bytes == size * 2**20
    if size:
        assert (tmp_path / "reserve").stat().st_blocks * 512 >= aside.bytes, "it has no holes"


def test_a_disk_that_refuses_it_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full after all")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    monkeypatch.setattr("os.write", refuse)
    assert not Reserve(tmp_path / "reserve", free=lambda _: GB).make()
    assert not (tmp_path / "reserve").exists()


async def test_a_write_that_finds_no_room_is_done_again_in_what_was_set_aside(
    tmp_path: Path, expected_warnings: pytest.LogCaptureFixture
) -> None:
    aside, tries = Reserve(tmp_path / "reserve", free=lambda _: GB), list[int]()
    assert aside.make()

    def write() -> str:
        tries.append(aside.bytes)
        if aside.bytes:
            raise OSError(errno.ENOSPC, "full")
        return "saved"

    def fail() -> None:
        raise OSError(errno.ENOSPC, "full")

    writer = Writer()
    writer.make_room = aside.give
    assert await writer.run(write) == "saved"
    assert [bool(size) for size in tries] == [True, False]
    assert aside.was_used
    assert "set aside" in expected_warnings.text
    with pytest.raises(CompanionError) as caught:
        await writer.run(fail)
    assert caught.value.kind is Kind.DISK_FULL, "it helps only once"
    await writer.close(lambda: None)


def test_the_doctor_names_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserve, "free_bytes", lambda _: GB // 2)
    assert checkup._room(home).level == "hint"
    assert "512 MB" in checkup._room(home).detail
    monkeypatch.setattr(reserve, "free_bytes", lambda _: 80 * GB)
    home.data.mkdir(parents=True)
    assert "after the first turn" in checkup._room(home).detail
    home.reserve.write_bytes(bytes(2**20))
    assert "1 MB more are set aside" in checkup._room(home).detail
