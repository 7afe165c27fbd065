"""The speech-to-speech engine on virtual audio and a real journal, over the vendor's protocol on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from companion import days
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.calls import RealtimeChoice
from companion.conversation import spoken_answer, spoken_turn, voice_link
from companion.conversation.continuation import kept_of
from companion.conversation.engine import Engine, Organs
from companion.conversation.spoken_turn import UNKNOWN_WORDS
from companion.conversation.turn import Limits
from companion.conversation.written_answer import TurnProviders
from companion.days import When
from companion.errors import AIProviderAuthError, Kind
from companion.events import (
    DraftOffered,
    Event,
    Events,
    LevelMeasured,
    Mark,
    Phase,
    PhaseChanged,
    ReplyDelta,
    ReplyEnded,
    TakeDiscarded,
    TimelineMarked,
    TranscriptHeard,
    Trouble,
    TurnFinished,
    UserSaid,
)
from companion.flow import Audio, ChatDelta, Message, Transcript, TurnRecord, TurnSignal, Usage
from companion.journal.store import SqlJournal, open_in_memory
from companion.kinds import ReplyState, Role
from companion.pcm import tone
from companion.ports import SpeechToSpeech
from companion.practices import find_practice
from companion.providers.catalogue import Catalogue, cost_usd
from companion.providers.provider import Policy
from companion.providers.vendors.openai.provider import OpenAIProvider
from companion.providers.vendors.openai.realtime import OpenAIRealtime
from companion.segment import SpeechGate
from tests.servers.openai_realtime import Conversation, RealtimeServer
from tests.servers.script import TRANSCRIPT, Script, pieces
from tests.waiting import until

pytestmark = pytest.mark.virtual_clock
SPEECH = Path(__file__).parent.parent / "data" / "austen-0890.wav"
REPLY = "Good. What stayed with you?"
LONG = "You noticed something today, and that counts for a lot. Let us stay with it for a while. What would you keep?"
WORDS = len(pieces(TRANSCRIPT)) + 1
"""Messages in which the server tells the words of a take."""
NAME = "openai/gpt-realtime-2.1"
HEARD_HERE = "a walk by the river"
T = TypeVar("T", bound=Event)


@dataclass
class Desk:
    """An engine, what it works with, and what it told."""

    server: RealtimeServer
    provider: OpenAIProvider
    journal: SqlJournal
    player: CapturingPlayer
    microphone: FileMicrophone
    choice: RealtimeChoice = RealtimeChoice()  # noqa: RUF009 - frozen
    review: bool = False
    engines: Callable[[frozenset[Role]], TurnProviders] = field(default_factory=lambda: _nobody)
    seen: list[Event] = field(default_factory=list)
    engine: Engine = field(init=False)

    def build(self) -> Desk:
        def fail(error: BaseException) -> None:
            raise error

        events = Events(fail)
        events.watch(self.seen.append)
        organs = Organs(
            microphone=lambda: self.microphone,
            player=lambda: self.player,
            gate=SpeechGate,
            journal=self._journal,
            providers=self._engines,
            limits=lambda: Limits(tail_s=0.02, tap_s=0.0),
            review_first=lambda: self.review,
            voice_choice=lambda: self.choice,
            voice_model=self._vendor,
            voice_cost_usd=_price,
        )
        self.engine = Engine(organs, events, find_practice("open-reflection"))
        return self

    def _engines(self, offline: frozenset[Role]) -> TurnProviders:
        return self.engines(offline)

    @asynccontextmanager
    async def _journal(self) -> AsyncIterator[SqlJournal]:
        yield self.journal

    async def _vendor(self) -> SpeechToSpeech:
        return OpenAIRealtime(self.provider, self.choice)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.seen if isinstance(event, kind)]

    async def until(self, kind: type[T], count: int = 1, **match: Any) -> T:
        async with asyncio.timeout(15):
            while True:
                found = [e for e in self.of(kind) if all(getattr(e, n) == v for n, v in match.items())]
                if len(found) >= count:
                    return found[count - 1]
                await asyncio.sleep(0.005)

    async def hold(self) -> None:
        """Presses the key and speaks."""
        self.engine.press()
        await self.until(PhaseChanged, phase=Phase.LISTENING, turn=self.engine.state.turn)
        await self.microphone.ended.wait()

    async def talk(self) -> None:
        await self.hold()
        self.engine.release()

    async def sounding(self, seconds: float) -> None:
        await until(lambda: self.engine.state.phase is Phase.SPEAKING and self.player.heard_s >= seconds)

    async def kept(self) -> list[TurnRecord]:
        return [
            turn for session in await self.journal.sessions() for turn in await self.journal.turns(session.id)
        ]

    def troubles(self) -> list[Kind]:
        return [event.error.kind for event in self.of(Trouble)]


def _price(name: str, usage: Usage) -> float | None:
    provider, _, model = name.partition("/")
    return cost_usd(Catalogue.load().find(model, provider), usage)


def _nobody(offline: frozenset[Role]) -> TurnProviders:
    """Nobody of the ordinary engines has a part in it, unless the person wants to stay on this computer."""

    def never(*_: object) -> Any:
        raise AssertionError("a speech-to-speech turn asked an ordinary engine")

    if offline:
        return here()
    return TurnProviders(think=never, hear=never, speak=never, names={})


def here() -> TurnProviders:
    """The engines of this computer."""

    async def think(messages: tuple[Message, ...], practice: str) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text=f"Here I heard: {messages[-1].content}")
        yield ChatDelta(finish_reason="stop")

    async def hear(frames: AsyncIterator[bytes]) -> AsyncIterator[Transcript]:
        async for _ in frames:
            pass
        yield Transcript(text=HEARD_HERE, is_final=True)

    async def speak(text: str) -> AsyncIterator[Audio]:
        yield tone(0.2)

    return TurnProviders(think=think, hear=hear, speak=speak, names={"llm": "guide"})


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with RealtimeServer(Script(reply=REPLY)) as server:
        provider = OpenAIProvider(api_key="sk-desk-0123456789", base_url=server.url)
        provider.policy = Policy(attempts=1, breaker=False, first_s=2.0)
        journal = await open_in_memory()
        made = Desk(
            server, provider, journal, CapturingPlayer(realtime=False), FileMicrophone(SPEECH, realtime=False)
        )
        yield made.build()
        await made.engine.close()
        await provider.aclose()
        await journal.close()


async def test_a_spoken_turn_is_heard_answered_spoken_and_kept(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    await desk.talk()
    finished = await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert desk.of(UserSaid)[0].text == TRANSCRIPT
    assert desk.of(UserSaid)[0].saved
    assert "".join(delta.text for delta in desk.of(ReplyDelta)) == REPLY
    assert desk.of(ReplyEnded)[0].state is ReplyState.WHOLE
    assert desk.of(TranscriptHeard)[-1].transcript.is_final
    assert finished.saved
    record = finished.record
    assert (record.user_text, record.reply_text) == (TRANSCRIPT, REPLY)
    assert record.heard_text == record.reply_text
    assert set(record.engines.values()) == {NAME}
    assert desk.player.audio().seconds > 0.8
    assert [(t.user_text, t.reply_text, t.reply_state) for t in await desk.kept()] == [
        (TRANSCRIPT, record.reply_text, ReplyState.WHOLE)
    ]
    assert await desk.journal.waiting_takes() == [], "the words are known, the recording goes"
    phases = [event.phase for event in desk.of(PhaseChanged)]
    order = [Phase.ARMING, Phase.LISTENING, Phase.TRANSCRIBING, Phase.THINKING, Phase.SPEAKING, Phase.READY]
    assert [phase for at, phase in enumerate(phases) if phases[at - 1 : at] != [phase]] == order
    marks = {event.mark for event in desk.of(TimelineMarked)}
    assert marks >= {
        Mark.PRESSED,
        Mark.FIRST_FRAME,
        Mark.ASKED,
        Mark.TRANSCRIPT,
        Mark.FIRST_SOUND,
        Mark.LAST_SOUND,
    }
    assert {event.is_input for event in desk.of(LevelMeasured)} == {True, False}
    assert not desk.troubles()


async def test_the_take_is_sent_while_it_is_spoken(desk: Desk) -> None:
    await desk.hold()
    await desk.server.until(
        lambda: sum(e["audio"] for e in desk.server.of("input_audio_buffer.append")) > 48_000
    )
    partial = await desk.until(TranscriptHeard)
    assert TRANSCRIPT.startswith(partial.transcript.text)
    assert not desk.server.of("input_audio_buffer.commit")
    desk.engine.release()
    await desk.until(TurnFinished)
    kinds = [event["type"] for event in desk.server.events]
    assert kinds.index("input_audio_buffer.commit") < kinds.index("response.create")
    assert kinds.count("response.create") == 1


async def test_the_answer_does_not_wait_for_the_words(desk: Desk) -> None:
    desk.server.words_delay_s = 0.4
    await desk.talk()
    await desk.until(ReplyDelta)
    assert not desk.of(UserSaid)
    finished = await desk.until(TurnFinished)
    assert finished.record.user_text == TRANSCRIPT
    assert [t.user_text for t in await desk.kept()] == [TRANSCRIPT]


async def test_a_barge_in_keeps_what_was_heard_here_and_there(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    desk.server.answers = [LONG]
    await desk.talk()
    await desk.sounding(0.8)
    desk.engine.press()
    heard_s = desk.player.heard_s
    first = await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.LISTENING, turn=2)
    await desk.microphone.ended.wait()
    desk.engine.release()
    second = await desk.until(TurnFinished, count=2)
    assert first.record.reply_state is ReplyState.INTERRUPTED
    assert 0 < len(first.record.heard_text) < len(LONG) / 2
    assert LONG.startswith(first.record.heard_text)
    cuts = [event["audio_end_ms"] for event in desk.server.of("conversation.item.truncate")]
    assert cuts == [pytest.approx(heard_s * 1000, abs=50)]
    assert second.record.reply_state is ReplyState.WHOLE
    assert second.record.reply_text == REPLY
    assert [t.heard_text for t in await desk.kept()] == [first.record.heard_text, REPLY]
    assert not desk.troubles()
    assert len(desk.server.sessions) == 1, "one conversation goes on"


async def test_an_answer_cancelled_while_it_is_written_ends_at_the_vendor_too(desk: Desk) -> None:
    desk.server.script.token_delay_s = 0.03
    await desk.talk()
    await desk.until(ReplyDelta, count=4)
    desk.engine.cancel()
    finished = await desk.until(TurnFinished)
    assert finished.record.reply_state is ReplyState.INTERRUPTED
    assert finished.record.user_text == TRANSCRIPT
    await desk.server.until(lambda: bool(desk.server.of("response.cancel")))
    deltas = len(desk.of(ReplyDelta))
    await asyncio.sleep(0.1)
    assert len(desk.of(ReplyDelta)) == deltas
    assert not desk.troubles()


async def test_a_server_gone_in_the_middle_leaves_what_came(desk: Desk) -> None:
    desk.server.script.cut_after = WORDS + 5
    desk.server.script.header_delay_s = 0.2  # the words are told before the answer begins
    await desk.talk()
    finished = await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert finished.record.user_text == TRANSCRIPT
    assert finished.record.reply_state is ReplyState.CUT_OFF
    assert finished.record.reply_text
    assert REPLY.startswith(finished.record.reply_text)
    assert desk.troubles() == [Kind.CUT_OFF]
    assert [t.reply_state for t in await desk.kept()] == [ReplyState.CUT_OFF]
    desk.server.script.cut_after = None
    desk.engine.retry()
    again = await desk.until(TurnFinished, count=2)
    assert again.record.id == finished.record.id
    assert again.record.reply_text == REPLY
    assert [t.reply_text for t in await desk.kept()] == [REPLY]
    said = [event["item"]["content"][0]["text"] for event in desk.server.of("conversation.item.create")]
    assert said == [TRANSCRIPT], "the new conversation is told what was said, once"
    assert len(desk.of(UserSaid)) == 1


async def test_a_server_gone_before_the_words_leaves_the_recording(desk: Desk) -> None:
    desk.server.script.cut_after = 3
    await desk.talk()
    await desk.until(Trouble)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert desk.troubles() == [Kind.UNAVAILABLE], "one fault, one card"
    assert await desk.kept() == []
    assert len(await desk.journal.waiting_takes()) == 1
    desk.server.script.cut_after = None
    desk.engine.retry()
    finished = await desk.until(TurnFinished)
    assert (finished.record.user_text, finished.record.reply_text) == (TRANSCRIPT, REPLY)
    assert await desk.journal.waiting_takes() == []
    assert len(await desk.kept()) == 1


async def test_a_take_survives_a_vendor_that_cannot_be_reached(desk: Desk) -> None:
    desk.server.script.status, desk.server.script.code = 401, "invalid_api_key"
    await desk.talk()
    await desk.until(Trouble)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert isinstance(desk.of(Trouble)[0].error, AIProviderAuthError)
    waiting = await desk.journal.waiting_takes()
    assert [take.seconds > 3 for take in waiting] == [True]
    assert await desk.kept() == []
    desk.server.script.status = 0
    desk.engine.retry()
    finished = await desk.until(TurnFinished)
    assert (finished.record.user_text, finished.record.reply_text) == (TRANSCRIPT, REPLY)
    assert await desk.journal.waiting_takes() == []


async def test_a_connection_lost_while_idle_is_made_again_with_what_was_said(desk: Desk) -> None:
    await desk.talk()
    await desk.until(TurnFinished)
    await desk.server.sessions[0].ws.close(code=1011)
    await desk.server.until(lambda: not desk.server.open_sockets)
    assert not desk.troubles(), "nobody waits for anything"
    await desk.talk()
    await desk.until(TurnFinished, count=2)
    told = [event["item"]["content"][0] for event in desk.server.of("conversation.item.create")]
    assert told == [{"type": "input_text", "text": TRANSCRIPT}, {"type": "output_text", "text": REPLY}]
    assert not desk.troubles()


async def test_words_that_do_not_come_leave_the_recording(desk: Desk) -> None:
    desk.server.fail_words = True
    await desk.talk()
    finished = await desk.until(TurnFinished)
    assert (finished.record.user_text, finished.record.reply_text) == (UNKNOWN_WORDS, REPLY)
    assert desk.troubles() == [Kind.HEARING_FAILED]
    assert len(await desk.journal.waiting_takes()) == 1
    desk.server.fail_words = False
    desk.engine.retry()
    again = await desk.until(TurnFinished, count=2)
    assert again.record.user_text == TRANSCRIPT
    assert await desk.journal.waiting_takes() == []


async def test_a_vendor_that_falls_silent_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spoken_answer, "IDLE_S", 0.3)
    monkeypatch.setattr(spoken_turn, "WORDS_S", 0.2)
    desk.server.script.stall_after = 20
    await desk.talk()
    finished = await desk.until(TurnFinished)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert finished.record.reply_state is ReplyState.CUT_OFF
    assert Kind.TIMEOUT in desk.troubles()


async def test_typed_words_are_kept_before_they_are_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    save, create = desk.journal.save_user, Conversation._create

    async def saving(*given: Any) -> int:
        number = await save(*given)
        order.append("kept")
        return number

    async def creating(self: Conversation, given: dict[str, Any]) -> None:
        order.append("sent")
        await create(self, given)

    monkeypatch.setattr(desk.journal, "save_user", saving)
    monkeypatch.setattr(Conversation, "_create", creating)
    assert desk.engine.submit("  I wrote this.  ")
    finished = await desk.until(TurnFinished)
    assert finished.record.user_text == "I wrote this."
    assert finished.record.reply_text == REPLY
    item = desk.server.of("conversation.item.create")[0]["item"]
    assert (item["role"], item["content"][0]["text"]) == ("user", "I wrote this.")
    assert not desk.engine.submit("   ")
    assert order == ["kept", "sent"]


async def test_silence_is_never_taken_as_said(desk: Desk) -> None:
    desk.microphone = FileMicrophone(Audio(pcm=bytes(32_000), rate_hz=16_000), realtime=False)
    await desk.talk()
    await desk.until(TakeDiscarded)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert desk.troubles()[0] in (Kind.HEARD_NOTHING, Kind.MICROPHONE_SILENT)
    assert not desk.server.of("input_audio_buffer.append"), "silence does not leave this computer"
    assert await desk.journal.waiting_takes() == []


async def test_escape_forgets_the_take_here_and_there(desk: Desk) -> None:
    await desk.hold()
    desk.engine.cancel()
    await desk.until(TakeDiscarded)
    await desk.talk()
    await desk.until(TurnFinished)
    kinds = [event["type"] for event in desk.server.events]
    assert kinds.index("input_audio_buffer.clear") < kinds.index("input_audio_buffer.commit")
    assert await desk.journal.waiting_takes() == []
    assert len(await desk.kept()) == 1


async def test_words_spoken_while_the_last_are_still_sent_belong_together(desk: Desk) -> None:
    desk.server.script.header_delay_s = 0.6  # the handshake is slow
    await desk.talk()
    await desk.until(PhaseChanged, phase=Phase.TRANSCRIBING)
    await desk.talk()
    finished = await desk.until(TurnFinished)
    assert finished.record.user_text == f"{TRANSCRIPT} {TRANSCRIPT}"
    kinds = [event["type"] for event in desk.server.events]
    assert kinds.count("input_audio_buffer.commit") == 2
    assert kinds.count("response.create") == 1
    assert await desk.journal.waiting_takes() == []


async def test_without_sound_an_answer_is_read(desk: Desk) -> None:
    desk.choice = RealtimeChoice(is_spoken=False)
    desk.server.script.token_delay_s = 0.02
    await desk.talk()
    await desk.until(ReplyDelta, count=3)
    desk.engine.submit("And another thing.")
    first = await desk.until(TurnFinished)
    second = await desk.until(TurnFinished, count=2)
    assert first.record.reply_state is ReplyState.INTERRUPTED
    assert first.record.heard_text == first.record.reply_text
    assert second.record.reply_text == REPLY
    assert desk.player.audio().seconds == 0


async def test_a_take_the_vendor_did_not_get_is_heard_and_answered_here(desk: Desk) -> None:
    desk.server.script.status = 503
    await desk.talk()
    await desk.until(Trouble)
    await desk.until(PhaseChanged, phase=Phase.READY)
    asked = len(desk.server.requests)
    desk.engine.retry(frozenset({Role.THINKS}))
    record = (await desk.until(TurnFinished)).record
    assert (record.user_text, record.reply_text) == (HEARD_HERE, f"Here I heard: {HEARD_HERE}")
    assert len(desk.server.requests) == asked
    assert await desk.journal.waiting_takes() == []
    assert [turn.user_text for turn in await desk.kept()] == [HEARD_HERE]
    assert desk.player.audio().seconds > 0.1


async def test_words_that_are_read_first_come_from_a_recogniser_and_are_answered_aloud(desk: Desk) -> None:
    desk.review, desk.engines = True, lambda _: here()
    await desk.talk()
    draft = await desk.until(DraftOffered)
    await desk.until(PhaseChanged, phase=Phase.READY)
    assert (draft.text, desk.server.of("input_audio_buffer.append")) == (HEARD_HERE, [])
    desk.engine.submit(f"{draft.text}, slowly")
    record = (await desk.until(TurnFinished)).record
    assert (record.user_text, record.reply_text) == (f"{HEARD_HERE}, slowly", REPLY)
    assert desk.player.audio().seconds > 0.1
    assert await desk.journal.waiting_takes() == []


async def test_hands_free_it_answers_what_was_said(desk: Desk) -> None:
    take = await desk.microphone.open()
    assert desk.engine.speech_began(take)
    await desk.microphone.ended.wait()
    desk.engine.speech_changed(take, TurnSignal.EAGER_END, asyncio.get_running_loop().time())
    desk.engine.speech_changed(take, TurnSignal.ENDED, asyncio.get_running_loop().time())
    record = (await desk.until(TurnFinished)).record
    assert (record.user_text, record.reply_text) == (TRANSCRIPT, REPLY)
    assert len(desk.server.of("response.create")) == 1, "nothing is prepared for sound that may go on"


async def test_an_answer_that_is_cut_off_goes_on_in_its_turn(desk: Desk) -> None:
    desk.server.script.reply = LONG
    desk.server.script.cut_after = WORDS + 9
    await desk.talk()
    first = (await desk.until(TurnFinished)).record
    assert first.reply_state is ReplyState.CUT_OFF
    desk.server.script.cut_after = None
    desk.server.script.reply = LONG.removeprefix(kept_of(first.reply_text))
    desk.engine.go_on()
    record = (await desk.until(TurnFinished, count=2)).record
    assert (record.reply_text, record.reply_state, record.id) == (LONG, ReplyState.WHOLE, first.id)
    assert [turn.reply_text for turn in await desk.kept()] == [LONG]


async def test_what_an_answer_cost_is_told_where_the_price_is_known(desk: Desk) -> None:
    desk.choice = RealtimeChoice(model="gpt-realtime-2")
    await desk.talk()
    record = (await desk.until(TurnFinished)).record
    assert record.cost_usd is not None
    assert 0 < record.cost_usd < 1


async def test_a_conversation_nobody_goes_on_with_is_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_link, "KEEP_OPEN_S", 0.05)
    await desk.talk()
    await desk.until(TurnFinished)
    await desk.server.until(lambda: not desk.server.open_sockets)
    await desk.talk()
    await desk.until(TurnFinished, count=2)
    assert len(desk.server.of("conversation.item.create")) == 2, "the next one is told what was said"
    assert not desk.troubles()


async def test_a_new_session_is_a_new_conversation(desk: Desk) -> None:
    await desk.talk()
    await desk.until(TurnFinished)
    desk.engine.begin(find_practice("open-reflection"))
    await desk.server.until(lambda: not desk.server.open_sockets)
    await desk.talk()
    await desk.until(TurnFinished, count=2)
    assert not desk.server.of("conversation.item.create")
    assert len(await desk.journal.sessions()) == 2


async def test_words_of_another_day_are_another_conversation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.talk()
    last = (await desk.until(TurnFinished)).record
    morning = When(last.at + 9 * 3600, last.offset_s or 0)
    monkeypatch.setattr(days, "now", lambda: morning)
    await desk.talk()
    await desk.until(TurnFinished, count=2)
    assert not desk.server.of("conversation.item.create"), "nothing of the day before is told"
    kept = [await desk.journal.turns(session.id) for session in await desk.journal.sessions()]
    assert [[turn.at for turn in turns] for turns in kept] == [[morning.at], [last.at]]


async def test_closing_in_the_middle_saves_what_was_heard(desk: Desk) -> None:
    desk.player = CapturingPlayer(realtime=True)
    desk.server.script.reply = LONG
    await desk.talk()
    await desk.sounding(0.5)
    await desk.engine.close()
    (turn,) = await desk.kept()
    assert turn.user_text == TRANSCRIPT
    assert turn.reply_state is ReplyState.INTERRUPTED
    assert 0 < len(turn.heard_text) < len(LONG)
    await desk.server.until(lambda: not desk.server.open_sockets)


async def test_many_interruptions_leave_nothing_behind(desk: Desk) -> None:
    await desk.talk()
    await desk.until(TurnFinished)
    before = len(asyncio.all_tasks())
    for number in range(8):
        desk.engine.press()
        await asyncio.sleep(0.01 * (number % 4))
        desk.engine.release()
        await asyncio.sleep(0.02 * (number % 3))
        if number % 3 == 0:
            desk.engine.cancel()
    desk.engine.cancel()
    await desk.engine.settle()
    finished = len(desk.of(TurnFinished))
    await desk.talk()
    last = await desk.until(TurnFinished, count=finished + 1)
    assert last.record.reply_state is ReplyState.WHOLE
    await until(lambda: len(asyncio.all_tasks()) <= before)
    assert len(desk.server.sessions) == 1
