"""A journal of ten years beside the same rows on plain SQLite, in the same run: opening, pages, days, words, keeping more.

    python -m tests.benchmarks.journal [TURNS]

100,000 turns unless told otherwise. Both run the same code over the same rows; the plain one is not encrypted, and its
times are beside ours. Prints figures; those of backups go into the ledger of promises.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2

from companion.days import When
from companion.journal.finding import Finding
from companion.journal.listing import Listing, key_of
from companion.journal.migrations import migrate
from companion.journal.store import SqlJournal, open_journal
from companion.journal.tables import Tables, insert
from companion.journal.writer import Writer
from companion.paths import Home, find_home
from tests.reliability.proof import prove

KEY = b"k" * 32
YEARS = 10
_START = 1_450_000_000.0
BACKUPS = 3
"""Of so many the median counts."""
PROMISED = 100_000
"""From so many turns on the figures of backups go into the ledger, and have to hold."""
_CHUNK = 500
"""Sessions in one transaction."""


class Tongue:
    """Words as people use them: few often, most seldom."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        parts = ["ba", "ri", "to", "mel", "sun", "gar", "dri", "lo", "ven", "ka", "nes", "wil", "or", "tha"]
        words = ("".join(some) for count in range(1, 5) for some in itertools.product(parts, repeat=count))
        self.words = list(itertools.islice(words, 20_000))
        self.weights = [1 / (rank + 3) for rank in range(len(self.words))]

    def text(self, count: int) -> str:
        return " ".join(self.chance.choices(self.words, self.weights, k=count)).capitalize() + "."


def reflections(turns: int) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Sessions with their turns, oldest first, spread over the years."""
    tongue = Tongue(11)
    step = YEARS * 365.25 * 86_400 / (turns / 2.75)
    made, at = 0, _START
    while made < turns:
        count = min(tongue.chance.choice((1, 2, 3, 5)), turns - made)
        session = {
            "started_at": at,
            "offset_s": 3600,
            "practice": tongue.chance.choice(("open", "gratitude")),
        }
        session |= {"mood_after": tongue.chance.randint(-3, 3)} if made % 3 == 0 else {}
        told = [
            {
                "at": at + 60 * number,
                "offset_s": 3600,
                "user_text": tongue.text(60),
                "reply_text": tongue.text(40),
                "reply_state": "whole",
                "reply_at": at + 60 * number + 20,
            }
            for number in range(count)
        ]
        yield session, told
        made, at = made + count, at + step


async def fill(tables: Tables, turns: int) -> None:
    some: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []

    def keep(connection: Any) -> None:
        for session, told in some:
            session_id = insert(connection, "session", session)
            for turn in told:
                insert(connection, "turn", turn | {"session_id": session_id})

    await tables.read(lambda _: tables.before_entries())
    for each in reflections(turns):
        some.append(each)
        if len(some) == _CHUNK:
            await tables.write(keep)
            some.clear()
    await tables.write(keep)


async def plain(path: Path) -> Tables:
    """The same schema without encryption."""
    writer = Writer()

    def connect() -> Any:
        connection = dbapi2.connect(str(path), isolation_level=None)
        connection.create_function("offset_here", 1, lambda at: When.of(at).offset_s)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}").fetchone()
        migrate(connection)
        return connection

    return Tables(writer, await writer.run(connect))


async def timed(work: Callable[[], Awaitable[object]], rounds: int = 1) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return statistics.median(took), took[min(len(took) - 1, int(len(took) * 0.95))]


async def measure(tables: Tables) -> dict[str, tuple[float, float]]:
    """Figure -> median and 95th percentile, in milliseconds."""
    chance, tongue = random.Random(5), Tongue(11)
    listing, finding = Listing(tables), Finding(tables)
    first = await timed(listing.page)
    newest = (await listing.page(limit=1))[0]
    span = newest.started_at - _START

    async def scroll() -> None:
        await listing.page((_START + chance.random() * span, 0))

    async def scroll_all() -> None:
        key = None
        while page := await listing.page(key):
            key = key_of(page[-1])

    async def add() -> None:
        row = {"session_id": newest.id, "at": 1.0, "user_text": tongue.text(60)}
        await tables.write(lambda connection: insert(connection, "turn", row))

    async def read() -> None:
        await listing.turns(chance.randint(1, newest.id))

    async def words(count: int) -> None:
        await finding.words(" ".join(tongue.chance.choices(tongue.words[30:], k=count)))

    return {
        "the first page": first,
        "a page anywhere": await timed(scroll, 200),
        "all pages, one after the other": await timed(scroll_all),
        "how many": await timed(listing.count, 5),
        "the days": await timed(listing.days, 5),
        "one reflection": await timed(read, 200),
        "words as one types": await timed(lambda: words(2), 100),
        "keeping a turn": await timed(add, 300),
    }


async def backed_up(journal: SqlJournal, home: Home) -> dict[str, float]:
    """Seconds that one backup takes, opened and checked, of them the processor's, and how long the loop stood still."""
    worst, is_over = 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not is_over:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - began - 0.001)

    ticking = asyncio.create_task(tick())
    gc.collect()
    gc.freeze()  # the rows that were made to fill it are no part of the app
    began, busy = time.perf_counter(), time.process_time()
    await journal.back_up(home, home.data / "backups")
    took, busy = time.perf_counter() - began, time.process_time() - busy
    is_over = True
    await ticking
    return {"backup_s": took, "backup_processor_s": busy, "stall_ms": worst * 1000}


def prove_backups(kept: dict[str, float]) -> None:
    """Into the ledger. The time on the wall is a goal: others may be busy on the same machine."""
    what = "backup of 100,000 turns"
    more: dict[str, Any] = {"cases": BACKUPS, "clock": "real"}
    prove(11, f"{what}, the processor's time", kept["backup_processor_s"], 5, unit="s", **more)
    prove(11, what, kept["backup_s"], 5, unit="s", is_goal=True, **more)
    prove(11, "stall while a backup is made", kept["stall_ms"], 50, unit="ms", is_goal=True, **more)


def resident_mb() -> float:
    """What the process holds in memory; 0 where the system does not say."""
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0.0
    return int(fields[1]) * 4096 / 1e6


async def main(turns: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = find_home(folder)
        journal = await open_journal(home, wrapping_key=KEY)
        await fill(journal.tables, turns)
        await journal.close()
        other = await plain(Path(folder) / "plain.db")
        await fill(other, turns)
        before = resident_mb()
        began = time.perf_counter()
        journal = await open_journal(home, wrapping_key=KEY)
        opened = (time.perf_counter() - began) * 1000
        ours, theirs = await measure(journal.tables), await measure(other)
        grown = resident_mb() - before
        several = [await backed_up(journal, home) for _ in range(BACKUPS)]
        kept = {name: statistics.median(each[name] for each in several) for name in several[0]}
        size = home.journal.stat().st_size / 1e6
        await journal.close()
        await other.writer.close(other.connection.close)
    print(
        f"journal of {turns:,} turns over {YEARS} years, {size:.0f} MB; opened in {opened:.0f} ms; memory +{grown:.0f} MB"
    )
    print(f"  {'':32} {'median':>9} {'p95':>9}   plain SQLite, p95")
    for name, (median, high) in ours.items():
        print(
            f"  {name:32} {median:7.2f}ms {high:7.2f}ms {theirs[name][1]:9.2f}ms  x{high / theirs[name][1]:.2f}"
        )
    print(
        f"  {'a backup, opened and checked':32} {kept['backup_s']:7.2f}s, {kept['backup_processor_s']:.2f} s of the "
        f"processor; the loop stood still for at most {kept['stall_ms']:.0f} ms"
    )
    print(
        json.dumps(
            {
                "opened_ms": round(opened, 1),
                "size_mb": round(size, 1),
                **{n: round(f, 2) for n, f in kept.items()},
                **{n: round(f[1], 3) for n, f in ours.items()},
            }
        )
    )
    if turns >= PROMISED:
        prove_backups(kept)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
