"""Who thinks, hears and speaks: settings and keys in, `Engines` for one turn out.

Providers are made on first use and kept as long as name, address and key stay the same, so connections, circuit breakers
and the worker process live on from turn to turn. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.app import roles
from companion.conversation.reply import Engines
from companion.errors import AIProviderAuthError, CompanionError, Kind
from companion.events import Events, Trouble
from companion.flow import (
    TURN_ROLES,
    Audio,
    ChatDelta,
    ChatRequest,
    Health,
    HearRequest,
    Message,
    Role,
    SpeakRequest,
    Transcript,
    Usage,
)
from companion.log import Secret
from companion.net import Net, origin
from companion.pcm import scaled
from companion.providers import registry
from companion.providers.provider import AIProvider, Policy, Spec, opened
from companion.settings import Settings
from companion.vault import EnvironmentKey, KeyState, Vault

if TYPE_CHECKING:
    from companion.ports import SpeechToSpeech

_log = logging.getLogger(__name__)
UNREACHABLE = frozenset({Kind.UNREACHABLE, Kind.UNAVAILABLE, Kind.TIMEOUT, Kind.CIRCUIT_OPEN})
"""Faults for which another may answer, where the person wants it."""


class Staff:
    """The providers of one app."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        vault: Callable[[], asyncio.Future[Vault] | Any],
        net: Net,
        events: Events,
        models: Path,
    ) -> None:
        """`vault()` is awaited: it may still be opening. `models`: folder of downloaded models."""
        self._settings = settings
        self._vault = vault
        self._net = net
        self._events = events
        self._models = models
        self._hired: dict[tuple[object, ...], AIProvider] = {}
        self._keys: dict[tuple[str, str], Secret | None] = {}
        """Provider and origin -> its key, as the vault gave it."""

    # -- one turn -------------------------------------------------------------------------------------------

    def engines(self, offline: frozenset[Role]) -> Engines:
        """This turn's engines; `offline` roles stay on this computer whatever is chosen."""
        settings = self._settings()
        names = {role: roles.name_of(settings, role, offline) for role in TURN_ROLES}

        def think(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
            return self._think(settings, names[Role.THINKS], messages, practice)

        def hear(frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
            return self._hear(settings, names[Role.HEARS], frames)

        def speak(text: str) -> AsyncIterator[Audio]:
            return self._speak(settings, names[Role.SPEAKS], SpeakRequest(text=text))

        def speak_stream(pieces: AsyncIterator[str]) -> AsyncIterator[Audio]:
            return self._speak(settings, names[Role.SPEAKS], SpeakRequest(pieces=pieces))

        is_spoken, specs = settings.sound.speak_answers, {r: _spec(name) for r, name in names.items()}
        return Engines(
            think=think,
            hear=hear,
            speak=speak if is_spoken else None,
            speak_stream=speak_stream if is_spoken and specs[Role.SPEAKS].streams_text else None,
            hears_live=specs[Role.HEARS].hears_live
            or settings.role(Role.HEARS).block(names[Role.HEARS]).model in specs[Role.HEARS].live_models,
            names={role.value: roles.full_name_of(settings, role, names[role]) for role in TURN_ROLES},
            cost_usd=lambda usage: self._cost_usd(settings, names[Role.THINKS], usage),
        )

    async def _think(
        self, settings: Settings, name: str, messages: tuple[Message, ...], practice: str
    ) -> AsyncIterator[ChatDelta]:
        request = ChatRequest(
            messages=messages,
            model=settings.role(Role.THINKS).block(name).model,
            max_tokens=settings.reply.longest_answer,
            practice=practice,
        )
        has_begun, fault = False, None
        try:
            provider = await self.provider(Role.THINKS, name)
            async with opened(provider.stacked(provider.chat), request) as deltas:
                async for delta in deltas:
                    has_begun = has_begun or bool(delta.text)
                    yield delta
        except CompanionError as error:
            may_stand_in = settings.reply.if_unreachable == "guide" and name != roles.OFFLINE[Role.THINKS]
            if has_begun or not may_stand_in or error.kind not in UNREACHABLE:
                raise
            fault = error
        if fault is not None:
            fault.hint = "The offline guide answered instead."
            self._events.emit(Trouble(error=fault, role=Role.THINKS))
            guide = await self.provider(Role.THINKS, roles.OFFLINE[Role.THINKS])
            async with opened(guide.chat, replace(request, model="")) as deltas:
                async for delta in deltas:
                    yield delta

    async def _hear(
        self, settings: Settings, name: str, frames: AsyncIterator[bytes]
    ) -> AsyncIterator[Transcript]:
        provider = await self.provider(Role.HEARS, name)
        request = HearRequest(
            frames=frames,
            language=settings.talk.language,
            model=settings.role(Role.HEARS).block(name).model,
        )
        async with opened(provider.stacked(provider.transcribe), request) as transcripts:
            async for transcript in transcripts:
                yield transcript

    async def _speak(self, settings: Settings, name: str, request: SpeakRequest) -> AsyncIterator[Audio]:
        provider, block = await self.provider(Role.SPEAKS, name), settings.role(Role.SPEAKS).block(name)
        request = replace(request, voice=block.voice, speed=block.speed, model=block.model)
        async with opened(provider.stacked(provider.speak), request) as sound:
            async for audio in sound:
                yield scaled(audio, settings.sound.volume)

    def _cost_usd(self, settings: Settings, name: str, usage: Usage) -> float | None:
        from companion.providers.catalogue import cost_usd

        entry = roles.entry_of(settings, Role.THINKS, name)
        return cost_usd(entry, usage) if entry is not None else None

    # -- who that is ----------------------------------------------------------------------------------------

    async def provider(self, role: Role, name: str, key: Secret | None = None) -> AIProvider:
        """The provider `name`, with its key from the vault unless one is given.

        Raises:
            CompanionError: PROVIDER_UNKNOWN; KEY_MISSING, KEY_ELSEWHERE, KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        settings = self._settings()
        spec = registry.find(name)
        address = roles.address_of(settings, role, spec.name)
        if key is None and (spec.needs_key or spec.key_env):
            key = await self._key(spec, address)
        models = {each: settings.role(each).block(spec.name).model for each in TURN_ROLES}
        hired = (spec.name, address, key, *models.values())
        if hired not in self._hired:
            self._hired[hired] = self._hire(spec, address, key, models)
        self._hired[hired].policy = _policy(settings)
        return self._hired[hired]

    async def _key(self, spec: Spec, address: str) -> Secret | None:
        place = (spec.name, origin(address))
        if place not in self._keys:  # the keyring is a process of its own: asked once, not in every turn
            vault: Vault = await self._vault()
            key = await vault.get(*place)
            if key is None and spec.needs_key:
                raise AIProviderAuthError("", spec.name, kind=Kind.KEY_MISSING, who=spec.display_name)
            self._keys[place] = key
        return self._keys[place]

    def _hire(self, spec: Spec, address: str, key: Secret | None, models: Mapping[Role, str]) -> AIProvider:
        options: dict[str, Any] = {"models_dir": self._models} if spec.name == "whisper" else {}
        return registry.provider_class(spec.name)(
            api_key=key,
            base_url=address,
            net=self._net,
            model=models[Role.THINKS],
            stt_model=models[Role.HEARS],
            tts_model=models[Role.SPEAKS],
            **options,
        )

    async def speech_to_speech(self) -> SpeechToSpeech:
        """The voice model that hears, thinks and speaks at once.

        Raises:
            CompanionError: PROVIDER_UNKNOWN; KEY_MISSING, KEY_ELSEWHERE, KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        settings = self._settings()
        spec = roles.speech_to_speech(settings)
        if spec is None:
            raise CompanionError(Kind.PROVIDER_UNKNOWN)
        provider = await self.provider(Role.THINKS, spec.name)
        return provider.realtime(roles.realtime_choice(settings, spec))

    async def warm(self, role: Role) -> None:
        """A use that finds everything in place; whatever is wrong is said when it is really used."""
        try:
            name = roles.name_of(self._settings(), role)
            await (await self.provider(role, name)).warm()
        except CompanionError as error:
            _log.info("not warmed: %s", error.message)

    # -- the settings page ----------------------------------------------------------------------------------

    async def check(self, name: str, role: Role, key: Secret | None) -> Health:
        """Asks the provider whether key, address and model work. Never raises a `CompanionError`."""
        try:
            provider = await self.provider(role, name, key)
        except CompanionError as error:
            return Health(ok=False, detail=f"{error.message} {error.hint}".strip())
        return await provider.check()

    async def save_key(self, name: str, key: Secret, *, this_run_only: bool = False) -> None:
        """Keeps a key, bound to the address the provider has now."""
        spec = registry.find(name)
        vault: Vault = await self._vault()
        address = self._key_address(spec)
        await vault.put(spec.name, key, origin(address), this_run_only=this_run_only)
        self._keys.clear()

    async def remove_key(self, name: str) -> None:
        vault: Vault = await self._vault()
        self._keys.clear()
        await vault.remove(registry.find(name).name)

    async def key_state(self, name: str) -> KeyState:
        vault: Vault = await self._vault()
        return await vault.describe(registry.find(name).name)

    def _key_address(self, spec: Spec) -> str:
        """One key serves a vendor's roles; an own address in any of them is the one it is for."""
        settings = self._settings()
        own = (settings.role(role).block(spec.name).base_url for role in TURN_ROLES)
        return next((address for address in own if address), spec.base_url)

    async def aclose(self) -> None:
        """Ends connections and the worker process."""
        for provider in self._hired.values():
            await provider.aclose()
        self._hired.clear()


def _spec(name: str) -> Spec:
    """What is known of a provider; of one that is not there, nothing (asking it says so)."""
    try:
        return registry.find(name)
    except CompanionError:
        return Spec(name=name, display_name=name, roles=frozenset())


def environment_keys(environ: Mapping[str, str] | None = None) -> dict[str, EnvironmentKey]:
    """Keys that the environment holds, each bound to its vendor's own address."""
    environ = os.environ if environ is None else environ
    found = {}
    for spec in registry.specs():
        for variable in spec.key_env:
            if value := environ.get(variable, "").strip():
                found[spec.name] = EnvironmentKey(
                    secret=Secret(value), origin=origin(spec.base_url), variable=variable
                )
                break
    return found


def _policy(settings: Settings) -> Policy:
    network = settings.network
    return Policy(
        first_s=min(15.0, network.timeout_s),
        total_s=max(120.0, network.timeout_s),
        attempts=network.max_retries + 1,
        backoff_s=network.retry_backoff_s,
        breaker=network.circuit_breaker,
        breaker_threshold=network.circuit_breaker_threshold,
        requests_per_minute=network.requests_per_min,
    )
