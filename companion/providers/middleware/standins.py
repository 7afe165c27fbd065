"""`fallback`: when one cannot begin, the next who may see what is asked answers instead, and that is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from companion.errors import CompanionError
from companion.flow import ChatDelta, ChatRequest, HearRequest, SpeakRequest
from companion.ledger import Cargo
from companion.ports import Call
from companion.providers.middleware.reactions import is_meaningful, reaction
from companion.providers.provider import opened
from companion.providers.replay import repeatable

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")


def carried_by(request: object) -> frozenset[Cargo]:
    """What of a person a request carries, as far as it shows. Of a kind of request nobody knows here: everything."""
    if isinstance(request, HearRequest):
        return frozenset({Cargo.VOICE})
    if isinstance(request, SpeakRequest):
        return frozenset({Cargo.ANSWERS})
    if isinstance(request, ChatRequest):
        has_voice = any(message.sounds for message in request.messages)
        return frozenset({Cargo.WORDS, Cargo.VOICE} if has_voice else {Cargo.WORDS})
    from companion.calls import DrawRequest, EmbedRequest

    return frozenset({Cargo.WORDS} if isinstance(request, (EmbedRequest, DrawRequest)) else Cargo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Generic[RequestT, ChunkT]):
    """One who may be asked."""

    name: str
    """As a person reads it."""
    call: Call[RequestT, ChunkT]
    may_see: frozenset[Cargo] = frozenset()
    """What the person has ticked for it. The first of a list is the person's own choice and needs no tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Who answered."""

    answered_by: str
    instead_of: tuple[tuple[str, CompanionError], ...] = field(default=())
    """Who was asked before, and why it was not they; empty: the person's own choice answered."""


def fallback(
    candidates: Sequence[Candidate[RequestT, ChunkT]],
    *,
    carries: Callable[[RequestT], frozenset[Cargo]] = carried_by,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Call[RequestT, ChunkT]:
    """Asks the next candidate when one fails before it delivered anything.

    Nobody is asked who is not ticked for everything the request carries. A refusal to answer is an answer and is not
    taken elsewhere. Sound and text that come only once are kept meanwhile and begin again. The last delta of an answer by
    somebody else says so in its `notices`.

    Args:
        carries: what a request carries, where the program knows more: excerpts of earlier reflections, for instance.
        on_outcome: hears who answers, when the first piece is there.

    Raises:
        CompanionError: that of the person's own choice, when nobody else may or can answer.
    """

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        cargo = carries(request)
        allowed = [one for n, one in enumerate(candidates) if n == 0 or cargo <= one.may_see]
        failed: list[tuple[str, CompanionError]] = []
        async with repeatable(request) as make:
            for one in allowed:
                delivered = False
                try:
                    async with opened(one.call, make()) as chunks:
                        async for chunk in chunks:
                            if not delivered and is_meaningful(chunk):
                                delivered = True
                                if on_outcome is not None:
                                    on_outcome(Outcome(answered_by=one.name, instead_of=tuple(failed)))
                            yield _told(chunk, one.name) if failed else chunk
                    return
                except CompanionError as error:
                    if delivered:
                        raise
                    failed.append((one.name, error))
                    if not reaction(error).elsewhere:
                        break
        raise failed[0][1]

    return run


def _told(chunk: ChunkT, name: str) -> ChunkT:
    if isinstance(chunk, ChatDelta) and chunk.finish_reason:
        return replace(chunk, notices=(*chunk.notices, f"Answered by {name}."))
    return chunk
