"""`Frozen`, the base of what the window's first frame is made of: what happens, what is set, how it looks.

A subclass is what `@dataclass(frozen=True, kw_only=True)` makes of it, with `fields` and `replace`, in a twentieth of the
time: no methods are written and compiled for each class. There are about eighty, and the window waits for every one.
Of a `field` only its default and metadata count, and `__post_init__` is not called. Where thousands of instances are kept,
a dataclass with slots takes less memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, dataclass_transform


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Frozen:
    """Named fields, given by name, that nobody changes. Equal to one of the same class with equal fields."""

    _names: ClassVar[dict[str, None]] = {}
    _needed: ClassVar[frozenset[str]] = frozenset()
    _made: ClassVar[dict[str, Callable[[], object]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(init=False, repr=False, eq=False, kw_only=True, match_args=False)(cls)
        declared = fields(cls)  # type: ignore[arg-type]  # only now it is one
        cls._names = dict.fromkeys(each.name for each in declared)
        cls._made = {
            each.name: each.default_factory for each in declared if each.default_factory is not MISSING
        }
        cls._needed = frozenset(each.name for each in declared if each.default is MISSING) - cls._made.keys()

    def __init__(self, **given: Any) -> None:
        if not self._needed <= given.keys() <= self._names.keys():
            wrong = ", ".join(sorted((self._needed - given.keys()) | (given.keys() - self._names.keys())))
            raise TypeError(f"{type(self).__name__}: missing or unknown: {wrong}")
        self.__dict__.update(given)  # what is not given is the class's own: its default
        for name, make in self._made.items():
            if name not in given:
                self.__dict__[name] = make()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} does not change: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} does not change: {name}")

    def __eq__(self, other: object) -> bool:
        return self._held() == other._held() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._held())

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__name__}({shown})"

    def _held(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self._names)
