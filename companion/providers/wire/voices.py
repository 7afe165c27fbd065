"""A voice that the vendor does not have: the default speaks instead, and the person is told. Text in, `Audio` out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from companion.errors import AIProviderModelNotFoundError, AIProviderVoiceNotFoundError
from companion.flow import Audio, SpeakRequest
from companion.providers.provider import AIProvider
from companion.providers.replay import Replay


async def said_in_any_voice(
    provider: AIProvider,
    request: SpeakRequest,
    say: Callable[[SpeakRequest], AsyncGenerator[Audio, None]],
    default: Callable[[], Awaitable[str]],
    error: type[AIProviderModelNotFoundError] = AIProviderVoiceNotFoundError,
) -> AsyncGenerator[Audio, None]:
    """The sound of a request in the voice it asks for, or in the default where there is no such voice.

    Args:
        say: says it once.
        default: the voice to fall back on; "": the vendor's own choice.
        error: how the vendor says so.
    """
    pieces = Replay(request.pieces) if request.pieces is not None else None
    absent: set[str] = provider.__dict__.setdefault("_absent_voices", set())
    who, asked = provider.spec.display_name, request.voice or provider.tts_voice
    request, notice = replace(request, voice=asked), ""
    if asked in absent:
        request, notice = replace(request, voice=await default()), _NOTICE.format(who=who, voice=asked)
    try:
        while True:
            once = request if pieces is None else replace(request, pieces=pieces.again())
            try:
                async with aclosing(say(once)) as sound:
                    async for audio in sound:
                        yield replace(audio, notices=(notice, *audio.notices)) if notice else audio
                        notice = ""
                return
            except error:
                if notice or not asked or (other := await default()) == asked:
                    raise
                absent.add(asked)
                request, notice = replace(request, voice=other), _NOTICE.format(who=who, voice=asked)
    finally:
        if pieces is not None:
            await pieces.aclose()


_NOTICE = "{who} has no voice “{voice}”; its usual one speaks instead."
