"""The one table of what a fault means for the next step: send it again, count it, or take it to somebody else.

`faults` names what a vendor did, also inside a stream that began with status 200; retry, breaker and fallback all read
here what follows from that name. Also what all middleware asks of requests and chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, Kind
from companion.flow import ChatDelta, HearRequest, SpeakRequest
from companion.kinds import Role

if TYPE_CHECKING:
    from companion.ports import Call
    from companion.providers.provider import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What a fault leads to. Whether it may pass by itself is the error's own `retryable`."""

    again: bool = True
    """The same request may be sent again, if the error is retryable too."""
    counts: bool = False
    """It says "not working at the moment", which is what the breaker counts."""
    elsewhere: bool = True
    """Somebody else may be asked."""
    unasked: bool = False
    """Nothing was sent, so it says nothing about whether anybody is there."""


_UNWELL = Reaction(counts=True)
_UNASKED = Reaction(again=False, unasked=True)
_HERE_TO_STAY = Reaction(again=False, elsewhere=False)
_ELSE = Reaction(again=False)
_PASSING = Reaction()

REACTIONS: Mapping[Kind, Reaction] = {
    Kind.UNREACHABLE: _UNWELL,
    Kind.UNAVAILABLE: _UNWELL,
    Kind.TIMEOUT: _UNWELL,
    Kind.CUT_OFF: _UNWELL,
    Kind.ENGINE_CRASHED: _UNWELL,
    Kind.RATE_LIMITED: _PASSING,
    Kind.EMPTY_REPLY: _PASSING,
    Kind.MALFORMED_REPLY: _PASSING,
    Kind.HEARING_FAILED: _PASSING,
    Kind.VOICE_FAILED: _PASSING,
    Kind.CIRCUIT_OPEN: _UNASKED,
    Kind.KEY_MISSING: _UNASKED,
    Kind.KEY_ELSEWHERE: _UNASKED,
    Kind.NOT_SUPPORTED: _UNASKED,
    Kind.ENGINE_MISSING: _UNASKED,
    Kind.PROVIDER_UNKNOWN: _UNASKED,
    Kind.NETWORK_SHUT: _UNASKED,
    Kind.UNSAFE_ADDRESS: _UNASKED,
    Kind.BUDGET_SPENT: _UNASKED,
    Kind.CONTENT_REFUSED: _HERE_TO_STAY,
    Kind.HEARD_NOTHING: _HERE_TO_STAY,
}
"""What is not listed (a refused key, no credit, an unknown model, a bad request) does not pass, and others may be asked."""


def reaction(error: CompanionError) -> Reaction:
    """What follows from a fault."""
    return REACTIONS.get(error.kind, _ELSE)


def is_live(request: object) -> bool:
    """Whether what it carries comes only once: frames of a microphone, or text while it is written."""
    return isinstance(request, HearRequest) or (
        isinstance(request, SpeakRequest) and request.pieces is not None
    )


def is_job(request: object) -> bool:
    """Whether it asks for work that goes on at the vendor while nobody waits."""
    from companion.jobs import BatchRequest, VideoRequest

    return isinstance(request, BatchRequest | VideoRequest)


def is_meaningful(chunk: object) -> bool:
    """Whether a chunk carries something: an empty delta without finish reason is only a sign of life."""
    if not isinstance(chunk, ChatDelta):
        return True
    return bool(chunk.text or chunk.finish_reason or chunk.reasoning or chunk.tool_calls)


def role_of(request: object) -> Role:
    """Which role a request asks for."""
    if isinstance(request, HearRequest):
        return Role.HEARS
    if isinstance(request, SpeakRequest):
        return Role.SPEAKS
    from companion.calls import DrawRequest, EmbedRequest
    from companion.jobs import VideoRequest

    found = {EmbedRequest: Role.EMBEDS, DrawRequest: Role.DRAWS, VideoRequest: Role.FILMS}
    return found.get(type(request), Role.THINKS)


def names_of(spec: Spec | None) -> tuple[str, str]:
    """Registered and display name, as errors take them."""
    return (spec.name, spec.display_name) if spec else ("", "")


@dataclass(frozen=True, slots=True)
class Middleware:
    """Something for `Client.use`, before it knows whose calls it stands around."""

    wrap: Callable[[Call[Any, Any], Spec], Call[Any, Any]]
    instead_of: Mapping[str, Any] = field(default_factory=dict)
    """What of the provider's own policy it takes the place of."""

    def __call__(self, call: Call[Any, Any]) -> Call[Any, Any]:
        """The same around a call of nobody in particular."""
        from companion.providers.provider import Spec

        return self.wrap(call, Spec(name="", display_name="", roles=frozenset()))
