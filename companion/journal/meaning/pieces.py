"""Text cut into the pieces a model knows: byte pairs as Llama 2 has them. Pure, any thread. BERT's are in `care.pieces`.

Both read the vocabulary of the `tokenizer.json` that comes with a model. No piece is joined over a space, so each word is
cut once and remembered; that makes plain Python as fast as is needed (20 to 160 us a passage), without a library of 40 MB.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

_REMEMBERED = 60_000
_LONGEST_WORD = 100
"""Characters; what is longer has no meaning of its own."""


class BytePairs:
    """Llama 2's pieces: the most usual pair of neighbours is joined first."""

    def __init__(self, file: Path) -> None:
        model = _model(file)
        self._ids: dict[str, int] = model["vocab"]
        merges = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
        self._ranks = {(left, right): rank for rank, (left, right) in enumerate(merges)}
        self._known: dict[str, tuple[int, ...]] = {}

    def __call__(self, text: str) -> list[int]:
        """The numbers of the pieces, in their order."""
        found: list[int] = []
        for word in text.split():
            ids = self._known.get(word)
            if ids is None:
                ids = self._cut(word[:_LONGEST_WORD])
                if len(self._known) < _REMEMBERED:
                    self._known[word] = ids
            found += ids
        return found

    def _cut(self, word: str) -> tuple[int, ...]:
        parts = ["\u2581", *word]
        while len(parts) > 1:
            ranked = [(self._ranks.get(pair, -1), at) for at, pair in enumerate(pairwise(parts))]
            best = min((each for each in ranked if each[0] >= 0), default=None)
            if best is None:
                break
            at = best[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        ids: list[int] = []
        for part in parts:
            known = self._ids.get(part)
            signs = (
                [known]
                if known is not None
                else [self._ids.get(f"<0x{byte:02X}>", 0) for byte in part.encode("utf-8", "replace")]
            )
            ids += signs
        return tuple(ids)


def vocabulary(file: Path) -> dict[str, int]:
    """The number of each piece, as a `tokenizer.json` tells them."""
    ids: dict[str, int] = _model(file)["vocab"]
    return ids


def _model(file: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["model"]
    return told
