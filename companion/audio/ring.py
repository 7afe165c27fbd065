"""Sound that waits between PortAudio's callback and the loop, in one piece of memory allocated beforehand.

One thread writes, another reads, and neither ever waits for the other: there is no lock. Positions are bytes since the
ring was made and only grow; each is written by one side alone. A single copy is one step under the interpreter's lock.
"""

from __future__ import annotations


class Ring:
    """The last `capacity` bytes of a stream."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.written = 0
        """Position after the newest byte; belongs to the writer."""
        self.read = 0
        """Position of the oldest byte nobody has read; belongs to the reader."""
        self._memory = memoryview(bytearray(capacity))

    @property
    def waiting(self) -> int:
        """Bytes written and not read, however many of them are overwritten by now."""
        return self.written - self.read

    def write(self, data: memoryview) -> None:
        """Appends, over the oldest bytes if need be. `data` is no longer than the ring."""
        start = self.written % self.capacity
        first = min(len(data), self.capacity - start)
        self._memory[start : start + first] = data[:first]
        self._memory[: len(data) - first] = data[first:]
        self.written += len(data)

    def copy(self, start: int, end: int) -> bytes:
        """The bytes from position `start` to `end`, where they are still there."""
        begin, length = start % self.capacity, end - start
        first = min(length, self.capacity - begin)
        return bytes(self._memory[begin : begin + first]) + bytes(self._memory[: length - first])

    def take(self, most: int) -> tuple[bytes, int]:
        """Up to `most` of the oldest bytes, and how many were overwritten before they could be read."""
        lost = 0
        while True:
            behind = self.waiting - self.capacity
            if behind > 0:
                lost += behind
                self.read += behind
            end = min(self.written, self.read + most)
            data = self.copy(self.read, end)
            if self.waiting <= self.capacity:  # else the writer came by while the copy was made
                self.read = end
                return data, lost
