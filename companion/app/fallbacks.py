"""One role in one turn: the engine the person chose, and behind it those they ticked to stand in when it fails.

In: a way to make the request anew for each of them. Out: the chunks of whoever answers. Who stood in once keeps the role
for the rest of the turn; every switch is told. Event loop's thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from companion.errors import Action, CompanionError
from companion.events import Events, Note, Trouble
from companion.flow import Audio, Transcript
from companion.kinds import Role
from companion.ledger import Cargo
from companion.ports import Call
from companion.providers.middleware import Candidate, Outcome, fallback
from companion.providers.middleware.reactions import reaction
from companion.providers.provider import opened
from companion.providers.replay import Replay

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")
_DID = {Role.THINKS: "answered", Role.HEARS: "listened", Role.SPEAKS: "spoke"}


@dataclass(frozen=True, slots=True)
class Member(Generic[RequestT, ChunkT]):
    """One who may be asked."""

    name: str
    """Registered name."""
    label: str
    call: Call[RequestT, ChunkT]


class Fallbacks(Generic[RequestT, ChunkT]):
    """Whoever has a role in one turn. The first member is the person's choice, the others are ticked, in order."""

    def __init__(
        self,
        role: Role,
        members: Sequence[Member[RequestT, ChunkT]],
        events: Events,
        on_switch: Callable[[str], None],
    ) -> None:
        """`on_switch`: hears the name of who took over."""
        self._role, self._members = role, list(members)
        self._events, self._on_switch = events, on_switch
        self._told: set[str] = set()

    async def ask(self, make: Callable[[], RequestT]) -> AsyncGenerator[ChunkT, None]:
        """What the first gives who can; nobody takes over once something was delivered."""

        def told(outcome: Outcome) -> None:
            if outcome.instead_of:
                label = outcome.answered_by
                taken = next(each for each in self._members if each.label == label)
                self._switch_to(taken, outcome.instead_of[0][1])

        candidates = [
            Candidate(name=member.label, call=_made(member.call), may_see=frozenset(Cargo))
            for member in self._members
        ]
        async with opened(fallback(candidates, on_outcome=told), make) as chunks:
            async for chunk in chunks:
                self._pass_on(chunk)
                yield chunk

    async def ask_along(
        self, source: AsyncIterator[Any], make: Callable[[AsyncIterator[Any]], RequestT]
    ) -> AsyncGenerator[ChunkT, None]:
        """The same for a request of which a part is still being made; each is given that from its beginning."""
        async with (
            aclosing(Replay(source)) as replay,
            opened(self.ask, lambda: make(replay.again())) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def hear(
        self, frames: AsyncIterator[Any], make: Callable[[AsyncIterator[Any]], RequestT]
    ) -> AsyncGenerator[ChunkT, None]:
        """The words of a take. They may change until the last, so others may take over in the middle of it.

        Raises:
            CompanionError: that of the person's own choice, when nobody else can.
        """
        first: CompanionError | None = None
        async with aclosing(Replay(frames)) as replay:
            for member in tuple(self._members):
                try:
                    async with opened(member.call, make(replay.again())) as chunks:
                        async for chunk in chunks:
                            if first is not None and self._members[0] is not member:
                                self._switch_to(member, first)
                            self._pass_on(chunk)
                            yield chunk
                    return
                except CompanionError as error:
                    first = first or error
                    if not reaction(error).elsewhere:
                        break
        assert first is not None
        raise first

    def _pass_on(self, chunk: ChunkT) -> None:
        """Tells, once a turn, what a recogniser or voice did otherwise than asked."""
        if isinstance(chunk, (Transcript, Audio)) and chunk.notices:
            for notice in chunk.notices:
                if notice not in self._told:
                    self._told.add(notice)
                    self._events.emit(Note(text=notice))

    def _switch_to(self, member: Member[RequestT, ChunkT], why: CompanionError) -> None:
        self._members = self._members[self._members.index(member) :]
        why.hint = f"{member.label} {_DID[self._role]} instead."
        if self._role is Role.THINKS:  # it is answered
            why.actions = tuple(action for action in why.actions if action is not Action.ANSWER_OFFLINE)
        self._on_switch(member.name)
        self._events.emit(Trouble(error=why, role=self._role))


def _made(call: Call[RequestT, ChunkT]) -> Call[Callable[[], RequestT], ChunkT]:
    """`call` for a request that is made when it is needed."""

    def run(make: Callable[[], RequestT]) -> AsyncGenerator[ChunkT, None]:
        return call(make())

    return run
