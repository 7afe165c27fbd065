"""Promise 23: streams mutated at random: nothing but a card escapes, nothing hangs, nothing passes for whole that is not.

Also every code with which a WebSocket can be closed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from random import Random

import pytest

from companion.chaos import Chaos, Fault, Way
from companion.chaos.answers import REPLY
from companion.chaos.faults import LIVE
from companion.chaos.talk import Message, Over, Talk
from companion.errors import AIProviderError, Kind
from tests.reliability.clients import PLAIN, ask, provider_at
from tests.reliability.proof import prove
from tests.reliability.streams import ENDINGS, ENOUGH, STREAMS, good, hung_up, properly, spoiled

SEED = 23
HANG_S = 20.0
_EVENT = re.compile(rb"(?m)^data:|\rdata:")
JUNK = (
    b"null", b"[]", b"{}", b"[[[[", b'"', b"\\", b"\\ud800", b"\x00", b"\xff", b"\xe2\x80", b"\r", b"\n\n", b"data: ",
    b"event: error\n", b"NaN", b"1e999", b"-0", b"true", b'{"error":', b'"choices":null', b'"delta":null', b": \n",
    b'"content":[1]', b"retry: 1\n", b'"finish_reason":7', b'"usage":"x"', b'"type":null', b'"text":5', b"\xef\xbb\xbf",
    b"9" * 5000, b"[" * 2000,
)  # fmt: skip


def mutated(dice: Random, raw: bytes) -> bytes:
    """One to four blows."""
    for _ in range(dice.randint(1, 4)):
        at, size = dice.randrange(len(raw) + 1), dice.randint(1, 200)
        raw = dice.choice(_BLOWS)(dice, raw, at, size) or b"\n"
    return raw


def _swap_lines(dice: Random, raw: bytes, at: int, size: int) -> bytes:
    lines = raw.split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


_BLOWS: tuple[Callable[[Random, bytes, int, int], bytes], ...] = (
    lambda dice, raw, at, size: raw[:at] + dice.randbytes(min(size, 8)) + raw[at + min(size, 8) :],
    lambda dice, raw, at, size: raw[:at] + raw[at + size :],
    lambda dice, raw, at, size: raw[:at] + raw[at : at + size] * 2 + raw[at + size :],
    lambda dice, raw, at, size: raw[:at] + dice.choice(JUNK) + raw[at:],
    lambda dice, raw, at, size: raw[:at] + dice.choice(JUNK) + raw[at + size :],
    lambda dice, raw, at, size: raw[:at],
    lambda dice, raw, at, size: raw.replace(b"\n", b"\r\n") if size % 2 else raw.replace(b"\n", b"\r"),
    _swap_lines,
)


@pytest.mark.parametrize(
    "count", [pytest.param(500, id="500"), pytest.param(20_000, id="20000", marks=pytest.mark.long)]
)
async def test_nothing_escapes_hangs_or_ends_falsely(count: int) -> None:
    dice = Random(SEED)
    goods = {stream: b"".join(good(*stream, REPLY).parts) for stream in STREAMS}
    escaped: list[str] = []
    hung = cut = 0
    false: list[str] = []
    async with Chaos(seed=SEED) as chaos:
        for vendor, way in STREAMS:
            async with provider_at(vendor, chaos.url, policy=PLAIN) as provider:
                for case in range(count // len(STREAMS)):
                    raw = mutated(dice, goods[vendor, way])
                    chaos.schedule.append(spoiled(way, raw, dice.choice((properly, properly, hung_up)), dice))
                    try:
                        async with asyncio.timeout(HANG_S):
                            ended = await ask(provider, way)
                    except TimeoutError:
                        hung += 1
                        continue
                    except Exception as error:  # noqa: BLE001 - whatever it is, it escaped
                        escaped.append(f"{vendor} {way} {case}: {error!r} over {raw[:2000]!r}")
                        continue
                    if ended.error is not None and not isinstance(ended.error, AIProviderError):
                        escaped.append(f"{vendor} {way} {case}: {ended.error!r}")
                    endings = (ENDINGS[vendor, way], ENOUGH.get((vendor, way), ENDINGS[vendor, way]))
                    # some servers answer with the words alone
                    is_text = way is Way.HEAR and not _EVENT.search(raw)
                    if not is_text and not any(ending in raw for ending in endings):
                        cut += 1
                        if ended.error is None and ended.finish != "length":  # our own cap says so
                            false.append(f"{vendor} {way}: {ended.text[:80]!r} of {raw[-2000:]!r}")
    assert not escaped, escaped[:3]
    assert cut > count / 20
    print(*false, sep="\n")
    prove(23, "exceptions that escaped over mutated streams", len(escaped), 0, cases=count)
    prove(23, "mutated streams that hung", hung, 0, cases=count)
    prove(23, "streams without an ending that passed for whole", len(false), 0, cases=cut)


# -- close codes --------------------------------------------------------------------------------------------

MEANINGS = {
    1002: Kind.INVALID_REQUEST, 1003: Kind.INVALID_REQUEST, 1007: Kind.INVALID_REQUEST, 1008: Kind.INVALID_REQUEST,
    1009: Kind.INVALID_REQUEST, 1010: Kind.INVALID_REQUEST, 3000: Kind.KEY_REFUSED, 3003: Kind.FORBIDDEN,
    3008: Kind.TIMEOUT, 4401: Kind.KEY_REFUSED, 4402: Kind.NO_CREDIT, 4403: Kind.FORBIDDEN, 4404: Kind.MODEL_UNKNOWN,
    4408: Kind.TIMEOUT, 4409: Kind.UNAVAILABLE, 4429: Kind.RATE_LIMITED, 4504: Kind.TIMEOUT,
}  # fmt: skip


def meaning(code: int) -> Kind:
    """What is not listed says that we are wrong (44xx) or that the service has gone."""
    return MEANINGS.get(code, Kind.INVALID_REQUEST if 4400 <= code < 4500 else Kind.UNAVAILABLE)


CODES = (*range(1000, 1016), 3000, 3003, 3008, 3500, 3999, 4000, 4001, 4100, 4250, *range(4400, 4430, 3), 4401, 4402, 4404,
         4408, 4413, 4422, 4429, 4500, 4503, 4504, 4599, 4600, 4800, 4999)  # fmt: skip


def closing(code: int) -> Fault:
    """Hangs up in place of the second message, with that code, be it one that is never sent."""

    async def slip(talk: Talk, message: Message) -> Message:
        if talk.said >= 1:
            await talk.line.raw(b"\x88\x02" + code.to_bytes(2, "big"))
            await talk.line.reader.read(65_536)  # its goodbye
            raise Over
        return message

    return Fault(name=f"close {code}", row=54, what="", ways=LIVE, card=None, slip=slip)


@pytest.mark.parametrize("way", [Way.LIVE_HEAR, Way.LIVE_SPEAK])
async def test_every_close_code_means_what_the_table_says(way: Way) -> None:
    right = 0
    wrong: list[str] = []
    async with Chaos() as chaos, provider_at("deepgram", chaos.url, policy=PLAIN) as provider:
        for code in CODES:
            chaos.then = closing(code)
            ended = await ask(provider, way)
            if ended.card is meaning(code):
                right += 1
            else:
                wrong.append(f"{code}: {ended.card} instead of {meaning(code)}")
    assert not wrong, wrong
    name = f"close codes that follow the table ({way})"
    prove(23, name, right / len(CODES) * 100, 100, cases=len(CODES), unit="%", at_least=True)
