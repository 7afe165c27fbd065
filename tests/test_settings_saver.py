"""Settings changed at once: every one is on disk, the last value of each wins, and one write happens at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import pytest

from companion import tasks
from companion.errors import CompanionError, Kind
from companion.paths import Home
from companion.settings import load_settings, save, value_of
from companion.settings.saver import Saver


class Disk:
    """Writes when it may; remembers what it was given and how many wrote at once."""

    def __init__(self) -> None:
        self.may_write = threading.Event()
        self.may_write.set()
        self.is_full = False
        self.batches: list[dict[str, object]] = []
        self._now = self.most_at_once = 0

    def write(self, home: Home, changes: Mapping[str, object]) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.batches.append(dict(changes))
        self.may_write.wait(10)
        try:
            if self.is_full:
                raise CompanionError(Kind.SETTINGS_UNSAVED)
            save(home, changes)
        finally:
            self._now -= 1


def kept(home: Home, name: str) -> object:
    return value_of(load_settings(home, {}).settings, name)


async def under_way(disk: Disk) -> None:
    while not disk.batches:  # noqa: ASYNC110 - the disk is another thread
        await asyncio.sleep(0.001)


async def test_changes_of_one_moment_are_all_there(home: Home) -> None:
    disk = Disk()
    saver = Saver(home, write=disk.write)
    wishes = {"talk.tail_ms": 333, "sound.volume": 0.5, "talk.review_before_sending": True}
    await asyncio.gather(*(saver.save({name: value}) for name, value in wishes.items()))
    assert {name: kept(home, name) for name in wishes} == wishes
    assert disk.most_at_once == 1
    assert not saver.unsaved


async def test_what_comes_during_a_write_goes_with_the_next_one_and_the_last_value_wins(home: Home) -> None:
    disk = Disk()
    disk.may_write.clear()
    saver = Saver(home, write=disk.write)
    saves = [tasks.spawn(saver.save({"sound.volume": 0.1}), name="save")]
    await under_way(disk)
    saves += [tasks.spawn(saver.save({"sound.volume": each}), name="save") for each in (0.2, 0.3, 0.4)]
    saves.append(tasks.spawn(saver.save({"talk.tail_ms": 444}), name="save"))
    await asyncio.sleep(0)
    disk.may_write.set()
    await asyncio.gather(*saves)
    assert [kept(home, name) for name in ("sound.volume", "talk.tail_ms")] == [0.4, 444]
    assert disk.batches == [{"sound.volume": 0.1}, {"sound.volume": 0.4, "talk.tail_ms": 444}]


async def test_what_cannot_be_saved_is_told_and_goes_with_the_next_one(home: Home) -> None:
    disk = Disk()
    saver = Saver(home, write=disk.write)
    disk.is_full = True
    found = await asyncio.gather(
        saver.save({"talk.tail_ms": 333}), saver.save({"sound.volume": 0.5}), return_exceptions=True
    )
    assert [isinstance(error, CompanionError) for error in found] == [True, True], "both are told"
    assert saver.unsaved == {"talk.tail_ms": 333, "sound.volume": 0.5}
    with pytest.raises(CompanionError):
        await saver.save_again()
    disk.is_full = False
    await saver.save({"talk.review_before_sending": True})
    assert [kept(home, name) for name in ("talk.tail_ms", "sound.volume")] == [333, 0.5]
    assert not saver.unsaved


async def test_a_caller_that_goes_away_does_not_end_the_write(home: Home) -> None:
    disk = Disk()
    disk.may_write.clear()
    saver = Saver(home, write=disk.write)
    first = tasks.spawn(saver.save({"sound.volume": 0.1}), name="save")
    await under_way(disk)
    first.cancel()
    second = tasks.spawn(saver.save({"talk.tail_ms": 333}), name="save")
    await asyncio.sleep(0.01)
    assert len(disk.batches) == 1, "one at a time"
    disk.may_write.set()
    await second
    await asyncio.wait([first])
    assert first.cancelled()
    assert [kept(home, name) for name in ("sound.volume", "talk.tail_ms")] == [0.1, 333]


async def test_the_end_tries_once_more_and_never_raises(home: Home) -> None:
    disk = Disk()
    saver = Saver(home, write=disk.write)
    disk.is_full = True
    with pytest.raises(CompanionError):
        await saver.save({"sound.volume": 0.1})
    await saver.close()
    disk.is_full = False
    await saver.close()
    assert kept(home, "sound.volume") == 0.1


async def test_a_default_given_back_is_a_change_like_any_other(home: Home) -> None:
    saver = Saver(home)
    await saver.save({"sound.volume": 0.1})
    await asyncio.gather(saver.save({"sound.volume": 0.2}), saver.save({"sound.volume": None}))
    assert load_settings(home, {}).sources == {}


async def test_a_value_no_field_takes_is_not_kept_for_later(home: Home) -> None:
    saver = Saver(home)
    with pytest.raises(CompanionError):
        await saver.save({"sound.volume": "loud"})
    assert not saver.unsaved
