"""`budgeted`: what calls cost is added up per month, and nothing more is asked once the person's limit is reached.

The sums are kept by a `Purse`, which the program persists as it likes; a `Budget` is a collector over all calls.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import date
from typing import Protocol, TypeVar

from companion import days
from companion.errors import AIProviderQuotaError, Kind
from companion.ports import Call
from companion.providers.middleware.figures import CallFigures, Price, catalogue_price, measured
from companion.providers.middleware.reactions import names_of
from companion.providers.provider import Spec, opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

MOST_USD = 1000.0
"""No single call costs more; whoever says so has counted wrongly."""
NEARLY = 0.8
"""From this share of the limit on a person should know."""


class Purse(Protocol):
    """Sums per month ("2026-11"), kept beyond this run. Called on the loop's thread."""

    def spent_usd(self, month: str, /) -> float: ...

    def add(self, month: str, usd: float, /) -> None: ...


class MemoryPurse:
    """A purse for this run only."""

    def __init__(self) -> None:
        self.months: dict[str, float] = {}

    def spent_usd(self, month: str) -> float:
        return self.months.get(month, 0.0)

    def add(self, month: str, usd: float) -> None:
        self.months[month] = self.spent_usd(month) + usd


class Budget:
    """A month's spending and its limit.

    Args:
        purse: where the sums are kept.
        limit_usd: per calendar month; None: no limit. May be changed at any time.
        today: the day, as the person counts it where they are.
        limit: says the limit whenever it matters, instead of `limit_usd`.
    """

    def __init__(
        self,
        purse: Purse,
        limit_usd: float | None = None,
        *,
        today: Callable[[], date] = lambda: days.now().day,
        limit: Callable[[], float | None] | None = None,
    ) -> None:
        self._limit = limit or (lambda: limit_usd)
        self.unpriced = 0
        """Calls of this run whose cost nobody knows; the sums are without them."""
        self._purse = purse
        self._today = today

    @property
    def limit_usd(self) -> float | None:
        return self._limit()

    @limit_usd.setter
    def limit_usd(self, usd: float | None) -> None:
        self._limit = lambda: usd

    @property
    def month(self) -> str:
        return self._today().strftime("%Y-%m")

    @property
    def spent_usd(self) -> float:
        """In this month so far."""
        return self._purse.spent_usd(self.month)

    @property
    def is_nearly_spent(self) -> bool:
        limit_usd = self.limit_usd
        return limit_usd is not None and self.spent_usd >= NEARLY * limit_usd

    @property
    def is_spent(self) -> bool:
        limit_usd = self.limit_usd
        return limit_usd is not None and self.spent_usd >= limit_usd

    def record(self, figures: CallFigures) -> None:
        """Adds what a call cost, also one that failed or was given up after it had begun to answer."""
        self.add(figures.cost_usd)

    def add(self, usd: float | None) -> None:
        """Adds a cost to the month; None, or what is no sum of money, is one that nobody knows."""
        if usd is None or not 0 <= usd <= MOST_USD:
            self.unpriced += 1
        elif usd:
            self._purse.add(self.month, usd)

    def refuse(self, spec: Spec | None) -> None:
        """Returns as long as there is money.

        Raises:
            AIProviderQuotaError: BUDGET_SPENT.
        """
        if self.is_spent:
            name, who = names_of(spec)
            raise AIProviderQuotaError("", name, kind=Kind.BUDGET_SPENT, who=who)


def affordable(
    call: Call[RequestT, ChunkT], budget: Budget, *, spec: Spec | None = None
) -> Call[RequestT, ChunkT]:
    """Asks no more once the month's budget is spent. The call that crosses it is finished.

    Raises:
        AIProviderQuotaError: BUDGET_SPENT, before anything is sent.
    """

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        budget.refuse(spec)
        async with opened(call, request) as chunks:
            async for chunk in chunks:
                yield chunk

    return run


def budgeted(
    call: Call[RequestT, ChunkT], budget: Budget, *, spec: Spec | None = None, price: Price = catalogue_price
) -> Call[RequestT, ChunkT]:
    """`affordable`, and counts what calls cost. A provider with a `budget` does the same by itself.

    Raises:
        AIProviderQuotaError: BUDGET_SPENT, before anything is sent. An engine without a key costs nothing and may be asked.
    """
    counted = measured(call, budget, spec=spec, price=price)
    is_free = spec is not None and not spec.needs_key
    return counted if is_free else affordable(counted, budget, spec=spec)
