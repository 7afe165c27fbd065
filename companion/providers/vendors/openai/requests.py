"""Requests to one server of OpenAI's dialect: its key in its header, and no parameter twice that it does not know.

A provider hands in what it wants to send and gets the answer that has begun, or the named error. Goes straight through the
gate's HTTP client: measured side by side, the SDK adds 0.3 to 0.7 ms to each of the three calls of a turn, 80 us to every
piece of an answer (tests/benchmarks/chunks.py), and a third of a second to the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderError, AIProviderUnavailableError, Kind
from companion.language import tr
from companion.providers.vendors.openai.chat import THOUGHTLESS, WANTS_THOUGHTS
from companion.providers.vendors.openai.dialect import Dialect
from companion.providers.wire.bodies import json_body
from companion.providers.wire.faults import CallContext, our_own, when_loaded

if TYPE_CHECKING:
    import httpx2

    from companion.providers.vendors.openai.provider import OpenAIProvider

_CONCESSIONS = 5
"""How often one call gives up a parameter that the server says it does not know."""
_OF_PARAMETER = re.compile(
    r"unsupported parameter|un(?:known|recogni[sz]ed|expected)|extra (?:inputs|fields)|extra_forbidden|additional propert"
    r"|not permitted|only the default|is unsupported|not supported with this model|parameter is not supported",
    re.IGNORECASE,
)
"""How servers say that they do not know a parameter, or do not take it with this model."""
_OF_VALUE = re.compile(
    r"must be|should be|(?:supported|valid|allowed) values|one of\b|expected|out of range|at most|at least"
    r"|too (?:large|long|small|high|low|many)|(?:less|greater) than|between|(?:invalid|unsupported) value|(?:max|min)imum",
    re.IGNORECASE,
)
"""How they say that they know it well, and not this value of it."""
_NO_STREAM = re.compile(
    r"verified to stream|(?:not|n't) (?:support|allow) stream"
    r"|['\"`]?stream['\"`]? (?:does(?: not|n't) support|must be false)"
    r"|stream(?:ing)?(?:=true| mode| responses?| requests?)? (?:(?:is|are) )?"
    r"(?:(?:not |un)(?:supported|allowed|available|permitted|enabled)|disabled)",
    re.IGNORECASE,
)
_THOUGHTS_MISSING = re.compile(
    r"reasoning_content\b.*(?:passed back|missing|required|must be)|missing.*reasoning_content",
    re.IGNORECASE | re.DOTALL,
)

STALE_THOUGHTS = "invalid_encrypted_content"
"""Thoughts that the vendor cannot read any more. They are about one conversation: given up for one call, not for good."""
UNASKED = frozenset({STALE_THOUGHTS, THOUGHTLESS, "prompt_cache_key", "reasoning.summary", "include"})
"""What goes along unasked: given up for whatever reason, and nobody need be told."""

Made = tuple[dict[str, Any], Iterable[str]]
"""What a request is sent with, and the names in it that may be left out."""


class Requests:
    """One provider's; reads its address and key anew for each request."""

    def __init__(self, provider: OpenAIProvider, dialect: Dialect) -> None:
        self._provider = provider
        self._dialect = dialect
        self._http: httpx2.AsyncClient | None = None
        self._refused: dict[tuple[str, str], frozenset[str]] = {}
        """Path and model -> parameters it was found not to take."""

    async def answer(
        self,
        call: CallContext,
        path: str,
        model: str,
        make: Callable[[frozenset[str]], Made],
        *,
        query: Mapping[str, str] | None = None,
        sent_on: Callable[[int, object], Exception | None] = lambda *_: None,
    ) -> httpx2.Response:
        """An answer that has begun; the caller closes it.

        What the server says it does not know is left out in a second attempt, and from then on; a value that it does not
        take is not. While it loads its model it is asked again, as long as the provider's policy waits for a first word.
        `make` gives the content without the names it is told. `sent_on`: what to raise instead of a refusal, from its
        status and body.

        Raises:
            AIProviderError: it was refused.
        """
        refused = self._refused.get((path, model), frozenset())
        for attempt in range(_CONCESSIONS + 1):
            with our_own(self._provider.spec):
                content, optional = make(refused)
                if (body := content.pop("json", None)) is not None:
                    content["content"] = json_body(body, self._provider.spec)

            async def ask(content: dict[str, Any] = content) -> httpx2.Response:
                return await self.send("POST", path, query=query, **content)

            try:
                response = await when_loaded(call, ask, _PATIENCE * self._provider.policy.first_s)
            except AIProviderError as error:
                if error.status and (instead := sent_on(error.status, _body(call.refused_with))) is not None:
                    raise instead from error
                told = call.refused_with if error.status in (400, 403, 422) else ""
                name = _named(told, optional)
                if not name or name in refused or attempt == _CONCESSIONS:
                    raise
                refused |= {name}
                self._refused[path, model] = refused - {STALE_THOUGHTS}
                continue
            call.opened = True
            return response
        raise AssertionError

    async def get(
        self, call: CallContext, path: str, *, method: str = "GET", max_body: int = 0, **content: Any
    ) -> httpx2.Response:
        """The answer to a question beside the calls, begun; the caller closes it.

        Raises:
            AIProviderError: it was refused.
        """
        response = await self.send(method, path, max_body=max_body, **content)
        if response.status_code >= 400:
            raise await call.refusal(response)
        return response

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        max_body: int = 0,
        **content: Any,
    ) -> httpx2.Response:
        """Whatever is answered; the caller closes it. `max_body`: as `Net.client` takes it."""
        headers = self.headers()  # first: a missing key is told before anything else
        if "content" in content:
            headers["Content-Type"] = "application/json"
        if self._http is None:
            self._http = self._provider.net.client()
        address = self._provider.base_url.rstrip("/") + path
        asked = {**(query or {}), **self._provider.query}
        http = self._provider.net.client(max_body=max_body) if max_body else self._http
        request = http.build_request(method, address, headers=headers, params=asked or None, **content)
        request.read()  # a form goes out in one piece; httpx2 writes and flushes each of its two dozen parts
        return await http.send(request, stream=True)

    def headers(self) -> dict[str, str]:
        """The vendor's own, and the one with the key where there is one."""
        key = self.key()
        own = {**self._dialect.headers, **self._provider.headers}
        if not key:
            return own
        name = self._dialect.key_header
        return {**own, **({name: key} if name else {"Authorization": f"Bearer {key}"})}

    def key(self) -> str:
        """Empty: the server wants none.

        Raises:
            AIProviderError: it wants one, or its address, and was given none.
        """
        provider, spec = self._provider, self._provider.spec
        if spec.own_address and spec.needs_key and provider.base_url == spec.base_url:
            raise AIProviderUnavailableError(
                tr(
                    "{display_name} needs the address of your own resource there.",
                    display_name=spec.display_name,
                ),
                spec.name,
                kind=Kind.UNREACHABLE,
                who=spec.display_name,
                hint=tr("Enter it in the settings. What you said is kept."),
                retryable=False,
            )
        return provider.require_key() if provider.api_key is not None or spec.needs_key else ""

    def close(self) -> None:
        """Forgets the client; its connections are the gate's."""
        self._http = None


_PATIENCE = 0.8
"""The part of the wait for a first word that a model may take to be loaded."""


def _body(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _named(text: str, names: Iterable[str]) -> str:
    """The name among `names` that a refusal is about: quoted, or bare where it is no ordinary word.

    None of them where a value is refused: the caller wants that value, and gets to know that it cannot be.
    """
    text = text.replace("\\", "")
    if "stream" in names and _NO_STREAM.search(text):
        return "stream"
    if _THOUGHTS_MISSING.search(text):
        return WANTS_THOUGHTS
    found = next((name for name in names if name != "stream" and _has(text, name)), "")
    is_of_value = _OF_VALUE.search(text) and not _OF_PARAMETER.search(text)
    return "" if is_of_value and found not in UNASKED else found


def _has(text: str, name: str) -> bool:
    bare = rf"(?<![a-z_]){name}(?![a-z_])" if "_" in name else rf"['\"`]{name}['\"`]"
    return bool(re.search(bare, text, re.IGNORECASE))
