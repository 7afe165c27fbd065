"""What a request took, read from whatever a vendor sent about it. Nonsense there ends no answer and counts for nothing."""

from __future__ import annotations

from collections.abc import Mapping

from companion.flow import Usage


def figure(told: object, *path: str) -> object:
    """What stands at `path` in nested objects; None: nothing."""
    for name in path:
        told = told.get(name) if isinstance(told, Mapping) else None
    return told


def tokens(*figures: object) -> int | None:
    """Their sum, of which those that are missing are left out; None where none is there or one is no count."""
    found = [one for one in figures if one is not None]
    if not found or not all(_is_whole(one) for one in found):
        return None
    return sum(int(one) for one in found if isinstance(one, int | float))


def usage_of(
    *,
    read: int | None,
    written: int | None,
    cached: object = None,
    heard: object = None,
    spoken: object = None,
    cached_heard: object = None,
) -> Usage | None:
    """The usage of a request that `read` and wrote so many tokens, or None where that is not known.

    Args:
        read: of both, all; the others are parts of them.
        written: as `read`.
        cached: of what was read, what came from the vendor's cache.
        heard: of what was read, what was sound.
        spoken: of what was written, what was sound.
        cached_heard: of what was cached, what was sound.
    """
    if read is None and written is None:
        return None
    usage = Usage(
        input_tokens=read or 0,
        output_tokens=written or 0,
        cached_tokens=tokens(cached) or 0,
        audio_input_tokens=tokens(heard) or 0,
        audio_output_tokens=tokens(spoken) or 0,
        cached_audio_tokens=tokens(cached_heard) or 0,
    )
    return usage if usage.is_plausible else None


def _is_whole(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < float("inf") and value == int(value)
