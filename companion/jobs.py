"""The nouns of work that a vendor does while nobody waits: a video, or many chat requests in one batch.

A job is begun, looked at until it is over, and can be taken up again by its id, also by another run of the program.
Values only; the window never needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import AIProviderError
from companion.flow import ChatDelta, ChatRequest, Usage

if TYPE_CHECKING:
    from companion.calls import Picture

VIDEO_WAIT_S = 1800.0
BATCH_WAIT_S = 25 * 3600.0
"""A vendor takes up to a day for a batch, and then says which requests it did not get to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """Ask for a video. Closing the call early cancels the job where the vendor can, unless it `keeps_running`."""

    out: Path
    """The file it is written to as it comes; it is there once it is whole. A file of that name is replaced."""
    prompt: str = ""
    """May be missing only where `job` is given."""
    model: str = ""
    """Empty: the provider's default."""
    size: str = ""
    """"WIDTHxHEIGHT" in pixels, or the nearest the vendor has; empty: the model's own."""
    seconds: int | None = None
    """How long it is to be; vendors have a few lengths each."""
    image: Picture | None = None
    """What it begins with."""
    job: str = ""
    """The id of a job that was begun before, to be taken up again; nothing new is begun then."""
    keeps_running: bool = False
    """Whether the job goes on at the vendor when the call is closed, or waited for too long."""
    wait_s: float = VIDEO_WAIT_S
    """Longest wait for the video to be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video in a file."""

    path: Path
    media_type: str
    """By its bytes."""
    size_bytes: int
    seconds: float | None = None
    """How long it is, where the vendor says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProgress:
    """How far a video is; the last one of a call has it."""

    job: str
    """The id by which it can be taken up again."""
    share: float | None = None
    """Of the work, 0..1; None: the vendor does not say."""
    received_bytes: int = 0
    video: Video | None = None
    usage: Usage | None = None
    """What it took, where it is charged by tokens; on the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """Many chat requests to one model, answered within a day at half the price.

    Closing the call early cancels the batch, unless it `keeps_running`; what was answered before is paid all the same.
    """

    requests: tuple[ChatRequest, ...] = ()
    """May be missing only where `job` is given."""
    model: str = ""
    """Of the requests that name none; empty: the provider's default. A batch goes to one model."""
    job: str = ""
    """The id of a batch that was begun before, to be taken up again; nothing new is sent then."""
    keeps_running: bool = False
    """Whether the batch goes on at the vendor when the call is closed, or waited for too long."""
    wait_s: float = BATCH_WAIT_S
    """Longest wait for all answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What came of one request of a batch: the whole answer, or why there is none."""

    index: int
    """Of the request in its batch."""
    answer: ChatDelta | None = None
    """All of it in one piece, with its finish reason."""
    error: AIProviderError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far a batch is; the last one of a call has the answers."""

    job: str
    """The id by which it can be taken up again."""
    total: int | None = None
    done: int = 0
    """Answered so far, where the vendor says so before the end."""
    failed: int = 0
    answers: tuple[BatchAnswer, ...] | None = None
    """In the order of the requests, one for each."""
