"""Real weights for the tests that hear with them, where they can be had: a folder with `whisper-base` and its like."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def weights(name: str) -> Path:
    """The folder of a model; without it the test is skipped on a desk, and fails where tests decide."""
    folder = Path(os.environ.get("COMPANION_TEST_WEIGHTS", "/nowhere")) / name
    if folder.is_dir():
        return folder
    sentence = f"the weights of {name} are not here: make test fetches them"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)
