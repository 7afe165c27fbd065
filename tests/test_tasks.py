"""Waits that others may break off."""

from __future__ import annotations

import asyncio

import pytest

from companion.tasks import Wait


async def waiting(wait: Wait, ends: list[bool]) -> str:
    wait.begin()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        ends.append(wait.end())
        if ends[-1]:
            return "broken off"
        raise
    raise AssertionError


async def test_a_wait_is_broken_off_and_its_task_goes_on() -> None:
    wait, ends = Wait(), list[bool]()
    task = asyncio.create_task(waiting(wait, ends))
    await asyncio.sleep(0)
    assert wait.is_on
    wait.break_off()
    wait.break_off()  # once is enough
    assert await task == "broken off"
    assert (ends, wait.is_on, task.cancelling()) == ([True], False, 0)


@pytest.mark.parametrize("is_broken_off_too", [False, True])
async def test_who_is_cancelled_by_others_is_cancelled(*, is_broken_off_too: bool) -> None:
    wait, ends = Wait(), list[bool]()
    task = asyncio.create_task(waiting(wait, ends))
    await asyncio.sleep(0)
    task.cancel()
    if is_broken_off_too:
        wait.break_off()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ends == [False]


async def test_nobody_who_does_not_wait_is_cancelled() -> None:
    wait = Wait()
    wait.break_off()
    wait.begin()
    assert not wait.end()
    assert not wait.end()
    wait.break_off()
    await asyncio.sleep(0)
