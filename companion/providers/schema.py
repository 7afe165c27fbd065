"""JSON schemas: made from Python types, held against values, and turned back into Python values. Pure, any thread.

The check is jsonschema-rs (JSON Schema 2020-12, one compiled wheel without dependencies, imported at the first check):
an own one would know part of the standard, and the pure Python ones need five packages or write code to run it. It is never
allowed to fetch a schema from an address.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import re
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin

from companion.errors import AIProviderInvalidRequestError, AIProviderMalformedReplyError

T = TypeVar("T")
MOST_COMPLAINTS = 5
_LONGEST_COMPLAINT = 300
_MASK = "it"
"""Stands for the value in a complaint, which may reach a log: an answer can hold what somebody confided."""
_PLAIN: Mapping[object, dict[str, Any]] = {
    Any: {},
    object: {},
    None: {"type": "null"},
    type(None): {"type": "null"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
}
_LOOSE = frozenset({"prefixItems", "uniqueItems", "oneOf", "allOf", "patternProperties", "not", "if"})
"""Words that vendors' grammars do not know."""
_ARRAYS = (list, tuple, set, frozenset, Sequence, Collection)
_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_MOMENTS = (datetime.datetime, datetime.date, datetime.time)


# -- values against schemas ---------------------------------------------------------------------------------


def mismatches(value: Any, schema: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with a value, each with its place, at most `MOST_COMPLAINTS`; empty: it is of the schema's shape.

    Raises:
        AIProviderInvalidRequestError: as `require_schema`.
    """
    errors = _validator(schema).iter_errors(value)
    found = (f"{_place(error.instance_path)}: {error.message}"[:_LONGEST_COMPLAINT] for error in errors)
    return tuple(complaint for complaint, _ in zip(found, range(MOST_COMPLAINTS), strict=False))


def require_schema(schema: Mapping[str, Any], what: str = "The schema of the answer") -> None:
    """Returns for a JSON schema that stands on its own.

    Raises:
        AIProviderInvalidRequestError: it is none, or points to another document.
    """
    _validator(schema, what)


def read_answer(text: str, schema: Mapping[str, Any] | None, who: str = "", provider: str = "") -> Any:
    """The JSON value a model wrote, of the shape of `schema`; None: any object.

    Raises:
        AIProviderMalformedReplyError: it is no JSON, or of another shape; the cause says where.
    """
    try:
        value = json_in(text)
    except (ValueError, RecursionError) as error:
        complaints: tuple[str, ...] = (f"not JSON ({error})",)
    else:
        complaints = mismatches(value, {"type": "object"} if schema is None else schema)
    if complaints:
        raise AIProviderMalformedReplyError("", provider, ValueError("; ".join(complaints)), who=who)
    return value


def json_in(text: str) -> Any:
    """The JSON value in what a model wrote: all of it, what is fenced, or the longest object or list among the prose.

    Raises:
        ValueError: there is none.
    """
    text = text.strip()
    try:
        return _loads(text)
    except ValueError as error:
        complaint = error
    for fenced in _FENCED.findall(text):
        try:
            return _loads(fenced.strip())
        except ValueError:
            continue
    found = max(_values_in(text), key=lambda one: one[0], default=None)
    if found is None:
        raise complaint
    return found[1]


_FENCED = re.compile(r"```[^\S\n]*\w*[^\S\n]*\n?(.*?)```", re.DOTALL)
_MOST_TRIES = 100


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant)


def _values_in(text: str) -> Iterator[tuple[int, Any]]:
    """Objects and lists in a text that are in no other, with their lengths."""
    decode, at = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode, 0
    for _ in range(_MOST_TRIES):
        begins = re.compile(r"[{\[]").search(text, at)
        if begins is None:
            return
        try:
            value, at = decode(text, begins.start())
        except ValueError:
            at = begins.end()
        else:
            yield at - begins.start(), value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _validator(schema: Mapping[str, Any], what: str = "The schema of the answer") -> Any:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(dict(schema), offline=True, mask=_MASK)
    except (ValueError, TypeError, RecursionError, jsonschema_rs.ReferencingError) as error:
        reason = str(error).splitlines()[0][:_LONGEST_COMPLAINT].rstrip(".")
        raise AIProviderInvalidRequestError(
            f"{what} is no JSON schema: {reason}.", "", error, hint="Correct it; nothing was sent."
        ) from error


def _place(path: Sequence[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


# -- Python types as schemas --------------------------------------------------------------------------------


def schema_of(hint: Any) -> dict[str, Any]:
    """The JSON schema of a type: str, int, float, bool, None, dates, Literal, Enum, list, tuple, set, dict with text keys,
    unions, dataclasses, TypedDicts, and `Annotated[type, "what it is"]`.

    Raises:
        AIProviderInvalidRequestError: JSON has no such thing, or a class contains itself.
    """
    return _schema(hint, ())


def _schema(hint: Any, inside: tuple[Any, ...]) -> dict[str, Any]:
    try:
        if hint in _PLAIN:
            return dict(_PLAIN[hint])
    except TypeError:  # a hint that cannot be hashed is none of the plain ones
        pass
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is typing.Annotated:
        told = next((note for note in arguments[1:] if isinstance(note, str)), "")
        return {**_schema(arguments[0], inside), **({"description": told} if told else {})}
    if origin in (Required, NotRequired):
        return _schema(arguments[0], inside)
    if origin is Literal:
        return _choices(arguments)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(each, inside) for each in arguments]}
    if (origin or hint) in _ARRAYS:
        return _array(origin or hint, arguments, inside)
    if (origin or hint) in (dict, Mapping):
        if arguments and arguments[0] is not str:
            raise _no_schema(hint)
        return {"type": "object", "additionalProperties": _schema(arguments[1], inside) if arguments else {}}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _choices([member.value for member in hint])
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or typing.is_typeddict(hint)):
        if hint in inside:
            raise AIProviderInvalidRequestError(
                f"{hint.__name__} contains itself, which has no JSON schema here."
            )
        return _record(hint, (*inside, hint))
    raise _no_schema(hint)


def _array(kind: Any, arguments: tuple[Any, ...], inside: tuple[Any, ...]) -> dict[str, Any]:
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        each = [_schema(argument, inside) for argument in arguments]
        return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}
    schema: dict[str, Any] = {"type": "array"}
    if arguments:
        schema["items"] = _schema(arguments[0], inside)
    if kind in (set, frozenset):
        schema["uniqueItems"] = True
    return schema


def _choices(values: Sequence[Any]) -> dict[str, Any]:
    kinds = {_NAMES.get(type(value), "") for value in values}
    if "" in kinds:
        raise AIProviderInvalidRequestError("A choice must be among texts, numbers, true, false and null.")
    return {"enum": list(values), **({"type": kinds.pop()} if len(kinds) == 1 else {})}


def _record(kind: Any, inside: tuple[Any, ...]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    if typing.is_typeddict(kind):
        required = [name for name, hint in hints.items() if _is_required(kind, name, hint)]
    else:
        fields = [field for field in dataclasses.fields(kind) if field.init]
        hints = {field.name: hints[field.name] for field in fields}
        required = [field.name for field in fields if not _has_default(field)]
    return object_schema({name: _schema(hint, inside) for name, hint in hints.items()}, required)


def _is_required(kind: Any, name: str, hint: Any) -> bool:
    origin = get_origin(hint)  # with postponed annotations Python does not see these marks itself
    return origin is Required or (origin is not NotRequired and name in kind.__required_keys__)


def object_schema(properties: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    """An object of just these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def all_required(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with nothing left to choose: every property of its objects must be there."""
    return _mapped(
        schema, lambda each: {**each, "required": list(each["properties"])} if "properties" in each else each
    )


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether vendors can hold a model to the schema word by word: closed objects without optional properties."""
    loose: list[str] = []

    def judge(each: dict[str, Any]) -> dict[str, Any]:
        closed = each.get("additionalProperties") is False and set(each.get("required", ())) == set(
            each.get("properties", ())
        )
        if (each.get("type") == "object" and not closed) or not _LOOSE.isdisjoint(each):
            loose.append("")
        return each

    _mapped(schema, judge)
    return not loose


def _mapped(schema: Mapping[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The schema with `change` made to it and to each schema inside it."""
    found = dict(schema)
    for name in ("properties", "$defs"):
        if name in found:
            found[name] = {key: _mapped(each, change) for key, each in found[name].items()}
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if name in found:
            found[name] = [_mapped(each, change) for each in found[name]]
    for name in ("items", "additionalProperties"):
        if isinstance(found.get(name), Mapping):
            found[name] = _mapped(found[name], change)
    return change(found)


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return (field.default, field.default_factory) != (dataclasses.MISSING, dataclasses.MISSING)


def _no_schema(hint: Any) -> AIProviderInvalidRequestError:
    name = getattr(hint, "__name__", None) or str(hint)
    return AIProviderInvalidRequestError(
        f"{name} has no JSON schema; use plain types, dataclasses or TypedDicts."
    )


# -- and back -----------------------------------------------------------------------------------------------


def value_of(hint: Any, value: Any) -> Any:
    """A JSON value as the Python type it stands for; it must already be of the type's schema."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (typing.Annotated, Required, NotRequired):
        return value_of(arguments[0], value)
    if origin in (Union, types.UnionType):
        fitting = (each for each in arguments if not mismatches(value, schema_of(each)))
        return value_of(next(fitting, Any), value)
    if isinstance(hint, type) and not arguments:
        return _value_of_class(hint, value)
    if origin in _ARRAYS:
        return _array_of(origin, arguments, value)
    if origin in (dict, Mapping):
        return {name: value_of(arguments[1], each) for name, each in value.items()}
    return value


def _value_of_class(kind: Any, value: Any) -> Any:
    if kind in (int, float):
        return kind(value)
    if kind in (tuple, set, frozenset):
        return kind(value)
    if issubclass(kind, enum.Enum):
        return kind(value)
    if kind in _MOMENTS:
        return kind.fromisoformat(value)
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return kind(**{name: value_of(hints[name], each) for name, each in value.items()})
    return value


def _array_of(kind: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    if kind is tuple and arguments[-1] is not Ellipsis:
        return tuple(value_of(hint, each) for hint, each in zip(arguments, value, strict=True))
    items = [value_of(arguments[0], each) for each in value]
    return kind(items) if kind in (tuple, set, frozenset) else items
