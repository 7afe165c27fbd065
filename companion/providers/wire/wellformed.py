"""Whether a chat request makes sense at all, whoever answers it. Pure; told before anything is sent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from companion.errors import AIProviderInvalidRequestError
from companion.flow import ChatRequest, Message, Speaker
from companion.providers.schema import require_schema

if TYPE_CHECKING:
    from companion.calls import Picture, SoundFile

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_RANGES = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
}
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SOUNDS = ("audio/wav", "audio/mpeg")


def require_well_formed(request: ChatRequest) -> None:
    """Returns for a request that can be sent.

    Raises:
        AIProviderInvalidRequestError: what is wrong with it, in one sentence.
    """
    _require_messages(request.messages)
    _require_calls_answered(request.messages)
    _require_numbers(request)
    _require_tools(request)
    if request.schema is not None:
        require_schema(request.schema.schema)


def _wrong(sentence: str) -> AIProviderInvalidRequestError:
    return AIProviderInvalidRequestError(sentence, hint="Correct the request; nothing was sent.")


def _require_messages(messages: tuple[Message, ...]) -> None:
    spoken = [message for message in messages if message.role is not Speaker.SYSTEM]
    if not spoken:
        raise _wrong("The request has no message of the user.")
    if spoken[-1].role is Speaker.ASSISTANT:
        raise _wrong(
            "The request must end with the user's message or a tool's answer, not with the assistant's."
        )
    if all(message.role is not Speaker.USER for message in spoken):
        raise _wrong("The request has no message of the user.")
    for number, message in enumerate(messages, 1):
        carries = message.images or message.sounds or message.tool_calls
        if message.role is not Speaker.TOOL and not message.content.strip() and not carries:
            raise _wrong(f"Message {number}, of the {message.role.value}, is empty.")
        if (message.images or message.sounds) and message.role not in (Speaker.USER, Speaker.TOOL):
            raise _wrong(f"Message {number}: pictures and sounds belong to the user's messages.")
        _require_media(message.images, message.sounds, number)


def _require_media(images: Iterable[Picture], sounds: Iterable[SoundFile], number: int) -> None:
    for picture in images:
        if bool(picture.data) == bool(picture.url):
            raise _wrong(f"Message {number}: a picture has either its bytes or an address.")
        if picture.url and not picture.url.startswith("https://"):
            raise _wrong(f"Message {number}: the address of a picture begins with https://.")
        if picture.data and picture.media_type not in _PICTURES:
            raise _wrong(f"Message {number}: {picture.media_type} is none of {', '.join(_PICTURES)}.")
    for sound in sounds:
        if not sound.data or sound.media_type not in _SOUNDS:
            raise _wrong(f"Message {number}: a sound is a file of {' or '.join(_SOUNDS)}.")


def _require_calls_answered(messages: tuple[Message, ...]) -> None:
    """Every call of a tool is answered before anybody else speaks, and every answer has its call."""
    waiting: set[str] = set()
    for number, message in enumerate(messages, 1):
        if message.role is Speaker.TOOL:
            if message.tool_call_id not in waiting:
                raise _wrong(
                    f"Message {number} answers a tool call {message.tool_call_id!r} that nobody made."
                )
            waiting.remove(message.tool_call_id)
            continue
        if waiting and message.role is not Speaker.SYSTEM:
            break
        waiting |= {call.id for call in message.tool_calls}
        if len(waiting) < len(message.tool_calls) or "" in waiting:
            raise _wrong(f"Message {number}: every tool call needs an id of its own.")
    if waiting:
        raise _wrong(f"The tool call {min(waiting)!r} has no answer.")


def _require_numbers(request: ChatRequest) -> None:
    for name, (least, most) in _RANGES.items():
        value = getattr(request, name)
        if value is not None and not (math.isfinite(value) and least <= value <= most):
            raise _wrong(f"{name} must be between {least:g} and {most:g}, not {value}.")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise _wrong(f"max_tokens must be 1 or more, not {request.max_tokens}.")
    if not all(request.stop):
        raise _wrong("A stop word must not be empty.")
    if request.reasoning_effort and request.reasoning_effort not in EFFORTS:
        raise _wrong(f"reasoning_effort must be one of {', '.join(EFFORTS)}.")


def _require_tools(request: ChatRequest) -> None:
    names = [tool.name for tool in request.tools]
    for tool in request.tools:
        if not _TOOL_NAME.fullmatch(tool.name):
            raise _wrong(f"{tool.name!r} is no name for a tool: up to 64 letters, digits, _ and -.")
        if tool.parameters:
            require_schema(tool.parameters, f"What the tool {tool.name} takes")
        if tool.parameters and tool.parameters.get("type") != "object":
            raise _wrong(f"What the tool {tool.name} takes must be an object.")
    if len(set(names)) < len(names):
        raise _wrong("Two tools have the same name.")
    if request.tool_choice == "required" and not names:
        raise _wrong("A tool is required, and there is none.")
    if request.tool_choice not in ("auto", "none", "required", *names):
        raise _wrong(f"There is no tool called {request.tool_choice}.")
