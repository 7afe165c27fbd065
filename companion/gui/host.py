"""What the window asks of the app: the buttons it can press and the values it reads.

`companion.app` fulfils it for real, `companion.gui.staged` for pictures, the gallery and tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from companion.errors import Action, CompanionError
    from companion.events import Events
    from companion.flow import TurnRecord
    from companion.insights.pictures import Figures, Returns
    from companion.insights.rows import Choice
    from companion.practices import Practice
    from companion.records import Hit, Selection, SessionRecord, WaitingTake


class PracticeInfo(Protocol):
    """A guided practice as the menu shows it."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def minutes(self) -> int: ...

    @property
    def summary(self) -> str: ...

    @property
    def icon(self) -> str:
        """Name in `resources/icons`."""


class AppearanceSettings(Protocol):
    @property
    def theme(self) -> str:
        """ "system", "light" or "dark"."""

    @property
    def font_scale(self) -> float: ...

    @property
    def reduced_motion(self) -> bool: ...

    @property
    def large_captions(self) -> bool:
        """Whether what is said and answered stands there in very large letters."""

    @property
    def show_times(self) -> bool:
        """Whether the line at the foot says how long an answer took."""


class TalkSettings(Protocol):
    @property
    def key(self) -> str:
        """Name of the talk key as Qt writes it: "Space", "F8"."""

    @property
    def mode(self) -> str:
        """ "auto", "hold", "tap" or "free" (hands-free)."""


class PracticeSettings(Protocol):
    @property
    def ask_mood(self) -> bool:
        """Whether the person is asked how they are, before and after."""


class WindowSettings(Protocol):
    @property
    def practice(self) -> PracticeSettings: ...

    @property
    def appearance(self) -> AppearanceSettings: ...

    @property
    def talk(self) -> TalkSettings: ...


class Marking(Protocol):
    """What is marked of the reflection under way. Moods: -3 very unpleasant .. 3 very pleasant, None: not marked."""

    def mark_before(self, mood: int | None, word: str = "") -> None: ...

    def mark_after(self, mood: int | None, word: str = "") -> None: ...

    def name(self, title: str) -> None:
        """The person's own title; empty: the first words."""


class Recalling(Protocol):
    """What of other days is brought up."""

    def send_away(self, turn_id: int) -> None:
        """Not again in this reflection."""

    def forbid(self, turn_id: int) -> None:
        """Never again."""

    def be_silent(self) -> None:
        """Nothing in this reflection."""


class WaitingTakes(Protocol):
    """Recordings whose words are not known yet. Raises `CompanionError`."""

    async def waiting(self) -> Sequence[WaitingTake]:
        """Oldest first."""

    async def hearers(self) -> Mapping[str, str]:
        """Who can hear now: registered name -> label."""

    async def play(self, take_id: str) -> None:
        """Returns when it was heard or stopped; a new one stops the last."""

    def stop_playing(self) -> None: ...

    async def hear(self, take_id: str, provider: str = "") -> None:
        """Has it heard by the chosen recogniser, or by another; a turn follows."""

    def discard(self, take_id: str) -> None:
        """Takes it off the list; for a moment it can be taken back."""

    def take_back(self, take_id: str) -> bool:
        """Undoes a discard; False when it is too late."""


class JournalSource(Protocol):
    """What the journal page reads and changes. Raises `CompanionError`."""

    async def page(
        self, before: tuple[float, int] | None = None, limit: int = 100, selection: Selection = ...
    ) -> Sequence[SessionRecord]:
        """Newest first, those that began before `before` (when one began, and its id)."""

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        """In the order they were said."""

    async def labels(self, kind: str) -> Sequence[str]:
        """Every "tag" or "person" that is in use, most used first."""

    async def words(self, typed: str, selection: Selection) -> Sequence[Hit]:
        """Passages with these words, while the last one is still being written. Best first."""

    async def search(self, typed: str, selection: Selection) -> Sequence[Hit]:
        """By words and by meaning."""

    async def set_marks(
        self,
        session_id: int,
        *,
        title: str,
        tags: Sequence[str],
        people: Sequence[str],
        mood_before: int | None,
        mood_after: int | None,
        mood_word: str,
    ) -> None: ...

    async def star(self, session_id: int, is_starred: bool) -> None: ...

    async def edit_words(self, turn_id: int, text: str) -> None: ...

    async def delete(self, session_ids: Collection[int]) -> int:
        """Hides reflections; returns the token for `undo`."""

    async def delete_turn(self, turn_id: int) -> int: ...

    async def merge(self, into: int, others: Collection[int]) -> int: ...

    async def undo(self, token: int) -> None: ...

    async def restore(self, session_ids: Collection[int]) -> None:
        """Brings deleted ones back."""

    async def delete_for_good(self, session_ids: Collection[int]) -> None: ...

    async def copies_in_words(self, session_ids: Collection[int]) -> str:
        """Where copies of them are that deleting does not reach; empty: nowhere."""

    async def go_on(self, session_id: int) -> bool:
        """What is said from now on belongs to it; False: it is not there any more."""

    async def read_aloud(self, text: str) -> None:
        """Returns when it is over; cancelled, it falls silent."""


class InsightSource(Protocol):
    """What the journal's own figures come from. Raises `CompanionError`."""

    async def figures(self, choice: Choice) -> Figures:
        """What follows from times and marks."""

    async def returns(self, choice: Choice, told: Callable[[float], None]) -> Returns:
        """What the words are needed for. `told`: the share that is done."""


class Shelved(Protocol):
    """One practice as it is listed."""

    @property
    def practice(self) -> Practice: ...

    @property
    def is_own(self) -> bool: ...

    @property
    def fault(self) -> str:
        """Why it cannot be followed yet; empty: it can."""

    @property
    def has_draft(self) -> bool:
        """Changes are not finished."""


class PracticeShelf(Protocol):
    """The practices as the page asks for them. Raises `CompanionError`."""

    def entries(self) -> Sequence[Shelved]:
        """The person's own first."""

    async def save(self, practice: Practice, name: str = "") -> str:
        """Writes one, or its draft while it has faults; returns the name it has now."""

    async def delete(self, name: str) -> None: ...

    async def undo_delete(self) -> bool: ...

    def forget_deleted(self) -> None: ...


class WindowHost(Protocol):
    """The app as the window knows it. All methods belong to the loop's thread; the plain ones return at once."""

    @property
    def events(self) -> Events: ...

    @property
    def settings(self) -> WindowSettings: ...

    def press_talk(self) -> None: ...

    def release_talk(self) -> None: ...

    def cancel(self) -> None:
        """Throws the take away, or silences the answer."""

    def read_on(self) -> None:
        """The voice falls silent; the answer goes on, to be read."""

    def forget_draft(self) -> None:
        """Heard words that waited to be read were thrown away unsent."""

    def submit(self, text: str) -> bool:
        """Words that were written instead of spoken; False while a take is under way: they stay in the composer."""

    def mute(self, is_muted: bool) -> None:
        """Closes the open microphone of hands-free mode, or opens it again."""

    def focus_lost(self) -> None:
        """The release of a held key will never arrive: the take ends now."""

    def practices(self) -> Sequence[PracticeInfo]: ...

    def choose_practice(self, name: str) -> None:
        """A new session of this practice."""

    @property
    def marking(self) -> Marking: ...

    @property
    def recall(self) -> Recalling: ...

    @property
    def shelf(self) -> PracticeShelf:
        """The practices to be written, kept and deleted."""

    def new_session(self) -> None: ...

    def set_private(self, is_private: bool) -> None:
        """What is said from now on leaves nothing, until it is switched off."""

    @property
    def journal_desk(self) -> JournalSource: ...

    @property
    def recovery(self) -> WaitingTakes:
        """Recordings whose words are not known yet."""

    @property
    def insights(self) -> InsightSource: ...

    def act(self, action: Action, about: CompanionError | None = None) -> None:
        """A card's button that leads nowhere in the window; `about`: what the card tells."""

    def undo_discard(self) -> bool:
        """The take that Esc threw away is heard after all; False when there is none any more."""

    def toggle_talk(self) -> None:
        """Ends the open take, or begins one that goes on without a key held."""

    def label_of(self, full_name: str) -> str:
        """How a person knows "provider/model", as a turn keeps it: "Offline guide", "Claude Haiku 5.5"."""
