"""A small network that reads what was said as a whole: how likely it is danger, and which. For what no rule had in mind.

Three layers of a sentence encoder (all-MiniLM-L6-v2, Apache-2.0; its word pieces in 128 numbers, each layer at half its
inner width), taught by `tests/care/learning` with lines written for it, kept in one byte a number. Plain
numpy, blocking, any thread; the file is read once (`load`, some 50 ms), a message of forty words takes some 6 ms.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.care.pieces import WordPieces
from companion.kinds import Concern
from companion.paths import resources

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES: tuple[tuple[Concern | None, bool], ...] = (
    (None, False),
    (Concern.SUICIDE, False),
    (Concern.SELF_HARM, False),
    (Concern.VIOLENCE, False),
    (Concern.THREAT, False),
    (Concern.EATING, False),
    (Concern.MEDICAL, False),
    (Concern.REALITY, False),
    (Concern.CHILD, False),
    (Concern.SUICIDE, True),
)
"""(which danger, whether it is about somebody else), in the order of what it gives; None: none."""
_HEADS = 12
_WORDS, _OVERLAP, _WINDOWS = 70, 20, 3
"""Words that are read at once, what two windows share, and how many are read: the newest words weigh most."""
_USUAL, _ENGLISH = 5_000, 0.6
"""A word is usual English by its place in the vocabulary; of a text in English so many are."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network says of a message."""

    danger: float
    """0 to 1."""
    concern: Concern
    """The likeliest."""
    is_of_other: bool


class Network:
    """The vocabulary and the numbers."""

    def __init__(self, pieces: Mapping[str, int], numbers: Mapping[str, NDArray[np.float32]]) -> None:
        self._rank = pieces
        self._pieces = WordPieces(pieces)
        self._all = numbers
        self._layers = sum(1 for name in numbers if name.endswith("_norm")) - 1
        self._turn = threading.Lock()  # the pieces remember words

    def knows(self, word: str) -> bool:
        """Whether `word`, in lower case, is one of the vocabulary's own."""
        return word in self._rank

    def read(self, words: str) -> Reading | None:
        """Of plain words (see `words.plain`); None: nothing, or not English, which it never learnt."""
        said = words.split()
        usual = sum(1 for word in said if self._rank.get(word, _USUAL) < _USUAL)
        if len(said) < 2 or usual < _ENGLISH * len(said):
            return None
        best: NDArray[np.float32] | None = None
        for window in _windows(said):
            with self._turn:
                ids = self._pieces(window)
            found = self._judged(ids)
            if best is None or found[0] < best[0]:
                best = found
        assert best is not None
        concern, is_of_other = CLASSES[1 + int(best[1:].argmax())]
        assert concern is not None
        return Reading(float(1 - best[0]), concern, is_of_other)

    def _judged(self, ids: list[int]) -> NDArray[np.float32]:
        """How likely each of `CLASSES` is."""
        number = self._all
        x = number["pieces"][ids].astype(np.float32) * number["pieces_scale"]
        x = _even(x @ number["spread"] + number["places"][: len(ids)], *number["first_norm"])
        for layer in map(str, range(self._layers)):
            x = self._layer(x, f"{layer}_")
        logits = x.mean(axis=0) @ number["judge"] + number["judge_bias"]
        likely = np.exp(logits - logits.max())
        return np.asarray(likely / likely.sum(), np.float32)

    def _layer(self, x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        number, (count, width) = self._all, x.shape
        asked = x @ number[f"{name}attend"] + number[f"{name}attend_bias"]
        query, key, value = asked.reshape(count, 3, _HEADS, width // _HEADS).transpose(1, 2, 0, 3)
        weights = query @ key.transpose(0, 2, 1) * (width // _HEADS) ** -0.5
        weights = np.exp(weights - weights.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        gathered = (weights @ value).transpose(1, 0, 2).reshape(count, width)
        norms = number[f"{name}norm"]
        x = _even(x + gathered @ number[f"{name}gather"] + number[f"{name}gather_bias"], *norms[:2])
        wide = x @ number[f"{name}widen"] + number[f"{name}widen_bias"]
        wide *= 0.5 * (1 + np.tanh(0.7978845608 * (wide + 0.044715 * wide * wide * wide)))
        return _even(x + wide @ number[f"{name}narrow"] + number[f"{name}narrow_bias"], *norms[2:])


@lru_cache(maxsize=1)
def load() -> Network:
    """The network of `resources/care`."""
    folder = resources() / "care"
    pieces = (folder / "pieces.txt").read_text(encoding="utf-8").split()
    numbers: dict[str, NDArray[np.float32]] = {}
    with np.load(folder / "network.npz", allow_pickle=False) as kept:
        for name in kept.files:
            if name.endswith("_scale") and name != "pieces_scale":
                continue
            each = kept[name]
            if each.dtype == np.int8 and name != "pieces":
                numbers[name] = each.astype(np.float32) * kept[f"{name}_scale"]
            else:
                numbers[name] = each if name == "pieces" else each.astype(np.float32)
    return Network({piece: at for at, piece in enumerate(pieces)}, numbers)


def _windows(words: list[str]) -> Iterator[str]:
    """The newest first."""
    end = len(words)
    for _ in range(_WINDOWS):
        yield " ".join(words[max(0, end - _WORDS) : end])
        end -= _WORDS - _OVERLAP
        if end <= _OVERLAP:
            return


def _even(x: NDArray[Any], scale: NDArray[np.float32], shift: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row at mean 0 and variance 1, then stretched and shifted."""
    middle = x - x.mean(axis=1, keepdims=True)
    spread = np.sqrt((middle * middle).mean(axis=1, keepdims=True) + 1e-12)
    return np.asarray(middle / spread * scale + shift, np.float32)
