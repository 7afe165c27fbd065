"""Python functions as tools and Python types as schemas: what a model is told, and what comes back of its calls."""

from __future__ import annotations

import asyncio
import datetime
import json
import threading
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict

import pytest
from hypothesis import given, settings, strategies as st

from companion.log import Secret
from companion.providers import (
    AIProviderInvalidRequestError,
    Message,
    Picture,
    Speaker,
    Toolbox,
    ToolCall,
    schema_of,
    tool_from,
)
from companion.providers.schema import mismatches, value_of


class Kind(StrEnum):
    MOOD = "mood"
    SLEEP = "sleep"


class Level(Enum):
    LOW = 1
    HIGH = 2


@dataclass
class Span:
    start: datetime.date
    days: Annotated[int, "how many"] = 1
    tags: list[str] = field(default_factory=list)
    _hidden: int = field(default=0, init=False)


class Place(TypedDict):
    name: str
    near: NotRequired[tuple[float, float]]


@dataclass
class Tree:
    children: list[Tree]


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (None, {"type": "null"}),
        (Any, {}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Optional[str], {"anyOf": [{"type": "string"}, {"type": "null"}]}),  # noqa: UP045 - the older spelling
        (Literal["a", "b"], {"enum": ["a", "b"], "type": "string"}),
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (Kind, {"enum": ["mood", "sleep"], "type": "string"}),
        (Annotated[str, "whose"], {"type": "string", "description": "whose"}),
        (
            Place,
            {
                "type": "object",
                "properties": {"name": {"type": "string"}, "near": schema_of(tuple[float, float])},
                "required": ["name"],
                "additionalProperties": False,
            },
        ),
        (
            Span,
            {
                "type": "object",
                "properties": {
                    "start": {"type": "string", "format": "date"},
                    "days": {"type": "integer", "description": "how many"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["start"],
                "additionalProperties": False,
            },
        ),
    ],
    ids=str,
)
def test_a_type_has_its_schema(hint: Any, schema: dict[str, Any]) -> None:
    assert schema_of(hint) == schema


@pytest.mark.parametrize(
    "hint",
    [bytes, complex, object(), dict[int, str], Tree, Literal[b"x"], "text"],
    ids=["bytes", "complex", "no type", "keys of numbers", "recursive", "bytes of choice", "text"],
)
def test_a_type_json_does_not_have_is_refused(hint: Any) -> None:
    with pytest.raises(AIProviderInvalidRequestError):
        schema_of(hint)


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (Span, {"start": "2026-11-20", "tags": ["a"]}, Span(datetime.date(2026, 11, 20), 1, ["a"])),
        (Place, {"name": "Leith", "near": [1, 2]}, {"name": "Leith", "near": (1.0, 2.0)}),
        (list[Kind], ["sleep"], [Kind.SLEEP]),
        (Level, 2, Level.HIGH),
        (dict[str, Span], {"a": {"start": "2026-11-20"}}, {"a": Span(datetime.date(2026, 11, 20))}),
        (Span | None, None, None),
        (int | Span, {"start": "2026-11-20"}, Span(datetime.date(2026, 11, 20))),
        (set[int], [1, 2], {1, 2}),
        (tuple[int, ...], [1, 2], (1, 2)),
        (int, 3.0, 3),
        (float, 3, 3.0),
        (Annotated[Level, "how"], 1, Level.LOW),
    ],
    ids=str,
)
def test_json_becomes_the_type_it_stands_for(hint: Any, value: Any, expected: Any) -> None:
    assert mismatches(value, schema_of(hint)) == ()
    found = value_of(hint, value)
    assert found == expected
    assert type(found) is type(expected)


HINTS = st.recursive(
    st.sampled_from([str, int, float, bool, None, Kind, Level]),
    lambda inner: st.one_of(
        inner.map(lambda hint: list[hint]),  # type: ignore[valid-type]
        inner.map(lambda hint: dict[str, hint]),  # type: ignore[valid-type]
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1] if pair[0] and pair[1] else int),
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=60)
@given(HINTS, st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_what_fits_its_schema_always_converts(hint: Any, value: Any) -> None:
    if not mismatches(value, schema_of(hint)):
        value_of(hint, value)


# -- functions ----------------------------------------------------------------------------------------------


def look(day: datetime.date, kind: Kind = Kind.MOOD, limit: Annotated[int, "at most"] = 5) -> str:
    """Looks a day up in the journal.

    Reads only.

    Args:
        day: the day, as a date; today
            where nothing else was said.
        kind: what is looked for.

    Returns:
        A sentence.
    """
    return f"{day.isoformat()} {kind.name} {limit}"


def test_a_function_describes_itself() -> None:
    tool = tool_from(look)
    assert tool.name == "look"
    assert tool.description == "Looks a day up in the journal.\n\nReads only."
    assert tool.parameters["required"] == ["day"]
    assert tool.parameters["properties"] == {
        "day": {
            "description": "the day, as a date; today where nothing else was said.",
            "type": "string",
            "format": "date",
        },
        "kind": {"description": "what is looked for.", "enum": ["mood", "sleep"], "type": "string"},
        "limit": {"description": "at most", "type": "integer"},
    }
    bare = tool_from(lambda_free)
    assert (bare.description, bare.parameters["properties"]) == ("", {})


def lambda_free() -> None: ...


def no_hint(day) -> str:  # type: ignore[no-untyped-def]
    return str(day)


def many(*days: str) -> str:
    return str(days)


def named(**days: str) -> str:
    return str(days)


def by_place(day: str, /) -> str:
    return day


def strange(day: bytes) -> str:
    return str(day)


@pytest.mark.parametrize(
    "function", [no_hint, many, named, by_place, strange, lambda: "x", Toolbox, 3], ids=lambda f: str(f)[:20]
)
def test_what_cannot_be_described_is_refused(function: Any) -> None:
    with pytest.raises(AIProviderInvalidRequestError):
        tool_from(function)


class Journal:
    def __init__(self) -> None:
        self.kept: list[str] = []

    def keep(self, text: str) -> None:
        """Keeps a line."""
        self.kept.append(text)


def call(name: str, arguments: str = "{}", call_id: str = "1") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


async def one(function: Any, arguments: str = "{}", **settings: float) -> Message:
    (answer,) = await Toolbox([function], **settings).answer([call(function.__name__, arguments)])
    return answer


def fault(answer: Message) -> str:
    told: dict[str, str] = json.loads(answer.content)
    return told["error"]


async def test_a_call_reaches_the_function_as_python_values() -> None:
    answer = await one(look, '{"day": "2026-11-20", "kind": "sleep"}')
    assert answer == Message(Speaker.TOOL, "2026-11-20 SLEEP 5", name="look", tool_call_id="1")
    journal = Journal()
    assert (await one(journal.keep, '{"text": "rain"}')).content == "null"
    assert journal.kept == ["rain"]


async def test_results_are_told_as_json_or_shown() -> None:
    def span() -> Span:
        return Span(datetime.date(2026, 1, 2), tags=["a"])

    def several() -> list[object]:
        return [1, {"ä"}, None, datetime.date(2026, 1, 2)]

    def drawn() -> Picture:
        return Picture(data=b"x")

    assert json.loads((await one(span)).content)["start"] == "2026-01-02"
    assert (await one(several)).content == '[1, ["ä"], null, "2026-01-02"]'
    shown = await one(drawn)
    assert (shown.content, shown.images) == ("", (Picture(data=b"x"),))


async def test_plain_functions_do_not_hold_the_loop_and_async_ones_are_on_it() -> None:
    threads: list[threading.Thread] = []

    def plain() -> None:
        threads.append(threading.current_thread())

    async def on_loop() -> None:
        threads.append(threading.current_thread())

    await one(plain)
    await one(on_loop)
    assert threads[0] is not threading.main_thread()
    assert threads[1] is threading.main_thread()


async def test_calls_of_a_round_run_side_by_side_and_are_answered_in_order() -> None:
    met = asyncio.Barrier(3)

    async def meet(number: int) -> int:
        await met.wait()
        await asyncio.sleep(0.01 * (3 - number))
        return number

    calls = [call("meet", json.dumps({"number": n}), str(n)) for n in range(3)]
    async with asyncio.timeout(5):
        answers = await Toolbox([meet]).answer(calls)
    assert [(answer.tool_call_id, answer.content) for answer in answers] == [
        ("0", "0"),
        ("1", "1"),
        ("2", "2"),
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{", "not JSON"),
        ("[]", "do not fit: $: it is not of type"),
        ("{}", '"day" is a required property'),
        ('{"day": 3}', "$.day: it is not of type"),
        ('{"day": "2026-11-20", "year": 1}', "'year' was unexpected"),
        ('{"day": "someday"}', "ValueError: Invalid isoformat string"),
        ('{"day": "2026-11-20", "kind": "weather"}', "$.kind"),
        ("[" * 100_000, "not JSON"),
    ],
    ids=lambda text: text[:20],
)
async def test_wrong_arguments_are_the_models_to_mend(arguments: str, told: str) -> None:
    assert told in fault(await one(look, arguments))


async def test_a_tool_nobody_has_is_refused() -> None:
    (answer,) = await Toolbox([look]).answer([call("delete_everything")])
    assert fault(answer) == "There is no tool called delete_everything. There are: look."


async def test_what_a_tool_raises_is_told_to_the_model_without_keys() -> None:
    secret = Secret("sk-tool-0123456789abcdef")

    def fails() -> str:
        raise PermissionError(f"the door of {secret.reveal()} is closed" + "!" * 5000)

    def unspeakable() -> object:
        return {1: {(1, 2): "x"}}

    told = fault(await one(fails))
    assert told.startswith("PermissionError: the door of *** is closed")
    assert len(told) < 1000
    assert "TypeError" in fault(await one(unspeakable))


async def test_a_tool_that_hangs_is_given_up() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    assert fault(await one(hangs, timeout_s=0.02)) == "It did not answer within 0.02 seconds."

    async def gives_up() -> None:
        raise TimeoutError("its own")

    assert fault(await one(gives_up)) == "TimeoutError: its own"


async def test_cancelling_a_round_ends_its_tools() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    round_ = asyncio.ensure_future(Toolbox([hangs]).answer([call("hangs")]))
    await began.wait()
    round_.cancel()
    with pytest.raises(asyncio.CancelledError):
        await round_
    assert ended.is_set()


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(AIProviderInvalidRequestError, match="the same name"):
        Toolbox([look, look])
