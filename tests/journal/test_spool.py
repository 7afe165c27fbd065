"""A recording is sealed on disk while it is spoken, waits until its words are known, and is gone when it is discarded."""

from __future__ import annotations

import asyncio
import errno
import time
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.flow import FRAME_BYTES
from companion.journal import spool
from companion.journal.store import SqlJournal
from companion.paths import Home
from tests.journal.conftest import Opener, bytes_on_disk

FRAMES = [n.to_bytes(2, "little") * (FRAME_BYTES // 2) for n in range(175)]  # 3.5 s


async def record(journal: SqlJournal, frames: list[bytes] = FRAMES) -> str:
    take = journal.spool()
    for frame in frames:
        take.write(frame)
        await asyncio.sleep(0)
    await take.finish()
    return take.id


def files(home: Home) -> list[Path]:
    return sorted(home.takes.glob("*")) if home.takes.exists() else []


async def test_a_finished_take_waits_and_can_be_read(journal: SqlJournal) -> None:
    before = time.time()
    take_id = await record(journal)
    (waiting,) = await journal.waiting_takes()
    assert (waiting.id, waiting.seconds) == (take_id, 3.5)
    assert before - 1 <= waiting.recorded_at <= time.time() + 1
    assert await journal.read_take(take_id) == b"".join(FRAMES)


async def test_takes_wait_oldest_first(journal: SqlJournal) -> None:
    ids = []
    for _ in range(4):
        ids.append(await record(journal))
        await asyncio.sleep(0.002)  # ids tell milliseconds apart
    assert [take.id for take in await journal.waiting_takes()] == ids


async def test_a_discarded_take_is_gone(journal: SqlJournal) -> None:
    take = journal.spool()
    for frame in FRAMES:
        take.write(frame)
    await take.discard()
    await take.discard()
    take.write(FRAMES[0])
    assert await journal.waiting_takes() == []
    with pytest.raises(CompanionError) as caught:
        await journal.read_take(take.id)
    assert caught.value.kind is Kind.BAD_FILE


async def test_a_waiting_take_can_be_discarded_by_its_id(opened: Opener, home: Home) -> None:
    journal = await opened()
    finished, unfinished = await record(journal), journal.spool()
    unfinished.write(b"".join(FRAMES))
    for take_id in (finished, finished, unfinished.id):
        await journal.discard_take(take_id)
    assert files(home) == []


async def test_a_take_without_sound_leaves_nothing(opened: Opener, home: Home) -> None:
    journal = await opened()
    await record(journal, [])
    assert await journal.waiting_takes() == []
    assert files(home) == []


async def test_what_is_being_recorded_is_not_waiting_yet(journal: SqlJournal) -> None:
    take = journal.spool()
    for frame in FRAMES:
        take.write(frame)
    assert await journal.waiting_takes() == []
    await take.finish()
    assert len(await journal.waiting_takes()) == 1


async def test_another_process_neither_shows_nor_discards_what_is_being_recorded(opened: Opener) -> None:
    first, second = await opened(), await opened()
    take = first.spool()
    for frame in FRAMES:
        take.write(frame)
    await first.begin_session("a job behind the recording's")
    assert await second.waiting_takes() == []
    await second.discard_take(take.id)
    await take.finish()
    (waiting,) = await second.waiting_takes()
    assert waiting.seconds == 3.5


async def test_closing_keeps_what_is_being_recorded(opened: Opener) -> None:
    journal = await opened()
    take = journal.spool()
    for frame in FRAMES:
        take.write(frame)
    await journal.close()
    take.write(FRAMES[0])
    again = await opened()
    assert await again.read_take(take.id) == b"".join(FRAMES)
    assert [waiting.id for waiting in await again.waiting_takes()] == [take.id]


async def test_sound_reaches_the_disk_while_it_is_recorded(opened: Opener, home: Home) -> None:
    journal = await opened()
    take = journal.spool()
    for count, frame in enumerate(FRAMES, start=1):
        take.write(frame)
        await journal.begin_session("a job behind the recording's")
        stored = len(bytes_on_disk(home.takes)) if home.takes.exists() else 0
        assert count * FRAME_BYTES - stored <= 32_000
    assert FRAMES[100][:16] not in bytes_on_disk(home.takes)


@pytest.mark.parametrize("lost", [1, 5, 27, 30, 20_000])
async def test_a_torn_end_is_ignored(opened: Opener, home: Home, lost: int) -> None:
    journal = await opened()
    take_id = await record(journal)
    (file,) = files(home)
    file.write_bytes(file.read_bytes()[:-lost])
    heard = await journal.read_take(take_id)
    assert 0 < len(heard) < 3.5 * 32_000
    assert b"".join(FRAMES).startswith(heard)
    assert [take.seconds for take in await journal.waiting_takes()] == [len(heard) / 32_000]


async def test_a_damaged_record_is_left_out_and_the_rest_is_read(opened: Opener, home: Home) -> None:
    journal = await opened()
    take_id = await record(journal)
    (file,) = files(home)
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    heard = await journal.read_take(take_id)
    assert b"".join(FRAMES).endswith(heard)
    assert len(heard) >= 32_000


async def test_records_cannot_be_swapped_or_moved_to_another_take(opened: Opener, home: Home) -> None:
    journal = await opened()
    first, second = await record(journal, FRAMES[:25]), await record(journal, FRAMES[25:50])
    paths = {path.stem: path for path in files(home)}
    paths[first].write_bytes(paths[second].read_bytes())
    with pytest.raises(CompanionError) as caught:
        await journal.read_take(first)
    assert caught.value.kind is Kind.TAKE_DAMAGED
    one, other = [paths[second].read_bytes()[len(spool.MAGIC) :]] * 2
    paths[second].write_bytes(spool.MAGIC + one + other)
    assert await journal.read_take(second) == b"".join(FRAMES[25:50])


async def test_other_files_in_the_folder_are_left_alone(opened: Opener, home: Home) -> None:
    journal = await opened()
    take_id = await record(journal)
    strangers = {"notes.txt": b"x", "0.take": b"x", "1700000000000-00000000.take": b"not a take at all"}
    for name, content in strangers.items():
        (home.takes / name).write_bytes(content)
    assert [take.id for take in await journal.waiting_takes()] == [take_id]
    with pytest.raises(CompanionError) as caught:
        await journal.discard_take("../journal")
    assert caught.value.kind is Kind.BAD_FILE
    assert {path.name for path in files(home)} >= set(strangers)


async def test_a_disk_that_refuses_is_told_at_the_end_and_nothing_is_lost(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await opened()
    take = journal.spool()

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(spool.os, "fsync", refuse)
        for frame in FRAMES:
            take.write(frame)
            await asyncio.sleep(0)
        with pytest.raises(CompanionError) as caught:
            await take.finish()
        assert caught.value.kind is Kind.DISK_FULL
    await take.finish()
    assert await journal.read_take(take.id) == b"".join(FRAMES)


async def test_recording_goes_on_after_the_journal_is_closed_without_raising(journal: SqlJournal) -> None:
    take = journal.spool()
    await journal.close()
    for frame in FRAMES:
        take.write(frame)
