"""The books of the gate: every byte on the account of who it was for, where it went and what it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from companion.ledger import (
    Account,
    Booking,
    Cargo,
    Errand,
    Ledger,
    Traffic,
    carried,
    destinations,
    on_errand,
)

NOON = datetime(2026, 11, 20, 12).astimezone().timestamp()


class Clock:
    at = NOON

    def __call__(self) -> float:
        return self.at


def test_bytes_are_booked_on_the_errand_under_way() -> None:
    ledger = Ledger(now=Clock())
    words = Errand(who="Vendor", cargo=Cargo.WORDS)
    with on_errand(words):
        booking = Booking(ledger, "a.example")
        booking.sent(10)
        booking.received(3)
    Booking(ledger, "a.example").sent(1)
    assert words.went == {"a.example": Traffic(10, 3, 1, NOON)}
    assert ledger.hosts == {"a.example": Traffic(11, 3, 2, NOON)}
    assert ledger.today == {
        Account("Vendor", "a.example", Cargo.WORDS): Traffic(10, 3, 1, NOON),
        Account("", "a.example", Cargo.OTHER): Traffic(1, 0, 1, NOON),
    }


def test_excerpts_of_earlier_reflections_are_a_kind_of_their_own() -> None:
    ledger, errand = Ledger(now=Clock()), Errand(who="Vendor", cargo=Cargo.WORDS, excerpt_bytes=30)
    with on_errand(errand):
        for sizes in ((20, 80), (100,)):  # another attempt carries them again
            booking = Booking(ledger, "a.example")
            for size in sizes:
                booking.sent(size)
    assert errand.went["a.example"].sent == ledger.hosts["a.example"].sent == 200
    assert {account.cargo: each.sent for account, each in ledger.today.items()} == {
        Cargo.WORDS: 140,
        Cargo.MEMORY: 60,
    }
    (destination,) = destinations(ledger.today)
    assert (destination.total.sent, destination.total.requests) == (200, 2)


async def test_what_the_reader_does_between_two_pieces_is_not_part_of_the_errand() -> None:
    ledger, errand = Ledger(), Errand(who="Vendor", cargo=Cargo.VOICE)

    async def in_a_task() -> None:
        Booking(ledger, "task.example").sent(1)

    async def call() -> AsyncIterator[int]:
        Booking(ledger, "a.example").sent(5)
        await asyncio.create_task(in_a_task())
        yield 1
        yield 2

    async for _ in carried(errand, call()):
        Booking(ledger, "elsewhere.example").sent(7)
    assert set(errand.went) == {"a.example", "task.example"}
    assert Account("", "elsewhere.example", Cargo.OTHER) in ledger.today


async def test_leaving_early_closes_what_was_begun() -> None:
    closed = []

    async def call() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    pieces = carried(Errand(), call())
    assert await anext(pieces) == 1
    await pieces.aclose()  # type: ignore[attr-defined]
    assert closed == [True]


def test_a_new_day_begins_with_an_empty_page() -> None:
    clock = Clock()
    yesterday = {Account("Vendor", "a.example", Cargo.WORDS): Traffic(4, 4, 1, NOON)}
    ledger = Ledger(yesterday, now=clock)
    assert ledger.today == yesterday
    clock.at += 11 * 3600
    assert ledger.today == yesterday
    clock.at += 2 * 3600
    assert ledger.today == {}
    Booking(ledger, "a.example").sent(1)
    assert [each.sent for each in ledger.today.values()] == [1]
