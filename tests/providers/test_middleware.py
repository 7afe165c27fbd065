"""Patience around a call, on a loop whose clock jumps instead of waiting."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest

from companion.calls import DrawRequest, EmbedRequest, Picture, SoundFile
from companion.errors import (
    AIProviderAuthError,
    AIProviderCircuitOpenError,
    AIProviderContentRefusedError,
    AIProviderEmptyReplyError,
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
from companion.ledger import Cargo
from companion.ports import Call
from companion.providers import middleware
from companion.providers.middleware import (
    Budget,
    Candidate,
    Figures,
    MemoryPurse,
    Outcome,
    affordable,
    breaker,
    budgeted,
    cached,
    capped,
    fallback,
    kept_in,
    limit,
    logged,
    measured,
    observed,
    retry,
    split,
    stack,
    timeouts,
    traced,
)
from companion.providers.middleware.standins import carried_by
from companion.providers.provider import Policy
from tests.providers.scripted import (
    DOWN,
    END,
    REQUEST,
    Vendor,
    busy,
    collect,
    hear_request,
    heard_until_error,
    now,
    raised_by,
    recogniser,
    text_of,
)

pytestmark = pytest.mark.jumping_clock

# -- retry --------------------------------------------------------------------------------------------------


async def test_a_passing_fault_is_tried_again_with_growing_pauses() -> None:
    vendor = Vendor([DOWN], [DOWN], ["fine", END])
    assert await text_of(retry(vendor, 3, backoff_s=1.0, dice=lambda: 1.0)) == "fine"
    assert vendor.begun_at == [0.0, 1.0, 3.0]


async def test_jitter_halves_a_pause_at_most_and_pauses_are_bounded() -> None:
    vendor = Vendor([DOWN])
    await raised_by(collect(retry(vendor, 8, backoff_s=1.0, dice=lambda: 0.0)))
    pauses = [after - before for before, after in zip(vendor.begun_at, vendor.begun_at[1:], strict=False)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


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
async def test_what_will_not_pass_is_not_tried_again(error: AIProviderError) -> None:
    vendor = Vendor([error])
    assert await raised_by(collect(retry(vendor, 3))) is error
    assert len(vendor.begun_at) == 1


async def test_nothing_is_sent_again_after_the_first_piece() -> None:
    vendor = Vendor(["I was", DOWN], ["never", END])
    assert await heard_until_error(retry(vendor, 3)) == ("I was", Kind.UNAVAILABLE)
    assert len(vendor.begun_at) == 1


async def test_a_sign_of_life_is_not_yet_an_answer() -> None:
    vendor = Vendor([ChatDelta(), DOWN], ["fine", END])
    assert await text_of(retry(vendor, 2)) == "fine"


@pytest.mark.parametrize(("asked_s", "waits_s"), [(7.0, 7.0), (120.0, 120.0), (0.0, 1.0)])
async def test_the_pause_a_vendor_asks_for_is_kept(asked_s: float, waits_s: float) -> None:
    vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
    assert await text_of(retry(vendor, 2, backoff_s=1.0, dice=lambda: 1.0)) == "fine"
    assert vendor.begun_at[1] == waits_s


@pytest.mark.parametrize("asked_s", [121.0, 1e9, math.inf])
async def test_an_absurd_pause_is_not_waited_for(asked_s: float) -> None:
    vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
    error = await raised_by(collect(retry(vendor, 2)))
    assert isinstance(error, AIProviderRateLimitError)
    assert error.retry_after_s == asked_s
    assert now() == 0.0


@pytest.mark.parametrize("asked_s", [-1.0, -1e9, math.nan])
async def test_a_nonsensical_pause_is_replaced_by_our_own(asked_s: float) -> None:
    vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
    assert await text_of(retry(vendor, 2, backoff_s=1.0, dice=lambda: 1.0)) == "fine"
    assert now() == 1.0


def failing_at_first(fault: CompanionError, call: Call[Any, Any], *, after: int = 0) -> Call[Any, Any]:
    """Fails once, after it has read so many frames or pieces, or all."""
    asked = 0

    async def run(request: Any) -> AsyncIterator[Any]:
        nonlocal asked
        asked += 1
        if asked == 1:
            source = request.frames if isinstance(request, HearRequest) else request.pieces
            count = 0
            async for _ in source:
                count += 1
                if count == after:
                    break
            raise fault
        async for chunk in call(request):
            yield chunk

    return run


@pytest.mark.parametrize("after", [1, 2, 0])
async def test_a_take_begins_again_from_its_first_frame(after: int) -> None:
    ended: list[bool] = []
    call = retry(failing_at_first(DOWN, recogniser(0.0), after=after), 3)
    heard = await collect(call, hear_request(frames=3, ended=ended))
    assert heard[-1].text == "3 frames"
    assert ended == [True], "the microphone is let go of"


async def test_the_time_for_another_attempt_begins_when_the_take_has_ended() -> None:
    call = retry(failing_at_first(DOWN, recogniser(0.0)), 3, within_s=7.5)
    heard = await collect(call, hear_request(frames=300, each_s=1.0))
    assert heard[-1].text == "300 frames"


async def test_a_recogniser_that_swallows_connections_is_tried_twice_not_three_times() -> None:
    tried = 0

    async def swallows(request: HearRequest) -> AsyncIterator[Any]:
        nonlocal tried
        tried += 1
        await asyncio.sleep(5.0)
        raise DOWN
        yield Transcript(text="")

    call = retry(swallows, 3, within_s=7.5, backoff_s=0.5)
    assert await raised_by(collect(call, hear_request(frames=3))) is DOWN
    assert tried == 2
    assert now() <= 12.0


async def test_a_pause_a_recogniser_asks_for_is_kept() -> None:
    call = retry(failing_at_first(busy(retry_after_s=4.0), recogniser(0.0)), 3)
    await collect(call, hear_request(frames=1, each_s=0.0))
    assert now() == 4.0


async def test_words_that_were_shown_are_not_asked_for_again() -> None:
    vendor = Vendor([Transcript(text="I had"), DOWN], [Transcript(text="other", is_final=True)])
    assert await raised_by(collect(retry(vendor, 3), hear_request())) is DOWN
    assert len(vendor.begun_at) == 1


async def test_text_that_is_still_written_begins_again_too() -> None:
    async def pieces() -> AsyncIterator[str]:
        for word in ("Good ", "evening."):
            await asyncio.sleep(1.0)
            yield word

    async def voice(request: SpeakRequest) -> AsyncIterator[Any]:
        assert request.pieces is not None
        yield "".join([piece async for piece in request.pieces])

    call = retry(failing_at_first(DOWN, voice, after=1), 2)
    assert await collect(call, SpeakRequest(pieces=pieces())) == ["Good evening."]


@pytest.mark.parametrize(
    ("fault", "is_again"),
    [
        (DOWN, True),
        (busy(), True),
        (AIProviderTimeoutError(), False),
        (AIProviderStreamCutError(retryable=True), False),
        (AIProviderEmptyReplyError(retryable=True), False),
    ],
)
async def test_a_picture_that_may_have_been_drawn_is_not_paid_for_twice(
    fault: CompanionError, is_again: bool
) -> None:
    vendor = Vendor([fault], ["picture"])
    call = retry(vendor, 3)
    if is_again:
        await collect(call, DrawRequest(prompt="x"))
    else:
        assert await raised_by(collect(call, DrawRequest(prompt="x"))) is fault
    assert len(vendor.begun_at) == 1 + is_again


# -- timeouts -----------------------------------------------------------------------------------------------


def patient(vendor: Call[Any, Any]) -> Call[Any, Any]:
    return timeouts(vendor, 15.0, 10.0, 120.0)


async def test_silence_before_the_first_word_ends_at_its_limit() -> None:
    vendor = Vendor([16.0, "late", END])
    assert isinstance(await raised_by(collect(patient(vendor))), AIProviderTimeoutError)
    assert now() == 15.0
    assert vendor.closed == 1


async def test_who_is_known_to_think_may_be_silent_for_longer() -> None:
    policy = Policy(attempts=1)
    thinking = Vendor([100.0, "thought through", END])
    assert await text_of(stack(thinking, policy, thinks=lambda _: True)) == "thought through"
    assert isinstance(await raised_by(collect(stack(thinking, policy))), AIProviderTimeoutError)
    for_ever = stack(Vendor([1e4, END]), policy, thinks=lambda _: True)
    assert isinstance(await raised_by(collect(for_ever)), AIProviderTimeoutError)


async def test_between_two_thoughts_the_clock_is_that_of_the_first_word() -> None:
    thought = ChatDelta(reasoning="Let me see. ")
    vendor = Vendor([thought, 40.0, thought, 40.0, thought, 40.0, "It is so.", 1.0, END])
    call = stack(vendor, Policy(attempts=1), thinks=lambda _: True)
    assert "".join(delta.text for delta in await collect(call)) == "It is so."


async def test_an_answer_that_is_being_written_is_not_cut_however_long_it_takes() -> None:
    sentences = [step for n in range(100) for step in (8.0, f"this is sentence {n:3} of an answer. ")]
    assert (await text_of(stack(Vendor([*sentences, END]), Policy(attempts=1)))).endswith(
        " 99 of an answer. "
    )


async def test_keep_alives_do_not_count_as_pieces() -> None:
    vendor = Vendor([*[2.0, ChatDelta()] * 20, "late", END])
    await raised_by(collect(patient(vendor)))
    assert now() == 15.0


async def test_silence_between_words_ends_at_its_limit() -> None:
    vendor = Vendor([14.0, "so", 9.0, " far", *[3.0, ChatDelta()] * 9, END])
    assert await heard_until_error(patient(vendor)) == ("so far", Kind.TIMEOUT)
    assert now() == 33.0


async def test_an_answer_that_never_ends_is_ended() -> None:
    await raised_by(collect(patient(Vendor([9.0, "on and "] * 100))))
    assert now() == 120.0


async def test_an_answer_of_one_letter_now_and_then_is_ended() -> None:
    assert await heard_until_error(patient(Vendor([9.0, "a"] * 100))) == ("aaaaa", Kind.TIMEOUT)
    assert now() == 45.0


async def test_a_slow_answer_that_says_something_is_heard_out() -> None:
    vendor = Vendor([9.0, "a word or two. "] * 10 + [9.0, END])
    assert await text_of(patient(vendor)) == "a word or two. " * 10


async def test_sound_that_trickles_is_ended() -> None:
    grain = Audio(pcm=bytes(480), rate_hz=24_000)
    with pytest.raises(AIProviderTimeoutError):
        await collect(patient(Vendor([9.0, grain] * 100)), SpeakRequest(text="x"))
    assert now() == 45.0


async def test_thoughts_wishes_for_tools_vectors_and_pictures_are_pieces() -> None:
    thinking = Vendor([*[9.0, ChatDelta(reasoning="so I weigh this and that. ")] * 4, END])
    assert (await collect(patient(thinking)))[-1] is END
    for piece in (Picture(data=b"x"), object()):
        assert await collect(patient(Vendor([14.0, piece])), DrawRequest(prompt="x")) == [piece]


async def test_a_slow_listener_costs_the_vendor_no_time() -> None:
    vendor = Vendor([*[5.0, "word "] * 4, END])
    async for _ in patient(vendor)(REQUEST):
        await asyncio.sleep(100)
    assert now() == 520.0


async def test_an_error_of_the_vendor_is_not_mistaken_for_our_limit() -> None:
    with pytest.raises(TimeoutError) as caught:
        await collect(patient(Vendor([TimeoutError("socket")])))
    assert not isinstance(caught.value, CompanionError)


async def test_speaking_for_an_hour_is_no_timeout() -> None:
    heard = await collect(patient(recogniser(14.0)), hear_request(frames=3600, each_s=1.0))
    assert [transcript.text for transcript in heard] == ["3600 frames"]


async def test_a_recogniser_is_waited_for_from_the_end_of_the_take() -> None:
    ended: list[bool] = []
    await raised_by(collect(patient(recogniser(16.0)), hear_request(frames=10, each_s=5.0, ended=ended)))
    assert now() == 65.0
    assert ended == [True]


async def test_a_recogniser_that_stops_listening_is_noticed_during_the_take() -> None:
    await raised_by(collect(patient(recogniser(0.0, per_frame_s=16.0)), hear_request(frames=10, each_s=1.0)))
    assert now() == 16.0


# -- breaker ------------------------------------------------------------------------------------------------


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
    await asyncio.sleep(59)
    refused = await raised_by(collect(call))
    assert isinstance(refused, AIProviderCircuitOpenError)
    assert refused.retry_after_s == 1.0
    await asyncio.sleep(1)
    assert await text_of(call) == "back"
    assert await text_of(call) == "back"


async def test_an_hour_of_outage_costs_one_request_per_half_minute() -> None:
    vendor = Vendor([DOWN])
    call = stack(vendor, Policy())
    while now() < 3600:
        await raised_by(collect(call))
        await asyncio.sleep(1)
    assert len(vendor.begun_at) <= 3600 / 30
    later = vendor.begun_at[Policy().breaker_threshold :]
    assert all(after - before >= 30 for before, after in pairwise(later))


async def test_the_vendors_fault_is_told_and_not_that_it_opened_the_breaker() -> None:
    call = stack(Vendor([DOWN]), Policy(breaker_threshold=2))
    assert await raised_by(collect(call)) is DOWN
    assert isinstance(await raised_by(collect(call)), AIProviderCircuitOpenError)


async def test_an_error_inside_an_open_stream_counts_like_a_status() -> None:
    overloaded = AIProviderUnavailableError("", "vendor", status=None)
    vendor = Vendor(["half", overloaded])
    call = breaker(vendor, 2)
    for _ in range(2):
        assert await heard_until_error(call) == ("half", Kind.UNAVAILABLE)
    assert await heard_until_error(call) == ("", Kind.CIRCUIT_OPEN)


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


async def test_requests_beyond_the_limit_wait_their_turn() -> None:
    vendor = Vendor(["fine", END])
    call = limit(vendor, 3, longest_queue_s=100.0)
    for _ in range(7):
        await collect(call)
    assert vendor.begun_at == [0.0, 0.0, 0.0, 20.0, 40.0, 60.0, 80.0]


async def test_a_turn_too_far_off_is_told_instead_of_waited_for() -> None:
    vendor = Vendor(["fine", END])
    call = limit(vendor, 1)
    await collect(call)
    await asyncio.sleep(40)
    error = await raised_by(collect(call))
    assert isinstance(error, AIProviderRateLimitError)
    assert error.retry_after_s == pytest.approx(20.0)
    await asyncio.sleep(15)
    await collect(call)
    assert vendor.begun_at == [0.0, pytest.approx(60.0)]


async def test_each_key_has_a_bucket_of_its_own() -> None:
    vendor = Vendor(["fine", END])
    call: Call[ChatRequest, ChatDelta] = limit(vendor, 60, burst=1, key=lambda request: request.user)
    for user in ("a", "b", "a", "c"):
        await collect(call, ChatRequest(messages=(), user=user))
    assert vendor.begun_at == [0.0, 0.0, 1.0, 1.0]


async def test_a_vendor_that_asks_for_a_pause_gets_it_from_the_next_request_too() -> None:
    vendor = Vendor([busy(retry_after_s=5.0)], ["fine", END])
    call = limit(vendor, 60)
    await raised_by(collect(call))
    assert await text_of(call) == "fine"
    assert vendor.begun_at == [0.0, 5.0]


@pytest.mark.parametrize("asked_s", [None, -1.0, math.nan, math.inf, 1e9])
async def test_an_absurd_pause_does_not_shut_the_bucket(asked_s: float | None) -> None:
    vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
    call = limit(vendor, 60)
    await raised_by(collect(call))
    assert await text_of(call) == "fine"
    assert now() == 0.0


# -- fallback -----------------------------------------------------------------------------------------------


def engine(name: str, call: Call[Any, Any], *may_see: Cargo) -> Candidate[Any, Any]:
    return Candidate(name=name, call=call, may_see=frozenset(may_see))


async def test_the_next_provider_answers_when_one_cannot_begin_and_it_is_told() -> None:
    outcomes: list[Outcome] = []
    shut = CompanionError(Kind.NETWORK_SHUT)
    engines = [
        engine("A", Vendor([DOWN])),
        engine("B", Vendor([shut]), Cargo.WORDS),
        engine("C", Vendor(["here", END]), Cargo.WORDS),
    ]
    deltas = await collect(fallback(engines, on_outcome=outcomes.append))
    assert "".join(delta.text for delta in deltas) == "here"
    assert deltas[-1].notices == ("Answered by C.",)
    assert outcomes == [Outcome(answered_by="C", instead_of=(("A", DOWN), ("B", shut)))]


async def test_ones_own_choice_needs_no_tick_and_no_remark() -> None:
    outcomes: list[Outcome] = []
    deltas = await collect(fallback([engine("A", Vendor(["fine", END]))], on_outcome=outcomes.append))
    assert deltas[-1].notices == ()
    assert outcomes == [Outcome(answered_by="A")]


SPOKEN_TO = ChatRequest(messages=(Message(Speaker.USER, "listen", sounds=(SoundFile(data=b"x"),)),))


@pytest.mark.parametrize(
    ("request_", "ticked", "is_asked"),
    [
        (REQUEST, (), False),
        (REQUEST, (Cargo.VOICE, Cargo.ANSWERS, Cargo.MEMORY), False),
        (REQUEST, (Cargo.WORDS,), True),
        (SPOKEN_TO, (Cargo.WORDS,), False),
        (SPOKEN_TO, (Cargo.WORDS, Cargo.VOICE), True),
        (SpeakRequest(text="x"), (Cargo.WORDS,), False),
        (SpeakRequest(text="x"), (Cargo.ANSWERS,), True),
        (EmbedRequest(texts=("x",)), (Cargo.WORDS,), True),
        (DrawRequest(prompt="x"), (Cargo.ANSWERS,), False),
        (object(), (Cargo.WORDS, Cargo.VOICE), False),
    ],
)
async def test_nobody_sees_what_they_are_not_ticked_for(
    request_: object, ticked: tuple[Cargo, ...], is_asked: bool
) -> None:
    second = Vendor([END])
    call = fallback([engine("A", Vendor([DOWN])), engine("B", second, *ticked)])
    if is_asked:
        await collect(call, request_)
    else:
        assert await raised_by(collect(call, request_)) is DOWN
    assert bool(second.begun_at) is is_asked


async def test_a_program_may_know_better_what_a_request_carries() -> None:
    second = Vendor([END])
    engines = [engine("A", Vendor([DOWN])), engine("B", second, Cargo.WORDS)]
    call = fallback(engines, carries=lambda _: frozenset({Cargo.WORDS, Cargo.MEMORY}))
    assert await raised_by(collect(call)) is DOWN
    assert second.begun_at == []


def test_a_take_carries_a_voice() -> None:
    assert carried_by(hear_request()) == {Cargo.VOICE}


async def test_nobody_takes_over_in_the_middle_or_after_a_refusal_to_answer() -> None:
    second = Vendor(["other words", END])
    assert (
        await raised_by(collect(fallback([engine("A", Vendor(["half", DOWN])), engine("B", second, *Cargo)])))
        is DOWN
    )
    refusal = AIProviderContentRefusedError()
    assert (
        await raised_by(collect(fallback([engine("A", Vendor([refusal])), engine("B", second, *Cargo)])))
        is refusal
    )
    assert second.begun_at == []


async def test_when_nobody_can_the_fault_of_ones_own_choice_is_told() -> None:
    other = AIProviderAuthError()
    call = fallback([engine("A", Vendor([DOWN])), engine("B", Vendor([other]), *Cargo)])
    assert await raised_by(collect(call)) is DOWN


@pytest.mark.parametrize("fault", [DOWN, AIProviderCircuitOpenError()])
async def test_a_take_goes_on_to_the_next_from_its_first_frame(fault: CompanionError) -> None:
    first = failing_at_first(fault, recogniser(0.0), after=2)
    call = fallback([engine("A", first), engine("B", recogniser(0.0), Cargo.VOICE)])
    assert (await collect(call, hear_request()))[-1].text == "3 frames"


# -- caps ---------------------------------------------------------------------------------------------------


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
async def test_an_answer_that_goes_round_in_circles_is_ended(period: str, step: int) -> None:
    endless = period * 2000
    vendor = Vendor([endless[at : at + step] for at in range(0, len(endless), step)])
    deltas = await collect(capped(vendor))
    said = "".join(delta.text for delta in deltas)
    assert deltas[-1].finish_reason == "length"
    assert endless.startswith(said)
    assert len(said) <= 22 * max(60, len(period)) + step


async def test_ordinary_repetition_is_left_alone() -> None:
    verse = "- a long line of a list, with its number {}\n"
    text = "".join(verse.format(number) for number in range(300)) + "-" * 700
    assert await text_of(capped(Vendor([text, END]))) == text


async def test_endless_sound_is_ended() -> None:
    vendor = Vendor([Audio(pcm=bytes(48_000), rate_hz=24_000)] * 1000)
    sound = await collect(capped(vendor), SpeakRequest(text="x"))
    assert sum(chunk.seconds for chunk in sound) == 600.0


# -- closing ------------------------------------------------------------------------------------------------


class Counted:
    """A collector of a program's own that looks at nothing."""

    def record_request(self, provider: str, model: str) -> None: ...

    def record_response(
        self, provider: str, model: str, duration: float, tokens: int, error: BaseException | None
    ) -> None: ...

    def record_stream_chunk(self, provider: str, model: str) -> None: ...


class Shelf(dict[str, Any]):
    """A cache of a program's own."""

    def set(self, key: str, value: Any, ttl: float) -> None:
        self[key] = value


class Tracer:
    """The part of OpenTelemetry's tracer that is used."""

    def start_span(self, name: str, attributes: dict[str, Any]) -> Tracer:
        return self

    def set_attribute(self, name: str, value: Any) -> None: ...

    def set_status(self, status: Any) -> None: ...

    def end(self) -> None: ...


EACH: dict[str, Callable[[Call[Any, Any]], Call[Any, Any]]] = {
    "retry": lambda call: retry(call, 3),
    "timeouts": patient,
    "breaker": lambda call: breaker(call, 3),
    "limit": lambda call: limit(call, 60),
    "fallback": lambda call: fallback([engine("A", call), engine("B", call, *Cargo)]),
    "capped": capped,
    "measured": lambda call: measured(call, Figures()),
    "logged": lambda call: logged(call, content=True),
    "cached": cached,
    "split": lambda call: split({"a": (1.0, call)}, key=lambda _: "me"),
    "affordable": lambda call: affordable(call, Budget(MemoryPurse(), 1.0)),
    "budgeted": lambda call: budgeted(call, Budget(MemoryPurse(), 1.0)),
    "stack": lambda call: stack(call, Policy(requests_per_minute=60)),
    "observed": lambda call: observed(call, Counted()),
    "kept_in": lambda call: kept_in(call, Shelf()),
    "traced": lambda call: traced(call, tracer=Tracer()),
}


def test_every_middleware_is_in_the_closing_tests() -> None:
    functions = {name for name in middleware.__all__ if name[0].islower()}
    # `validated` gives nothing before the end (see test_middleware_more), `composed` puts the others around each other
    assert functions - {"validated", "composed"} == set(EACH)


@pytest.mark.parametrize("name", EACH)
async def test_closing_early_closes_the_vendors_stream(name: str) -> None:
    vendor = Vendor(["one", 5.0, "two", END])
    answer = EACH[name](vendor)(REQUEST)
    assert (await anext(answer)).text == "one"
    await answer.aclose()  # type: ignore[attr-defined]
    assert vendor.closed == 1


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("script", [[50.0, "late"], ["one", 50.0]], ids=["before", "between"])
async def test_cancelling_the_reader_closes_the_vendors_stream(name: str, script: list[object]) -> None:
    vendor = Vendor(script)
    reader = asyncio.ensure_future(collect(EACH[name](vendor)))
    await asyncio.sleep(1)
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    assert vendor.closed == 1
    assert now() == 1.0


async def test_a_cancelled_pause_between_attempts_ends_at_once() -> None:
    vendor = Vendor([busy(retry_after_s=60.0)])
    reader = asyncio.ensure_future(collect(stack(vendor, Policy())))
    await asyncio.sleep(1)
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    assert len(vendor.begun_at) == 1


@pytest.mark.parametrize("name", EACH)
async def test_a_call_that_cannot_even_begin_says_so(name: str) -> None:
    def unsupported(request: object) -> AsyncIterator[Any]:
        raise AIProviderAuthError()

    assert isinstance(await raised_by(collect(EACH[name](unsupported))), AIProviderAuthError)


# -- stack --------------------------------------------------------------------------------------------------


async def test_a_person_waits_for_a_first_word_once_and_not_once_per_attempt() -> None:
    vendor = Vendor([99.0], ["fine", END])
    call = stack(vendor, Policy(first_s=5.0))
    assert isinstance(await raised_by(collect(call)), AIProviderTimeoutError)
    assert now() == 5.0
    assert await text_of(call) == "fine"


async def test_every_attempt_counts_for_the_breaker_and_takes_a_token() -> None:
    vendor = Vendor([DOWN], [DOWN], ["fine", END])
    call = stack(vendor, Policy(requests_per_minute=2, backoff_s=1.0))
    error = await raised_by(collect(call))
    assert isinstance(error, AIProviderRateLimitError)  # our own limit is told, not waited for in silence
    assert len(vendor.begun_at) == 2


async def test_a_policy_without_retry_and_breaker_asks_exactly_once_each_time() -> None:
    vendor = Vendor([DOWN])
    call = stack(vendor, Policy(attempts=1, breaker=False))
    for _ in range(10):
        assert await raised_by(collect(call)) is DOWN
    assert len(vendor.begun_at) == 10
