"""`validated`: an answer is only given when it is what was asked for; for programs that read answers, not for speech."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

from companion.errors import AIProviderMalformedReplyError
from companion.flow import ChatDelta, ChatRequest
from companion.ports import Call
from companion.providers.middleware.reactions import names_of
from companion.providers.provider import Spec, opened
from companion.providers.response import said

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")
Check = Callable[[RequestT, Sequence[ChunkT]], str]
"""What is wrong with an answer, in a few words; empty: nothing. What it raises of ValueError's kind is a complaint too."""


def validated(
    call: Call[RequestT, ChunkT], check: Check[RequestT, ChunkT] | None = None, *, spec: Spec | None = None
) -> Call[RequestT, ChunkT]:
    """Holds the whole answer back until `check` has nothing against it.

    Nothing is delivered before, so `retry` outside may ask once more, and `fallback` somebody else.

    Args:
        check: default: JSON, and of the request's schema, where the request asks for that.

    Raises:
        AIProviderMalformedReplyError: and nothing was delivered.
    """
    judge: Check[RequestT, ChunkT] = check or as_asked

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        async with opened(call, request) as chunks:
            came = [chunk async for chunk in chunks]
        try:
            complaint = judge(request, came)
        except (ValueError, RecursionError) as error:
            complaint = str(error) or type(error).__name__
        if complaint:
            name, who = names_of(spec)
            raise AIProviderMalformedReplyError("", name, ValueError(complaint), who=who)
        for chunk in came:
            yield chunk

    return run


def as_asked(request: object, chunks: Sequence[object]) -> str:
    """What is wrong with the JSON that a chat request asks for; nothing with requests that ask for none."""
    if not isinstance(request, ChatRequest) or not (request.json or request.schema):
        return ""
    deltas = [chunk for chunk in chunks if isinstance(chunk, ChatDelta)]
    if any(delta.tool_calls for delta in deltas):  # a wish to use a tool comes instead of the answer
        return ""
    from companion.providers.schema import json_in

    value = json_in("".join(delta.text for delta in said(deltas)))
    if request.schema is not None:
        from companion.providers.schema import mismatches

        return "; ".join(mismatches(value, request.schema.schema))
    return "" if isinstance(value, dict) else "not an object"
