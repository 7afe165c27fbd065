"""The speech-to-speech engine over a vendor that cannot forget a take nor cut an answer off at a word: Gemini Live."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.events import Phase, PhaseChanged, ReplyDelta, TakeDiscarded, TurnFinished, UserSaid
from companion.journal.store import open_in_memory
from companion.kinds import ReplyState
from companion.ports import SpeechToSpeech
from companion.providers.provider import Policy
from companion.providers.vendors.google.provider import GoogleProvider
from tests.conversation.test_realtime import LONG, REPLY, SPEECH, Desk
from tests.servers.google_live import GeminiLiveServer
from tests.servers.script import TRANSCRIPT, Script

pytestmark = pytest.mark.virtual_clock


class GeminiDesk(Desk):
    server: GeminiLiveServer  # type: ignore[assignment]
    provider: GoogleProvider  # type: ignore[assignment]

    async def _vendor(self) -> SpeechToSpeech:
        return self.provider.realtime(self.choice)


@pytest.fixture
async def desk() -> AsyncIterator[GeminiDesk]:
    async with GeminiLiveServer(Script(reply=REPLY)) as server:
        provider = GoogleProvider(api_key="AIzaSyDesk0123456789", base_url=server.url)
        provider.policy = Policy(attempts=1, breaker=False, first_s=2.0)
        journal = await open_in_memory()
        player, microphone = CapturingPlayer(realtime=False), FileMicrophone(SPEECH, realtime=False)
        made = GeminiDesk(server, provider, journal, player, microphone)  # type: ignore[arg-type]
        made.build()
        yield made
        await made.engine.close()
        await provider.aclose()
        await journal.close()


async def test_a_spoken_turn_is_heard_answered_spoken_and_kept(desk: GeminiDesk) -> None:
    await desk.talk()
    finished = await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert desk.of(UserSaid)[0].text == TRANSCRIPT
    assert "".join(delta.text for delta in desk.of(ReplyDelta)) == REPLY
    record = finished.record
    assert (record.user_text, record.reply_text, record.reply_state) == (TRANSCRIPT, REPLY, ReplyState.WHOLE)
    assert set(record.engines.values()) == {"google/gemini-3.8-live"}
    assert record.cost_usd is not None
    assert desk.player.audio().seconds > 0.8
    assert await desk.journal.waiting_takes() == []
    assert not desk.troubles()


async def test_spoken_and_typed_turns_share_a_conversation(desk: GeminiDesk) -> None:
    await desk.talk()
    await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert desk.engine.submit("And how are you?")
    second = await desk.until(TurnFinished, count=2)
    assert (second.record.user_text, second.record.reply_text) == ("And how are you?", REPLY)
    assert desk.server.of("realtimeInput", "text")[-1] == "And how are you?"
    assert len(desk.server.sessions) == 1
    assert not desk.troubles()


async def test_a_barge_in_keeps_what_was_heard_and_the_next_turn_is_answered(desk: GeminiDesk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    desk.server.answers = [LONG]
    await desk.talk()
    await desk.sounding(0.8)
    desk.engine.press()
    first = await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.LISTENING, turn=2)
    await desk.microphone.ended.wait()
    desk.engine.release()
    second = await desk.until(TurnFinished, count=2)
    assert first.record.reply_state is ReplyState.INTERRUPTED
    assert 0 < len(first.record.heard_text) < len(LONG) / 2
    assert (second.record.user_text, second.record.reply_text) == (TRANSCRIPT, REPLY)
    told = " ".join(desk.server.of("realtimeInput", "text"))
    assert "only up to" in told
    assert "keep?" not in told, "what nobody heard is not told as heard"
    assert len(desk.server.sessions) == 1
    assert not desk.troubles()


async def test_a_take_that_was_thrown_away_is_in_no_later_conversation(desk: GeminiDesk) -> None:
    await desk.talk()
    await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.READY)
    await desk.hold()
    await desk.server.until(lambda: len(desk.server.of("realtimeInput", "activityStart")) == 2)
    desk.engine.cancel()
    await desk.until(TakeDiscarded)
    await desk.talk()
    second = await desk.until(TurnFinished, count=2)
    assert (second.record.user_text, second.record.reply_text) == (TRANSCRIPT, REPLY)
    assert len(desk.server.sessions) == 2, "the one that heard it is over"
    told = desk.server.sessions[1].history
    assert [turn["parts"][0]["text"] for turn in told[:2]] == [TRANSCRIPT, REPLY]
    assert len([turn for turn in await desk.kept() if turn.reply_text]) == 2
    assert not desk.troubles()


async def test_a_vendor_that_took_its_leave_is_called_again(desk: GeminiDesk) -> None:
    await desk.talk()
    await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.READY)
    await desk.server.sessions[0].go_away()
    await desk.server.sessions[0].hang_up(1001)
    await desk.talk()
    second = await desk.until(TurnFinished, count=2)
    assert second.record.reply_text == REPLY
    assert len(desk.server.sessions) == 2
    assert not desk.troubles()
