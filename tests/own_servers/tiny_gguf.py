"""Writes a language model of random weights, half a megabyte, that llama.cpp loads and lets write.

What it writes is gibberish of printable words without end, which is enough for streaming, cancelling, lists and errors.
Its head is written key by key, so that tests can leave some out or break them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, LAYERS, HIDDEN, CONTEXT = 64, 4, 2, 128, 4096
WORDS = [
    "▁the",
    "▁a",
    "▁river",
    "▁calm",
    "▁evening",
    "▁walk",
    "▁and",
    "▁I",
    "▁feel",
    "▁slow",
    ".",
    ",",
    "▁more",
]
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *WORDS]
_UNKNOWN, _CONTROL, _BYTE, _NORMAL = 2, 3, 6, 1
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}"
)
U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10
_SCALARS = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q"}
Key = tuple[int, Any]
"""Type and value; of a list the value is (type, items)."""
HEAD: Mapping[str, Key] = {
    "general.architecture": (STRING, "llama"),
    "general.name": (STRING, "tiny"),
    "general.file_type": (U32, 0),
    "llama.context_length": (U32, CONTEXT),
    "llama.embedding_length": (U32, WIDTH),
    "llama.block_count": (U32, LAYERS),
    "llama.feed_forward_length": (U32, HIDDEN),
    "llama.attention.head_count": (U32, HEADS),
    "llama.attention.head_count_kv": (U32, HEADS),
    "llama.rope.dimension_count": (U32, WIDTH // HEADS),
    "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
    "tokenizer.ggml.model": (STRING, "llama"),
    "tokenizer.ggml.tokens": (ARRAY, (STRING, TOKENS)),
    "tokenizer.ggml.scores": (ARRAY, (F32, [0.0] * 259 + [float(-index) for index in range(len(WORDS))])),
    "tokenizer.ggml.token_type": (
        ARRAY,
        (I32, [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * len(WORDS)]),
    ),
    "tokenizer.ggml.bos_token_id": (U32, 1),
    "tokenizer.ggml.eos_token_id": (U32, 2),
    "tokenizer.ggml.unknown_token_id": (U32, 0),
    "tokenizer.chat_template": (STRING, TEMPLATE),
}


def write(path: Path, *, without: tuple[str, ...] = (), **changed: Key) -> Path:
    """The model as a file. `changed`: other values of keys, with `__` for the dots; `without`: keys it lacks."""
    head = {**HEAD, **{name.replace("__", "."): key for name, key in changed.items()}}
    head = {name: key for name, key in head.items() if name not in without}
    tensors = _tensors()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(head)))
        for name, (kind, value) in head.items():
            file.write(_text(name) + struct.pack("<I", kind) + _value(kind, value))
        at = 0
        for name, numbers in tensors.items():
            sizes = numbers.shape[::-1]
            file.write(_text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, 0, at))
            at += -(-numbers.nbytes // 32) * 32
        for numbers in tensors.values():
            file.write(b"\0" * (-file.tell() % 32))
            file.write(numbers.tobytes())
    return path


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, value: Any) -> bytes:
    if kind == STRING:
        return _text(value)
    if kind != ARRAY:
        return struct.pack(_SCALARS[kind], value)
    of, items = value
    return struct.pack("<IQ", of, len(items)) + b"".join(_value(of, item) for item in items)


def _tensors() -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    dice = np.random.default_rng(7)

    def drawn(*shape: int) -> Any:
        return dice.normal(0, 0.2, shape).astype(np.float32)

    # Bytes and control tokens are pushed away, so that it writes words until it is stopped.
    head = drawn(len(TOKENS), WIDTH)
    head[:259] = 0.0
    head[259:] *= 4
    found = {"token_embd.weight": drawn(len(TOKENS), WIDTH), "output.weight": head}
    found["output_norm.weight"] = np.ones(WIDTH, dtype=np.float32)
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        found[at + "attn_norm.weight"] = found[at + "ffn_norm.weight"] = np.ones(WIDTH, dtype=np.float32)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            found[f"{at}{name}.weight"] = drawn(WIDTH, WIDTH)
        found[at + "ffn_gate.weight"] = found[at + "ffn_up.weight"] = drawn(HIDDEN, WIDTH)
        found[at + "ffn_down.weight"] = drawn(WIDTH, HIDDEN)
    return found
