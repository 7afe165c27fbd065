"""Speech to speech on the books: what a voice model's conversations send is its own account, what they cost the month's.

The connection outlives turns: receipts are told after every turn, as differences to the last; the budget is asked whenever
a conversation is opened or gone on with. Event loop's thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

from companion.app.request_size import with_excerpts
from companion.conversation.earlier import excerpts_in
from companion.errors import CompanionError, Kind
from companion.events import DataSent, Event, Events, TurnFinished
from companion.flow import CAPTURE_RATE_HZ, Audio, ChatDelta, Message, Usage
from companion.hosts import is_this_host
from companion.kinds import Role
from companion.language import mark, tr
from companion.ledger import Cargo, Errand, on_errand
from companion.ports import Conversation, SpeechToSpeech, VoiceModelEvent
from companion.providers.middleware import Budget

if TYPE_CHECKING:
    from companion.providers.catalogue import ModelEntry


UNPRICED = mark(", price unknown")
"""Ends a receipt for what the month's sum does not know."""


class MeteredVoiceModel:
    """A voice model whose conversations are booked on its name and paid from the month's budget."""

    def __init__(
        self,
        model: SpeechToSpeech,
        who: str,
        events: Events,
        budget: Budget,
        lend: Callable[[], AbstractAsyncContextManager[Any]],
    ) -> None:
        """`lend()`: its provider is not closed within the block."""
        self._model, self._events, self._budget, self._lend = model, events, budget, lend
        self._errand = Errand(who=who, cargo=Cargo.VOICE)
        self._told: dict[str, int] = {}
        self._is_priced = True
        self._excerpts = 0
        """Of earlier reflections, since the last receipt."""
        self.forget = events.watch(self._watch)
        """Another model is in its place."""

    async def connect(self, instructions: str) -> Conversation:
        """An open conversation.

        Raises:
            CompanionError: BUDGET_SPENT, and nothing was sent; what opening one raises.
        """
        with on_errand(self._errand):
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._lend())
                conversation = await self._model.connect(instructions)
                self._is_priced = _has_price(conversation.name)
                return MeteredConversation(conversation, self._budget, stack.pop_all(), self._instructed)

    def _instructed(self, instructions: str) -> None:
        self._excerpts += excerpts_in(instructions)

    def _watch(self, event: Event) -> None:
        if not isinstance(event, TurnFinished):
            return
        for host, traffic in self._errand.went.items():
            sent = traffic.sent - self._told.get(host, 0)
            if sent > 0 and not is_this_host(host):
                self._told[host] = traffic.sent
                receipt = DataSent(
                    role=Role.HEARS,
                    who=self._errand.who,
                    host=host,
                    what=with_excerpts(tr("your voice and the conversation"), self._excerpts)
                    + ("" if self._is_priced else tr(UNPRICED)),
                    sent_bytes=sent,
                    at=traffic.last_at,
                )
                self._events.emit(receipt)
        self._excerpts = 0


class MeteredConversation:
    """An open conversation of which every answer is paid, also one that was interrupted.

    Once the budget is spent it is not open any more: the next take opens another, which is refused. An answer of which the
    vendor does not say what it took counts as one whose cost nobody knows, unless its sound is what is charged for.
    """

    def __init__(
        self,
        inner: Conversation,
        budget: Budget,
        provider: AsyncExitStack,
        on_instructed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on_instructed = on_instructed
        self._inner, self._budget, self._provider = inner, budget, provider
        self._unpaid: set[int] = set()
        """Turns that were asked for and not paid yet."""
        self._sound_s = 0.0
        """Either way, since the last answer was paid."""

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def is_open(self) -> bool:
        return self._inner.is_open and (not self._budget.is_spent or bool(self._unpaid))

    @property
    def is_spoken(self) -> bool:
        return self._inner.is_spoken

    async def instruct(self, instructions: str) -> None:
        await self._inner.instruct(instructions)
        self._on_instructed(instructions)

    async def append(self, turn: int, frame: bytes) -> None:
        self._sound_s += len(frame) / 2 / CAPTURE_RATE_HZ
        await self._inner.append(turn, frame)

    async def commit(self, turn: int) -> None:
        self._unpaid.add(turn)
        await self._inner.commit(turn)

    async def clear(self) -> None:
        await self._inner.clear()

    async def add(self, message: Message) -> None:
        await self._inner.add(message)

    async def respond(self, turn: int) -> None:
        self._unpaid.add(turn)
        await self._inner.respond(turn)

    async def interrupt(self, turn: int, heard_s: float) -> None:
        await self._inner.interrupt(turn, heard_s)

    async def events(self) -> AsyncGenerator[tuple[int, VoiceModelEvent], None]:
        async with aclosing(self._inner.events()) as events:
            async for turn, told in events:
                if isinstance(told, Audio):
                    self._sound_s += told.seconds
                elif isinstance(told, ChatDelta) and (
                    told.usage is not None or told.finish_reason is not None
                ):
                    self._pay(turn, told.usage)
                elif isinstance(told, CompanionError) and told.kind is not Kind.HEARING_FAILED:
                    self._unpaid.discard(turn)
                yield turn, told

    async def close(self) -> None:
        for turn in tuple(self._unpaid):
            self._pay(turn, None)  # the vendor had no time to say what it took
        await self._inner.close()
        await self._provider.aclose()

    def _pay(self, turn: int, usage: Usage | None) -> None:
        from companion.providers.catalogue import cost_usd

        self._unpaid.discard(turn)
        seconds, self._sound_s = self._sound_s, 0.0
        entry = _entry(self.name)
        if entry is not None and entry.price_in is None:  # its hours are charged for
            self._budget.add(cost_usd(entry, seconds=seconds) if entry.price_hour is not None else None)
        else:
            self._budget.add(cost_usd(entry, usage) if usage is not None else None)


def _entry(name: str) -> ModelEntry | None:
    from companion.providers.catalogue import Catalogue

    provider, _, model = name.partition("/")
    return Catalogue.load().find(model, provider)


def _has_price(name: str) -> bool:
    entry = _entry(name)
    return entry is not None and (entry.price_in is not None or entry.price_hour is not None)
