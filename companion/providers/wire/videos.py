"""Videos on their way into a file: never held whole, known by their bytes, and there only once they are complete."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING

from companion.errors import AIProviderError, CompanionError, Kind
from companion.jobs import Video, VideoProgress, VideoRequest
from companion.providers.provider import AIProvider, Spec
from companion.providers.wire.faults import CallContext, in_call

if TYPE_CHECKING:
    import httpx2

MOST_VIDEO = 2**30
"""Longest video, bytes."""
MOST_DOWNLOADS = 3
"""How often a file is asked for; it has been paid for."""
_PIECE = 2**20
"""So much is held before it is written."""
_HEAD = 12
_WEBM = b"\x1aE\xdf\xa3"
_QUICKTIME = b"qt  "


def video_type(head: bytes) -> str:
    """The media type of a video by its first bytes; empty: it is none."""
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == _QUICKTIME else "video/mp4"
    return "video/webm" if head.startswith(_WEBM) else ""


def require_writable(path: Path) -> None:
    """Returns where a file can be written, before anything is paid for it.

    Raises:
        CompanionError: BAD_FILE.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> CompanionError:
    reason = error.strerror or type(error).__name__
    kind = Kind.DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else Kind.BAD_FILE
    return CompanionError(kind, f"{path} could not be written: {reason}.", cause=error)


async def saved(blocks: AsyncIterator[bytes], path: Path, spec: Spec) -> AsyncGenerator[int, None]:
    """How many bytes of a video have been written, again and again; at the end it is at `path`, whole, or not at all.

    Raises:
        AIProviderError: NOT_AN_API, what comes is no video.
        CompanionError: BAD_FILE, DISK_FULL.
    """
    file: IO[bytes] | None = None
    try:
        written, held = 0, bytearray()
        async for block in blocks:
            held += block
            if file is None and len(held) >= _HEAD:
                _require_video(held, spec)
                file = await asyncio.to_thread(_beside, path)
            if file is not None and len(held) >= _PIECE:
                await asyncio.to_thread(file.write, bytes(held))
                written += len(held)
                held.clear()
                yield written
        if file is None:
            raise _no_video(spec)
        await asyncio.to_thread(_finish, file, bytes(held), path)
        file = None
        yield written + len(held)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if file is not None:
            file.close()
            with suppress(OSError):
                os.unlink(file.name)


def _beside(path: Path) -> IO[bytes]:
    return NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)


def _finish(file: IO[bytes], rest: bytes, path: Path) -> None:
    file.write(rest)
    file.flush()
    os.fsync(file.fileno())
    file.close()
    os.replace(file.name, path)


def _require_video(head: bytearray, spec: Spec) -> None:
    if not video_type(bytes(head[:_HEAD])):
        raise _no_video(spec)


def _no_video(spec: Spec) -> AIProviderError:
    who = spec.display_name
    return AIProviderError(f"What {who} sent is no video.", spec.name, kind=Kind.NOT_AN_API, who=who)


def _type_of(path: Path) -> str:
    with path.open("rb") as file:
        return video_type(file.read(_HEAD))


async def fetched(
    provider: AIProvider,
    request: VideoRequest,
    job: str,
    ask: Callable[[CallContext], Awaitable[httpx2.Response]],
) -> AsyncGenerator[VideoProgress, None]:
    """The file of a finished job, asked for again where it is cut off; the last progress has the video.

    Args:
        ask: gives the answer that holds it, begun and not refused.
    """
    written = 0
    for attempt in range(1, MOST_DOWNLOADS + 1):
        try:
            with in_call(provider.spec) as call:
                async with aclosing(await ask(call)) as response:
                    call.opened = True
                    async with aclosing(saved(response.aiter_bytes(), request.out, provider.spec)) as sizes:
                        async for written in sizes:
                            yield VideoProgress(job=job, share=1.0, received_bytes=written)
            break
        except CompanionError as error:
            if not error.retryable or attempt == MOST_DOWNLOADS:
                error.hint = f"{error.hint} The video is made; take it up again by its id, {job}.".strip()
                raise
        await asyncio.sleep(provider.policy.poll_s)
    kind = await asyncio.to_thread(_type_of, request.out)
    video = Video(path=request.out, media_type=kind, size_bytes=written)
    yield VideoProgress(job=job, share=1.0, received_bytes=written, video=video)
