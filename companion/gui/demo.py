"""`companion demo`: the real window and the real engine with a scripted person.

Keeps nothing and needs no device, key or net: what the person "says" is written, the offline guide answers, and the
built-in voice speaks into memory at its real pace. `--chaos` has a provider on this computer answer instead, which fails in
one way after another, so that one can see what the app says to each.
"""

from __future__ import annotations

import asyncio

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.chaos import FAULTS, WELL, Chaos
from companion.events import Event, Phase, PhaseChanged, TurnFinished
from companion.log import Secret
from companion.paths import Home
from companion.vault import MemoryVault, Vault

LINES = (
    "I kept thinking about work on the way home, although the evening was beautiful.",
    "I want to be less tired at the end of the day, but I never stop early.",
    "Maybe I could write tomorrow's list before I close the laptop.",
)
PAUSE_S = 1.2
FAILINGS = (
    "status_401",
    "quota_in_429",
    "status_404",
    "pause_minute",
    "status_503",
    "captive_portal",
    "connection_reset",
    "black_hole",
    "overloaded_midway",
    "cut_midway",
    "stall",
    "giant_line",
    "gzip_bomb",
    "broken_json",
    "empty_reply",
    "broken_text",
    "torn_bytes",
)
"""What `--chaos` shows, in this order."""
READING_S = 4.0
"""How long a card stays before the next failing."""
PATIENCE_S = 4.0
"""Longest wait for a first word in the show; people wait longer for a real one."""


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


async def play_chaos(
    app: Companion, *, failings: tuple[str, ...] = FAILINGS, reading_s: float = READING_S
) -> None:
    """Asks a provider that fails in one way after another, and at last in none."""
    ready = asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, PhaseChanged) and event.phase is Phase.READY:
            ready.set()

    stop = app.events.watch(watch)
    try:
        async with Chaos(token_s=0.06) as chaos:
            await _choose(app, chaos)
            for name in (*failings, WELL):
                chaos.then = name
                line = "And now all is well again." if name == WELL else f"Show me this: {FAULTS[name].what}"
                ready.clear()
                if app.submit(line):
                    await ready.wait()
                    await asyncio.sleep(reading_s)
    finally:
        stop()


async def _choose(app: Companion, chaos: Chaos) -> None:
    """Has the failing provider think, as a server at another address that speaks OpenAI's protocol."""
    await app.change(
        {
            "providers.llm.openai.base_url": f"{chaos.url}/v1",
            "providers.llm.openai.model": "chaos",
            "providers.llm.active": "openai",
            "network.timeout_s": PATIENCE_S,
            "network.circuit_breaker": False,
        }
    )
    await app.staff.save_key("openai", Secret("chaos-needs-no-key"), this_run_only=True)
