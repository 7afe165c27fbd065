"""Real weights for the tests that need them, in a folder outside the checkout that `.ci/setup test` fills, checked by sum.

Names: `whisper-base`, `whisper-tiny.en` (model.bin, config, tokenizer, vocabulary), `piper-joe` (a voice: .onnx and
.onnx.json), `smollm2` (one .gguf, with a chat template), `wordllama` and `minilm` (vectors).
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(
    os.environ.get("COMPANION_TEST_WEIGHTS")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reflection-companion-weights"
)
"""Found when this is imported: a test has a home of its own."""


def weights(name: str) -> Path:
    """The folder of a model; without it the test is skipped on a desk, and fails where tests decide."""
    import pytest  # not above: `.ci/setup run` asks for the folder, and installs no pytest

    folder = FOLDER / name
    if not folder.is_dir():
        sentence = f"the weights of {name} are not in {FOLDER}: .ci/setup test fetches them"
        pytest.fail(sentence) if os.environ.get("CI") else pytest.skip(sentence)
    return folder
