"""A take that is no turn: whether the microphone brings sound, and which words the chosen recogniser makes of it.

Nothing goes to a recogniser before the program here has heard speech, and nothing of it is kept. Event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from companion.conversation.recording import Recording
from companion.conversation.segments import Hear
from companion.errors import CompanionError, Kind
from companion.flow import FRAME_MS, Transcript
from companion.language import tr
from companion.pcm import level_db
from companion.ports import Gate, Microphone
from companion.tasks import spawn, stop

LONGEST_FRAMES = 15_000 // FRAME_MS
"""Speech and quiet together; who has said nothing until then says nothing."""
SILENT_FRAMES = 2500 // FRAME_MS
"""Digital silence for this long means a muted or refused microphone."""
PAUSE_S = 1.2
"""This much quiet after speech ends it."""
LEVEL_FRAMES = 2
"""A level for so many frames."""


async def listen(
    microphone: Microphone, gate: Gate, hear: Hear, patience_s: float
) -> AsyncGenerator[float | Transcript, None]:
    """Levels in dB, and the words as they become known; ends with the final ones after the first pause.

    Args:
        patience_s: longest wait for the words once the microphone is closed.

    Raises:
        CompanionError: as `Microphone.open`; MICROPHONE_SILENT, MICROPHONE_LOST; HEARD_NOTHING; what `hear` raises.
    """
    take = await microphone.open()
    recording, heard = Recording(), list[Transcript]()
    hearing: asyncio.Task[None] | None = None
    try:
        async with aclosing(take.frames()) as frames:
            count = 0
            async for frame in frames:
                count += 1
                recording.add(frame)
                gate.feed(frame)
                if hearing is None and gate.heard_speech:
                    hearing = spawn(_hear(hear, recording, heard), name="check hearing", is_awaited=True)
                if count % LEVEL_FRAMES == 0:
                    yield level_db(frame)
                while heard:
                    yield heard.pop(0)
                if take.is_silent and count >= SILENT_FRAMES:
                    raise CompanionError(Kind.MICROPHONE_SILENT)
                is_said = hearing is not None and (hearing.done() or gate.pause_s >= PAUSE_S)
                if is_said or count >= LONGEST_FRAMES:
                    break
        await take.close()
        recording.end()
        if hearing is None:
            raise CompanionError(Kind.HEARD_NOTHING)
        await _patiently(hearing, patience_s)
        for transcript in heard:
            yield transcript
    finally:
        recording.end()
        await stop(hearing)
        await take.close()


async def _hear(hear: Hear, recording: Recording, heard: list[Transcript]) -> None:
    async with aclosing(hear(recording.stream())) as transcripts:
        async for transcript in transcripts:
            heard.append(transcript)


async def _patiently(hearing: asyncio.Task[None], patience_s: float) -> None:
    try:
        async with asyncio.timeout(patience_s):
            await hearing
    except TimeoutError:
        raise CompanionError(Kind.HEARING_FAILED, who=tr("The recogniser")) from None
