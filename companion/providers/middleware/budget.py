"""`budgeted`: what calls cost is added up per month, and nothing more is asked once the person's limit is reached.

The sums are kept by a `Purse`, which the program persists as it likes; a `Budget` is a collector over all calls.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import date, datetime
from typing import Protocol, TypeVar

from companion.errors import AIProviderQuotaError, Kind
from companion.ports import Call
from companion.providers.middleware.figures import CallFigures, Price, catalogue_price, measured
from companion.providers.middleware.reactions import names_of
from companion.providers.provider import Spec, opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

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
        today: the day, as people count it.
    """

    def __init__(
        self,
        purse: Purse,
        limit_usd: float | None = None,
        *,
        today: Callable[[], date] = lambda: datetime.now().astimezone().date(),
    ) -> None:
        self.limit_usd = limit_usd
        self._purse = purse
        self._today = today

    @property
    def month(self) -> str:
        return self._today().strftime("%Y-%m")

    @property
    def spent_usd(self) -> float:
        """In this month so far."""
        return self._purse.spent_usd(self.month)

    @property
    def is_nearly_spent(self) -> bool:
        return self.limit_usd is not None and self.spent_usd >= NEARLY * self.limit_usd

    @property
    def is_spent(self) -> bool:
        return self.limit_usd is not None and self.spent_usd >= self.limit_usd

    def record(self, figures: CallFigures) -> None:
        """Adds what a call cost, also one that failed or was given up after it had begun to answer."""
        if figures.cost_usd:
            self._purse.add(self.month, figures.cost_usd)


def budgeted(
    call: Call[RequestT, ChunkT], budget: Budget, *, spec: Spec | None = None, price: Price = catalogue_price
) -> Call[RequestT, ChunkT]:
    """Counts what calls cost and asks no more once the month's budget is spent. The call that crosses it is finished.

    Raises:
        AIProviderQuotaError: BUDGET_SPENT, before anything is sent. An engine without a key costs nothing and may be asked.
    """
    counted = measured(call, budget, spec=spec, price=price)
    is_free = spec is not None and not spec.needs_key

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        if budget.is_spent and not is_free:
            name, who = names_of(spec)
            raise AIProviderQuotaError("", name, kind=Kind.BUDGET_SPENT, who=who)
        async with opened(counted, request) as chunks:
            async for chunk in chunks:
                yield chunk

    return run
