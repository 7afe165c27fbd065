"""What the turns of one session share with a voice model: the connection, whose turn an event belongs to, and in what order
takes are sent. A session has a link of its own, so that the model is never told what another session held.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from companion.conversation.connection import Connection
from companion.errors import CompanionError
from companion.flow import Message, Transcript, Usage
from companion.ports import Conversation, SpeechToSpeech, VoiceModelEvent
from companion.tasks import spawn

if TYPE_CHECKING:
    from companion.conversation.spoken_turn import SpokenTurn

KEEP_OPEN_S = 300.0
"""A conversation nobody goes on with is closed; the next take opens one that is told what was said."""
_log = logging.getLogger(__name__)


class VoiceLink:
    """One session's conversation with a voice model."""

    def __init__(
        self,
        vendor: Callable[[], Awaitable[SpeechToSpeech]],
        prompt: Callable[[], tuple[Message, ...]],
        cost_usd: Callable[[str, Usage], float | None],
    ) -> None:
        """`vendor()` is asked whenever a conversation is opened; `cost_usd` is told "provider/model" and what was used."""
        self.connection = Connection(vendor, prompt=prompt, on_event=self._heard, on_lost=self._lost)
        self.cost_usd = cost_usd
        self.sending: asyncio.Task[bool] | None = None
        self.interrupting: asyncio.Task[None] | None = None
        self.has_rest = False
        """A take that was begun and dropped is still with the vendor."""
        self._turns: dict[int, SpokenTurn] = {}
        """Those for which something may still come."""
        self._idle_timer: asyncio.TimerHandle | None = None

    def join(self, turn: SpokenTurn) -> None:
        self._turns[turn.number] = turn

    def leave(self, turn: SpokenTurn) -> None:
        if self._turns.get(turn.number) is turn:
            del self._turns[turn.number]

    def warm(self) -> None:
        """A take begins: the connection will be needed."""
        spawn(self.connection.warm(), name="open the connection")

    def is_idle(self, *, is_idle: bool) -> None:
        """Nothing is under way: after a while the conversation is left."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if is_idle:
            self._idle_timer = asyncio.get_running_loop().call_later(KEEP_OPEN_S, self.connection.hang_up)

    def expect_no_more_words(self) -> None:
        for turn in self._turns.values():
            turn.words_known.set()

    async def close(self) -> None:
        self.is_idle(is_idle=False)
        await self.connection.close()

    def _heard(self, number: int, what: VoiceModelEvent) -> None:
        turn = self._turns.get(number)
        if turn is not None and not (isinstance(what, Transcript) and what.signal is not None):
            turn.heard(what)
        elif isinstance(what, CompanionError):
            _log.info("of no turn that waits: %s", what.message)

    def _lost(self, conversation: Conversation, error: CompanionError) -> None:
        for turn in list(self._turns.values()):
            if turn.sent_to is conversation:
                turn.lost(error)
