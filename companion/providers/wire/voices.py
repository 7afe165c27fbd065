"""A voice the vendor does not have: the one that is set, else its usual one, speaks instead, and the person is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from companion.errors import AIProviderModelNotFoundError, AIProviderVoiceNotFoundError
from companion.flow import Audio, SpeakRequest
from companion.language import mark, tr
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
    chosen = [voice for voice in dict.fromkeys((request.voice, provider.tts_voice)) if voice]
    left = [voice for voice in chosen if voice not in absent]
    has_come = False
    try:
        while True:
            is_last = not left
            voice = left.pop(0) if left else await default() if chosen else ""
            once = replace(request, voice=voice, pieces=pieces.again() if pieces else None)
            is_other = bool(chosen) and voice != chosen[0]
            notice = tr(_NOTICE, who=provider.spec.display_name, voice=chosen[0]) if is_other else ""
            try:
                async with aclosing(say(once)) as sound:
                    async for audio in sound:
                        has_come = True
                        yield replace(audio, notices=(notice, *audio.notices)) if notice else audio
                        notice = ""
                return
            except error:
                if has_come or is_last or (not left and await default() == voice):
                    raise
                absent.add(voice)
    finally:
        if pieces is not None:
            await pieces.aclose()


_NOTICE = mark("{who} has no voice “{voice}”; its usual one speaks instead.")
