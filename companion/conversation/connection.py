"""The connection to a vendor that hears and answers in one go: who opens and leaves a conversation.

In: what was said so far, when a conversation is opened. Out: what the vendor tells, each with its turn. At most one
conversation is open; a new one is told the session as words. Runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from companion.errors import CompanionError, Kind
from companion.flow import Message
from companion.ports import Conversation, SpeechToSpeech, VoiceModelEvent
from companion.tasks import spawn

LONGEST_S = 50 * 60.0
"""Vendors end a conversation after an hour; a take begins no later than this in one."""
_log = logging.getLogger(__name__)


class Connection:
    """At most one open conversation."""

    def __init__(
        self,
        vendor: Callable[[], Awaitable[SpeechToSpeech]],
        *,
        prompt: Callable[[], tuple[Message, ...]],
        on_event: Callable[[int, VoiceModelEvent], None],
        on_lost: Callable[[Conversation, CompanionError], None],
    ) -> None:
        """`vendor()` and `prompt()` (system prompt, then the session so far) are asked whenever one is opened."""
        self.conversation: Conversation | None = None
        self._vendor = vendor
        self._prompt = prompt
        self._on_event = on_event
        self._on_lost = on_lost
        self._opened_s = 0.0
        self._opening = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None
        self._is_closed = False

    async def open(self) -> Conversation:
        """The open conversation, or a new one.

        Raises:
            CompanionError: none can be opened.
        """
        async with self._opening:
            if self.conversation is not None and self.conversation.is_open:
                return self.conversation
            self.hang_up()
            system, *earlier = self._prompt()
            conversation = await (await self._vendor()).connect(system.content)
            if self._is_closed:  # while it was being opened
                await conversation.close()
                raise CompanionError(Kind.UNAVAILABLE)
            self.conversation = conversation
            self._opened_s = asyncio.get_running_loop().time()
            self._listening = spawn(self._listen(conversation), name="listen to the vendor")
            for message in earlier:
                await conversation.add(message)
            return conversation

    async def warm(self) -> None:
        """Opens one that will be needed; what fails is said when it is."""
        try:
            await self.open()
        except CompanionError as error:
            _log.info("not opened: %s", error.kind)

    def hang_up(self, only: Conversation | None = None) -> None:
        """Ends the conversation; where `only` is given, not another one."""
        conversation = self.conversation
        if conversation is not None and only in (None, conversation):
            self.conversation = None
            spawn(conversation.close(), name="hang up")

    def hang_up_if_old(self) -> None:
        if asyncio.get_running_loop().time() - self._opened_s > LONGEST_S:
            self.hang_up()

    async def close(self) -> None:
        """Hangs up for good and waits for the last words of the listener."""
        self._is_closed = True
        self.hang_up()
        if self._listening is not None:
            await asyncio.wait([self._listening])

    async def _listen(self, conversation: Conversation) -> None:
        lost = CompanionError(Kind.UNAVAILABLE)
        try:
            async with aclosing(conversation.events()) as events:
                async for turn, what in events:
                    self._on_event(turn, what)
        except CompanionError as error:
            lost = error
        if self.conversation is conversation:
            _log.info("the conversation ended: %s", lost.message)
            self.hang_up()
            self._on_lost(conversation, lost)
