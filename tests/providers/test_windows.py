"""A conversation that outgrew its model goes on without its beginning, as far as the server says what it can read."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from companion.errors import AIProviderError, AIProviderInvalidRequestError
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.providers.provider import Spec
from companion.providers.wire.faults import CallContext
from companion.providers.wire.windows import Windows
from companion.tokens import estimate_request

SPEC = Spec(name="own", display_name="Own", roles=frozenset())
TALK = (
    *(
        Message(speaker, f"{turn}: it was a long walk by the river. " * 8)
        for turn in range(20)
        for speaker in (Speaker.USER, Speaker.ASSISTANT)
    ),
    Message(Speaker.USER, "And now?"),
)
LISTEN = Message(Speaker.SYSTEM, "Listen well.")


class SmallServer:
    """Refuses what is longer than its window, in the words of one of them; counts as its vocabulary does."""

    def __init__(self, window: int, body: str, stretch: float = 1.0) -> None:
        self.window, self.body, self.stretch = window, body, stretch
        self.asked: list[ChatRequest] = []

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        self.asked.append(request)
        counted = round(estimate_request(request) * self.stretch)
        if counted > self.window:
            text = self.body.format(window=self.window, counted=counted)
            raise CallContext(SPEC).status(400, {"error": {"message": text}}, {})
        yield ChatDelta(text="Rest.")
        yield ChatDelta(finish_reason="stop", model="small", notices=("first",))


async def answer(windows: Windows, server: SmallServer, *said: Message) -> ChatDelta:
    request = ChatRequest(messages=said or (LISTEN, *TALK), max_tokens=50, model="small")
    return [delta async for delta in windows.answer(server.chat, request)][-1]


@pytest.mark.parametrize("stretch", [0.9, 1.0, 1.5, 3.0])
@pytest.mark.parametrize(
    "body",
    [
        "request ({counted} tokens) exceeds the available context size ({window} tokens), try increasing it",
        "This model's maximum context length is {window} tokens. However, your messages resulted in {counted} tokens.",
        "prompt is too long: {counted} tokens > {window} maximum",
        "Trying to keep the first {counted} tokens when context the overflows. However, the model is loaded with "
        "context length of only {window} tokens, which is not enough.",
    ],
)
async def test_the_oldest_turns_stay_behind_and_that_is_told(body: str, stretch: float) -> None:
    server, windows = SmallServer(1200, body, stretch), Windows()
    last = await answer(windows, server)
    sent = server.asked[-1].messages
    assert sent[0] == LISTEN
    assert sent[-1] == TALK[-1]
    assert 2 < len(sent) < len(TALK)
    assert last.notices[0] == "first"
    assert "small cannot read all of it at once" in last.notices[1]
    asked = len(server.asked)
    await answer(windows, server)
    assert len(server.asked) == asked + 1, "its window is known now"


async def test_a_refusal_that_names_no_window_is_told_as_it_is() -> None:
    server = SmallServer(1200, "prompt is too long")
    with pytest.raises(AIProviderInvalidRequestError, match="too long"):
        await answer(Windows(), server)
    assert len(server.asked) == 1


async def test_new_words_too_long_by_themselves_are_told() -> None:
    server = SmallServer(300, "maximum context length is {window} tokens")
    with pytest.raises(AIProviderError, match="newest message is longer"):
        await answer(Windows(), server, LISTEN, Message(Speaker.USER, "word " * 900))


async def test_what_fits_is_sent_as_it_is() -> None:
    server, windows = SmallServer(100_000, ""), Windows()
    windows.note("small", 100_000)
    assert (await answer(windows, server)).notices == ("first",)
    assert server.asked[0].messages == (LISTEN, *TALK)
