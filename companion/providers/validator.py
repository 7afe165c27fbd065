"""Is a provider ready? Looks at a key before it is stored, and asks every configured provider once.

`inspect_key` is pure: text in, verdict out, nothing sent and nothing kept. `validate` and `validate_all` make the vendor's
cheapest authenticated call and compare the chosen models with the list it gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, Kind
from companion.flow import Health
from companion.kinds import Role
from companion.language import tr
from companion.providers.provider import AIProvider, Spec, revealed

if TYPE_CHECKING:
    from companion.providers.config_file import Config

LONGEST_KEY = 512
SHORTEST_KEY = 8
CHECK_S = 10.0
_AROUND = " \t\r\n\f\v\u00a0\u200b\u200c\u200d\u2060\ufeff\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"
_KEY_CHARS = r"[A-Za-z0-9_\-.~+/=]"
_LABELLED = re.compile(
    rf"(?:bearer\s+|x-api-key['\"]?\s*[:=]\s*['\"]?|api[-_]?key\w*['\"]?\s*[:=]\s*['\"]?"
    rf"|\b[A-Z][A-Z0-9_]*_KEY\s*=\s*['\"]?)({_KEY_CHARS}{{{SHORTEST_KEY},}})",
    re.IGNORECASE,
)
"""A key where people keep it: a header of a curl command, a field of JSON, an export line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVerdict:
    """What became of a pasted text. Exactly one of `clean` and `problem` is empty, unless the key is another vendor's."""

    clean: str = ""
    """The key to store; empty: refused, and the old key stays."""
    problem: str = ""
    """Why it should not be stored here, in one sentence."""
    notice: str = ""
    """What was done to the text to get the key, in one sentence."""
    belongs_to: str = ""
    """Registered name of the vendor whose key it looks like, where that is another one; `clean` then holds it."""

    @property
    def is_ready(self) -> bool:
        """Whether `clean` can be stored under this provider as it is."""
        return bool(self.clean) and not self.problem


def inspect_key(text: str, spec: Spec, all_specs: Iterable[Spec]) -> KeyVerdict:
    """Looks at what somebody pasted as the key of `spec`. Never truncates silently."""
    specs = tuple(all_specs)
    trimmed = text.strip(_AROUND)
    if not trimmed:
        return KeyVerdict(problem=tr("Nothing was entered."))
    notice = "" if trimmed == text else tr("Spaces or quotes around the key were removed.")
    if any(sign.isspace() or sign in "\"'{}" for sign in trimmed) or _LABELLED.match(trimmed):
        found = _find_key(trimmed, spec, specs)
        if not found:
            return _refused(spec, tr("it contains spaces or quotes, and no key was found in it"))
        trimmed, notice = found, tr("A key was found inside the text; only the key is used.")
    if not trimmed.isascii() or not trimmed.isprintable():
        return _refused(spec, tr("keys have only plain letters, digits and dashes"))
    if len(trimmed) > LONGEST_KEY:
        return _refused(spec, tr("it has {n:,} characters", n=len(trimmed)))
    if len(trimmed) < SHORTEST_KEY:
        return _refused(spec, tr("it is too short"))
    owner = _owner(trimmed, spec, specs)
    is_free = spec.own_address and not spec.needs_key  # whoever runs the server made up its key
    if owner is not None and owner.name != spec.name and not is_free:
        return KeyVerdict(
            clean=trimmed,
            notice=notice,
            belongs_to=owner.name,
            problem=tr(
                "This looks like a key for {owner}, not for {other}.",
                owner=owner.display_name,
                other=spec.display_name,
            ),
        )
    if owner is None and spec.key_prefixes:
        return _refused(spec, tr("those begin with {prefixes}", prefixes=tr(" or ").join(spec.key_prefixes)))
    return KeyVerdict(clean=trimmed, notice=notice)


def _refused(spec: Spec, why: str) -> KeyVerdict:
    return KeyVerdict(
        problem=tr("That does not look like a key for {who}: {why}.", who=spec.display_name, why=why)
    )


def _find_key(text: str, spec: Spec, specs: Sequence[Spec]) -> str:
    """The one key in a longer text: of the vendor's own shape if there is one, else of any, else where keys stand."""
    labelled = [match[1] for match in _LABELLED.finditer(text)]
    words = re.findall(rf"{_KEY_CHARS}{{{SHORTEST_KEY},}}", text)
    shaped = [word for word in (*labelled, *words) if _owner(word, spec, specs) is not None]
    own = [word for word in shaped if _owner(word, spec, specs) is spec]
    return next(iter([*own, *shaped, *labelled]), "")


def _owner(key: str, spec: Spec, specs: Sequence[Spec]) -> Spec | None:
    """Whose key it is by how it begins: the longest beginning wins; among equals `spec`, then who can do most."""
    begins = [
        (len(start), one.name == spec.name, len(one.roles), one)
        for one in (spec, *specs)
        for start in one.key_prefixes
        if key.startswith(start)
    ]
    return max(begins, key=lambda each: each[:3])[-1] if begins else None


# -- asking the providers -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known about one provider's readiness. None: not found out."""

    provider: str
    display_name: str
    detail: str
    """One sentence: ready, or the first thing that is wrong."""
    word: str
    """The same in one word: `ready`, or one of `WORDS`."""
    ok: bool = False
    hint: str = ""
    """What to do next; empty: nothing."""
    key: str = "not needed"
    """`present`, `missing`, `malformed` or `not needed`."""
    is_reachable: bool | None = None
    latency_ms: float | None = None
    models: Mapping[Role, str] = field(default_factory=dict)
    """The chosen ones of the roles it has."""
    unknown_models: tuple[str, ...] = ()
    """Chosen models that the vendor does not list."""
    knows_models: bool | None = None
    """Whether the vendor lists all of them; None: it has no list, or was not asked."""
    warnings: tuple[str, ...] = ()
    """Chosen models that end soon, one sentence each."""

    @property
    def is_valid(self) -> bool:
        """The same as `ok`."""
        return self.ok

    @property
    def message(self) -> str:
        """The sentence, its next step, and WARNING before what does not stop it."""
        said = f"{self.detail} {self.hint}".strip()
        return " ".join((said, *(f"WARNING: {sentence}" for sentence in self.warnings)))

    @property
    def has_key(self) -> bool | None:
        """None: it needs none."""
        return None if self.key == "not needed" else self.key != "missing"


WORDS: Mapping[Kind, str] = {
    Kind.KEY_MISSING: "keyless",
    Kind.KEY_MALFORMED: "mistyped",
    Kind.KEY_ELSEWHERE: "moved",
    Kind.KEY_REFUSED: "refused",
    Kind.FORBIDDEN: "forbidden",
    Kind.NO_CREDIT: "unpaid",
    Kind.RATE_LIMITED: "busy",
    Kind.UNREACHABLE: "unreachable",
    Kind.TIMEOUT: "unreachable",
    Kind.NETWORK_SHUT: "offline",
    Kind.UNAVAILABLE: "down",
    Kind.NOT_AN_API: "misaddressed",
    Kind.MODEL_UNKNOWN: "unlisted",
    Kind.ENGINE_MISSING: "uninstalled",
}
FAILING = "failing"
"""The word for everything else that is wrong."""


async def validate(provider: AIProvider, *, limit_s: float = CHECK_S) -> Verdict:
    """Checks one provider: key there and well formed, vendor reachable, models known. Never raises an AIProviderError."""

    spec = provider.spec
    models = {role: name for role, name in provider.models.items() if name and role in spec.roles}
    key, problem = _key_of(provider)
    verdict = partial(
        Verdict,
        provider=spec.name,
        display_name=spec.display_name,
        models=models,
        warnings=_warnings(spec, models),
        key=key,
    )
    if problem:
        return verdict(detail=problem, **_wrong(key, spec))
    health = await _ask(provider, limit_s)
    if isinstance(health, CompanionError):
        health = Health(ok=False, detail=health.message, kind=health.kind)
    if not health.ok:
        return verdict(
            detail=health.detail,
            word=WORDS.get(health.kind, FAILING) if health.kind else FAILING,
            hint=next_step(health.kind, spec, provider.base_url) if health.kind else "",
            is_reachable=_was_reached(provider, health.kind),
            latency_ms=health.latency_ms,
        )
    unknown = _unknown_models(models.values(), health)
    detail = (
        tr("{who} does not list {models}.", who=spec.display_name, models=", ".join(unknown))
        if unknown
        else health.detail
    )
    return verdict(
        detail=detail,
        word=WORDS[Kind.MODEL_UNKNOWN] if unknown else "ready",
        ok=not unknown,
        hint=next_step(Kind.MODEL_UNKNOWN, spec) if unknown else "",
        is_reachable=True if provider.base_url or spec.needs_key else None,
        latency_ms=health.latency_ms,
        unknown_models=unknown,
        knows_models=not unknown if health.models and models else None,
    )


def _key_of(provider: AIProvider) -> tuple[str, str]:
    """What is known of a key without asking (`Verdict.key`), and what is wrong with it, in one sentence."""
    from companion.providers import registry

    spec = provider.spec
    if not provider.api_key:
        return (
            ("missing", tr("{who} needs a key.", who=spec.display_name))
            if spec.needs_key
            else ("not needed", "")
        )
    if spec.needs_key and provider.base_url == spec.base_url:
        seen = inspect_key(revealed(provider.api_key), spec, registry.specs())
        if not seen.is_ready:
            return "malformed", seen.problem
    return "present", ""


_KEY_FAULTS = {"missing": Kind.KEY_MISSING, "malformed": Kind.KEY_MALFORMED}


def _wrong(key: str, spec: Spec) -> dict[str, Any]:
    """Word and next step for a key that is missing or malformed."""
    kind = _KEY_FAULTS[key]
    return {"word": WORDS[kind], "hint": next_step(kind, spec)}


class ProviderValidator:
    """Who could be asked as things are configured: keys and settings are looked at, and nobody is contacted.

    Args:
        config: what a program has configured, or the file or folder that says it; None: what the environment and its
            usual configuration file say.
        strict: a key that does not look like one of its vendor, and a model that ends soon, count as faults; otherwise
            they are warnings.
    """

    def __init__(self, config: Config | Path | str | None = None, *, strict: bool = True) -> None:
        self._config = config
        self._strict = strict

    def validate_all(self) -> tuple[bool, tuple[Verdict, ...]]:
        """Whether everybody who is configured is ready to be asked, and a verdict on every provider there is."""
        from companion.providers import registry
        from companion.providers.config_file import Config, load_config

        config = self._config if isinstance(self._config, Config) else load_config(self._config)
        chosen = [config.provider(role) for role in config.active]
        names = {provider.spec.name for provider in chosen}
        others = (spec for spec in registry.specs() if spec.name not in names)
        mine = tuple(map(self._look, chosen))
        return all(each.ok for each in mine), (*mine, *map(self._look_up, others))

    def _look_up(self, spec: Spec) -> Verdict:
        from companion.providers.config import AIProviderFactory

        try:
            return self._look(AIProviderFactory.create(spec.name))
        except CompanionError as error:
            word = WORDS.get(error.kind, FAILING)
            detail = error.message
        except TypeError:
            word, detail = FAILING, tr("{who} is made by the program itself.", who=spec.display_name)
        return Verdict(provider=spec.name, display_name=spec.display_name, detail=detail, word=word)

    def _look(self, provider: AIProvider) -> Verdict:
        spec = provider.spec
        models = {role: name for role, name in provider.models.items() if name and role in spec.roles}
        key, problem = _key_of(provider)
        warnings = _warnings(spec, models)
        if key == "malformed" and not self._strict:
            warnings, problem = (problem, *warnings), ""
        is_wrong = bool(problem) or (self._strict and bool(warnings))
        word: dict[str, Any] = _wrong(key, spec) if problem else {"word": "ready"}
        detail = problem or tr("{who} is configured.", who=spec.display_name)
        return Verdict(
            provider=spec.name,
            display_name=spec.display_name,
            detail=detail,
            ok=not is_wrong,
            key=key,
            models=models,
            warnings=warnings,
            **word,
        )


def _was_reached(provider: AIProvider, kind: Kind | None) -> bool | None:
    if kind in (Kind.UNREACHABLE, Kind.TIMEOUT, Kind.NETWORK_SHUT):
        return False
    return True if provider.base_url and kind is not None else None


def next_step(kind: Kind, spec: Spec, address: str = "") -> str:
    """What a person can do about a provider's trouble; empty: nothing in particular.

    Args:
        kind: what is wrong.
        spec: whose trouble it is.
        address: where it was asked; empty: nowhere, or nobody knows.
    """
    from companion.providers.config import key_variables

    page = tr(" at {page}", page=spec.key_page) if spec.key_page else ""
    variable = next(iter(key_variables(spec)), "")
    match kind:
        case Kind.KEY_MISSING:
            return tr(
                "Get one{page}, then enter it in the settings or set {variable}.",
                page=page,
                variable=variable,
            )
        case Kind.KEY_MALFORMED:
            return tr("Copy the key again{page} and enter it again.", page=page)
        case Kind.KEY_ELSEWHERE:
            return tr("Enter the key again for this address.")
        case Kind.KEY_REFUSED:
            return tr("Enter the key again, or make a new one{page}.", page=page)
        case Kind.FORBIDDEN:
            return tr("Check what the key may do{page}.", page=page)
        case Kind.NO_CREDIT:
            return tr("Top up the account, or choose another provider.")
        case Kind.RATE_LIMITED | Kind.UNAVAILABLE:
            return tr("Try again in a minute.")
        case Kind.UNREACHABLE | Kind.TIMEOUT | Kind.NOT_AN_API if spec.base_url and not address:
            return tr("Check the network, and the address in the settings.")
        case Kind.UNREACHABLE | Kind.TIMEOUT if address:
            return tr("Check the network, and whether {address} is its address and running.", address=address)
        case Kind.NOT_AN_API:
            return tr("Check the address {address}.", address=address)
        case Kind.NETWORK_SHUT:
            return tr("Switch offline mode off in the settings.")
        case Kind.MODEL_UNKNOWN if spec.base_url:  # what runs here knows better what is wrong with its file
            return tr(
                "Choose another model: {command}", command=f"companion models --provider {spec.name} --live"
            )
    return ""


def _warnings(spec: Spec, models: Mapping[Role, str]) -> tuple[str, ...]:
    from companion.providers.catalogue import Catalogue

    told = (Catalogue.load().warning(model, spec.name) for model in models.values())
    return tuple(sentence for sentence in told if sentence)


async def validate_config(config: Config, *, limit_s: float = CHECK_S) -> tuple[Verdict, ...]:
    """Checks who is configured for each role, side by side; one verdict per role, in the order of `config.active`."""
    import asyncio

    providers = [config.provider(role) for role in config.active]
    return tuple(await asyncio.gather(*(validate(provider, limit_s=limit_s) for provider in providers)))


async def validate_all(
    names: Sequence[str] | None = None, *, limit_s: float = CHECK_S
) -> tuple[Verdict, ...]:
    """Checks the named providers, or all, side by side, as the environment configures them.

    Raises:
        AIProviderError: PROVIDER_UNKNOWN; INVALID_REQUEST for a malformed environment variable.
    """
    import asyncio

    from companion.providers import registry
    from companion.providers.config import AIProviderFactory

    chosen = (
        [registry.find(name).name for name in names] if names else [spec.name for spec in registry.specs()]
    )
    providers = [AIProviderFactory.create(name) for name in chosen]

    async def one(provider: AIProvider) -> Verdict:
        async with provider:
            return await validate(provider, limit_s=limit_s)

    return tuple(await asyncio.gather(*map(one, providers)))


async def _ask(provider: AIProvider, limit_s: float) -> Health | CompanionError:
    import asyncio

    from companion.errors import AIProviderTimeoutError

    try:
        async with asyncio.timeout(limit_s):
            return await provider.check()
    except TimeoutError as error:
        return AIProviderTimeoutError("", provider.spec.name, error, who=provider.spec.display_name)
    except CompanionError as error:
        return error


def _unknown_models(chosen: Iterable[str], health: Health) -> tuple[str, ...]:
    """Chosen models missing from the vendor's list; a tag or a date at the end of a listed id does not matter."""
    if not health.models:
        return ()
    return tuple(
        sorted(
            model
            for model in set(chosen)
            if not any(
                listed == model or listed.startswith((f"{model}-", f"{model}:")) for listed in health.models
            )
        )
    )
