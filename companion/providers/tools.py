"""Tools: Python functions described for a model, and the calls it makes answered. On the loop; plain functions on a thread.

A function's type hints become the schema of its arguments, its docstring the description. Whatever goes wrong inside a tool
is the model's to read and to work around; it never ends the conversation.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import json
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from companion.calls import Picture, Tool, ToolCall
from companion.errors import AIProviderInvalidRequestError
from companion.flow import Message, Speaker
from companion.log import redact
from companion.providers.schema import mismatches, object_schema, schema_of, value_of

TOOL_S = 60.0
"""How long a tool may take; then the model is told that it did not answer."""
MOST_AT_ONCE = 8
"""Calls of one round that run side by side."""
_LONGEST_ANSWER = 100_000
_LONGEST_FAULT = 500
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def tool_from(function: Callable[..., Any]) -> Tool:
    """The description of a function with type hints: name, docstring, and the schema of its arguments.

    A line `name: what it is` in the docstring's `Args:` describes an argument, as does `Annotated[type, "what it is"]`.

    Raises:
        AIProviderInvalidRequestError: an argument without a hint, or of a type that JSON does not have.
    """
    return _Function.of(function).tool


@dataclass(frozen=True, slots=True)
class _Function:
    """A function that a model may call."""

    tool: Tool
    call: Callable[..., Any]
    hints: Mapping[str, Any]

    @staticmethod
    def of(function: Callable[..., Any]) -> _Function:
        name = getattr(function, "__name__", "")
        if not inspect.isroutine(function) or not _NAME.fullmatch(name):
            raise AIProviderInvalidRequestError(
                f"{function!r} is no tool; use a function or method with a name."
            )
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except NameError as error:
            raise AIProviderInvalidRequestError(f"The hints of {name} cannot be read: {error}.") from error
        described, arguments = _read_docstring(inspect.getdoc(function) or "")
        properties: dict[str, Any] = {}
        required: list[str] = []
        for argument in inspect.signature(function).parameters.values():
            if argument.kind not in (argument.KEYWORD_ONLY, argument.POSITIONAL_OR_KEYWORD):
                raise AIProviderInvalidRequestError(f"{name} takes arguments without a name ({argument}).")
            if argument.name not in hints:
                raise AIProviderInvalidRequestError(
                    f"The argument {argument.name} of {name} has no type hint."
                )
            told = arguments.get(argument.name)
            schema = schema_of(hints[argument.name])
            properties[argument.name] = {"description": told, **schema} if told else schema
            if argument.default is argument.empty:
                required.append(argument.name)
        tool = Tool(name=name, description=described, parameters=object_schema(properties, required))
        return _Function(tool, function, {name: hints[name] for name in properties})

    async def run(self, arguments: Mapping[str, Any]) -> Any:
        values = {name: value_of(self.hints.get(name, Any), value) for name, value in arguments.items()}
        call = functools.partial(self.call, **values)
        if inspect.iscoroutinefunction(self.call):
            return await call()
        result = await asyncio.to_thread(call)
        return await result if inspect.isawaitable(result) else result


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the sections, and the lines of `Args:`."""
    head, *sections = re.split(
        r"^(Args|Arguments|Returns|Raises|Yields|Example|Examples|Note):[ \t]*$", text, flags=re.M
    )
    arguments: dict[str, str] = {}
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if title in ("Args", "Arguments"):
            for match in re.finditer(
                r"^[ \t]+\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.+(?:\n[ \t]{8,}.+)*)", body, re.M
            ):
                arguments[match[1]] = " ".join(match[2].split())
    return head.strip(), arguments


class Toolbox:
    """Functions a model may use.

    Args:
        functions: plain ones run on a thread, `async def` ones on the loop.
        timeout_s: how long one call may take.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]], *, timeout_s: float = TOOL_S) -> None:
        found = [_Function.of(function) for function in functions]
        self._functions = {one.tool.name: one for one in found}
        self._timeout_s = timeout_s
        if len(self._functions) < len(found):
            raise AIProviderInvalidRequestError("Two tools have the same name.")

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What a request is given."""
        return tuple(one.tool for one in self._functions.values())

    async def answer(self, calls: Sequence[ToolCall]) -> tuple[Message, ...]:
        """The results of a round of calls, in their order; they run side by side."""
        gate = asyncio.Semaphore(MOST_AT_ONCE)

        async def one(call: ToolCall) -> Message:
            async with gate:
                return await self._answer(call)

        return tuple(await asyncio.gather(*map(one, calls)))

    async def _answer(self, call: ToolCall) -> Message:
        function = self._functions.get(call.name)
        if function is None:
            names = ", ".join(self._functions) or "none"
            return _told(call, fault=f"There is no tool called {call.name}. There are: {names}.")
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError) as error:
            return _told(call, fault=f"The arguments are not JSON: {error}")
        if wrong := mismatches(arguments, function.tool.parameters):
            return _told(call, fault=f"The arguments do not fit: {'; '.join(wrong)}")
        try:
            async with asyncio.timeout(self._timeout_s) as clock:
                return _told(call, await function.run(arguments))
        except Exception as error:  # noqa: BLE001 - a tool is the program's own code, and its failure the model's to read
            if isinstance(error, TimeoutError) and clock.expired():
                return _told(call, fault=f"It did not answer within {self._timeout_s:g} seconds.")
            return _told(call, fault=f"{type(error).__name__}: {error}")


def _told(call: ToolCall, result: Any = None, *, fault: str = "") -> Message:
    """The model's view of a result."""
    images: tuple[Picture, ...] = ()
    if fault:
        text = json.dumps({"error": redact(fault)[:_LONGEST_FAULT]}, ensure_ascii=False)
    elif isinstance(result, Picture):
        text, images = "", (result,)
    else:
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=_plain)
    return Message(Speaker.TOOL, text[:_LONGEST_ANSWER], name=call.name, tool_call_id=call.id, images=images)


def _plain(value: Any) -> Any:
    """What JSON has no word for."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)
