"""Every setting by its dotted name: reading one, and settings with other values. Values only."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, Kind
from companion.kinds import TURN_ROLES
from companion.language import tr
from companion.settings.declared import OWN, Block, RoleSettings, Server, Servers, Settings
from companion.settings.field import Field, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _declared_in(cls: type, prefix: str) -> Iterator[Field]:
    for each in dataclasses.fields(cls):
        declared = each.metadata.get("declared")
        if declared is not None and isinstance(each.default, (bool, int, float, str)):
            yield Field(name=f"{prefix}{each.name}", default=each.default, declared=declared)
        elif dataclasses.is_dataclass(each.default):
            yield from _declared_in(type(each.default), f"{prefix}{each.name}.")


_FIELDS = {each.name: each for each in _declared_in(Settings, "")}
_BLOCK = {each.name: each for each in _declared_in(Block, "")}
_SERVER = {each.name: each for each in _declared_in(Server, "")}
ROLES = tuple(role.value for role in TURN_ROLES)


def all_fields() -> tuple[Field, ...]:
    """Every setting but the providers' blocks and the servers, in the order of declaration."""
    return tuple(_FIELDS.values())


def block_fields() -> tuple[Field, ...]:
    """The settings of a provider's block, with names relative to it."""
    return tuple(_BLOCK.values())


def server_fields() -> tuple[Field, ...]:
    """The settings of a server, with names relative to it."""
    return tuple(_SERVER.values())


def find_field(name: str) -> Field | None:
    """The setting of a dotted name such as `talk.tap_ms` or `providers.tts.openai.voice`; None: there is none."""
    if name in _FIELDS:
        return _FIELDS[name]
    match name.split("."):
        case ["providers", role, provider, own] if (
            role in ROLES and is_provider_name(provider) and own in _BLOCK
        ):
            return replace(_BLOCK[own], name=name)
        case ["servers", server, own] if is_provider_name(server) and own in _SERVER:
            return replace(_SERVER[own], name=name)
    return None


def is_provider_name(text: str) -> bool:
    """Whether a block may be called so: letters, digits, `-` and `_`, and not the name of a setting beside it."""
    plain = text.replace("-", "").replace("_", "")
    return text not in OWN and plain.isascii() and plain.isalnum() and len(text) <= 64


def value_of(settings: Settings, name: str) -> Value:
    """The value of a dotted name.

    Raises:
        KeyError: there is no such setting.
    """
    if find_field(name) is None:
        raise KeyError(name)
    node: Any = settings
    for part in name.split("."):
        if isinstance(node, Servers):
            node = node.server(part)
        else:
            named_block = isinstance(node, RoleSettings) and part not in OWN
            node = node.block(part) if named_block else getattr(node, part)
    value: Value = node
    return value


def changed(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """`settings` with other values by dotted name; None gives a setting its default again.

    Raises:
        CompanionError: SETTINGS_UNSAVED for a name that is none or a value the field does not take.
    """
    tree: Any = settings
    for name, value in checked(changes).items():
        found = find_field(name)
        assert found is not None
        tree = _with(tree, name.split("."), found.default if value is None else value)
    result: Settings = tree
    return result


def checked(changes: Mapping[str, object]) -> dict[str, Value | None]:
    """`changes` as the fields hold them.

    Raises:
        CompanionError: SETTINGS_UNSAVED.
    """
    result: dict[str, Value | None] = {}
    for name, value in changes.items():
        found = find_field(name)
        if found is None:
            raise CompanionError(
                Kind.SETTINGS_UNSAVED,
                tr("There is no setting called {name}.", name=name),
                hint=tr("Nothing was changed."),
            )
        try:
            result[name] = None if value is None else found.check(value)
        except ValueError as error:
            raise CompanionError(
                Kind.SETTINGS_UNSAVED,
                f"{found.declared.label}: {error}.",
                hint=tr("Nothing was changed."),
                cause=error,
            ) from error
    return result


def _with(node: Any, path: list[str], value: Value) -> Any:
    head, *rest = path
    if not rest:
        return replace(node, **{head: value})
    if isinstance(node, Servers):
        server = _with(node.server(head), rest, value)
        others = {name: each for name, each in node.by_name.items() if name != head}
        return replace(node, by_name=others if server == Server() else {**node.by_name, head: server})
    if isinstance(node, RoleSettings):
        return replace(node, blocks={**node.blocks, head: _with(node.block(head), rest, value)})
    return replace(node, **{head: _with(getattr(node, head), rest, value)})
