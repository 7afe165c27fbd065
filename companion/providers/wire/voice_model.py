"""What voice models that hear and answer in one have in common: who opens conversations with them, patiently.

Instructions in, an open link out. A vendor's dialect only dials. Everything belongs to the loop's thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from companion.errors import AIProviderUnavailableError
from companion.providers.provider import AIProvider, opened

if TYPE_CHECKING:
    from companion.calls import RealtimeChoice

LinkT = TypeVar("LinkT")


class VoiceModel(Generic[LinkT]):
    """Opens conversations with a provider's key, address and patience.

    Args:
        provider: whose key and gate are used; it stays the owner of both.
        choice: model, voice and the like; what is left open is filled in here.
    """

    def __init__(self, provider: AIProvider, choice: RealtimeChoice) -> None:
        self._provider = provider
        self._choice = replace(
            choice,
            model=choice.model or provider.spec.realtime[0],
            voice=choice.voice or provider.spec.realtime_voices[0],
        )

    async def connect(self, instructions: str) -> LinkT:
        """An open conversation; close it. Waits and tries again as the provider's policy says.

        Raises:
            AIProviderError: of the kind that fits.
        """
        async with opened(self._provider.stacked(_dialled), _Dial(self, instructions)) as links:
            link: LinkT
            async for link in links:
                return link
        raise AIProviderUnavailableError("", self._provider.spec.name, who=self._provider.spec.display_name)

    def dial(self, instructions: str) -> AsyncGenerator[LinkT, None]:
        """One attempt; yields the link."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _Dial:
    """A conversation that is to be opened."""

    model: VoiceModel[Any]
    instructions: str


def _dialled(wanted: _Dial) -> AsyncGenerator[Any, None]:
    """One call for all voice models of a provider, so that its breaker knows them together."""
    return wanted.model.dial(wanted.instructions)
