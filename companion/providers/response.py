"""A streamed answer as one value: deltas in, `ChatResponse` out, and the answer read as JSON where that was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from companion.calls import Spelling
from companion.flow import ChatDelta, Message, Speaker, Usage

if TYPE_CHECKING:
    from companion.calls import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResponse:
    """A whole answer."""

    text: str = ""
    finish_reason: str = "stop"
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
    created_at: int = field(default=0, compare=False)
    """When it was whole, in seconds since the epoch."""

    message: Message = field(default=None, compare=False)  # type: ignore[assignment]
    """The answer as an entry of the conversation. A response can be made of it alone."""

    def __post_init__(self) -> None:
        message = self.message or (self.messages[-1] if self.messages else None)
        if message is None or (self.text and message.content != self.text):
            message = Message(Speaker.ASSISTANT, self.text, tool_calls=self.tool_calls)
        object.__setattr__(self, "message", message)
        object.__setattr__(self, "text", message.content)
        object.__setattr__(self, "tool_calls", message.tool_calls)

    @property
    def content(self) -> str:
        """The same as `text`."""
        return self.text

    @property
    def tokens_used(self) -> int:
        """All tokens, read and written; 0: the vendor did not say."""
        return self.usage.total_tokens if self.usage else 0

    @property
    def total_tokens(self) -> int:
        """The same as `tokens_used`."""
        return self.tokens_used

    @property
    def raw_response(self) -> Mapping[str, Any] | None:
        """The same as `raw`."""
        return self.raw

    @staticmethod
    def of(value: object) -> ChatResponse:
        """What a program's own model gave as its answer: a text, a message, or one of ours."""
        if isinstance(value, ChatResponse):
            return value
        message = Message.of(value) if isinstance(value, Mapping) else value
        if isinstance(message, Message):
            return ChatResponse(message=message, finish_reason="tool_calls" if message.tool_calls else "stop")
        content = getattr(value, "content", value)
        return ChatResponse(text="" if content is None else str(content), finish_reason="stop")

    def deltas(self) -> Iterable[ChatDelta]:
        """The answer as it would have come."""
        if self.text:
            yield ChatDelta(text=self.text, reasoning=self.reasoning)
        yield ChatDelta(
            finish_reason=self.finish_reason,
            usage=self.usage,
            model=self.model,
            id=self.id,
            tool_calls=self.tool_calls,
            notices=self.notices,
            raw=self.raw,
        )


class ProviderResponse(ChatResponse, metaclass=Spelling):
    """`ChatResponse`, as a program's own model writes it."""

    def __new__(  # type: ignore[misc]
        cls, content: str = "", model: str = "", tokens_used: int = 0, **others: Any
    ) -> ChatResponse:
        if tokens_used:
            others.setdefault("usage", Usage(output_tokens=tokens_used))
        return ChatResponse(text=content, model=model, **others)


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
            created_at=int(time.time()),
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
