"""Who thinks, hears and speaks for a program: YAML files and the environment in, one provider per role out.

    providers:
      llm:
        active: anthropic
        anthropic: {model: haiku, api_key: "${ANTHROPIC_API_KEY}", timeout: 20}
      stt: {active: deepgram, deepgram: {model: flux}}
      tts: {active: cartesia, cartesia: {model: sonic, voice: "${MY_VOICE:-katie}"}}
    servers:
      workshop: {address: "http://192.168.1.20:8000/v1, http://192.168.1.21:8000/v1"}     # then a provider like any other

Defaults < `<name>.<COMPANION_ENV>.yaml` < `<name>.yaml` < environment < what the program passes. The shape is the one of
the app's settings, so their file can be read too; other groups are left alone. References are resolved for the providers
in use only; servers are known to the whole program from then on. Nothing is contacted here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion import yaml_file
from companion.errors import AIProviderInvalidRequestError, AIProviderNotSupportedError, CompanionError
from companion.flow import Role
from companion.log import Secret, hide
from companion.providers import registry
from companion.providers.config import (
    MODEL_ARGUMENTS,
    AIProviderFactory,
    arguments_from_environment,
    chosen_provider,
    knobs_from_environment,
)
from companion.providers.provider import AIProvider, Spec

STAGE = "COMPANION_ENV"
"""The variable that names the environment-specific file: `production` for `companion.production.yaml`."""
PREFIX = "COMPANION_PROVIDERS__"
"""`COMPANION_PROVIDERS__TTS__CARTESIA__MODEL` is `providers.tts.cartesia.model`."""
_ACTIVE = {
    "AI_PROVIDER": Role.THINKS,
    "AI_STT_PROVIDER": Role.HEARS,
    "AI_TTS_PROVIDER": Role.SPEAKS,
    "AI_EMBEDDING_PROVIDER": Role.EMBEDS,
    "AI_IMAGE_PROVIDER": Role.DRAWS,
    "AI_VIDEO_PROVIDER": Role.FILMS,
}
_DEFAULTS = {Role.HEARS: "builtin", Role.SPEAKS: "builtin"}
PER_REQUEST = frozenset({"speed", "language"})
"""What a block may hold that belongs to a request and not to a provider: read it with `Config.block`."""
_TEXTS = frozenset({"active", "model", "voice", "base_url", "api_key"})
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any
    source: str
    """`companion.yaml:4` or `environment AI_PROVIDER`."""


class Config:
    """The providers of a program. `async with` closes those it made.

    A provider is made when it is first asked for and kept. `config.llm`, `config.stt` and `config.tts` are the three of
    a spoken turn; `config.provider(role)` also knows embeddings and images.
    """

    def __init__(self, values: Mapping[str, _Value], environ: Mapping[str, str]) -> None:
        self._values = values
        self._environ = environ
        self._made: dict[Role, AIProvider] = {}
        self.active: Mapping[Role, str] = {role: name for role in Role if (name := self._active(role))}
        """Registered name of who has a role; a role that nobody has is absent."""
        for role in self.active:
            # A reference that leads nowhere is told now, not in the middle of a conversation.
            self.block(role)

    @property
    def llm(self) -> AIProvider:
        return self.provider(Role.THINKS)

    @property
    def stt(self) -> AIProvider:
        return self.provider(Role.HEARS)

    @property
    def tts(self) -> AIProvider:
        return self.provider(Role.SPEAKS)

    @property
    def sources(self) -> Mapping[str, str]:
        """Dotted name -> `companion.yaml:4` or `environment AI_PROVIDER`, for what is not a default."""
        return {name: each.source for name, each in self._values.items()}

    def provider(self, role: Role, **arguments: Any) -> AIProvider:
        """Who has the role; with `arguments` a new one each time, which belongs to the caller.

        Raises:
            AIProviderError: NOT_SUPPORTED where nobody has the role; INVALID_REQUEST for what a provider does not take.
        """
        if not arguments and role in self._made:
            return self._made[role]
        if role not in self.active:
            raise AIProviderNotSupportedError(
                f"Nobody is configured for {role.value}.", hint=f"Set providers.{role.value}.active."
            )
        spec = registry.find(self.active[role])
        given = {**self._arguments(role, spec), **arguments}
        if role is Role.THINKS and Role.SPEAKS not in spec.roles and Role.SPEAKS in self.active:
            given.setdefault("voice", self.tts)
        try:
            provider = AIProviderFactory.create(spec.name, **given)
        except TypeError as error:  # an argument the provider does not know; its message names both
            raise AIProviderInvalidRequestError(
                f"providers.{role.value}.{error}.", spec.name, error
            ) from error
        if not arguments:
            self._made[role] = provider
        return provider

    def block(self, role: Role) -> Mapping[str, Any]:
        """What is written for the active provider of a role, with its references replaced.

        Raises:
            AIProviderInvalidRequestError: a `${NAME}` that is not set and has nothing instead.
        """
        spec = registry.find(self.active[role])
        found: dict[str, Any] = {}
        for name in (*spec.aliases, spec.name):
            start = f"providers.{role.value}.{name}."
            for key, each in self._values.items():
                if key.startswith(start):
                    found[key.removeprefix(start)] = self._resolved(key, each)
        return {argument: value for argument, value in found.items() if value is not None}

    async def aclose(self) -> None:
        """Closes the providers made here."""
        for provider in self._made.values():
            await provider.aclose()
        self._made.clear()

    async def __aenter__(self) -> Config:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{role.value}={name}' for role, name in self.active.items())})"

    def _active(self, role: Role) -> str:
        key = f"providers.{role.value}.active"
        if key in self._values:
            each = self._values[key]
            name = str(self._resolved(key, each) or "")
            try:
                spec = registry.find(name)
            except CompanionError as error:
                raise _refused(each.source, key, error.message) from error
            if role not in spec.roles:
                raise _refused(each.source, key, f"{spec.display_name} cannot do that")
            return spec.name
        return chosen_provider() if role is Role.THINKS else _DEFAULTS.get(role, "")

    def _arguments(self, role: Role, spec: Spec) -> dict[str, Any]:
        """For the factory: the block under the names of the constructor, with the environment over it."""
        block = {name: value for name, value in self.block(role).items() if name not in PER_REQUEST}
        given = {_argument(role, name): value for name, value in block.items()}
        environment: dict[str, Any] = {**arguments_from_environment(spec)}
        is_elsewhere = bool(spec.base_url) and given.get("base_url", spec.base_url) != spec.base_url
        if "api_key" in given or is_elsewhere:
            # a key of the environment is for the vendor's own address; another address names its own key
            environment.pop("api_key", None)
            given.setdefault("api_key", None)
        if isinstance(given.get("api_key"), str):
            given["api_key"] = Secret(given["api_key"]) if given["api_key"] else None
        for knob in knobs_from_environment():
            given.pop(knob, None)
        return {**given, **environment}

    def _resolved(self, key: str, each: _Value) -> Any:
        """The value with `${NAME}` and `${NAME:-instead}` replaced, whole or in the middle of a text."""
        if not isinstance(each.value, str):
            if each.value is None or key.rsplit(".", 1)[-1] not in _TEXTS:
                return each.value
            if isinstance(each.value, (bool, list, dict)):
                raise _refused(each.source, key, "a text is needed here")
            return str(each.value)  # a model may be called 7

        def replacement(match: re.Match[str]) -> str:
            value = self._environ.get(match[1]) or match[2]
            if value is None:
                raise _refused(each.source, key, f"${{{match[1]}}} is not set")
            return value

        return _REFERENCE.sub(replacement, each.value)


def load_config(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The providers a program has chosen.

    Args:
        path: the user's file; it need not exist, and the environment-specific one stands beside it. None: what
            `COMPANION_CONFIG` names, else the settings of the app.
        environ: instead of the process's own, for files, references and who is active.

    Raises:
        AIProviderInvalidRequestError: with file, line and name of what cannot be used.
    """
    environ = os.environ if environ is None else environ
    path = Path(path or environ.get("COMPANION_CONFIG") or _settings_file())
    values: dict[str, _Value] = {}
    stage = environ.get(STAGE, "")
    if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", stage):
        values |= _read(path.with_name(f"{path.stem}.{stage}{path.suffix}"))
    values |= _read(path)
    _declare_servers(values)
    for variable, role in _ACTIVE.items():
        if value := environ.get(variable, "").strip():
            values[f"providers.{role.value}.active"] = _Value(value, f"environment {variable}")
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and environ[variable].strip():
            name = variable.removeprefix("COMPANION_").lower().replace("__", ".")
            values[name] = _Value(environ[variable].strip(), f"environment {variable}")
    return Config(values, environ)


def _settings_file() -> Path:
    from companion.paths import find_home

    return find_home().settings


def _read(path: Path) -> dict[str, _Value]:
    try:
        raw = yaml_file.read_bytes(path)
        root = yaml_file.parse(yaml_file.decode(raw)) if raw is not None else None
        if root is None:
            return {}
        if root.fault or not isinstance(root.value, dict):
            raise yaml_file.BrokenFile("names with values are needed here", root.line, root.column)
        entries = dict(_entries(path, root.value.get("providers")))
        return entries | dict(_server_entries(path, root.value.get("servers")))
    except yaml_file.BrokenFile as error:
        raise _refused(f"{path.name}:{error.line}", "", str(error)) from error
    except yaml_file.RefusedFile as error:
        raise _refused(path.name, "", str(error)) from error


def _entries(path: Path, providers: yaml_file.Node | None) -> Iterator[tuple[str, _Value]]:
    """`providers.<role>.active` and `providers.<role>.<provider>.<argument>` with their values and places."""
    roles = {role.value for role in Role}
    for role, group in _children(providers, path, "providers"):
        if role not in roles:
            raise _refused(
                f"{path.name}:{group.line}", f"providers.{role}", f"there are: {', '.join(sorted(roles))}"
            )
        for name, node in _children(group, path, f"providers.{role}"):
            key = f"providers.{role}.{name}"
            if name == "active":
                yield key, _Value(yaml_file.plain(node), f"{path.name}:{node.line}")
                continue
            for argument, child in _children(node, path, key):
                value = yaml_file.plain(child)
                if argument == "api_key" and isinstance(value, str) and not _REFERENCE.search(value):
                    hide(value)
                yield f"{key}.{argument}", _Value(value, f"{path.name}:{child.line}")


def _server_entries(path: Path, servers: yaml_file.Node | None) -> Iterator[tuple[str, _Value]]:
    """`servers.<name>.<setting>` with their values and places."""
    for name, node in _children(servers, path, "servers"):
        for setting, child in _children(node, path, f"servers.{name}"):
            value = yaml_file.plain(child)
            yield f"servers.{name}.{setting}", _Value(value, f"{path.name}:{child.line}")


def _declare_servers(values: Mapping[str, _Value]) -> None:
    declared: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    for key, each in values.items():
        if key.startswith("servers."):
            _, name, setting = key.split(".", 2)
            declared.setdefault(name, {})[setting] = each.value
            places.setdefault(name, each.source)
    if not declared:
        return
    from companion.providers.servers import declare, read_server

    for name, given in declared.items():
        try:
            problems = declare([read_server(name, given)])
        except CompanionError as error:
            raise _refused(places[name], f"servers.{name}", error.message.rstrip(".")) from error
        if problems:
            raise _refused(places[name], "", problems[0].rstrip("."))


def _children(node: yaml_file.Node | None, path: Path, key: str) -> Iterator[tuple[str, yaml_file.Node]]:
    if node is None or (node.value is None and not node.fault):
        return
    if node.fault or not isinstance(node.value, dict):
        raise _refused(f"{path.name}:{node.line}", key, node.fault or "names with values are needed here")
    yield from node.value.items()


def _argument(role: Role, name: str) -> str:
    """A block's name for the constructor: in the block of a role, `model` is the model of that role."""
    if name == "model":
        return MODEL_ARGUMENTS[role]
    return "tts_voice" if name == "voice" and role is Role.SPEAKS else name


def _refused(source: str, key: str, why: str) -> AIProviderInvalidRequestError:
    place = f"{source}: {key}" if key else source
    return AIProviderInvalidRequestError(f"{place}: {why}.", hint="Correct it and start again.")
