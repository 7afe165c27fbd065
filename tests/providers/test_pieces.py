"""Pieces of answers and takes: what is cheap is the same as what is not, and what is read again is the same as before."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from companion.flow import ChatDelta, text_delta
from companion.providers.middleware.caps import MAX_REPEATS, WINDOW_CHARS, capped
from companion.providers.replay import Replay


def test_a_piece_made_cheaply_is_a_piece_like_any_other() -> None:
    cheap, whole = text_delta("Hello"), ChatDelta(text="Hello")
    assert (cheap, hash(cheap), repr(cheap), asdict(cheap)) == (
        whole,
        hash(whole),
        repr(whole),
        asdict(whole),
    )
    assert replace(cheap, finish_reason="stop") == ChatDelta(text="Hello", finish_reason="stop")
    assert pickle.loads(pickle.dumps(cheap)) == copy.copy(cheap) == whole
    assert cheap != text_delta("Hallo")
    with pytest.raises(FrozenInstanceError):
        cheap.text = "Other"  # type: ignore[misc]


class Source:
    """Numbers, then a fault; waits before the number `stops_at` until it is let on."""

    def __init__(self, count: int, fault: Exception | None = None, stops_at: int = -1) -> None:
        self.count, self.fault, self.stops_at = count, fault, stops_at
        self.goes_on = asyncio.Event()
        self.is_closed = False

    async def read(self) -> AsyncIterator[int]:
        try:
            for number in range(self.count):
                if number == self.stops_at:
                    await self.goes_on.wait()
                yield number
            if self.fault is not None:
                raise self.fault
        finally:
            self.is_closed = True


async def keep(numbers: AsyncIterator[int], found: list[int]) -> None:
    async for number in numbers:
        found.append(number)


async def test_every_reader_gets_everything_and_the_fault_at_its_end() -> None:
    source = Source(300, OSError("gone"))
    async with aclosing(Replay(source.read())) as replay:
        for start in (0, 7):
            found: list[int] = []
            with pytest.raises(OSError, match="gone"):
                await keep(replay.again(start), found)
            assert found == list(range(start, 300))
    assert source.is_closed


async def test_a_reader_that_is_given_up_takes_nothing_with_it() -> None:
    source = Source(5, stops_at=3)
    async with aclosing(Replay(source.read())) as replay:

        async def read_all() -> list[int]:
            return [number async for number in replay.again()]

        first = asyncio.create_task(read_all())
        await asyncio.sleep(0.01)
        first.cancel()
        second, third = asyncio.create_task(read_all()), asyncio.create_task(read_all())
        await asyncio.sleep(0)
        source.goes_on.set()
        assert await second == await third == [0, 1, 2, 3, 4]
        assert first.cancelled()


async def test_what_is_not_read_to_its_end_is_closed() -> None:
    source = Source(5, stops_at=1)
    async with aclosing(Replay(source.read())) as replay:
        assert await anext(replay.again()) == 0
    assert source.is_closed


STRETCH = "The same forty signs and a few more of them come. "


@pytest.mark.parametrize("size", [1, 5, 4000])
@pytest.mark.parametrize(
    "text",
    [STRETCH, STRETCH.replace(" ", ""), "一二三四五六七八九十" * 4 + "。", "ab ", "x"],
    ids=["words", "one word", "no spaces", "short words", "one sign"],
)
async def test_an_answer_in_circles_is_ended_however_it_comes(text: str, size: int) -> None:
    whole = text * (4000 // len(text))

    async def call(_: None) -> AsyncIterator[ChatDelta]:
        for at in range(0, len(whole), size):
            yield text_delta(whole[at : at + size])

    came = [delta async for delta in capped(call)(None)]
    assert came[-1].finish_reason == "length"
    if size < WINDOW_CHARS:
        told = sum(len(delta.text) for delta in came)
        assert MAX_REPEATS * WINDOW_CHARS <= told <= (MAX_REPEATS + 3) * max(len(text), 2 * WINDOW_CHARS)


async def test_an_answer_with_the_same_words_again_and_again_is_none_in_circles() -> None:
    whole = " ".join(f"And so it was with the {number}th of them." for number in range(300))

    async def call(_: None) -> AsyncIterator[ChatDelta]:
        for at in range(0, len(whole), 4):
            yield text_delta(whole[at : at + 4])

    assert "".join([delta.text async for delta in capped(call)(None)]) == whole
