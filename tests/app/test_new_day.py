"""The window stays open over night, over a long silence, over a flight: which words belong to which reflection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from companion import days
from companion.days import When
from companion.events import PracticeChanged, SessionBegan, TurnFinished, UserSaid
from companion.kinds import ReplyState
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.vault import EnvironmentKey
from tests.app.test_companion import KeepingVault, Watched, running
from tests.servers.openai import OpenAIServer

HOUR_S = 3600.0
SUNDAY_2245 = 1_773_614_700.0
"""15 March 2026 in UTC."""
QUESTION = "What is on your mind this {}?"


@dataclass
class Evening:
    """An app, and the clock on the person's wall."""

    watched: Watched
    when: When = field(default_factory=lambda: When(SUNDAY_2245, 0))

    def later(self, hours: float, offset_s: int | None = None) -> None:
        self.when = When(self.when.at + hours * HOUR_S, self.when.offset_s if offset_s is None else offset_s)

    async def kept(self) -> list[tuple[str, list[str]]]:
        """The reflections, oldest first: the day they belong to, and what was said."""
        app = self.watched.app
        return [
            (
                When.of(session.started_at, session.offset_s).weekday,
                [turn.user_text for turn in await app.turns(session.id)],
            )
            for session in reversed(await app.sessions())
        ]


@pytest.fixture
async def evening(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Evening]:
    async with running(home, KeepingVault(), practice__current="open-reflection") as watched:
        made = Evening(watched)
        monkeypatch.setattr(days, "now", lambda: made.when)
        yield made


async def test_what_is_said_on_wednesday_stands_under_wednesday(evening: Evening) -> None:
    first = await evening.watched.turn("Sunday night.")
    evening.later(57.5)
    then = await evening.watched.turn("Wednesday morning.")
    assert first.session_id != then.session_id
    assert await evening.kept() == [("Sunday", ["Sunday night."]), ("Wednesday", ["Wednesday morning."])]


async def test_the_page_begins_anew_before_the_first_words_of_the_day(evening: Evening) -> None:
    await evening.watched.turn("Sunday night.")
    evening.watched.events.clear()
    evening.later(57.5)
    await evening.watched.turn("Wednesday morning.")
    shown = [
        event
        for event in evening.watched.events
        if isinstance(event, SessionBegan | PracticeChanged | UserSaid)
    ]
    assert isinstance(shown[0], SessionBegan)
    assert isinstance(shown[1], PracticeChanged)
    assert (shown[1].opening, shown[1].step) == (QUESTION.format("morning"), 1)
    assert isinstance(shown[2], UserSaid)
    assert (shown[2].at, shown[2].offset_s) == (evening.when.at, 0)


async def test_midnight_ends_a_reflection_and_no_single_turn(evening: Evening) -> None:
    for hours, words in ((1.2, "One minute before."), (0.1, "Five minutes after."), (0.5, "Still here.")):
        evening.later(hours)
        await evening.watched.turn(words)
    assert await evening.kept() == [
        ("Sunday", ["One minute before."]),
        ("Monday", ["Five minutes after.", "Still here."]),
    ]


@pytest.mark.parametrize(
    ("hours", "offset_s"),
    [(-24.0, 0), (-4.0, 0), (-24 * 365, 0), (0.5, -12 * 3600), (3.9, -7 * 3600)],
    ids=["set back a day", "set back four hours", "set back a year", "to the far west", "a flight west"],
)
async def test_a_clock_that_goes_back_begins_nothing(evening: Evening, hours: float, offset_s: int) -> None:
    await evening.watched.turn("Before.")
    evening.later(hours, offset_s)
    await evening.watched.turn("After.")
    assert await evening.kept() == [("Sunday", ["Before.", "After."])]


async def test_nothing_that_was_said_moves_on_a_flight(evening: Evening) -> None:
    """Sunday 22:45 in Auckland, then Sunday morning in Los Angeles."""
    evening.when = When(SUNDAY_2245 - 13 * HOUR_S, 13 * 3600)
    await evening.watched.turn("Before the flight.")
    evening.later(12, -7 * 3600)
    await evening.watched.turn("After the flight.")
    first, second = reversed(await evening.watched.app.sessions())
    shown = [When.of(session.started_at, session.offset_s) for session in (first, second)]
    assert [(when.weekday, when.clock) for when in shown] == [("Sunday", "22:45"), ("Sunday", "14:45")]
    assert await evening.kept() == [("Sunday", ["Before the flight."]), ("Sunday", ["After the flight."])]


async def test_an_answer_tried_again_after_midnight_belongs_to_its_words(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OpenAIServer() as server:
        places = {"providers__llm__active": "openai", "providers__llm__openai__base_url": server.url}
        key = EnvironmentKey(secret=Secret("sk-test-0123456789abc"), origin=origin(server.url), variable="")
        async with running(home, KeepingVault(environment={"openai": key}), **places) as watched:
            evening = Evening(watched)
            monkeypatch.setattr(days, "now", lambda: evening.when)
            server.script.cut_after = 3
            said = await watched.turn("Sunday night.")
            assert said.reply_state is ReplyState.CUT_OFF
            server.script.cut_after = None
            evening.later(9.5)
            watched.app.engine.retry()
            await watched.until(lambda: len(watched.of(TurnFinished)) == 2)
            again = watched.of(TurnFinished)[1].record
            assert (again.id, again.at, again.reply_state) == (said.id, said.at, ReplyState.WHOLE)
            assert not watched.of(SessionBegan)
            await watched.turn("Monday morning.")
            assert await evening.kept() == [("Sunday", ["Sunday night."]), ("Monday", ["Monday morning."])]
