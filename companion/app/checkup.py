"""What `companion doctor` and `companion providers` report. Looks, asks, leaves everything as it was."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

from companion.app import roles, servers
from companion.app.pool import environment_keys
from companion.app.synced import conflicted_copies, synced_by
from companion.errors import CompanionError, Kind
from companion.kinds import TURN_ROLES, Role
from companion.paths import Home
from companion.places import try_to_write
from companion.providers import registry
from companion.providers.catalogue import Catalogue, ModelEntry
from companion.providers.config import key_variables
from companion.providers.provider import Spec
from companion.providers.validator import FAILING, WORDS, Verdict, validate
from companion.settings import load_settings
from companion.vault import Vault

if TYPE_CHECKING:
    from companion.app.companion import Companion
    from companion.journal.store import JournalState

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
        *_folders(home),
        _room(home),
        *_synced(home),
        await _told("Sound", _sound),
        await _told("Keyring", _keyring),
        await _told("Journal", lambda: _journal(home)),
        await _told("Offline voice and recogniser", lambda: _offline_engines(home)),
        await _told("Language model of this computer", lambda: _mind(home)),
        await _told("Engine process", _engine_process),
        _models(home),
        _care(home),
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
            "Display",
            "hint",
            "There is none, so the window cannot open here; companion reflect, say and ask work without it.",
        )
    return Finding("Display", "ok", os.environ.get("XDG_SESSION_TYPE", "") or "Present.")


def _settings(home: Home) -> Finding:
    loaded = load_settings(home)
    problems = [*map(str, loaded.problems), *servers.declare(loaded.settings)]
    if problems:
        return Finding("Settings", "problem", "; ".join(problems))
    return Finding(
        "Settings", "ok", str(home.settings) if home.settings.exists() else "Defaults; no file yet."
    )


def _folders(home: Home) -> tuple[Finding, ...]:
    """Those into which nothing can be written; each in its own sentence."""
    found = []
    for subject, folder in (
        ("Journal's folder", home.data),
        ("Settings' folder", home.config),
        ("Log's folder", home.state),
    ):
        try:
            try_to_write(folder)
        except CompanionError as error:
            found.append(Finding(subject, "problem", error.message))
    return tuple(found)


def _room(home: Home) -> Finding:
    """What is set aside for a full disk."""
    from companion.journal.reserve import LEAST_FREE_BYTES, Reserve, free_bytes

    folder = next((each for each in (home.data, *home.data.parents) if each.is_dir()), home.data)
    free, kept = free_bytes(folder), Reserve(home.reserve).bytes
    left = f"{free / 2**30:,.1f} GB are free"
    if kept:
        aside = (
            f"{kept / 2**20:,.0f} MB more are set aside, so that what you say is saved when the disk is full."
        )
        return Finding("Room on the disk", "ok", f"{left}; {aside}")
    if free < LEAST_FREE_BYTES:
        detail = (
            f"Only {free / 2**20:,.0f} MB are free, too little to set some aside for a full disk. Make room."
        )
        return Finding("Room on the disk", "hint", detail)
    return Finding("Room on the disk", "ok", f"{left}; some is set aside after the first turn.")


def _synced(home: Home) -> tuple[Finding, ...]:
    """Where the journal's folder is copied to other computers while it is written to."""
    program, copies = synced_by(home.data), conflicted_copies(home.journal)
    if copies:
        names = ", ".join(path.name for path in copies)
        who = program or "Another program"
        detail = (
            f"{who} left copies that went apart: {names}. `companion journal merge FILE` adds what one holds."
        )
        return (Finding("Synced folder", "problem", detail),)
    if program:
        detail = (
            f"{program} copies {home.data} while Companion writes to it, and two computers at once make two journals. "
            "Start with another folder (companion --home FOLDER), and let it copy the backups instead."
        )
        return (Finding("Synced folder", "hint", detail),)
    return ()


def _care(home: Home) -> Finding:
    from companion.app.caring import help_of
    from companion.care.help import in_a_sentence

    shown = help_of(load_settings(home).settings.care)
    return Finding("Help that is shown", "ok" if shown.code else "hint", in_a_sentence(shown))


async def _sound() -> Finding:
    from companion.audio.devices import in_thread, list_devices

    found = await in_thread(list_devices, limit_s=5.0)
    missing = [
        name
        for name, devices in (("microphone", found.microphones), ("speaker", found.outputs))
        if not devices
    ]
    if missing:
        return Finding("Sound", "hint", f"No {' and no '.join(missing)} was found; writing still works.")
    return Finding("Sound", "ok", f"{len(found.microphones)} microphones, {len(found.outputs)} speakers.")


async def _keyring() -> Finding:
    vault = await Vault.open(environment_keys())
    vault.close()
    if vault.where == "keyring":
        return Finding("Keyring", "ok", "Keys are kept in the system's keyring.")
    return Finding(
        "Keyring", "hint", "There is no safe one: keys last for one run, and the journal needs a passphrase."
    )


async def _journal(home: Home) -> Finding:
    from companion.journal.store import look_at

    state = await asyncio.to_thread(look_at, home)
    if state.is_new:
        return Finding("Journal", "ok", "None yet; it is made with the first reflection.")
    where = f"{home.journal}, opens with: {', '.join(sorted(state.opens_with))}."
    try:
        await _try_keyring(home, state)
    except CompanionError as error:
        return Finding("Journal", "problem", f"{where} {error.message} {error.hint}".strip())
    return Finding("Journal", "ok", where)


async def _try_keyring(home: Home, state: JournalState) -> None:
    """Raises `CompanionError` where the keyring should open the journal and does not."""
    from companion.journal.keys import SlotKind, read_slots

    slots = await asyncio.to_thread(read_slots, home.key_slots)
    if slots is None or SlotKind.KEYRING not in state.opens_with:
        return
    vault = await Vault.open()
    try:
        await slots.unlock(wrapping_key=await vault.get_journal_key(state.journal_id), passphrase=None)
    finally:
        vault.close()


async def _offline_engines(home: Home) -> Finding:
    provider = registry.provider_class("builtin")(models_dir=home.models)
    try:
        health = await provider.check()
    finally:
        await provider.aclose()
    return Finding("Offline voice and recogniser", "ok" if health.ok else "problem", health.detail)


async def _engine_process() -> Finding:
    from companion.providers.here.builtin import BuiltinProvider

    async with BuiltinProvider() as provider:
        assert isinstance(provider, BuiltinProvider)
        held = (await provider.run_job("tell_protections"))["protections"]
    if "no network" in held and "no writing of files" in held:
        return Finding("Engine process", "ok", f"It has {', '.join(held)}.")
    had = f"it has {', '.join(held)}, but" if held else "it has"
    return Finding(
        "Engine process", "ok", f"This system cannot confine it fully: {had} what you may do otherwise."
    )


async def _mind(home: Home) -> Finding:
    subject, settings = "Language model of this computer", load_settings(home).settings
    chosen = settings.role(Role.THINKS)
    provider = registry.provider_class("mind")(models_dir=home.models, model=chosen.block("mind").model)
    try:
        health = await provider.check()
    finally:
        await provider.aclose()
    is_wanted = chosen.active == "mind"  # without it nothing is missing
    return Finding(subject, "ok" if health.ok or not is_wanted else "problem", health.detail)


def _models(home: Home) -> Finding:
    settings = load_settings(home).settings
    told = []
    for role in TURN_ROLES:
        try:
            entry = roles.entry_of(settings, role, settings.role(role).active)
        except CompanionError as error:
            return Finding("Models", "problem", error.message)
        if entry is not None and (warning := Catalogue.load().warning(entry.model, entry.provider)):
            told.append(warning)
    return Finding("Models", "hint" if told else "ok", " ".join(told) or "None of those in use ends soon.")


async def _told(subject: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await look()
    except CompanionError as error:
        return Finding(subject, "problem", f"{error.message} {error.hint}".strip())
    except (OSError, TimeoutError) as error:
        return Finding(subject, "problem", f"It could not be looked at ({type(error).__name__}).")


# -- providers and models -----------------------------------------------------------------------------------


async def provider_rows(app: Companion, *, only: str | None, check: bool) -> list[dict[str, Any]]:
    """One row per provider; with `check`, each is asked whether it works (those without their key are not)."""
    specs = [registry.find(only)] if only else [spec for spec in registry.specs() if spec.name != "mock"]
    return list(
        await asyncio.gather(*(_provider_row(app, spec, check, is_named=bool(only)) for spec in specs))
    )


async def _provider_row(app: Companion, spec: Spec, check: bool, *, is_named: bool) -> dict[str, Any]:
    active = {app.settings.role(role).active for role in TURN_ROLES}
    row: dict[str, Any] = {
        "name": spec.name,
        "display_name": spec.display_name,
        "aliases": list(spec.aliases),
        "roles": [role.value for role in Role if role in spec.roles],
        "needs_key": spec.needs_key,
        "is_in_use": bool(active & {spec.name, *spec.aliases}),
        "ok": None,
        "detail": spec.summary,
        "key": await _key_of(app, spec),
        "reach": None,
        "latency_ms": None,
        "models": {},
        "unknown_models": [],
        "knows_models": None,
        "warnings": [],
        "verdict": None,
        "next": "",
    }
    if check:
        verdict = await _verdict(app, spec)
        # a provider without its key is only a problem for who wants it
        is_wanted = is_named or row["is_in_use"] or verdict.key != "missing"
        row |= {
            "ok": verdict.ok if is_wanted else None,
            "detail": verdict.detail,
            "key": verdict.key,
            "reach": verdict.is_reachable,
            "latency_ms": verdict.latency_ms,
            "models": {role.value: model for role, model in verdict.models.items()},
            "unknown_models": list(verdict.unknown_models),
            "knows_models": verdict.knows_models,
            "warnings": list(verdict.warnings),
            "verdict": verdict.word,
            "next": verdict.hint,
        }
    elif row["key"] == "missing":
        variable = next(iter(key_variables(spec)), "")
        row["detail"] = f"Needs a key ({variable} or the settings)." if variable else "Needs a key."
    return row


async def _key_of(app: Companion, spec: Spec) -> str:
    if not spec.needs_key:
        return "not needed"
    vault = await app.vault()
    return "present" if (await vault.describe(spec.name)).present else "missing"


async def _verdict(app: Companion, spec: Spec) -> Verdict:
    """What `validate` says of the provider as the settings have it, or without a key where there is none."""
    role = next((role for role in TURN_ROLES if role in spec.roles), Role.THINKS)
    try:
        return await validate(await app.staff.provider(role, spec.name))
    except CompanionError as error:
        if error.kind is Kind.KEY_MISSING:
            return await validate(registry.provider_class(spec.name)(api_key=None))
        word = WORDS.get(error.kind, FAILING)
        return Verdict(
            provider=spec.name,
            display_name=spec.display_name,
            detail=error.message,
            word=word,
            hint=error.hint,
            key="missing" if spec.needs_key else "not needed",
        )


def model_rows(provider: str = "") -> list[dict[str, Any]]:
    """What the catalogue knows of every model that can be chosen today, or of one provider's.

    Raises:
        CompanionError: PROVIDER_UNKNOWN.
    """
    catalogue = Catalogue.load()
    if provider and provider not in {entry.provider for entry in catalogue.entries}:
        provider = registry.find(provider).name
    return [
        _model_row(entry, catalogue)
        for entry in catalogue.entries
        if provider in ("", entry.provider) and not entry.is_retired()
    ]


async def live_models(app: Companion, provider: str) -> list[dict[str, Any]]:
    """What a provider says it has now, with what the catalogue knows of it.

    Raises:
        CompanionError: PROVIDER_UNKNOWN, KEY_MISSING, UNAVAILABLE.
    """
    spec, catalogue = registry.find(provider), Catalogue.load()
    role = next((role for role in TURN_ROLES if role in spec.roles), Role.THINKS)
    ids = await (await app.staff.provider(role, spec.name)).list_models()
    known = {model: catalogue.find(model, spec.name) for model in ids}
    return [
        _model_row(entry, catalogue) | {"model": model}
        if entry is not None
        else dict.fromkeys(_MODEL_COLUMNS) | {"provider": spec.name, "model": model, "abilities": []}
        for model, entry in known.items()
    ]


_MODEL_COLUMNS = (
    "provider",
    "model",
    "label",
    "role",
    "aliases",
    "context_window",
    "max_output",
    "price_in",
    "price_cached",
    "price_out",
    "price_audio_in",
    "price_audio_out",
    "price_hour",
    "price_mchars",
    "dimensions",
    "abilities",
    "refuses",
    "efforts",
    "retires",
    "successor",
    "warning",
)


def _model_row(entry: ModelEntry, catalogue: Catalogue) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(entry, name, None) for name in _MODEL_COLUMNS}
    row |= {"aliases": list(entry.aliases), "efforts": list(entry.efforts)}
    row |= {"abilities": sorted(entry.abilities), "refuses": sorted(entry.refuses)}
    row["role"] = "realtime" if entry.realtime else entry.role.value
    row["retires"] = str(entry.retires) if entry.retires else None
    row["warning"] = catalogue.warning(entry.model, entry.provider)
    return row
