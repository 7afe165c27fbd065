"""Every fault of the catalogue, by every way it can come, through the real providers: exactly its card."""

from __future__ import annotations

import pytest

from companion.chaos import FAULTS, Chaos, Way, drawn
from companion.chaos.answers import REPLY, TRANSCRIPT
from companion.errors import CARDS, Kind
from tests.reliability.clients import HASTY, PLAIN, VENDORS, ask, provider_at

CASES = [
    (name, way, vendor)
    for name, fault in FAULTS.items()
    for way in sorted(fault.ways)
    for vendor in VENDORS[way]
    if name not in ("gzip_bomb", "giant_line", "voice_endless")  # tests/reliability measures them
]


@pytest.mark.parametrize(("name", "way", "vendor"), CASES, ids=str)
async def test_a_fault_leads_to_its_card(name: str, way: Way, vendor: str) -> None:
    policy = HASTY if expected(name, way, vendor) is Kind.TIMEOUT else PLAIN
    async with (
        Chaos(then=name, tick_s=0.1) as chaos,
        provider_at(vendor, chaos.url, policy=policy) as provider,
    ):
        ended = await ask(provider, way)
        assert {seen.fault for seen in chaos.answered} == {name}
    assert ended.card == expected(name, way, vendor), ended.error
    if ended.error is not None:
        assert CARDS[ended.error.kind].sentence
        assert ended.error.message
    else:
        assert ended.finish or ended.sound_s > 0


def expected(name: str, way: Way, vendor: str) -> Kind | None:
    """The catalogue's card, but where a vendor's words leave less to go by."""
    if vendor == "ollama" and name == "quota_in_429":
        return Kind.RATE_LIMITED  # a server of one's own has no quota
    return FAULTS[name].card_for(way)


@pytest.mark.parametrize(("way", "vendor"), [(way, vendor) for way in VENDORS for vendor in VENDORS[way]])
async def test_without_a_fault_all_is_well(way: Way, vendor: str) -> None:
    async with Chaos() as chaos, provider_at(vendor, chaos.url) as provider:
        for _ in range(2):
            ended = await ask(provider, way)
            assert ended.error is None
            if way is Way.CHAT:
                assert (ended.text, ended.finish) == (REPLY, "stop")
            elif way in (Way.HEAR, Way.LIVE_HEAR):
                assert ended.text == TRANSCRIPT
            else:
                assert ended.sound_s > 0.5


BROKEN_OFF = (
    "hangs_up_1006",
    "hangs_up_1011",
    "hangs_up_1012",
    "hangs_up_1013",
    "cut_live",
    "giant_frame",
    "broken_frames",
)


@pytest.mark.parametrize("name", BROKEN_OFF)
async def test_a_live_take_survives_a_connection_that_breaks_once(name: str) -> None:
    async with Chaos([name]) as chaos, provider_at("deepgram", chaos.url) as provider:
        ended = await ask(provider, Way.LIVE_HEAR)
        assert [seen.fault for seen in chaos.answered] == [name, "well"]
    assert ended.error is None
    assert ended.text == TRANSCRIPT


async def test_every_row_of_the_catalogue_that_a_provider_can_cause_has_a_fault() -> None:
    rows = {fault.row for fault in FAULTS.values()}
    assert rows == set(range(27, 63)) - {30}  # proxies of the environment are the gate's


@pytest.mark.parametrize("vendor", VENDORS[Way.CHAT])
async def test_the_answer_stands_beside_a_tool_nobody_gave(vendor: str) -> None:
    async with Chaos(["uninvited_tool"]) as chaos, provider_at(vendor, chaos.url) as provider:
        ended = await ask(provider, Way.CHAT)
    assert ended.text == REPLY


async def test_the_same_seed_and_schedule_give_the_same_answers() -> None:
    names = ["cut_midway", "no_ending", "overloaded_midway", "well"]
    heard: list[list[str]] = []
    for seed in (7, 7, 8):
        async with Chaos(names, seed=seed) as chaos, provider_at("openai", chaos.url) as provider:
            heard.append([(await ask(provider, Way.CHAT)).text for _ in names])
    assert heard[0] == heard[1]
    assert heard[0] != heard[2]


async def test_a_fault_waits_for_a_request_it_applies_to() -> None:
    async with (
        Chaos(["voice_silent", "status_503"], then="status_401") as chaos,
        provider_at("openai", chaos.url) as openai,
    ):
        cards = [(await ask(openai, way)).card for way in (Way.CHAT, Way.CHAT, Way.SPEAK, Way.SPEAK)]
    assert cards == [Kind.UNAVAILABLE, Kind.KEY_REFUSED, Kind.VOICE_FAILED, Kind.KEY_REFUSED]


def test_a_drawn_schedule_is_made_of_known_faults_and_repeats_with_its_seed() -> None:
    first = drawn(3, 400, rate=0.5)
    assert first == drawn(3, 400, rate=0.5)
    assert first != drawn(4, 400, rate=0.5)
    assert {"well"} < set(first) <= {"well", *FAULTS}
    assert 150 < sum(name != "well" for name in first) < 250


async def test_stopping_ends_what_hangs() -> None:
    async with Chaos(["stall"]) as chaos, provider_at("openai", chaos.url) as provider:
        answer = provider.chat(_request())
        await anext(answer)
        await chaos.stop()
        assert chaos.open_connections == 0
        await answer.aclose()  # type: ignore[attr-defined]


def _request() -> object:
    from tests.reliability.clients import request_for

    return request_for(Way.CHAT)[1]
