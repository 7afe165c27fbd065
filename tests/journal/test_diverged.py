"""Two copies of one journal that went apart, as in a synced folder, become one, whatever was done to either."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from companion.errors import CompanionError
from companion.journal.changing import Changing
from companion.journal.database import open_database
from companion.journal.keys import new_slots
from companion.journal.salvage import join
from companion.journal.sounds import Sounds
from companion.journal.spool import MemoryTakes
from companion.journal.tables import Tables, insert
from companion.journal.writer import Writer
from tests.reliability.proof import prove

if TYPE_CHECKING:
    from sqlite3 import Connection

SLOTS, KEY = new_slots()
_SEEN = """
    SELECT turn.uid, turn.user_text FROM turn JOIN session ON session.id = turn.session_id
    WHERE session.deleted_at IS NULL AND session.merged_into IS NULL
"""


class AtOnce(Writer):
    """The journal's thread without a thread, so that one can be read from beside it."""

    def __init__(self) -> None:
        """Nothing is started."""

    async def run(self, job: Callable[[], Any]) -> Any:
        return job()


class Lent:
    """A connection that stays open when it is closed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.execute = connection.execute

    def close(self) -> None:
        """Its owner closes it."""


@dataclass
class Copy:
    """One copy of the journal, and a person who uses it."""

    connection: Connection
    name: str
    draw: random.Random
    said: int = 0
    purged: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        tables = Tables(AtOnce(), self.connection)
        self.changing = Changing(tables, Sounds(tables, MemoryTakes()), None)
        self.changing.before_purge = self.purged.update

    def ids(self, table: str) -> list[int]:
        living = "deleted_at IS NULL AND merged_into IS NULL"
        if table == "turn":
            living = f"session_id IN (SELECT id FROM session WHERE {living})"
        return [row[0] for row in self.connection.execute(f"SELECT id FROM {table} WHERE {living}")]

    def seen(self) -> dict[str, str]:
        return dict(self.connection.execute(_SEEN).fetchall())

    def say(self, session_id: int) -> None:
        self.said += 1
        row = {"session_id": session_id, "at": 1_000.0 + self.said, "user_text": f"{self.name} {self.said}"}
        insert(self.connection, "turn", row)

    def begin(self) -> None:
        began = {"started_at": 1_000.0 + self.said, "offset_s": 0, "practice": "open"}
        self.say(insert(self.connection, "session", began))

    async def live(self, days: int) -> None:
        """Says and changes something, so many times."""
        tokens = []
        for _ in range(days):
            sessions, turns, draw = self.ids("session"), self.ids("turn"), self.draw
            if draw.random() < 0.4 or len(sessions) < 2:
                self.begin() if draw.random() < 0.5 or not sessions else self.say(draw.choice(sessions))
                continue
            match draw.randrange(6):
                case 0:
                    tokens.append(await self.changing.delete([draw.choice(sessions)]))
                case 1:
                    tokens.append(await self.changing.delete_turn(draw.choice(turns)))
                case 2:
                    into, other = draw.sample(sessions, 2)
                    tokens.append(await self.changing.merge(into, [other]))
                case 3:
                    await self.changing.edit_words(draw.choice(turns), f"{self.name} again {self.said}")
                case 4 if tokens:
                    with suppress(CompanionError):  # gone for good meanwhile
                        await self.changing.undo(tokens.pop())
                case 5 if draw.random() < 0.3:
                    await self.changing.delete_for_good([draw.choice(sessions)])


@pytest.fixture
async def copies() -> AsyncIterator[Callable[[int], tuple[Copy, Copy]]]:
    opened = [_empty() for _ in range(3)]

    def new(seed: int) -> tuple[Copy, Copy]:
        draw, blank = random.Random(seed), opened[0]
        for each in opened[1:]:
            blank.backup(each)
        return Copy(opened[1], "here", draw), Copy(opened[2], "there", draw)

    yield new
    for each in opened:
        each.close()


def _empty() -> Connection:
    return open_database(None, key=KEY, journal_id=SLOTS.journal_id, has_entries=False).connection


def _merge(into: Copy, other: Copy) -> None:
    (highest,) = other.connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
    lent: Any = Lent(other.connection)
    join(lambda: lent, into.connection, most_id=highest, is_newer=False)


async def histories(copies: Callable[[int], tuple[Copy, Copy]], count: int) -> None:
    lost = doubled = differing = 0
    for seed in range(count):
        here, there = copies(seed)
        await here.live(12)
        here.connection.backup(there.connection)  # the folder is synced, and then not for a while
        common = {row[0] for row in here.connection.execute("SELECT uid FROM turn")}
        await here.live(10)
        await there.live(10)
        mine, theirs = here.seen(), there.seen()
        known = {row[0] for row in here.connection.execute("SELECT uid FROM turn")}
        _merge(here, there)
        after = here.seen()
        rows = [row[0] for row in here.connection.execute("SELECT uid FROM turn")]
        # What either shows is there. What was deleted here, and was known here, stays deleted.
        lost += len((set(mine) | {uid for uid in theirs if uid not in known}) - set(after))
        lost += len({uid for uid in theirs if uid not in common} - set(after))
        doubled += len(rows) - len(set(rows))
        again = (len(rows), after)
        _merge(here, there)
        differing += again != (
            here.connection.execute("SELECT count(*) FROM turn").fetchone()[0],
            here.seen(),
        )
    prove(16, "turns lost where two copies that went apart are merged", lost, 0, cases=count, unit="turns")
    assert (doubled, differing) == (0, 0)


async def test_no_turn_is_lost_where_two_copies_are_merged(
    copies: Callable[[int], tuple[Copy, Copy]],
) -> None:
    await histories(copies, 60)


@pytest.mark.long
async def test_no_turn_is_lost_in_a_thousand_histories(copies: Callable[[int], tuple[Copy, Copy]]) -> None:
    await histories(copies, 1_000)
