"""Speech to speech on the books: what a voice model's conversations send is its own account, told after every turn.

The connection outlives turns, so its receipts are differences: what was sent since the last one. Event loop's thread.
"""

from __future__ import annotations

from companion.events import DataSent, Event, Events, TurnFinished
from companion.flow import Role
from companion.hosts import is_this_host
from companion.ledger import Cargo, Errand, on_errand
from companion.ports import Conversation, SpeechToSpeech


class MeteredVoiceModel:
    """A voice model whose conversations are booked on its name."""

    def __init__(self, model: SpeechToSpeech, who: str, events: Events) -> None:
        self._model, self._events = model, events
        self._errand = Errand(who=who, cargo=Cargo.VOICE)
        self._told: dict[str, int] = {}
        self.forget = events.watch(self._watch)
        """Another model is in its place."""

    async def connect(self, instructions: str) -> Conversation:
        with on_errand(self._errand):
            return await self._model.connect(instructions)

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
                    what="your voice and the conversation",
                    sent_bytes=sent,
                    at=traffic.last_at,
                )
                self._events.emit(receipt)
