"""Promise 22: every status at every point of an answer, of every kind of vendor: its card, and no answer given twice."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate

from companion.chaos import Chaos, Fault, Way
from companion.chaos.answers import REPLY, pieces
from companion.chaos.faults import CHAT, Scene
from companion.errors import Kind
from tests.reliability.clients import CHATS, PLAIN, ask, provider_at
from tests.reliability.proof import prove

CARDS = {
    400: Kind.INVALID_REQUEST,
    401: Kind.KEY_REFUSED,
    402: Kind.NO_CREDIT,
    403: Kind.FORBIDDEN,
    404: Kind.MODEL_UNKNOWN,
    408: Kind.TIMEOUT,
    413: Kind.INVALID_REQUEST,
    422: Kind.INVALID_REQUEST,
    429: Kind.RATE_LIMITED,
    500: Kind.UNAVAILABLE,
    502: Kind.UNAVAILABLE,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMEOUT,
    529: Kind.UNAVAILABLE,
}
PASSING = {Kind.TIMEOUT, Kind.RATE_LIMITED, Kind.UNAVAILABLE}
POINTS = ("before headers", "before the first token", "midway", "after the last token")
PAUSES = {
    "openai": lambda: {},
    "anthropic": lambda: {"retry-after": "0"},
    "ollama": lambda: {"retry-after": formatdate(usegmt=True)},
}
TOKENS = pieces(REPLY)


def fault_at(point: str, status: int, vendor: str) -> Fault:
    spoken = {"midway": len(TOKENS) // 2, "after the last token": len(TOKENS)}.get(point, 0)

    async def act(scene: Scene) -> None:
        if point == POINTS[0]:
            await scene.refuse(status, PAUSES[vendor]())
            return
        await scene.begin(spoken)
        await scene.line.part(scene.answer.error_inside(status))
        await scene.line.end()

    return Fault(name=f"{status} {point}", row=37, what="", ways=CHAT, card=CARDS[status], act=act)


async def test_every_status_at_every_point_has_its_card() -> None:
    policy = replace(PLAIN, attempts=3)
    right = most_attempts = doubled = cases = 0
    wrong: list[str] = []
    for vendor in CHATS:
        for point in POINTS:
            for status, card in CARDS.items():
                cases += 1
                fault = fault_at(point, status, vendor)
                async with (
                    Chaos(then=fault) as chaos,
                    provider_at(vendor, chaos.url, policy=policy) as provider,
                ):
                    ended = await ask(provider, Way.CHAT)
                    attempts = len(chaos.answered)
                if vendor == "ollama" and point != POINTS[0]:
                    card = Kind.UNAVAILABLE  # inside its stream there are only words  # noqa: PLW2901
                due = "".join(TOKENS[: {POINTS[2]: len(TOKENS) // 2, POINTS[3]: len(TOKENS)}.get(point, 0)])
                expected_attempts = 3 if not due and card in PASSING else 1
                doubled += ended.text != due
                most_attempts = max(most_attempts, attempts)
                if ended.card is card and ended.text == due and attempts == expected_attempts:
                    right += 1
                else:
                    wrong.append(
                        f"{vendor} {status} {point}: {ended.card}, {attempts} attempts, {ended.text!r}"
                    )
    assert not wrong, wrong
    assert cases == 168
    prove(
        22, "status cases with the right card", right / cases * 100, 100, cases=cases, unit="%", at_least=True
    )
    prove(22, "attempts per request", most_attempts, 3, cases=cases)
    prove(22, "answers lost or given twice", doubled, 0, cases=cases)
