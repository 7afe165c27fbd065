"""An answer that was cut off goes on with one key: at the seam, and through the app, the SDK and a real socket."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.conversation.continuation import GO_ON, Continuation, going_on, kept_of
from companion.errors import Action, Kind
from companion.events import Event, Phase, ReplyContinued, ReplyDelta, SentenceHeard, Trouble, TurnFinished
from companion.flow import Message, Speaker, TurnRecord
from companion.kinds import ReplyState
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.settings import changed
from companion.vault import EnvironmentKey, MemoryVault, Vault
from tests.servers import OpenAIServer
from tests.waiting import until

pytestmark = pytest.mark.virtual_clock
REPLY = (
    "You kept the promise to leave early. It sounds as if the walk was real, and the emails were too. "
    "What would have told you that the day was over?"
)


# -- the seam -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        ("You kept the prom", "You kept the "),
        ("You kept it.", "You kept it."),
        ("You kept it. ", "You kept it. "),
        ("one\ntw", "one\n"),
        ("You", ""),
        ("", ""),
        ("今日はよい", "今日はよい"),
    ],
)
def test_half_a_word_is_written_again(cut: str, kept: str) -> None:
    assert kept_of(cut) == kept


@pytest.mark.parametrize(
    ("kept", "comes", "whole"),
    [
        ("You kept the ", "promise.", "You kept the promise."),
        ("You kept the ", " promise.", "You kept the promise."),
        ("You kept it.", "The walk was real.", "You kept it. The walk was real."),
        ("You kept it.", " The walk was real.", "You kept it. The walk was real."),
        ("You kept it.", "\n\nAnd now?", "You kept it.\n\nAnd now?"),
        ("You kept the promise to ", "the promise to leave.", "You kept the promise to leave."),
        ("You kept the promise. ", "You kept the promise. And now?", "You kept the promise. And now?"),
        ("It is a ", "a good day.", "It is a a good day."),
        ("今日はよい", "日です。", "今日はよい日です。"),
        ("You kept the ", "", "You kept the "),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_parts_join_without_a_word_twice(kept: str, comes: str, whole: str, size: int) -> None:
    seam = Continuation(kept)
    told = "".join(seam.feed(comes[at : at + size]) for at in range(0, len(comes), size)) + seam.finish()
    assert kept + told == whole


def test_any_cut_of_an_answer_comes_back_whole() -> None:
    dice = random.Random(3)
    for _ in range(300):
        cut = dice.randrange(1, len(REPLY))
        kept = kept_of(REPLY[:cut])
        repeated = dice.choice((0, 0, 20, len(kept)))
        seam = Continuation(kept)
        rest = REPLY[max(0, len(kept) - repeated) :]
        assert kept + seam.feed(rest) + seam.finish() == REPLY, (cut, repeated)


def test_the_model_is_asked_to_go_on_in_turn() -> None:
    messages = (Message(Speaker.SYSTEM, "Be kind."), Message(Speaker.USER, "Hello"))
    asked = going_on(messages, "You kept the ")
    assert [message.role for message in asked[1:]] == [Speaker.USER, Speaker.ASSISTANT, Speaker.USER]
    assert (asked[-2].content, asked[-1].content) == ("You kept the", GO_ON)


# -- through the app ----------------------------------------------------------------------------------------


class Wire:
    """The app on a vendor's server that breaks off."""

    def __init__(self, app: Companion, server: OpenAIServer) -> None:
        self.app, self.server = app, server
        self.seen: list[Event] = []
        app.events.watch(self.seen.append)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.seen if isinstance(event, kind)]

    @property
    def finished(self) -> list[TurnFinished]:
        return [event for event in self.seen if isinstance(event, TurnFinished)]

    async def over(self, count: int) -> TurnFinished:
        await until(lambda: len(self.finished) >= count and self.app.engine.state.phase is Phase.READY)
        return self.finished[count - 1]

    def prompts(self) -> list[list[dict[str, str]]]:
        asked = [seen.body for seen in self.server.requests if seen.path.endswith("/responses")]
        return [
            [{"role": "system", "content": body["instructions"]}, *body["input"]]
            for body in asked
            if isinstance(body, dict)
        ]


@pytest.fixture
async def wire(home: Home) -> AsyncIterator[Wire]:
    async with OpenAIServer() as server:
        server.script.reply = REPLY

        async def vault() -> Vault:
            key = EnvironmentKey(
                secret=Secret("sk-going-on-0123456789"), origin=origin(server.url), variable=""
            )
            return MemoryVault(environment={"openai": key})

        app = Companion(home, vault=vault, player=CapturingPlayer(realtime=False), in_memory=True)
        app.settings = changed(
            app.settings,
            {
                "providers.llm.active": "openai",
                "providers.llm.openai.base_url": server.url,
                "providers.llm.stand_ins": "",
                "network.circuit_breaker": False,
                "sound.speak_answers": False,
            },
        )
        await app.open()
        yield Wire(app, server)
        await app.close()


@pytest.mark.parametrize("fault", ["cut_after", "end_after", "error_after"])
async def test_a_cut_answer_is_kept_marked_and_goes_on(wire: Wire, fault: str) -> None:
    script, app = wire.server.script, wire.app
    setattr(script, fault, 9)
    app.submit("I left early today.")
    first = (await wire.over(1)).record
    trouble = next(event.error for event in wire.seen if isinstance(event, Trouble))
    assert first.reply_state is ReplyState.CUT_OFF
    assert REPLY.startswith(first.reply_text)
    assert (trouble.kind, trouble.actions[0]) == (Kind.CUT_OFF, Action.CONTINUE) or fault == "error_after"
    kept = kept_of(first.reply_text)
    setattr(script, fault, None)
    script.reply = REPLY.removeprefix(kept)
    app.act(Action.CONTINUE)
    record = (await wire.over(2)).record
    assert (record.id, record.reply_text, record.heard_text) == (first.id, REPLY, REPLY)
    assert record.reply_state is ReplyState.WHOLE
    assert [(turn.user_text, turn.reply_text, turn.reply_state) for turn in await turns(app)] == [
        ("I left early today.", REPLY, ReplyState.WHOLE)
    ]
    roles = [message["role"] for message in wire.prompts()[-1]]
    assert roles == ["system", "user", "assistant", "user"]
    assert wire.prompts()[-1][-2]["content"] == kept.strip()
    continued = next(event for event in wire.seen if isinstance(event, ReplyContinued))
    after = wire.seen[wire.seen.index(continued) :]
    assert continued.text + "".join(e.text for e in after if isinstance(e, ReplyDelta)) == REPLY
    app.submit("And then?")
    await wire.over(3)
    assert [m["content"] for m in wire.prompts()[-1]][1:] == ["I left early today.", REPLY, "And then?"]


async def turns(app: Companion) -> list[TurnRecord]:
    return [turn for session in await app.sessions() for turn in await app.turns(session.id)]


async def test_it_can_break_off_and_go_on_again_and_again(wire: Wire) -> None:
    script, app = wire.server.script, wire.app
    script.cut_after = 11
    app.submit("I left early today.")
    text = (await wire.over(1)).record.reply_text
    for attempt in range(2, 30):
        script.reply = REPLY.removeprefix(kept_of(text))
        app.act(Action.CONTINUE)
        record = (await wire.over(attempt)).record
        assert REPLY.startswith(record.reply_text)
        text = record.reply_text
        if record.reply_state is ReplyState.WHOLE:
            break
    assert text == REPLY
    assert len(await turns(app)) == 1


async def test_what_comes_while_it_goes_on_is_kept_as_it_comes(wire: Wire) -> None:
    script, app = wire.server.script, wire.app
    script.cut_after = 9
    app.submit("I left early today.")
    kept = kept_of((await wire.over(1)).record.reply_text)
    script.cut_after, script.stall_after = None, 14
    script.reply = REPLY.removeprefix(kept)
    app.act(Action.CONTINUE)
    async with asyncio.timeout(20):
        while len((await turns(app))[0].reply_text) <= len(kept):  # noqa: ASYNC110 - kept in the background
            await asyncio.sleep(0.005)
    turn = (await turns(app))[0]
    assert turn.reply_state is ReplyState.PARTIAL, "a crash now would leave it so"
    assert REPLY.startswith(turn.reply_text)
    app.cancel()
    await wire.over(2)
    assert (await turns(app))[0].reply_state is ReplyState.INTERRUPTED


async def test_going_on_that_brings_nothing_leaves_what_there_is(wire: Wire) -> None:
    script, app = wire.server.script, wire.app
    script.cut_after = 9
    app.submit("I left early today.")
    first = (await wire.over(1)).record
    script.cut_after, script.status = None, 500
    app.act(Action.CONTINUE)
    record = (await wire.over(2)).record
    assert record.reply_state is ReplyState.CUT_OFF
    assert record.reply_text == kept_of(first.reply_text)
    script.status, script.reply = 0, REPLY.removeprefix(kept_of(first.reply_text))
    app.act(Action.CONTINUE)
    assert (await wire.over(3)).record.reply_text == REPLY


async def test_asked_while_it_still_speaks_it_goes_on_after_that(wire: Wire) -> None:
    script, app = wire.server.script, wire.app
    await app.change({"sound.speak_answers": True})
    script.cut_after = 16
    app.submit("I left early today.")
    await until(lambda: bool(wire.of(Trouble)))
    script.cut_after = None
    script.reply = "It sounds as if the walk was real."
    app.act(Action.CONTINUE)
    last = (await wire.over(2)).record
    assert last.reply_state is ReplyState.WHOLE
    assert last.reply_text.endswith("It sounds as if the walk was real.")
    starts = [event.sentence.start for event in wire.seen if isinstance(event, SentenceHeard)]
    assert starts == sorted(starts), "places in the answer go on where they stopped"


async def test_without_a_cut_answer_the_key_does_nothing(wire: Wire) -> None:
    wire.app.act(Action.CONTINUE)
    wire.app.submit("I left early today.")
    assert (await wire.over(1)).record.reply_state is ReplyState.WHOLE
    wire.app.act(Action.CONTINUE)
    assert wire.app.engine.state.phase is Phase.READY
    assert not wire.of(ReplyContinued)


async def test_an_answer_that_is_as_long_as_allowed_can_go_on(wire: Wire) -> None:
    script, app = wire.server.script, wire.app
    script.reply, script.finish = REPLY[:60], "length"
    app.submit("I left early today.")
    first = (await wire.over(1)).record
    trouble = next(event.error for event in wire.seen if isinstance(event, Trouble))
    assert (first.reply_state, trouble.actions) == (ReplyState.CUT_OFF, (Action.CONTINUE,))
    assert "longest length" in trouble.message
    script.reply, script.finish = REPLY.removeprefix(kept_of(first.reply_text)), ""
    app.act(Action.CONTINUE)
    assert (await wire.over(2)).record.reply_text == REPLY


async def test_the_offline_guide_does_not_end_somebody_elses_sentence(wire: Wire) -> None:
    script, app = wire.server.script, wire.app
    await app.change({"providers.llm.stand_ins": "guide"})
    script.cut_after = 9
    app.submit("I left early today.")
    first = (await wire.over(1)).record
    script.cut_after, script.status = None, 500
    app.act(Action.CONTINUE)
    record = (await wire.over(2)).record
    assert (record.reply_text, record.reply_state) == (kept_of(first.reply_text), ReplyState.CUT_OFF)
