"""Somebody who listens to a conversation with a voice model, and the speech of a person for it to hear."""

from __future__ import annotations

import asyncio
from pathlib import Path

from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.flow import FRAME_BYTES, Audio, ChatDelta, Transcript
from companion.ports import Conversation, VoiceModelEvent

KEY = "sk-realtime-0123456789"
TAKE = read_file(Path(__file__).parent.parent / "data" / "austen-0890.wav").pcm
FRAMES = [TAKE[at : at + FRAME_BYTES] for at in range(0, len(TAKE) - FRAME_BYTES, FRAME_BYTES)]


class Ear:
    """Reads a conversation and keeps what came."""

    def __init__(self, link: Conversation) -> None:
        self.link = link
        self.came: list[tuple[int, VoiceModelEvent]] = []
        self.error: CompanionError | None = None
        self.task = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            async for event in self.link.events():
                self.came.append(event)
        except CompanionError as error:
            self.error = error

    def text(self, turn: int) -> str:
        return "".join(
            what.text for number, what in self.came if number == turn and isinstance(what, ChatDelta)
        )

    def sound_s(self, turn: int) -> float:
        return sum(what.seconds for number, what in self.came if number == turn and isinstance(what, Audio))

    def finish(self, turn: int) -> ChatDelta | None:
        found = [what for number, what in self.came if number == turn and isinstance(what, ChatDelta)]
        return found[-1] if found and found[-1].finish_reason else None

    def said(self, turn: int) -> list[str]:
        return [w.text for n, w in self.came if n == turn and isinstance(w, Transcript) and w.is_final]

    def faults(self) -> list[tuple[int, Kind]]:
        return [(number, what.kind) for number, what in self.came if isinstance(what, CompanionError)]

    async def speak(self, turn: int, count: int = 40) -> None:
        for frame in FRAMES[:count]:
            await self.link.append(turn, frame)
        await self.link.commit(turn)
        await self.link.respond(turn)

    async def __aenter__(self) -> Ear:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.close()
        await asyncio.wait_for(self.task, 5)


def is_unheard(what: VoiceModelEvent) -> bool:
    """Nothing of an answer: words that were said, or what it took."""
    return isinstance(what, Transcript) or what == ChatDelta(usage=getattr(what, "usage", None))
