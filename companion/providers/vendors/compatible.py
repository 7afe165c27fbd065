"""Vendors that are data: rows of `resources/vendors.yaml` in, Specs and provider classes out.

`spec_of` and `compatible` serve any row, also one that does not come from the file: a server that somebody runs and named.
The file is YAML whose rows are written as JSON, so that the standard library reads it in a fraction of a millisecond.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, Kind
from companion.kinds import Role, VoiceInfo
from companion.paths import resources
from companion.providers.spec import Spec

if TYPE_CHECKING:
    from companion.providers.vendors.openai.provider import OpenAIProvider

Row = Mapping[str, Any]


@cache
def rows() -> Mapping[str, Row]:
    """The vendors that came with the program, by name.

    Raises:
        CompanionError: BAD_FILE.
    """
    text = (resources() / "vendors.yaml").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    try:
        return {row["name"]: row for row in json.loads("\n".join(lines))}
    except (ValueError, TypeError, KeyError) as error:
        raise CompanionError(Kind.BAD_FILE, "vendors.yaml cannot be read.", cause=error) from error


@cache
def specs() -> Mapping[str, Spec]:
    """What is known of them, by name."""
    return {name: spec_of(name, row) for name, row in rows().items()}


@cache
def vendor(name: str) -> type[OpenAIProvider]:
    """The class behind a row of the file."""
    return compatible(name, rows()[name])


def spec_of(name: str, row: Row) -> Spec:
    """What is known of a server from its row: at least `base_url`, and the `models` of its roles.

    Raises:
        CompanionError: BAD_FILE for a field nobody knows.
    """
    values: dict[str, Any] = {
        key: value for key, value in row.items() if key not in ("name", "dialect", "models", "voices")
    }
    models = {Role(role): model for role, model in row["models"].items()}
    values |= {key: tuple(row.get(key, ())) for key in ("aliases", "key_env", "key_prefixes")}
    values.setdefault("display_name", name)
    values.setdefault("needs_key", True)
    try:
        return Spec(
            name=name,
            roles=frozenset(models),
            default_models={role: model for role, model in models.items() if model},
            voices=_voices(row.get("voices", ())),
            **values,
        )
    except TypeError as error:
        raise _unknown_field(name, error) from error


def compatible(name: str, row: Row) -> type[OpenAIProvider]:
    """A provider class for a server that speaks OpenAI's dialect.

    Raises:
        CompanionError: BAD_FILE for a field nobody knows.
    """
    from companion.providers.vendors.openai.dialect import Dialect
    from companion.providers.vendors.openai.provider import OpenAIProvider

    ways: dict[str, Any] = {
        key: frozenset(value) if isinstance(value, list) else value
        for key, value in row.get("dialect", {}).items()
    }
    try:
        body = {"spec": spec_of(name, row), "dialect": Dialect(**ways), "__doc__": f"{name}, a row of data."}
    except TypeError as error:
        raise _unknown_field(name, error) from error
    return type(f"{name.title().replace('-', '')}Provider", (OpenAIProvider,), body)


def __getattr__(name: str) -> object:
    if name == "GroqLLMProvider":
        return vendor("groq")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _voices(listed: object) -> tuple[VoiceInfo, ...]:
    """Rows of id, name and perhaps language, or `openai`: the same as there."""
    if listed == "openai":
        from companion.providers.vendors.openai.provider import SPEC

        return SPEC.voices
    assert isinstance(listed, list | tuple)
    return tuple(
        VoiceInfo(id=voice, name=label, language=language[0] if language else "en")
        for voice, label, *language in listed
    )


def _unknown_field(name: str, error: Exception) -> CompanionError:
    return CompanionError(Kind.BAD_FILE, f"vendors.yaml: {name} has a field nobody knows.", cause=error)
