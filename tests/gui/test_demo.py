"""The demo of failings: each is shown with the app's card, what came is kept, and at the end all is well."""

from __future__ import annotations

import asyncio

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.chaos import FAULTS, Way
from companion.errors import Kind
from companion.events import Event, ReplyEnded, Trouble, UserSaid
from companion.gui.demo import FAILINGS, play_chaos
from companion.kinds import ReplyState
from companion.paths import Home
from companion.vault import MemoryVault
from tests.vaults import given


async def test_every_failing_is_shown_with_its_card_and_then_all_is_well(home: Home) -> None:
    app = Companion(home, vault=given(MemoryVault()), player=CapturingPlayer(realtime=False), in_memory=True)
    seen: list[Event] = []
    app.events.watch(seen.append)
    await app.open()
    await play_chaos(app, failings=("status_401", "cut_midway", "broken_text"), reading_s=0.0)
    await app.close()
    told = [event for event in seen if isinstance(event, Trouble | UserSaid | ReplyEnded)]
    kinds = [type(event).__name__ if not isinstance(event, Trouble) else event.error.kind for event in told]
    assert kinds == [
        "UserSaid", Kind.KEY_REFUSED, "ReplyEnded",
        "UserSaid", Kind.CUT_OFF, "ReplyEnded",
        "UserSaid", "ReplyEnded",
        "UserSaid", "ReplyEnded",
    ]  # fmt: skip
    endings = [event for event in told if isinstance(event, ReplyEnded)]
    assert endings[1].state is ReplyState.CUT_OFF
    assert endings[1].text.startswith("That sounds")
    assert endings[2].text.startswith("caf\ufffd")
    assert endings[3].state is ReplyState.WHOLE


async def test_a_pause_of_a_minute_is_told_and_not_waited_for(home: Home) -> None:
    app = Companion(home, vault=given(MemoryVault()), player=CapturingPlayer(realtime=False), in_memory=True)
    kinds: list[Kind] = []
    app.events.watch(lambda event: kinds.append(event.error.kind) if isinstance(event, Trouble) else None)
    await app.open()
    async with asyncio.timeout(20):
        await play_chaos(app, failings=("pause_minute",), reading_s=0.0)
    await app.close()
    assert kinds == [Kind.RATE_LIMITED]


def test_the_show_names_faults_that_a_chat_can_have() -> None:
    assert all(Way.CHAT in FAULTS[name].ways for name in FAILINGS)
    assert len(set(FAILINGS)) == len(FAILINGS)
