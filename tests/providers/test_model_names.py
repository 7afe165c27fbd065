"""What a model's name says: how a person knows one that its server names by a path, and what it is for."""

from __future__ import annotations

import pytest

from companion.kinds import Role
from companion.providers.model_names import label_of_model, use_of


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("/home/ann/models/Qwen3-4B-Q4_K_M.gguf", "Qwen3-4B-Q4_K_M"),
        (r"C:\models\Qwen3-4B-Q4_K_M.gguf", "Qwen3-4B-Q4_K_M"),
        ("models/tiny.gguf", "tiny"),
        ("./tiny.GGUF", "tiny"),
        ("tiny.gguf", "tiny"),
        ("/models/big-00001-of-00003.gguf", "big"),
        ("/srv/models/Mistral-7B/", "Mistral-7B"),
        ("~/models/own.safetensors", "own"),
        ("Qwen/Qwen3-4B", "Qwen/Qwen3-4B"),
        ("qwen3:4b", "qwen3:4b"),
        ("gpt-6.1-terra", "gpt-6.1-terra"),
        ("", ""),
        ("/", "/"),
    ],
)
def test_a_path_is_known_by_its_file(model: str, label: str) -> None:
    assert label_of_model(model) == label


def test_a_path_still_says_what_the_model_is_for() -> None:
    assert use_of("/models/whisper-large-v3.bin") is Role.HEARS
    assert use_of("/models/Qwen3-4B.gguf") is Role.THINKS
