"""What calls cost and were like, answers from memory, A/B, the month's budget, JSON as asked: on a jumping clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from companion.calls import Embeddings, EmbedRequest, JsonSchema
from companion.errors import AIProviderError, Kind
from companion.flow import Audio, ChatDelta, ChatRequest, Message, Speaker, SpeakRequest, Transcript, Usage
from companion.kinds import Role
from companion.log import Secret
from companion.ports import Call
from companion.providers.middleware import (
    Budget,
    CallFigures,
    Figures,
    MemoryPurse,
    budgeted,
    cached,
    logged,
    measured,
    retry,
    split,
    validated,
)
from companion.providers.provider import Spec
from companion.tokens import estimate_request
from tests.providers.scripted import (
    DOWN,
    END,
    REQUEST,
    Vendor,
    collect,
    hear_request,
    raised_by,
    recogniser,
    text_of,
)

pytestmark = pytest.mark.jumping_clock

SPEC = Spec(
    name="openai",
    display_name="OpenAI",
    roles=frozenset({Role.THINKS}),
    needs_key=True,
    default_models={Role.THINKS: "gpt-6-luna"},
)
PAID = replace(END, usage=Usage(input_tokens=1_000_000, output_tokens=1_000_000))


class Kept:
    def __init__(self) -> None:
        self.all: list[CallFigures] = []

    def record(self, figures: CallFigures) -> None:
        self.all.append(figures)


def free(_: CallFigures) -> float:
    return 0.0


def half_a_dollar(_: CallFigures) -> float:
    return 0.5


# -- measured -----------------------------------------------------------------------------------------------


async def test_a_call_is_told_in_counts_times_tokens_and_dollars() -> None:
    kept = Kept()
    vendor = Vendor([0.5, ChatDelta(), 0.25, "Good ", 1.0, "evening.", PAID])
    async for _ in measured(vendor, kept, spec=SPEC)(REQUEST):
        await asyncio.sleep(10)  # the caller is busy; that is not the vendor's time
    (told,) = kept.all
    assert (told.provider, told.model, told.role, told.outcome) == (
        "openai",
        "gpt-6-luna",
        Role.THINKS,
        "ok",
    )
    assert (told.first_s, told.waited_s, told.pieces) == (0.75, 1.75, 3)
    assert told.usage == PAID.usage
    assert told.cost_usd == pytest.approx(0.6)
    assert not told.is_estimate


async def test_a_fault_and_an_answer_given_up_are_told_too() -> None:
    kept = Kept()
    call = measured(Vendor([2.0, DOWN], ["I was going to say", 9.0]), kept, spec=SPEC)
    await raised_by(collect(call))
    answer = call(REQUEST)
    await anext(answer)
    await answer.aclose()  # type: ignore[attr-defined]
    failed, given_up = kept.all
    assert (failed.outcome, failed.first_s, failed.cost_usd) == ("unavailable", None, 0.0)
    assert (given_up.outcome, given_up.is_estimate) == ("given up", True)
    asked = estimate_request(REQUEST)  # what was written is paid for all the same
    assert given_up.usage == Usage(input_tokens=asked, output_tokens=5)
    assert given_up.cost_usd
    assert given_up.cost_usd > 0


async def test_sound_is_counted_in_seconds_both_ways_and_vectors_in_tokens() -> None:
    kept = Kept()
    await collect(measured(recogniser(0.0), kept, price=free), hear_request(frames=50))
    sound = Audio(pcm=bytes(48_000), rate_hz=24_000)
    await collect(measured(Vendor([sound, sound]), kept, price=free), SpeakRequest(text="two words"))
    vectors = Embeddings(vectors=((1.0,),), input_tokens=7)
    await collect(measured(Vendor([vectors]), kept, price=free), EmbedRequest(texts=("x",)))
    heard, spoken, embedded = kept.all
    assert (heard.role, heard.sound_s) == (Role.HEARS, pytest.approx(1.0))
    assert (spoken.role, spoken.sound_s, spoken.chars) == (Role.SPEAKS, 2.0, 9)
    assert (embedded.role, embedded.usage) == (Role.EMBEDS, Usage(input_tokens=7))


async def test_text_that_is_read_out_while_it_is_written_is_counted_and_closed() -> None:
    closed: list[bool] = []

    async def written() -> AsyncIterator[str]:
        try:
            yield "Good "
            yield "evening."
        finally:
            closed.append(True)

    async def voice(request: SpeakRequest) -> AsyncIterator[Audio]:
        assert request.pieces is not None
        async for _ in request.pieces:
            yield Audio(pcm=bytes(48_000), rate_hz=24_000)

    kept = Kept()
    await collect(measured(voice, kept, price=free), SpeakRequest(pieces=written()))
    assert (kept.all[0].chars, kept.all[0].sound_s) == (13, 2.0)
    assert closed == [True]


async def test_figures_add_up_per_model() -> None:
    figures = Figures()
    fast = measured(Vendor([0.1, "x", PAID]), figures, spec=SPEC)
    slow = measured(Vendor([3.0, "x", PAID]), figures, spec=SPEC)
    for _ in range(9):
        await collect(fast)
    await collect(slow)
    await raised_by(collect(measured(Vendor([DOWN]), figures, spec=SPEC)))
    total = figures.sums["openai", "gpt-6-luna"]
    assert total.calls == 11
    assert total.outcomes == {"ok": 10, "unavailable": 1}
    assert total.input_tokens == total.output_tokens == 10_000_000
    assert figures.cost_usd == pytest.approx(6.0)
    assert total.percentile(total.first_s, 50) == pytest.approx(0.1)
    assert total.percentile(total.first_s, 95) == pytest.approx(3.0)


# -- logged -------------------------------------------------------------------------------------------------


async def test_the_log_tells_counts_and_no_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asked = ChatRequest(messages=(Message(Speaker.USER, "my secret worry"),))
    await collect(logged(Vendor([0.25, "a wise answer", PAID]), spec=SPEC), asked)
    (record,) = caplog.records
    assert record.call["first_ms"] == 250.0  # type: ignore[attr-defined]
    assert "outcome=ok" in record.getMessage()
    assert "worry" not in caplog.text
    assert "wise" not in caplog.text


async def test_words_are_logged_when_asked_for_but_never_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = Secret("plain-looking-key-of-mine")
    asked = ChatRequest(messages=(Message(Speaker.USER, f"my key is {key.reveal()}"),))
    await collect(logged(Vendor(["a wise answer, sk-abcdefgh1234", PAID]), content=True), asked)
    assert "a wise answer" in caplog.text
    assert key.reveal() not in caplog.text
    assert "sk-abcdefgh1234" not in caplog.text


# -- cached -------------------------------------------------------------------------------------------------


async def test_the_same_request_is_answered_from_memory_and_costs_nothing() -> None:
    vendor = Vendor(["fine", PAID])
    call = cached(vendor, ttl_s=60)
    assert await collect(call) == [ChatDelta(text="fine"), PAID]
    assert await collect(call) == [ChatDelta(text="fine"), END]
    await asyncio.sleep(60)
    assert await collect(call) == [ChatDelta(text="fine"), PAID]
    assert len(vendor.begun_at) == 2


async def test_any_difference_makes_another_request() -> None:
    vendor = Vendor(["fine", END])
    call = cached(vendor)
    one = ChatRequest(messages=(Message(Speaker.USER, "a"),), metadata={"x": "1", "y": "2"})
    same = ChatRequest(messages=(Message(Speaker.USER, "a"),), metadata={"y": "2", "x": "1"})
    schema = JsonSchema(schema={"type": "object", "properties": {"a": {"enum": [1, 2]}}})
    others = [
        replace(one, temperature=0.5),
        replace(one, model="other"),
        replace(one, metadata={"x": "1"}),
        replace(one, messages=(Message(Speaker.ASSISTANT, "a"),)),
        replace(one, schema=schema),
        replace(one, schema=JsonSchema(schema={**schema.schema, "type": "array"})),
        replace(one, seed=1),
        replace(one, top_p=1.0),
    ]
    for request in (one, same, *others, *others):
        await collect(call, request)
    assert len(vendor.begun_at) == 1 + len(others)


async def test_what_is_not_whole_is_not_kept() -> None:
    vendor = Vendor(["half", DOWN], ["given up", 5.0, END], ["fine", END])
    call = cached(vendor)
    await raised_by(collect(call))
    answer = call(REQUEST)
    await anext(answer)
    await answer.aclose()  # type: ignore[attr-defined]
    assert await text_of(call) == "fine"
    assert await text_of(call) == "fine"
    assert len(vendor.begun_at) == 3


async def test_live_takes_and_text_being_written_are_always_asked() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "text"

    hearing = Vendor([Transcript(text="x", is_final=True)])
    call = cached(hearing)
    request = hear_request()
    for _ in range(2):
        await collect(call, request)
    speaking = Vendor([Audio(pcm=b"12", rate_hz=24_000)])
    for _ in range(2):
        await collect(cached(speaking), SpeakRequest(pieces=pieces()))
    assert len(hearing.begun_at) == len(speaking.begun_at) == 2


async def test_memory_is_bounded_in_answers_and_in_bytes() -> None:
    def asked(text: str) -> ChatRequest:
        return ChatRequest(messages=(Message(Speaker.USER, text),))

    vendor = Vendor(["fine", END])
    call = cached(vendor, most=2)
    for text in ("a", "b", "a", "c", "a", "b"):  # b was unused longest when c came
        await collect(call, asked(text))
    assert len(vendor.begun_at) == 4

    big = Vendor([Audio(pcm=bytes(3000), rate_hz=24_000)])
    small = cached(big, most_bytes=5000)
    for text in ("a", "b", "a", "b"):
        await collect(small, SpeakRequest(text=text))
    assert len(big.begun_at) == 4
    none = cached(big, most_bytes=1000)
    for _ in range(2):
        assert await collect(none, SpeakRequest(text="a"))
    assert len(big.begun_at) == 6


# -- split --------------------------------------------------------------------------------------------------


def arm(name: str) -> Call[Any, Any]:
    return Vendor([name, END])


async def test_a_key_always_goes_the_same_way_and_keys_spread_by_weight() -> None:
    told: list[tuple[str, str]] = []
    call: Call[ChatRequest, ChatDelta] = split(
        {"a": (3.0, arm("a")), "b": (1.0, arm("b")), "off": (0.0, arm("off"))},
        key=lambda request: request.user,
        on_arm=lambda key, name: told.append((key, name)),
    )
    for _ in range(2):
        for user in range(1000):
            deltas = await collect(call, ChatRequest(messages=(), user=str(user)))
            assert deltas[0].text == told[-1][1]
    assert told[:1000] == told[1000:]
    assert 200 < sum(name == "b" for _, name in told[:1000]) < 300
    assert "off" not in {name for _, name in told}


async def test_another_experiment_deals_anew() -> None:
    ways: list[list[str]] = []
    for name in ("first", "second"):
        way: list[str] = []
        call: Call[ChatRequest, ChatDelta] = split(
            {"a": (1.0, arm("a")), "b": (1.0, arm("b"))},
            key=lambda request: request.user,
            name=name,
            on_arm=lambda _, chosen, way=way: way.append(chosen),  # type: ignore[misc]
        )
        for user in range(200):
            await collect(call, ChatRequest(messages=(), user=str(user)))
        ways.append(way)
    differing = sum(one != other for one, other in zip(*ways, strict=True))
    assert 60 < differing < 140


@pytest.mark.parametrize("weights", [(), (0.0,), (1.0, -1.0)])
def test_weights_that_mean_nothing_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split({str(n): (weight, arm("x")) for n, weight in enumerate(weights)}, key=lambda _: "me")


# -- budgeted -----------------------------------------------------------------------------------------------


async def test_nothing_more_is_asked_once_the_months_budget_is_spent() -> None:
    day = date(2026, 11, 20)
    purse = MemoryPurse()
    budget = Budget(purse, 1.0, today=lambda: day)
    vendor = Vendor(["fine", END])
    call = budgeted(vendor, budget, spec=SPEC, price=half_a_dollar)
    assert not budget.is_nearly_spent
    for _ in range(2):
        await collect(call)
    assert budget.is_nearly_spent
    refused = await raised_by(collect(call))
    assert refused.kind is Kind.BUDGET_SPENT
    assert not refused.retryable
    assert len(vendor.begun_at) == 2
    assert purse.months == {"2026-11": 1.0}
    budget.limit_usd = 2.0  # the person raises it
    await collect(call)
    day = date(2026, 12, 1)
    assert budget.spent_usd == 0.0
    await collect(call)
    assert purse.months == {"2026-11": 1.5, "2026-12": 0.5}


async def test_what_costs_nothing_may_still_be_asked() -> None:
    budget = Budget(MemoryPurse(), 1.0)
    budget.record(CallFigures(provider="openai", model="x", role=Role.THINKS, cost_usd=2.0))
    here = Spec(name="guide", display_name="Guide", roles=frozenset({Role.THINKS}))
    assert await text_of(budgeted(Vendor(["fine", END]), budget, spec=here)) == "fine"
    assert (await raised_by(collect(budgeted(Vendor([END]), budget, spec=SPEC)))).kind is Kind.BUDGET_SPENT


async def test_without_a_limit_spending_is_only_counted() -> None:
    budget = Budget(MemoryPurse())
    call = budgeted(Vendor(["fine", END]), budget, price=half_a_dollar)
    for _ in range(10):
        await collect(call)
    assert budget.spent_usd == 5.0
    assert not budget.is_spent


async def test_a_call_whose_price_nobody_knows_is_not_made_up() -> None:
    budget = Budget(MemoryPurse(), 1.0)
    await collect(budgeted(Vendor(["fine", END]), budget, price=lambda _: None))
    assert budget.spent_usd == 0.0


# -- validated ----------------------------------------------------------------------------------------------

WISH = ChatRequest(
    messages=(),
    schema=JsonSchema(
        schema={
            "type": "object",
            "properties": {"mood": {"enum": ["calm", "tired"]}, "words": {"type": "array", "items": {"type": "string"}}},
            "required": ["mood"],
            "additionalProperties": False,
        }
    ),
)  # fmt: skip


async def test_an_answer_of_the_wrong_form_is_asked_for_once_more() -> None:
    vendor = Vendor(['{"mood": ', '"angry"}', END], ['{"mood": ', '"calm"}', END])
    deltas = await collect(retry(validated(vendor, spec=SPEC), 2), WISH)
    assert "".join(delta.text for delta in deltas) == '{"mood": "calm"}'
    assert len(vendor.begun_at) == 2


@pytest.mark.parametrize(
    "answer", ["", "Sure! {}", "[]", '{"words": []}', '{"mood": "calm", "words": [1]}', '{"mood":"calm","x":1}']
)  # fmt: skip
async def test_nothing_of_the_wrong_form_gets_through(answer: str) -> None:
    error = await raised_by(collect(validated(Vendor([answer, END])), WISH))
    assert isinstance(error, AIProviderError)
    assert error.kind is Kind.MALFORMED_REPLY


async def test_depth_no_reader_can_follow_is_a_wrong_form() -> None:
    error = await raised_by(
        collect(validated(Vendor(["[" * 200_000, END])), replace(WISH, schema=None, json=True))
    )
    assert error.kind is Kind.MALFORMED_REPLY


async def test_prose_is_left_alone_and_ones_own_check_decides() -> None:
    assert await text_of(validated(Vendor(["Good evening.", END]))) == "Good evening."

    def no_advice(request: object, deltas: Any) -> str:
        return "advice" if any("should" in delta.text for delta in deltas) else ""

    error = await raised_by(collect(validated(Vendor(["You should rest.", END]), no_advice)))
    assert error.kind is Kind.MALFORMED_REPLY
    assert "You should" not in str(error)


async def test_giving_up_a_held_answer_closes_the_vendors_stream() -> None:
    vendor = Vendor(["{", 50.0])
    reader = asyncio.ensure_future(collect(validated(vendor), WISH))
    await asyncio.sleep(1)
    reader.cancel()
    await asyncio.wait([reader])
    assert vendor.closed == 1
