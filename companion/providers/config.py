"""From a name and the environment to a provider ready to use: the factory, and what is known of every provider.

The environment is read when a provider is created, never at import; what a program passes beats it. A vendor's own
variables (`OPENAI_MODEL`) beat the common ones (`AI_API_KEY`, `AI_DEFAULT_MODEL`), which are those of the provider that
`AI_PROVIDER` names. `AI_BASE_URL` is only ever sent the key beside it, `AI_API_KEY`: a key goes only where a person sent
it. Other base URLs and proxies in the environment are not read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from companion import durations
from companion.errors import AIProviderError, AIProviderInvalidRequestError
from companion.kinds import Role
from companion.log import Secret
from companion.providers import registry
from companion.providers.making import MODEL_ARGUMENTS, make, read_default
from companion.providers.provider import AIProvider, Policy, Spec

if TYPE_CHECKING:
    from companion.net import Net

OFFLINE = "guide"
"""Who answers where nothing was chosen and there is no key."""
OFFLINE_SOUND = "builtin"
"""Who hears and speaks then."""
_SETTINGS = {name: name.upper() for name in (*MODEL_ARGUMENTS.values(), "tts_voice")}
"""Argument -> ending of its variable, after the provider's name: OPENAI_TTS_VOICE."""
_OWN_VARIABLES = {"ollama": {"base_url": "LOCAL_MODEL_URL", "model": "LOCAL_MODEL_NAME"}}
_COMMON_VARIABLES = {"api_key": "AI_API_KEY", "base_url": "AI_BASE_URL", "model": "AI_DEFAULT_MODEL"}
"""Of the provider that was chosen to think."""
_THINKING_VARIABLES = {"temperature": "LLM_TEMPERATURE", "max_tokens": "LLM_MAX_TOKENS"}
CHOICES: Mapping[Role, tuple[str, ...]] = {
    Role.THINKS: ("AI_PROVIDER", "LLM_PROVIDER"),
    Role.HEARS: ("AI_STT_PROVIDER", "VOICE_PROVIDER"),
    Role.SPEAKS: ("AI_TTS_PROVIDER", "VOICE_PROVIDER"),
    Role.EMBEDS: ("AI_EMBEDDING_PROVIDER",),
    Role.DRAWS: ("AI_IMAGE_PROVIDER",),
    Role.FILMS: ("AI_VIDEO_PROVIDER",),
}
"""The variables that name who has a role; the first that is set, and can do it, wins."""


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
        found = get_provider_config(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (spec.name for spec in registry.specs())

    def __len__(self) -> int:
        return len(registry.specs())


PROVIDER_CONFIGS: Mapping[str, ProviderConfig] = _Configs()


def get_provider_config(provider_name: str) -> ProviderConfig | None:
    """What is known of one provider; None: there is none of that name."""
    from companion.providers.catalogue import Catalogue

    try:
        spec = registry.find(provider_name)
    except AIProviderError:
        return None
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
    return spec.key_env or ((f"{registry.variable_name(spec.name)}_API_KEY",) if spec.needs_key else ())


def prefixes(spec: Spec) -> tuple[str, ...]:
    """How a provider's variables begin: with its name, and as its key's does (`MYPROVIDER`, `MY_PROVIDER`)."""
    of_keys = (name.removesuffix("_API_KEY") for name in spec.key_env if name.endswith("_API_KEY"))
    return tuple(dict.fromkeys((registry.variable_name(spec.name), *of_keys)))


def named_for(role: Role) -> str:
    """Who the environment names for a role; empty: nobody. `VOICE_PROVIDER` may name one that only hears or speaks."""
    for variable in CHOICES[role]:
        name = _read(variable)
        if name and (variable != "VOICE_PROVIDER" or role in meant(name, role)[0].roles):
            return name
    return ""


def chosen_provider() -> str:
    """`AI_PROVIDER` or `LLM_PROVIDER`, else OpenAI with `AI_API_KEY`, else a chat vendor whose key is in the environment
    (the one that can do most), else the guide.
    """
    if chosen := named_for(Role.THINKS):
        return chosen
    if _read("AI_API_KEY"):
        return "openai"
    with_key = [
        spec
        for spec in registry.with_role(Role.THINKS)
        if spec.needs_key and any(map(_read, key_variables(spec)))
    ]
    return max(with_key, key=lambda spec: len(spec.roles)).name if with_key else OFFLINE


def meant(name: str, role: Role | str | None = None) -> tuple[Spec, dict[str, str]]:
    """Who a name means, and the model argument where it is a model's: `flux`, `nova-2`, `sonic`, `haiku`.

    Raises:
        AIProviderInvalidRequestError: PROVIDER_UNKNOWN, with the names there are.
    """
    from companion.providers.catalogue import Catalogue

    try:
        return registry.find(name), {}
    except AIProviderError:
        entry = Catalogue.load().find(name.strip(), role=Role(role) if role else None)
        if entry is None or entry.realtime:
            raise
        return registry.find(entry.provider), {MODEL_ARGUMENTS[entry.role]: entry.model}


def arguments_from_environment(spec: Spec) -> dict[str, Any]:
    """The constructor arguments the environment gives for a provider; empty variables count as unset."""
    variables = {
        argument: [f"{prefix}_{ending}" for prefix in prefixes(spec)]
        for argument, ending in _SETTINGS.items()
    }
    variables |= {argument: [name] for argument, name in _OWN_VARIABLES.get(spec.name, {}).items()}
    if spec.address_env:
        variables["base_url"] = [spec.address_env]
    variables["api_key"] = list(key_variables(spec))
    if Role.THINKS in spec.roles:
        variables |= {argument: [name] for argument, name in _THINKING_VARIABLES.items()}
    own = {argument: next(filter(None, map(_read, names)), "") for argument, names in variables.items()}
    if _is_chosen(spec):
        common = {argument: _read(variable) for argument, variable in _COMMON_VARIABLES.items()}
        own = {**common, **{argument: value for argument, value in own.items() if value}}
    found: dict[str, Any] = {argument: value for argument, value in own.items() if value}
    for argument in _THINKING_VARIABLES.keys() & found.keys():
        found[argument] = read_default(argument, found[argument], _THINKING_VARIABLES[argument])
    if address := common_address(spec):
        found |= {"base_url": address, "api_key": _read("AI_API_KEY")}
    if "api_key" in found:
        found["api_key"] = Secret(found["api_key"]) if found["api_key"] else None
    return found


def common_address(spec: Spec) -> str:
    """`AI_BASE_URL`, where it is this provider's."""
    return _read("AI_BASE_URL") if _is_chosen(spec) else ""


def _is_chosen(spec: Spec) -> bool:
    """Whether the common variables are those of this provider."""
    if not any(map(_read, _COMMON_VARIABLES.values())):
        return False
    return meant(chosen_provider(), Role.THINKS)[0].name == spec.name


def voice_for(spec: Spec, net: Net | None = None) -> AIProvider | None:
    """Who speaks for a vendor without speech that was given nobody: whom the environment names, else OpenAI with its key.

    What works on this computer alone is not taken out of it. `net`: the gate that vendor was given.
    """
    if Role.SPEAKS in spec.roles:
        return None
    named = named_for(Role.SPEAKS)
    if not named and spec.base_url and _read("OPENAI_API_KEY"):
        named = "openai"
    return AIProviderFactory.create(named, net=net) if named else None


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
    number = _duration(source, value)
    if number <= 0:
        raise _invalid(source, value, "a length of time above 0, such as 30s")
    return number


def _pause(source: str, value: object) -> float:
    number = _duration(source, value)
    if number < 0:
        raise _invalid(source, value, "a length of time, 0 or more, such as 500ms")
    return number


def _duration(source: str, value: object) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    try:
        return durations.seconds(str(value))
    except ValueError as error:
        raise _invalid(source, value, "a length of time, such as 30s") from error


def _rate(source: str, value: object) -> float:
    number = _number(source, value)
    if number < 0:
        raise _invalid(source, value, "a number of requests a second, 0 or more")
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
        return durations.finite(str(value))
    except ValueError as error:
        raise _invalid(source, value, "a number") from error


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
    "rate_limit": (
        "AI_RATE_LIMIT",
        _rate,
        lambda policy, n: replace(policy, requests_per_minute=60 * n, requests_at_once=1 if n else 0),
    ),
}


def _read(variable: str) -> str:
    return os.environ.get(variable, "").strip()


# -- the factory --------------------------------------------------------------------------------------------


class AIProviderFactory:
    """Creates providers by name."""

    @staticmethod
    def create(
        provider_name: str | None = None,
        *,
        name: str | None = None,
        role: Role | str | None = None,
        **arguments: Any,
    ) -> AIProvider:
        """A provider with what the environment says about it.

        Args:
            provider_name: registered name or alias, or a model's short name (`flux`, `sonic`). None: `AI_PROVIDER` or
                `LLM_PROVIDER`; where neither is set, the vendor of `model`; else a chat vendor whose key is in the
                environment (the one that can do most); else the offline guide.
            name: the same.
            role: what it is for, where a short name could mean two models.
            arguments: the provider's own (`api_key`, `model`, ...), which beat the environment; models by id or by the
                catalogue's short names (`haiku`, `flux`); `voice`, a provider or a name, for vendors that do not speak
                (else `AI_TTS_PROVIDER`); what requests are given that leave it open (`temperature`, `max_tokens`,
                `stop`, `language`, `speed`, `sample_rate`); how patient to be: `policy`, or `timeout`, `max_retries`,
                `retry_backoff`, `circuit_breaker`, `circuit_breaker_threshold`, `rate_limit` (requests a second).

        Raises:
            AIProviderError: PROVIDER_UNKNOWN, with the names there are; INVALID_REQUEST for a value that makes no sense.
        """
        name = provider_name or name or (_chosen_for(Role(role), arguments) if role else "")
        name = name or named_for(Role.THINKS) or _vendor_of(arguments) or chosen_provider()
        spec, named = meant(name, role)
        cls = registry.provider_class(spec.name)
        policy = arguments.pop("policy", None)
        if policy is None:
            policy = refined_policy(cls.policy, arguments)
        _give_a_voice(spec, arguments)
        chosen = arguments.keys() | named.keys()
        environment = arguments_from_environment(spec)
        if "api_key" in arguments and common_address(spec):
            environment.pop("base_url")  # that address gets the key beside it and no other
        arguments = {**environment, **named, **arguments}
        if isinstance(key := arguments.get("api_key"), str):
            arguments["api_key"] = Secret(key) if key else None
        arguments.setdefault("api_key", None)  # the environment was asked
        spell_out_models(spec, arguments)
        provider = make(cls, spec, arguments, chosen=chosen, role=Role(role) if role else None)
        provider.policy = policy
        return provider

    @staticmethod
    def register(name: str, provider_class: type[AIProvider], *, replace_existing: bool = False) -> None:
        """Adds a program's own provider; it is then created and listed like the others.

        Raises:
            AIProviderInvalidRequestError: it is no `AIProvider` subclass, or the name is one of ours and not to be
                replaced.
        """
        registry.register(name, provider_class, replace_existing=replace_existing)
        for key in [key for key in _cached if key == name.strip().lower()]:
            del _cached[key]

    @staticmethod
    def get_available_providers() -> list[str]:
        """Every name `create` takes, aliases included."""
        specs = registry.specs()
        return sorted({spec.name for spec in specs} | {alias for spec in specs for alias in spec.aliases})


def _chosen_for(role: Role, arguments: dict[str, Any]) -> str:
    """Who has a role where nobody was named; empty: as for thinking."""
    if role is Role.THINKS or arguments.get("model"):
        return ""
    return named_for(role) or (OFFLINE_SOUND if role in (Role.HEARS, Role.SPEAKS) else "")


def _give_a_voice(spec: Spec, arguments: dict[str, Any]) -> None:
    """Who speaks for a vendor without speech, as a provider."""
    voice = arguments.pop("voice", None)
    if voice is None and Role.SPEAKS not in spec.roles:
        voice = named_for(Role.SPEAKS)
    if voice:
        arguments["voice"] = AIProviderFactory.create(voice) if isinstance(voice, str) else voice


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


def spell_out_models(spec: Spec, arguments: dict[str, Any]) -> None:
    """Short names become ids, and a model that is about to end is told in the log."""
    from companion.providers.catalogue import Catalogue

    for role, argument in MODEL_ARGUMENTS.items():
        if arguments.get(argument):
            catalogue = Catalogue.load()
            arguments[argument] = catalogue.model_id(arguments[argument], spec.name, role)
            catalogue.warn_once(arguments[argument], spec.name)


_cached: dict[str, AIProvider] = {}


class _Kept:
    """`get_ai_provider`, with the words of a cache."""

    def __call__(self, name: str | None = None) -> AIProvider:
        """The provider of that name, one per name and process; None: chosen as in `AIProviderFactory.create`.

        It keeps the environment of the moment it was first asked for, and belongs to one event loop. Other instances
        are the caller's own: `AIProviderFactory.create` makes as many as there are keys and addresses.
        """
        wanted = name or chosen_provider()
        spec, named = meant(wanted)
        key = wanted if named else spec.name
        if key not in _cached:
            _cached[key] = AIProviderFactory.create(key)
        return _cached[key]

    def cache_clear(self) -> None:
        """Forgets them all, without closing those still in use; the next call reads the environment again."""
        _cached.clear()


get_ai_provider = _Kept()


def get_ai_provider_uncached(name: str | None = None, **arguments: Any) -> AIProvider:
    """A new provider each time; arguments as in `AIProviderFactory.create`."""
    return AIProviderFactory.create(name, **arguments)
