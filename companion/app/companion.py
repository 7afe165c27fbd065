"""The app: every button of the window and every command of the command line is one method here.

`Companion(home)` and `tell()` cost little: they read the settings and what the window shows first, without asyncio. The
parts (`engine`, `staff`, `archive`, `net`) are made at their first use, and `open()` starts what can wait until the window
is on screen: keyring, journal, offline engines. Belongs to one event loop's thread.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from companion import tasks
from companion.app import roles
from companion.app.errands import Errands, RecentTroubles
from companion.app.library import Library
from companion.app.shown_roles import ShownRoles
from companion.errors import Action, CompanionError, Kind
from companion.events import Phase, Trouble
from companion.kinds import KeepSound
from companion.practices import Practice, find_practice, load_practices, standing

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence

    from companion.app.archive import Archive
    from companion.app.backing_up import BackingUp
    from companion.app.caring import Caring
    from companion.app.exchange import Exchange
    from companion.app.journal_desk import JournalDesk
    from companion.app.marking import Marking
    from companion.app.played import Played
    from companion.app.pool import Patience
    from companion.app.practice_shelf import PracticeShelf
    from companion.app.recall import Recall
    from companion.app.recovery import Recovery
    from companion.app.remedies import Remedies
    from companion.app.settings_backend import SettingsBackend
    from companion.app.surroundings import Surroundings
    from companion.app.warming import Warming
    from companion.app.welcome import Welcome
    from companion.conversation.engine import Engine
    from companion.conversation.handsfree import HandsFree
    from companion.conversation.turn import Limits
    from companion.flow import Usage
    from companion.journal.store import Moved
    from companion.kinds import Role
    from companion.paths import Home
    from companion.ports import Gate, Journal, Microphone, Player
    from companion.settings import Settings
    from companion.settings.declared import Talk
    from companion.vault import Vault


class Companion(Library):
    """One app. The window reads `events` and `settings` and calls the rest."""

    def __init__(
        self,
        home: Home,
        *,
        vault: Callable[[], Coroutine[Any, Any, Vault]] | None = None,
        microphone: Microphone | None = None,
        player: Player | None = None,
        in_memory: bool = False,
    ) -> None:
        """The parts can be replaced: files as microphone and speaker, another vault, a journal in memory."""
        super().__init__(home, vault=vault, microphone=microphone, player=player, in_memory=in_memory)
        self._own_practices = home.config / "practices"
        self._troubles, self._errands = RecentTroubles(self.events), Errands(self.events)
        self._opening: asyncio.Task[None] | None = None
        self._limits: tuple[Settings, Limits] | None = None
        self._roles = ShownRoles(home.state / "roles.json", self.events, lambda: self.settings, self._found)

    # -- the parts ------------------------------------------------------------------------------------------

    @cached_property
    def _warming(self) -> Warming:
        from companion.app.warming import Warming

        return Warming(self.staff, self.engine.next_question)

    @cached_property
    def settings_backend(self) -> SettingsBackend:
        """What the settings window needs beyond the settings."""
        from companion.app.settings_backend import SettingsBackend

        return SettingsBackend(
            settings=lambda: self.settings,
            events=self.events,
            change=self.change,
            pool=self.staff,
            models=self.models,
            outgoing=self.outgoing,
            sound=self.sound,
            lend=self.hands_free.lend,
            global_key=lambda: self.surroundings.key,
            played=self._played,
            memory=lambda: self.recall,
            backups=lambda: self.backing_up,
            home=self.home,
            take_up=self._live.take_up,
        )

    @cached_property
    def _played(self) -> Played:
        from companion.app.played import Played

        return Played(self.events, self.player, hush=lambda: self.engine.hush())  # noqa: PLW0108 - whoever it is then

    @cached_property
    def recovery(self) -> Recovery:
        """Recordings whose words are not known yet."""
        from companion.app.recovery import Recovery

        return Recovery(
            journal=self.archive.using,
            played=self._played,
            hear=lambda take_id: self.engine.hear_waiting(take_id),  # noqa: PLW0108 - as above
            is_busy=lambda: self.engine.state.phase in (Phase.ARMING, Phase.LISTENING, Phase.TRANSCRIBING),
            hearers=self.staff.hearers,
            events=self.events,
        )

    @cached_property
    def journal_desk(self) -> JournalDesk:
        """Changing what is kept."""
        from companion.app.journal_desk import JournalDesk

        return JournalDesk(
            journal=self.archive.using,
            engine=lambda: self.engine,
            practice=lambda name: find_practice(name, self._own_practices),
            sound_days=lambda: _sound_days(self.settings),
            played=lambda: self._played,
            voice=lambda: self.staff.engines(frozenset(), is_aloud=True).speak,
            events=self.events,
            why_empty=lambda: self.archive.why_empty,
            backups=self.backing_up,
        )

    @cached_property
    def backing_up(self) -> BackingUp:
        """Backups of the journal, and bringing one back."""
        from companion.app.backing_up import BackingUp

        return BackingUp(self.home, self.archive, self.events, lambda: self.settings.journal.backup_folder)

    @cached_property
    def recall(self) -> Recall:
        """Finding what was said, and bringing it up."""
        from companion.app.recall import Recall

        return Recall(
            self.archive, lambda: self.settings, self.events, lambda: self.models, lambda: self.staff
        )

    @cached_property
    def exchange(self) -> Exchange:
        """Imports and exports."""
        from companion.app.exchange import Exchange

        return Exchange(
            journal=self.archive.using,
            place=lambda: self.archive.place,
            left=lambda journal, ids: self.engine.leave(journal, ids),  # noqa: PLW0108 - whoever it is then
        )

    @cached_property
    def _remedies(self) -> Remedies:
        from companion.app.remedies import Remedies

        return Remedies(
            self.events,
            engine=lambda: self.engine,
            archive=self.archive,
            recovery=self.recovery,
            begin=self._errands.begin,
            open_microphone=self._open_microphone,
            change=self.change,
            save_again=self._live.saver.save_again,
            download_again=self.models.fetch_again,
        )

    @cached_property
    def surroundings(self) -> Surroundings:
        from companion.app.surroundings import Surroundings

        return Surroundings(
            self.events,
            engine=lambda: self.engine,
            talk=lambda: self.settings.talk,
            press=self.press_talk,
            release=self.release_talk,
            pause=self.pause_hands_free,
            resume=self.resume_hands_free,
            renew=self.renew_connections,
            lock=self.lock.lock_with_screen,
        )

    @cached_property
    def archive(self) -> Archive:
        from companion.app.archive import Archive

        return Archive(
            self.home,
            vault=self.vault,
            events=self.events,
            in_memory=self._in_memory,
            keeps=self.settings.journal.keep,
            moved=self._journal_moved,
            left=self._journal_left,
            backups=lambda: self.backing_up.folder,
        )

    @cached_property
    def engine(self) -> Engine:
        from companion.conversation.engine import Engine, Organs

        organs = Organs(
            microphone=lambda: self.hands_free.lend(self.sound.microphone()),
            player=self.player,
            gate=_new_gate,
            journal=self.archive.using,
            providers=self.staff.engines,
            limits=self._turn_limits,
            review_first=lambda: self.settings.talk.review_before_sending,
            voice_choice=lambda: roles.voice_choice(self.settings),
            voice_model=self.staff.speech_to_speech,
            voice_cost_usd=_conversation_cost_usd,
            keeps_sound=lambda: KeepSound(self.settings.journal.keep_sound),
            recall=self.recall.earlier,
            help=self.caring.help,
        )
        return Engine(organs, self.events, self._first_practice())

    @cached_property
    def caring(self) -> Caring:
        """Who can be reached where the person is, and the notices that are due."""
        from companion.app.caring import Caring

        return Caring(self.events, lambda: self.settings.care, self.home.state, lambda: self._keeps)

    @cached_property
    def welcome(self) -> Welcome:
        """Whether the pages of the first start are due, and how far a person came in them."""
        from companion.app.welcome import Welcome

        is_kept = not self._in_memory and self.sound.is_all_devices
        return Welcome(self.home, self._live.loaded.sources.values(), is_kept=is_kept)

    @cached_property
    def hands_free(self) -> HandsFree:
        from companion.conversation.handsfree import HandsFree

        return HandsFree(self.sound.ear, lambda: self.engine, self.events)

    # -- beginning and end ----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Opens keyring and journal and warms the offline engines. Never raises."""
        import asyncio

        from companion.memory import give_back

        give_back()
        if (trouble := self._live.loaded.trouble) is not None:
            self.events.emit(Trouble(error=trouble))
        if self._undeclared:
            broken = CompanionError(Kind.SETTINGS_BROKEN, " ".join(self._undeclared), hint="")
            self.events.emit(Trouble(error=broken))
        if self.welcome.is_due:
            self.welcome.begin()
        self._opening = tasks.spawn(self.archive.open(), name="open journal")
        await asyncio.wait([self._opening])
        self._warming.warm()
        self._roles.put_right()
        self.journal_desk.open()
        self.backing_up.open()
        self.spare_room.open()
        self.lock.open()
        self.spare_key.open()
        self.recall.open()
        self.caring.open(is_told=self.welcome.is_due)
        self.marking.tell()
        if self.sound.has_device_microphone:
            self._warming.warm_sound(self.settings_backend.devices)
        if self.sound.is_all_devices:
            from companion.app.cues import Cues

            Cues(self.events, self.player, lambda: self.settings.sound.cues)
            self.surroundings.open()
        self._follow_talk_mode()

    def tell(self) -> None:
        """Emits who has each role and which practice it is, for a window that has just begun to watch."""
        self._roles.tell_first()
        if "engine" in self.__dict__:
            self.engine.tell_practice()
        else:  # nothing has been said yet
            self.events.emit(standing(self._first_practice(), ()))

    def _found(self) -> Mapping[Role, str]:
        return self.staff.found if "staff" in self.__dict__ else {}

    async def close(self) -> None:
        """Stops and saves everything. Idempotent; nothing said or heard is lost."""
        import asyncio

        await self.surroundings.close()
        await self.lock.close()
        await self.spare_key.close()
        await self.hands_free.close()
        await self._played.close()
        await self.engine.close()
        await self.marking.close()
        await self._errands.stop()
        for part in (self.recovery, self.journal_desk, self.backing_up, self.spare_room, self.recall):
            await part.close()
        await tasks.stop(self._opening)
        await self._warming.stop()
        await self.caring.close()
        await self.staff.aclose()
        await self.sound.close()
        await self.archive.close()
        await self.net.aclose()
        await self._live.close(is_kept=not self._in_memory)
        await asyncio.to_thread(self.outgoing.save)
        if not self._in_memory:
            await asyncio.to_thread(self._roles.keep)
        await self._spending.close()
        await self.vault.close()

    async def renew_connections(self) -> None:
        """Those that were open while the computer slept are gone, whatever they seem; new ones are made at once."""
        self.engine.renew()
        await self._warming.renew()

    # -- talking --------------------------------------------------------------------------------------------

    def press_talk(self) -> None:
        if self._is_locked:
            return
        self.engine.press()
        self._warming.warm()

    def toggle_talk(self) -> None:
        """A key that knows no release: begins a take, or ends the open one."""
        if self._is_locked:
            return
        self.engine.toggle()
        self._warming.warm()

    def release_talk(self) -> None:
        self.engine.release()

    def focus_lost(self) -> None:
        self.engine.focus_lost()

    def cancel(self) -> None:
        """Esc: throws the open take away, which can be undone for a moment, or silences what sounds."""
        self._played.stop()
        self.engine.cancel()

    def undo_discard(self) -> bool:
        """The take that was thrown away last is heard after all; False when there is none any more."""
        return self.engine.undo_discard()

    def hush(self) -> None:
        """Silences what sounds, for whatever comes instead; an open take is finished, and no word is lost."""
        self._played.stop()
        self.engine.hush()

    def read_on(self) -> None:
        """The voice falls silent; the answer goes on, to be read."""
        self.engine.read_on()

    def forget_draft(self) -> None:
        self.engine.forget_draft()

    def submit(self, text: str) -> bool:
        """False while a take is under way: the words stay in the composer."""
        return not self._is_locked and self.engine.submit(text)

    def act(self, action: Action, about: CompanionError | None = None) -> None:
        """A card's button that leads nowhere in the window; `about`: what the card tells, else the latest that has it."""
        self._remedies.act(action, self._troubles.of(action, about))

    # -- hands-free -----------------------------------------------------------------------------------------

    def _follow_talk_mode(self) -> None:
        """Listens by itself, or no longer, as the settings say."""
        self.hands_free.want(self.sound.wish())

    def _open_microphone(self) -> None:
        """The one that could not be opened: of hands-free mode, or for a take."""
        if not self.hands_free.try_again():
            self.toggle_talk()

    def mute(self, is_muted: bool) -> None:
        """Closes the open microphone of hands-free mode and nothing else, or opens it again."""
        self.hands_free.mute(is_muted)

    def pause_hands_free(self, reason: str) -> None:
        """Hears nothing that is not asked for until `resume_hands_free` with the same reason."""
        self.hands_free.pause(reason)

    def resume_hands_free(self, reason: str) -> None:
        self.hands_free.resume(reason)

    label_of = staticmethod(roles.label_of)

    # -- practices and sessions -----------------------------------------------------------------------------

    def practices(self) -> Sequence[Practice]:
        return load_practices(self._own_practices)

    @cached_property
    def shelf(self) -> PracticeShelf:
        """The person's own practices."""
        from companion.app.practice_shelf import PracticeShelf

        return PracticeShelf(self._own_practices)

    @cached_property
    def marking(self) -> Marking:
        """Moods and the title of the reflection under way."""
        from companion.app.marking import Marking

        return Marking(self.events, lambda: self.engine, self.archive.using)

    def choose_practice(self, name: str) -> None:
        """A new session of this practice; it is also what the next start begins with."""
        self._played.stop()
        self.engine.begin(find_practice(name, self._own_practices))
        self._errands.begin(self.change({"practice.current": name}), "remember practice")

    def new_session(self) -> None:
        self._played.stop()
        self.engine.begin(self.engine.practice)

    def _journal_moved(self, before: Journal, after: Journal, moved: Moved) -> None:
        if "engine" in self.__dict__:
            self.engine.moved(before, after, moved)

    def _journal_left(self) -> None:
        if "engine" in self.__dict__:
            self.engine.leave_session()

    # -- settings -------------------------------------------------------------------------------------------

    def _followers(self, before: Settings) -> Iterator[Callable[[], object]]:
        yield from super()._followers(before)
        yield self._roles.tell
        yield self.sound.follow
        if self._opening is not None:
            yield self._keep_or_not
            yield self.surroundings.follow_settings
            yield self._follow_talk_mode

    # -- what the engine works with -------------------------------------------------------------------------

    def _turn_limits(self) -> Limits:
        """Asked at every step of a turn; worked out when the settings have changed."""
        if self._limits is None or self._limits[0] is not self.settings:
            self._limits = (self.settings, _limits(self.settings.talk, self.staff.patience()))
        return self._limits[1]

    def player(self) -> Player:
        return self.sound.player()

    def _first_practice(self) -> Practice:
        return find_practice(self.settings.practice.current, self._own_practices)


def _sound_days(settings: Settings) -> int | None:
    """How many days recordings are kept; None: until the person removes them."""
    journal = settings.journal
    return journal.sound_days if journal.keep_sound == KeepSound.DAYS else None


def _limits(talk: Talk, patience: Patience) -> Limits:
    from companion.conversation.turn import Limits

    return Limits(
        tap_s=float("inf") if talk.mode == "tap" else talk.tap_ms / 1000,
        tail_s=talk.tail_ms / 1000,
        take_s=float(talk.longest_take_s),
        hold_only=talk.mode == "hold",
        hearing_s=patience.hearing_s,
        thinking_s=patience.thinking_s,
    )


def _conversation_cost_usd(name: str, usage: Usage) -> float | None:
    """What an answer of the voice model "provider/model" cost; None: not known."""
    from companion.providers.catalogue import Catalogue, cost_usd

    provider, _, model = name.partition("/")
    return cost_usd(Catalogue.load().find(model, provider), usage)


def _new_gate() -> Gate:
    from companion.segment import SpeechGate

    return SpeechGate()
