"""`Frozen` values behave as the dataclasses they stand in for."""

from __future__ import annotations

import pickle
from copy import copy, deepcopy
from dataclasses import asdict, field, fields, replace
from typing import get_type_hints
from unittest.mock import ANY

import pytest

from companion.frozen import Frozen
from companion.language import Worded


class Base(Frozen):
    """One field that is needed."""

    name: str


class Leaf(Base):
    """More of them."""

    size: int = 3
    held: dict[str, int] = field(default_factory=dict)


class Other(Base):
    """The same fields as `Base`, and something else."""


class Told(Worded, Frozen):
    """With words."""

    WORDS = frozenset({"label"})
    label: str


def test_a_value_has_what_was_given_and_else_its_defaults() -> None:
    leaf = Leaf(name="a")
    assert (leaf.name, leaf.size, leaf.held) == ("a", 3, {})
    assert [each.name for each in fields(leaf)] == ["name", "size", "held"]  # type: ignore[arg-type]
    assert asdict(replace(leaf, size=4)) == {"name": "a", "size": 4, "held": {}}  # type: ignore[call-overload]
    assert repr(leaf) == "Leaf(name='a', size=3, held={})"
    assert Told(label="so").label == "so"


def test_two_values_share_no_default() -> None:
    assert Leaf(name="a").held is not Leaf(name="a").held


def test_equal_are_those_of_one_class_with_equal_fields() -> None:
    assert Base(name="a") == Base(name="a")
    assert len({Base(name="a"), Base(name="a"), Base(name="b")}) == 2
    assert Base(name="a") != Other(name="a")
    assert Leaf(name="a", size=3) == Leaf(name="a")
    assert Leaf(name="a") == ANY, "whoever is compared with it may know better"


def test_it_is_copied_and_carried_to_another_process() -> None:
    leaf = Leaf(name="a", held={"b": 1})
    assert copy(leaf) == deepcopy(leaf) == pickle.loads(pickle.dumps(leaf)) == leaf
    assert get_type_hints(Base) == {"name": str, **get_type_hints(Frozen)}


@pytest.mark.parametrize("given", [{}, {"name": "a", "colour": "red"}, {"size": 1}], ids=str)
def test_what_is_missing_or_unknown_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="missing or unknown"):
        Leaf(**given)  # type: ignore[arg-type]


def test_nobody_changes_it() -> None:
    leaf = Leaf(name="a")
    with pytest.raises(AttributeError):
        leaf.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del leaf.name
    assert leaf.name == "a"
