"""What crosses the egress gate, booked by who it is for, where it goes and what kind of thing it is.

Whoever starts a call says why (`Errand`) and drives it with `carried`; the gate books every byte on the errand under way.
Content is counted: bodies and messages, without addresses, headers and framing. Belongs to one event loop.
"""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from companion.hosts import is_this_host

T = TypeVar("T")


class Cargo(StrEnum):
    """The kinds of data a person tells apart."""

    VOICE = "voice"
    """The sound of the person."""
    WORDS = "words"
    """What they said and wrote, with the conversation around it."""
    MEMORY = "memory"
    """Excerpts of earlier reflections."""
    JOURNAL = "journal"
    """What was said on any day, to be found by meaning: only where the person lets a provider make vectors of it."""
    ANSWERS = "answers"
    """Text to be spoken to them."""
    OTHER = "other"
    """Nothing of theirs: tests of a key, lists of models and voices, downloads."""


@dataclass(slots=True)
class Traffic:
    """Bytes of content, both ways."""

    sent: int = 0
    received: int = 0
    requests: int = 0
    last_at: float = 0.0
    """Seconds since the epoch."""

    def add(self, other: Traffic) -> None:
        self.sent += other.sent
        self.received += other.received
        self.requests += other.requests
        self.last_at = max(self.last_at, other.last_at)


@dataclass(frozen=True, slots=True)
class Account:
    """For whom, where to, and what."""

    who: str
    """The provider's display name; empty: nobody said."""
    host: str
    cargo: Cargo


@dataclass(frozen=True, slots=True)
class Destination:
    """What one provider was sent at one host."""

    who: str
    host: str
    kinds: Mapping[Cargo, Traffic]

    @property
    def total(self) -> Traffic:
        total = Traffic()
        for traffic in self.kinds.values():
            total.add(traffic)
        return total


@dataclass(slots=True, kw_only=True, eq=False)
class Errand:
    """Why something is sent, and in the end what of it crossed the gate."""

    who: str = ""
    cargo: Cargo = Cargo.OTHER
    excerpt_bytes: int = 0
    """So much of each request is excerpts of earlier reflections, and is booked as such."""
    went: dict[str, Traffic] = field(default_factory=dict)
    """Host -> what crossed."""


_under_way: ContextVar[Errand | None] = ContextVar("errand", default=None)


@contextmanager
def on_errand(errand: Errand) -> Iterator[None]:
    """What the gate lets through in this block, and in tasks that begin in it, is booked on `errand`."""
    token = _under_way.set(errand)
    try:
        yield
    finally:
        _under_way.reset(token)


async def carried(errand: Errand, chunks: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """`chunks`, with all that producing them sends and receives booked on `errand`. Closes them."""
    try:
        while True:
            # For each step: what the reader does between two of them is not part of the errand.
            token = _under_way.set(errand)
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            finally:
                _under_way.reset(token)
            yield chunk
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            with on_errand(errand):
                await close()


class Booking:
    """One exchange with one host; `sent` and `received` count its bytes as they pass."""

    _found: tuple[Traffic, ...] = ()
    """Wherever it is counted."""

    def __init__(self, ledger: Ledger, host: str, errand: Errand | None = None) -> None:
        """`errand`: on whose account, where nobody else is named at this moment."""
        self._ledger, self.host = ledger, host
        self.errand = current_errand() or errand or Errand()
        self._until = -math.inf
        self._excerpts = self.errand.excerpt_bytes
        now = self._looked_up()
        for traffic in self._found:
            traffic.last_at = now
            traffic.requests += 1

    def sent(self, count: int) -> None:
        now = self._looked_up()
        for traffic in self._found:
            traffic.last_at = now
            traffic.sent += count
        if quoted := min(count, self._excerpts):
            self._excerpts -= quoted
            memory = self._ledger.columns(Account(self.errand.who, self.host, Cargo.MEMORY))[1]
            memory.sent, memory.last_at = memory.sent + quoted, now
            self._found[-1].sent -= quoted  # of the day, where kinds are told apart

    def received(self, count: int) -> None:
        now = self._looked_up()
        for traffic in self._found:
            traffic.last_at = now
            traffic.received += count

    def _looked_up(self) -> float:
        """The time; `_found` is where this exchange is counted, looked up once a day: every piece of an answer is."""
        now = self._ledger.now()
        if now >= self._until:
            errand = self.errand
            account = Account(errand.who, self.host, errand.cargo)
            self._found = (errand.went.setdefault(self.host, Traffic()), *self._ledger.columns(account))
            self._until = self._ledger.midnight
        return now


class Ledger:
    """Every account of this run and of today.

    Args:
        today: what earlier runs of the same day have booked.
        now: seconds since the epoch.
    """

    def __init__(
        self, today: Mapping[Account, Traffic] | None = None, *, now: Callable[[], float] = time.time
    ) -> None:
        self.now = now
        self.hosts: dict[str, Traffic] = {}
        """Host -> all of this run."""
        self._today = dict(today or {})
        self._midnight = _next_midnight(now())

    def columns(self, account: Account) -> tuple[Traffic, Traffic]:
        """Where an account is counted until midnight: with its host, and for the day."""
        host = self.hosts.setdefault(account.host, Traffic())
        return host, self.today.setdefault(account, Traffic())

    @property
    def midnight(self) -> float:
        """When the day ends, seconds since the epoch."""
        return self._midnight

    @property
    def today(self) -> dict[Account, Traffic]:
        """What was booked since midnight."""
        if (now := self.now()) >= self._midnight:
            self._midnight, self._today = _next_midnight(now), {}
        return self._today


def destinations(accounts: Mapping[Account, Traffic]) -> list[Destination]:
    """Accounts by provider and host, the latest first; this computer is none."""
    found: dict[tuple[str, str], dict[Cargo, Traffic]] = {}
    for account, traffic in accounts.items():
        if not is_this_host(account.host):
            found.setdefault((account.who, account.host), {})[account.cargo] = traffic
    each = [Destination(who, host, kinds) for (who, host), kinds in found.items()]
    return sorted(each, key=lambda destination: -destination.total.last_at)


def day_of(at: float) -> str:
    """The day of a moment as people count it, "2026-11-20"."""
    return datetime.datetime.fromtimestamp(at).astimezone().date().isoformat()


def _next_midnight(now: float) -> float:
    tomorrow = datetime.datetime.fromtimestamp(now).astimezone().date() + datetime.timedelta(days=1)
    return datetime.datetime.combine(tomorrow, datetime.time()).astimezone().timestamp()


def current_errand() -> Errand | None:
    return _under_way.get()
