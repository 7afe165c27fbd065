"""A provider whose work is done in the engine process: jobs out, what the process says in. On the loop's thread.

Apart from `engines.py`, so that the window can ask who speaks and hears before there is a loop.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderUnavailableError, Kind
from companion.flow import CAPTURE_RATE_HZ, Audio, HearRequest
from companion.language import tr
from companion.pcm import Resampler
from companion.providers.here.models.store import State
from companion.providers.provider import AIProvider
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from companion.providers.here.process.engines import EngineJob, EngineProcess
    from companion.providers.here.voices import InstalledVoice

SEND_BYTES = 6400
"""Longest piece of a take sent at once: 200 ms."""
_RATE_BYTES = 4
"""Before every piece of sound."""


class EngineProvider(AIProvider):
    """A provider whose work is done in the shared engine process."""

    _engines: EngineProcess | None = None

    async def start_job(self, work: str, **order: Any) -> EngineJob:
        if self._engines is None:
            from companion.providers.here.process.engines import shared_engines

            self._engines = shared_engines()
            self._engines.join(self)
        return await self._engines.job(self.spec, work, **order)

    async def run_job(self, work: str, **order: Any) -> Mapping[str, Any]:
        """Does `work` to its end and returns its result."""
        job = await self.start_job(work, **order)
        try:
            async for _ in job:
                pass
            return job.result
        finally:
            job.cancel()

    async def sound_of(
        self, voice: InstalledVoice, wanted: str, text: str, speed: float
    ) -> AsyncGenerator[Audio, None]:
        """`text` in a natural voice; `wanted` may name one of its speakers after "#"."""
        speaker = wanted.partition("#")[2]
        job = await self.start_job(
            "speak_naturally", text=text, file=str(voice.file), speaker=speaker, speed=speed
        )
        async with aclosing(self.sound_from(job)) as sound:
            async for audio in sound:
                yield audio

    async def sound_from(self, job: EngineJob) -> AsyncGenerator[Audio, None]:
        """What a job says aloud; whoever stops listening cancels it."""
        try:
            async for piece in job:
                rate_hz = int.from_bytes(piece[:_RATE_BYTES], "little")
                yield Audio(pcm=piece[_RATE_BYTES:], rate_hz=rate_hz)
        finally:
            job.cancel()

    async def hear(
        self, request: HearRequest, work: str, **order: Any
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """What the process says while it is fed the take, its result last, with `is_final`."""
        job = await self.start_job(work, **order)
        feeding = spawn(_feed(job, request), name=f"{self.spec.name}: frames")
        try:
            async for told in job:
                yield json.loads(told)
            yield {**job.result, "is_final": True}
        finally:
            job.cancel()
            await stop(feeding)

    def missing(self, message: str, hint: str) -> AIProviderUnavailableError:
        """ENGINE_MISSING: something that the work needs is not installed or not fetched."""
        who = self.spec.display_name
        return AIProviderUnavailableError(
            message, self.spec.name, kind=Kind.ENGINE_MISSING, who=who, hint=hint
        )

    def missing_model(self, what: str, state: State, fetch: str, again: str) -> AIProviderUnavailableError:
        """`what` ("The voice “Joe”") is not fetched, or not whole; where a person fetches it, or does so again."""
        if state is State.DAMAGED:
            return self.missing(tr("{what} is damaged.", what=what), again)
        return self.missing(tr("{what} is not on this computer yet.", what=what), fetch)

    async def aclose(self) -> None:
        engines, self._engines = self._engines, None
        if engines is not None:
            await engines.leave(self)
        await super().aclose()


async def _feed(job: EngineJob, request: HearRequest) -> None:
    resampler = Resampler(request.rate_hz, CAPTURE_RATE_HZ)
    odd = b""
    try:
        async for frame in request.frames:
            data = odd + frame
            whole = len(data) // 2 * 2
            odd = data[whole:]
            await _send(job, resampler.process(data[:whole]))
        await _send(job, resampler.process(b"", last=True))
        job.end()
    except Exception as error:  # noqa: BLE001 - what the source of the frames raised belongs to the reader of the words
        job.fail(error)


async def _send(job: EngineJob, pcm: bytes) -> None:
    for start in range(0, len(pcm), SEND_BYTES):
        await job.send(pcm[start : start + SEND_BYTES])
