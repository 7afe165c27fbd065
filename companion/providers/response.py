"""A streamed answer as one value: deltas in, `ChatResponse` out, and the answer read as JSON where that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from companion.flow import ChatDelta, Message, Speaker, Usage

if TYPE_CHECKING:
    from companion.calls import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResponse:
    """A whole answer."""

    text: str
    finish_reason: str
    """`stop`, `length`, `content_filter`, or `tool_calls`."""
    model: str = ""
    """The model that answered, as the vendor names it."""
    provider: str = ""
    id: str = ""
    """The vendor's id of the answer."""
    usage: Usage | None = None
    """Tokens; of all rounds, where the answer took several."""
    tool_calls: tuple[ToolCall, ...] = ()
    """What the model wants done before it goes on."""
    reasoning: str = ""
    """The model's thoughts, where it tells them."""
    notices: tuple[str, ...] = ()
    """What was asked for and not sent, one sentence each."""
    parsed: Any = None
    """The answer as a value, where JSON or a type was asked for."""
    raw: Mapping[str, Any] | None = None
    """The vendor's last event as it came."""
    messages: tuple[Message, ...] = ()
    """The conversation with this answer at its end: what the next request goes on from."""

    @property
    def message(self) -> Message:
        """The answer as an entry of the conversation."""
        return Message(Speaker.ASSISTANT, self.text, tool_calls=self.tool_calls)


class Collected:
    """The parts of an answer that is still coming."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._last: ChatDelta | None = None

    def add(self, delta: ChatDelta) -> None:
        if delta.retracts:
            self._thoughts += self._texts
            self._texts.clear()
        if delta.text:
            self._texts.append(delta.text)
        if delta.reasoning:
            self._thoughts.append(delta.reasoning)
        if delta.finish_reason:
            self._last = delta

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def whole(self, provider: str, asked: tuple[Message, ...]) -> ChatResponse | None:
        """The answer, or None while it has not ended."""
        last = self._last
        if last is None:
            return None
        answer = Message(Speaker.ASSISTANT, self.text, tool_calls=last.tool_calls)
        return ChatResponse(
            text=self.text,
            finish_reason=last.finish_reason or "",
            model=last.model,
            provider=provider,
            id=last.id,
            usage=last.usage,
            tool_calls=last.tool_calls,
            reasoning="".join(self._thoughts).strip(),
            notices=last.notices,
            raw=last.raw,
            messages=(*asked, answer),
        )


def said(deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
    """The deltas whose text is part of the answer: those after the last that takes back what was before."""
    found: list[ChatDelta] = []
    for delta in deltas:
        if delta.retracts:
            found.clear()
        found.append(delta)
    return found


def added(one: Usage | None, other: Usage | None) -> Usage | None:
    """Both counts together."""
    if one is None or other is None:
        return one or other
    return Usage(**{each.name: getattr(one, each.name) + getattr(other, each.name) for each in fields(Usage)})
