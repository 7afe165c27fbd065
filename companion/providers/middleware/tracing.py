"""`traced`: a span of OpenTelemetry for each call, in the words of its conventions for generative AI. No content, ever.

The API package is used where a program has installed it; without it, or without a tracer of the program's own, nothing
happens (opentelemetry.io, semantic conventions, gen_ai).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

from companion.errors import CompanionError
from companion.flow import ChatDelta
from companion.kinds import Role
from companion.ports import Call
from companion.providers.middleware.reactions import Middleware, role_of
from companion.providers.provider import Spec, opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

_OPERATIONS = {
    Role.THINKS: "chat",
    Role.EMBEDS: "embeddings",
    Role.HEARS: "transcription",
    Role.SPEAKS: "speech",
    Role.DRAWS: "image_generation",
}
_ASKED = ("max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed")


def traced(
    call: Call[RequestT, ChunkT], *, spec: Spec | None = None, tracer: Any = None
) -> Call[RequestT, ChunkT]:
    """Opens a span for each call, a child of the caller's.

    Args:
        tracer: instead of the one OpenTelemetry gives; None and no OpenTelemetry: `call` itself.
    """
    tracer = tracer or _tracer()
    if tracer is None:
        return call

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        operation = _OPERATIONS[role_of(request)]
        model = getattr(request, "model", "") or (
            spec.default_models.get(role_of(request), "") if spec else ""
        )
        # The span is no context of its own: a generator is left and entered again by others' tasks.
        span = tracer.start_span(
            f"{operation} {model}".strip(), attributes=_about(request, operation, model, spec)
        )
        try:
            async with opened(call, request) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, ChatDelta) and chunk.finish_reason:
                        _tell_end(span, chunk)
                    yield chunk
        except CompanionError as error:
            span.set_attribute("error.type", error.kind.value)
            _fail(span, error.kind.value)
            raise
        finally:
            span.end()

    return run


def TracingMiddleware(tracer: Any = None) -> Middleware:
    """`traced` for `Client.use`."""
    return Middleware(lambda call, spec: traced(call, spec=spec, tracer=tracer))


def _tracer() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer("companion.providers")


def _about(request: object, operation: str, model: str, spec: Spec | None) -> dict[str, Any]:
    asked = {f"gen_ai.request.{name}": getattr(request, name, None) for name in _ASKED}
    about = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": spec.name if spec else "",
        "gen_ai.request.model": model,
        **asked,
    }
    return {name: value for name, value in about.items() if value not in (None, "")}


def _tell_end(span: Any, last: ChatDelta) -> None:
    span.set_attribute("gen_ai.response.finish_reasons", [last.finish_reason])
    if last.model:
        span.set_attribute("gen_ai.response.model", last.model)
    if last.usage is not None:
        span.set_attribute("gen_ai.usage.input_tokens", last.usage.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", last.usage.output_tokens)


def _fail(span: Any, kind: str) -> None:
    try:
        from opentelemetry.trace import Status, StatusCode
    except ImportError:  # a tracer of the program's own
        return
    span.set_status(Status(StatusCode.ERROR, kind))
