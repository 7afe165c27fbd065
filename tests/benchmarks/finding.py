"""Finding in a journal of 100,000 turns over ten years: as one types, by meaning, and while somebody talks.

    python -m tests.benchmarks.finding [turns]

Beside it, in the same run, what plain sqlite3 needs for the same words over the same text, without encryption.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from companion.journal.finding import Finding
from companion.journal.keys import Argon2Cost
from companion.journal.meaning.still import StillVectors
from companion.journal.store import SqlJournal, open_journal
from companion.journal.vectors import Vectors
from companion.paths import find_home
from tests.journal.test_recall import entries, questions
from tests.weights import weights

TURNS = 100_000
TEN_YEARS_S = 10 * 365 * 86_400
ASKED = 200
FIGURES = "median %.1f ms, p95 %.1f ms; the processor's time %.1f and %.1f ms"
_CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)


def sentences(count: int, chance: random.Random) -> list[str]:
    """Everyday sentences: those of the labelled journal, shuffled into each other, with rare words among them."""
    known = [sentence for _, _, words in entries() for sentence in words.split(". ")]
    rare = [f"{a}{b}{c}" for a in ("bra", "tol", "ves", "kin", "mor", "lud") for b in ("ta", "re", "ni", "so", "gu")
            for c in ("der", "lin", "kov", "mas", "field", "ton", "berg")]  # fmt: skip
    made = []
    for _ in range(count):
        words = " ".join(chance.sample(known, chance.randint(1, 4))).split()
        for _ in range(len(words) // 8):
            words[chance.randrange(len(words))] = chance.choice(rare)
        made.append(" ".join(words))
    return made


async def filled(journal: SqlJournal, texts: Sequence[str]) -> float:
    """Seconds it took to keep them, five turns a reflection, in transactions of a thousand."""
    began = time.perf_counter()
    for first in range(0, len(texts), 1000):
        part = texts[first : first + 1000]

        def put(db: sqlite3.Connection, first: int = first, part: Sequence[str] = part) -> None:
            for at, text in enumerate(part, first):
                when = at * TEN_YEARS_S / len(texts)
                if at % 5 == 0:
                    sql = "INSERT INTO session (started_at, offset_s, practice, uid) VALUES (?, 0, 'open', ?)"
                    db.execute(sql, (when, f"s{at}"))
                sql = "INSERT INTO turn (session_id, at, offset_s, user_text, reply_text, reply_state, uid)"
                values = (at // 5 + 1, when, text, "What would help?", f"t{at}")
                db.execute(f"{sql} VALUES (?, ?, 0, ?, ?, 'whole', ?)", values)

        await journal.tables.write(put)
    return time.perf_counter() - began


async def measured(ask: Callable[[str], Awaitable[object]], texts: Sequence[str]) -> tuple[float, ...]:
    """Median and 95th of a hundred, in milliseconds: until the answer is there, and of the processor's time."""
    waited, worked = [], []
    for text in texts:
        began, began_working = time.perf_counter(), time.process_time()
        await ask(text)
        waited.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - began_working) * 1000)
    waited.sort()
    worked.sort()
    return tuple(took[len(took) * part // 100] for took in (waited, worked) for part in (50, 95))


def plain(texts: Sequence[str], asked: Sequence[str]) -> tuple[float, float]:
    """The same words, any of them, in plain sqlite3."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE words USING fts5 (said, tokenize='porter unicode61')")
    database.executemany("INSERT INTO words (said) VALUES (?)", ((text,) for text in texts))
    took = []
    for text in asked:
        match = " OR ".join(f'"{word}"' for word in text.lower().split() if word.isalpha())
        began = time.perf_counter()
        sql = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT 50"
        database.execute(sql, (match or '"x"',)).fetchall()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return took[len(took) // 2], took[len(took) * 95 // 100]


def typed(asked: Sequence[str], chance: random.Random) -> list[str]:
    """What stands in the field at some moment while each is typed."""
    return [text[: chance.randint(3, len(text))] for text in asked]


async def main(turns: int) -> None:
    chance = random.Random(11)
    texts = sentences(turns, chance)
    asked = [each.text for each in questions()][:ASKED]
    with tempfile.TemporaryDirectory() as folder:
        home = find_home(Path(folder))
        journal = await open_journal(home, wrapping_key=bytes(range(32)), cost=_CHEAP)
        seconds = await filled(journal, texts)
        print(f"{turns:,} turns kept and indexed: {seconds:.1f} s ({seconds / turns * 1e6:.0f} us a turn)")
        finding: Finding = journal.finding
        for name, ask, what in (
            ("words, as one types", finding.words, typed(asked, chance)),
            ("words, whole questions", finding.words, asked),
        ):
            await measured(ask, what[:20])
            print(f"{name}: {FIGURES}" % await measured(ask, what))
        median, p95 = plain(texts, asked)
        print(f"plain sqlite3, any word: median {median:.1f} ms, p95 {p95:.1f} ms")
        began = time.perf_counter()
        vectors = Vectors(journal.tables, StillVectors(weights("wordllama")))
        await vectors.begin()
        await vectors.catch_up()
        print(f"vectors made: {time.perf_counter() - began:.1f} s")
        finding.still = vectors
        began = time.perf_counter()
        fresh = Vectors(journal.tables, StillVectors(weights("wordllama")))
        await fresh.warm()
        print(f"vectors read at a start: {time.perf_counter() - began:.2f} s")
        for name, ask in (("meaning", finding.search), ("recall", finding.recall)):
            await measured(ask, asked[:20])
            print(f"{name}: {FIGURES}" % await measured(ask, asked))
        size = home.journal.stat().st_size / 1e6
        await journal.close()
        print(f"file: {size:.0f} MB")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS))
