"""Following a job: how often it is asked for, and what its results are read from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from companion.providers.wire import batches
from companion.providers.wire.jobs import LONGEST, LONGEST_PAUSE_S, _pauses
from companion.providers.wire.videos import video_type


def test_a_job_is_asked_for_ever_more_rarely_and_never_all_too_rarely() -> None:
    pause = _pauses(2.0)
    found = [pause(None) for _ in range(30)]
    assert found[0] == 2.0
    assert found == sorted(found)
    assert found[-1] == LONGEST * 2.0


def test_the_pause_a_vendor_asks_for_is_kept_within_bounds() -> None:
    pause = _pauses(2.0)
    assert pause(0.5) == 0.5
    assert pause(60.0) == 60.0
    assert pause(1e9) == LONGEST_PAUSE_S


async def _in_blocks(raw: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
async def test_lines_are_whole_wherever_blocks_end(size: int, end: bytes) -> None:
    raw = "eins\r\n\nzwei – ü\ndrei".encode() + end
    assert [line.decode() async for line in batches.lines(_in_blocks(raw, size))] == [
        "eins",
        "zwei – ü",
        "drei",
    ]


async def test_a_line_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_LINE", 10)
    with pytest.raises(ValueError, match="too long"):
        [line async for line in batches.lines(_in_blocks(b"x" * 100, 4))]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "video/webm"),
        (b"<!doctype html>", ""),
        (b'{"error": {}}', ""),
        (b"\x89PNG\r\n\x1a\n", ""),
        (b"RIFF\0\0\0\0WAVE", ""),
    ],
)
def test_a_video_is_known_by_its_bytes(head: bytes, kind: str) -> None:
    assert video_type(head) == kind
