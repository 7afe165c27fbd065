"""What everybody promises who hears, thinks and speaks in one: the port `Conversation`, over real sockets.

`VENDORS` says how each is spoiled and what is particular to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from companion.calls import RealtimeChoice
from companion.errors import (
    AIProviderAuthError,
    AIProviderError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import FRAME_BYTES, Message, Speaker, Transcript, TurnSignal
from companion.providers import registry
from companion.providers.provider import AIProvider, Policy
from tests.providers.ear import FRAMES, KEY, Ear, is_unheard
from tests.providers.test_contract_sound import every_refusal
from tests.servers.google_live import GeminiLiveServer
from tests.servers.openai_realtime import RealtimeServer
from tests.servers.script import REPLY, TRANSCRIPT
from tests.servers.server import VendorServer


def fail_openai(server: Any) -> None:
    server.script.finish, server.script.code = "failed", "content_filter"


def fail_gemini(server: Any) -> None:
    server.script.empty, server.end_reason = True, "RESPONSE_REJECTED"


@dataclass(frozen=True, kw_only=True)
class Vendor:
    server: type[VendorServer]
    at: str
    """The part of its path that tells the socket from other requests."""
    fail: Callable[[Any], None]
    """From now on it declines to answer."""
    sound: str
    """Begins a take on the wire."""
    forgets: bool
    """It can forget a take; otherwise a conversation that heard too much is over."""


VENDORS = {
    "openai": Vendor(
        server=RealtimeServer, at="/realtime", fail=fail_openai, sound="audio_buffer.append", forgets=True
    ),
    "google": Vendor(
        server=GeminiLiveServer, at="/ws/", fail=fail_gemini, sound="activityStart", forgets=False
    ),
}


@dataclass
class Line:
    """A provider, and the server it talks to."""

    vendor: Vendor
    provider: AIProvider
    server: Any

    async def call(self, choice: RealtimeChoice | None = None, instructions: str = "Listen well.") -> Ear:
        link = await self.provider.realtime(choice or RealtimeChoice()).connect(instructions)
        return Ear(link)

    @property
    def asked(self) -> int:
        return len(self.server.asked(self.vendor.at))

    def sent(self) -> str:
        """Everything the client said."""
        return str(self.server.events)


@pytest.fixture(params=VENDORS)
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    vendor = VENDORS[request.param]
    async with (
        vendor.server() as server,
        registry.provider_class(request.param)(base_url=server.url, api_key=KEY) as provider,
    ):
        provider.policy = Policy(attempts=1, breaker=False, first_s=2.0)
        yield Line(vendor, provider, server)


def test_every_provider_with_such_models_is_held_to_it() -> None:
    assert {spec.name for spec in registry.specs() if spec.realtime} == set(VENDORS)
    assert all(spec.realtime_voices for spec in registry.specs() if spec.realtime)


# -- turns --------------------------------------------------------------------------------------------------


async def test_a_spoken_turn_is_heard_written_down_and_answered(line: Line) -> None:
    async with await line.call() as ear:
        assert ear.link.is_open
        assert ear.link.is_spoken
        assert ear.link.name.startswith(line.provider.spec.name + "/")
        await ear.speak(7)
        await line.server.until(lambda: ear.finish(7) is not None and bool(ear.said(7)))
    finish = ear.finish(7)
    assert finish is not None
    assert finish.finish_reason == "stop"
    assert finish.usage is not None
    assert finish.usage.output_tokens == 20
    assert ear.text(7) == REPLY
    assert ear.said(7) == [TRANSCRIPT]
    assert ear.sound_s(7) > 2
    assert ear.error is None
    assert not ear.link.is_open


async def test_words_come_while_they_are_spoken(line: Line) -> None:
    async with await line.call() as ear:
        for frame in FRAMES[:60]:
            await ear.link.append(3, frame)
        await line.server.until(lambda: any(number == 3 for number, _ in ear.came))
        assert not ear.said(3)
        await ear.link.commit(3)
        await ear.link.respond(3)
        await line.server.until(lambda: bool(ear.said(3)))
    assert ear.said(3) == [TRANSCRIPT]
    partial = [what.text for number, what in ear.came if number == 3 and isinstance(what, Transcript)]
    assert all(TRANSCRIPT.startswith(text) for text in partial)


async def test_nothing_is_answered_before_it_is_asked_for(line: Line) -> None:
    async with await line.call() as ear:
        for frame in FRAMES[:40]:
            await ear.link.append(1, frame)
        await ear.link.commit(1)
        await line.server.until(lambda: len(ear.came) > 2)
        assert not ear.text(1)
        await ear.link.respond(1)
        await line.server.until(lambda: ear.finish(1) is not None)


async def test_turns_follow_each_other_in_one_conversation(line: Line) -> None:
    line.server.answers = ["The first answer.", "The second answer.", "The third answer."]
    async with await line.call() as ear:
        for turn in (4, 5, 6):
            await ear.speak(turn)
            await line.server.until(lambda: ear.finish(turn) is not None and bool(ear.said(turn)))  # noqa: B023 - awaited here
    assert [ear.text(turn) for turn in (4, 5, 6)] == [
        "The first answer.",
        "The second answer.",
        "The third answer.",
    ]
    assert [ear.said(turn) for turn in (4, 5, 6)] == [[TRANSCRIPT]] * 3
    assert line.asked == 1


async def test_typed_words_are_answered_in_writing_where_no_voice_is_wanted(line: Line) -> None:
    async with await line.call(RealtimeChoice(is_spoken=False)) as ear:
        assert not ear.link.is_spoken
        await ear.link.add(Message(Speaker.USER, "Hello."))
        await ear.link.add(Message(Speaker.ASSISTANT, "Earlier."))
        await ear.link.add(Message(Speaker.USER, "Good evening."))
        await ear.link.respond(1)
        await line.server.until(lambda: ear.finish(1) is not None)
        await ear.link.add(Message(Speaker.USER, "And now?"))
        await ear.link.respond(2)
        await line.server.until(lambda: ear.finish(2) is not None)
    assert (ear.text(1), ear.text(2)) == (REPLY, REPLY)
    assert ear.sound_s(1) == 0
    assert not ear.faults()
    sent = line.sent()
    assert (
        sent.index("Hello.") < sent.index("Earlier.") < sent.index("Good evening.") < sent.index("And now?")
    )


async def test_what_was_said_before_is_known_to_a_new_conversation(line: Line) -> None:
    async with await line.call() as ear:
        await ear.link.add(Message(Speaker.USER, "I walked to Leith."))
        await ear.link.add(Message(Speaker.ASSISTANT, "How was the sea?"))
        await ear.speak(1)
        await line.server.until(lambda: ear.finish(1) is not None)
    sent = line.sent()
    assert sent.index("I walked to Leith.") < sent.index("How was the sea?") < sent.index(line.vendor.sound)


async def test_a_new_part_is_told_in_the_middle_of_a_conversation(line: Line) -> None:
    async with await line.call(instructions="Listen well.\nStep 1 of 2.") as ear:
        await ear.speak(1)
        await line.server.until(lambda: ear.finish(1) is not None)
        await ear.link.instruct("Listen well.\nStep 2 of 2.")
        await ear.speak(2)
        await line.server.until(lambda: ear.finish(2) is not None)
        await ear.link.instruct("Listen well.\nStep 2 of 2.")
    assert line.sent().count("Step 2 of 2.") == 1
    assert not ear.faults()


async def test_the_vendor_can_follow_turns_itself(line: Line) -> None:
    async with await line.call(RealtimeChoice(follows_turns=True)) as ear:
        for frame in [*FRAMES[20:90], *[bytes(FRAME_BYTES)] * 40]:
            await ear.link.append(0, frame)
        await line.server.until(lambda: ear.finish(0) is not None and bool(ear.said(0)))
    signals = [what.signal for _, what in ear.came if isinstance(what, Transcript) and what.signal]
    assert signals[:2] == [TurnSignal.STARTED, TurnSignal.ENDED]
    assert ear.text(0) == REPLY


# -- interruptions ------------------------------------------------------------------------------------------


async def test_an_interrupted_answer_ends_and_the_next_is_whole(line: Line) -> None:
    line.server.script.token_delay_s = 0.02
    async with await line.call() as ear:
        await ear.speak(1)
        await line.server.until(lambda: ear.sound_s(1) > 0.5)
        await ear.link.interrupt(1, 0.34)
        heard = len(ear.came)
        await ear.speak(2)
        await line.server.until(lambda: ear.finish(2) is not None)
    assert ear.finish(1) is None
    assert all(number != 1 or is_unheard(what) for number, what in ear.came[heard:])
    assert ear.text(2) == REPLY
    assert ear.said(2) == [TRANSCRIPT]
    assert not ear.faults()


async def test_an_answer_is_interrupted_before_its_first_word(line: Line) -> None:
    line.server.script.header_delay_s = 0.3
    async with await line.call() as ear:
        await ear.speak(1)
        await line.server.until(lambda: len(line.server.sessions) == 1)
        await ear.link.interrupt(1, 0.0)
        line.server.script.header_delay_s = 0.0
        await ear.speak(2)
        await line.server.until(lambda: ear.finish(2) is not None)
    assert ear.text(1) == ""
    assert ear.text(2) == REPLY
    assert not [turn for turn, _ in ear.faults() if turn], "turn 0 is nobody's"


async def test_an_interrupted_answer_that_nobody_follows_is_heard_no_more(line: Line) -> None:
    line.server.script.token_delay_s = 0.005
    async with await line.call() as ear:
        await ear.speak(1)
        await line.server.until(lambda: ear.sound_s(1) > 0.3)
        await ear.link.interrupt(1, 0.2)
        heard = len(ear.came)
        await asyncio.sleep(0.2)
        assert all(is_unheard(what) for _, what in ear.came[heard:])
        line.server.script.token_delay_s = 0
        await ear.link.add(Message(Speaker.USER, "Go on."))
        await ear.link.respond(2)
        await line.server.until(lambda: ear.finish(2) is not None)
    assert ear.text(2) == REPLY
    assert ear.finish(1) is None


async def test_tidying_up_too_late_is_no_fault(line: Line) -> None:
    async with await line.call() as ear:
        await ear.speak(1)
        await line.server.until(lambda: ear.finish(1) is not None)
        await ear.link.interrupt(1, 99.0)
        await ear.link.interrupt(1, 0.1)
        await ear.link.clear()
        await ear.speak(2)
        await line.server.until(lambda: ear.finish(2) is not None)
    assert not ear.faults()


async def test_a_take_that_is_dropped_is_answered_by_nobody(line: Line) -> None:
    """Either the vendor forgets it, or the conversation that heard it is over and the next one knows nothing of it."""
    async with await line.call() as ear:
        for frame in FRAMES[:40]:
            await ear.link.append(1, frame)
        await ear.link.clear()
        assert ear.link.is_open is line.vendor.forgets
        if line.vendor.forgets:
            await ear.speak(2)
            await line.server.until(lambda: ear.finish(2) is not None)
            assert not ear.text(1)
        else:
            with pytest.raises(AIProviderUnavailableError) as caught:
                await ear.speak(2)
            assert caught.value.retryable
            await asyncio.wait_for(ear.task, 5)
            assert ear.error is None, "it was ended on this side"


# -- failures -----------------------------------------------------------------------------------------------


async def test_an_answer_that_is_declined_leaves_the_conversation_open(line: Line) -> None:
    async with await line.call() as ear:
        line.vendor.fail(line.server)
        await ear.speak(1)
        await line.server.until(lambda: bool(ear.faults()))
        assert ear.faults() == [(1, Kind.CONTENT_REFUSED)]
        line.server.script.finish, line.server.script.empty, line.server.end_reason = "", False, ""
        await ear.speak(2)
        await line.server.until(lambda: ear.finish(2) is not None)
        assert ear.link.is_open
    assert ear.text(2) == REPLY


async def test_a_conversation_that_breaks_says_so(line: Line) -> None:
    line.server.script.cut_after = 6
    ear = await line.call()
    await ear.speak(1)
    await asyncio.wait_for(ear.task, 5)
    assert ear.error is not None
    assert (ear.error.kind, ear.error.retryable) == (Kind.UNAVAILABLE, True)
    assert not ear.link.is_open
    with pytest.raises(AIProviderUnavailableError):
        await ear.link.respond(2)


async def test_a_vendor_that_hangs_up_says_so(line: Line) -> None:
    line.server.script.end_after, line.server.close_code = 6, 1011
    ear = await line.call()
    await ear.speak(1)
    await asyncio.wait_for(ear.task, 5)
    assert ear.error is not None
    assert ear.error.kind is Kind.UNAVAILABLE


async def test_connecting_is_tried_again_where_it_may_pass(line: Line) -> None:
    line.provider.policy = Policy(attempts=3, backoff_s=0.01)
    line.server.script.status, line.server.script.times = 503, 2
    async with await line.call() as ear:
        assert ear.link.is_open
    assert line.asked == 3


@every_refusal
async def test_a_refused_handshake_has_its_name(
    line: Line, status: int, error: type[AIProviderError], kind: Kind
) -> None:
    line.server.script.status, line.server.script.retry_after = status, "7"
    line.server.script.message = f"The key {KEY} is wrong."
    with pytest.raises(error) as caught:
        await line.call()
    found = caught.value
    assert (found.kind, found.status, found.provider) == (kind, status, line.provider.spec.name)
    assert found.retry_after_s == 7
    assert KEY not in f"{found} {found!r} {found.hint}"


async def test_a_socket_that_never_answers_is_not_waited_for(line: Line) -> None:
    line.provider.policy = Policy(attempts=1, breaker=False, first_s=0.3)
    line.server.is_mute = True
    with pytest.raises(AIProviderTimeoutError):
        await line.call()
    await line.server.until(lambda: not line.server.open_sockets)


async def test_a_missing_key_is_said_before_anything_is_sent(line: Line) -> None:
    line.provider.api_key = None
    with pytest.raises(AIProviderAuthError) as caught:
        await line.call()
    assert caught.value.kind is Kind.KEY_MISSING
    assert not line.server.requests


async def test_a_closed_conversation_leaves_no_connection(line: Line) -> None:
    ear = await line.call()
    await ear.speak(1)
    await ear.link.close()
    await ear.link.close()
    await asyncio.wait_for(ear.task, 5)
    assert ear.error is None
    await line.server.until(lambda: not line.server.open_sockets)


async def test_a_key_travels_in_a_header_alone(line: Line) -> None:
    async with await line.call() as ear:
        await ear.speak(1)
    seen = line.server.asked(line.vendor.at)[0]
    assert KEY in str(seen.headers)
    assert KEY not in seen.path
    assert KEY not in line.sent()
    assert KEY not in repr(cast(Any, ear.link))
