"""From settings to an instance: the names configuration blocks use, what a class takes, and what waits for its requests.

A block may name a model `model` or `model_id` and a voice `voice` or `voice_id`. What belongs to requests (`temperature`,
`max_tokens`, `stop`, `language`, `speed`, `sample_rate` ...) becomes the provider's `defaults`. A program's own class gets
what its constructor names, a config object where it wants one, and the rest with `initialize`.
"""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from companion.durations import finite
from companion.errors import AIProviderInvalidRequestError
from companion.kinds import Role
from companion.providers import written
from companion.providers.provider import AIProvider, Spec, key_missing
from companion.providers.simple import require_encoding, require_rate
from companion.providers.voice_config import config_named

MODEL_ARGUMENTS: Mapping[Role, str] = {
    Role.THINKS: "model",
    Role.HEARS: "stt_model",
    Role.SPEAKS: "tts_model",
    Role.EMBEDS: "embedding_model",
    Role.DRAWS: "image_model",
    Role.FILMS: "video_model",
}
"""The argument of a provider's constructor that names its model for a role."""
_ROLES_BY_WEIGHT = (Role.THINKS, Role.HEARS, Role.SPEAKS, Role.EMBEDS, Role.DRAWS, Role.FILMS)


def _number(name: str, value: object) -> float:
    try:
        return finite(str(value))
    except ValueError as error:
        raise AIProviderInvalidRequestError(f"{name} must be a number, not {str(value)[:40]!r}.") from error


def _whole(name: str, value: object) -> int:
    number = _number(name, value)
    if number != int(number):
        raise AIProviderInvalidRequestError(f"{name} must be a whole number, not {str(value)[:40]!r}.")
    return int(number)


def _between(low: float, high: float) -> Callable[[str, object], float]:
    def read(name: str, value: object) -> float:
        number = _number(name, value)
        if not low <= number <= high:
            raise AIProviderInvalidRequestError(
                f"{name} must be between {low:g} and {high:g}, not {number:g}."
            )
        return number

    return read


def _some(name: str, value: object) -> int:
    number = _whole(name, value)
    if number < 1:
        raise AIProviderInvalidRequestError(f"{name} must be 1 or more, not {number}.")
    return number


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise AIProviderInvalidRequestError(f"{name} must be a text, not {str(value)[:40]!r}.")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    listed = (value,) if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or not all(isinstance(one, str) for one in listed):
        raise AIProviderInvalidRequestError(f"{name} must be a list of texts, not {str(value)[:40]!r}.")
    return tuple(listed)


_DEFAULTS: Mapping[str, Callable[[str, object], Any]] = {
    "temperature": _between(0, 2),
    "max_tokens": _some,
    "top_p": _between(0, 1),
    "frequency_penalty": _between(-2, 2),
    "presence_penalty": _between(-2, 2),
    "seed": _whole,
    "stop": _texts,
    "reasoning_effort": _text,
    "language": _text,
    "speed": _between(0.25, 4),
    "sample_rate": lambda name, value: require_rate(_whole(name, value)),
}
"""What a provider's requests can be given beforehand, and how it is read."""


def read_default(name: str, value: object, source: str) -> Any:
    """The value of one of them, as it was found in `source`.

    Raises:
        AIProviderInvalidRequestError: it makes no sense; names its source.
    """
    return _DEFAULTS[name](source, value)


def constructor_name(role: Role | None, name: str) -> str:
    """A block's name for the constructor: in the block of a role, `model` is the model of that role."""
    if name in ("model", "model_id"):
        return MODEL_ARGUMENTS[role or Role.THINKS]
    if name == "voice_id":
        return "tts_voice"
    return "tts_voice" if name == "voice" and role is Role.SPEAKS else name


def taken_defaults(cls: type[AIProvider], arguments: dict[str, Any]) -> dict[str, Any]:
    """Takes out of `arguments` what belongs to requests and the class has no argument for.

    Raises:
        AIProviderInvalidRequestError: a value that makes no sense.
    """
    own = _named(cls)
    found = {
        name: read(name, value)
        for name, read in _DEFAULTS.items()
        if name not in own and (value := arguments.pop(name, None)) not in (None, "")
    }
    if "encoding" not in own and (encoding := arguments.pop("encoding", None)):
        require_encoding(encoding)
    return found


def make(
    cls: type[AIProvider],
    spec: Spec,
    arguments: dict[str, Any],
    *,
    chosen: Collection[str],
    role: Role | None = None,
) -> AIProvider:
    """An instance.

    Args:
        spec: under which name it was asked for.
        arguments: all that is known; those in `chosen` were chosen for it, and an unknown one among them is refused.
        role: what it is for.

    Raises:
        TypeError: a chosen argument it does not know.
        AIProviderKeyMissingError: its constructor needs a key.
    """
    written_so = _as_written(role, arguments)
    defaults = taken_defaults(cls, arguments)
    taken, rest = _accepted(cls, arguments)
    if not overrides_configuration(cls):
        taken |= {name: value for name, value in rest.items() if name in chosen}
    wanted = _config_class(cls)
    needs_key = _parameters(cls).get("api_key")
    if needs_key is not None and needs_key.default is needs_key.empty and not taken.get("api_key"):
        raise key_missing(spec)
    provider = cls(_config(wanted, spec, written_so), **taken) if wanted else cls(**taken)
    if provider.spec.name != spec.name:  # a program's own class goes by the name it was registered under
        vars(provider)["spec"] = spec
    provider.settings, provider.defaults, provider._role = written_so, defaults, role
    return provider


async def settle(provider: AIProvider, config: Mapping[str, Any]) -> None:
    """Gives an instance other settings, as if it had been made with them.

    Raises:
        AIProviderInvalidRequestError: one that makes no sense, or that it does not know.
    """
    from companion.providers.config import refined_policy, spell_out_models

    cls = type(provider)
    role = provider._role or _role_of(provider, str(config.get("model_id") or config.get("model") or ""))
    arguments = {constructor_name(role, name): value for name, value in config.items() if value is not None}
    policy = refined_policy(provider.policy, arguments)
    defaults = taken_defaults(cls, arguments)
    spell_out_models(provider.spec, arguments)
    kept = provider._made_with
    key = arguments.get("api_key")
    if isinstance(key, str):
        from companion.log import Secret

        arguments["api_key"] = Secret(key) if key else None
    await provider.aclose()
    try:
        cls.__init__(provider, **{**kept, **arguments})
    except TypeError as error:  # its message names the argument
        raise AIProviderInvalidRequestError(f"{error}.", provider.spec.name, error) from error
    provider._made_with = {**kept, **arguments}
    provider.policy = policy
    provider.defaults = {**provider.defaults, **defaults}
    provider._stacks.clear()


def _role_of(provider: AIProvider, model: str) -> Role | None:
    """What a block without a role configures: what its model is for, else the first thing the provider can do."""
    from companion.providers.catalogue import Catalogue

    entry = Catalogue.load().find(model, provider.spec.name) if model else None
    if entry is not None:
        return entry.role
    return next((one for one in _ROLES_BY_WEIGHT if one in provider.spec.roles), None)


def overrides_configuration(cls: type[AIProvider]) -> bool:
    """Whether a class wants the rest of its settings after it was made."""
    return written.overrides(cls, "initialize") or _config_class(cls) is not None


def _as_written(role: Role | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Everything under the names a block uses, beside those of our constructors."""
    model = arguments.get(MODEL_ARGUMENTS[role or Role.THINKS])
    voice = arguments.get("tts_voice")
    more = {"model": model, "model_id": model, "voice_id": voice, "voice": voice}
    return {**{name: value for name, value in more.items() if value}, **arguments}


def _named(cls: type[AIProvider]) -> set[str]:
    """The arguments a constructor and those it calls name, `AIProvider`'s own aside."""
    found: set[str] = set()
    for each in cls.__mro__:
        if each is AIProvider:
            break
        if "__init__" in vars(each):
            found |= inspect.signature(each.__init__).parameters.keys()  # type: ignore[misc]
    return found


def _parameters(cls: type[AIProvider]) -> Mapping[str, inspect.Parameter]:
    """What the constructor takes, by name."""
    _, *known = inspect.signature(cls.__init__).parameters.values()
    return {each.name: each for each in known}


def _accepted(cls: type[AIProvider], arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the constructor takes, and the rest."""
    known = _parameters(cls).values()
    arguments = bare(arguments)  # a program's own class hands the key to a library of its own
    if any(each.kind is each.VAR_KEYWORD for each in known) and _config_class(cls) is None:
        return arguments, {}
    names = {each.name for each in known if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)}
    if _config_class(cls) is not None:
        names.discard("config")
    taken = {name: value for name, value in arguments.items() if name in names}
    return taken, {name: value for name, value in arguments.items() if name not in names}


def _config_class(cls: type[AIProvider]) -> type | None:
    """The class of the one value a program's own class is made with; None: it takes arguments."""
    if cls.__init__ is AIProvider.__init__:
        return None
    named = _parameters(cls).get("config")
    if named is None:
        return None
    try:
        wanted = typing.get_type_hints(cls.__init__).get("config")
    except (NameError, TypeError):  # a class inside a function, which its module does not know by its name
        wanted = config_named(str(named.annotation))
    if isinstance(wanted, type) and not issubclass(wanted, Mapping):
        return wanted
    return dict


def _config(wanted: type, spec: Spec, arguments: Mapping[str, Any]) -> object:
    """A value of the config class, from arguments and the environment."""
    from companion.providers.config import prefixes

    given = {name: value for name, value in bare(arguments).items() if value not in (None, "")}
    if wanted is dict:
        return given
    values: dict[str, Any] = {}
    for each in inspect.signature(wanted).parameters.values():
        variables = (f"{prefix}_{each.name.upper()}" for prefix in prefixes(spec))
        text = next((os.environ[variable] for variable in variables if os.environ.get(variable)), None)
        if each.name in given:
            values[each.name] = given[each.name]
        elif text is not None:
            values[each.name] = _as(each.default, each.name, text)
        elif each.name == "provider_name" and each.default is each.empty:
            values[each.name] = spec.name
        elif each.name == "api_key" and each.default is each.empty:
            raise key_missing(spec)
    return wanted(**values)


def _as(default: object, name: str, text: str) -> object:
    """A variable's text as the type of the default it stands for."""
    if isinstance(default, bool):
        return text.strip().lower() in ("1", "true", "yes", "on")
    if isinstance(default, int):
        return _whole(name, text)
    return _number(name, text) if isinstance(default, float) else text


def bare(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The same with its key as a program's own class wants it."""
    from companion.log import Secret

    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in arguments.items()}
