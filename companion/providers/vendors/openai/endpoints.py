"""Which of the two endpoints for chat a model is asked at: the Responses API or chat completions.

OpenAI's current models refuse tools at chat completions unless they do not think; compatible servers have nothing else.
What an address or a model turns out to have is remembered, so that nobody is sent on twice. Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from companion.flow import ChatRequest
from companion.providers.vendors.openai.dialect import Dialect
from companion.providers.wire.refusals import Reason

if TYPE_CHECKING:
    from companion.providers.catalogue import ModelEntry

_OWN_HOST = ".api.openai.com"
_NO_SUCH_PATH = (404, 405, 501)


class Endpoint(StrEnum):
    """Values are the paths."""

    RESPONSES = "/responses"
    COMPLETIONS = "/chat/completions"


class Elsewhere(Exception):
    """What was asked belongs to the other endpoint."""

    def __init__(self, *, for_all: bool) -> None:
        super().__init__("the other endpoint is the one to ask")
        self.for_all = for_all
        """Of this address; False: of the model that was asked."""


class Endpoints:
    """One provider's, with what it has found out."""

    def __init__(self, dialect: Dialect) -> None:
        self._usual = Endpoint.RESPONSES if dialect.responses else Endpoint.COMPLETIONS
        self._found: dict[tuple[str, str], Endpoint] = {}

    def route(
        self, address: str, model: str, request: ChatRequest, entry: ModelEntry | None
    ) -> tuple[Endpoint, ...]:
        """The endpoints to ask in turn, each only where the one before sends us on; the last one's word stands."""
        hears = entry is not None and "audio_in" in entry.abilities
        if hears or any(message.sounds for message in request.messages):  # the Responses API takes no sound
            return (Endpoint.COMPLETIONS,)
        found = self._found.get((address, model)) or self._found.get((address, "")) or self._usual
        if found is Endpoint.RESPONSES:
            return (Endpoint.RESPONSES, Endpoint.COMPLETIONS)
        return (Endpoint.COMPLETIONS, Endpoint.RESPONSES, Endpoint.COMPLETIONS)

    def note(self, address: str, model: str, asked: Endpoint, elsewhere: Elsewhere) -> None:
        """Begins at the other one from now on."""
        other = Endpoint.COMPLETIONS if asked is Endpoint.RESPONSES else Endpoint.RESPONSES
        if elsewhere.for_all:
            self._found = {known: found for known, found in self._found.items() if known[0] != address}
        self._found[address, "" if elsewhere.for_all else model] = other


def sent_on(endpoint: Endpoint, address: str, status: int, body: object) -> Elsewhere | None:
    """Whether a refusal sends us to the other endpoint: in words, or because this one is not there.

    OpenAI itself has both, so there only its words count; a gateway that hands on to chat completions misses `messages`.
    """
    reason = Reason.of(body)
    text = reason.text.lower()
    if endpoint is Endpoint.COMPLETIONS:
        return Elsewhere(for_all=False) if "v1/responses" in text else None
    if "chat/completions" in text:
        return Elsewhere(for_all=False)
    if f".{urlsplit(address).hostname}".endswith(_OWN_HOST):
        return None
    if status in _NO_SUCH_PATH and "model_not_found" not in reason.names:
        return Elsewhere(for_all=True)
    return Elsewhere(for_all=True) if "messages" in str(body) and status in (400, 422) else None
