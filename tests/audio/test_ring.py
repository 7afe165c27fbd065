from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from companion.audio.ring import Ring

STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=60)


@given(STEPS, st.integers(12, 30))
def test_what_comes_out_is_the_newest_that_fits_and_the_rest_is_counted(
    steps: list[tuple[bool, int]], capacity: int
) -> None:
    ring, fed, got, lost, next_byte = Ring(capacity), bytearray(), bytearray(), 0, 0
    for is_write, amount in steps:
        if is_write:
            data = bytes((next_byte + step) % 251 for step in range(amount))
            next_byte += amount
            fed += data
            ring.write(memoryview(data))
        else:
            data, missed = ring.take(amount)
            lost += missed
            got += bytes(missed) + data  # holes keep their place, so that order can be compared
    for at, byte in enumerate(got):
        assert byte in (fed[at], 0)
    assert sum(byte != fed[at] for at, byte in enumerate(got)) <= lost
    assert len(got) + ring.waiting == len(fed)


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_a_writer_on_another_thread_is_never_read_torn() -> None:
    ring, blocks = Ring(4096), 1000

    def write() -> None:
        for number in range(blocks):
            ring.write(memoryview(number.to_bytes(4, "little") * 16))

    writer = threading.Thread(target=write)
    writer.start()
    got, lost = bytearray(), 0
    while writer.is_alive() or ring.waiting:
        data, missed = ring.take(64)
        lost += missed
        got += data
    assert len(got) + lost == blocks * 64
    numbers = [int.from_bytes(got[at : at + 4], "little") for at in range(0, len(got), 4)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == blocks - 1


def test_a_writer_that_overtakes_the_reader_in_the_middle_of_a_copy_is_noticed() -> None:
    class Overtaken(Ring):
        def copy(self, start: int, end: int) -> bytes:
            data = super().copy(start, end)
            if start == 0:
                self.write(memoryview(b"efgh"))
            return data

    ring = Overtaken(4)
    ring.write(memoryview(b"abcd"))
    assert ring.take(4) == (b"efgh", 4)
