"""What commands share: an app around them that is closed afterwards, one JSON document, and whom the arguments mean."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from companion.errors import AIProviderNotSupportedError, CompanionError, Kind
from companion.kinds import TURN_ROLES, Role
from companion.paths import Home
from companion.places import shown, try_to_write

if TYPE_CHECKING:
    from companion.app import Companion
    from companion.providers.provider import AIProvider, Spec

T = TypeVar("T")
Command = Callable[["Companion", argparse.Namespace], Coroutine[Any, Any, int]]
Run = Callable[[Home, argparse.Namespace], int]
Add = Callable[[str, str, Run], argparse.ArgumentParser]
"""Declares a command: its name, what it does, what runs it."""


def print_json(document: object, *, indent: int | None = 2) -> None:
    """One document; in ASCII alone where the console may lack characters, so that it stays whole."""
    is_plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    json.dump(document, sys.stdout, indent=indent, ensure_ascii=is_plain)
    sys.stdout.write("\n")


def remark(text: str) -> None:
    """A line for the person, beside what the command was asked for."""
    sys.stderr.write(f"{text}\n")


def place_for(file: str) -> Path:
    """Where a command is going to write; looked at before anything is asked of anybody.

    Raises:
        CompanionError: BAD_FILE, or what keeps its folder from being written.
    """
    path = Path(file)
    if not path.parent.is_dir():
        raise CompanionError(
            Kind.BAD_FILE, f"There is no folder {shown(path.parent)}.", hint="Make it, or name another."
        )
    if path.is_dir():
        raise CompanionError(Kind.BAD_FILE, f"{shown(path)} is a folder.", hint="Name a file in it.")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise CompanionError(
                Kind.BAD_FILE, f"{shown(path)} may not be changed.", hint="Name another file."
            )
    else:
        try_to_write(path.parent)
    return path


def with_app(command: Command, **parts: Any) -> Run:
    """`command` with an app around it that is closed afterwards."""

    def run_it(home: Home, args: argparse.Namespace) -> int:
        async def live() -> int:
            from companion.app import Companion
            from companion.app.tape import write_tape

            app = Companion(home, **parts)
            if "events" in args.debug:
                write_tape(app.events, sys.stderr)
            try:
                return await command(app, args)
            finally:
                await app.close()

        start_log(home, args)
        return run_loop(live())

    return run_it


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def start_log(home: Home, args: argparse.Namespace) -> None:
    from companion.log import start_log

    start_log(home.log, debug="log" in args.debug)


# -- whom the arguments mean --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A provider with the model, the voice and the speed that it is asked with."""

    provider: AIProvider
    model: str
    """Empty: the provider's default."""
    voice: str = ""
    speed: float = 1.0

    def full_model(self, role: Role) -> str:
        return self.model or self.provider.models[role]


def takes_provider(command: argparse.ArgumentParser) -> None:
    command.add_argument("--provider", metavar="P", default="", help="who is asked, instead of the settings")
    command.add_argument("--model", metavar="M", default="", help="a model's id or short name, such as haiku")


async def asked(app: Companion, args: argparse.Namespace, role: Role) -> Asked:
    """Who does it: `--provider`, else the vendor of `--model`, else who has the role in the settings.

    Raises:
        CompanionError: PROVIDER_UNKNOWN; NOT_SUPPORTED with those who can; KEY_MISSING and its like.
    """
    from companion.app.roles import OFFLINE
    from companion.providers import registry
    from companion.providers.catalogue import Catalogue

    catalogue, name, model = Catalogue.load(), args.provider, args.model
    if model and not name:
        named = catalogue.resolve(model, role)
        name, model = named.provider or "", named.model
    spec = registry.find(name or _in_charge(app, role))
    if role not in spec.roles:
        able = ", ".join(each.name for each in registry.with_role(role))
        raise AIProviderNotSupportedError(
            f"{spec.display_name} cannot do that.", spec.name, hint=f"These can: {able}."
        )
    is_of_a_turn = role in TURN_ROLES
    block = app.settings.role(role).block(spec.name) if is_of_a_turn else None
    chosen = catalogue.model_id(model or (block.model if block else ""), spec.name, role)
    if warning := catalogue.warning(chosen or spec.default_models.get(role, ""), spec.name):
        remark(warning)
    if args.model and spec.name == OFFLINE.get(role):
        known = f"Nobody known has a model called {args.model}, and {spec.display_name} takes none."
        raise AIProviderNotSupportedError(
            f"{spec.display_name} takes no model." if args.provider else known,
            spec.name,
            hint="`companion models` lists them; --provider names whose it is.",
        )
    provider = await app.staff.provider(role if is_of_a_turn else Role.THINKS, spec.name)
    return Asked(provider, chosen, block.voice, block.speed) if block else Asked(provider, chosen)


def _in_charge(app: Companion, role: Role) -> str:
    """Who has a role where nobody was named; what is in no settings: whoever needs no key and has a model, first."""
    from companion.providers import registry

    if role in TURN_ROLES:
        return app.settings.role(role).active
    able = [spec for spec in registry.with_role(role) if spec.name != "mock"]
    if not able:
        raise AIProviderNotSupportedError("Nobody here can do that.", hint="Name somebody with --provider.")
    return min(able, key=lambda spec: (spec.needs_key, bool(spec.base_url), not _has_model(spec, role))).name


def _has_model(spec: Spec, role: Role) -> bool:
    """Whether it can be asked without naming a model: some have none any more."""
    return not spec.base_url or bool(spec.default_models.get(role))
