"""Everything that ends a call badly becomes an `AIProviderError`; what refusals mean is in `refusals`.

Used by every adapter that talks over the network: `in_call` wraps a whole call, so that nothing but a `CompanionError`
leaves it; `until_over` reads a stream that has already said its last word without waiting for ever. Knows httpx2, which
all vendors' SDKs stand on, and no SDK by name.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from companion.errors import (
    CARDS,
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import Health
from companion.language import tr
from companion.log import redact
from companion.providers.wire.refusals import (
    FOR_TODAY,
    INVALID,
    LOADING,
    NO_ADDRESS,
    NOT_AN_API,
    TIMEOUT,
    TOO_LONG,
    UNAVAILABLE,
    UNREACHABLE,
    Reason,
    Verdict,
    until,
)

if TYPE_CHECKING:
    import httpx2

    from companion.providers.provider import AIProvider, Spec

T = TypeVar("T")

LINGER_S = 1.0
"""How long a stream may stay open after its last word; usage comes in that time or not at all."""
PAUSE_S = 5.0
"""The same where the last word was not said in so many words: some servers give a finish reason too early."""
LOADING_S = 1.0
"""Between two questions whether a model is loaded."""
_QUOTED = 200
"""Characters of a vendor's explanation that are shown."""


_GARBLED = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What parsers and SDKs raise over a reply that is not what it should be (JSON and UTF-8 errors are ValueErrors)."""


@dataclass(slots=True)
class CallContext:
    """How far a call has come, for the judgement of what ends it."""

    spec: Spec
    opened: bool = False
    """The vendor has answered with a body: from now on a broken connection is an answer cut off."""
    said: bool = False
    """Something was delivered."""
    verdict: Verdict | None = None
    """On the last refusal."""
    refused_for_size: bool = False
    """That was what it was refused for."""
    refused_with: str = ""
    """Its body."""

    def cut(self, error: BaseException | None = None) -> AIProviderStreamCutError:
        """The stream ended without its end. Worth another try only while nothing was delivered."""
        return AIProviderStreamCutError(
            "", self.spec.name, error, who=self.spec.display_name, retryable=not self.said
        )

    def empty(self, finish: str = "", *, thought: bool = False) -> AIProviderEmptyReplyError:
        """The answer ended well and says nothing. `finish`: how; `thought`: there were thoughts."""
        who, hint = self.spec.display_name, ""
        if finish == "length" and thought:
            hint = tr("It used all its room for thinking. Allow a longer answer, or less thinking.")
        elif finish == "length":
            hint = tr(
                "There was no room left for an answer. Begin a new reflection, or allow a longer answer."
            )
        again = False if finish == "length" else None  # the same request fills the same room
        return AIProviderEmptyReplyError("", self.spec.name, who=who, hint=hint, retryable=again)

    def fault(self, verdict: Verdict, error: BaseException | None = None, **where: Any) -> AIProviderError:
        """`verdict` as this provider's error."""
        who = self.spec.display_name
        where.setdefault("retryable", verdict.retryable)
        return verdict.error(
            verdict.sentence.format(who=who),
            self.spec.name,
            error,
            kind=verdict.kind,
            hint=where.pop("hint", "") or verdict.hint,
            who=who,
            **where,
        )

    def inside(self, body: object, error: BaseException | None = None) -> AIProviderError:
        """The error object a vendor sent inside an open stream."""
        return self.status(None, body, {}, error)

    def status(
        self,
        status: int | None,
        body: object,
        headers: Mapping[str, str],
        error: BaseException | None = None,
    ) -> AIProviderError:
        """A vendor's refusal, from its parts. `body` is the parsed JSON, or the text where it is none."""
        reason = Reason.of(body)
        verdict = self.verdict = reason.verdict(status)
        self.refused_for_size = status == 413
        wait_s = retry_after_s(headers)
        wait_s = reason.wait_s if wait_s is None else wait_s
        hint = ""
        if verdict is INVALID and reason.text:
            quoted = redact(" ".join(reason.text.split()))[:_QUOTED]
            hint = tr("It says: “{quoted}” What you said is kept.", quoted=quoted)
        elif verdict is FOR_TODAY:
            hint = f"{until(wait_s)} {verdict.hint}"
        found = self.fault(
            verdict,
            error,
            status=status,
            request_id=headers.get("x-request-id") or headers.get("request-id"),
            retry_after_s=wait_s,
            hint=hint,
        )
        if verdict is TOO_LONG and isinstance(found, AIProviderInvalidRequestError):
            found.window, found.counted = reason.window, reason.counted
        return found

    async def refusal(self, response: httpx2.Response) -> AIProviderError:
        """What an answer with a status of 400 or more says. Reads and closes it."""
        try:
            text = (await response.aread()).decode("utf-8", "replace")
        finally:
            await response.aclose()
        self.refused_with = text
        body: object = text
        with suppress(ValueError, RecursionError):
            body = json.loads(text)
        return self.status(response.status_code, body, response.headers)

    def exception(self, error: Exception) -> CompanionError:
        """Whatever an SDK, httpx2 or a parser raised. What the gate raised inside it comes out as itself."""
        import httpx2

        chain = list(_chain(error))
        for link in chain:
            if isinstance(link, CompanionError):
                return link
        for link in chain:
            status = getattr(link, "status_code", None)
            response = getattr(link, "response", None)
            if isinstance(status, int) and isinstance(response, httpx2.Response):
                inside = status < 400  # an SDK reports an error inside an open stream under its status of 200
                body = getattr(link, "body", None)
                return self.status(None if inside else status, body, response.headers, error)
        if any(isinstance(link, ssl.SSLError) for link in chain):
            return self.fault(_tls(chain), error, retryable=False)
        if any(isinstance(link, (httpx2.InvalidURL, httpx2.UnsupportedProtocol)) for link in chain):
            return self.fault(NO_ADDRESS, error, retryable=False)
        if any(isinstance(link, httpx2.ConnectTimeout) for link in chain):
            return self.fault(UNREACHABLE, error)
        if any(isinstance(link, httpx2.TimeoutException) for link in chain):
            return self.fault(TIMEOUT, error)
        if not self.opened and any(_speaks_otherwise(link) for link in chain):
            return self.fault(NOT_AN_API, error)
        if any(isinstance(link, httpx2.RequestError) for link in chain):
            return self.cut(error) if self.opened else self.fault(UNREACHABLE, error)
        if (body := getattr(error, "body", None)) is not None:
            return self.inside(body, error)
        if any(isinstance(link, _GARBLED) for link in chain):
            return self.cut(error) if self.said else self.fault(NOT_AN_API, error)
        return self.cut(error) if self.opened else self.fault(UNAVAILABLE, error)


@contextmanager
def in_call(spec: Spec) -> Iterator[CallContext]:
    """Everything raised inside leaves as a `CompanionError`; cancellation and closing pass untouched."""
    call = CallContext(spec)
    try:
        yield call
    except CompanionError:
        raise
    except Exception as error:  # noqa: BLE001 - a reply is outside input, and SDKs fail over odd ones in ways of their own
        found = call.exception(error)
        raise found from found.__cause__  # the gate's own lies below `error`; raised from it, the two would form a ring


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds a vendor asks to wait: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date (RFC 9110, 10.2.3).

    None for what means nothing. A date is read against the vendor's own clock where the answer says what that shows.
    """
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        written = headers.get(name, "").strip()
        if _SECONDS.fullmatch(written):
            return float(written) / scale
    moment = _moment(headers.get("retry-after", ""))
    if moment is None:
        return None
    told_at = _moment(headers.get("date", ""))
    now = time.time() - 0.5 if told_at is None else told_at  # a date leaves out half a second on average
    return max(0.0, moment - now)


_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")


def _moment(date: str) -> float | None:
    """Seconds since the epoch; dates without a zone are in GMT."""
    try:
        found = email.utils.parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


class until_over(Generic[T]):
    """Reads to the end, so that the connection is used again; once `over()`, only for `LINGER_S` and past any break.

    Hands on the iterator's own `__anext__` until then: nearly all pieces of an answer pass here. Give it `aiter_raw`: the
    gate lets no encoding through, so there is nothing to decode.

    Args:
        over: may become untrue again, when words follow what looked like the end.
        surely: whether the last word was said in so many words; if not, it is waited for `PAUSE_S`.
    """

    def __init__(
        self, chunks: AsyncIterator[T], over: Callable[[], bool], surely: Callable[[], bool] | None = None
    ) -> None:
        self._chunks, self._over, self._surely = chunks, over, surely

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T]:
        return self._linger() if self._over() else self._chunks.__anext__()

    async def _linger(self) -> T:
        try:
            async with asyncio.timeout(LINGER_S if self._surely is None or self._surely() else PAUSE_S):
                return await anext(self._chunks)
        except StopAsyncIteration:
            raise
        except Exception as error:
            import httpx2

            if any(isinstance(link, (TimeoutError, httpx2.RequestError)) for link in _chain(error)):
                raise StopAsyncIteration from error
            raise

    async def aclose(self) -> None:
        """Ends the reading."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


async def when_loaded(
    call: CallContext, ask: Callable[[], Awaitable[httpx2.Response]], patience_s: float
) -> httpx2.Response:
    """The answer to `ask`, asked again while the server says that its model is still being loaded; the caller closes it.

    Raises:
        AIProviderError: it was refused, or says when the model will be there and that is later than `patience_s`.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + patience_s
    while True:
        response = await ask()
        if response.status_code < 400:
            return response
        error = await call.refusal(response)
        pause_s = error.retry_after_s or LOADING_S
        if call.verdict is not LOADING or loop.time() + pause_s > latest:
            raise error
        await asyncio.sleep(pause_s)


async def health(
    provider: AIProvider,
    list_models: Callable[[], Any],
    knock: Callable[[CallContext], Awaitable[object]] | None = None,
) -> Health:
    """Times a question for the models there are; a failure becomes its sentence.

    Args:
        knock: a call that costs nothing and shows that key and address are right, for servers without such a list and
            keys that may not read it.
    """
    spec, started = provider.spec, time.perf_counter()

    async def listed() -> tuple[str, ...]:
        try:
            with in_call(spec):
                return tuple(await list_models())
        except AIProviderError as error:
            if knock is None or error.kind not in _NO_LIST:
                raise
            with in_call(spec) as call:
                await knock(call)
            return ()

    try:
        models = await provider.asked(listed)
    except AIProviderModelNotFoundError as error:
        if knock is None:  # the list itself is missing: no service lives at this address
            detail = CARDS[Kind.NOT_AN_API].sentence.format(who=spec.display_name)
            return Health(ok=False, detail=detail, kind=Kind.NOT_AN_API)
        return Health(ok=False, detail=error.message, kind=error.kind)
    except CompanionError as error:
        return Health(ok=False, detail=error.message, kind=error.kind)
    elapsed_ms = (time.perf_counter() - started) * 1000
    who = spec.display_name
    detail = tr("{who} accepts the key.", who=who) if spec.needs_key else tr("{who} answers.", who=who)
    return Health(ok=True, detail=detail, latency_ms=elapsed_ms, models=models)


_NO_LIST = frozenset({Kind.FORBIDDEN, Kind.NOT_AN_API, Kind.MODEL_UNKNOWN})


@contextmanager
def our_own(spec: Spec) -> Iterator[None]:
    """Around what makes a request: what fails there was never sent, so neither vendor nor address are to blame."""
    try:
        yield
    except CompanionError:
        raise
    except _GARBLED as error:
        raise AIProviderInvalidRequestError(
            tr("The request makes no sense ({name}: {error}).", name=type(error).__name__, error=error),
            spec.name,
            error,
            who=spec.display_name,
            hint=tr("Correct it; nothing was sent."),
        ) from error


def _speaks_otherwise(error: BaseException) -> bool:
    """Whether what came is no HTTP at all, as from an encrypted service; one that only hung up said nothing."""
    import httpx2

    return isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in str(error)


def _tls(chain: list[BaseException]) -> Verdict:
    reason = next(
        (link.verify_message for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None
    )
    sentence = (
        tr("No secure connection to {who} could be made.")
        if reason is None
        else tr("The certificate of {who} cannot be trusted ({reason}).").replace("{reason}", reason)
    )
    hint = tr("Nothing was sent. Check the address, the clock of this computer, and the network.")
    if reason is not None:
        own = tr("A server of your own: name its certificate in the settings under Privacy.")
        hint = f"{hint} {own}"
    return Verdict(AIProviderUnavailableError, Kind.UNREACHABLE, sentence, hint)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from.

    Contexts are not followed, since they also lead to whatever the caller was handling (another provider's failure, for
    instance); only httpcore2 hides its true cause there.
    """
    link: BaseException | None = error
    while link is not None:
        yield link
        hidden = link.__context__ if type(link).__module__.startswith("httpcore2") else None
        link = link.__cause__ or hidden
