"""From a name and the environment to a provider ready to use: the factory, and what is known of every provider.

The environment is read when a provider is created, never at import; what a program passes beats it. Base URLs and
proxies in the environment are not read: a key goes only where a person sent it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from companion.errors import AIProviderError, AIProviderInvalidRequestError
from companion.flow import Role
from companion.providers import registry
from companion.providers.provider import AIProvider, Policy, Spec

OFFLINE = "guide"
"""Who answers where nothing was chosen and there is no key."""
MODEL_ARGUMENTS: Mapping[Role, str] = {
    Role.THINKS: "model",
    Role.HEARS: "stt_model",
    Role.SPEAKS: "tts_model",
    Role.EMBEDS: "embedding_model",
    Role.DRAWS: "image_model",
    Role.FILMS: "video_model",
}
"""The argument of a provider's constructor that names its model for a role."""
_SETTINGS = {name: name.upper() for name in (*MODEL_ARGUMENTS.values(), "tts_voice")}
"""Argument -> ending of its variable, after the provider's name: OPENAI_TTS_VOICE."""
_OWN_VARIABLES = {"ollama": {"base_url": "LOCAL_MODEL_URL", "model": "LOCAL_MODEL_NAME"}}


# -- what is known of a provider ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """A provider as a program or a settings page sees it before it is created."""

    name: str
    display_name: str
    supports_tts: bool
    default_model: str
    """For chat; empty where it does not chat."""
    available_models: tuple[str, ...]
    """Chat models of the catalogue that are not retired, best first. Others work too."""
    tts_voices: tuple[str, ...]
    """Ids of the voices known without asking the vendor."""
    requires_api_key: bool
    api_key_env: tuple[str, ...] = ()
    """Variables that may hold the key; the first that is set wins."""
    summary: str = ""


class _Configs(Mapping[str, ProviderConfig]):
    """Every provider's config by name; aliases are found but not listed. Built when asked for."""

    def __getitem__(self, name: str) -> ProviderConfig:
        try:
            return get_provider_config(name)
        except AIProviderError as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        return (spec.name for spec in registry.specs())

    def __len__(self) -> int:
        return len(registry.specs())


PROVIDER_CONFIGS: Mapping[str, ProviderConfig] = _Configs()


def get_provider_config(name: str) -> ProviderConfig:
    """What is known of one provider.

    Raises:
        AIProviderError: PROVIDER_UNKNOWN, with the names there are.
    """
    from companion.providers.catalogue import Catalogue

    spec = registry.find(name)
    default = spec.default_models.get(Role.THINKS, "")
    listed = [entry.model for entry in Catalogue.load().models(spec.name, Role.THINKS)]
    return ProviderConfig(
        name=spec.name,
        display_name=spec.display_name,
        supports_tts=Role.SPEAKS in spec.roles,
        default_model=default,
        available_models=tuple(listed if not default or default in listed else [default, *listed]),
        tts_voices=tuple(voice.id for voice in spec.voices),
        requires_api_key=spec.needs_key,
        api_key_env=key_variables(spec),
        summary=spec.summary,
    )


# -- the environment ----------------------------------------------------------------------------------------


def key_variables(spec: Spec) -> tuple[str, ...]:
    """The variables that may hold a provider's key: its own, else `<NAME>_API_KEY`."""
    return spec.key_env or ((f"{_upper(spec)}_API_KEY",) if spec.needs_key else ())


def chosen_provider() -> str:
    """`AI_PROVIDER`, else a chat vendor whose key is in the environment (the one that can do most), else the guide."""
    chosen = _read("AI_PROVIDER")
    if chosen:
        return chosen
    with_key = [
        spec
        for spec in registry.with_role(Role.THINKS)
        if spec.needs_key and any(map(_read, key_variables(spec)))
    ]
    return max(with_key, key=lambda spec: len(spec.roles)).name if with_key else OFFLINE


def arguments_from_environment(spec: Spec) -> dict[str, str]:
    """The constructor arguments the environment gives for a provider; empty variables count as unset."""
    variables = {argument: f"{_upper(spec)}_{ending}" for argument, ending in _SETTINGS.items()}
    variables |= _OWN_VARIABLES.get(spec.name, {})
    if spec.address_env:
        variables["base_url"] = spec.address_env
    found = {argument: value for argument, variable in variables.items() if (value := _read(variable))}
    key = next(filter(None, map(_read, key_variables(spec))), "")
    return {"api_key": key, **found} if key else found


def knobs_from_environment() -> tuple[str, ...]:
    """The arguments about patience that the environment sets."""
    return tuple(argument for argument, (variable, _, _) in _KNOBS.items() if _read(variable))


def refined_policy(policy: Policy, arguments: dict[str, Any]) -> Policy:
    """`policy` with what the environment and then `arguments` say about patience.

    Takes out of `arguments` what it understands: `timeout`, `max_retries`, `retry_backoff`, `circuit_breaker`,
    `circuit_breaker_threshold`, `rate_limit`.

    Raises:
        AIProviderInvalidRequestError: a value that makes no sense; names its variable or argument.
    """
    for argument, (variable, read, apply) in _KNOBS.items():
        for source, text in ((variable, _read(variable)), (argument, arguments.pop(argument, None))):
            if text is not None and text != "":
                policy = apply(policy, read(source, text))
    return policy


def _timeout(policy: Policy, seconds: float) -> Policy:
    return replace(policy.waiting(seconds), total_s=seconds)


def _seconds(source: str, value: object) -> float:
    number = _number(source, value)
    if number <= 0:
        raise _invalid(source, value, "a number of seconds above 0")
    return number


def _pause(source: str, value: object) -> float:
    number = _number(source, value)
    if number < 0:
        raise _invalid(source, value, "a number of seconds, 0 or more")
    return number


def _count(lowest: int) -> Callable[[str, object], int]:
    def read(source: str, value: object) -> int:
        number = _number(source, value)
        if number < lowest or number != int(number):
            raise _invalid(source, value, f"a whole number, {lowest} or more")
        return int(number)

    return read


def _switch(source: str, value: object) -> bool:
    word = str(value).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise _invalid(source, value, "true or false")


def _number(source: str, value: object) -> float:
    try:
        number = float(str(value).strip())
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _invalid(source, value, "a number")
    return number


def _invalid(source: str, value: object, wanted: str) -> AIProviderInvalidRequestError:
    return AIProviderInvalidRequestError(
        f"{source} must be {wanted}, not {str(value)[:40]!r}.", hint=f"Correct {source} and start again."
    )


_Knob = tuple[str, Callable[[str, object], Any], Callable[[Policy, Any], Policy]]
_KNOBS: Mapping[str, _Knob] = {
    "timeout": ("AI_TIMEOUT", _seconds, _timeout),
    "max_retries": ("AI_MAX_RETRIES", _count(0), lambda policy, n: replace(policy, attempts=n + 1)),
    "retry_backoff": ("AI_RETRY_BACKOFF", _pause, lambda policy, s: replace(policy, backoff_s=s)),
    "circuit_breaker": ("AI_CIRCUIT_BREAKER", _switch, lambda policy, on: replace(policy, breaker=on)),
    "circuit_breaker_threshold": (
        "AI_CIRCUIT_BREAKER_THRESHOLD",
        _count(1),
        lambda policy, n: replace(policy, breaker_threshold=n),
    ),
    "rate_limit": ("AI_RATE_LIMIT", _count(0), lambda policy, n: replace(policy, requests_per_minute=n)),
}


def _read(variable: str) -> str:
    return os.environ.get(variable, "").strip()


def _upper(spec: Spec) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in spec.name).upper()


# -- the factory --------------------------------------------------------------------------------------------


class AIProviderFactory:
    """Creates providers by name."""

    @staticmethod
    def create(name: str | None = None, **arguments: Any) -> AIProvider:
        """A provider with what the environment says about it.

        Args:
            name: registered name or alias. None: `AI_PROVIDER`; where that is not set, the vendor of `model`; else a chat
                vendor whose key is in the environment (the one that can do most); else the offline guide.
            arguments: the provider's own (`api_key`, `model`, ...), which beat the environment; models by id or by the
                catalogue's short names (`haiku`, `flux`); `voice`, a provider or a
                name, for vendors that do not speak (else `AI_TTS_PROVIDER`); how patient to be: `policy`, or `timeout`,
                `max_retries`, `retry_backoff`, `circuit_breaker`, `circuit_breaker_threshold`, `rate_limit`.

        Raises:
            AIProviderError: PROVIDER_UNKNOWN, with the names there are; INVALID_REQUEST for a value that makes no sense.
        """
        name = name or _read("AI_PROVIDER") or _vendor_of(arguments) or chosen_provider()
        spec, cls = registry.find(name), registry.provider_class(name)
        policy = arguments.pop("policy", None)
        if policy is None:
            policy = refined_policy(cls.policy, arguments)
        voice = arguments.pop("voice", None) or _voice_for(spec)
        if voice:
            arguments["voice"] = AIProviderFactory.create(voice) if isinstance(voice, str) else voice
        arguments = {**arguments_from_environment(spec), **arguments}
        _spell_out_models(spec, arguments)
        provider = cls(**arguments)
        provider.policy = policy
        return provider

    @staticmethod
    def register(name: str, cls: type[AIProvider], *, replace_existing: bool = False) -> None:
        """Adds a program's own provider; it is then created and listed like the others.

        Raises:
            AIProviderInvalidRequestError: `cls` is no `AIProvider` subclass, or the name is taken and not to be replaced.
        """
        registry.register(name, cls, replace_existing=replace_existing)
        _cached.pop(name.strip().lower(), None)

    @staticmethod
    def get_available_providers() -> list[str]:
        """Every name `create` takes, aliases included."""
        specs = registry.specs()
        return sorted({spec.name for spec in specs} | {alias for spec in specs for alias in spec.aliases})


def _vendor_of(arguments: dict[str, Any]) -> str:
    """Whose the chat model is, where only the model was given; its vendor's prefix is then taken off."""
    from companion.providers.catalogue import Catalogue

    if not arguments.get("model"):
        return ""
    named = Catalogue.load().resolve(arguments["model"], Role.THINKS)
    if named.provider is None:
        return ""
    arguments["model"] = named.model
    return named.provider


def _spell_out_models(spec: Spec, arguments: dict[str, Any]) -> None:
    """Short names become ids, and a model that is about to end is told in the log."""
    from companion.providers.catalogue import Catalogue

    for role, argument in MODEL_ARGUMENTS.items():
        if arguments.get(argument):
            catalogue = Catalogue.load()
            arguments[argument] = catalogue.model_id(arguments[argument], spec.name, role)
            catalogue.warn_once(arguments[argument], spec.name)


def _voice_for(spec: Spec) -> str:
    return "" if Role.SPEAKS in spec.roles else _read("AI_TTS_PROVIDER")


_cached: dict[str, AIProvider] = {}


def get_ai_provider(name: str | None = None) -> AIProvider:
    """The provider of that name, one per name and process; None: chosen as in `AIProviderFactory.create`.

    It keeps the environment of the moment it was first asked for, and belongs to one event loop.
    """
    key = registry.find(name or chosen_provider()).name
    if key not in _cached:
        _cached[key] = AIProviderFactory.create(key)
    return _cached[key]


def get_ai_provider_uncached(name: str | None = None, **arguments: Any) -> AIProvider:
    """A new provider each time; arguments as in `AIProviderFactory.create`."""
    return AIProviderFactory.create(name, **arguments)
