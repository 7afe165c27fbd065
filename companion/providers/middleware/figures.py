"""`measured` and `logged`: what a call was like, in counts and times, never in words; `Figures` adds it up.

A collector is anything with `record`; it hears one `CallFigures` per call, whether it went well, failed, or was given up.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from companion.errors import CompanionError, Kind
from companion.flow import Audio, ChatDelta, ChatRequest, HearRequest, SpeakRequest, Transcript, Usage
from companion.kinds import Role
from companion.log import redact
from companion.ports import Call
from companion.providers.middleware.reactions import Middleware, is_job, is_meaningful, role_of
from companion.providers.provider import Spec, opened
from companion.providers.response import added

if TYPE_CHECKING:
    from companion.jobs import BatchAnswer, Video

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

_log = logging.getLogger(__name__)
WELL, GIVEN_UP = "ok", "given up"
CHARS_PER_TOKEN = 4
"""For answers that were given up before the vendor counted; English prose has 4 to 5."""
MOST_TIMES = 512
_MAY_BE_CHARGED = (WELL, GIVEN_UP, Kind.TIMEOUT.value, Kind.CUT_OFF.value)
"""How calls end that the vendor may have worked on though nothing came of it; what it refuses is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFigures:
    """One call in figures."""

    provider: str
    model: str
    role: Role
    outcome: str = WELL
    """`ok`, `given up`, or the kind of the fault."""
    first_s: float | None = None
    """To the first piece that carries something; None: none came."""
    waited_s: float = 0.0
    """Altogether, without the time in which the caller was busy with a piece."""
    pieces: int = 0
    usage: Usage | None = None
    is_estimate: bool = False
    """The vendor did not say; tokens are guessed from the length of the text."""
    sound_s: float = 0.0
    """Heard or spoken, or of a video."""
    chars: int = 0
    """Given to a voice."""
    is_batch: bool = False
    """Answered in a batch, which costs less."""
    cost_usd: float | None = None
    """None: nobody knows."""


@runtime_checkable
class Collector(Protocol):
    """Where figures go. Called on the loop's thread, at the end of each call; must be quick."""

    def record(self, figures: CallFigures, /) -> None: ...


class MetricsCollector(Protocol):
    """Where each step of a call goes, as it happens. Called on the loop's thread; must be quick."""

    def record_request(self, provider: str, model: str, /) -> None: ...

    def record_response(
        self, provider: str, model: str, duration: float, tokens: int, error: BaseException | None, /
    ) -> None:
        """A call has ended, after `duration` seconds: well, with an error, or given up (`GeneratorExit`)."""

    def record_stream_chunk(self, provider: str, model: str, /) -> None: ...


Price = Callable[[CallFigures], float | None]


def catalogue_price(figures: CallFigures) -> float | None:
    """What a call cost by the catalogue of models; None: not known. Engines of this computer cost nothing."""
    from companion.providers import registry
    from companion.providers.catalogue import BATCH_SHARE, Catalogue, cost_usd

    entry = Catalogue.load().find(figures.model, figures.provider)
    if entry is None:
        try:
            return None if registry.find(figures.provider).needs_key else 0.0
        except CompanionError:
            return None
    is_by_sound = figures.role in (Role.HEARS, Role.SPEAKS) or (
        figures.role is Role.FILMS and figures.sound_s
    )
    if figures.usage is None and not is_by_sound:
        return None
    cost = cost_usd(entry, figures.usage, seconds=figures.sound_s, chars=figures.chars)
    return cost * BATCH_SHARE if figures.is_batch and cost is not None else cost


def measured(
    call: Call[RequestT, ChunkT],
    *collectors: Collector,
    spec: Spec | None = None,
    price: Price = catalogue_price,
    default_model: Callable[[Role], str] | None = None,
) -> Call[RequestT, ChunkT]:
    """Tells the collectors what each call was like: outermost what the caller sees, innermost what each attempt took.

    Args:
        default_model: which model a request without one goes to; by default as `spec` says.
    """

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        watch = _Watch(request, spec, default_model)
        if isinstance(request, HearRequest):
            request = cast(RequestT, replace(request, frames=watch.heard(request.frames, request.rate_hz)))
        elif isinstance(request, SpeakRequest) and request.pieces is not None:
            request = cast(RequestT, replace(request, pieces=watch.read(request.pieces)))
        outcome = GIVEN_UP
        try:
            async with opened(call, request) as chunks:
                while True:
                    watch.waits()
                    try:
                        chunk = await anext(chunks)
                    except StopAsyncIteration:
                        break
                    finally:
                        watch.has_waited()
                    watch.take(chunk)
                    yield chunk
            outcome = WELL
        except CompanionError as error:
            outcome = error.kind.value
            raise
        finally:
            figures = watch.figures(outcome, price)
            for collector in collectors:
                collector.record(figures)

    return run


def observed(
    call: Call[RequestT, ChunkT], metrics: MetricsCollector, *, spec: Spec | None = None
) -> Call[RequestT, ChunkT]:
    """Tells a `MetricsCollector` of each request, piece and end."""

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        clock = asyncio.get_running_loop().time
        watch, began, error = _Watch(request, spec, None), clock(), None
        provider, model = watch.who
        metrics.record_request(provider, model)
        try:
            async with opened(call, request) as chunks:
                async for chunk in chunks:
                    watch.take(chunk)
                    if is_meaningful(chunk):
                        metrics.record_stream_chunk(provider, model)
                    yield chunk
        except BaseException as caught:
            error = caught
            raise
        finally:
            told = watch.figures(WELL, lambda _: None)
            tokens = told.usage.total_tokens if told.usage and told.pieces else 0
            metrics.record_response(provider, model, clock() - began, tokens, error)

    return run


class _Watch:
    """One call being measured."""

    def __init__(
        self, request: object, spec: Spec | None, default_model: Callable[[Role], str] | None
    ) -> None:
        self._request = request
        self._time = asyncio.get_running_loop().time
        self._role = role_of(request)
        asked: object = getattr(request, "model", "")
        self._provider = spec.name if spec else ""
        default = default_model or (spec.default_models.get if spec else None)
        self._model = asked if isinstance(asked, str) else ""
        self._model = self._model or (default and default(self._role)) or ""
        self._hears_live = spec is not None and (spec.hears_live or self._model in spec.live_models)
        self._is_all_heard = False
        self._chars = len(request.text) if isinstance(request, SpeakRequest) else 0
        self._said_chars = self._pieces = 0
        self._sound_s = self._waited_s = self._began_s = 0.0
        self._first_s: float | None = None
        self._usage: Usage | None = None
        self._answers: tuple[BatchAnswer, ...] = ()

    @property
    def who(self) -> tuple[str, str]:
        """Provider and model, as far as they are known."""
        return self._provider, self._model

    def waits(self) -> None:
        self._began_s = self._time()

    def has_waited(self) -> None:
        self._waited_s += self._time() - self._began_s

    def take(self, chunk: object) -> None:
        if is_meaningful(chunk):
            self._pieces += 1
            if self._first_s is None:
                self._first_s = self._waited_s
        if isinstance(chunk, ChatDelta):
            self._said_chars += len(chunk.text) + len(chunk.reasoning)
            if chunk.usage is None and not chunk.model:  # nearly all of them
                return
            self._model = self._model or chunk.model
        elif isinstance(chunk, Audio):
            self._sound_s += chunk.seconds
            return
        elif is_job(self._request):
            self._take_progress(chunk)
        self._usage = _usage_of(chunk) or self._usage

    def _take_progress(self, chunk: object) -> None:
        """What the last progress of a job says of what is charged for."""
        video: Video | None = getattr(chunk, "video", None)
        if video is not None:
            self._sound_s = video.seconds or 0.0
        answers: tuple[BatchAnswer, ...] | None = getattr(chunk, "answers", None)
        for each in answers or ():
            if each.answer is not None:
                self._usage = added(self._usage, each.answer.usage)
        self._answers = answers or ()

    def _cost_of_batch(self, figures: CallFigures, price: Price) -> float | None:
        """The sum over all answers: each was a request of its own."""
        told = [each.answer for each in self._answers if each.answer is not None]
        costs = [price(replace(figures, usage=answer.usage, is_batch=True)) for answer in told]
        return None if None in costs else sum(cost or 0.0 for cost in costs)

    async def heard(self, frames: AsyncIterator[bytes], rate_hz: int) -> AsyncGenerator[bytes, None]:
        """The frames of a take, their seconds counted."""
        async with _closing(frames):
            async for frame in frames:
                self._sound_s += len(frame) / 2 / rate_hz
                yield frame
            self._is_all_heard = True

    async def read(self, pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
        """The text of a voice while it is written, its characters counted."""
        async with _closing(pieces):
            async for piece in pieces:
                self._chars += len(piece)
                yield piece

    def figures(self, outcome: str, price: Price) -> CallFigures:
        was_served = self._was_served(outcome)
        usage = self._usage
        if is_guess := usage is None and was_served:
            usage = self._guessed()
        figures = CallFigures(
            provider=self._provider,
            model=self._model,
            role=self._role,
            outcome=outcome,
            first_s=self._first_s,
            waited_s=self._waited_s,
            pieces=self._pieces,
            usage=usage,
            is_estimate=is_guess and usage is not None,
            sound_s=self._sound_s,
            chars=self._chars if was_served else 0,
        )
        if self._answers:
            return replace(figures, is_batch=True, cost_usd=_sane(self._cost_of_batch(figures, price)))
        return replace(figures, cost_usd=_sane(price(figures)) if was_served else 0.0)

    def _was_served(self, outcome: str) -> bool:
        """Whether the vendor has done something that it charges for, as far as that shows here."""
        if not self._is_a_call or (is_job(self._request) and outcome not in _MAY_BE_CHARGED):
            return False
        if self._usage is not None or self._pieces:
            return True
        if outcome not in _MAY_BE_CHARGED:
            return False
        if self._role is Role.HEARS:  # most take the whole recording, and have nothing before its end
            return self._sound_s > 0 and (self._hears_live or self._is_all_heard)
        return self._role in (Role.THINKS, Role.DRAWS)

    @property
    def _is_a_call(self) -> bool:
        """False for what is no request of a role, such as the opening of a conversation."""
        is_chat = isinstance(self._request, ChatRequest) or is_job(self._request)
        return is_chat or self._role is not Role.THINKS

    def _guessed(self) -> Usage | None:
        """Tokens by the length of the text, for calls that are charged by them and were not counted."""
        from companion.calls import EmbedRequest
        from companion.tokens import estimate_request

        request, asked = self._request, 0
        if isinstance(request, ChatRequest):
            asked = estimate_request(request)
        elif isinstance(request, EmbedRequest):
            asked = -(-sum(map(len, request.texts)) // CHARS_PER_TOKEN)
        else:
            return None
        return Usage(input_tokens=asked, output_tokens=-(-self._said_chars // CHARS_PER_TOKEN))


def _usage_of(chunk: object) -> Usage | None:
    """What a chunk says of what the call took; None where it says nothing, or nonsense."""
    usage: object = getattr(chunk, "usage", None)
    if not isinstance(usage, Usage):
        read, written = (getattr(chunk, name, 0) for name in ("input_tokens", "output_tokens"))
        usage = Usage(input_tokens=read, output_tokens=written) if read or written else None
    return usage if isinstance(usage, Usage) and usage.is_plausible else None


def _sane(cost_usd: float | None) -> float | None:
    return cost_usd if cost_usd is not None and 0 <= cost_usd < math.inf else None


@asynccontextmanager
async def _closing(source: AsyncIterator[Any]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


@dataclass(slots=True)
class Sum:
    """All calls of one model, added up."""

    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0
    sound_s: float = 0.0
    cost_usd: float = 0.0
    unpriced: int = 0
    """Calls whose price nobody knows; `cost_usd` is without them."""
    first_s: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_TIMES))
    """Of the latest calls."""
    waited_s: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_TIMES))

    def add(self, figures: CallFigures) -> None:
        self.calls += 1
        self.outcomes[figures.outcome] += 1
        if figures.usage is not None:
            self.input_tokens += figures.usage.input_tokens
            self.output_tokens += figures.usage.output_tokens
        self.sound_s += figures.sound_s
        self.unpriced += figures.cost_usd is None
        self.cost_usd += figures.cost_usd or 0.0
        self.waited_s.append(figures.waited_s)
        if figures.first_s is not None:
            self.first_s.append(figures.first_s)

    @staticmethod
    def percentile(times: deque[float], percent: int) -> float | None:
        """None while there is nothing to tell."""
        ranked = sorted(times)
        return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] if ranked else None


class Figures:
    """A collector that adds up, per provider and model."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str], Sum] = {}

    def record(self, figures: CallFigures) -> None:
        self.sums.setdefault((figures.provider, figures.model), Sum()).add(figures)

    @property
    def cost_usd(self) -> float:
        return sum(each.cost_usd for each in self.sums.values())


# -- the log ------------------------------------------------------------------------------------------------


def logged(
    call: Call[RequestT, ChunkT],
    *,
    spec: Spec | None = None,
    log: logging.Logger = _log,
    content: bool = False,
    price: Price = catalogue_price,
) -> Call[RequestT, ChunkT]:
    """Writes one line per call: names, counts and times, also as the record's `call` for structured handlers.

    Args:
        content: also writes, at DEBUG, what was asked and answered, without anything that looks like a key. Never on by
            itself.
    """
    return measured(_aloud(call, log) if content else call, _Line(log), spec=spec, price=price)


def MetricsMiddleware(metrics: MetricsCollector | Collector) -> Middleware:
    """`observed` for `Client.use`, or `measured` for a collector of figures."""
    if not isinstance(metrics, Collector):
        return Middleware(lambda call, spec: observed(call, metrics, spec=spec))
    return Middleware(lambda call, spec: measured(call, metrics, spec=spec))


def LoggingMiddleware(logger: logging.Logger | None = None, *, content: bool = False) -> Middleware:
    """`logged` for `Client.use`."""
    return Middleware(lambda call, spec: logged(call, spec=spec, log=logger or _log, content=content))


class _Line:
    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def record(self, figures: CallFigures) -> None:
        usage = figures.usage or Usage()
        told: dict[str, Any] = {
            "provider": figures.provider,
            "model": figures.model,
            "role": figures.role.value,
            "outcome": figures.outcome,
            "first_ms": None if figures.first_s is None else round(figures.first_s * 1000, 1),
            "waited_ms": round(figures.waited_s * 1000, 1),
            "pieces": figures.pieces,
            "tokens_in": usage.input_tokens,
            "tokens_out": usage.output_tokens,
            "sound_s": round(figures.sound_s, 2),
            "cost_usd": figures.cost_usd,
        }
        text = " ".join(f"{name}={value}" for name, value in told.items() if value not in (None, "", 0))
        self._log.info("call %s", text, extra={"call": told})


def _aloud(call: Call[RequestT, ChunkT], log: logging.Logger) -> Call[RequestT, ChunkT]:
    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        asked = request.messages[-1].content if isinstance(request, ChatRequest) and request.messages else ""
        asked = request.text if isinstance(request, SpeakRequest) else asked
        said: list[str] = []
        try:
            async with opened(call, request) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, ChatDelta):
                        said.append(chunk.text)
                    elif isinstance(chunk, Transcript):
                        said = [chunk.text]
                    yield chunk
        finally:
            log.debug("asked: %s | answered: %s", redact(asked), redact("".join(said)))

    return run
