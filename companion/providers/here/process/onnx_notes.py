"""Reads and adds the notes (metadata) of an ONNX file without its package: protobuf, of which this needs very little. Pure.

A model is a message `ModelProto`; its graph is field 7, each of its notes a field 14 with a key (1) and a value (2).
Fields may come in any order and of two notes with one key the later counts: so notes are added at the end, as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

GRAPH, NOTE = 7, 14
_KEY, _VALUE = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class DamagedModel(ValueError):
    """What was read is no whole ONNX file."""


def encoded_notes(notes: Mapping[str, str]) -> bytes:
    """What is to be put behind a model's last byte so that it has these notes."""
    return b"".join(
        _field(NOTE, _field(_KEY, key.encode()) + _field(_VALUE, value.encode()))
        for key, value in notes.items()
    )


def read_notes(model: bytes | memoryview) -> dict[str, str]:
    """The notes of a model.

    Raises:
        DamagedModel: it ends early, is no ONNX file, or has no graph.
    """
    notes: dict[str, str] = {}
    has_graph = False
    for number, value in _fields(memoryview(model)):
        has_graph = has_graph or (number == GRAPH and value is not None)
        if number == NOTE and value is not None:
            pair = {
                key: bytes(part).decode("utf-8", "replace")
                for key, part in _fields(value)
                if part is not None
            }
            notes[pair.get(_KEY, "")] = pair.get(_VALUE, "")
    if not has_graph:
        raise DamagedModel("there is no graph")
    return notes


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | None]]:
    """Number and content of each field; None for a number."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind, content = tag & 7, None
        if kind == _VARINT:
            _, place = _varint(message, place)
        elif kind == _BYTES:
            size, place = _varint(message, place)
            content, place = message[place : place + size], place + size
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise DamagedModel(f"a field of kind {kind}")
        if place > len(message):
            raise DamagedModel("it ends early")
        yield tag >> 3, content


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number, lowest seven bits first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise DamagedModel("it ends early")
        byte, place = message[place], place + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise DamagedModel("a number without an end")


def _field(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    low = bytearray()
    while value > 0x7F:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*low, value))
