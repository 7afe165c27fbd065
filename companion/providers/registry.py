"""Who can think, hear and speak: finds providers by name, without loading any vendor's SDK.

Five sources, in this order: what a program registered, the servers a person declared (`servers`), the modules of the
rooms `vendors` and `here` that define `SPEC` and `PROVIDER`, the rows of `resources/vendors.yaml`, and installed
packages with an entry point in the group `companion.providers` (an `AIProvider` subclass). Entry points are read only
for a name nobody knows and for the whole list, because asking the installation costs more than all the rest.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from companion.errors import AIProviderInvalidRequestError, Kind
from companion.providers.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from companion.kinds import Role
    from companion.providers.provider import AIProvider

ENTRY_POINTS = "companion.providers"
_ROOMS = ("vendors", "here")
"""The packages of this package whose modules are looked at."""
_log = logging.getLogger(__name__)


class _Entry(NamedTuple):
    spec: Spec
    module: str = ""
    """Of a built-in provider: its code is at hand, its class is asked for later; empty: a row of `vendors.yaml`."""
    provider: type[AIProvider] | None = None
    make: Callable[[], type[AIProvider]] | None = None
    """Gives the class when it is asked for."""


_registered: dict[str, _Entry] = {}
_servers: dict[str, _Entry] = {}


def find(name: str) -> Spec:
    """What is known of a provider, by its name or an alias, in any case of letters.

    Raises:
        AIProviderInvalidRequestError: PROVIDER_UNKNOWN, with the names there are.
    """
    return _entry(name).spec


def specs() -> tuple[Spec, ...]:
    """Every provider there is, by name."""
    return tuple(entry.spec for _, entry in sorted(_all().items()))


def with_role(role: Role) -> tuple[Spec, ...]:
    """The providers that can think, hear or speak, by name."""
    return tuple(spec for spec in specs() if role in spec.roles)


def provider_class(name: str) -> type[AIProvider]:
    """The class behind a name or an alias; loads no SDK.

    Raises:
        AIProviderInvalidRequestError: PROVIDER_UNKNOWN.
    """
    entry = _entry(name)
    if entry.provider is not None:
        return entry.provider
    if entry.make is not None:
        return entry.make()
    if not entry.module:
        from companion.providers.vendors import compatible

        return compatible.vendor(entry.spec.name)
    found: object = importlib.import_module(entry.module).PROVIDER
    return _checked(found, entry.module)


def register(name: str, cls: type[AIProvider], *, replace_existing: bool = False) -> None:
    """Adds a program's own provider under `name`; it is then listed and created like the built-in ones.

    What a program has registered it may register again; a name of ours it only takes with `replace_existing`.

    Raises:
        AIProviderInvalidRequestError: `cls` is no `AIProvider` subclass, or the name is taken and not to be replaced.
    """
    key = name.strip().lower()
    if not key:
        raise AIProviderInvalidRequestError("A provider needs a name.")
    cls = _checked(cls, name)
    if not replace_existing and key not in _registered and _look_up(key) is not None:
        raise AIProviderInvalidRequestError(
            f"The name {key} is taken by {find(key).display_name}.",
            key,
            hint="Choose another name, or replace it with replace_existing=True.",
        )
    variables = (f"{variable_name(key)}_API_KEY", *cls.spec.key_env) if cls.spec.key_env else ()
    spec = replace(cls.spec, name=key, aliases=(), key_env=tuple(dict.fromkeys(variables)))
    _registered[key] = _Entry(spec, provider=cls)


def unregister(name: str) -> None:
    """Takes back `register`; a built-in provider it stood before is found again. Unknown names are ignored."""
    _registered.pop(name.strip().lower(), None)


def declare_servers(made: Mapping[str, tuple[Spec, Callable[[], type[AIProvider]]]], *, alone: bool) -> None:
    """Adds servers under their names: what is known of each, and what gives its class.

    Args:
        alone: servers declared before are there no longer.
    """
    if alone:
        _servers.clear()
    _servers.update({name: _Entry(spec, make=make) for name, (spec, make) in made.items()})


def is_vendor(name: str) -> bool:
    """Whether a provider that came with the program has the name; reads no vendor's file."""
    from companion.providers.vendors import compatible

    return bool(_module_of(name)) or name in compatible.rows()


def variable_name(name: str) -> str:
    """A provider's name as its variables begin."""
    return "".join(letter if letter.isalnum() else "_" for letter in name).upper()


def _checked(cls: object, name: str) -> type[AIProvider]:
    from companion.providers.provider import AIProvider  # who only looks somebody up needs no class

    if not (isinstance(cls, type) and issubclass(cls, AIProvider)):
        raise AIProviderInvalidRequestError(
            f"{name} is not a provider: it must be a subclass of AIProvider.", name
        )
    return cls


def _entry(name: str) -> _Entry:
    entry = _look_up(name.strip().lower())
    if entry is None:
        names = ", ".join(spec.name for spec in specs())
        raise AIProviderInvalidRequestError(
            f"There is no provider called {name!r}. There are: {names}.", name, kind=Kind.PROVIDER_UNKNOWN
        )
    return entry


def _look_up(key: str) -> _Entry | None:
    if (own := _registered.get(key) or _servers.get(key)) is not None:
        return own
    if (module := _module_of(key)) and (entry := _from_module(module)) is not None and entry.spec.name == key:
        return entry  # the usual case, and the only vendor's file that is read for it
    for source in (_rows, _built_in, _installed):
        for entry in source().values():
            if key == entry.spec.name or key in entry.spec.aliases:
                return entry
    return None


def _all() -> dict[str, _Entry]:
    return {**_installed(), **_rows(), **_built_in(), **_servers, **_registered}


@cache
def _module_of(key: str) -> str:
    """The full name of the module or package `key` in one of the rooms; empty: there is none."""
    if not key.isidentifier():
        return ""
    names = (f"{__package__}.{room}.{key}" for room in _ROOMS)
    return next((name for name in names if importlib.util.find_spec(name) is not None), "")


@cache
def _module_names() -> frozenset[str]:
    import pkgutil

    rooms = [importlib.import_module(f"{__package__}.{room}") for room in _ROOMS]
    return frozenset(
        module.name for room in rooms for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")
    )


@cache
def _from_module(name: str) -> _Entry | None:
    module = importlib.import_module(name)
    spec = getattr(module, "SPEC", None)
    return _Entry(spec, module=module.__name__) if isinstance(spec, Spec) else None


@cache
def _rows() -> dict[str, _Entry]:
    from companion.providers.vendors import (
        compatible,  # who has chosen none of the rows does not wait for them
    )

    return {name: _Entry(spec) for name, spec in compatible.specs().items()}


@cache
def _built_in() -> dict[str, _Entry]:
    entries = (_from_module(name) for name in sorted(_module_names()))
    return {entry.spec.name: entry for entry in entries if entry is not None}


@cache
def _installed() -> dict[str, _Entry]:
    from importlib.metadata import entry_points

    found: dict[str, _Entry] = {}
    for point in entry_points(group=ENTRY_POINTS):
        name = point.name.strip().lower()
        try:
            cls = _checked(point.load(), point.value)
        except Exception:  # noqa: BLE001 - somebody else's package; a broken one must not take the others with it
            _log.warning(
                "the provider %s of an installed package cannot be loaded", point.value, exc_info=True
            )
            continue
        found[name] = _Entry(replace(cls.spec, name=name), provider=cls)
    return found
