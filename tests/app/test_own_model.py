"""The app with a model of this computer: whole turns without a network, read ahead, nothing left behind at the end."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from companion.app.roles import in_use
from companion.errors import Kind
from companion.events import DataSent, ReplyDelta, Trouble, TurnFinished
from companion.flow import ChatRequest, Message, Speaker
from companion.kinds import Role
from companion.paths import Home
from companion.providers.here.mind.server import shared_minds
from companion.settings import changed
from tests.app.test_companion import running
from tests.own_servers.tiny_gguf import U32, write
from tests.providers.test_mind import until_gone

MIND: dict[str, object] = {
    "providers__llm__active": "mind",
    "network__offline": True,
    "sound__speak_answers": False,
}


def put(home: Home) -> Path:
    return write(home.models / "mind" / "tiny" / "tiny.gguf", llama__context_length=(U32, 16_384))


async def test_whole_turns_in_offline_mode_and_no_process_after_the_end(home: Home) -> None:
    put(home)
    async with running(home, reply__longest_answer=64, **MIND) as watched:
        await asyncio.gather(*watched.app._warming._running)
        messages = (*watched.app.engine.next_question(), Message(Speaker.USER, "It was a long day."))
        async with watched.app.staff.lent(Role.THINKS, "mind") as provider:
            asked = ChatRequest(messages=messages, max_tokens=5)
            *_, last = [delta async for delta in provider.chat(asked)]
        assert last.usage is not None
        assert last.usage.cached_tokens > 0.9 * last.usage.input_tokens, "read when the app opened"
        first = await watched.turn("It was a long day.")
        second = await watched.turn("And tomorrow is another one.")
        assert in_use(watched.app.settings, Role.THINKS).host == "", "this computer"
        pid = shared_minds().pid
    assert first.reply_text
    assert second.reply_text
    assert first.engines["llm"].startswith("mind")
    assert not first.cost_usd
    assert not watched.of(DataSent)
    assert pid is not None
    await until_gone(pid)


@pytest.mark.long
async def test_a_process_killed_in_mid_answer_is_told_and_the_next_turn_works(home: Home) -> None:
    put(home)
    async with running(home, reply__longest_answer=4000, **MIND) as watched:
        assert watched.app.submit("Tell me everything about evenings.")
        await watched.until(lambda: watched.of(ReplyDelta))
        pid = shared_minds().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await watched.until(lambda: watched.of(TurnFinished))
        (trouble,) = watched.of(Trouble)
        assert trouble.error.kind is Kind.CUT_OFF
        assert "stopped unexpectedly" in trouble.error.message
        watched.app.settings = changed(watched.app.settings, {"reply.longest_answer": 64})
        assert (await watched.turn("And once more?")).reply_text
        assert shared_minds().pid != pid
