"""Long takes for recognisers that hear only whole recordings: segments are transcribed while the person goes on.

A segment ends at a natural pause, so that no word is cut; on release only the last one remains, and the wait does not grow
with the length of the take. Frames in, transcripts out; the segments' texts are joined in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from companion.conversation.recording import Recording
from companion.flow import Transcript
from companion.ports import Gate
from companion.tasks import spawn, stop

SHORTEST_S = 6.0
"""A segment is at least this long: every request costs, and words need their neighbours."""
PAUSE_S = 0.6
"""Quiet that ends the shortest segment; the longer one gets, the less is asked for."""
LONGEST_S = 12.0
"""From here on a breath is enough: what is left at release decides how long the person waits."""
BREATH_S = 0.15
LISTEN_FROM_S = SHORTEST_S - 2 * PAUSE_S
"""From here on in a segment pauses are looked for."""

Hear = Callable[[AsyncIterator[bytes]], AsyncGenerator[Transcript, None]]


async def hear_in_segments(
    hear: Hear, frames: AsyncIterator[bytes], gate: Callable[[], Gate]
) -> AsyncGenerator[Transcript, None]:
    """Yields what is known whenever a segment is done, and one final transcript.

    Args:
        gate: gives what tells pauses; asked for when there is a segment long enough.

    Raises:
        CompanionError: of the first segment that failed.
    """
    work: list[asyncio.Task[str]] = []
    news: asyncio.Queue[None] = asyncio.Queue()  # bounded by the number of segments of the longest take
    feeder = spawn(_feed(hear, frames, gate, work, news), name="segments", is_awaited=True)
    told = 0
    try:
        while not (feeder.done() and all(task.done() for task in work)):
            await news.get()
            done = [task.result() for task in work if task.done()]
            if len(done) > told and len(done) < len(work):
                told = len(done)
                text = " ".join(part for part in done if part)
                yield Transcript(text=text, committed_chars=len(text))
        await feeder
        yield Transcript(text=" ".join(part for task in work if (part := task.result())), is_final=True)
    finally:
        await stop(feeder, *work)


async def _feed(
    hear: Hear,
    frames: AsyncIterator[bytes],
    gate: Callable[[], Gate],
    work: list[asyncio.Task[str]],
    news: asyncio.Queue[None],
) -> None:
    segment: Recording | None = None
    pauses: Gate | None = None
    try:
        async for frame in frames:
            if segment is None:
                segment = Recording()
                hearing = spawn(_text(hear, segment), name="hear a segment", is_awaited=True)
                hearing.add_done_callback(lambda _: news.put_nowait(None))
                work.append(hearing)
            segment.add(frame)
            if segment.seconds >= LISTEN_FROM_S:
                pauses = pauses or gate()
                pauses.feed(frame)
                if _is_long_enough(segment.seconds, pauses.pause_s):
                    segment.end()
                    segment = None
    finally:
        if segment is not None:
            segment.end()
        news.put_nowait(None)


def _is_long_enough(length_s: float, quiet_s: float) -> bool:
    """Whether to cut: the pause asked for falls evenly between the shortest and the longest segment."""
    grown = min(1.0, (length_s - SHORTEST_S) / (LONGEST_S - SHORTEST_S))
    return grown >= 0 and quiet_s >= PAUSE_S - grown * (PAUSE_S - BREATH_S)


async def _text(hear: Hear, segment: Recording) -> str:
    text = ""
    async with aclosing(hear(segment.stream())) as transcripts:
        async for transcript in transcripts:
            text = transcript.text
    return text.strip()
