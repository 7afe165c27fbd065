"""A conversation that outgrew its model: the oldest turns stay behind, instead of the person being told to stop.

How much a model reads at once is known of a model of this computer; a server with a small window says it when it refuses.
Belongs to the loop's thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from companion.errors import AIProviderInvalidRequestError
from companion.flow import ChatDelta, ChatRequest
from companion.language import mark, tr
from companion.tokens import estimate_request, trim_messages

USUAL_ANSWER = 512
"""Tokens that are left for an answer without a limit of its own."""
SURE = 0.8
"""How far a window is filled by an estimate of ours."""
_LEFT_BEHIND = mark(
    "The oldest part of the conversation was left out: {label} cannot read all of it at once."
)

Chat = Callable[[ChatRequest], AsyncGenerator[ChatDelta, None]]


class Windows:
    """What one provider knows of the windows of its models."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, float]] = {}
        """Model -> tokens it reads at once, and how far they are filled by an estimate."""

    def note(self, model: str, window: int) -> None:
        """`model` reads `window` tokens at once."""
        self._known[model] = (window, SURE)

    async def answer(self, chat: Chat, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer to what of `request` fits; where a server says that it is too long, and for what, asked once more.

        Raises:
            AIProviderError: as `chat`; INVALID_REQUEST where not even the newest turn fits.
        """
        model = request.model
        fitted = within(request, *self._known.get(model, (0, SURE)))
        while True:
            try:
                async with aclosing(chat(fitted)) as deltas:
                    async for delta in deltas:
                        is_last = delta.finish_reason is not None
                        yield _told(delta, request, fitted) if is_last else delta
                return
            except AIProviderInvalidRequestError as refusal:
                if not refusal.window:
                    raise
                self._known[model] = self._learned(model, fitted, refusal)
                shorter = within(request, *self._known[model])
                if len(shorter.messages) >= len(fitted.messages):
                    raise
                fitted = shorter

    def _learned(
        self, model: str, sent: ChatRequest, refusal: AIProviderInvalidRequestError
    ) -> tuple[int, float]:
        _, sure = self._known.get(model, (0, SURE))
        if refusal.counted:  # its vocabulary is not that of the estimate
            sure = min(sure, 0.9 * estimate_request(sent) / refusal.counted)
        elif model in self._known:  # it was trimmed to fit, and does not
            sure *= 0.6
        return refusal.window, sure


def within(request: ChatRequest, window: int, sure: float = SURE) -> ChatRequest:
    """`request` without the oldest turns, so that it and its answer fit into `window` tokens; 0: it is not known.

    They are left out in blocks, so that the beginning stays the same from turn to turn and a server finds it read already.

    Raises:
        AIProviderInvalidRequestError: not even the newest turn fits.
    """
    if not window:
        return request
    answer = min(request.max_tokens or USUAL_ANSWER, window // 2)
    room = int((window - answer) * sure)
    if estimate_request(request) <= room:
        return request
    room -= estimate_request(replace(request, messages=()))
    return replace(request, messages=trim_messages(request.messages, room, block=max(1, room // 4)))


def _told(last: ChatDelta, before: ChatRequest, after: ChatRequest) -> ChatDelta:
    """The end of an answer, which says so if turns were left out."""
    if len(after.messages) == len(before.messages):
        return last
    left_behind = tr(_LEFT_BEHIND, label=last.model or after.model or tr("the model"))
    return replace(last, notices=(*last.notices, left_behind))
