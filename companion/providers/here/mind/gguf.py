"""What a GGUF file says of itself: a path in, `About` out. Reads the head of the file; never loads the model.

The format is described in the ggml project (docs/gguf.md): a magic, counts, keys with typed values, the list of tensors,
then their data. A file is outside input: every length is held against the bytes there are. Blocking, any thread.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.language import mark

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
"""Type of a value -> how it is packed."""
_STRING, _ARRAY = 8, 9
_LONGEST_LIST = 4096
"""Lists with more items (vocabularies) are only counted."""
_KEPT_TEXT = 256 * 1024
"""Longer texts are no templates."""
_MOST_TENSORS = 100_000
_BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110)},
    **{22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8)},
    **{29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17)},
}
"""ggml's types of tensors -> numbers of a block, and its bytes."""
_FILE_TYPES = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S"},
    **{12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K"},
    **{25: "IQ4_NL", 30: "IQ4_XS", 32: "BF16"},
}


class NoModel(ValueError):
    """The file is no GGUF file, or its head makes no sense; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """One file."""

    name: str
    """As its makers call it; empty: they did not."""
    architecture: str
    template: str
    """Jinja that makes a conversation into what the model reads; empty: it was never taught to converse."""
    context: int
    """Most tokens it was taught to read at once; 0: it does not say."""
    parameters: int
    file_type: str
    """How its numbers are kept: "Q4_K_M"."""
    size: int
    """Bytes of the file."""
    missing: int
    """Bytes that are missing at its end."""
    state_per_token: int
    """Bytes of memory that one token of a conversation takes while it is in use (16-bit keys and values)."""
    vocabulary: int
    """Tokens it knows."""


def about(path: Path) -> About:
    """What the head of the file says.

    Raises:
        NoModel: it is no GGUF file, or damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        if size < len(MAGIC) or file.read(len(MAGIC)) != MAGIC:
            raise NoModel(mark("it is no GGUF file"))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _read(_Cursor(content, len(MAGIC)), size)
            except (struct.error, UnicodeDecodeError, OverflowError) as error:
                raise NoModel(mark("its head is damaged")) from error


def _read(cursor: _Cursor, size: int) -> About:
    version = cursor.scalar("<I")
    if version not in _VERSIONS:
        raise NoModel(mark("it is a GGUF file of a kind that is not known here"))
    tensors, keys = cursor.scalar("<Q"), cursor.scalar("<Q")
    if tensors > _MOST_TENSORS or keys > _MOST_TENSORS:
        raise NoModel(mark("its head is damaged"))
    values: dict[str, Any] = {}
    for _ in range(keys):
        name = cursor.text()
        values[name] = cursor.value(cursor.scalar("<I"))
    numbers, end = _tensors(cursor, tensors, values)
    kind = _FILE_TYPES.get(_number(values.get("general.file_type"), -1), "")
    architecture = _word(values.get("general.architecture"))
    return About(
        name=_word(values.get("general.name")),
        architecture=architecture,
        template=_word(values.get("tokenizer.chat_template")),
        context=_number(values.get(f"{architecture}.context_length")),
        parameters=_number(values.get("general.parameter_count")) or numbers,
        file_type=kind,
        size=size,
        missing=max(0, end - size),
        state_per_token=_state_per_token(architecture, values),
        vocabulary=_count(values.get("tokenizer.ggml.tokens")),
    )


def _tensors(cursor: _Cursor, count: int, values: Mapping[str, Any]) -> tuple[int, int]:
    """How many numbers all tensors hold, and where the last of them ends in the file."""
    numbers = last = 0
    for _ in range(count):
        cursor.skip_text()
        dimensions = cursor.scalar("<I")
        if dimensions > 8:
            raise NoModel(mark("its head is damaged"))
        held = 1
        for _ in range(dimensions):
            held *= cursor.scalar("<Q")
        kind, offset = cursor.scalar("<I"), cursor.scalar("<Q")
        per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
        numbers += held
        last = max(last, offset + held // per_block * block_bytes)
    step = max(1, _number(values.get("general.alignment"), 32))
    return numbers, (-(-cursor.at // step) * step + last if count else cursor.at)


def _state_per_token(architecture: str, values: Mapping[str, Any]) -> int:
    """Keys and values of every layer, two bytes a number; attention to a part of the conversation only needs less."""

    def of(name: str, default: int = 0) -> Any:
        return values.get(f"{architecture}.{name}", default)

    layers, heads = _number(of("block_count")), of("attention.head_count")
    each = _number(heads[0] if isinstance(heads, list) and heads else heads)
    usual = _number(of("embedding_length")) // each if each else 0
    width = sum(_number(of(f"attention.{one}_length")) or usual for one in ("key", "value"))
    kept = of("attention.head_count_kv", each)
    of_all_layers = sum(map(_number, kept)) if isinstance(kept, list) else layers * _number(kept)
    return 2 * width * of_all_layers


def _number(value: object, default: int = 0) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def _word(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _count(value: object) -> int:
    return len(value) if isinstance(value, list) else _number(value)


class _Cursor:
    """Reads forward; `struct.error` where there is nothing more."""

    def __init__(self, content: mmap.mmap, at: int) -> None:
        self._content = content
        self.at = at

    def scalar(self, packed: str) -> Any:
        (value,) = struct.unpack_from(packed, self._content, self.at)
        self.at += struct.calcsize(packed)
        return value

    def text(self) -> str:
        length = self.scalar("<Q")
        end = self._within(length)
        found = self._content[self.at : end] if length <= _KEPT_TEXT else b""
        self.at = end
        return found.decode("utf-8", "replace")

    def skip_text(self) -> None:
        self.at = self._within(self.scalar("<Q"))

    def value(self, kind: int) -> Any:
        """A value; of a long list only how many items it has."""
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            return self.scalar(_packed(kind))
        kind, count = self.scalar("<I"), self.scalar("<Q")
        if kind == _ARRAY or count > len(self._content):
            raise NoModel(mark("its head is damaged"))
        if count <= _LONGEST_LIST:
            return [self.value(kind) for _ in range(count)]
        if kind == _STRING:
            self._skip_texts(count)
        else:
            self.at = self._within(count * struct.calcsize(_packed(kind)))
        return count

    def _skip_texts(self, count: int) -> None:
        """A vocabulary has some hundred thousand: no call for each."""
        at, content, length_at = self.at, self._content, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + length_at(content, at)[0]
        self.at = at
        self._within(0)

    def _within(self, length: int) -> int:
        end: int = self.at + length
        if end > len(self._content):
            raise NoModel(mark("its head is damaged or cut off"))
        return end


def _packed(kind: int) -> str:
    if kind not in _SCALARS:
        raise NoModel(mark("its head is damaged"))
    return _SCALARS[kind]
