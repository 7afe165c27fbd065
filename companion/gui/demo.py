"""`companion demo`: the real window and the real engine with a scripted person.

Keeps nothing and needs no device, key or net: what the person "says" is written, the offline guide answers, and the
built-in voice speaks into memory at its real pace.
"""

from __future__ import annotations

import asyncio

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.events import Event, TurnFinished
from companion.paths import Home
from companion.vault import MemoryVault, Vault

LINES = (
    "I kept thinking about work on the way home, although the evening was beautiful.",
    "I want to be less tired at the end of the day, but I never stop early.",
    "Maybe I could write tomorrow's list before I close the laptop.",
)
PAUSE_S = 1.2


def demo_app(home: Home) -> Companion:
    """An app that leaves no trace."""

    async def vault() -> Vault:
        return MemoryVault()

    return Companion(home, vault=vault, player=CapturingPlayer(realtime=True), in_memory=True)


async def play(app: Companion) -> None:
    """Says the lines, each after the answer to the one before."""
    over = asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, TurnFinished):
            over.set()

    stop = app.events.watch(watch)
    try:
        for line in LINES:
            await asyncio.sleep(PAUSE_S)
            over.clear()
            if app.submit(line):
                await over.wait()
    finally:
        stop()
