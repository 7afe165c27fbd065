"""Is a provider ready? Looks at a key before it is stored, and asks every configured provider once.

`inspect_key` is pure: text in, verdict out, nothing sent and nothing kept. `validate` and `validate_all` make the vendor's
cheapest authenticated call and compare the chosen models with the list it gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from companion.errors import CompanionError
from companion.providers.provider import AIProvider, Spec

if TYPE_CHECKING:
    from companion.flow import Health
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
        return KeyVerdict(problem="Nothing was entered.")
    notice = "" if trimmed == text else "Spaces or quotes around the key were removed."
    if any(sign.isspace() or sign in "\"'{}" for sign in trimmed) or _LABELLED.match(trimmed):
        found = _find_key(trimmed, spec, specs)
        if not found:
            return _refused(spec, "it contains spaces or quotes, and no key was found in it")
        trimmed, notice = found, "A key was found inside the text; only the key is used."
    if not trimmed.isascii() or not trimmed.isprintable():
        return _refused(spec, "keys have only plain letters, digits and dashes")
    if len(trimmed) > LONGEST_KEY:
        return _refused(spec, f"it has {len(trimmed):,} characters")
    if len(trimmed) < SHORTEST_KEY:
        return _refused(spec, "it is too short")
    owner = _owner(trimmed, spec, specs)
    if owner is not None and owner.name != spec.name:
        return KeyVerdict(
            clean=trimmed,
            notice=notice,
            belongs_to=owner.name,
            problem=f"This looks like a key for {owner.display_name}, not for {spec.display_name}.",
        )
    if owner is None and spec.key_prefixes:
        return _refused(spec, f"those begin with {' or '.join(spec.key_prefixes)}")
    return KeyVerdict(clean=trimmed, notice=notice)


def _refused(spec: Spec, why: str) -> KeyVerdict:
    return KeyVerdict(problem=f"That does not look like a key for {spec.display_name}: {why}.")


def _find_key(text: str, spec: Spec, specs: Sequence[Spec]) -> str:
    """The one key in a longer text: of the vendor's own shape if there is one, else of any, else where keys stand."""
    labelled = [match[1] for match in _LABELLED.finditer(text)]
    words = re.findall(rf"{_KEY_CHARS}{{{SHORTEST_KEY},}}", text)
    shaped = [word for word in (*labelled, *words) if _owner(word, spec, specs) is not None]
    own = [word for word in shaped if _owner(word, spec, specs) is spec]
    return next(iter([*own, *shaped, *labelled]), "")


def _owner(key: str, spec: Spec, specs: Sequence[Spec]) -> Spec | None:
    """Whose key it is by how it begins; the longest beginning wins, and `spec` among equals."""
    owner, length = None, 0
    for one in (spec, *specs):
        for start in one.key_prefixes:
            if key.startswith(start) and len(start) > length:
                owner, length = one, len(start)
    return owner


# -- asking the providers -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known about one provider's readiness. None: not found out."""

    provider: str
    display_name: str
    detail: str
    """One sentence: ready, or the first thing that is wrong."""
    ok: bool = False
    hint: str = ""
    has_key: bool | None = None
    """None: it needs none."""
    is_reachable: bool | None = None
    latency_ms: float | None = None
    unknown_models: tuple[str, ...] = ()
    """Chosen models that the vendor does not list."""


async def validate(provider: AIProvider, *, limit_s: float = CHECK_S) -> Verdict:
    """Checks one provider: key there and well formed, vendor reachable, models known. Never raises an AIProviderError."""
    from companion.providers import registry

    spec = provider.spec
    has_key = provider.api_key is not None if spec.needs_key else None
    verdict = partial(Verdict, provider=spec.name, display_name=spec.display_name, has_key=has_key)
    if has_key is False:
        hint = f"Get one at {spec.key_page}." if spec.key_page else ""
        return verdict(detail=f"{spec.display_name} needs a key.", hint=hint)
    if provider.api_key is not None and spec.needs_key and provider.base_url == spec.base_url:
        key = inspect_key(provider.api_key.reveal(), spec, registry.specs())
        if not key.is_ready:
            return verdict(detail=key.problem, hint="Enter the key again.")
    health = await _ask(provider, limit_s)
    if isinstance(health, CompanionError):
        return verdict(detail=health.message, hint=health.hint, is_reachable=False)
    unknown = _unknown_models(provider, health) if health.ok else ()
    detail = f"{spec.display_name} does not list {', '.join(unknown)}." if unknown else health.detail
    return verdict(
        detail=detail,
        ok=health.ok and not unknown,
        hint="Choose another model." if unknown else "",
        is_reachable=True if health.ok else None,
        latency_ms=health.latency_ms,
        unknown_models=unknown,
    )


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


def _unknown_models(provider: AIProvider, health: Health) -> tuple[str, ...]:
    """Chosen models missing from the vendor's list; a tag or a date at the end of a listed id does not matter."""
    if not health.models:
        return ()
    chosen = {model for role, model in provider.models.items() if model and role in provider.spec.roles}
    return tuple(
        sorted(
            model
            for model in chosen
            if not any(
                listed == model or listed.startswith((f"{model}-", f"{model}:")) for listed in health.models
            )
        )
    )
