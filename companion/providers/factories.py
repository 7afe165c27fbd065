"""Factories for one role: who hears, who speaks, who thinks. All create what `AIProviderFactory` does.

A name may be a provider's, its alias, or a model's short name of that role: `flux`, `deepgram-flux`, `nova-2`, `sonic`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from companion.errors import AIProviderNotSupportedError
from companion.kinds import Role
from companion.providers import registry
from companion.providers.config import (
    OFFLINE_SOUND,
    AIProviderFactory,
    chosen_provider,
    get_ai_provider,
    meant,
    named_for,
)
from companion.providers.making import constructor_name
from companion.providers.provider import AIProvider


class _RoleFactory:
    roles: ClassVar[tuple[Role, ...]]
    """What is made can do one of these; a block's `model` is that of the first."""

    @classmethod
    def create(
        cls, provider_name: str | None = None, config: Mapping[str, Any] | None = None, **arguments: Any
    ) -> AIProvider:
        """A provider for the role.

        Args:
            provider_name: None: whom the environment names.
            config: a block of a configuration file (`api_key`, `model`, `voice_id`, `sample_rate` ...).
            arguments: the same by name; they win.

        Raises:
            AIProviderInvalidRequestError: PROVIDER_UNKNOWN; a setting that makes no sense.
            AIProviderNotSupportedError: the provider has another role.
        """
        name = provider_name or cls.chosen()
        role = next((one for one in cls.roles if one in meant(name, one)[0].roles), None)
        if role is None:
            who = meant(name)[0]
            raise AIProviderNotSupportedError(
                f"{who.display_name} cannot do that.",
                who.name,
                who=who.display_name,
                hint=f"Choose one of {', '.join(cls.list_providers())}.",
            )
        block = {**(config or {}), **arguments}
        given = {constructor_name(role, each): value for each, value in block.items() if value is not None}
        return AIProviderFactory.create(name, role=role, **given)

    @classmethod
    def chosen(cls) -> str:
        """Whom the environment names for the role, else who works offline."""
        return next(filter(None, map(named_for, cls.roles)), "") or OFFLINE_SOUND

    @staticmethod
    def register(name: str, provider_class: type[AIProvider]) -> None:
        """Adds a program's own provider, for every factory.

        Raises:
            AIProviderInvalidRequestError: it is no `AIProvider` subclass, or the name is one of ours.
        """
        AIProviderFactory.register(name, provider_class)

    @classmethod
    def list_providers(cls) -> list[str]:
        """Names `create` takes: providers, their aliases, the short names of models, and recognisers and voices by id."""
        from companion.providers.catalogue import Catalogue

        able = [spec for spec in registry.specs() if any(role in spec.roles for role in cls.roles)]
        names = {name for spec in able for name in (spec.name, *spec.aliases)}
        for role in cls.roles:
            for entry in Catalogue.load().models(role=role):
                names.update(entry.aliases if role is Role.THINKS else (*entry.aliases, entry.model))
        return sorted(names)


class STTFactory(_RoleFactory):
    """Who hears."""

    roles = (Role.HEARS,)


class TTSFactory(_RoleFactory):
    """Who speaks."""

    roles = (Role.SPEAKS,)


class VoiceProviderFactory(_RoleFactory):
    """Who speaks or hears, chosen by `VOICE_PROVIDER`."""

    roles = (Role.SPEAKS, Role.HEARS)

    @classmethod
    def create_provider(cls, provider_name: str | None = None, **arguments: Any) -> AIProvider:
        """The same as `create`."""
        return cls.create(provider_name, **arguments)


class LLMFactory(_RoleFactory):
    """Who thinks, chosen by `AI_PROVIDER` or `LLM_PROVIDER`."""

    roles = (Role.THINKS,)

    @classmethod
    def chosen(cls) -> str:
        return chosen_provider()

    @classmethod
    def create_llm(cls, use_cache: bool = True) -> AIProvider:
        """The one the environment names; with `use_cache` the same one each time."""
        return get_ai_provider(cls.chosen()) if use_cache else cls.create()


register_text_provider = LLMFactory.register
_OF_ONE_REQUEST = frozenset({"tools", "tool_choice", "user", "metadata", "schema", "json"})


def get_text_provider(settings: Any) -> AIProvider:
    """The provider of a model: its name, or settings with a `model`, whose temperature and length are kept too."""
    from companion.providers.catalogue import Catalogue

    model = settings if isinstance(settings, str) else settings.model
    vendor = Catalogue.load().resolve(model, Role.THINKS)
    given = settings.fields() if hasattr(settings, "fields") else {"model": model}
    kept = {name: value for name, value in given.items() if name not in _OF_ONE_REQUEST}
    return AIProviderFactory.create(vendor.provider, role=Role.THINKS, **{**kept, "model": vendor.model})
