"""What a vendor's failure is called: one table from status, vendor code and exception to an `AIProviderError`.

Used by every adapter that talks over the network: `told` wraps a whole call, so that nothing but a `CompanionError`
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
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeVar

from companion.errors import (
    CARDS,
    AIProviderAuthError,
    AIProviderContentRefusedError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import Health
from companion.log import redact

if TYPE_CHECKING:
    import httpx2

    from companion.providers.provider import AIProvider, Spec

T = TypeVar("T")

LINGER_S = 1.0
"""How long a stream may stay open after its last word; usage and terminator come in that time or not at all."""
_QUOTED = 200
"""Characters of a vendor's explanation that are shown."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure is."""

    error: type[AIProviderError]
    kind: Kind | None = None
    """Finer than the class's own."""
    sentence: str = ""
    hint: str = ""


_TOO_LONG = Verdict(
    AIProviderInvalidRequestError,
    None,
    "This conversation has become too long for the model of {who}.",
    "What you said is kept. Begin a new reflection, or choose a model with more room.",
)
_FORBIDDEN = Verdict(AIProviderAuthError, Kind.FORBIDDEN)
_NOT_AN_API = Verdict(AIProviderError, Kind.NOT_AN_API)
_UNREACHABLE = Verdict(AIProviderUnavailableError, Kind.UNREACHABLE)
NO_ADDRESS = Verdict(
    AIProviderUnavailableError,
    Kind.UNREACHABLE,
    "What is set as the address of {who} is no web address.",
    "Correct it in the settings. What you said is kept.",
)
_AUTH = Verdict(AIProviderAuthError)
_QUOTA = Verdict(AIProviderQuotaError)
_MODEL = Verdict(AIProviderModelNotFoundError)
_RATE = Verdict(AIProviderRateLimitError)
_TIMEOUT = Verdict(AIProviderTimeoutError)
_INVALID = Verdict(AIProviderInvalidRequestError)
_UNAVAILABLE = Verdict(AIProviderUnavailableError)
_REFUSED = Verdict(AIProviderContentRefusedError)


def _unable(what: str) -> Verdict:
    sentence = f"The chosen model of {{who}} cannot {what}."
    return Verdict(AIProviderNotSupportedError, None, sentence, "Choose another model for it.")


_BY_NAME: Mapping[str, Verdict] = {
    "insufficient_quota": _QUOTA,
    "billing_error": _QUOTA,
    "billing_not_active": _QUOTA,
    "billing_hard_limit_reached": _QUOTA,
    "invalid_api_key": _AUTH,
    "authentication_error": _AUTH,
    "permission_error": _FORBIDDEN,
    "model_not_found": _MODEL,
    "not_found_error": _MODEL,
    "context_length_exceeded": _TOO_LONG,
    "string_above_max_length": _TOO_LONG,
    "request_too_large": _TOO_LONG,
    "exceed_context_size_error": _TOO_LONG,
    "content_policy_violation": _REFUSED,
    "content_filter": _REFUSED,
    "rate_limit_exceeded": _RATE,
    "rate_limit_error": _RATE,
    "timeout_error": _TIMEOUT,
    "overloaded_error": _UNAVAILABLE,
}
"""Codes and types that say more than the status, in vendors' own words; also the only clue inside an open stream."""
_BY_WORDS: tuple[tuple[str, Verdict], ...] = (
    ("usage limit", _QUOTA),
    ("credit balance", _QUOTA),
    ("prompt is too long", _TOO_LONG),
    ("maximum context length", _TOO_LONG),
    ("exceeds the available context size", _TOO_LONG),
    ("context length of only", _TOO_LONG),
    ("does not support tools", _unable("use tools")),
    ("does not support thinking", _unable("think first")),
    ("does not support embeddings", _unable("turn text into vectors")),
)
"""For what vendors answer as a plain 400, with the reason in prose only."""
_BY_STATUS: Mapping[int, Verdict] = {
    400: _INVALID,
    401: _AUTH,
    402: _QUOTA,
    403: _FORBIDDEN,
    404: _MODEL,
    408: _TIMEOUT,
    409: _UNAVAILABLE,
    413: _TOO_LONG,
    422: _INVALID,
    429: _RATE,
    504: _TIMEOUT,
}
_GARBLED = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What parsers and SDKs raise over a reply that is not what it should be (JSON and UTF-8 errors are ValueErrors)."""


@dataclass(slots=True)
class Told:
    """How far a call has come, for the judgement of what ends it."""

    spec: Spec
    opened: bool = False
    """The vendor has answered with a body: from now on a broken connection is an answer cut off."""
    said: bool = False
    """Something was delivered."""
    window: int = 0
    """Tokens the model reads at once, where a refusal of a conversation that is longer says it."""

    def cut(self, error: BaseException | None = None) -> AIProviderStreamCutError:
        """The stream ended without its end. Worth another try only while nothing was delivered."""
        return AIProviderStreamCutError(
            "", self.spec.name, error, who=self.spec.display_name, retryable=not self.said
        )

    def fault(self, verdict: Verdict, error: BaseException | None = None, **where: Any) -> AIProviderError:
        """`verdict` as this provider's error."""
        who = self.spec.display_name
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
        verdict = reason.verdict(status)
        if verdict is _TOO_LONG:
            self.window = reason.window
        hint = ""
        if verdict is _INVALID and reason.text:
            quoted = redact(" ".join(reason.text.split()))[:_QUOTED]
            hint = f"It says: “{quoted}” What you said is kept."
        return self.fault(
            verdict,
            error,
            status=status,
            request_id=headers.get("x-request-id") or headers.get("request-id"),
            retry_after_s=retry_after_s(headers),
            hint=hint,
        )

    async def refusal(self, response: httpx2.Response) -> AIProviderError:
        """What an answer with a status of 400 or more says. Reads and closes it."""
        try:
            text = (await response.aread()).decode("utf-8", "replace")
        finally:
            await response.aclose()
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
            return self.fault(_UNREACHABLE, error)
        if any(isinstance(link, httpx2.TimeoutException) for link in chain):
            return self.fault(_TIMEOUT, error)
        if not self.opened and any(_speaks_otherwise(link) for link in chain):
            return self.fault(_NOT_AN_API, error)
        if any(isinstance(link, httpx2.RequestError) for link in chain):
            return self.cut(error) if self.opened else self.fault(_UNREACHABLE, error)
        if (body := getattr(error, "body", None)) is not None:
            return self.inside(body, error)
        if any(isinstance(link, _GARBLED) for link in chain):
            return self.cut(error) if self.said else self.fault(_NOT_AN_API, error)
        return self.cut(error) if self.opened else self.fault(_UNAVAILABLE, error)


@contextmanager
def told(spec: Spec) -> Iterator[Told]:
    """Everything raised inside leaves as a `CompanionError`; cancellation and closing pass untouched."""
    call = Told(spec)
    try:
        yield call
    except CompanionError:
        raise
    except Exception as error:  # noqa: BLE001 - a reply is outside input, and SDKs fail over odd ones in ways of their own
        found = call.exception(error)
        raise found from found.__cause__  # the gate's own lies below `error`; raised from it, the two would form a ring


@dataclass(frozen=True, slots=True)
class Reason:
    """What a vendor says about its refusal: nested `{"error": {…}}`, flat `{"message", "code"}`, or text."""

    names: tuple[str, ...] = ()
    """Code and type, lower case, the more telling first."""
    text: str = ""
    is_json: bool = field(default=True)
    window: int = 0
    """Tokens a model reads at once, as servers say it that refuse a longer conversation; 0: not said."""

    @staticmethod
    def of(body: object) -> Reason:
        if isinstance(body, list) and body:
            body = body[0]
        inner = body.get("error", body) if isinstance(body, dict) else body
        if not isinstance(inner, dict):
            text = inner if isinstance(inner, str) else ""
            return Reason((), text, is_json=isinstance(body, dict))
        found = (inner.get("code"), inner.get("type"))
        names = tuple(str(name).lower() for name in found if isinstance(name, (str, int)))
        message = inner.get("message")
        text = message if isinstance(message, str) else ""
        window = inner.get("n_ctx")  # llama.cpp
        if not isinstance(window, int):
            told = _WINDOW.search(text)
            window = int(told[1].replace(",", "")) if told else 0
        return Reason(names, text, window=window)

    def verdict(self, status: int | None) -> Verdict:
        """Names first, then what the prose gives away, then the status."""
        for name in self.names:
            if name in _BY_NAME:
                return _BY_NAME[name]
        lowered = self.text.lower()
        for words, verdict in _BY_WORDS:
            if words in lowered:
                return verdict
        if status == 404 and not self.is_json:
            return _NOT_AN_API
        if status is None:  # inside a stream some vendors put the status where others put a code
            status = next((int(name) for name in self.names if name.isdecimal()), None)
        if status is None:
            return _INVALID if "invalid_request_error" in self.names else _UNAVAILABLE
        return _BY_STATUS.get(status, _INVALID if 400 <= status < 500 else _UNAVAILABLE)


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
_WINDOW = re.compile(r"(?:context (?:length|size|window)(?: is| of(?: only)?)? \(?)([0-9][0-9,]{2,9})(?= tokens)")
"""How prose says it: "maximum context length is 4096 tokens", "context size (1024 tokens)", "context length of only …"."""


def _moment(date: str) -> float | None:
    """Seconds since the epoch; dates without a zone are in GMT."""
    try:
        found = email.utils.parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


async def until_over(chunks: AsyncIterator[T], over: Callable[[], bool]) -> AsyncGenerator[T, None]:
    """Reads to the end, so that the connection is used again; once `over()`, only for `LINGER_S` and past any break."""
    async for chunk in chunks:
        yield chunk
        if over():
            break
    while over():
        try:
            async with asyncio.timeout(LINGER_S):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except Exception as error:
            import httpx2

            if any(isinstance(link, (TimeoutError, httpx2.RequestError)) for link in _chain(error)):
                return
            raise
        yield chunk


async def health(provider: AIProvider, list_models: Callable[[], Any]) -> Health:
    """Times a question for the models there are; a failure becomes its sentence."""
    spec, started = provider.spec, time.perf_counter()

    async def listed() -> tuple[str, ...]:
        with told(spec):
            return tuple(await list_models())

    try:
        models = await provider.asked(listed)
    except AIProviderModelNotFoundError:  # the list itself is missing: no service lives at this address
        detail = CARDS[Kind.NOT_AN_API].sentence.format(who=spec.display_name)
        return Health(ok=False, detail=detail, kind=Kind.NOT_AN_API)
    except CompanionError as error:
        return Health(ok=False, detail=error.message, kind=error.kind)
    elapsed_ms = (time.perf_counter() - started) * 1000
    does = "accepts the key" if spec.needs_key else "answers"
    return Health(ok=True, detail=f"{spec.display_name} {does}.", latency_ms=elapsed_ms, models=models)


def _speaks_otherwise(error: BaseException) -> bool:
    """Whether what came is no HTTP at all, as from an encrypted service; one that only hung up said nothing."""
    import httpx2

    return isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in str(error)


def _tls(chain: list[BaseException]) -> Verdict:
    reason = next(
        (link.verify_message for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None
    )
    sentence = (
        "No secure connection to {who} could be made."
        if reason is None
        else f"The certificate of {{who}} cannot be trusted ({reason})."
    )
    hint = "Nothing was sent. Check the address, the clock of this computer, and the network."
    if reason is not None:
        hint += " A server of your own: name its certificate in the settings under Privacy."
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
