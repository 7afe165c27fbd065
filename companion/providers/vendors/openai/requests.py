"""Requests to one server of OpenAI's dialect: its key in its header, and no parameter twice that it does not know.

A provider hands in what it wants to send and gets the answer that has begun, or the named error. Goes straight through the
gate's HTTP client: measured side by side, the SDK adds 0.3 to 0.7 ms to each of the three calls of a turn, 80 us to every
piece of an answer (tests/benchmarks/chunks.py), and a third of a second to the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderUnavailableError, Kind
from companion.providers.vendors.openai.dialect import Dialect
from companion.providers.wire.faults import Told

if TYPE_CHECKING:
    import httpx2

    from companion.providers.provider import AIProvider

_CONCESSIONS = 2
"""How often one call gives up a parameter that the server says it does not know."""

Made = tuple[dict[str, Any], Iterable[str]]
"""What a request is sent with, and the names in it that may be left out."""


class Requests:
    """One provider's; reads its address and key anew for each request."""

    def __init__(self, provider: AIProvider, dialect: Dialect) -> None:
        self._provider = provider
        self._dialect = dialect
        self._http: httpx2.AsyncClient | None = None
        self._refused: dict[str, frozenset[str]] = {}
        """Model -> parameters it was found not to take."""

    async def answer(
        self,
        call: Told,
        path: str,
        model: str,
        make: Callable[[frozenset[str]], Made],
        *,
        query: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """An answer that has begun; the caller closes it.

        What the server says it does not know is left out in a second attempt, and from then on. `make` gives the content
        without the names it is told.

        Raises:
            AIProviderError: it was refused.
        """
        for attempt in range(_CONCESSIONS + 1):
            refused = self._refused.get(model, frozenset())
            content, optional = make(refused)
            response = await self.send("POST", path, query=query, **content)
            if response.status_code < 400:
                call.opened = True
                return response
            error = await call.refusal(response)
            name = _named(response.text, optional) if response.status_code in (400, 422) else ""
            if not name or attempt == _CONCESSIONS:
                raise error
            self._refused[model] = refused | {name}
        raise AssertionError

    async def get(
        self, call: Told, path: str, *, method: str = "GET", max_body: int = 0, **content: Any
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
        if self._http is None:
            self._http = self._provider.net.client()
        address = self._provider.base_url.rstrip("/") + path
        http = self._provider.net.client(max_body=max_body) if max_body else self._http
        request = http.build_request(method, address, headers=headers, params=query or None, **content)
        request.read()  # a form goes out in one piece; httpx2 writes and flushes each of its two dozen parts
        return await http.send(request, stream=True)

    def headers(self) -> dict[str, str]:
        """The vendor's own, and the one with the key where there is one."""
        key = self.key()
        if not key:
            return dict(self._dialect.headers)
        name = self._dialect.key_header
        return {**self._dialect.headers, **({name: key} if name else {"Authorization": f"Bearer {key}"})}

    def key(self) -> str:
        """Empty: the server wants none.

        Raises:
            AIProviderError: it wants one, or its address, and was given none.
        """
        provider, spec = self._provider, self._provider.spec
        if spec.own_address and spec.needs_key and provider.base_url == spec.base_url:
            raise AIProviderUnavailableError(
                f"{spec.display_name} needs the address of your own resource there.",
                spec.name,
                kind=Kind.UNREACHABLE,
                who=spec.display_name,
                hint="Enter it in the settings. What you said is kept.",
                retryable=False,
            )
        return provider.require_key() if provider.api_key is not None or spec.needs_key else ""

    def close(self) -> None:
        """Forgets the client; its connections are the gate's."""
        self._http = None


def _named(text: str, names: Iterable[str]) -> str:
    """The name among `names` that a refusal is about: quoted, or bare where it is no ordinary word."""
    text = text.replace("\\", "")
    for name in names:
        bare = rf"(?<![a-z_]){name}(?![a-z_])" if "_" in name else rf"['\"`]{name}['\"`]"
        if re.search(bare, text, re.IGNORECASE):
            return name
    return ""
