"""Vectors of a provider, where the person lets one make them: text of the journal goes there, under a receipt of its own.

What is sent is booked as the journal's, and paid from the month's budget. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from companion.errors import CompanionError, Kind
from companion.events import DataSent, Events
from companion.hosts import is_this_host
from companion.journal.vectors import Elsewhere
from companion.kinds import Role
from companion.language import tr, trn
from companion.ledger import Cargo, Errand, carried

if TYPE_CHECKING:
    from companion.app.pool import ProviderPool

Rows = tuple[tuple[float, ...], ...]
_SHORTER = {"openai": 512, "google": 768}
"""Numbers of a vector, of models that can give fewer than they have: a third of the room for nearly the same."""
_CHARS_AT_ONCE = 12_000
"""In one request: some vendors refuse more than 16,000 tokens."""
_ASKED_KEPT = 32
_RECEIPT_EVERY_S = 60.0
"""So often at most it is told what filling the journal sent."""


class BorrowedVectors(Elsewhere):
    """Those of one provider's model. Made by `borrow`."""

    def __init__(
        self, provider: str, staff: ProviderPool, events: Events, may_send: Callable[[str], bool]
    ) -> None:
        """`may_send(provider)`: the person still wants it."""
        self.provider, self._staff, self._events, self._may_send = provider, staff, events, may_send
        self.name, self.width = "", 0
        self._asked: dict[str, Rows] = {}
        """What was looked for lately."""
        self._errand: Errand | None = None
        """What was sent since the last receipt."""
        self._words, self._told_s = 0, 0.0

    async def vectors(self, texts: Sequence[str], *, is_query: bool = False) -> Rows:
        known = self._asked.get(texts[0]) if is_query else None
        if known is not None:
            return known
        found: Rows = ()
        for some in _in_handfuls(texts):
            found += await self._embed(some, is_query=is_query)
        if is_query:
            while len(self._asked) >= _ASKED_KEPT:
                del self._asked[next(iter(self._asked))]
            self._asked[texts[0]] = found
        self.tell_sent(is_last=is_query)
        return found

    async def find_out(self) -> None:
        """Which model it is, and how wide its vectors are: with a word of nobody's. Raises `CompanionError`."""
        await self._embed(("day",), is_query=False)

    async def _embed(self, texts: Sequence[str], *, is_query: bool) -> Rows:
        from companion.calls import EmbedRequest

        if not self._may_send(self.provider):
            raise CompanionError(
                Kind.PROVIDER_UNKNOWN, tr("Nobody else makes vectors of the journal any more.")
            )
        request = EmbedRequest(texts=tuple(texts), dimensions=_SHORTER.get(self.provider), is_query=is_query)
        async with self._staff.lent(Role.THINKS, self.provider) as lent:
            who = lent.spec.display_name
            errand = self._errand = self._errand or Errand(who=who, cargo=Cargo.JOURNAL)
            self._words += sum(len(text.split()) for text in texts)
            async with aclosing(carried(errand, lent.stacked(lent.embed)(request))) as answers:
                async for answer in answers:
                    return self._checked(answer.vectors, answer.model, len(texts))
        raise CompanionError(Kind.UNAVAILABLE, who=who)

    def _checked(self, vectors: Rows, model: str, count: int) -> Rows:
        """What came, where it fits what came before."""
        width = len(vectors[0]) if vectors else 0
        name = f"{self.provider}/{model}/{width}"
        if len(vectors) != count or not width or self.name not in ("", name):
            raise CompanionError(
                Kind.UNAVAILABLE, tr("The vectors that came are of another kind."), who=self.provider
            )
        self.name, self.width = name, width
        return vectors

    def tell_sent(self, *, is_last: bool = False) -> None:
        """A receipt for what was sent since the last one."""
        now_s = asyncio.get_running_loop().time()
        if self._errand is None or not (is_last or now_s - self._told_s >= _RECEIPT_EVERY_S):
            return
        errand, words = self._errand, self._words
        self._errand, self._words, self._told_s = None, 0, now_s
        for host, traffic in errand.went.items():
            if traffic.sent and not is_this_host(host):
                what = trn(
                    "{n:,} word of your journal, to find it by meaning",
                    "{n:,} words of your journal, to find it by meaning",
                    words,
                )
                self._events.emit(
                    DataSent(
                        role=Role.EMBEDS,
                        who=errand.who,
                        host=host,
                        what=what,
                        sent_bytes=traffic.sent,
                        at=traffic.last_at,
                    )
                )


def _in_handfuls(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in their order, so many at a time as fit into a request."""
    some: list[str] = []
    for text in texts:
        if some and sum(map(len, some)) + len(text) > _CHARS_AT_ONCE:
            yield some
            some = []
        some.append(text)
    if some:
        yield some
