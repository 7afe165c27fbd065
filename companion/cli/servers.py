"""Commands about servers of one's own: list, add, remove. A server that was added is a provider like any other."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from companion.cli.surroundings import Add, print_json, remark, with_app
from companion.cli.usage import more
from companion.errors import CompanionError, Kind
from companion.kinds import Role
from companion.log import Secret

if TYPE_CHECKING:
    from companion.app import Companion


def declare(add: Add) -> None:
    servers = add("servers", "List, add or remove servers of your own.", with_app(_servers))
    servers.add_argument(
        "what",
        metavar="VERB",
        nargs="?",
        choices=["list", "add", "remove"],
        default="list",
        help="list, add or remove",
    )
    servers.add_argument(
        "name", metavar="NAME", nargs="?", default="", help="as you call it: workshop, attic"
    )
    servers.add_argument(
        "address", metavar="ADDRESS", nargs="*", help="where it listens; several are a cluster of equals"
    )
    servers.add_argument(
        "--kind", choices=["openai", "wyoming"], help="what it speaks; without it, the address tells"
    )
    servers.add_argument("--json", action="store_true", help="for list")


async def _servers(app: Companion, args: argparse.Namespace) -> int:
    wants = {
        "list": not args.name,
        "add": args.name and args.address,
        "remove": args.name and not args.address,
    }
    if not wants[args.what]:
        needs = {
            "list": "no name",
            "remove": "a name",
            "add": "a name and an address, such as http://attic:8080/v1",
        }
        remark(f"companion servers {args.what} takes {needs[args.what]}. {more('companion servers')}")
        return 2
    if args.what == "add":
        return await _add(app, args)
    if args.what == "remove":
        return await _remove(app, args)
    return _list(app, args)


def _list(app: Companion, args: argparse.Namespace) -> int:
    rows = [
        {
            "name": name,
            "label": server.label or name,
            "kind": server.kind,
            "addresses": server.address.replace(",", " ").split(),
            "roles": server.does.split(),
        }
        for name, server in app.settings.servers.by_name.items()
    ]
    if args.json:
        print_json(rows)
    elif not rows:
        print("None yet: companion servers add NAME ADDRESS")
    else:
        for name, server in app.settings.servers.by_name.items():
            print(
                f"{name:<14} {server.label or name:<20} {server.kind:<8} {server.does:<24} {server.address}"
            )
    return 0


async def _add(app: Companion, args: argparse.Namespace) -> int:
    from companion.app import servers
    from companion.providers.servers import key_variable, roles_of

    text = " ".join(args.address)
    kind = args.kind or ("wyoming" if text.startswith(("tcp://", "wyoming://")) else "openai")
    addresses, notice = servers.read_addresses(text, kind)
    server = servers.drafted(
        app.settings, args.name, addresses, kind, servers.same_server(app.settings, args.name, addresses)
    )
    key = os.environ.get(key_variable(server.name), "").strip()
    found = await app.settings_backend.discover(server, Secret(key) if key else None)
    known = roles_of(app.settings.servers.server(server.name).does)
    roles = found.roles or known  # one that does not answer now can still do what it could
    await app.settings_backend.add_server(replace(server, roles=roles), roles)
    if notice:
        remark(notice)
    print(f"{server.name} is a provider now. {found.sentence}")
    for role in Role:
        if role in found.roles and role is not Role.EMBEDS:
            print(
                f"  use it:  COMPANION_PROVIDERS__{role.value.upper()}__ACTIVE={server.name}, or in the settings"
            )
    if found.health.kind in (Kind.KEY_REFUSED, Kind.KEY_MISSING):
        print(f"  its key: in the settings, or in {key_variable(server.name)}; then add it once more")
    return 0


async def _remove(app: Companion, args: argparse.Namespace) -> int:
    if args.name not in app.settings.servers.by_name:
        names = ", ".join(app.settings.servers.by_name)
        hint = f"There are: {names}." if names else "None was added yet: companion servers add NAME ADDRESS"
        raise CompanionError(Kind.PROVIDER_UNKNOWN, f"There is no server called {args.name}.", hint=hint)
    await app.settings_backend.remove_server(args.name)
    print(f"{args.name} is a provider no longer; its key is forgotten.")
    return 0
