"""The frames between the app and its engine process: size, job, kind and payload, the same both ways.

Used by both ends and free of asyncio. Of one job, either end sends at most `WINDOW` pieces of data that the other has not
taken; a CREDIT comes back for each one taken. So neither end's memory grows when the other is slow, and no job holds up
another one.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import BinaryIO

HEADER = struct.Struct("<IIB")
"""Payload size in bytes, job number (0: the process itself), kind."""
MAX_PAYLOAD = 2**20
WINDOW = 32
"""Pieces of one job under way in one direction."""


class Frame(IntEnum):
    """What a frame says."""

    START = 1
    """App: begin the job; a JSON object, of which `work` names what to do."""
    DATA = 2
    """Either: one piece of what the job takes or gives."""
    END = 3
    """App: no more data will come."""
    CREDIT = 4
    """Either: one piece of data was taken."""
    CANCEL = 5
    """App: stop at once; answered by DONE or FAILED."""
    PING = 6
    PONG = 7
    """Process: alive; also its first word."""
    DONE = 8
    """Process: the job is over; a JSON object with its result."""
    FAILED = 9
    """Process: the job is over; a JSON object with `kind`, `message`, `hint` and `detail`."""


class BrokenPipeline(Exception):
    """What arrived is no frame."""


def encode(job: int, kind: Frame, payload: bytes = b"") -> bytes:
    """One frame."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes is too long")
    return HEADER.pack(len(payload), job, kind) + payload


def parse_header(header: bytes) -> tuple[int, int, Frame]:
    """Payload size, job and kind.

    Raises:
        BrokenPipeline: for a size or kind that cannot be.
    """
    size, job, kind = HEADER.unpack(header)
    try:
        frame = Frame(kind)
    except ValueError as error:
        raise BrokenPipeline(f"kind {kind}") from error
    if size > MAX_PAYLOAD:
        raise BrokenPipeline(f"{size} bytes")
    return size, job, frame


def read_frame(source: BinaryIO) -> tuple[int, Frame, bytes] | None:
    """The next frame as job, kind and payload; None at the end. Blocks."""
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size, job, kind = parse_header(header)
    payload = source.read(size)
    return (job, kind, payload) if len(payload) == size else None
