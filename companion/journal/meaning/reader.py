"""all-MiniLM-L6-v2 in 8 bits: reads a whole sentence, so it finds what shares no word. Blocking; one caller at a time.

Wants onnxruntime, which is an extra (`meaning`), and 15 to 50 ms a passage: it fills the journal in the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from companion.care.pieces import WordPieces
from companion.journal.meaning.near import unit
from companion.journal.meaning.pieces import vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS, TOKENIZER = "model.onnx", "tokenizer.json"


def is_installed() -> bool:
    return find_spec("onnxruntime") is not None


class Reader:
    """Texts in, unit vectors out."""

    name = "minilm-l6-384"
    width = 384

    def __init__(self, folder: Path) -> None:
        """Raises ImportError, OSError, ValueError, KeyError or onnxruntime's own where it cannot be had."""
        import onnxruntime

        self._pieces = WordPieces(vocabulary(folder / TOKENIZER))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # it works while somebody talks
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / WEIGHTS), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {each.name for each in self._session.get_inputs()}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, 384), each row of length 1. One text at a time: in 8 bits a batch changes its members."""
        found = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            ids = np.array([self._pieces(text)], np.int64)
            given = {
                "input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)
            }  # fmt: skip
            hidden = self._session.run(
                None, {key: value for key, value in given.items() if key in self._inputs}
            )
            found[row] = hidden[0][0].mean(axis=0)
        return unit(found)
