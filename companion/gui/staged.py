"""A scripted app: the window's host without microphone, network or journal, for pictures, the gallery and tests.

`SCENES` are the states of the window, each a function that emits the events which lead there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from companion.errors import Action, AIProviderAuthError, CompanionError
from companion.events import (
    CareOffered,
    EngineInUse,
    Event,
    Events,
    JournalOpened,
    LevelMeasured,
    Mark,
    Phase,
    PhaseChanged,
    PracticeChanged,
    ReflectionMarked,
    ReplyDelta,
    ReplyEnded,
    SentenceHeard,
    SessionBegan,
    TimelineMarked,
    TranscriptHeard,
    Trouble,
    TurnFinished,
    UserSaid,
    WordHeard,
)
from companion.flow import Help, HelpLine, Sentence, Transcript, TurnRecord
from companion.gui.staged_insights import TODAY, StagedInsights, autumn
from companion.gui.staged_journal import StagedJournal
from companion.gui.staged_practices import UNFINISHED, WALK, StagedShelf
from companion.kinds import Concern, ReplyState, Role, Severity
from companion.records import SessionRecord, WaitingTake
from companion.tasks import report

EVENING = datetime(2026, 11, 19, 21, 5).astimezone().timestamp()
OPENING = "Welcome back. Yesterday you wanted to leave work a little earlier. How did the day go?"
PURPOSE = "Tell apart what gave strength and what took it."
SAID = (
    "I did leave early, actually. We walked along the river and I noticed I was still composing emails "
    "in my head the whole way."
)
TOLD = (
    "You kept the promise to leave, and part of you stayed at the desk. ",
    "It sounds as if the walk was real and the emails were too. ",
    "What would have told you that the day was allowed to be over?",
)
HERE = {
    Role.THINKS: ("Offline guide", ""),
    Role.HEARS: ("This computer", ""),
    Role.SPEAKS: ("This computer", ""),
}
AWAY = {
    Role.THINKS: ("Claude Haiku", "api.anthropic.com"),
    Role.HEARS: ("Flux", "api.deepgram.com"),
    Role.SPEAKS: ("Sonic", "api.cartesia.ai"),
}


@dataclass(slots=True)
class StagedAppearance:
    theme: str = "light"
    font_scale: float = 1.0
    show_times: bool = False
    large_captions: bool = False
    reduced_motion: bool = False


@dataclass(slots=True)
class StagedTalk:
    key: str = "Space"
    mode: str = "auto"


@dataclass(slots=True)
class StagedPracticeSettings:
    ask_mood: bool = True


class StagedMarks:
    """Tells what is marked, as the app does."""

    def __init__(self, host: StagedHost) -> None:
        self._host = host
        self.now = ReflectionMarked(title="", before=None, after=None)

    def mark_before(self, mood: int | None, word: str = "") -> None:
        self._tell(before=mood, word_before=word)

    def mark_after(self, mood: int | None, word: str = "") -> None:
        self._tell(after=mood, word_after=word)

    def name(self, title: str) -> None:
        self._tell(title=title)

    def _tell(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)
        self._host.emit(self.now)


class StagedRecall:
    """What was sent away, forbidden or switched off."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def send_away(self, turn_id: int) -> None:
        self.log.append(("send away", turn_id))

    def forbid(self, turn_id: int) -> None:
        self.log.append(("forbid", turn_id))

    def be_silent(self) -> None:
        self.log.append("be silent")


@dataclass(slots=True)
class StagedSettings:
    appearance: StagedAppearance = field(default_factory=StagedAppearance)
    talk: StagedTalk = field(default_factory=StagedTalk)
    practice: StagedPracticeSettings = field(default_factory=StagedPracticeSettings)


@dataclass(frozen=True, slots=True)
class StagedPractice:
    name: str
    title: str
    minutes: int
    summary: str
    icon: str = "leaf"


PRACTICES = (
    StagedPractice("open-reflection", "Open reflection", 10, "Say what is on your mind."),
    StagedPractice("gratitude", "Gratitude", 6, "Three good things, looked at closely.", "heart"),
    StagedPractice("evening-review", "Evening review", 8, "Look back on the day and put it down.", "moon"),
    StagedPractice(
        "difficult-feeling", "Difficult feeling", 12, "Stay with something hard for a while.", "cloud"
    ),
)


class StagedTakes:
    """Recordings that wait, in memory; what was asked for stands in `log`."""

    def __init__(self) -> None:
        self.takes: list[WaitingTake] = []
        self.log: list[tuple[str, ...]] = []
        self.leaving: list[WaitingTake] = []
        self.trouble: CompanionError | None = None
        """Raised by the next `play` or `hear`."""
        self.may_end = asyncio.Event()

    async def waiting(self) -> Sequence[WaitingTake]:
        return [take for take in self.takes if take not in self.leaving]

    async def hearers(self) -> Mapping[str, str]:
        return {"builtin": "This computer", "deepgram": "Deepgram"}

    async def play(self, take_id: str) -> None:
        self._tell("play", take_id)
        self.may_end.clear()
        await self.may_end.wait()

    def stop_playing(self) -> None:
        self.log.append(("stop",))
        self.may_end.set()

    async def hear(self, take_id: str, provider: str = "") -> None:
        self._tell("hear", take_id, provider)

    def discard(self, take_id: str) -> None:
        self.leaving += [take for take in self.takes if take.id == take_id]

    def take_back(self, take_id: str) -> bool:
        is_there = any(take.id == take_id for take in self.leaving)
        self.leaving = [take for take in self.leaving if take.id != take_id]
        return is_there

    def _tell(self, *what: str) -> None:
        if self.trouble is not None:
            error, self.trouble = self.trouble, None
            raise error
        self.log.append(what)


class StagedHost:
    """Remembers what was pressed in `pressed`; holds sessions and turns in memory."""

    def __init__(self, *, theme: str = "light") -> None:
        self.events = Events(report)
        self.settings = StagedSettings(StagedAppearance(theme=theme))
        self.pressed: list[str | tuple[str, object]] = []
        self.kept: dict[int, tuple[SessionRecord, tuple[TurnRecord, ...]]] = {}
        self.trouble: CompanionError | None = None
        """What the journal answers instead of its content."""
        self.takes_words = self.can_undo = True
        self.acted_on: list[CompanionError | None] = []
        self.recovery = StagedTakes()
        self.insights = StagedInsights()
        self.journal_desk = StagedJournal(self)
        self.shelf = StagedShelf(WALK, UNFINISHED)
        self.marking = StagedMarks(self)
        self.recall = StagedRecall()

    def press_talk(self) -> None:
        self.pressed.append("press")

    def release_talk(self) -> None:
        self.pressed.append("release")

    def cancel(self) -> None:
        self.pressed.append("cancel")

    def read_on(self) -> None:
        self.pressed.append("read on")

    def forget_draft(self) -> None:
        self.pressed.append("forget draft")

    def mute(self, is_muted: bool) -> None:
        self.pressed.append(("mute", is_muted))

    def focus_lost(self) -> None:
        self.pressed.append("focus lost")

    def submit(self, text: str) -> bool:
        self.pressed.append(("submit", text))
        return self.takes_words

    def practices(self) -> Sequence[StagedPractice]:
        return PRACTICES

    def choose_practice(self, name: str) -> None:
        self.pressed.append(("practice", name))
        self.emit(SessionBegan())

    def set_private(self, is_private: bool) -> None:
        self.pressed.append(("private", is_private))
        self.emit(JournalOpened(storage="memory" if is_private else "keyring", is_by_choice=is_private))

    def new_session(self) -> None:
        self.pressed.append("new session")
        self.emit(SessionBegan())

    def act(self, action: Action, about: CompanionError | None = None) -> None:
        self.pressed.append(("act", action))
        self.acted_on.append(about)

    def undo_discard(self) -> bool:
        self.pressed.append("undo")
        return self.can_undo

    def toggle_talk(self) -> None:
        self.pressed.append("toggle")

    def label_of(self, full_name: str) -> str:
        return {"guide": "Offline guide"}.get(full_name, full_name)

    def emit(self, *events: Event) -> None:
        for event in events:
            self.events.emit(event)

    # -- what scenes are made of ----------------------------------------------------------------------------

    def begin(
        self,
        engines: Mapping[Role, tuple[str, str]],
        *,
        practice: str = "Evening review",
        opening: str = OPENING,
        storage: str = "keyring",
    ) -> None:
        """The window as it is after the start."""
        name = next((p.name for p in PRACTICES if p.title == practice), "open-reflection")
        self.emit(
            PracticeChanged(name=name, title=practice, step=2, steps=4, opening=opening, purpose=PURPOSE),
            *(
                EngineInUse(role=role, provider="staged", label=label, host=host)
                for role, (label, host) in engines.items()
            ),
            JournalOpened(storage=storage),
        )

    def phase(self, phase: Phase, *, turn: int = 1, latched: bool = False) -> None:
        self.emit(PhaseChanged(turn=turn, phase=phase, latched=latched))

    def hear(self, text: str, *, committed: int = 0, turn: int = 1) -> None:
        self.emit(
            TranscriptHeard(turn=turn, transcript=Transcript(text=text, committed_chars=committed)),
        )

    def say(self, text: str, *, turn: int = 1, at: float = EVENING, saved: bool = True) -> None:
        self.emit(UserSaid(turn=turn, text=text, at=at, saved=saved))

    def tell(self, *sentences: str, turn: int = 1) -> None:
        self.emit(*(ReplyDelta(turn=turn, text=text) for text in sentences))

    def sound(self, index: int, sentences: Sequence[str] = TOLD, *, turn: int = 1) -> None:
        """Sentence `index` is being spoken."""
        start = sum(len(text) for text in sentences[:index])
        text = sentences[index]
        sentence = Sentence(index=index, text=text, start=start, spoken=text.strip())
        self.emit(SentenceHeard(turn=turn, sentence=sentence))

    def end(
        self,
        text: str,
        *,
        turn: int = 1,
        state: ReplyState = ReplyState.WHOLE,
        heard: str | None = None,
        said: str = SAID,
        cost_usd: float | None = None,
        timeline_ms: Mapping[str, float] | None = None,
        engines: Mapping[str, str] | None = None,
        saved: bool = True,
    ) -> None:
        """The answer is written, and the turn over."""
        record = TurnRecord(
            id=turn,
            session_id=1,
            at=EVENING,
            user_text=said,
            reply_text=text,
            heard_text=text if heard is None else heard,
            reply_state=state,
            reply_at=EVENING,
            cost_usd=cost_usd,
            timeline_ms=dict(timeline_ms or {}),
            engines=dict(engines or {}),
        )
        self.emit(
            ReplyEnded(turn=turn, text=text, state=state),
            TurnFinished(turn=turn, record=record, saved=saved),
        )
        self.phase(Phase.READY, turn=turn)

    def fail(self, error: CompanionError, *, turn: int | None = 1, role: Role | None = Role.THINKS) -> None:
        self.emit(Trouble(error=error, turn=turn, role=role))

    def keep(
        self,
        number: int,
        title: str,
        *,
        at: float,
        practice: str,
        seconds: float,
        turns: Sequence[TurnRecord],
        offset_s: int | None = None,
    ) -> None:
        """Puts a reflection into the journal."""
        session = SessionRecord(
            id=number,
            started_at=at,
            offset_s=offset_s,
            practice=practice,
            title=title,
            turns=len(turns),
            seconds=seconds,
        )
        self.kept[number] = (session, tuple(turns))


def idle(host: StagedHost) -> None:
    host.begin(HERE, practice="Open reflection", opening="What is on your mind this evening?")


def listening(host: StagedHost) -> None:
    host.begin(AWAY)
    host.phase(Phase.ARMING)
    host.phase(Phase.LISTENING)
    host.hear(SAID.rstrip("."), committed=SAID.index(" in my head"))
    for level_db in (-40.0, -24.0, -20.0):
        host.emit(LevelMeasured(level_db=level_db, is_input=True))


def thinking(host: StagedHost) -> None:
    host.begin(AWAY)
    host.say(SAID)
    host.phase(Phase.THINKING)


def speaking(host: StagedHost) -> None:
    thinking(host)
    marks = (
        (Mark.RELEASED, 0.0),
        (Mark.TRANSCRIPT, 0.24),
        (Mark.ASKED, 0.25),
        (Mark.FIRST_TOKEN, 0.34),
        (Mark.FIRST_SOUND, 0.52),
    )
    host.emit(*(TimelineMarked(turn=1, mark=mark, at_s=at_s) for mark, at_s in marks))
    host.tell(*TOLD)
    host.phase(Phase.SPEAKING)
    host.sound(0)
    host.sound(1)
    word = "".join(TOLD).index("real")
    host.emit(WordHeard(turn=1, start=word, end=word + len("real")))
    for level_db in (-40.0, -24.0, -20.0):
        host.emit(LevelMeasured(level_db=level_db, is_input=False))


def trouble(host: StagedHost) -> None:
    host.begin({**HERE, Role.THINKS: AWAY[Role.THINKS]})
    host.say("I keep saying yes to things I do not have the energy for.")
    host.phase(Phase.THINKING)
    host.fail(AIProviderAuthError(provider="anthropic", who="Anthropic"))
    host.phase(Phase.READY)


def care(host: StagedHost) -> None:
    host.begin(HERE)
    host.say("I am so tired of living.")
    found = Help(
        code="GB",
        country="United Kingdom",
        emergency="999",
        line=HelpLine(name="Samaritans", call="116 123", text="SHOUT to 85258"),
    )
    host.events.emit(CareOffered(turn=1, concern=Concern.SUICIDE, severity=Severity.UNCLEAR, help=found))
    host.phase(Phase.THINKING)


def journal(host: StagedHost) -> None:
    idle(host)
    day_s = 86_400.0
    later = "Maybe writing tomorrow’s list before I close the laptop. Then it is somewhere else than in me."
    first = TurnRecord(
        id=1,
        session_id=4,
        at=EVENING,
        user_text=SAID,
        reply_text=TOLD[0] + TOLD[2],
        heard_text=TOLD[0] + TOLD[2],
        reply_state=ReplyState.WHOLE,
        reply_at=EVENING,
    )
    second = TurnRecord(id=2, session_id=4, at=EVENING + 120, user_text=later, reply_state=ReplyState.WHOLE)
    turns = (first, second)
    for number, title, days, practice, minutes in (
        (4, "I did leave early, actually", 0.0, "evening-review", 8),
        (3, "I keep saying yes to things", 0.3, "difficult-feeling", 6),
        (2, "Three good things: the river in fog", 4.0, "gratitude", 5),
        (1, "Half present at dinner", 48.0, "open-reflection", 11),
    ):
        at = EVENING - days * day_s
        host.keep(number, title, at=at, practice=practice, seconds=minutes * 60.0, turns=turns)
    session, said = host.kept[4]
    marked = {"mood_before": -1, "mood_after": 1, "tags": ("work", "attention")}
    host.kept[4] = (replace(session, **marked), said)  # type: ignore[arg-type]
    host.journal_desk.similar = (1,)


def finished(host: StagedHost) -> None:
    host.begin(HERE, practice="Gratitude")
    host.say("I want to return the pot with something in it.")
    answer = (
        "You began with your neighbour and came to the pot. These were your good things, and they stay yours. "
        "If you want a title for it: “My neighbour and the pot”."
    )
    host.tell(answer)
    host.end(answer, said="I want to return the pot with something in it.")
    host.emit(
        PracticeChanged(name="gratitude", title="Gratitude", step=4, steps=4, opening=OPENING, is_over=True),
        ReflectionMarked(title="My neighbour and the pot", before=-1, after=2, word_after="lighter"),
    )


def insights(host: StagedHost) -> None:
    idle(host)
    host.insights.rows = autumn()


def insights_few(host: StagedHost) -> None:
    """In the first week: most pictures say what they wait for."""
    idle(host)
    host.insights.rows = tuple(row for row in autumn() if row.day > TODAY - timedelta(days=7))


def insights_empty(host: StagedHost) -> None:
    idle(host)


def practices(host: StagedHost) -> None:
    idle(host)


def locked(host: StagedHost) -> None:
    idle(host)


SCENES: dict[str, Callable[[StagedHost], None]] = {
    "idle": idle,
    "listening": listening,
    "thinking": thinking,
    "speaking": speaking,
    "trouble": trouble,
    "care": care,
    "finished": finished,
    "journal": journal,
    "insights": insights,
    "insights-few": insights_few,
    "insights-empty": insights_empty,
    "locked": locked,
    "practices": practices,
    "help": idle,
}
PAGES = {
    "journal": "journal",
    "practices": "practices",
    "insights": "insights",
    "insights-few": "insights",
    "insights-empty": "insights",
    "help": "help",
}
"""The page a scene shows; the others show the talk page."""
