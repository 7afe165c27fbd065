"""Servers of the person's own, between the settings that declare them and the providers they become.

Settings in, declared providers out; what a person typed in, the changes to make out. Pure but for `declare`; any thread.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from companion.errors import CompanionError, Kind
from companion.kinds import TURN_ROLES, Role
from companion.language import mark, tr
from companion.providers import registry
from companion.settings import Settings, block_fields
from companion.settings.tree import is_provider_name, server_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from companion.providers.servers import OwnServer

MOST_ADDRESSES = 16


def declare(settings: Settings) -> tuple[str, ...]:
    """Makes the servers of the settings providers, and no others. Returns what could not be, in sentences."""
    if not settings.servers.by_name:
        # Most people have none, and the window need not wait for what makes them.
        registry.declare_servers({}, alone=True)
        return ()
    from companion.providers import servers

    found, problems = [], []
    for name in settings.servers.by_name:
        try:
            found.append(own_server(settings, name))
        except CompanionError as error:
            problems.append(f"servers.{name}: {error.message}")
    return (*problems, *servers.declare(found, alone=True))


def own_server(settings: Settings, name: str) -> OwnServer:
    """A server of the settings.

    Raises:
        CompanionError: UNSAFE_ADDRESS.
    """
    from companion.providers.servers import OwnServer, roles_of

    server = settings.servers.server(name)
    addresses, _ = read_addresses(server.address, server.kind)
    return OwnServer(
        name=name, addresses=addresses, kind=server.kind, label=server.label, roles=roles_of(server.does)
    )


def read_addresses(
    text: str, kind: str, *, with_key: bool = False, trusts_own_network: bool = False
) -> tuple[tuple[str, ...], str]:
    """The addresses `text` means, and what a person should know about them.

    Args:
        text: one, or several with commas, spaces or lines between them.
        kind: what the server speaks.
        with_key: a key will be sent there.
        trusts_own_network: as in `normalise_base_url`.

    Raises:
        CompanionError: UNSAFE_ADDRESS.
    """
    from companion.settings.address import normalise_base_url, normalise_tcp_address

    found: dict[str, str] = {}
    for each in re.split(r"[\s,;]+", text.strip()):
        address = (
            normalise_tcp_address(each)
            if kind == "wyoming"
            else normalise_base_url(each, with_key=with_key, trusts_own_network=trusts_own_network)
        )
        if address.url:
            found[address.url] = address.notice
    if not found:
        raise CompanionError(Kind.UNSAFE_ADDRESS, tr("An address is needed."), hint=tr(_EXAMPLES[kind]))
    if len(found) > MOST_ADDRESSES:
        raise CompanionError(
            Kind.UNSAFE_ADDRESS,
            tr("A server can have {most_addresses} addresses.", most_addresses=MOST_ADDRESSES),
            hint=tr("Add the others as a server of their own."),
        )
    return tuple(found), " ".join(dict.fromkeys(filter(None, found.values())))


_EXAMPLES = {
    "openai": mark("Write it like http://192.168.1.20:8000/v1."),
    "wyoming": mark("Write it like tcp://attic.local:10300."),
}


def drafted(
    settings: Settings, label: str, addresses: tuple[str, ...], kind: str, name: str = ""
) -> OwnServer:
    """A server as a person wants it, not declared yet.

    Args:
        name: that of the server that is changed; empty: a new one, named after its label.

    Raises:
        CompanionError: SETTINGS_UNSAVED when it needs a name, or somebody has it.
    """
    from companion.providers.servers import OwnServer

    label, is_new = " ".join(label.split()), not name
    name = name or _name_of(label)
    if not name or not is_provider_name(name):
        raise _unnamed(tr("It needs a name of letters or digits."))
    same = [other for other in settings.servers.by_name if other != name]
    if label.casefold() in {(settings.servers.server(other).label or other).casefold() for other in same}:
        raise _unnamed(tr("There is a server called {label} already.", label=label))
    if is_new:
        _check_new(settings, name)
    return OwnServer(name=name, addresses=addresses, kind=kind, label=label)


def same_server(settings: Settings, label: str, addresses: tuple[str, ...]) -> str:
    """The name of a server that is declared already and is looked at once more; empty: it is a new one."""
    name = _name_of(label)
    known = settings.servers.by_name.get(name)
    if known is None:
        return ""
    return name if set(read_addresses(known.address, known.kind)[0]) == set(addresses) else ""


def _check_new(settings: Settings, name: str) -> None:
    if name in settings.servers.by_name:
        raise _unnamed(tr("There is a server called {name} already.", name=name))
    try:
        taken = registry.find(name)
    except CompanionError:
        return
    raise _unnamed(
        tr("{name} is what {display_name} is called here.", name=name, display_name=taken.display_name)
    )


def changes_for(server: OwnServer, roles: frozenset[Role]) -> dict[str, object]:
    """The settings that declare a server; `roles` is what it is used for, empty: all that it can be."""
    return {
        f"servers.{server.name}.address": ", ".join(server.addresses),
        f"servers.{server.name}.kind": server.kind,
        f"servers.{server.name}.label": server.label if server.label != server.name else None,
        f"servers.{server.name}.does": " ".join(role.value for role in Role if role in roles) or None,
    }


def changes_without(settings: Settings, name: str) -> dict[str, object]:
    """The settings without a server: whoever it did something for goes back to what always works here."""
    changes: dict[str, object] = {f"servers.{name}.{each.name}": None for each in server_fields()}
    for role in TURN_ROLES:
        chosen = settings.role(role)
        prefix = f"providers.{role.value}"
        if chosen.active == name:
            changes[f"{prefix}.active"] = None
        ticked = chosen.stand_ins.replace(",", " ").split()
        if name in ticked:
            changes[f"{prefix}.stand_ins"] = " ".join(each for each in ticked if each != name)
        if name in chosen.blocks:
            changes |= {f"{prefix}.{name}.{each.name}": None for each in block_fields()}
    return changes


def uses(settings: Settings, name: str) -> Mapping[Role, bool]:
    """The roles a server has something to do with, and whether it has them now."""
    return {
        role: settings.role(role).active == name
        for role in TURN_ROLES
        if settings.role(role).active == name
        or name in settings.role(role).stand_ins.replace(",", " ").split()
    }


def _name_of(label: str) -> str:
    """`The attic` is `the-attic` in files and commands."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40]


def _unnamed(message: str) -> CompanionError:
    return CompanionError(
        Kind.SETTINGS_UNSAVED, message, hint=tr("Give it another name; nothing was changed.")
    )
