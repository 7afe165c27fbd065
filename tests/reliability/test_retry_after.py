"""Promise 26: Retry-After in fifty spellings, waited for as long as it means; an hour of outage; on a jumping clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from companion.errors import AIProviderUnavailableError, CompanionError, Kind
from companion.net import CONNECT_S
from companion.providers.middleware import retry, stack
from companion.providers.provider import Policy
from companion.providers.wire.faults import retry_after_s
from tests.providers.scripted import DOWN, END, Vendor, busy, collect, now, text_of
from tests.reliability.proof import prove

pytestmark = pytest.mark.jumping_clock

OUR_OWN_S = 0.5
"""The pause where the vendor's means nothing."""


def at(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def imf(seconds: float) -> str:
    return format_datetime(at(seconds), usegmt=True)


def offset(seconds: float, hours: int) -> str:
    zone = timedelta(hours=hours)
    return f"{(at(seconds) + zone):%a, %d %b %Y %H:%M:%S} {hours:+03d}00"


def formats() -> list[tuple[dict[str, str], float | None]]:
    """Headers, and the seconds they mean; None: nothing that can be followed."""
    if (into := time.time() % 1) > 0.7:  # so that the whole seconds of all dates are those of the same second
        time.sleep(1.05 - into)
    return [
        ({"retry-after": "0"}, 0), ({"retry-after": "1"}, 1), ({"retry-after": "3"}, 3), ({"retry-after": "007"}, 7),
        ({"retry-after": "30"}, 30), ({"retry-after": "119"}, 119), ({"retry-after": " 5 "}, 5),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "0.25"}, 0.25), ({"retry-after": "1.0"}, 1), ({"retry-after": "3s"}, None),
        ({"retry-after": "-1"}, None), ({"retry-after": "-0"}, None), ({"retry-after": "+3"}, None),
        ({"retry-after": "1e9"}, None), ({"retry-after": "1_0"}, None), ({"retry-after": "0x10"}, None),
        ({"retry-after": "nan"}, None), ({"retry-after": "inf"}, None), ({"retry-after": "-inf"}, None),
        ({"retry-after": "Infinity"}, None), ({"retry-after": ""}, None), ({"retry-after": "   "}, None),
        ({"retry-after": "soon"}, None), ({"retry-after": "null"}, None), ({"retry-after": "٣"}, None),
        ({"retry-after": "3, 5"}, None), ({"retry-after": "3;q=1"}, None), ({"retry-after": "3.5.1"}, None),
        ({"retry-after": "\x00"}, None), ({"retry-after": "9" * 400}, None), ({}, None),
        ({"retry-after-ms": "1500"}, 1.5), ({"retry-after-ms": "0"}, 0), ({"retry-after-ms": "250.5"}, 0.2505),
        ({"retry-after-ms": "-5", "retry-after": "2"}, 2), ({"retry-after-ms": "soon", "retry-after": "4"}, 4),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": imf(10)}, 10), ({"retry-after": imf(60)}, 60), ({"retry-after": imf(-60)}, 0),
        ({"retry-after": imf(0)}, 0), ({"retry-after": offset(20, 2)}, 20), ({"retry-after": offset(20, -7)}, 20),
        ({"retry-after": f"{at(15):%A, %d-%b-%y %H:%M:%S} GMT"}, 15),
        ({"retry-after": f"{at(15):%a %b %e %H:%M:%S %Y}"}, 15),
        ({"retry-after": imf(3600 + 12), "date": imf(3600)}, 12), ({"retry-after": imf(12 - 3600), "date": imf(-3600)}, 12),
        ({"retry-after": f"{at(15):%Y-%m-%dT%H:%M:%SZ}"}, None), ({"retry-after": "Fri, 99 Foo 2026 99:99:99 GMT"}, None),
    ]  # fmt: skip


async def test_a_pause_is_as_long_as_its_spelling_means() -> None:
    wrong: list[str] = []
    worst = 0.0
    cases = formats()
    assert len(cases) == 50
    for headers, seconds in cases:
        asked_s = retry_after_s(headers)
        began = now()
        vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
        assert await text_of(retry(vendor, 2, backoff_s=OUR_OWN_S, dice=lambda: 1.0)) == "fine"
        off = abs(now() - began - max(OUR_OWN_S, seconds or 0.0))
        worst = max(worst, off)
        if off > 0.5:
            wrong.append(f"{headers}: {asked_s} instead of {seconds}")
        if (asked_s is None) is not (seconds is None):
            wrong.append(f"{headers}: {asked_s} instead of {seconds}")
    assert not wrong, wrong
    right = (len(cases) - len(wrong)) / len(cases) * 100
    prove(
        26,
        "spellings of Retry-After that are followed",
        right,
        100,
        cases=len(cases),
        unit="%",
        at_least=True,
    )
    prove(26, "error of the pause", worst, 0.5, cases=len(cases), unit="s", clock="virtual")


@pytest.mark.parametrize(
    "asked",
    ["121", "3600", "1000000000", imf(86_400), "253402300800000"],
    ids=["two minutes", "an hour", "decades", "tomorrow", "beyond dates"],
)
async def test_an_absurd_pause_is_said_and_not_waited_for(asked: str) -> None:
    asked_s = retry_after_s({"retry-after": asked})
    vendor = Vendor([busy(retry_after_s=asked_s)], ["fine", END])
    with pytest.raises(CompanionError):
        await collect(stack(vendor, Policy()))
    assert now() == 0.0


async def test_an_hour_of_outage() -> None:
    """Somebody asks every second, for an hour, of a provider that is not there."""
    cut = AIProviderUnavailableError("", "vendor")  # as an error inside a stream of status 200 is told
    for vendor in (Vendor([DOWN]), Vendor(["half a sentence", cut])):
        call = stack(vendor, Policy())
        began = now()
        while now() - began < 3600:
            with pytest.raises(CompanionError):
                await collect(call)
            await asyncio.sleep(1)
        assert len(vendor.begun_at) > 50  # it is asked again and again, or nobody would know when it is back
        gaps = [
            later - before for before, later in pairwise(vendor.begun_at[Policy().breaker_threshold - 1 :])
        ]
        assert min(gaps) >= 30
        name = "requests to a dead host per 30 s" + (
            ", failing inside the stream" if vendor.attempts[0] != [DOWN] else ""
        )
        prove(26, name, len(vendor.begun_at) / 120, 1, cases=3600, clock="virtual")


async def test_a_host_that_swallows_connections_is_told_soon() -> None:
    unreachable = AIProviderUnavailableError("", "vendor", kind=Kind.UNREACHABLE)
    with pytest.raises(CompanionError):
        await collect(stack(Vendor([CONNECT_S, unreachable]), Policy()))
    prove(21, "until a host that swallows connections is told", now(), 12, cases=1, unit="s", clock="virtual")
