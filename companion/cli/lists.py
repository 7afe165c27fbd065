"""Commands that list: providers and whether they work, models, voices, devices."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from companion.cli import local_models
from companion.cli.surroundings import Add, asked, print_json, remark, with_app
from companion.kinds import Role
from companion.paths import Home

if TYPE_CHECKING:
    from companion.app import Companion

REALTIME = "realtime"
"""What models for conversations are listed under, beside the roles."""


def declare(add: Add) -> None:
    providers = add("providers", "List who can think, hear and speak.", with_app(_providers))
    providers.add_argument("name", metavar="NAME", nargs="?", help="only this one")
    providers.add_argument("--check", action="store_true", help="ask each one whether it works; * is in use")
    providers.add_argument("--json", action="store_true")

    models = add(
        "models",
        "List models with price and abilities; fetch those that run on this computer.",
        with_app(_models),
    )
    local_models.declare(models)
    models.add_argument("--provider", metavar="P", default="", help="only this one's")
    models.add_argument("--role", choices=[*(role.value for role in Role), REALTIME], help="only for this")
    models.add_argument("--live", action="store_true", help="ask the provider what it has; needs --provider")
    models.add_argument("--json", action="store_true")

    voices = add("voices", "List the voices of whoever speaks.", with_app(_voices))
    voices.add_argument("--provider", metavar="P", default="", help="only this one's")
    voices.set_defaults(model="")
    voices.add_argument("--json", action="store_true")

    devices = add("devices", "List microphones and speakers.", _devices)
    devices.add_argument("--json", action="store_true")


async def _providers(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.checkup import provider_rows

    rows = await provider_rows(app, only=args.name, check=args.check)
    if args.json:
        print_json(rows)
    else:
        wide = max((len(" ".join(row["roles"])) for row in rows), default=0)
        for row in rows:
            _print_provider(row, wide, is_checked=args.check)
    failed = [row for row in rows if row["ok"] is False]
    return 1 if any(row["is_in_use"] for row in failed) or (args.name and failed) else 0


def _print_provider(row: dict[str, Any], wide: int, *, is_checked: bool) -> None:
    roles = " ".join(row["roles"])
    name = f"{'*' if row['is_in_use'] else ' '} {row['name']:<12}"
    if not is_checked:
        key = {"present": "key", "missing": "no key"}.get(row["key"], "")
        print(f"{name} {row['display_name']:<32} {roles:<{wide}} {key:<7} {row['detail']}")
        return
    reach = {True: "reached", False: "not reached", None: ""}[row["reach"]]
    if row["latency_ms"] is not None:
        reach = f"{reach} {row['latency_ms']:.0f} ms".strip()
    key = "" if row["key"] == "not needed" else f"key {row['key']}"
    models = {True: "models known", False: "model unknown", None: ""}[row["knows_models"]]
    print(f"{name} {row['verdict'].upper():<13} {key:<14} {reach:<18} {models:<13} {row['detail']}")
    for line in (*row["warnings"], row["next"]):
        if line:
            print(f"{'':<14} -> {line}")


async def _models(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.checkup import live_models, model_rows

    if args.what:
        return await local_models.run(app, args)
    if args.live and not args.provider:
        remark("--live needs --provider")
        return 2
    if args.live:
        rows = await live_models(app, args.provider)
    else:
        rows = model_rows(args.provider)
    rows = [row for row in rows if args.role in (None, row["role"])]
    if args.json:
        print_json(rows)
        return 0
    print(f"{'provider':<11} {'model':<44} {'role':<10} {'context':>7} {'$/Mtok in/out':<15} abilities")
    for row in rows:
        window = _short(row["context_window"])
        price = _price(row)
        abilities = " ".join(row["abilities"])
        name = f"{row['provider']:<11} {row['model']:<44} {row['role'] or '':<10}"
        print(f"{name} {window:>7} {price:<15} {abilities}".rstrip())
        if row["warning"]:
            print(f"{'':<11} -> {row['warning']}")
    return 0


def _short(tokens: int | None) -> str:
    if tokens is None:
        return ""
    return f"{tokens / 1e6:.2g}M" if tokens >= 1_000_000 else f"{tokens // 1000}k"


def _price(row: dict[str, Any]) -> str:
    """Per million tokens in and out, per hour of sound, or per million characters; empty: not known."""
    if row["price_hour"] is not None:
        return f"${row['price_hour']:g}/h"
    if row["price_mchars"] is not None:
        return f"${row['price_mchars']:g}/Mchar"
    if row["price_in"] is None:
        return ""
    return f"${row['price_in']:g} / ${row['price_out'] or 0:g}"


async def _voices(app: Companion, args: argparse.Namespace) -> int:
    voices = await (await asked(app, args, Role.SPEAKS)).provider.voices()
    if args.json:
        print_json([asdict(voice) for voice in voices])
    else:
        for voice in voices:
            print(f"{voice.id:<38} {voice.name:<24} {voice.language:<6} {voice.description}".rstrip())
    return 0


def _devices(home: Home, args: argparse.Namespace) -> int:
    from companion.audio.devices import list_devices

    found = list_devices()
    if args.json:
        print_json(
            {"inputs": [asdict(d) for d in found.inputs], "outputs": [asdict(d) for d in found.outputs]}
        )
        return 0
    for title, devices in (("Microphones", found.inputs), ("Speakers", found.outputs)):
        print(f"{title}:")
        for device in devices:
            label = f"  ({device.label})" if device.label != device.name else ""
            print(f"  {'*' if device.is_default else ' '} {device.name}{label}")
        if not devices:
            print("    none")
    return 0
