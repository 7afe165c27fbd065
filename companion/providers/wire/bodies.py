"""The body of a request as bytes. What cannot be written as JSON is told with its place, before anything is sent. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from companion.errors import AIProviderInvalidRequestError
from companion.providers.provider import Spec


def json_body(body: Mapping[str, Any], spec: Spec) -> bytes:
    """`body` as it goes out.

    Raises:
        AIProviderInvalidRequestError: something in it is no JSON, or half a character; names the field.
    """
    try:
        return _written(body)
    except (ValueError, TypeError, RecursionError) as error:
        place = _place(body, "") or "the request"
        raise AIProviderInvalidRequestError(
            f"{place} cannot be sent: {_reason(error)}.",
            spec.name,
            error,
            who=spec.display_name,
            hint="Correct it; nothing was sent.",
        ) from error


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "it holds half a character"
    if isinstance(error, RecursionError) or "Circular" in str(error):
        return "it contains itself"
    return "it is no number" if "float" in str(error) else "JSON has no such thing"


def _place(value: object, path: str, depth: int = 0) -> str:
    """Where the fault is: the innermost part that cannot be written."""
    if depth > 20:
        return path
    parts: list[tuple[str, object]] = []
    if isinstance(value, Mapping):
        parts = [(f"{path}.{name}" if path else str(name), part) for name, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{path}[{number}]", part) for number, part in enumerate(value)]
    for where, part in parts:
        try:
            _written(part)
        except (ValueError, TypeError, RecursionError):
            return _place(part, where, depth + 1)
    return path
