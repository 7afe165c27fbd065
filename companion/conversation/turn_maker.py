"""Makes turns: written or spoken, as the person chose when they begin, each bound to its session.

Keeps the one conversation with a voice model that the session has. Runs on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from companion.conversation.live_turn import LiveTurn, TurnContext
from companion.conversation.organs import Organs
from companion.conversation.prompt import messages_of
from companion.conversation.recording import Recording
from companion.conversation.session import Session
from companion.conversation.spoken_turn import SpokenTurn
from companion.conversation.voice_link import VoiceLink
from companion.conversation.written_turn import WrittenTurn
from companion.kinds import Role
from companion.practices import Practice


class TurnMaker:
    """One per engine.

    Args:
        on_left: is given a conversation with a voice model that nobody goes on with.
    """

    def __init__(
        self, organs: Organs, context: TurnContext, practice: Practice, on_left: Callable[[VoiceLink], None]
    ) -> None:
        self.session = Session(practice)
        """What is said now belongs to it."""
        self.offline: frozenset[Role] = frozenset()
        """Roles that stay on this computer, whatever is chosen."""
        self._organs, self._context, self._on_left = organs, context, on_left
        self._link: VoiceLink | None = None
        self._choice: Hashable = None

    def begin(self, session: Session) -> None:
        """From now on turns belong to `session`; a voice model is not told what another one held."""
        self.session = session
        self.leave_link()

    def link(self) -> VoiceLink | None:
        """The conversation with the voice model that is chosen now; None: none is."""
        choice = self._organs.voice_choice()
        if choice != self._choice:
            self.leave_link()
            self._choice = choice
        if choice is not None and self._link is None:
            organs, session = self._organs, self.session
            self._link = VoiceLink(
                organs.voice_model, lambda: messages_of(session, ""), organs.voice_cost_usd
            )
        return self._link

    def leave_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.is_idle(is_idle=False)
            self._on_left(link)

    def is_idle(self, *, is_idle: bool) -> None:
        """Whether a turn is under way."""
        if self._link is not None:
            self._link.is_idle(is_idle=is_idle)

    def renew_connection(self) -> None:
        if self._link is not None:
            self._link.connection.hang_up()

    def turn(self, number: int) -> LiveTurn:
        """One that the person's choice answers."""
        link = self.link() if not self.offline else None
        return self.written(number) if link is None else self.spoken(number, link)

    def take(self, number: int, carried: LiveTurn | None) -> LiveTurn:
        """One for a take that begins now; what it carries is heard in the same way."""
        if isinstance(carried, WrittenTurn) or (carried is None and self._organs.review_first()):
            return self.written(number)  # words that are read before they are sent come from a recogniser
        turn = self.turn(number)
        if isinstance(turn, SpokenTurn):
            turn.link.warm()
        return turn

    def like(self, turn: LiveTurn) -> LiveTurn:
        """One for what `turn` carries, without a take of its own."""
        if isinstance(turn, SpokenTurn):
            return self.spoken(turn.number, turn.link)
        return self.written(turn.number)

    def again(self, kept: LiveTurn, number: int) -> LiveTurn:
        """One that has the recording of `kept` heard anew."""
        if isinstance(kept, SpokenTurn) and not self.offline and (link := self.link()) is not None:
            return self.spoken(number, link, kept.recording)
        return self.written(number, kept.recording)

    def answered_aloud(self, turn: LiveTurn) -> LiveTurn:
        """`turn` itself, or where a recogniser has heard it and a voice model answers, one that goes on with it."""
        if isinstance(turn, SpokenTurn) or turn.stays_here or (link := self.link()) is None:
            return turn
        spoken = self.spoken(turn.number, link)
        spoken.before = turn
        return spoken

    def written(self, number: int, recording: Recording | None = None) -> WrittenTurn:
        turn = WrittenTurn(
            number=number,
            session=self.session,
            context=self._context,
            providers=self._organs.providers(self.offline),
            recording=recording or Recording(),
            stays_here=bool(self.offline),
        )
        self._context.saver.know(turn)
        return turn

    def spoken(self, number: int, link: VoiceLink, recording: Recording | None = None) -> SpokenTurn:
        turn = SpokenTurn(
            number=number,
            session=self.session,
            context=self._context,
            providers=self._organs.providers(frozenset()),
            recording=recording or Recording(),
            link=link,
        )
        self._context.saver.know(turn)
        return turn
