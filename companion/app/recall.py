"""Finding what was said, and what of it is brought up while somebody talks: the journal's index, its models, and the rules.

Nothing is brought up unless the journal is kept on disk, whoever thinks may know it, and it bears strongly on what is said;
never what is grave unless the person speaks or asks of it, and nothing they have sent away. The models are loaded once the
journal is open and the window is there, in a thread; until then words have to do. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from companion import days
from companion.app import roles
from companion.app.archive import Place
from companion.errors import CompanionError
from companion.events import Event, JournalOpened, JournalRead, SessionBegan, SettingsChanged, TurnFinished
from companion.kinds import Concern, Role, Severity
from companion.records import Earlier, Memory
from companion.tasks import report, spawn, stop

if TYPE_CHECKING:
    from companion.app.archive import Archive
    from companion.app.borrowed_vectors import BorrowedVectors
    from companion.app.local_models import LocalModels
    from companion.app.pool import ProviderPool
    from companion.conversation.organs import Context
    from companion.events import Events
    from companion.journal.store import SqlJournal
    from companion.journal.vectors import Model, Vectors
    from companion.providers.here.models.store import ModelStore
    from companion.settings import Settings

_log = logging.getLogger(__name__)
MOST = 5
"""Passages that are brought up at once, pinned ones not counted."""
STILL, READER = "wordllama-256", "minilm-l6-int8"
"""Names of the models in the list."""
SETTLES_S = 2.0
"""After the window is there: what it does first is not held up."""
HERE = "here"
"""The setting's name for this computer."""
_READER_RESTS_S = _ELSEWHERE_RESTS_S = 0.05
_EVERY_S = 0.25
"""So often it is told how far the reading is."""


class Recall:
    """One per app."""

    def __init__(
        self,
        archive: Archive,
        settings: Callable[[], Settings],
        events: Events,
        models: Callable[[], LocalModels],
        staff: Callable[[], ProviderPool] | None = None,
    ) -> None:
        """`models()`: those of this computer; `staff()`: the providers that may make vectors."""
        self._staff = staff
        self._borrowed: BorrowedVectors | None = None
        self._archive, self._settings, self._models, self._events = archive, settings, models, events
        self._made: dict[str, Model] = {}
        self._filling: asyncio.Task[None] | None = None
        self._noting: set[asyncio.Task[None]] = set()
        self._wants_more = False
        self._unwatch: Callable[[], None] | None = None
        self._told_s = 0.0
        self._settles_s = SETTLES_S
        self.is_on = True
        """For the reflection under way."""
        self._sent_away: set[int] = set()
        """Turns that are not brought up in it any more."""

    # -- beginning and end ----------------------------------------------------------------------------------

    def open(self) -> None:
        """The window is there: reads the models and what is due in the journal."""
        self._unwatch = self._events.watch(self._follow)
        self.read_on()

    async def close(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
        await stop(self._filling, *self._noting)

    def _follow(self, event: Event) -> None:
        match event:
            case SessionBegan():
                self.is_on = True
                self._sent_away.clear()
            case JournalOpened() | TurnFinished():
                self.read_on()
            case SettingsChanged() if "journal.meaning_by" in event.names:
                self.read_on()

    # -- while somebody talks -------------------------------------------------------------------------------

    async def earlier(self, words: str, context: Context) -> tuple[Earlier, ...]:
        """What was said on other days and bears on these words, the newest first; mostly nothing. Never raises."""
        if not self.is_on or not self._may_tell(by_voice=context.by_voice):
            return ()
        try:
            async with self._archive.using() as journal:
                return await self._earlier(journal, words, context)
        except CompanionError as error:
            _log.info("nothing is recalled: %s", error.kind)
            return ()
        except Exception as error:  # noqa: BLE001 - an answer never fails for it
            report(error)
            return ()

    async def _earlier(self, journal: SqlJournal, words: str, context: Context) -> tuple[Earlier, ...]:
        without = frozenset() if context.session_id is None else frozenset({context.session_id})
        found, pinned = await asyncio.gather(
            journal.finding.recall(words, without=without, limit=2 * MOST), journal.remembering.pinned()
        )
        found = [each for each in found if each.at < context.began and each.turn_id not in self._sent_away]
        pinned = [each for each in pinned if each.turn_id not in self._sent_away]
        if found:
            found = await journal.remembering.put_right(found)
            found = (await asyncio.to_thread(_bearable, words, found))[:MOST]
        if found:
            turns = [each.turn_id for each in found if each.turn_id is not None]
            self._note(partial(journal.remembering.told, turns))
        return tuple(sorted([*pinned, *found], key=lambda each: -each.at))

    def _may_tell(self, *, by_voice: bool) -> bool:
        """What is said is kept on disk, and whoever answers may know what was said on other days."""
        settings = self._settings()
        name = roles.name_of(settings, Role.THINKS)
        if by_voice:
            voice_model = roles.speech_to_speech(settings)
            name = voice_model.name if voice_model is not None else ""
        is_kept = settings.journal.keep and self._archive.place is Place.OPEN
        return bool(name) and is_kept and roles.may_recall(settings, name)

    def send_away(self, turn_id: int) -> None:
        """Not brought up again in this reflection."""
        self._sent_away.add(turn_id)

    def forbid(self, turn_id: int) -> None:
        """Never brought up again; it stays in the journal."""
        self._note(partial(self.forget_turn, turn_id))
        self._sent_away.add(turn_id)

    def be_silent(self) -> None:
        """Nothing is brought up in this reflection any more."""
        self.is_on = False

    def _note(self, job: Callable[[], object]) -> None:
        """What was told is noted after the answer has begun."""

        async def noting() -> None:
            try:
                await job()  # type: ignore[misc]
            except CompanionError as error:
                _log.info("not noted as told: %s", error.kind)

        task = spawn(noting(), name="note what was recalled")
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    # -- what is remembered ---------------------------------------------------------------------------------

    async def memories(self) -> Sequence[Memory]:
        """All that was brought up, pinned, put right or forbidden."""
        async with self._archive.using() as journal:
            return await journal.remembering.all()

    async def remember(self, text: str) -> None:
        """Something of the person's own writing, always brought up."""
        now = days.now()
        async with self._archive.using() as journal:
            await journal.remembering.add(text, now.at, now.offset_s)

    async def pin(self, memory_id: int, is_pinned: bool) -> None:
        async with self._archive.using() as journal:
            await journal.remembering.pin(memory_id, is_pinned)

    async def correct(self, memory_id: int, text: str) -> None:
        """It is told so from now on; empty: as it was said."""
        async with self._archive.using() as journal:
            await journal.remembering.correct(memory_id, text)

    async def forget(self, memory_id: int) -> None:
        """Never brought up again; it stays in the journal."""
        async with self._archive.using() as journal:
            await journal.remembering.forget(memory_id)

    async def forget_turn(self, turn_id: int) -> None:
        """What was said in this turn is never brought up again; it stays in the journal."""
        self.send_away(turn_id)
        async with self._archive.using() as journal:
            await journal.remembering.forget_turn(turn_id)

    async def allow(self, memory_id: int) -> None:
        """It may be brought up again."""
        async with self._archive.using() as journal:
            await journal.remembering.allow(memory_id)

    # -- models and what is due -----------------------------------------------------------------------------

    def read_on(self) -> None:
        """Reads what is new in the journal, in the background; a model that came meanwhile is used from now on."""
        if self._unwatch is None:
            return
        if self._filling is not None and not self._filling.done():
            self._wants_more = True
            return
        self._filling = spawn(self._fill(), name="read the journal for finding")

    async def catch_up(self) -> None:
        """Returns once all that is due now is read."""
        await stop(self._filling)
        self._settles_s = 0.0
        await self._fill()

    async def _fill(self) -> None:
        await asyncio.sleep(self._settles_s)
        self._settles_s = 0.0
        self._wants_more = True
        while self._wants_more:
            self._wants_more = False
            try:
                for name in (STILL, READER):
                    model = await self._model(name)
                    if model is not None:
                        await self._read_with(model, is_reader=name == READER)
                await self._read_elsewhere()
            except CompanionError as error:  # closed, or a full disk: tried again with the next turn
                _log.info("the journal is not read for finding: %s", error.kind)

    async def _read_with(self, model: Model, *, is_reader: bool) -> None:
        from companion.journal.vectors import Vectors

        async with self._archive.using() as journal:
            finding = journal.finding
            vectors: Vectors | None = finding.reader if is_reader else finding.still
            if vectors is None:
                vectors = Vectors(journal.tables, model)
                await vectors.begin()
                await vectors.warm()
                if is_reader:
                    finding.reader = vectors
                else:
                    finding.still = vectors
        # Not inside: nobody could move the journal meanwhile.
        await vectors.catch_up(self._tell, _READER_RESTS_S if is_reader else 0.0)
        await vectors.forget_deleted()

    async def _read_elsewhere(self) -> None:
        """The provider that the person has chosen for it makes vectors of what is kept; nobody is asked otherwise."""
        async with self._archive.using() as journal:
            if not self._may_borrow(journal):
                journal.finding.elsewhere = None
                return
        borrowed = await self._borrow(self._settings().journal.meaning_by)
        async with self._archive.using() as journal:
            if not self._may_borrow(journal):
                return
            from companion.journal.vectors import Vectors

            vectors = journal.finding.elsewhere
            if vectors is None or not vectors.is_of(borrowed):
                vectors = Vectors(journal.tables, borrowed)
                await vectors.begin()
                await vectors.warm()
                journal.finding.elsewhere = vectors
        try:
            await vectors.catch_up(self._tell, _ELSEWHERE_RESTS_S)
        finally:
            borrowed.tell_sent(is_last=True)
        await vectors.forget_deleted()

    def _may_borrow(self, journal: SqlJournal) -> bool:
        """It is a journal on disk, and the person has chosen somebody elsewhere."""
        settings = self._settings()
        is_kept = settings.journal.keep and self._archive.place is Place.OPEN and journal.storage != "memory"
        return is_kept and self._staff is not None and settings.journal.meaning_by != HERE

    async def _borrow(self, provider: str) -> BorrowedVectors:
        from companion.app.borrowed_vectors import BorrowedVectors

        assert self._staff is not None, "it was looked at before"
        if self._borrowed is None or self._borrowed.provider != provider or not self._borrowed.name:
            self._borrowed = BorrowedVectors(
                provider,
                self._staff(),
                self._events,
                lambda name: self._settings().journal.meaning_by == name,
            )
            await self._borrowed.find_out()
        return self._borrowed

    def _tell(self, done: int, whole: int) -> None:
        now_s = asyncio.get_running_loop().time()
        if whole > 1 and (done >= whole or now_s - self._told_s >= _EVERY_S):
            self._told_s = now_s
            self._events.emit(JournalRead(done=done, whole=whole))

    async def _model(self, name: str) -> Model | None:
        if name not in self._made:
            made = await asyncio.to_thread(_load, self._models().store, name)
            if made is None:
                return None
            self._made[name] = made
        return self._made[name]


def _load(store: ModelStore, name: str) -> Model | None:
    """The model, where its files are here and whole."""
    from companion.journal.meaning.reader import Reader, is_installed
    from companion.journal.meaning.still import StillVectors
    from companion.providers.here.models.listing import ModelKind

    if name == READER and not is_installed():
        return None
    place = store.path(ModelKind.MEANING, name)
    if place is None:
        return None
    try:
        return Reader(place) if name == READER else StillVectors(place)
    except Exception as error:  # noqa: BLE001 - onnxruntime has errors of its own; words have to do then
        _log.warning("%s cannot be used: %s", name, type(error).__name__)
        return None


def _bearable(words: str, found: Sequence[Earlier]) -> list[Earlier]:
    """Those that may be brought up: of what is sad only what the person speaks of or asks about, of danger nothing."""
    from companion.care.recognise import by_rules

    is_sad_now = _is_sad(words)
    kept = []
    for each in found:
        painful = by_rules(each.text)
        if any(finding.severity > Severity.CARE for finding in painful):
            continue
        if not (painful or _is_sad(each.text)) or each.is_asked or is_sad_now:
            kept.append(each)
    return kept


_SAD = re.compile(
    r"\b(?:died|dies|dying|death|dead|deceased|funeral|grave|graveyard|buried|burial|mourn\w*|grie[fv]\w*|passed away|"
    r"hospice|miscarr\w*|stillb\w*|terminal|tumou?r|cancer|suicid\w*|self-harm\w*|overdos\w*|raped?|abus\w+|wept|weep\w*)\b",
    re.IGNORECASE,
)
"""Words beside what care knows: nobody is reminded of these by a program."""


def _is_sad(text: str) -> bool:
    from companion.care.recognise import by_rules

    return bool(_SAD.search(text)) or any(
        finding.concern is Concern.BEREAVEMENT for finding in by_rules(text)
    )
