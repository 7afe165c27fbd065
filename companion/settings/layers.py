"""Defaults < settings.<COMPANION_ENV>.yaml < settings.yaml < environment: loading, saving and describing them.

Loading never raises and never waits; every fault costs one field its value and is told with file, line and column.
Saving replaces the file atomically, keeps comments and fields it does not know, and copies the old file aside before
anything in it would be lost.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from companion import yaml_file
from companion.errors import CompanionError, Kind
from companion.frozen import Frozen
from companion.language import sentence, tr, trn
from companion.log import hide
from companion.paths import Home, write_atomically
from companion.places import RefusedFile
from companion.settings.declared import Settings
from companion.settings.read_before import READ_BEFORE, tree_of
from companion.settings.tree import (
    ROLES,
    all_fields,
    block_fields,
    changed,
    checked,
    find_field,
    is_provider_name,
    server_fields,
    value_of,
)
from companion.yaml_file import BrokenFile, Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from companion.settings.field import Declared, Field, Value

PREFIX = "COMPANION_"
_OWN_VARIABLES = {"COMPANION_HOME", "COMPANION_ENV"}
_BLOCK_VARIABLES = {
    "OPENAI_MODEL": "providers.llm.openai.model",
    "OPENAI_TTS_MODEL": "providers.tts.openai.model",
    "OPENAI_TTS_VOICE": "providers.tts.openai.voice",
    "ANTHROPIC_MODEL": "providers.llm.anthropic.model",
    "LOCAL_MODEL_URL": "providers.llm.ollama.base_url",
    "LOCAL_MODEL_NAME": "providers.llm.ollama.model",
}
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_NAME = re.compile(
    r"(^|_)(KEYS?|TOKEN|SECRETS?|PASSWORDS?|PASSPHRASES?|CREDENTIALS?)(_|$)", re.IGNORECASE
)
_HEADER = "# Settings of Companion. Keys never belong here: they are kept in the system's keyring.\n"


class SettingsProblem(Frozen):
    """One thing in the settings that could not be used, in words for a person."""

    file: str
    """Path of the file, or `environment`."""
    line: int = 0
    """1-based; 0: the whole file."""
    column: int = 0
    field: str = ""
    """Dotted name, or the variable's; empty: the whole file."""
    message: str

    def __str__(self) -> str:
        place = f"{Path(self.file).name}:{self.line}:{self.column}" if self.line else Path(self.file).name
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class Loaded(Frozen):
    """The settings of this run and where they come from."""

    settings: Settings
    problems: tuple[SettingsProblem, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """Dotted name -> `settings.yaml:3` or `environment OPENAI_MODEL`, for what is not a default."""

    @property
    def trouble(self) -> CompanionError | None:
        """The problems as one card; None: there are none."""
        if not self.problems:
            return None
        rest = len(self.problems) - 1
        told = trn("{problem} ({n} more)", "{problem} ({n} more)", rest, problem=self.problems[0])
        return CompanionError(
            Kind.SETTINGS_BROKEN,
            sentence(told if rest else str(self.problems[0])),
            hint=tr("Defaults stand in; nothing was removed."),
        )


@dataclass(slots=True, eq=False, repr=False)
class _Layers:
    """Values found so far, later ones over earlier ones."""

    environ: Mapping[str, str]
    values: dict[str, Value] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    problems: list[SettingsProblem] = field(default_factory=list)

    def put(self, name: str, value: Value, source: str) -> None:
        self.values[name] = value
        self.sources[name] = source


def load_settings(home: Home, environ: Mapping[str, str] | None = None, *, may_move: bool = True) -> Loaded:
    """The settings of `home` under `environ` (by default the process's own).

    Args:
        may_move: a file that cannot be read is put aside.
    """
    layers = _Layers(os.environ if environ is None else environ)
    stage = layers.environ.get("COMPANION_ENV", "")
    if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", stage):
        _load_file(layers, home.config / f"settings.{stage}.yaml", is_own=False)
    _load_file(layers, home.settings, is_own=may_move, kept=home.state / READ_BEFORE)
    _load_environment(layers)
    return Loaded(
        settings=changed(Settings(), layers.values),
        problems=tuple(layers.problems),
        sources=dict(layers.sources),
    )


def _load_file(layers: _Layers, path: Path, *, is_own: bool, kept: Path | None = None) -> None:
    try:
        raw = yaml_file.read_bytes(path)
        if raw is None:
            return
        if not raw.strip():
            layers.problems.append(
                SettingsProblem(file=str(path), message=tr("the file is empty; defaults are in use"))
            )
            return
        text = yaml_file.decode(raw)
        root = yaml_file.parse(text) if kept is None else tree_of(text, kept)
        if root is not None and (root.fault or not isinstance(root.value, dict)):
            raise BrokenFile(root.fault or tr("names with values are needed here"), root.line, root.column)
    except RefusedFile as error:
        layers.problems.append(
            SettingsProblem(file=str(path), message=tr("{fault}; defaults are in use", fault=error))
        )
        return
    except BrokenFile as error:
        aside = _move_aside(path) if is_own else None
        message = (
            tr("{fault}; the file is kept as {name}, defaults are in use", fault=error, name=aside.name)
            if aside
            else tr("{fault}; defaults are in use", fault=error)
        )
        layers.problems.append(
            SettingsProblem(file=str(path), line=error.line, column=error.column, message=message)
        )
        return
    for name, node in _walk(root.value if root else {}, ""):
        _take(layers, path, name, node)


def _walk(tree: Mapping[str, Node], prefix: str, depth: int = 0) -> Iterator[tuple[str, Node]]:
    """Every value with its dotted name; a faulty or too deep group counts as a value."""
    for name, node in tree.items():
        if (
            isinstance(node.value, dict)
            and not node.fault
            and depth < 4
            and find_field(f"{prefix}{name}") is None
        ):
            yield from _walk(node.value, f"{prefix}{name}.", depth + 1)
        else:
            yield f"{prefix}{name}", node


def _take(layers: _Layers, path: Path, name: str, node: Node) -> None:
    found = find_field(name)
    last = name.rsplit(".", 1)[-1]
    try:
        if _SECRET_NAME.search(last) and found is None:
            if isinstance(node.value, str):
                hide(node.value)
            raise ValueError(
                tr("keys do not belong in this file; enter it in the settings window and remove it here")
            )
        if found is None:
            if node.fault or _is_group(name):
                raise ValueError(node.fault or tr("names with values are needed here"))
            return  # of a newer version, or a typing error: kept as it is
        if node.fault:
            raise ValueError(node.fault)
        layers.put(name, _resolved(layers, found, node.value), f"{path.name}:{node.line}")
    except ValueError as error:
        layers.problems.append(
            SettingsProblem(
                file=str(path), line=node.line, column=node.column, field=name, message=str(error)
            )
        )


def _is_group(name: str) -> bool:
    groups = {each.name.rsplit(".", 1)[0] for each in all_fields()} | {"providers", "servers"}
    match name.split("."):
        case ["providers", role, provider] if role in ROLES and is_provider_name(provider):
            return True
        case ["servers", server] if is_provider_name(server):
            return True
    return name in groups


def _resolved(layers: _Layers, found: Field, value: object) -> Value:
    """The field's value, with `${NAME}` replaced where the field says so; a secret is never read this way."""
    if not found.declared.takes_variables or not isinstance(value, str) or not _REFERENCE.search(value):
        return found.check(value)

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        if _SECRET_NAME.search(name):
            raise ValueError(
                tr("{variable} may hold a secret and is not read into settings", variable=match[0])
            )
        if name not in layers.environ:
            raise ValueError(tr("{variable} is not set", variable=match[0]))
        return layers.environ[name]

    return found.parse(_REFERENCE.sub(replacement, value))


def _load_environment(layers: _Layers) -> None:
    named = {each.declared.environment: each.name for each in all_fields() if each.declared.environment}
    for variable, name in (named | _BLOCK_VARIABLES).items():
        if layers.environ.get(variable, "").strip():
            _take_variable(layers, variable, name)
    for variable in sorted(layers.environ):
        if variable.startswith(PREFIX) and "__" in variable and variable not in _OWN_VARIABLES:
            _take_variable(layers, variable, variable.removeprefix(PREFIX).lower().replace("__", "."))


def _take_variable(layers: _Layers, variable: str, name: str) -> None:
    found = find_field(name)
    try:
        if found is None:
            raise ValueError(tr("there is no setting called {name}", name=name))
        read = found.parse_variable if variable == found.declared.environment else found.parse
        layers.put(name, read(layers.environ[variable]), f"environment {variable}")
    except ValueError as error:
        layers.problems.append(SettingsProblem(file="environment", field=variable, message=str(error)))


# -- saving -------------------------------------------------------------------------------------------------


def save(home: Home, changes: Mapping[str, object]) -> None:
    """Writes other values by dotted name into settings.yaml; None removes one, so that its default holds again.

    Raises:
        CompanionError: SETTINGS_UNSAVED; the old file is then untouched.
    """
    values = checked(changes)
    try:
        path = home.settings.resolve()  # a linked file is replaced where it lives
        raw = yaml_file.read_bytes(path)
        write_atomically(path, _edited(path, raw or b"", values).encode())
    except (OSError, RuntimeError, RefusedFile) as error:  # RuntimeError: a loop of links
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CompanionError(
            Kind.SETTINGS_UNSAVED,
            tr("The settings could not be saved: {reason}.", reason=reason),
            cause=error,
        ) from error


def _edited(path: Path, raw: bytes, values: Mapping[str, object]) -> str:
    from companion.yaml_edit import edit  # the window is painted by what only reads

    try:
        text = yaml_file.decode(raw)
        root = yaml_file.parse(text)
        if root is not None and not isinstance(root.value, dict):
            raise BrokenFile(tr("names with values are needed here"))
        edited = edit(text if text.strip() else _HEADER, values, root)
        if root is not None and _loses_something(root.value, values):
            _check(edited, values)
            write_atomically(_free_name(path), raw)
        return edited
    except BrokenFile:
        write_atomically(_free_name(path), raw)
        return edit(_HEADER, values)


def _check(text: str, values: Mapping[str, object]) -> None:
    """Raises BrokenFile where a value that was just written is not the one that is read: its name was odd before."""
    root = yaml_file.parse(text)
    for name, value in values.items():
        node = root
        for part in name.split("."):
            node = node.value.get(part) if node is not None and isinstance(node.value, dict) else None
        if value is not None and yaml_file.plain(node) != value:
            raise BrokenFile(tr("{name} cannot be written here", name=name))


def _loses_something(tree: Mapping[str, Node], values: Mapping[str, object]) -> bool:
    """Whether an edit drops what stands there: one of two values of a name, or a value where a group is needed."""
    if any(node.fault for _, node in _walk(tree, "")):
        return True
    for name in values:
        node: Node | None = None
        group = tree
        for part in name.split(".")[:-1]:
            node = group.get(part)
            if node is None:
                break
            if not isinstance(node.value, dict):
                return node.value is not None
            group = node.value
    return False


def _move_aside(path: Path) -> Path | None:
    aside = _free_name(path)
    try:
        os.replace(path, aside)
    except OSError:
        return None
    return aside


def _free_name(path: Path) -> Path:
    stem = f"{path.name}.bad-{time.strftime('%Y%m%dT%H%M%S')}"
    names = (path.with_name(stem if not number else f"{stem}-{number}") for number in range(1000))
    return next(name for name in names if not name.exists())


# -- describing ---------------------------------------------------------------------------------------------


class Described(Frozen):
    """One setting for `config show` and the documentation."""

    name: str
    declared: Declared
    kind: str
    """`bool`, `int`, `float` or `str`."""
    default: Value
    value: Value
    source: str
    """`default`, `settings.yaml:3`, `environment OPENAI_MODEL`."""


def describe(loaded: Loaded | None = None) -> list[Described]:
    """Every setting in the order of declaration, then what differs from its default of providers' blocks and servers."""
    loaded = loaded or Loaded(settings=Settings())
    names = [each.name for each in all_fields()]
    for role in ROLES:
        for provider in sorted(getattr(loaded.settings.providers, role).blocks):
            names += [f"providers.{role}.{provider}.{each.name}" for each in block_fields()]
    for server in sorted(loaded.settings.servers.by_name):
        names += [f"servers.{server}.{each.name}" for each in server_fields()]
    rows = [_described(loaded, name) for name in names]
    return [
        row for row in rows if row.name in {each.name for each in all_fields()} or row.value != row.default
    ]


def _described(loaded: Loaded, name: str) -> Described:
    found = find_field(name)
    assert found is not None
    return Described(
        name=name,
        declared=found.declared,
        kind=found.kind.__name__,
        default=found.default,
        value=value_of(loaded.settings, name),
        source=loaded.sources.get(name, "default"),
    )
