"""Patience around a call, on a loop whose clock jumps instead of waiting."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import wraps
from typing import Any

import pytest

from companion.errors import (
    AIProviderAuthError,
    AIProviderCircuitOpenError,
    AIProviderContentRefusedError,
    AIProviderError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    HearRequest,
    Message,
    Speaker,
    SpeakRequest,
    Transcript,
)
from companion.ports import Call
from companion.providers import middleware
from companion.providers.middleware import breaker, capped, fallback, limit, retry, stack, timeouts
from companion.providers.provider import Policy

REQUEST = ChatRequest(messages=(Message(Speaker.USER, "hello"),))
END = ChatDelta(finish_reason="stop")


class JumpingSelector(selectors.DefaultSelector):
    """Instead of sleeping until a timer is due, moves the loop's clock there."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


def on_jumping_clock(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        selector = JumpingSelector()

        def loop() -> asyncio.AbstractEventLoop:
            made = asyncio.SelectorEventLoop(selector)
            made.time = lambda: selector.now  # type: ignore[method-assign]
            return made

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(asyncio.wait_for(test(*args, **kwargs), 100_000))

    return run


def now() -> float:
    return asyncio.get_running_loop().time()


class Vendor:
    """A call that follows a script: each attempt is a list of chunks, seconds to wait, and errors to raise."""

    def __init__(self, *attempts: Sequence[object]) -> None:
        self.attempts = list(attempts)
        self.begun_at: list[float] = []
        self.closed = 0

    async def __call__(self, request: object) -> AsyncIterator[Any]:
        script = self.attempts[min(len(self.begun_at), len(self.attempts) - 1)]
        self.begun_at.append(now())
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, int | float):
                    await asyncio.sleep(step)
                else:
                    yield ChatDelta(text=step) if isinstance(step, str) else step
        finally:
            self.closed += 1


async def collect(call: Call[Any, Any], request: object = REQUEST) -> list[Any]:
    return [chunk async for chunk in call(request)]


async def text_of(call: Call[Any, Any]) -> str:
    return "".join([chunk.text for chunk in await collect(call)])


async def raised_by(work: Awaitable[object]) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await work
    return caught.value


async def heard_until_error(call: Call[Any, Any]) -> tuple[str, Kind | None]:
    heard = ""
    try:
        async for delta in call(REQUEST):
            heard += delta.text
    except CompanionError as error:
        return heard, error.kind
    return heard, None


def busy(**details: Any) -> AIProviderRateLimitError:
    return AIProviderRateLimitError("", "vendor", **details)


DOWN = AIProviderUnavailableError("", "vendor")


# -- retry --------------------------------------------------------------------------------------------------


@on_jumping_clock
async def test_a_passing_fault_is_tried_again_with_growing_pauses() -> None:
    vendor = Vendor([DOWN], [DOWN], ["fine", END])
    assert await text_of(retry(vendor, 3, backoff_s=1.0, dice=lambda: 1.0)) == "fine"
    assert vendor.begun_at == [0.0, 1.0, 3.0]


@on_jumping_clock
async def test_jitter_halves_a_pause_at_most_and_pauses_are_bounded() -> None:
    vendor = Vendor([DOWN])
    await raised_by(collect(retry(vendor, 8, backoff_s=1.0, dice=lambda: 0.0)))
    pauses = [after - before for before, after in zip(vendor.begun_at, vendor.begun_at[1:], strict=False)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


@on_jumping_clock
async def test_the_last_fault_is_told_when_every_attempt_fails() -> None:
    vendor = Vendor([DOWN], [busy()])
    assert (await raised_by(collect(retry(vendor, 2)))).kind is Kind.RATE_LIMITED
    assert len(vendor.begun_at) == vendor.closed == 2


@pytest.mark.parametrize(
    "error",
    [
        AIProviderAuthError(),
        AIProviderQuotaError(),
        AIProviderQuotaError(retryable=True),
        AIProviderContentRefusedError(),
        AIProviderUnavailableError(retryable=False),
    ],
)
@on_jumping_clock
async def test_what_will_not_pass_is_not_tried_again(error: AIProviderError) -> None:
    vendor = Vendor([error])
    assert await raised_by(collect(retry(vendor, 3))) is error
    assert len(vendor.begun_at) == 1


@on_jumping_clock
async def test_nothing_is_sent_again_after_the_first_piece() -> None:
    vendor = Vendor(["I was", DOWN], ["never", END])
    assert await heard_until_error(retry(vendor, 3)) == ("I was", Kind.UNAVAILABLE)
    assert len(vendor.begun_at) == 1


@on_jumping_clock
async def test_a_sign_of_life_is_not_yet_an_answer() -> None:
    vendor = Vendor([ChatDelta(), DOWN], ["fine", END])
    assert await text_of(retry(vendor, 2)) == "fine"


@pytest.mark.parametrize(("asked_s", "waits_s"), [(7.0, 7.0), (120.0, 120.0), (0.0, 1.0)])
@on_jumping_clock
async def test_the_pause_a_vendor_asks_for_is_kept(asked_s: float, waits_s: float) -> None:
    vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
    assert await text_of(retry(vendor, 2, backoff_s=1.0, dice=lambda: 1.0)) == "fine"
    assert vendor.begun_at[1] == waits_s


@pytest.mark.parametrize("asked_s", [121.0, 1e9, math.inf])
@on_jumping_clock
async def test_an_absurd_pause_is_not_waited_for(asked_s: float) -> None:
    vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
    error = await raised_by(collect(retry(vendor, 2)))
    assert isinstance(error, AIProviderRateLimitError)
    assert error.retry_after_s == asked_s
    assert now() == 0.0


@pytest.mark.parametrize("asked_s", [-1.0, -1e9, math.nan])
@on_jumping_clock
async def test_a_nonsensical_pause_is_replaced_by_our_own(asked_s: float) -> None:
    vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
    assert await text_of(retry(vendor, 2, backoff_s=1.0, dice=lambda: 1.0)) == "fine"
    assert now() == 1.0


@on_jumping_clock
async def test_a_live_take_is_never_sent_again() -> None:
    vendor = Vendor([DOWN], [Transcript(text="x", is_final=True)])
    assert await raised_by(collect(retry(vendor, 3), hear_request())) is DOWN
    assert len(vendor.begun_at) == 1


# -- timeouts -----------------------------------------------------------------------------------------------


def patient(vendor: Call[Any, Any]) -> Call[Any, Any]:
    return timeouts(vendor, 15.0, 10.0, 120.0)


@on_jumping_clock
async def test_silence_before_the_first_word_ends_at_its_limit() -> None:
    vendor = Vendor([16.0, "late", END])
    assert isinstance(await raised_by(collect(patient(vendor))), AIProviderTimeoutError)
    assert now() == 15.0
    assert vendor.closed == 1


@on_jumping_clock
async def test_keep_alives_do_not_count_as_pieces() -> None:
    vendor = Vendor([*[2.0, ChatDelta()] * 20, "late", END])
    await raised_by(collect(patient(vendor)))
    assert now() == 15.0


@on_jumping_clock
async def test_silence_between_words_ends_at_its_limit() -> None:
    vendor = Vendor([14.0, "so", 9.0, " far", *[3.0, ChatDelta()] * 9, END])
    assert await heard_until_error(patient(vendor)) == ("so far", Kind.TIMEOUT)
    assert now() == 33.0


@on_jumping_clock
async def test_an_answer_that_never_ends_is_ended() -> None:
    await raised_by(collect(patient(Vendor([9.0, "on and "] * 100))))
    assert now() == 120.0


@on_jumping_clock
async def test_a_slow_listener_costs_the_vendor_no_time() -> None:
    vendor = Vendor([*[5.0, "word "] * 4, END])
    async for _ in patient(vendor)(REQUEST):
        await asyncio.sleep(100)
    assert now() == 520.0


@on_jumping_clock
async def test_an_error_of_the_vendor_is_not_mistaken_for_our_limit() -> None:
    with pytest.raises(TimeoutError) as caught:
        await collect(patient(Vendor([TimeoutError("socket")])))
    assert not isinstance(caught.value, CompanionError)


def hear_request(frames: int = 3, each_s: float = 0.02, ended: list[bool] | None = None) -> HearRequest:
    async def microphone() -> AsyncIterator[bytes]:
        try:
            for _ in range(frames):
                await asyncio.sleep(each_s)
                yield bytes(640)
        finally:
            if ended is not None:
                ended.append(True)

    return HearRequest(frames=microphone())


def recogniser(think_s: float, per_frame_s: float = 0.0) -> Call[HearRequest, Transcript]:
    async def run(request: HearRequest) -> AsyncIterator[Transcript]:
        count = 0
        async for _ in request.frames:
            count += 1
            await asyncio.sleep(per_frame_s)
        await asyncio.sleep(think_s)
        yield Transcript(text=f"{count} frames", is_final=True)

    return run


@on_jumping_clock
async def test_speaking_for_an_hour_is_no_timeout() -> None:
    heard = await collect(patient(recogniser(14.0)), hear_request(frames=3600, each_s=1.0))
    assert [transcript.text for transcript in heard] == ["3600 frames"]


@on_jumping_clock
async def test_a_recogniser_is_waited_for_from_the_end_of_the_take() -> None:
    ended: list[bool] = []
    await raised_by(collect(patient(recogniser(16.0)), hear_request(frames=10, each_s=5.0, ended=ended)))
    assert now() == 65.0
    assert ended == [True]


@on_jumping_clock
async def test_a_recogniser_that_stops_listening_is_noticed_during_the_take() -> None:
    await raised_by(collect(patient(recogniser(0.0, per_frame_s=16.0)), hear_request(frames=10, each_s=1.0)))
    assert now() == 16.0


# -- breaker ------------------------------------------------------------------------------------------------


@on_jumping_clock
async def test_a_failing_provider_is_left_alone_then_tried_once_then_trusted_again() -> None:
    vendor = Vendor(*[[DOWN]] * 4, ["back", END])
    call = breaker(vendor, 3, rest_s=30.0)
    for _ in range(3):
        assert await raised_by(collect(call)) is DOWN
    refused = await raised_by(collect(call))
    assert isinstance(refused, AIProviderCircuitOpenError)
    assert refused.retry_after_s == 30.0
    assert len(vendor.begun_at) == 3
    await asyncio.sleep(30)
    assert await raised_by(collect(call)) is DOWN
    assert isinstance(await raised_by(collect(call)), AIProviderCircuitOpenError)
    await asyncio.sleep(30)
    assert await text_of(call) == "back"
    assert await text_of(call) == "back"


@on_jumping_clock
async def test_an_hour_of_outage_costs_one_request_per_half_minute() -> None:
    vendor = Vendor([DOWN])
    call = breaker(vendor, 3, rest_s=30.0)
    while now() < 3600:
        await raised_by(collect(call))
        await asyncio.sleep(1)
    assert len(vendor.begun_at) <= 3 + 3600 / 30


@on_jumping_clock
async def test_a_stream_that_breaks_counts_and_a_refused_key_does_not() -> None:
    cut = AIProviderStreamCutError("", "vendor")
    vendor = Vendor(["half", cut], ["half", cut], ["fine", END])
    call = breaker(vendor, 2)
    for _ in range(2):
        await raised_by(collect(call))
    assert isinstance(await raised_by(collect(call)), AIProviderCircuitOpenError)

    refusing = breaker(Vendor([AIProviderAuthError()]), 2)
    for _ in range(5):
        assert isinstance(await raised_by(collect(refusing)), AIProviderAuthError)


@on_jumping_clock
async def test_only_one_request_probes_and_a_cancelled_probe_frees_the_way() -> None:
    vendor = Vendor([DOWN], [60.0], ["back", END])
    call = breaker(vendor, 1, rest_s=30.0)
    await raised_by(collect(call))
    await asyncio.sleep(30)
    probe = asyncio.ensure_future(collect(call))
    await asyncio.sleep(1)
    assert isinstance(await raised_by(collect(call)), AIProviderCircuitOpenError)
    probe.cancel()
    await asyncio.wait([probe])
    assert await text_of(call) == "back"


@on_jumping_clock
async def test_an_interrupted_answer_shows_that_the_provider_works() -> None:
    vendor = Vendor([DOWN], ["I think", 5.0, END], [DOWN], ["back", END])
    call = breaker(vendor, 2)
    await raised_by(collect(call))
    answer = call(REQUEST)
    await anext(answer)
    await answer.aclose()  # type: ignore[attr-defined]
    await raised_by(collect(call))
    assert await text_of(call) == "back"


# -- limit --------------------------------------------------------------------------------------------------


@on_jumping_clock
async def test_requests_beyond_the_limit_wait_their_turn() -> None:
    vendor = Vendor(["fine", END])
    call = limit(vendor, 3, longest_queue_s=100.0)
    for _ in range(7):
        await collect(call)
    assert vendor.begun_at == [0.0, 0.0, 0.0, 60.0, 60.0, 60.0, 120.0]


@on_jumping_clock
async def test_a_turn_too_far_off_is_told_instead_of_waited_for() -> None:
    vendor = Vendor(["fine", END])
    call = limit(vendor, 1)
    await collect(call)
    await asyncio.sleep(40)
    error = await raised_by(collect(call))
    assert isinstance(error, AIProviderRateLimitError)
    assert error.retry_after_s == 20.0
    await asyncio.sleep(15)
    await collect(call)
    assert vendor.begun_at == [0.0, 60.0]


# -- fallback -----------------------------------------------------------------------------------------------


@on_jumping_clock
async def test_the_next_provider_answers_when_one_cannot_begin() -> None:
    switches: list[tuple[int, Kind]] = []
    shut = CompanionError(Kind.NETWORK_SHUT)
    call = fallback(
        [Vendor([DOWN]), Vendor([shut]), Vendor(["here", END])],
        on_switch=lambda index, error: switches.append((index, error.kind)),
    )
    assert await text_of(call) == "here"
    assert switches == [(1, Kind.UNAVAILABLE), (2, Kind.NETWORK_SHUT)]


@on_jumping_clock
async def test_nobody_takes_over_in_the_middle_or_after_a_refusal_to_answer() -> None:
    second = Vendor(["other words", END])
    assert await raised_by(collect(fallback([Vendor(["half", DOWN]), second]))) is DOWN
    refusal = AIProviderContentRefusedError()
    assert await raised_by(collect(fallback([Vendor([refusal]), second]))) is refusal
    assert second.begun_at == []


@on_jumping_clock
async def test_a_live_take_goes_on_only_to_whom_nothing_was_lost() -> None:
    second = recogniser(0.0)
    assert await raised_by(collect(fallback([Vendor([DOWN]), second]), hear_request())) is DOWN
    never_began = Vendor([AIProviderCircuitOpenError()])
    heard = await collect(fallback([never_began, second]), hear_request())
    assert heard[-1].text == "3 frames"


# -- caps ---------------------------------------------------------------------------------------------------


@on_jumping_clock
async def test_an_answer_is_cut_at_the_longest_length_and_says_so() -> None:
    words = [f"word {number} of many. " for number in range(5000)]
    vendor = Vendor([*words, END])
    deltas = await collect(capped(vendor, max_chars=1000))
    assert "".join(delta.text for delta in deltas) == "".join(words)[:1000]
    assert deltas[-1].finish_reason == "length"
    assert vendor.closed == 1


@pytest.mark.parametrize(
    "period", ["ha", "I am here. ", "All the leaves are brown and the sky is grey, my friend. "]
)
@pytest.mark.parametrize("step", [1, 7, 500])
@on_jumping_clock
async def test_an_answer_that_goes_round_in_circles_is_ended(period: str, step: int) -> None:
    endless = period * 2000
    vendor = Vendor([endless[at : at + step] for at in range(0, len(endless), step)])
    deltas = await collect(capped(vendor))
    said = "".join(delta.text for delta in deltas)
    assert deltas[-1].finish_reason == "length"
    assert endless.startswith(said)
    assert len(said) <= 22 * max(60, len(period)) + step


@on_jumping_clock
async def test_ordinary_repetition_is_left_alone() -> None:
    verse = "- a long line of a list, with its number {}\n"
    text = "".join(verse.format(number) for number in range(300)) + "-" * 700
    assert await text_of(capped(Vendor([text, END]))) == text


@on_jumping_clock
async def test_endless_sound_is_ended() -> None:
    vendor = Vendor([Audio(pcm=bytes(48_000), rate_hz=24_000)] * 1000)
    sound = await collect(capped(vendor), SpeakRequest(text="x"))
    assert sum(chunk.seconds for chunk in sound) == 600.0


# -- closing ------------------------------------------------------------------------------------------------

EACH: dict[str, Callable[[Call[Any, Any]], Call[Any, Any]]] = {
    "retry": lambda call: retry(call, 3),
    "timeouts": patient,
    "breaker": lambda call: breaker(call, 3),
    "limit": lambda call: limit(call, 60),
    "fallback": lambda call: fallback([call, call]),
    "capped": capped,
    "stack": lambda call: stack(call, Policy(requests_per_minute=60)),
}


def test_every_middleware_is_in_the_closing_tests() -> None:
    shaped = {"retry", "timeouts", "breaker", "limit", "fallback", "capped", "stack"}
    public = {
        name
        for name, value in vars(middleware).items()
        if callable(value)
        and getattr(value, "__module__", "") == middleware.__name__
        and not name.startswith("_")
    }
    assert public - {"is_meaningful"} == shaped == set(EACH)


@pytest.mark.parametrize("name", EACH)
@on_jumping_clock
async def test_closing_early_closes_the_vendors_stream(name: str) -> None:
    vendor = Vendor(["one", 5.0, "two", END])
    answer = EACH[name](vendor)(REQUEST)
    assert (await anext(answer)).text == "one"
    await answer.aclose()  # type: ignore[attr-defined]
    assert vendor.closed == 1


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("script", [[50.0, "late"], ["one", 50.0]], ids=["before", "between"])
@on_jumping_clock
async def test_cancelling_the_reader_closes_the_vendors_stream(name: str, script: list[object]) -> None:
    vendor = Vendor(script)
    reader = asyncio.ensure_future(collect(EACH[name](vendor)))
    await asyncio.sleep(1)
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    assert vendor.closed == 1
    assert now() == 1.0


@on_jumping_clock
async def test_a_cancelled_pause_between_attempts_ends_at_once() -> None:
    vendor = Vendor([busy(retry_after_s=60.0)])
    reader = asyncio.ensure_future(collect(stack(vendor, Policy())))
    await asyncio.sleep(1)
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    assert len(vendor.begun_at) == 1


@pytest.mark.parametrize("name", EACH)
@on_jumping_clock
async def test_a_call_that_cannot_even_begin_says_so(name: str) -> None:
    def unsupported(request: object) -> AsyncIterator[Any]:
        raise AIProviderAuthError()

    assert isinstance(await raised_by(collect(EACH[name](unsupported))), AIProviderAuthError)


# -- stack --------------------------------------------------------------------------------------------------


@on_jumping_clock
async def test_the_stack_retries_timeouts_and_counts_the_whole_request_once() -> None:
    vendor = Vendor([99.0], [99.0], ["fine", END])
    call = stack(vendor, Policy(first_s=5.0, attempts=2, breaker_threshold=2, backoff_s=1.0))
    assert isinstance(await raised_by(collect(call)), AIProviderTimeoutError)
    assert await text_of(call) == "fine"


@on_jumping_clock
async def test_a_policy_without_retry_and_breaker_asks_exactly_once_each_time() -> None:
    vendor = Vendor([DOWN])
    call = stack(vendor, Policy(attempts=1, breaker=False))
    for _ in range(10):
        assert await raised_by(collect(call)) is DOWN
    assert len(vendor.begun_at) == 10
