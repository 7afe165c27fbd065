"""Who thinks, hears and speaks for a program: YAML files and the environment in, one provider per role out.

    providers:
      llm:
        active: anthropic
        anthropic: {model: haiku, api_key: "${ANTHROPIC_API_KEY}", timeout: 20}
      stt: {active: deepgram, deepgram: {model: flux}}
      tts: {active: cartesia, cartesia: {model: sonic, voice: "${MY_VOICE:-katie}"}}
    servers:
      workshop: {address: "http://192.168.1.20:8000/v1, http://192.168.1.21:8000/v1"}     # then a provider like any other

Defaults < `default.yaml` < `<COMPANION_ENV>.yaml` < `<name>.<COMPANION_ENV>.yaml` < `<name>.yaml` < environment < what the
program passes, all in one folder; groups are merged, not replaced. The shape is the one of the app's settings, so their
file can be read too; other groups are kept for `get`. A block is the provider's under its name, an alias, or the short
name of its model (`flux`); it takes what the provider's constructor does and what requests are given (`temperature`,
`max_tokens`, `stop`, `language`, `speed`, `sample_rate`). References are resolved for the providers in use only; servers
are known to the whole program from then on. Nothing is contacted here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion import yaml_file
from companion.errors import AIProviderInvalidRequestError, AIProviderNotSupportedError, CompanionError
from companion.kinds import Role
from companion.log import Secret, hide
from companion.places import RefusedFile
from companion.providers import registry
from companion.providers.config import (
    CHOICES,
    OFFLINE_SOUND,
    AIProviderFactory,
    arguments_from_environment,
    chosen_provider,
    common_address,
    knobs_from_environment,
    meant,
)
from companion.providers.making import constructor_name
from companion.providers.provider import AIProvider, Spec

STAGE = "COMPANION_ENV"
"""The variable that names the environment-specific file: `production` for `companion.production.yaml`."""
PREFIX = "COMPANION_PROVIDERS__"
"""`COMPANION_PROVIDERS__TTS__CARTESIA__MODEL` is `providers.tts.cartesia.model`."""
STAGES = (STAGE, "ENVIRONMENT")
"""The first that is set names the stage."""
USUAL_STAGE = "development"
PROGRAM = "the program"
"""Where a value stands that no file and no variable has."""
BASE = "default"
"""Name of the file below all others."""
FOLDER_FILE = "providers.yaml"
"""What is read of a folder."""
_DEFAULTS = {Role.HEARS: OFFLINE_SOUND, Role.SPEAKS: OFFLINE_SOUND}
_TEXTS = frozenset({"active", "model", "model_id", "voice", "voice_id", "base_url", "api_key"})
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

    def __init__(
        self,
        values: Mapping[str, _Value] | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        provider: str = "",
        **settings: Any,
    ) -> None:
        """`load_config` makes one of files; a program makes one of `provider`, who thinks, and what it is created with."""
        own = {f"providers.{Role.THINKS.value}.active": provider} if provider else {}
        for name, value in settings.items():
            argument = "model" if name == "default_model" else name
            own[f"providers.{Role.THINKS.value}.{provider.strip().lower()}.{argument}"] = value
        self._values = {**(values or {}), **{name: _Value(value, PROGRAM) for name, value in own.items()}}
        self._environ = os.environ if environ is None else environ
        self._made: dict[Role, AIProvider] = {}
        self._written: dict[Role, str] = {}
        """As whom the active one was named."""
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

    def get(self, name: str, default: Any = None) -> Any:
        """What is written under a dotted name (`providers.stt.active`, `websocket.max_connections`): a value, or a group.

        References are replaced, where they lead somewhere. What nobody has written is `default`.
        """
        if name in self._values:
            return self._shown(name)
        group: dict[str, Any] = {}
        for key in self._values:
            if key.startswith(f"{name}."):
                *path, last = key.removeprefix(f"{name}.").split(".")
                inner = group
                for part in path:
                    found = inner.setdefault(part, {})
                    inner = (
                        found if isinstance(found, dict) else {}
                    )  # a name with a dot in it stands in its way
                inner[last] = self._shown(key)
        return group or default

    def get_provider_config(self, role: Role | str) -> dict[str, Any]:
        """The block of who has a role, as it is written, its key included.

        Raises:
            AIProviderInvalidRequestError: nobody has it.
        """
        role = role_named(role)
        if role not in self.active:
            raise AIProviderInvalidRequestError(
                f"No {role.value} provider is active.", hint=f"Set providers.{role.value}.active."
            )
        return dict(self.block(role))

    def provider(self, role: Role | str, **arguments: Any) -> AIProvider:
        """Who has the role; with `arguments` a new one each time, which belongs to the caller.

        Raises:
            AIProviderError: NOT_SUPPORTED where nobody has the role; INVALID_REQUEST for what a provider does not take.
        """
        role = self._held(role)
        if not arguments and role in self._made:
            return self._made[role]
        spec = registry.find(self.active[role])
        _, named = meant(self._written.get(role, spec.name), role)
        chosen = {constructor_name(role, name): value for name, value in arguments.items()}
        given = {**named, **self._arguments(role, spec), **chosen}
        if role is Role.THINKS and Role.SPEAKS not in spec.roles and Role.SPEAKS in self.active:
            given.setdefault("voice", self.tts)
        try:
            provider = AIProviderFactory.create(spec.name, role=role, **given)
        except TypeError as error:  # an argument the provider does not know; its message names both
            raise AIProviderInvalidRequestError(
                f"providers.{role.value}.{error}.", spec.name, error
            ) from error
        if not arguments:
            self._made[role] = provider
        return provider

    def _held(self, role: Role | str) -> Role:
        role = role_named(role)
        if role not in self.active:
            raise AIProviderNotSupportedError(
                f"Nobody is configured for {role.value}.", hint=f"Set providers.{role.value}.active."
            )
        return role

    def block(self, role: Role | str) -> Mapping[str, Any]:
        """What is written for the active provider of a role, with its references replaced.

        Raises:
            AIProviderInvalidRequestError: a `${NAME}` that is not set and has nothing instead.
        """
        role = role_named(role)
        spec = registry.find(self.active[role])
        found: dict[str, Any] = {}
        for name in dict.fromkeys((*spec.aliases, spec.name, self._written.get(role, spec.name))):
            start = f"providers.{role.value}.{name}."
            for key, each in self._values.items():
                if key.startswith(start):
                    found[key.removeprefix(start)] = self._resolved(key, each)
        return {argument: value for argument, value in found.items() if value is not None}

    def validate(self) -> None:
        """Returns where everybody who is configured has what it needs to be asked. Nothing is contacted.

        Raises:
            AIProviderKeyMissingError: somebody has no key.
            AIProviderInvalidRequestError: a setting that makes no sense.
        """
        for role in self.active:
            self.provider(role).validate_config()

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
                spec, _ = meant(name, role)
            except CompanionError as error:
                raise _refused(each.source, key, error.message) from error
            if role not in spec.roles:
                raise _refused(each.source, key, f"{spec.display_name} cannot do that")
            self._written[role] = name.strip().lower()
            return spec.name
        return chosen_provider() if role is Role.THINKS else _DEFAULTS.get(role, "")

    def _arguments(self, role: Role, spec: Spec) -> dict[str, Any]:
        """For the factory: the block under the names of the constructor, with the environment over it."""
        given = {constructor_name(role, name): value for name, value in self.block(role).items()}
        environment: dict[str, Any] = {**arguments_from_environment(spec)}
        is_elsewhere = bool(spec.base_url) and given.get("base_url", spec.base_url) != spec.base_url
        if not common_address(spec) and ("api_key" in given or is_elsewhere):
            # a key of the environment is for the vendor's own address; another address names its own key
            environment.pop("api_key", None)
            given.setdefault("api_key", None)
        if isinstance(given.get("api_key"), str):
            given["api_key"] = Secret(given["api_key"]) if given["api_key"] else None
        own = {
            constructor_name(role, key.rsplit(".", 1)[-1])
            for key, each in self._values.items()
            if each.source == PROGRAM
        }
        if common_address(spec) and not own & {"api_key", "base_url"}:
            given |= {"base_url": environment["base_url"], "api_key": environment["api_key"]}
        for knob in knobs_from_environment():
            if knob not in own:
                given.pop(knob, None)
        return {**given, **environment, **{name: given[name] for name in own & given.keys()}}

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

    def _shown(self, key: str) -> Any:
        """The value as `get` gives it: a reference that leads nowhere stays as it is written."""
        value = self._values[key].value
        if not isinstance(value, str):
            return value
        return _REFERENCE.sub(lambda match: self._environ.get(match[1]) or match[2] or match[0], value)


def ConfigManager(env: str = "", config_dir: str | Path = "config") -> Config:
    """The files of a folder: `default.yaml` < `<env>.yaml` < `providers.yaml`."""
    return load_config(config_dir, env=env)


def load_from_env() -> Config:
    """The providers the environment names, and no file.

    Raises:
        AIProviderError: as `Config.validate`.
    """
    config = Config({}, os.environ)
    config.validate()
    return config


def role_named(role: Role | str) -> Role:
    """The role of that name.

    Raises:
        AIProviderInvalidRequestError: there is none.
    """
    try:
        return Role(role)
    except ValueError as error:
        names = ", ".join(each.value for each in Role)
        raise AIProviderInvalidRequestError(
            f"There is no role {str(role)[:40]!r}: there are {names}."
        ) from error


def load_config(
    path: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    env: str = "",
    env_file: str | Path | None = None,
) -> Config:
    """The providers a program has chosen.

    Args:
        path: the user's file, or the folder of a `providers.yaml`; it need not exist, and the files below it stand beside
            it. None: what `COMPANION_CONFIG` names, else the settings of the app.
        environ: instead of the process's own, for files, references and who is active.
        env: the stage, `production` for instance; empty: what `COMPANION_ENV` or `ENVIRONMENT` says, else `development`.
        env_file: a `.env` file that is put into the environment of the process first.

    Raises:
        AIProviderInvalidRequestError: with file, line and name of what cannot be used.
    """
    if env_file is not None:
        from companion.providers.env_file import load_dotenv

        load_dotenv(env_file)
    environ = os.environ if environ is None else environ
    path = Path(path or environ.get("COMPANION_CONFIG") or _settings_file())
    if path.is_dir():
        path /= FOLDER_FILE
    values: dict[str, _Value] = {}
    for file in _files(path, env or next(filter(None, map(environ.get, STAGES)), USUAL_STAGE)):
        values |= _read(file)
    _declare_servers(values)
    for role, variables in CHOICES.items():
        for variable in reversed(variables):
            name = environ.get(variable, "").strip()
            if name and (variable != "VOICE_PROVIDER" or _may_have(role, name)):
                values[f"providers.{role.value}.active"] = _Value(name, f"environment {variable}")
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and environ[variable].strip():
            name = variable.removeprefix("COMPANION_").lower().replace("__", ".")
            values[name] = _Value(environ[variable].strip(), f"environment {variable}")
    return Config(values, environ)


def _may_have(role: Role, name: str) -> bool:
    """Whether somebody has a role; one whom nobody knows may, and is told with the place where he was named."""
    try:
        return role in meant(name, role)[0].roles
    except CompanionError:
        return True


def _files(path: Path, stage: str) -> Iterator[Path]:
    """The files of a configuration, those below first."""
    staged = (stage, f"{path.stem}.{stage}") if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", stage) else ()
    names = [name for name in (BASE, *staged) if name != path.stem]
    yield from (path.with_name(f"{name}{path.suffix}") for name in names)
    yield path


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
        others = {name: node for name, node in root.value.items() if name not in ("providers", "servers")}
        entries |= dict(_other_entries(path, others, ""))
        return entries | dict(_server_entries(path, root.value.get("servers")))
    except yaml_file.BrokenFile as error:
        raise _refused(f"{path.name}:{error.line}", "", str(error)) from error
    except RefusedFile as error:
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


def _other_entries(
    path: Path, group: Mapping[str, yaml_file.Node], within: str
) -> Iterator[tuple[str, _Value]]:
    """Whatever else is written, by its dotted name; what is broken there is nobody's concern here."""
    for name, node in group.items():
        if isinstance(node.value, dict):
            yield from _other_entries(path, node.value, f"{within}{name}.")
        elif not node.fault:
            with suppress(yaml_file.BrokenFile):
                yield f"{within}{name}", _Value(yaml_file.plain(node), f"{path.name}:{node.line}")


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


def _refused(source: str, key: str, why: str) -> AIProviderInvalidRequestError:
    place = f"{source}: {key}" if key else source
    return AIProviderInvalidRequestError(f"{place}: {why}.", hint="Correct it and start again.")
