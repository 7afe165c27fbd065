"""WordLlama: a text's vector is the weighted mean of its pieces' fixed vectors. Any thread, blocking.

The two files of the model are read here themselves: their own loader looks for them in a folder that its package does not
have and then downloads. A piece weighs the more the rarer it is: -log of how often it occurs. Pieces of this vocabulary are
numbered by how usual they are in text, so a number alone says that well enough (Zipf's law), and a vector never depends on
what else is in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from companion.journal.meaning.near import unit
from companion.journal.meaning.pieces import BytePairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS, TOKENIZER = "l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json"
"""The model's files, as its makers call them."""
_FIRST_WORD = 259
"""Numbers below are signs and single bytes; the first joined piece has this one."""


class StillVectors:
    """Texts in, unit vectors out."""

    name = "wordllama-256"
    width = 256

    def __init__(self, folder: Path) -> None:
        """Reads the vocabulary (0.2 s); the vectors are mapped, and read where they are needed.

        Raises:
            OSError, ValueError, KeyError: the files are not what they should be.
        """
        self._pieces = BytePairs(folder / TOKENIZER)
        self._vectors = _mapped(folder / WEIGHTS)
        self._weights = _rarity(len(self._vectors))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, 256), each row of length 1; zeros for a text without words."""
        found = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            ids = self._pieces(text)
            if ids:
                weights = self._weights[ids]
                found[row] = weights @ self._vectors[ids].astype(np.float32)
        return unit(found)


def _mapped(file: Path) -> NDArray[np.float16]:
    """The one matrix of a safetensors file (huggingface.co/docs/safetensors): its length, a table in JSON, the numbers."""
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        if size > 100_000:
            raise ValueError("no such table")
        table = json.loads(opened.read(size))
    about = table["embedding.weight"]
    if about["dtype"] != "F16" or about["shape"][1] != StillVectors.width:
        raise ValueError("other numbers than expected")
    return np.memmap(file, np.float16, "r", 8 + size + about["data_offsets"][0], tuple(about["shape"]))


def _rarity(count: int) -> NDArray[np.float32]:
    ranks = np.maximum(np.arange(count) - _FIRST_WORD, 0) + 10.0
    return np.asarray(np.log(ranks), np.float32)
