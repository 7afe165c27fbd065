"""Many vectors in one byte a number, and which of them are nearest to a question. Any thread; one at a time.

A unit vector of 256 numbers is kept in 256 bytes; the loss is below a hundredth of the cosine. A hundred thousand take
26 MB and are looked through in 5 to 15 ms, in blocks that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SCALE = 127.0
_BLOCK = 1024
Stored = tuple[int, int, int, bytes]
"""A passage: its row, its turn, which one of the turn's it is, and its vector."""


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def as_rows(vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """One row for each."""
    return np.asarray(vectors, np.float32)


def packed(rows: NDArray[np.float32]) -> list[bytes]:
    """Unit vectors as they are stored. Each is scaled to its largest number; the length is put right when it is read."""
    most = np.abs(rows).max(axis=1, keepdims=True)
    small = np.rint(rows * (_SCALE / np.where(most > 0, most, 1))).astype(np.int8)
    return [row.tobytes() for row in small]


@dataclass(frozen=True, slots=True)
class Nearest:
    """What is near to a question."""

    cosines: dict[int, float]
    """By turn: of its nearest passage."""
    parts: dict[int, int]
    """By turn: which passage that is."""
    rows: dict[int, int]
    """By turn: the row of that passage."""
    middle: float = 0.0
    """The cosine of what has nothing to do with it."""


class Near:
    """The vectors of one journal by one model."""

    _HELD = ("_vectors", "_scales", "_rows", "_turns", "_parts")

    def __init__(self, width: int) -> None:
        self._width = width
        self._vectors: NDArray[np.int8] = np.zeros((0, width), np.int8)
        self._scales: NDArray[np.float32] = np.zeros(0, np.float32)
        self._rows: NDArray[np.int64] = np.zeros(0, np.int64)
        self._turns: NDArray[np.int64] = np.zeros(0, np.int64)
        self._parts: NDArray[np.int16] = np.zeros(0, np.int16)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def last_row(self) -> int:
        """The newest that it holds; rows only grow."""
        return int(self._rows[self._size - 1]) if self._size else 0

    def add(self, passages: Sequence[Stored]) -> None:
        """Rows that are newer than those it holds; a vector of another width is left out."""
        kept = [each for each in passages if len(each[3]) == self._width]
        if not kept:
            return
        vectors = np.frombuffer(b"".join(each[3] for each in kept), np.int8).reshape(len(kept), self._width)
        end = self._size + len(kept)
        if end > len(self._rows):
            self._grow(max(end, len(self._rows) * 5 // 4, 256))
        lengths = np.sqrt(np.square(vectors, dtype=np.float32).sum(axis=1))
        new = slice(self._size, end)
        self._vectors[new] = vectors
        self._scales[new] = 1 / np.where(lengths > 0, lengths, 1)
        self._rows[new], self._turns[new], self._parts[new] = zip(*(each[:3] for each in kept), strict=True)
        self._size = end

    def keep_only(self, rows: Iterable[int]) -> None:
        """Forgets all others, also what their memory held."""
        stays = np.isin(self._rows[: self._size], np.fromiter(rows, np.int64))
        count = int(stays.sum())
        if count == self._size:
            return
        for name in self._HELD:
            held = getattr(self, name)
            held[:count] = held[: self._size][stays]
            held[count : self._size] = 0
        self._size = count

    def nearest(
        self, question: NDArray[np.float32], count: int, turns: Collection[int] | None = None
    ) -> Nearest:
        """The turns nearest to a unit vector.

        Args:
            count: most passages that are looked at.
            turns: only these; None: all.
        """
        cosines = self._cosines(question)
        if turns is not None:
            cosines = np.where(
                np.isin(self._turns[: self._size], np.fromiter(turns, np.int64)), cosines, -2.0
            )
        size = len(cosines)
        if not size:
            return Nearest({}, {}, {})
        best = np.argpartition(cosines, size - count)[size - count :] if count < size else np.arange(size)
        best = best[np.argsort(-cosines[best], kind="stable")]
        found = Nearest({}, {}, {}, float(cosines[cosines > -2].mean()) if (cosines > -2).any() else 0.0)
        for at in best[cosines[best] > -2]:
            turn = int(self._turns[at])
            if turn not in found.cosines:
                found.cosines[turn] = float(cosines[at])
                found.parts[turn], found.rows[turn] = int(self._parts[at]), int(self._rows[at])
        return found

    def _cosines(self, question: NDArray[np.float32]) -> NDArray[np.float32]:
        cosines = np.empty(self._size, np.float32)
        block = np.empty((_BLOCK, self._width), np.float32)
        for begin in range(0, self._size, _BLOCK):
            end = min(begin + _BLOCK, self._size)
            part = block[: end - begin]
            np.copyto(part, self._vectors[begin:end])
            # not `@`: its threads wait for each other in a busy computer, and take ten times as long there
            np.einsum("ij,j->i", part, question, out=cosines[begin:end])
        return cosines * self._scales[: self._size]

    def _grow(self, room: int) -> None:
        for name in self._HELD:
            held = getattr(self, name)
            larger = np.zeros((room, *held.shape[1:]), held.dtype)
            larger[: self._size] = held[: self._size]
            setattr(self, name, larger)
