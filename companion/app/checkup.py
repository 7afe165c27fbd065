"""What `companion doctor` and `companion providers` report. Looks, asks, changes nothing."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

from companion.app.staff import environment_keys
from companion.errors import CompanionError
from companion.flow import TURN_ROLES
from companion.paths import Home
from companion.providers import registry
from companion.settings import load_settings
from companion.vault import Vault

if TYPE_CHECKING:
    from companion.app.companion import Companion

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
"""Variables of which one is set where a window can open."""
Level = Literal["ok", "hint", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    """`hint`: something works less well, `problem`: something does not work."""
    detail: str


async def examine(home: Home) -> tuple[Finding, ...]:
    """Everything Companion stands on, one finding each."""
    return (
        _python(),
        _display(),
        _settings(home),
        await _told("Sound", _sound),
        await _told("Keyring", _keyring),
        await _told("Journal", lambda: _journal(home)),
        await _told("Offline voice and recogniser", _offline_engines),
    )


def _python() -> Finding:
    version, qt = platform.python_version(), metadata.version("PySide6-Essentials")
    if sys.version_info < (3, 12) and tuple(int(part) for part in qt.split(".")[:2]) >= (6, 12):
        advice = "install PySide6-Essentials 6.11, or use Python 3.12"
        return Finding("Python and Qt", "problem", f"Qt {qt} aborts on Python {version}; {advice}.")
    return Finding("Python and Qt", "ok", f"Python {version}, Qt {qt}.")


def _display() -> Finding:
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in DISPLAYS):
        return Finding(
            "Display", "hint", "None: the window cannot open here; companion reflect, say and ask can."
        )
    return Finding("Display", "ok", os.environ.get("XDG_SESSION_TYPE", "") or "Present.")


def _settings(home: Home) -> Finding:
    problems = load_settings(home).problems
    if problems:
        return Finding("Settings", "problem", "; ".join(str(problem) for problem in problems))
    return Finding(
        "Settings", "ok", str(home.settings) if home.settings.exists() else "Defaults; no file yet."
    )


async def _sound() -> Finding:
    from companion.audio.devices import in_thread, list_devices

    found = await in_thread(list_devices, limit_s=5.0)
    missing = [
        name for name, devices in (("microphone", found.inputs), ("speaker", found.outputs)) if not devices
    ]
    if missing:
        return Finding("Sound", "hint", f"No {' and no '.join(missing)} was found; writing still works.")
    return Finding("Sound", "ok", f"{len(found.inputs)} microphones, {len(found.outputs)} speakers.")


async def _keyring() -> Finding:
    vault = await Vault.open(environment_keys())
    if vault.where == "keyring":
        return Finding("Keyring", "ok", "Keys are kept in the system's keyring.")
    return Finding(
        "Keyring", "hint", "None that is safe: keys last for one run, the journal needs a passphrase."
    )


async def _journal(home: Home) -> Finding:
    from companion.journal.store import look_at

    state = await asyncio.to_thread(look_at, home)
    if state.is_new:
        return Finding("Journal", "ok", "None yet; it is made with the first reflection.")
    return Finding("Journal", "ok", f"{home.journal}, opens with: {', '.join(sorted(state.opens_with))}.")


async def _offline_engines() -> Finding:
    provider = registry.provider_class("builtin")()
    try:
        health = await provider.check()
    finally:
        await provider.aclose()
    return Finding("Offline voice and recogniser", "ok" if health.ok else "problem", health.detail)


async def _told(subject: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await look()
    except CompanionError as error:
        return Finding(subject, "problem", f"{error.message} {error.hint}".strip())
    except (OSError, TimeoutError) as error:
        return Finding(subject, "problem", f"It could not be looked at ({type(error).__name__}).")


async def provider_rows(app: Companion, *, only: str | None, check: bool) -> list[dict[str, Any]]:
    """One row per provider; with `check`, each is asked whether it works (those without their key are not)."""
    specs = [registry.find(only)] if only else [spec for spec in registry.specs() if spec.name != "mock"]
    active = {app.settings.role(role).active for role in TURN_ROLES}
    vault = await app.vault()
    rows: list[dict[str, Any]] = []
    for spec in specs:
        row: dict[str, Any] = {
            "name": spec.name,
            "display_name": spec.display_name,
            "aliases": list(spec.aliases),
            "roles": [role.value for role in TURN_ROLES if role in spec.roles],
            "needs_key": spec.needs_key,
            "is_in_use": bool(active & {spec.name, *spec.aliases}),
            "ok": None,
            "detail": spec.summary,
        }
        if spec.needs_key and not (await vault.describe(spec.name)).present:
            row["detail"] = (
                f"Needs a key ({spec.key_env[0]} or the settings)." if spec.key_env else "Needs a key."
            )
            row["ok"] = False if check and (only or row["is_in_use"]) else None
        elif check:
            health = await app.bench.check(spec.name, next(role for role in TURN_ROLES if role in spec.roles))
            row["ok"], row["detail"], row["latency_ms"] = health.ok, health.detail, health.latency_ms
        rows.append(row)
    return rows
