"""What vendors share who hear and speak on WebSockets: the connections of their voices, their lists, their refusals."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError
from companion.kinds import VoiceInfo
from companion.providers.provider import AIProvider
from companion.providers.wire.faults import CallContext, in_call
from companion.providers.wire.sockets import connect, live, parsed
from companion.providers.wire.voice_sockets import Links

if TYPE_CHECKING:
    from companion.net import Socket


class OnSockets(AIProvider):
    """Subclass; the connections of the voice are in `_links`, which opens them with `_headers`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._links = Links(self._open)

    def _headers(self) -> dict[str, str]:
        """Of every request; the key is among them."""
        raise NotImplementedError

    def _reason(self, body: Any) -> Any:
        """The body of a refusal in the words of `faults`."""
        raise NotImplementedError

    async def _listed_voices(self) -> Sequence[VoiceInfo]:
        """The vendor's list, where it has one."""
        return ()

    async def voices(self) -> Sequence[VoiceInfo]:
        if self.api_key is not None:
            with suppress(CompanionError):
                return await self.asked(self._listed_voices) or self.spec.voices
        return self.spec.voices

    async def aclose(self) -> None:
        await self._links.aclose()
        await super().aclose()

    def _live(self) -> AbstractContextManager[CallContext]:
        return live(self.spec, self._reason)

    async def _open(self, url: str) -> Socket:
        return await connect(self, url, self._headers())

    async def _get(self, path: str) -> Any:
        with in_call(self.spec) as call:
            response = await self.net.client(self.base_url, self._headers()).get(path)
            if response.status_code >= 400:
                raise call.status(response.status_code, self._body(response.content), response.headers)
            return response.json()

    def _body(self, raw: bytes) -> Any:
        """What a refusal says, as JSON or as text."""
        return self._reason(parsed(raw) or raw.decode("utf-8", "replace"))
