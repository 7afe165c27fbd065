"""`fallback`: when one cannot begin, the next who may see what is asked answers instead, and that is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from companion.errors import CompanionError
from companion.flow import ChatDelta, ChatRequest, HearRequest, SpeakRequest
from companion.ledger import Cargo
from companion.ports import Call
from companion.providers.middleware.reactions import is_live, is_meaningful, reaction
from companion.providers.provider import opened

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
class Engine(Generic[RequestT, ChunkT]):
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
    engines: Sequence[Engine[RequestT, ChunkT]],
    *,
    carries: Callable[[RequestT], frozenset[Cargo]] = carried_by,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Call[RequestT, ChunkT]:
    """Asks the next engine when one fails before it delivered anything.

    Nobody is asked who is not ticked for everything the request carries. A refusal to answer is an answer and is not
    taken elsewhere. A live take is only passed on by an engine that was never asked. The last delta of an answer by
    somebody else says so in its `notices`.

    Args:
        carries: what a request carries, where the program knows more: excerpts of earlier reflections, for instance.
        on_outcome: hears who answers, when the first piece is there.

    Raises:
        CompanionError: that of the person's own choice, when nobody else may or can answer.
    """

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        cargo = carries(request)
        allowed = [engine for n, engine in enumerate(engines) if n == 0 or cargo <= engine.may_see]
        failed: list[tuple[str, CompanionError]] = []
        for engine in allowed:
            delivered = False
            try:
                async with opened(engine.call, request) as chunks:
                    async for chunk in chunks:
                        if not delivered and is_meaningful(chunk):
                            delivered = True
                            if on_outcome is not None:
                                on_outcome(Outcome(answered_by=engine.name, instead_of=tuple(failed)))
                        yield _told(chunk, engine.name) if failed else chunk
                return
            except CompanionError as error:
                if delivered:
                    raise
                failed.append((engine.name, error))
                if not _may_be_taken_elsewhere(request, error):
                    break
        raise failed[0][1]

    return run


def _told(chunk: ChunkT, name: str) -> ChunkT:
    if isinstance(chunk, ChatDelta) and chunk.finish_reason:
        return replace(chunk, notices=(*chunk.notices, f"Answered by {name}."))
    return chunk


def _may_be_taken_elsewhere(request: object, error: CompanionError) -> bool:
    what = reaction(error)
    return what.unasked if is_live(request) else what.elsewhere
